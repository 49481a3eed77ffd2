"""Coarsening by algebraic distance (Ron et al., SIAM MMS 2011)."""

from __future__ import annotations

from dataclasses import dataclass

from graphcondense.domains.contraction import Relaxed
from graphcondense.ops.coarsen import Candidates, Level
from graphcondense.ops.variation import algebraic


@dataclass(frozen=True, kw_only=True)
class AlgebraicJC(Relaxed):
    """Contracts edges of small algebraic distance, by Jacobi relaxation."""

    name = "algebraic-jc"
    paper = (
        "Ron et al., Relaxation-Based Coarsening and Multiscale Graph Organization, SIAM MMS 9(1), "
        "2011"
    )

    def candidates(self, level: Level) -> Candidates:
        return algebraic(level, self.vectors, self.sweeps)
