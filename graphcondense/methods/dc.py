"""DC (Zhao et al., ICLR 2021, arXiv 2006.05929), for images."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Generator

from graphcondense.core.method import Parts
from graphcondense.domains.image import ImageSource
from graphcondense.domains.matching import ComparedImages
from graphcondense.objectives.gradient import GradientMatching
from graphcondense.ops.fields import Natural, NonNegative


@dataclass(frozen=True, kw_only=True)
class DC(ComparedImages):
    """Dataset condensation with gradient matching (DC, Algorithm 1): GCond's loop on pixels.

    Attributes:
        eps: added to the product of norms in the cosine, so that dead filters do not count.
        outer: matches of each network (the paper: 1, 10, 50 at 1, 10, 50 images a class).
        inner: training steps between two matches (the paper: 1, 50, 10).
    """

    name = "dc"
    paper = "Zhao et al., Dataset Condensation with Gradient Matching, ICLR 2021, arXiv 2006.05929"

    eps: NonNegative = 1e-6
    inner: Natural = 1

    def parts(self, real: ImageSource, rng: Generator) -> Parts:
        objective = GradientMatching(size=self.real_batch, shares=False, eps=self.eps)
        return self.match(self.start(real, rng), objective, real)
