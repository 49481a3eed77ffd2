"""Personalised PageRank: where a walk is that returns to its seeds, and what it brings along."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import numpy as np
import scipy.sparse as sp
from torch import Tensor

from graphcondense.ops.adjacency import mean_norm_csr
from graphcondense.ops.arrays import Array

Rows = TypeVar("Rows", Array, Tensor)


def personalised_pagerank(
    adj: sp.csr_matrix,
    seeds: Array,
    *,
    damping: float = 0.85,
    tolerance: float = 1e-10,
    steps: int = 1000,
) -> Array:
    """``π = (1 - damping) s + damping Pᵀ π`` (Page et al., 1999), ``s`` uniform on the seeds.

    A step goes from a node to one that it hears from, ``i -> j`` with probability
    ``P_ij = A_ij / Σ_j A_ij``; from a node that hears from none it goes to a seed.

    Args:
        adj: ``A [n, n]``, ``A[i, j]`` the weight of the edge ``j -> i``.
        seeds: nodes, at least one.
        damping: probability to go on rather than to return, in [0, 1).
        tolerance: ends when an iteration changes ``π`` by less in all.
        steps: iterations at most.

    Returns:
        ``π [n]`` float64, which sums to one.

    Raises:
        ValueError: no seeds, or ``damping`` out of its range.

    >>> path = sp.csr_matrix([[0, 1, 0], [1, 0, 1], [0, 1, 0]])
    >>> personalised_pagerank(path, np.array([0]), damping=0.5).round(4).tolist()
    [0.5833, 0.3333, 0.0833]
    """
    if not len(seeds):
        raise ValueError("personalised PageRank needs at least one seed")
    if not 0 <= damping < 1:
        raise ValueError(f"damping={damping} must be at least 0 and below 1")
    walk = mean_norm_csr(adj.astype(np.float64)).T.tocsr()
    stuck = np.asarray(adj.sum(1)).ravel() == 0
    start = np.zeros(adj.shape[0])
    start[seeds] = 1.0 / len(seeds)
    at = start
    for _ in range(steps):
        before = at
        at = damping * (walk @ at) + (1 - damping + damping * at[stuck].sum()) * start
        if float(np.abs(at - before).sum()) < tolerance:
            break
    return at


def diffused(rows: Array, adj: sp.csr_matrix, restart: float, steps: int) -> Array:
    """``steps`` times ``Z <- (1 - restart) A Z + restart X``, from ``Z = X [n, d]``.

    With ``A = Â`` that is personalised PageRank of features (Gasteiger et al., ICLR 2019, eq. 4),
    and of labels label propagation (Zhou et al., NeurIPS 2003).
    """
    return restarted(rows, lambda z: adj @ z, restart, steps)


def restarted(rows: Rows, step: Callable[[Rows], Rows], restart: float, steps: int) -> Rows:
    """:func:`diffused`, of arrays or tensors; ``step`` multiplies by ``A``."""
    z = rows
    for _ in range(steps if restart < 1 else 0):  # at 1 nothing moves
        z = (1 - restart) * step(z) + restart * rows
    return z
