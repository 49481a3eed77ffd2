"""DSA (Zhao & Bilen, ICML 2021, arXiv 2102.08259), for images."""

from __future__ import annotations

from dataclasses import dataclass

from graphcondense.domains.matching import GradientComparedImages, MatchedImages
from graphcondense.ops.augment import DSA_STRATEGY, Strategy


@dataclass(frozen=True, kw_only=True)
class DSA(GradientComparedImages, MatchedImages):
    """Gradient matching under differentiable siamese augmentation (DSA, eq. 5).

    ``min_S E_θ Σ_c D(∇loss(A(S_c, ω_c); θ), ∇loss(A(T_c, ω_c); θ))``, a new ``ω_c`` for each class
    and step; networks are trained on augmented synthetic images in between.

    Attributes:
        inner: training steps between two comparisons (the paper: 1, 50, 10 at 1, 10, 50 images a
            class, with ``outer`` 1, 10, 50).
    """

    name = "dsa"
    paper = (
        "Zhao & Bilen, Dataset Condensation with Differentiable Siamese Augmentation, ICML 2021, "
        "arXiv 2102.08259"
    )

    augment: Strategy = DSA_STRATEGY
