"""Which edges of a weighted graph to keep: by weight, the heaviest of each node, or a forest.

Edges are ``edge_index [2, m]`` (row 0 source, row 1 target) with weights ``[m]``; back comes
which of them stay, ``[m]`` bool. A symmetric graph stays symmetric. Self-loops join no two nodes:
only :func:`above` drops them.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal, TypeAlias

import numpy as np
import scipy.sparse as sp
import torch
from scipy.sparse.csgraph import minimum_spanning_tree
from torch import Tensor

from graphcondense.ops.arrays import Array
from graphcondense.ops.grid import edge

How: TypeAlias = Literal["none", "threshold", "top-k", "forest"]
"""Ways to make a graph sparse."""
SHARES = (0.0, 0.25, 0.5, 0.75, 0.9)
"""Shares of the edges, the lightest first, that :func:`candidates` of a threshold do without."""
EACH = (1, 2, 4, 8, 16)
"""Edges of each node in :func:`candidates` of the top k."""


def above(edge_index: Tensor, weight: Tensor, threshold: float) -> Tensor:
    """Edges of weight ``threshold`` or more.

    >>> above(torch.tensor([[0, 1], [1, 0]]), torch.tensor([0.2, 0.5]), 0.5).tolist()
    [False, True]
    """
    _check(edge_index, weight)
    return weight.detach() >= threshold


def top_k(edge_index: Tensor, weight: Tensor, k: int) -> Tensor:
    """The ``k`` heaviest edges into each node (of equals the first), and their reverses.

    >>> path = torch.tensor([[0, 1, 1, 2, 2, 3], [1, 0, 2, 1, 3, 2]])
    >>> top_k(path, torch.tensor([3.0, 3.0, 1.0, 1.0, 2.0, 2.0]), 1).tolist()
    [True, True, False, False, True, True]
    """
    source, target, values = _check(edge_index, weight)
    if k < 1:
        raise ValueError(f"k must be at least 1, got {k}")
    loops = source == target
    order = np.lexsort((source, -values, loops, target))
    rank = np.empty(len(order), np.int64)
    # Where in its target's own part of the order each edge stands; loops stand last.
    rank[order] = np.arange(len(order)) - np.searchsorted(target[order], target[order])
    return _pairs(source, target, (rank < k) & ~loops).to(weight.device)


def spanning_forest(edge_index: Tensor, weight: Tensor) -> Tensor:
    """A maximum spanning forest: components stay connected, by their heaviest edges, in no cycle.

    A pair counts as its heavier direction, and both directions stay. A weight of 0 is no edge.

    >>> triangle = torch.tensor([[0, 1, 2, 1, 2, 0], [1, 2, 0, 0, 1, 2]])
    >>> spanning_forest(triangle, torch.tensor([3.0, 2.0, 1.0, 3.0, 2.0, 1.0])).tolist()
    [True, True, False, True, True, False]
    """
    source, target, values = _check(edge_index, weight)
    n = int(max(source.max(initial=-1), target.max(initial=-1))) + 1
    low, high = np.minimum(source, target), np.maximum(source, target)
    joining = (low < high) & (values > 0)
    # The heaviest edge of each pair alone: SciPy would add them up.
    order = np.flatnonzero(joining)[np.argsort(-values[joining], kind="stable")]
    _, first = np.unique(low[order] * n + high[order], return_index=True)
    one = order[first]
    graph = sp.csr_matrix((-values[one], (low[one], high[one])), shape=(n, n))
    tree = minimum_spanning_tree(graph).tocoo()
    kept = joining & np.isin(low * n + high, tree.row.astype(np.int64) * n + tree.col)
    return _pairs(source, target, kept).to(weight.device)


def candidates(adj: sp.csr_matrix, how: How) -> Iterator[tuple[str, sp.csr_matrix]]:
    """Sparse forms of a graph for validation to choose from, each with what it is in words.

    Args:
        adj: ``A [n, n]`` with weights above 0. Where all are equal there is nothing to choose by,
            and the graph is given back as it is, without words.
        how: ``"threshold"`` cuts the shares :data:`SHARES`, ``"top-k"`` keeps :data:`EACH` edges of
            a node, ``"forest"`` is one form, and ``"none"`` the graph as it is.
    """
    if how == "none" or len(np.unique(adj.data)) < 2:
        yield "", adj
        return
    # A weight of 0 is no edge, but on the diagonal it says that there is no loop.
    coo, loops = adj.tocoo(), how != "threshold"
    real = (coo.data != 0) | ((coo.row == coo.col) & loops)
    coo = sp.coo_array((coo.data[real], (coo.row[real], coo.col[real])), shape=adj.shape)
    edges = torch.from_numpy(np.stack([coo.col, coo.row]).astype(np.int64))
    weight = torch.from_numpy(coo.data)
    for words, kept in _choices(edges, weight, how):
        mask = kept.numpy()
        yield (
            words,
            sp.csr_matrix((coo.data[mask], (coo.row[mask], coo.col[mask])), shape=adj.shape),
        )


def _choices(edges: Tensor, weight: Tensor, how: How) -> Iterator[tuple[str, Tensor]]:
    if how == "threshold":
        cuts = np.unique(np.quantile(weight.numpy(), SHARES, method="higher")).tolist()
        for cut in cuts:
            # Below the first cut and above the largest weight there is nothing left to choose.
            more = edge(cut, cuts, below=False) if cut < weight.max() else ""
            yield f"edges of weight {cut:.3g} or more{more}", above(edges, weight, cut)
    elif how == "top-k":
        for k in EACH:
            kept = top_k(edges, weight, k)
            whole = bool(kept.all())
            more = "" if whole else edge(k, EACH, below=False)
            yield f"the {k} heaviest edges of each node{more}", kept
            if whole:
                return
    else:
        yield "a maximum spanning forest", spanning_forest(edges, weight)


def _pairs(source: Array, target: Array, chosen: Array) -> Tensor:
    """Chosen edges, their reverses, and all self-loops."""
    n = int(max(source.max(initial=-1), target.max(initial=-1))) + 1
    pair = np.minimum(source, target) * n + np.maximum(source, target)
    return torch.from_numpy(np.isin(pair, pair[chosen]) | (source == target))


def _check(edge_index: Tensor, weight: Tensor) -> tuple[Array, Array, Array]:
    """Sources, targets and weights as NumPy arrays."""
    if edge_index.dim() != 2 or len(edge_index) != 2 or weight.shape != edge_index.shape[1:]:
        raise ValueError(
            f"edges are [2, m] with weights [m], got {tuple(edge_index.shape)} and "
            f"{tuple(weight.shape)}"
        )
    source, target = edge_index.cpu().numpy()
    return source, target, weight.detach().cpu().numpy()
