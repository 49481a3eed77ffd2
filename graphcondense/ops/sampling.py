"""Neighbourhood blocks of a CSR graph: what ``rows`` can see in a number of hops."""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp

from graphcondense.ops.arrays import Array


def blocks(
    adj: sp.csr_matrix,
    rows: Array,
    hops: int,
    fanout: int | None = None,
    seed: int = 0,
) -> tuple[list[sp.csr_matrix], Array]:
    """Rectangular operators ``A_1 ... A_h`` with ``(A^h X)[rows] = A_h ... A_1 X[nodes]``.

    Args:
        adj: a normalised operator ``[n, n]``.
        rows: nodes whose outputs are wanted ``[m]``.
        hops: how often the model propagates.
        fanout: keep at most this many neighbours of a node, drawn uniformly, with weights scaled up
            so that the product is right in expectation; ``None`` keeps all.
        seed: of the draw.

    Returns:
        The operators in the order a model applies them, and the nodes whose features it starts
        from. The targets of an operator are the first of its sources, in the same order, so that a
        model can go back to a node's own state.
    """
    n = adj.shape[0]
    seen = np.zeros(n, bool)
    seen[rows] = True
    if np.count_nonzero(seen) < len(rows):
        raise ValueError("rows has a node twice: a block holds each once")
    position = np.empty(n, adj.indices.dtype)
    out: list[sp.csr_matrix] = []
    rng = np.random.default_rng(seed)
    for _ in range(hops):
        block = sp.csr_matrix(adj[rows])
        if fanout is not None:
            block = _thinned(block, fanout, rng)
        met = np.zeros(n, bool)
        met[block.indices] = True
        found = np.flatnonzero(met & ~seen)
        seen[found] = True
        rows = np.concatenate([rows, found])
        position[rows] = np.arange(len(rows))
        entries = (block.data, position[block.indices], block.indptr)
        out.append(sp.csr_matrix(entries, shape=(block.shape[0], len(rows))))
    return out[::-1], rows


def _thinned(block: sp.csr_matrix, fanout: int, rng: np.random.Generator) -> sp.csr_matrix:
    """At most ``fanout`` entries of each row, scaled by how many there were."""
    degree = np.diff(block.indptr)
    row = np.repeat(np.arange(block.shape[0]), degree)
    # A random key sorts each row's entries; the first `fanout` of every row are an even draw.
    order = np.lexsort((rng.random(len(row)), row))
    kept = order[np.arange(len(row)) - block.indptr[row] < fanout]
    scale = np.maximum(degree / fanout, 1.0)[row[kept]]
    data = (block.data[kept] * scale).astype(block.dtype)
    return sp.csr_matrix((data, (row[kept], block.indices[kept])), shape=block.shape)
