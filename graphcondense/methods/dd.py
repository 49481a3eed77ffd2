"""DD (Wang et al., 2018, arXiv 1811.10959), for images."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

from torch import Generator

from graphcondense.core.method import Parts
from graphcondense.core.pools import Fresh
from graphcondense.core.replay import Replay
from graphcondense.core.scalars import WithScalars
from graphcondense.core.types import Schedule
from graphcondense.domains.image import ImageSource, PixelMethod
from graphcondense.objectives.unrolled import Unrolled
from graphcondense.ops.fields import Count, Natural, NonNegative, Positive


@dataclass(frozen=True, kw_only=True)
class DD(PixelMethod):
    """The real loss after a few steps on the synthetic images (DD, Algorithm 1).

    The gradient goes through all steps, to the pixels and to the step sizes. With
    ``weights="fixed"`` there is one initial network, and the set serves that one alone.

    Attributes:
        inner: training steps on the synthetic images.
        lr_inner: their initial step size; each step learns its own.
        weights: of the initial network: ``"random"`` for every update, or ``"fixed"``.
        steps: outer updates.
        lr_x: learning rate of Adam on the pixels.
        lr_rates: learning rate of Adam on the logarithms of the step sizes; 0 keeps them.
        anneal: lower learning rates linearly to zero.
    """

    name: ClassVar[str] = "dd"
    kind: ClassVar[str] = "image"
    paper: ClassVar[str] = "Wang et al., Dataset Distillation, 2018, arXiv 1811.10959"
    family: ClassVar[str] = "meta-model matching (unrolled)"
    learns: ClassVar[str] = "pixels + step sizes"
    cost: ClassVar[str] = "two loops"

    real_batch: Count = 32
    inner: Count = 10
    lr_inner: Positive = 0.02
    weights: Literal["random", "fixed"] = "random"
    steps: Natural = 1000
    lr_x: NonNegative = 0.01
    lr_rates: NonNegative = 0.01
    anneal: bool = True

    def memory_bytes(self, real: ImageSource) -> int:
        """Besides, the weights of every step, twice, and what a step's derivatives keep."""
        weights = sum(p.numel() for p in self.network(real).parameters())
        maps = 4 * 12 * self.hidden_channels * real.shape[1] * real.shape[2]
        images = max(int(self.sizes(real).sum()), self.real_batch * real.num_classes)
        return super().memory_bytes(real) + 4 * 2 * (self.inner + 4) * weights + maps * images

    def parts(self, real: ImageSource, rng: Generator) -> Parts:
        model = self.network(real)
        rates = {"x": self.lr_x, **({"lr": self.lr_rates} if self.lr_rates else {})}
        return Parts(
            syn=WithScalars(self.start(real, rng), {"lr": [self.lr_inner] * self.inner}),
            objective=Unrolled(self.inner, self.lr_inner, size=self.real_batch * real.num_classes),
            pool=Fresh(model) if self.weights == "random" else Replay(model, 1, 0),
            schedule=Schedule(self.steps, rates, anneal=self.anneal),
        )
