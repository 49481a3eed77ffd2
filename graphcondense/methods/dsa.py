"""DSA (Zhao & Bilen, ICML 2021, arXiv 2102.08259), for images."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Generator

from graphcondense.core.method import Parts
from graphcondense.domains.image import ImageSource
from graphcondense.domains.matching import MatchedImages
from graphcondense.objectives.gradient import GradientMatching
from graphcondense.ops.augment import DSA_STRATEGY, Strategy
from graphcondense.ops.fields import Natural, NonNegative


@dataclass(frozen=True, kw_only=True)
class DSA(MatchedImages):
    """Gradient matching under differentiable siamese augmentation (DSA, eq. 5).

    ``min_S E_θ Σ_c D(∇loss(A(S_c, ω_c); θ), ∇loss(A(T_c, ω_c); θ))``, a new ``ω_c`` for each class
    and step; networks are trained on augmented synthetic images in between.

    Attributes:
        eps: added to the product of norms in the cosine, so that dead filters do not count.
        inner: training steps between two comparisons (the paper: 1, 50, 10 at 1, 10, 50 images a
            class, with ``outer`` 1, 10, 50).
    """

    name = "dsa"
    paper = (
        "Zhao & Bilen, Dataset Condensation with Differentiable Siamese Augmentation, ICML 2021, "
        "arXiv 2102.08259"
    )

    eps: NonNegative = 1e-6
    inner: Natural = 1
    augment: Strategy = DSA_STRATEGY

    def parts(self, real: ImageSource, rng: Generator) -> Parts:
        objective = GradientMatching(size=self.real_batch, shares=False, eps=self.eps)
        return self.match(self.start(real, rng), objective, real)
