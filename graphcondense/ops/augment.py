"""Differentiable augmentation of images, drawn once and shown to both worlds (DSA).

Zhao & Bilen, ICML 2021, arXiv 2102.08259: ``D(∇loss(A(S, ω)), ∇loss(A(T, ω)))`` with one and the
same ``ω`` on both sides, and gradients that reach ``S`` through ``A``.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Annotated, Literal

import torch
from torch import Generator, Tensor
from torch.nn import functional as F

Shown = Callable[[Tensor], Tensor]
"""One drawn transformation: images ``[n, c, h, w]`` to images of the same shape."""

OPERATIONS = ("color", "crop", "cutout", "flip", "scale", "rotate")
"""What a strategy may name."""

DSA_STRATEGY = "color_crop_cutout_flip_scale_rotate"
"""All six operations, as DSA uses them on natural images."""

UNKNOWN = f"is unknown; join some of {', '.join(OPERATIONS)} by '_'"


def _named(strategy: str) -> tuple[str, ...]:
    return () if strategy == "none" else tuple(strategy.split("_"))


class Operations:
    """Names of :data:`OPERATIONS` joined by ``_``."""

    def wrong(self, strategy: str) -> str | None:
        """What is wrong with ``strategy``, if anything is."""
        unknown = [name for name in _named(strategy) if name not in OPERATIONS]
        return f"has {unknown[0]!r}, which {UNKNOWN}" if unknown else None


Strategy = Annotated[str, Operations()]
"""The type of a field that names a strategy."""


@dataclass(frozen=True)
class Augment:
    """A strategy of augmentation; every strength of zero leaves images as they are.

    Strengths are in units of preprocessed images; what is cut out or moved in is zero.

    Attributes:
        strategy: names of :data:`OPERATIONS` joined by ``_``, or ``"none"``.
        pick: ``"one"`` of the operations a draw (DSA), or ``"all"`` in the order named (IDC).
        brightness: width of the interval around zero of what is added.
        saturation: distance from grey is multiplied by ``1 ± saturation``.
        contrast: distance from an image's mean is multiplied by ``1 ± contrast``.
        crop: shifts reach this share of a side, in whole pixels.
        cutout: side of the square that is blanked, as a share of the image's.
        flip: probability of a flip from left to right.
        scale: zoom of each axis between ``1 / (1 + scale)`` and ``1 + scale``.
        rotate: angles reach so many degrees either way.

    >>> turned = Augment("flip", flip=1.0).draw(torch.Generator(), (1, 1, 3))
    >>> turned(torch.tensor([[[[1.0, 2.0, 3.0]]]])).flatten().tolist()
    [3.0, 2.0, 1.0]
    """

    strategy: str = DSA_STRATEGY
    pick: Literal["one", "all"] = "one"
    brightness: float = 1.0
    saturation: float = 1.0
    contrast: float = 0.5
    crop: float = 0.125
    cutout: float = 0.5
    flip: float = 0.5
    scale: float = 0.2
    rotate: float = 15.0
    operations: tuple[str, ...] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        named = _named(self.strategy)
        for name in named:
            if name not in OPERATIONS:
                raise ValueError(f"augmentation {name!r} in {self.strategy!r} {UNKNOWN}")
        if self.pick not in ("one", "all"):
            raise ValueError(f"pick={self.pick!r} is neither 'one' nor 'all'")
        for name in ("brightness", "saturation", "contrast", "scale", "rotate"):
            if not 0 <= getattr(self, name) < math.inf:
                raise ValueError(f"{name} must be 0 or more, got {getattr(self, name)}")
        for name in ("crop", "cutout", "flip"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"{name} must lie in [0, 1], got {getattr(self, name)}")
        object.__setattr__(self, "operations", named)

    def draw(
        self,
        rng: Generator,
        shape: Sequence[int],
        device: torch.device | str | None = None,
        *,
        each: int | None = None,
    ) -> Shown:
        """One transformation of images of this ``(channels, height, width)``, drawn on the CPU.

        By default all images share one draw; ``each`` is a number of images to draw for, each its
        own parameters (of the same operation).
        """
        names = self.operations
        if self.pick == "one" and len(names) > 1:
            names = (names[int(torch.randint(len(names), (), generator=rng))],)
        count = 1 if each is None else each
        parts = [
            part
            for name in names
            for part in getattr(self, f"_{name}")(_Draw(rng, count, device), *shape[1:])
        ]
        return partial(_in_turn, tuple(parts))

    def __call__(self, x: Tensor, rng: Generator) -> Tensor:
        """Images ``[n, c, h, w]``, each with its own draw: augmentation as training uses it."""
        return self.draw(rng, x.shape[1:], x.device, each=len(x))(x)

    def _color(self, draw: _Draw, height: int, width: int) -> list[Shown]:
        parts: list[Shown] = []
        if self.brightness:
            parts.append(partial(brighten, by=draw.around(0.0, self.brightness / 2)))
        if self.saturation:
            parts.append(partial(saturate, by=draw.around(1.0, self.saturation)))
        if self.contrast:
            parts.append(partial(contrast, by=draw.around(1.0, self.contrast)))
        return parts

    def _crop(self, draw: _Draw, height: int, width: int) -> list[Shown]:
        most = [int(self.crop * side + 0.5) for side in (height, width)]
        if not any(most):
            return []
        return [
            partial(shift, down=draw.whole(-most[0], most[0]), right=draw.whole(-most[1], most[1]))
        ]

    def _cutout(self, draw: _Draw, height: int, width: int) -> list[Shown]:
        sides = [int(self.cutout * side + 0.5) for side in (height, width)]
        if not all(sides):
            return []
        rows, columns = draw.whole(0, height - 1), draw.whole(0, width - 1)
        return [partial(blank, row=rows, column=columns, sides=(sides[0], sides[1]))]

    def _flip(self, draw: _Draw, height: int, width: int) -> list[Shown]:
        if not self.flip:
            return []
        return [partial(mirror, which=draw.unit() < self.flip)]

    def _scale(self, draw: _Draw, height: int, width: int) -> list[Shown]:
        if not self.scale:
            return []
        least, most = 1 / (1 + self.scale), 1 + self.scale
        down, right = (least + (most - least) * draw.unit() for _ in range(2))
        zero = torch.zeros_like(down)
        return [partial(resample, map_=_rows(right, zero, zero, down))]

    def _rotate(self, draw: _Draw, height: int, width: int) -> list[Shown]:
        if not self.rotate:
            return []
        angle = draw.around(0.0, math.radians(self.rotate))
        sin, cos = angle.sin(), angle.cos()
        # Grid coordinates run from -1 to 1 along each side, whatever its length.
        ratio = height / width
        return [partial(resample, map_=_rows(cos, -sin * ratio, sin / ratio, cos))]


@dataclass(frozen=True)
class _Draw:
    """Parameters ``[count]`` from one generator."""

    rng: Generator
    count: int
    device: torch.device | str | None

    def unit(self) -> Tensor:
        return torch.rand(self.count, generator=self.rng).to(self.device)

    def around(self, centre: float, reach: float) -> Tensor:
        return centre + reach * (2 * self.unit() - 1)

    def whole(self, least: int, most: int) -> Tensor:
        return torch.randint(least, most + 1, (self.count,), generator=self.rng).to(self.device)


def _in_turn(parts: Sequence[Shown], x: Tensor) -> Tensor:
    for part in parts:
        x = part(x)
    return x


def _wide(by: Tensor, x: Tensor) -> Tensor:
    return by.to(x)[:, None, None, None]


def brighten(x: Tensor, by: Tensor) -> Tensor:
    """``x + by``. ``by`` is ``[1]``, or ``[n]`` for ``n`` images, here and below."""
    return x + _wide(by, x)


def saturate(x: Tensor, by: Tensor) -> Tensor:
    """Distance of every pixel from its grey, the mean of its channels, times ``by``."""
    grey = x.mean(1, keepdim=True)
    return grey + (x - grey) * _wide(by, x)


def contrast(x: Tensor, by: Tensor) -> Tensor:
    """Distance of every pixel from the mean of its image, times ``by``."""
    mean = x.mean((1, 2, 3), keepdim=True)
    return mean + (x - mean) * _wide(by, x)


def shift(x: Tensor, down: Tensor, right: Tensor) -> Tensor:
    """Images moved by whole pixels; zeros move in.

    >>> shift(torch.ones(1, 1, 1, 3), torch.tensor([0]), torch.tensor([1])).flatten().tolist()
    [0.0, 1.0, 1.0]
    """
    n, c, h, w = x.shape
    row = torch.arange(h, device=x.device) - down.to(x.device)[:, None]
    column = torch.arange(w, device=x.device) - right.to(x.device)[:, None]
    inside = ((row >= 0) & (row < h))[:, :, None] & ((column >= 0) & (column < w))[:, None, :]
    place = row.clamp(0, h - 1)[:, :, None] * w + column.clamp(0, w - 1)[:, None, :]
    moved = x.flatten(2).gather(2, place.flatten(1)[:, None].expand(n, c, h * w))
    return moved.view(n, c, h, w) * inside[:, None].to(x)


def blank(x: Tensor, row: Tensor, column: Tensor, sides: tuple[int, int]) -> Tensor:
    """Zeros in a rectangle of ``sides`` centred at ``(row, column)``, cut off at the border.

    >>> blank(torch.ones(1, 1, 1, 4), torch.tensor([0]), torch.tensor([0]), (1, 3)).flatten()
    tensor([0., 0., 1., 1.])
    """
    h, w = x.shape[2:]

    def within(centre: Tensor, side: int, length: int) -> Tensor:
        first = centre.to(x.device)[:, None] - side // 2
        at = torch.arange(length, device=x.device)
        return (at >= first) & (at < first + side)

    hole = within(row, sides[0], h)[:, :, None] & within(column, sides[1], w)[:, None, :]
    return x * (~hole)[:, None].to(x)


def mirror(x: Tensor, which: Tensor) -> Tensor:
    """Images for which ``which`` holds, left and right exchanged."""
    if len(which) == 1:
        return x.flip(-1) if bool(which) else x
    return torch.where(which.to(x.device)[:, None, None, None], x.flip(-1), x)


def _rows(a: Tensor, b: Tensor, c: Tensor, d: Tensor) -> Tensor:
    """``[[a, b, 0], [c, d, 0]]`` for each draw, ``[k, 2, 3]``."""
    zero = torch.zeros_like(a)
    return torch.stack([torch.stack([a, b, zero], 1), torch.stack([c, d, zero], 1)], 1)


def resample(x: Tensor, map_: Tensor) -> Tensor:
    """Images read at the places that an affine ``map_ [k, 2, 3]`` of the grid gives (bilinear)."""
    grid = F.affine_grid(map_.to(x), [len(map_), *x.shape[1:]], align_corners=False)
    return F.grid_sample(x, grid.expand(len(x), -1, -1, -1), align_corners=False)
