"""DosCond (Jin et al., KDD 2022, arXiv 2206.07746), for nodes and for graphs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

from torch import Generator

from graphcondense.core.method import LABEL_KINDS, Parts, Variants
from graphcondense.domains.graph import GraphSource, MatchedGraphs
from graphcondense.domains.node import GradientMatched
from graphcondense.domains.node_source import NodeSource
from graphcondense.objectives.gradient import GradientMatching
from graphcondense.ops.fields import Natural, NonNegative

PAPER = "Jin et al., Condensing Graphs via One-Step Gradient Matching, KDD 2022, arXiv 2206.07746"


@dataclass(frozen=True, kw_only=True)
class DosCond(GradientMatched):
    """One-step gradient matching: every network is matched once, untrained (DosCond, eq. 5).

    ``min_S E_θ0 Σ_c r_c D(∇loss(S_c; θ_0), ∇loss(T_c; θ_0))``. ``doscond-x`` learns features alone.
    """

    name = "doscond"
    paper = PAPER
    cost = "one loop"
    label_kinds = LABEL_KINDS
    variants: ClassVar[Variants] = {
        # Without edges the features must carry the neighbourhood: they start propagated.
        "doscond-x": {"structure": "identity", "init_hops": 2, "lr_x": 0.03, "epochs": 400}
    }

    epochs: Natural = 200
    lr_x: NonNegative = 0.02

    @property
    def private_view(self) -> tuple[float, ...]:
        return self.seen()

    def parts(self, real: NodeSource, rng: Generator) -> Parts:
        return self.match(real, rng, self.gradients(), fanout=self.fanout)


@dataclass(frozen=True, kw_only=True)
class DosCondGraphs(MatchedGraphs):
    """One-step gradient matching of whole graphs (DosCond, eq. 5, and its charge on edges).

    ``min_S E_θ0 Σ_c D(∇loss(S_c; θ_0), ∇loss(T_c; θ_0)) + β max(mean σ(Ω) - ε, 0)`` with adjacency
    ``σ((logit(u) + Ω) / τ)``, a batch of real graphs of each class and a new network a step.

    Attributes:
        distance: ``"cosine"`` over output units, or ``"mse"``.
        match_biases: whether one-dimensional parameters count in the distance.
        eps: added to the product of norms in the cosine.
    """

    name = "doscond"
    paper = PAPER
    family = "gradient matching"

    distance: Literal["cosine", "mse"] = "cosine"
    match_biases: bool = False
    eps: NonNegative = 1e-6

    def parts(self, real: GraphSource, rng: Generator) -> Parts:
        objective = GradientMatching(
            distance=self.distance,
            biases=self.match_biases,
            eps=self.eps,
            size=self.real_batch,
            shares=False,
        )
        return self.match(real, rng, objective)
