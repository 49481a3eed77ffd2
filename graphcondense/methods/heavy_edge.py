"""Coarsening by heavy edges (Dhillon et al., TPAMI 2007)."""

from __future__ import annotations

from dataclasses import dataclass

from graphcondense.domains.contraction import Contraction
from graphcondense.ops.coarsen import Candidates, Level
from graphcondense.ops.variation import heavy_edges


@dataclass(frozen=True, kw_only=True)
class HeavyEdge(Contraction):
    """Contracts edges that are heavy for the degrees at their ends: no eigenvector is needed."""

    name = "heavy-edge"
    paper = "Dhillon et al., Weighted Graph Cuts without Eigenvectors, IEEE TPAMI 29(11), 2007"

    def candidates(self, level: Level) -> Candidates:
        return heavy_edges(level)
