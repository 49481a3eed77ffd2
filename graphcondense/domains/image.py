"""Image classification: tensors of images and their classes."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Generator, Tensor, nn

from graphcondense.core.types import Batch, Synthetic


@dataclass(frozen=True)
class ImageTask:
    """Checked images ``[n, c, h, w]`` float32 and classes ``[n]`` int64, with a validation part.

    Attributes:
        images, labels: all training images.
        train, val: indices; every tenth image of a class is held out for validation.
        num_classes: number of classes.
    """

    images: Tensor
    labels: Tensor
    train: Tensor
    val: Tensor
    num_classes: int

    @property
    def digest(self) -> str:
        """SHA-256 (first 16 hex digits) of images and labels."""
        h = hashlib.sha256(f"{tuple(self.images.shape)}".encode())
        h.update(self.images.numpy().tobytes())
        h.update(self.labels.numpy().tobytes())
        return h.hexdigest()[:16]


def as_images(data: tuple[Any, Any]) -> ImageTask:
    """Check ``(images, labels)``, tensors or arrays, without changing them.

    Images are ``[n, h, w]`` or ``[n, c, h, w]``; bytes are scaled to [0, 1].

    Raises:
        ValueError: whatever is wrong, naming the numbers and the fix.
    """
    images, labels = (d if isinstance(d, Tensor) else torch.from_numpy(np.asarray(d)) for d in data)
    if images.dim() == 3:
        images = images.unsqueeze(1)
    if images.dim() != 4:
        raise ValueError(f"images must be [n, c, h, w] or [n, h, w], got {tuple(images.shape)}")
    images = images.float() / 255 if images.dtype == torch.uint8 else images.float().clone()
    if not bool(torch.isfinite(images).all()):
        raise ValueError("images have NaN or infinite pixels")
    if labels.is_floating_point() or labels.dim() != 1:
        raise ValueError(f"labels must be integers [n], got {labels.dtype} {tuple(labels.shape)}")
    labels = labels.long().clone()
    if len(labels) != len(images):
        raise ValueError(f"{len(images)} images but {len(labels)} labels")
    if not len(labels) or int(labels.min()) < 0:
        raise ValueError("labels must be classes 0..C-1 of at least one image")
    num_classes = int(labels.max()) + 1
    counts = torch.bincount(labels, minlength=num_classes)
    if int(counts.min()) < 1:
        raise ValueError(f"class {int(counts.argmin())} has no images; relabel as 0..C-1")
    held = torch.zeros(len(labels), dtype=torch.bool)
    for c in range(num_classes):
        held[(labels == c).nonzero().flatten()[9::10]] = True
    train, val = (~held).nonzero().flatten(), held.nonzero().flatten()
    return ImageTask(images.cpu(), labels.cpu(), train, val, num_classes)


@dataclass
class ImageSource:
    """Training images by class.

    Args:
        task: the checked images.
        device: where batches go.
    """

    task: ImageTask
    device: torch.device = field(default_factory=lambda: torch.device("cpu"))

    domain = "image"

    def __post_init__(self) -> None:
        self.images = self.task.images[self.task.train].to(self.device)
        self.labels = self.task.labels[self.task.train].to(self.device)
        self.members = [
            (self.labels == c).nonzero().flatten().cpu() for c in range(self.num_classes)
        ]

    @property
    def num_classes(self) -> int:
        return self.task.num_classes

    @property
    def shape(self) -> tuple[int, int, int]:
        """``(channels, height, width)``."""
        _, c, h, w = self.images.shape
        return c, h, w

    @property
    def counts(self) -> Tensor:
        return torch.tensor([len(m) for m in self.members])

    @property
    def num_examples(self) -> int:
        return len(self.labels)

    @property
    def example_bytes(self) -> int:
        return 4 * self.images[0].numel() + 8

    def batch(
        self, c: int | None = None, size: int | None = None, rng: Generator | None = None
    ) -> Batch:
        own = torch.arange(len(self.labels)) if c is None else self.members[c]
        if size is not None and size < len(own):
            own = own[torch.randperm(len(own), generator=rng)[:size]]
        rows = own.to(self.device)
        return Batch((self.images[rows],), self.labels[rows])


class ImageSynthetic(Synthetic):
    """Learnable pixels.

    Args:
        x: initial images ``[n, c, h, w]``; copied.
        y: classes ``[n]``; fixed.
        num_classes: number of classes.
    """

    y: Tensor

    def __init__(self, x: Tensor, y: Tensor, num_classes: int) -> None:
        super().__init__()
        self.x = nn.Parameter(x.detach().clone())
        self.register_buffer("y", y.clone())
        self.num_classes = num_classes

    def groups(self) -> dict[str, list[nn.Parameter]]:
        return {"x": [self.x]}

    def batch(self, c: int | None = None) -> Batch:
        if c is None:
            return Batch((self.x,), self.y)
        rows = torch.nonzero(self.y == c).flatten()
        return Batch((self.x[rows],), self.y[rows])

    def batches(self) -> list[Batch]:
        return [self.batch(c) for c in range(self.num_classes)]

    @torch.no_grad()
    def export(self) -> tuple[Tensor, Tensor]:
        """Images ``[n, c, h, w]`` and classes ``[n]``, on the CPU."""
        return self.x.detach().cpu().clone(), self.y.cpu().clone()
