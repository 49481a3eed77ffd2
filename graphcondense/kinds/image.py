"""Images and their classes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

import torch

from graphcondense.core.method import Method
from graphcondense.core.types import Source
from graphcondense.data.images import ImageTask
from graphcondense.kinds.kind import About, Kind, Measured, Problem

if TYPE_CHECKING:
    from graphcondense.domains.image import ExportedImages
    from graphcondense.evaluate.evaluator import AnyEvaluator
    from graphcondense.saved.condensed_graph import CondensedImages


class ImageProblem(Problem[ImageTask, "ExportedImages", "CondensedImages"]):
    """Images and their classes."""

    kind = "image"
    length = "100 epochs"
    predictor = f"ConvNet (32 filters, {length}, 3 seeds)"
    measured: Measured | None = None

    def source(self, method: Method) -> Source:
        """Training images, preprocessed as the method says; scores then see the same."""
        from graphcondense.domains.image import ImageSource

        self.task = self.task.with_preprocess(method.preprocess or self.task.preprocess.name)
        self.method, self.predictor = method, method.predictor or self.predictor
        return ImageSource(self.task, self.device)

    def scorer(self) -> Callable[[ExportedImages], float]:
        """By the method's own predictor where it has one, else by networks."""
        from graphcondense.domains.image import ImageSource

        validation = ImageSource(replace(self.task, train=self.task.val), self.device)
        if self.method and (scorer := self.method.scorer(validation)):
            return scorer
        return self.evaluator().score

    def evaluator(self) -> AnyEvaluator:
        from graphcondense.evaluate.images import ImageEvaluator

        return ImageEvaluator(self.task, device=self.device, epochs=100, hidden=32)

    def finish(self, export: ExportedImages) -> CondensedImages:
        """PyG ``Data`` without edges, and the numbers of the preprocessing."""
        from graphcondense.saved.compact import PREFIX
        from graphcondense.saved.condensed_graph import CondensedImages

        preprocess = self.task.preprocess
        per_class = torch.bincount(export.classes, minlength=self.task.num_classes).tolist()
        sizes = {
            "nodes": len(export.y),
            "edges": 0,
            "stored_images": round(export.stored_bytes / self.task.example_bytes, 3),
            "preprocess": preprocess.summary(),
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

    def about(self) -> About:
        task = self.task
        used = len(task.train) + len(task.val)
        return {
            "nodes": used,
            "edges": 0,
            "bytes": used * task.example_bytes,
            "features": list(task.shape),
            "classes": task.num_classes,
        }

    def measure(self, small: object) -> Measured:
        """What :meth:`finish` counted: a decoded set does not show what is stored of it."""
        assert self.measured is not None
        return self.measured


IMAGE = Kind(name="image", problem=ImageProblem, default="dm")
