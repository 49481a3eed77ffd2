"""Coarsening by local variation (Loukas, JMLR 2019)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp

from graphcondense.domains.contraction import Contraction
from graphcondense.domains.node_source import NodeSource
from graphcondense.ops.coarsen import Array, Candidates, Level
from graphcondense.ops.fields import Count
from graphcondense.ops.variation import (
    smallest_nonzero,
    variation_basis,
    variation_edges,
    variation_neighborhoods,
)


@dataclass(frozen=True, kw_only=True)
class LocalVariation(Contraction):
    """Groups within which the first eigenvectors of the Laplacian vary little.

    Attributes:
        eigenvectors: how many, those of eigenvalue zero left out.
    """

    paper = "Loukas, Graph Reduction with Spectral and Cut Guarantees, JMLR 20(116), 2019"

    eigenvectors: Count = 10

    def memory_bytes(self, real: NodeSource) -> int:
        """The solver's vectors, besides."""
        return super().memory_bytes(real) + 72 * (self.eigenvectors + 4) * real.num_examples

    def basis(self, adj: sp.csr_matrix, rng: np.random.Generator) -> Array | None:
        return variation_basis(adj, smallest_nonzero(adj, self.eigenvectors, rng)[1])


@dataclass(frozen=True, kw_only=True)
class VariationNeighborhoods(LocalVariation):
    """Contracts nodes with their neighbours, those of least local variation first."""

    name = "variation-neighborhoods"

    def candidates(self, level: Level) -> Candidates:
        return variation_neighborhoods(level)


@dataclass(frozen=True, kw_only=True)
class VariationEdges(LocalVariation):
    """Contracts edges, those of least local variation first."""

    name = "variation-edges"

    def candidates(self, level: Level) -> Candidates:
        return variation_edges(level)
