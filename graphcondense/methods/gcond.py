"""GCond (Jin et al., ICLR 2022, arXiv 2110.07580)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from torch import Generator

from graphcondense.core.engine import Callback, distill
from graphcondense.core.pools import Fresh, inner_adam
from graphcondense.core.types import Synthetic
from graphcondense.domains.node import LearntGraph, NodeSource


@dataclass(frozen=True, kw_only=True)
class GCond(LearntGraph):
    """Graph condensation by multi-step gradient matching (GCond, Algorithm 1).

    ``min_S E_θ0 Σ_t Σ_c r_c D(∇loss(S_c; θ_t), ∇loss(T_c; θ_t))`` (eq. 5), with
    ``θ_{t+1}`` trained on the whole of ``S``. ``gcond-x`` learns features alone.

    Attributes:
        outer: matches for each network.
        inner: steps of training on the synthetic graph between two matches.
        lr_model: Adam's learning rate of that training.
    """

    name: ClassVar[str] = "gcond"
    paper: ClassVar[str] = (
        "Jin et al., Graph Condensation for Graph Neural Networks, ICLR 2022, arXiv 2110.07580"
    )
    family: ClassVar[str] = "gradient matching"
    learns: ClassVar[str] = "features + adjacency (MLP)"
    variants: ClassVar[Mapping[str, Mapping[str, Any]]] = {"gcond-x": {"structure": "identity"}}

    outer: int = 20
    inner: int = 5
    lr_model: float = 0.01

    def condense(
        self,
        real: NodeSource,
        *,
        rng: Generator,
        callbacks: Sequence[Callback] = (),
        resume: Mapping[str, Any] | None = None,
    ) -> Synthetic:
        model = self.network(real)
        pool = Fresh(model, self.outer, self.inner, inner_adam(self.lr_model))
        return distill(
            self.start(real, rng),
            self.objective(),
            pool,
            self.schedule(self.outer),
            real.looking(model.hops, self.fanout),
            rng=rng,
            callbacks=callbacks,
            resume=resume,
        )
