"""Coarsening by affinity (Livne & Brandt, SIAM SISC 2012)."""

from __future__ import annotations

from dataclasses import dataclass

from graphcondense.domains.contraction import Relaxed
from graphcondense.ops.coarsen import Candidates, Level
from graphcondense.ops.fields import Natural
from graphcondense.ops.variation import affinity


@dataclass(frozen=True, kw_only=True)
class AffinityGS(Relaxed):
    """Contracts edges of great affinity, by Gauss-Seidel relaxation."""

    name = "affinity-gs"
    paper = (
        "Livne & Brandt, Lean Algebraic Multigrid: Fast Graph Laplacian Linear Solver, SIAM SISC "
        "34(4), 2012"
    )

    sweeps: Natural = 3

    def candidates(self, level: Level) -> Candidates:
        return affinity(level, self.vectors, self.sweeps)
