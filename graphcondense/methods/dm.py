"""DM (Zhao & Bilen, WACV 2023, arXiv 2110.04181), for graphs and for images."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Generator

from graphcondense.core.method import Parts
from graphcondense.domains.graph import GraphSource, MatchedGraphs
from graphcondense.domains.image import ImageSource
from graphcondense.domains.matching import MatchedImages
from graphcondense.objectives.distribution import MeanMatching
from graphcondense.ops.augment import DSA_STRATEGY, Strategy
from graphcondense.ops.fields import Count, Natural, NonNegative

PAPER = "Zhao & Bilen, Dataset Condensation with Distribution Matching, WACV 2023, arXiv 2110.04181"


@dataclass(frozen=True, kw_only=True)
class DMGraphs(MatchedGraphs):
    """Distribution matching of readouts (DM): a new random network every step.

    ``min_S E_θ Σ_c ‖mean φ_θ(T_c) - mean φ_θ(S_c)‖²`` with ``φ_θ`` the readout of a graph.
    """

    name = "dm"
    paper = PAPER
    family = "distribution matching"

    real_batch: Count = 256

    def parts(self, real: GraphSource, rng: Generator) -> Parts:
        return self.match(real, rng, MeanMatching(self.real_batch))


@dataclass(frozen=True, kw_only=True)
class DM(MatchedImages):
    """Distribution matching of features (DM, eq. 6): a new random network every step.

    ``min_S E_θ,ω Σ_c ‖mean φ_θ(A(T_c, ω_c)) - mean φ_θ(A(S_c, ω_c))‖²``, ``φ_θ`` what the last
    linear layer sees. The real side needs no gradient.

    Attributes:
        epochs: networks, one a step (the paper: 20,000).
        lr_x: learning rate of the pixels (the paper: 1 at up to 10 images a class, 10 at 50).
    """

    name = "dm"
    paper = PAPER
    family = "distribution matching"
    cost = "one loop"

    epochs: Natural = 20_000
    lr_x: NonNegative = 1.0
    augment: Strategy = DSA_STRATEGY

    def parts(self, real: ImageSource, rng: Generator) -> Parts:
        objective = MeanMatching(self.real_batch)
        return self.match(self.start(real, rng), objective, real)
