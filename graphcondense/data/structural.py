"""Features of nodes that come without any, made of the edges alone: degrees and positions.

No label is read. All edges that are given are, so in the inductive setting a position tells of
edges outside the training graph; a degree of those at the node itself.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import scipy.sparse as sp
import scipy.sparse.linalg
import torch
from torch import Tensor

from graphcondense.ops.arrays import Array

POSITIONS = 16
"""Columns of ``"positional"`` and ``"random-walk"``."""

DENSE = 512
"""Nodes, at most, whose eigenvectors are taken of a dense matrix."""

MOST_WALKED = 20_000
"""Nodes, at most, whose walks are followed: each fills a row of the graph."""

BLOCK = 1024
"""Nodes whose walks are followed at a time."""


def structural(adj: sp.csr_matrix, features: str) -> Tensor:
    """Features ``[n, d]`` float32 of the nodes of a graph, made of its edges.

    Edges count once and both ways, without weights and self-loops.

    Args:
        adj: ``A [n, n]``.
        features: one of :data:`FEATURES`. ``"degree"``: a 0/1 column for each power of two, so that
            degrees 0, 1, 2-3, 4-7, ... have a column each. ``"positional"``: the eigenvectors of
            ``L = I - D^-1/2 A D^-1/2`` after the first, by rising eigenvalue, as PyG's
            ``AddLaplacianEigenvectorPE`` has them (Dwivedi et al., arXiv 2003.00982), of mean
            square 1 and with a sign that is fixed: the entry of largest size is positive.
            ``"random-walk"``: the shares of walks of 1 to 16 steps that return, ``diag((D^-1
            A)^k)``, as PyG's ``AddRandomWalkPE`` (Dwivedi et al., arXiv 2110.07875).

    Raises:
        ValueError: another name; walks on more than :data:`MOST_WALKED` nodes.

    >>> path = sp.csr_matrix(np.array([[0, 1, 0], [0, 0, 1], [0, 0, 0]]))
    >>> structural(path, "degree").tolist()
    [[0.0, 1.0, 0.0], [0.0, 0.0, 1.0], [0.0, 1.0, 0.0]]
    """
    check_features(features)
    both = (adj != 0).astype(np.float64)
    both = both.maximum(both.T).tolil()
    both.setdiag(0)
    plain = both.tocsr()
    plain.eliminate_zeros()
    return torch.from_numpy(FEATURES[features](plain).astype(np.float32))


def check_features(features: object) -> None:
    """Raise a ValueError unless such features can be made; names those that can."""
    if features not in FEATURES:
        raise ValueError(
            f"features={features!r}: choose one of {', '.join(map(repr, FEATURES))}, made of the "
            "edges of nodes without features"
        )


def _degree(adj: sp.csr_matrix) -> Array:
    degree = np.diff(adj.indptr)
    level = np.frexp(degree)[1]  # 0 for 0, then 1 + floor(log2)
    out = np.zeros((len(degree), int(level.max(initial=0)) + 1))
    out[np.arange(len(degree)), level] = 1
    return out


def _normalised(adj: sp.csr_matrix) -> sp.csr_matrix:
    """``D^-1/2 A D^-1/2``; a node without edges has none."""
    degree = np.diff(adj.indptr).astype(np.float64)
    scale = np.divide(1, np.sqrt(degree), out=np.zeros_like(degree), where=degree > 0)
    return (sp.diags(scale) @ adj @ sp.diags(scale)).tocsr()


def _positional(adj: sp.csr_matrix) -> Array:
    n = adj.shape[0]
    count = min(POSITIONS, max(n - 1, 0))
    operator = _normalised(adj)
    if n <= DENSE:
        vectors = np.linalg.eigh(operator.toarray())[1][:, ::-1]
    else:
        # L's smallest are the operator's largest; the start is drawn once and for all.
        start = np.random.default_rng(0).normal(size=n)
        values, found = scipy.sparse.linalg.eigsh(operator, k=count + 1, which="LA", v0=start)
        vectors = found[:, np.argsort(-values, kind="stable")]
    kept = vectors[:, 1 : count + 1]
    largest = np.abs(kept).round(9).argmax(0)
    sign = np.where(kept[largest, np.arange(kept.shape[1])] < 0, -1.0, 1.0)
    out = np.zeros((n, max(count, 1)))
    out[:, : kept.shape[1]] = kept * sign * np.sqrt(n)
    return out


def _random_walk(adj: sp.csr_matrix) -> Array:
    n = adj.shape[0]
    if n > MOST_WALKED:
        raise ValueError(
            f"features='random-walk' follows walks of {n:,} nodes, and each fills a row of the "
            f"graph: {MOST_WALKED:,} nodes are the most; take 'positional' or 'degree'"
        )
    degree = np.diff(adj.indptr).astype(np.float64)
    inverse = np.divide(1, degree, out=np.zeros_like(degree), where=degree > 0)
    step = (sp.diags(inverse) @ adj).T.tocsr()  # columns are where walks stand
    out = np.zeros((n, POSITIONS))
    for first in range(0, n, BLOCK):
        nodes = np.arange(first, min(first + BLOCK, n))
        walks = np.zeros((n, len(nodes)))
        walks[nodes, np.arange(len(nodes))] = 1
        for k in range(POSITIONS):
            walks = step @ walks
            out[nodes, k] = walks[nodes, np.arange(len(nodes))]
    return out


FEATURES: Mapping[str, Callable[[sp.csr_matrix], Array]] = {
    "degree": _degree,
    "positional": _positional,
    "random-walk": _random_walk,
}
"""What nodes without features can be given, by name."""
