"""DD (Wang et al., 2018, arXiv 1811.10959), for images."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from torch import Generator

from graphcondense.core.method import Parts
from graphcondense.core.pools import Fresh
from graphcondense.core.replay import Replay
from graphcondense.domains.image import ImageSource
from graphcondense.domains.unrolled import UnrolledImages
from graphcondense.objectives.unrolled import Unrolled


@dataclass(frozen=True, kw_only=True)
class DD(UnrolledImages):
    """The real loss after a few steps on the synthetic images (DD, Algorithm 1).

    The gradient goes through all steps, to the pixels and to the size of each step. With
    ``weights="fixed"`` there is one initial network, and the set serves that one alone.

    Attributes:
        weights: of the initial network: ``"random"`` for every update, or ``"fixed"``.
    """

    name = "dd"
    paper = "Wang et al., Dataset Distillation, 2018, arXiv 1811.10959"
    learns = "pixels + step sizes"

    weights: Literal["random", "fixed"] = "random"

    def memory_bytes(self, real: ImageSource) -> int:
        """Besides, the weights of every step, twice, and what a step's derivatives keep."""
        images = int(self.sizes(real).sum())
        return super().memory_bytes(real) + self.unrolled_bytes(real, self.inner + 4, images)

    def parts(self, real: ImageSource, rng: Generator) -> Parts:
        model, size = self.network(real), self.real_batch * real.num_classes
        return self.unroll(
            self.start(real, rng),
            Unrolled(self.inner, self.lr_inner, size=size),
            Fresh(model) if self.weights == "random" else Replay(model, 1, 0),
            {"x": self.lr_x},
            [self.lr_inner] * self.inner,
        )
