"""Heterogeneous graphs as arrays: features by type, weighted edges by relation."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp

Relation: TypeAlias = tuple[str, str, str]
"""Source type, name and target type, as PyG has edge types."""

Rows: TypeAlias = "npt.NDArray[np.float32] | sp.csr_matrix"
"""Features ``[n, d]``, dense or by row, float32."""


@dataclass(frozen=True, eq=False)
class HeteroGraph:
    """Features of nodes by type, and weighted edges by relation.

    Attributes:
        x: by type ``[n, d]`` float32.
        relations: by ``(source, name, target)`` a CSR matrix ``[targets, sources]`` float32 whose
            entry ``(i, j)`` is the weight of the edges ``j -> i``.
    """

    x: Mapping[str, Rows]
    relations: Mapping[Relation, sp.csr_matrix]

    @property
    def counts(self) -> dict[str, int]:
        """Nodes by type."""
        return {kind: int(rows.shape[0]) for kind, rows in self.x.items()}

    @property
    def widths(self) -> dict[str, int]:
        """Features by type."""
        return {kind: int(rows.shape[1]) for kind, rows in self.x.items()}

    @property
    def num_edges(self) -> int:
        return sum(int(matrix.nnz) for matrix in self.relations.values())

    @cached_property
    def means(self) -> dict[Relation, sp.csr_matrix]:
        """Every relation as an operator that takes means: see :func:`mean_operator`."""
        return {kind: mean_operator(matrix) for kind, matrix in self.relations.items()}

    def into(self, target: str) -> list[Relation]:
        """The relations whose edges end at nodes of this type."""
        return [kind for kind in self.relations if kind[2] == target]

    def induced(self, chosen: Mapping[str, npt.NDArray[np.int64]]) -> HeteroGraph:
        """The graph of the chosen nodes of each type, in that order, and all edges between them."""
        return HeteroGraph(
            {kind: rows[chosen[kind]] for kind, rows in self.x.items()},
            {
                kind: matrix[chosen[kind[2]]][:, chosen[kind[0]]].tocsr()
                for kind, matrix in self.relations.items()
            },
        )


def mean_operator(matrix: sp.csr_matrix) -> sp.csr_matrix:
    """Rows divided by their sum where that is above one.

    Of an unweighted relation this is the mean over a node's neighbours. Condensed nodes stand for
    nodes of which some have no neighbour: rows that sum to less than one stay as they are, so that
    a mean over members is kept.

    >>> mean_operator(sp.csr_matrix([[1.0, 1.0], [0.25, 0.0]])).toarray().tolist()
    [[0.5, 0.5], [0.25, 0.0]]
    """
    total = np.asarray(matrix.sum(1)).ravel()
    out: sp.csr_matrix = (sp.diags(1 / np.maximum(total, 1)) @ matrix).tocsr()
    return out.astype(np.float32)
