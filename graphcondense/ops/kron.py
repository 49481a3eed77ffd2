"""Kron reduction: a graph as it is seen from a few of its nodes (Dörfler & Bullo, 2013)."""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp
from scipy.linalg import cho_factor, cho_solve

from graphcondense.ops.coarsen import Array, laplacian

FILLED = 0.04
"""Share of entries from which a Laplacian on the way is stored whole: that is faster there."""


def kron(adj: sp.csr_matrix, kept: Array) -> tuple[Array, Array]:
    """``L_aa - L_ab L_bb⁻¹ L_ba``, the Laplacian that is left when all but the kept nodes are gone.

    Round after round, an independent set of nodes with few neighbours is eliminated, exactly. What
    is left when the Laplacian is no longer sparse is solved by Cholesky.

    Args:
        adj: ``W [m, m]``, symmetric, without self-loops; every component has a kept node.
        kept: ``[n]``, different nodes, ascending.

    Returns:
        The reduced Laplacian ``[n, n]``, and ``-L_bb⁻¹ L_ba`` with the identity in the kept rows,
        ``[m, n]``: the chance that a random walk from a node meets each kept node first.

    >>> path = sp.csr_matrix(np.diag([1.0, 1.0], 1) + np.diag([1.0, 1.0], -1))
    >>> small, reach = kron(path, np.array([0, 2]))
    >>> small.round(9).tolist(), reach[1].round(9).tolist()
    ([[0.5, -0.5], [-0.5, 0.5]], [0.5, 0.5])
    """
    m, n = adj.shape[0], len(kept)
    stays = np.zeros(m, dtype=bool)
    stays[kept] = True
    alive, lap = np.arange(m), laplacian(adj)
    rounds: list[tuple[Array, Array, sp.csr_matrix]] = []
    while not stays[alive].all() and lap.nnz < FILLED * len(alive) ** 2:
        goes = _independent(lap, ~stays[alive])
        a, b = np.flatnonzero(~goes), np.flatnonzero(goes)
        across = sp.csr_matrix(-lap[b][:, a])
        walk = sp.csr_matrix(sp.diags_array(1 / lap.diagonal()[b]) @ across)  # L_bb is diagonal
        lap = sp.csr_matrix(lap[a][:, a] - across.T @ walk)
        rounds.append((alive[b], alive[a], walk))
        alive = alive[a]
    reach = np.zeros((m, n))
    reach[kept] = np.eye(n)
    a, b = np.flatnonzero(stays[alive]), np.flatnonzero(~stays[alive])
    small = lap[a][:, a].toarray()
    if len(b):
        dense = -lap[b][:, a].toarray()
        inner = lap[b][:, b].toarray(order="F")
        solver = cho_factor(inner, lower=True, overwrite_a=True, check_finite=False)
        reach[alive[b]] = cho_solve(solver, dense, check_finite=False)
        small = small - dense.T @ reach[alive[b]]
    for b, a, walk in reversed(rounds):
        reach[b] = walk @ reach[a]
    return (small + small.T) / 2, reach


def _independent(lap: sp.csr_matrix, free: Array) -> Array:
    """Which nodes are eliminated ``[m]``: free ones of few neighbours, none beside another.

    A node goes if no free neighbour has fewer neighbours (ties by number), and it is in the half of
    the free nodes that has fewest.
    """
    m, size = len(free), np.diff(lap.indptr)
    rank = np.empty(m, dtype=np.int64)
    rank[np.argsort(size, kind="stable")] = np.arange(m)
    rank = np.where(free, rank, m)
    row, least = np.repeat(np.arange(m), size), np.full(m, m)
    np.minimum.at(least, row, np.where(row == lap.indices, m, rank[lap.indices]))
    out: Array = free & (rank < least) & (size <= np.median(size[free]))
    return out
