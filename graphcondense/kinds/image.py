"""Images and their classes."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from graphcondense.core.method import Method
from graphcondense.kinds.kind import Measured, Setting, of_one


class ImageDomain:
    """Images and their classes."""

    kind = "image"
    predictor = "ConvNet (3 seeds)"

    def __init__(self, data: tuple[Any, Any], device: torch.device, setting: Setting) -> None:
        from graphcondense.domains.image import as_images

        self.task, self.device = as_images(data), device
        self.setting = setting

    def source(self, method: Method) -> Any:
        from graphcondense.domains.image import ImageSource

        return ImageSource(self.task, self.device)

    def score(self) -> Any:
        from graphcondense.evaluate.images import fit_images

        if not len(self.task.val):
            return None
        images, labels = self.task.images[self.task.val], self.task.labels[self.task.val]

        def score(small: tuple[Tensor, Tensor]) -> float:
            said = fit_images(small, images, labels, seeds=3, epochs=100, device=self.device)
            return float(said.mean())

        return score

    def finish(self, export: Any) -> Any:
        from torch_geometric.data import Data

        x, y = export
        return Data(
            x=x,
            edge_index=torch.empty(2, 0, dtype=torch.long),
            y=y,
            train_mask=torch.ones(len(y), dtype=torch.bool),
        )

    def describe(self) -> dict[str, Any]:
        task = self.task
        return {
            "name": "images",
            "digest": task.digest,
            "nodes": len(task.labels),
            "edges": 0,
            "bytes": task.images.nbytes + task.labels.nbytes,
            "features": list(task.images.shape[1:]),
            "classes": task.num_classes,
            "train": len(task.train),
            "val": len(task.val),
            "test": 0,
        }

    def measure(self, small: Any) -> Measured:
        return of_one(small, self.task.num_classes, len(self.task.labels))
