"""Sets of images that are stored otherwise than pixel by pixel: several images in one."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from graphcondense.domains.image import LABEL_BYTES, LearntImages, as_is


class MultiFormation(LearntImages):
    """One stored image holds ``f x f`` images of a class, each enlarged to full size (IDC, Kim et
    al., ICML 2022, section 4).

    Args:
        x: initial stored images as networks see them ``[m, c, h, w]``; copied; see :func:`tiled`.
        y: their classes ``[m]``, ascending.
        num_classes, raw: see :class:`~graphcondense.domains.image.LearntImages`.
        factor: ``f``; it divides both sides.

    Raises:
        ValueError: a factor that does not divide the sides.
    """

    def __init__(
        self,
        x: Tensor,
        y: Tensor,
        num_classes: int,
        factor: int = 2,
        raw: Callable[[Tensor], Tensor] = as_is,
    ) -> None:
        check_factor(factor, x.shape[2:])
        classes = y.repeat_interleave(factor * factor)
        super().__init__(classes, num_classes, raw)
        self.factor = factor
        self.x = nn.Parameter(x.detach().clone())

    def groups(self) -> dict[str, list[nn.Parameter]]:
        return {"x": [self.x]}

    def images(self) -> tuple[Tensor, Tensor]:
        return formed(self.x, self.factor), self.classes

    @property
    def stored_bytes(self) -> int:
        """A stored image has one label for all that it holds."""
        return self.x.nbytes + LABEL_BYTES * len(self.x)


def check_factor(factor: int, sides: torch.Size) -> None:
    """Raise ``ValueError`` unless images of these sides can be cut into ``factor x factor``."""
    if factor < 1 or any(side % factor for side in sides):
        raise ValueError(
            f"factor={factor} does not cut images of {' x '.join(map(str, sides))} pixels into "
            "equal tiles; choose a common divisor of both sides"
        )


def formed(x: Tensor, factor: int) -> Tensor:
    """The images that stored ones hold: ``[m, c, h, w]`` to ``[m f², c, h, w]``, row by row of
    tiles.

    >>> formed(torch.arange(4.0).view(1, 1, 2, 2), 2).flatten(1)[:, 0].tolist()
    [0.0, 1.0, 2.0, 3.0]
    """
    if factor == 1:
        return x
    m, c, h, w = x.shape
    tiles = x.view(m, c, factor, h // factor, factor, w // factor)
    tiles = tiles.permute(0, 2, 4, 1, 3, 5).reshape(-1, c, h // factor, w // factor)
    return F.interpolate(tiles, size=(h, w), mode="bilinear", align_corners=False)


def tiled(x: Tensor, factor: int) -> Tensor:
    """Stored images that hold ``x [m f², c, h, w]``, each made smaller by averaging pixels:
    ``[m, c, h, w]``."""
    _, c, h, w = x.shape
    small = F.avg_pool2d(x, factor).view(-1, factor, factor, c, h // factor, w // factor)
    return small.permute(0, 3, 1, 4, 2, 5).reshape(-1, c, h, w)
