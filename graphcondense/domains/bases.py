"""Images that are sums of shared bases: memories with addresses."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from graphcondense.domains.image import LABEL_BYTES, LearntImages, as_is


class Bases(LearntImages):
    """``x_i = Σ_j a_ij b_j``: all classes share the bases ``b`` (LinBa of RememberThePast, Deng &
    Russakovsky, NeurIPS 2022, arXiv 2206.02916, section 3).

    Groups: ``bases`` and ``address``.

    Args:
        bases: initial ``b [k, c, h', w']``; copied. Smaller images are enlarged bilinearly.
        address: initial ``a [n, k]``; copied.
        classes: class of each image ``[n]``, ascending.
        num_classes, raw: see :class:`~graphcondense.domains.image.LearntImages`.
        shape: ``(channels, height, width)`` of an image.

    Raises:
        ValueError: shapes that do not fit.
    """

    def __init__(
        self,
        bases: Tensor,
        address: Tensor,
        classes: Tensor,
        num_classes: int,
        shape: tuple[int, int, int],
        raw: Callable[[Tensor], Tensor] = as_is,
    ) -> None:
        if address.shape != (len(classes), len(bases)):
            raise ValueError(
                f"address must be [{len(classes)} images, {len(bases)} bases], got "
                f"{list(address.shape)}"
            )
        if bases.shape[1] != shape[0]:
            raise ValueError(f"bases have {bases.shape[1]} channels, images have {shape[0]}")
        super().__init__(classes, num_classes, raw)
        self.bases = nn.Parameter(bases.detach().clone())
        self.address = nn.Parameter(address.detach().clone())
        self.shape = shape

    def groups(self) -> dict[str, list[nn.Parameter]]:
        return {"bases": [self.bases], "address": [self.address]}

    def images(self) -> tuple[Tensor, Tensor]:
        x = (self.address @ self.bases.flatten(1)).view(-1, *self.bases.shape[1:])
        if x.shape[1:] != self.shape:
            x = F.interpolate(x, size=self.shape[1:], mode="bilinear", align_corners=False)
        return x, self.classes

    @property
    def stored_bytes(self) -> int:
        return self.bases.nbytes + self.address.nbytes + LABEL_BYTES * len(self.classes)


def affordable(budget: int, images: int, base: int) -> int:
    """How many bases of ``base`` float32 numbers fit into ``budget`` bytes.

    The addresses and labels of ``images`` are stored beside them.

    Raises:
        ValueError: not even one.

    >>> affordable(1000, 10, 36)
    5
    """
    most = (budget - LABEL_BYTES * images) // (4 * (base + images))
    if most < 1:
        least = LABEL_BYTES * images + 4 * (base + images)
        raise ValueError(
            f"{budget:,} bytes hold no base for {images} images (one needs {least:,}): raise the "
            "budget, or have fewer images or smaller bases"
        )
    return int(most)


def factored(x: Tensor, rank: int, side: tuple[int, int]) -> tuple[Tensor, Tensor]:
    """The best bases ``[rank, c, h', w']`` and addresses ``[n, rank]`` of images ``[n, c, h, w]``
    shrunk to ``side``, by singular values.

    Columns of addresses and bases have equal norms on average; beyond the rank of the images, both
    are zero.
    """
    small = F.adaptive_avg_pool2d(x, side)
    u, s, v = torch.linalg.svd(small.flatten(1).double(), full_matrices=False)
    kept = min(rank, len(s))
    root = s[:kept].sqrt()
    balance = (v.shape[1] / len(x)) ** 0.25
    address = F.pad(u[:, :kept] * root / balance, (0, rank - kept))
    bases = F.pad((root * balance)[:, None] * v[:kept], (0, 0, 0, rank - kept))
    return bases.view(rank, *small.shape[1:]).to(x), address.to(x)
