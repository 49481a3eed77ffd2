"""DM (Zhao & Bilen, WACV 2023, arXiv 2110.04181), for graphs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from torch import Generator

from graphcondense.core.engine import Callback
from graphcondense.core.types import Synthetic
from graphcondense.domains.graph import GraphSource, MatchedGraphs
from graphcondense.objectives.distribution import MeanMatching


@dataclass(frozen=True, kw_only=True)
class DMGraphs(MatchedGraphs):
    """Distribution matching of readouts (DM): a new random network every step.

    ``min_S E_θ Σ_c ‖mean φ_θ(T_c) - mean φ_θ(S_c)‖²`` with ``φ_θ`` the readout of a graph.
    """

    name: ClassVar[str] = "dm"
    paper: ClassVar[str] = (
        "Zhao & Bilen, Dataset Condensation with Distribution Matching, WACV 2023, arXiv 2110.04181"
    )
    family: ClassVar[str] = "distribution matching"
    learns: ClassVar[str] = "features + adjacency (Bernoulli)"

    real_batch: int = 256

    def condense(
        self,
        real: GraphSource,
        *,
        rng: Generator,
        callbacks: Sequence[Callback] = (),
        resume: Mapping[str, Any] | None = None,
    ) -> Synthetic:
        objective = MeanMatching(self.real_batch)
        return self.match(real, objective, rng=rng, callbacks=callbacks, resume=resume)
