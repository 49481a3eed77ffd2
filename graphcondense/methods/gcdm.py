"""GCDM (Liu et al., 2022, arXiv 2206.13697)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

from torch import Generator

from graphcondense.core.method import LABEL_KINDS, Parts, Variants
from graphcondense.core.pools import Turns
from graphcondense.domains.node import NetworkMatched
from graphcondense.domains.node_source import NodeSource
from graphcondense.objectives.distribution import ReceptiveFieldMatching
from graphcondense.ops.fields import Count, Natural, NonNegative


@dataclass(frozen=True, kw_only=True)
class GCDM(Turns, NetworkMatched):
    """Graph condensation by receptive field distribution matching (GCDM, Algorithm 1).

    ``min_S E_θ Σ_c r_c Σ_l ‖mean φ_l(T_c; θ) - mean φ_l(S_c; θ)‖²``: a node's embedding in layer
    ``l`` stands for its receptive field of ``l`` hops, and the maximum mean discrepancy of a linear
    kernel compares them class by class. Where nodes have several labels, those with each label are
    compared, and all; a regression target falls into five bins. The network is trained on ``S``
    between two matches.
    ``gcdm-x`` learns features alone.

    Attributes:
        inner: training steps on the synthetic graph between two comparisons. None (networks as they
            start) scored best on Cora's validation nodes; the paper trains them.
    """

    name = "gcdm"
    paper = (
        "Liu et al., Graph Condensation via Receptive Field Distribution Matching, 2022, "
        "arXiv 2206.13697"
    )
    family = "distribution matching"
    label_kinds = LABEL_KINDS
    variants: ClassVar[Variants] = {"gcdm-x": {"structure": "identity"}}

    init: Literal["random", "kcenter", "herding", "kmeans"] = "kmeans"
    init_hops: Natural = 2
    model: Literal["sgc", "gcn", "appnp", "mlp"] = "gcn"
    lr_x: NonNegative = 0.01
    outer: Count = 10

    @property
    def private_view(self) -> tuple[float, ...]:
        return self.seen()

    def parts(self, real: NodeSource, rng: Generator) -> Parts:
        objective = ReceptiveFieldMatching(real.membership)
        return self.match(real, rng, objective, self.outer, self.inner, self.lr_model)
