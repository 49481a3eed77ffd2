"""DC (Zhao et al., ICLR 2021, arXiv 2006.05929), for images."""

from __future__ import annotations

from dataclasses import dataclass

from graphcondense.domains.matching import GradientComparedImages


@dataclass(frozen=True, kw_only=True)
class DC(GradientComparedImages):
    """Dataset condensation with gradient matching (DC, Algorithm 1): GCond's loop on pixels.

    Attributes:
        outer: matches of each network (the paper: 1, 10, 50 at 1, 10, 50 images a class).
        inner: training steps between two matches (the paper: 1, 50, 10).
    """

    name = "dc"
    paper = "Zhao et al., Dataset Condensation with Gradient Matching, ICLR 2021, arXiv 2006.05929"
