"""GCond (Jin et al., ICLR 2022, arXiv 2110.07580)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from torch import Generator

from graphcondense.core.method import LABEL_KINDS, Parts, Variants
from graphcondense.core.pools import Turns
from graphcondense.domains.node import GradientMatched
from graphcondense.domains.node_source import NodeSource
from graphcondense.ops.fields import Count, Natural, NonNegative


@dataclass(frozen=True, kw_only=True)
class GCond(Turns, GradientMatched):
    """Graph condensation by multi-step gradient matching (GCond, Algorithm 1).

    ``min_S E_θ0 Σ_t Σ_c r_c D(∇loss(S_c; θ_t), ∇loss(T_c; θ_t))`` (eq. 5), with
    ``θ_{t+1}`` trained on the whole of ``S``. ``gcond-x`` learns features alone.

    Attributes:
        lr_model: Adam's learning rate of that training (the paper: 0.01). At 1e-3 a network stays
            longer where its gradients are large, and fewer matches do.
    """

    name = "gcond"
    paper = "Jin et al., Graph Condensation for Graph Neural Networks, ICLR 2022, arXiv 2110.07580"
    label_kinds = LABEL_KINDS
    variants: ClassVar[Variants] = {
        # Without edges the features must carry the neighbourhood: they start propagated.
        "gcond-x": {"structure": "identity", "init_hops": 2, "lr_x": 0.01, "epochs": 10}
    }

    outer: Count = 20
    inner: Natural = 5
    lr_model: NonNegative = 1e-3

    @property
    def private_view(self) -> tuple[float, ...]:
        return self.seen()

    def parts(self, real: NodeSource, rng: Generator) -> Parts:
        return self.match(
            real, rng, self.gradients(), self.outer, self.inner, self.lr_model, self.fanout
        )
