"""IDC (Kim et al., ICML 2022, arXiv 2205.14959), for images."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import ClassVar, Literal

import torch
from torch import Generator

from graphcondense.core.method import Parts
from graphcondense.core.pools import InnerOptimizer, Lessons, OnReal
from graphcondense.domains.factors import MultiFormation, check_factor, tiled
from graphcondense.domains.image import ImageSource
from graphcondense.domains.matching import MatchedImages
from graphcondense.objectives.gradient import GradientMatching
from graphcondense.ops.augment import Strategy
from graphcondense.ops.fields import Count, Momentum, Natural, NonNegative


@dataclass(frozen=True, kw_only=True)
class IDC(MatchedImages):
    """Efficient synthetic-data parametrisation: several images in each stored one (IDC).

    ``min_S E_θ Σ_c D(∇loss(A(f(S_c)); θ), ∇loss(A(T_c); θ))``: ``f`` cuts a stored image into
    ``factor x factor`` tiles and enlarges each, ``D`` does not divide by norms, and networks are
    trained on *real* images between comparisons (sections 4 and 5), without the paper's CutMix.
    Budgets count stored images. ``idc-i`` stores images as they are.

    Attributes:
        factor: ``f``; it divides both sides of an image. 1 keeps images as they are.
        distance: of gradients: ``"mse"``, ``"l1"`` or ``"cosine"``.
        train_batch: real images, of all classes, in a training step of a network.
        momentum_model: of SGD on the network.
        weight_decay: of SGD on the network.
    """

    name = "idc"
    paper = (
        "Kim et al., Dataset Condensation via Efficient Synthetic-Data Parameterization, ICML "
        "2022, arXiv 2205.14959"
    )
    learns = "pixels of several images in one"
    variants: ClassVar = {"idc-i": {"factor": 1}}

    factor: Count = 2
    distance: Literal["mse", "l1", "cosine"] = "mse"
    real_batch: Count = 64
    epochs: Natural = 20
    outer: Count = 100
    inner: Natural = 2
    train_batch: Count = 256
    optimizer: Literal["sgd", "adam"] = "adam"
    lr_x: NonNegative = 0.02
    momentum_model: Momentum = 0.9
    weight_decay: NonNegative = 5e-4
    augment: Strategy = "color_crop_cutout"
    augment_pick: Literal["one", "all"] = "all"

    def memory_bytes(self, real: ImageSource) -> int:
        """Besides, the formed images with their augmented copy and slopes."""
        check_factor(self.factor, real.images.shape[2:])
        formed = self.factor**2 * int(self.sizes(real).sum()) * real.example_bytes
        return super().memory_bytes(real) + 4 * formed

    def parts(self, real: ImageSource, rng: Generator) -> Parts:
        objective = GradientMatching(distance=self.distance, size=self.real_batch, shares=False)
        return self.match(self.formation(real, rng), objective, real)

    def formation(self, real: ImageSource, rng: Generator) -> MultiFormation:
        """The stored images before the first update, filled with small ones."""
        sizes = self.sizes(real)
        x = tiled(self.filled(real, sizes * self.factor**2, rng), self.factor)
        y = real.labelled(sizes)
        return MultiFormation(x, y, real.num_classes, self.factor, real.raw)

    def lessons(self) -> Lessons:
        return OnReal(self.train_batch, self.augmentation())

    def trainer(self) -> InnerOptimizer:
        return partial(
            torch.optim.SGD,
            lr=self.lr_model,
            momentum=self.momentum_model,
            weight_decay=self.weight_decay,
        )
