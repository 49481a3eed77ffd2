"""Images and their classes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from graphcondense.core.method import Method
from graphcondense.kinds.kind import Measured, Setting, told


class ImageDomain:
    """Images and their classes."""

    kind = "image"
    predictor = "ConvNet (32 filters, 3 seeds)"
    setting = "inductive"

    def __init__(self, data: Any, device: torch.device, setting: Setting) -> None:
        from graphcondense.data.images import as_images

        self.task, self.device = as_images(data), device
        self.measured: Measured | None = None
        self.fit: Callable[[Any, Any], Callable[[Any], Any]] | None = None

    def source(self, method: Method) -> Any:
        """Training images, preprocessed as the method says; scores then see the same."""
        from graphcondense.domains.image import ImageSource

        self.task = self.task.with_preprocess(
            getattr(method, "preprocess", self.task.preprocess.name)
        )
        self.fit = getattr(method, "fit", None)
        self.predictor = getattr(method, "predictor", self.predictor)
        return ImageSource(self.task, self.device)

    @property
    def validates(self) -> bool:
        return bool(len(self.task.val))

    def score(self) -> Callable[[Any], float] | None:
        """By the method's own predictor where it has one, else by networks.

        ``method.fit(images as networks see them, labels)`` gives one, which maps images to scores.
        """
        from graphcondense.evaluate.images import ImageEvaluator

        if not self.validates:
            return None
        if self.fit is not None:
            return self._own
        return ImageEvaluator(self.task, device=self.device, epochs=100, hidden=32).score

    def _own(self, small: Any) -> float:
        assert self.fit is not None
        seen = self.task.preprocess.apply(small.x)
        predict = self.fit(seen.to(self.device), small.y.to(self.device))
        said = predict(self.task.seen(self.task.val).to(self.device)).argmax(1).cpu()
        return float((said == self.task.labels[self.task.val]).float().mean())

    def finish(self, export: Any) -> Any:
        """PyG ``Data`` without edges, and the numbers of the preprocessing."""
        from graphcondense.data.preprocess import PREFIX
        from graphcondense.saved.condensed_graph import CondensedImages

        preprocess = self.task.preprocess
        per_class = torch.bincount(export.classes, minlength=self.task.num_classes).tolist()
        sizes = {
            "nodes": len(export.y),
            "edges": 0,
            "stored_images": round(export.stored_bytes / self.task.example_bytes, 3),
            "preprocess": preprocess.said(),
        }
        total = len(self.task.train) + len(self.task.val)
        self.measured = Measured(sizes, per_class, total, export.stored_bytes)
        return CondensedImages(
            x=export.x,
            edge_index=torch.empty(2, 0, dtype=torch.long),
            y=export.y,
            train_mask=torch.ones(len(export.y), dtype=torch.bool),
            **{PREFIX + name: t.cpu().clone() for name, t in preprocess.state().items()},
        )

    def describe(self) -> dict[str, Any]:
        task = self.task
        used = len(task.train) + len(task.val)
        return {
            "name": task.name,
            "digest": task.digest,
            "nodes": used,
            "edges": 0,
            "bytes": used * task.example_bytes,
            "features": list(task.shape),
            "classes": task.num_classes,
            "train": len(task.train),
            "val": len(task.val),
            "test": len(task.test),
            **told(task.unlabelled),
        }

    def measure(self, small: Any) -> Measured:
        """What :meth:`finish` counted: a decoded set does not show what is stored of it."""
        assert self.measured is not None
        return self.measured
