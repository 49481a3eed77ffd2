"""Computation trees of message passing: what a node can see in so many rounds.

The tree of height 0 of a node is the node itself; its tree of height ``k`` is the node with the
trees of height ``k - 1`` of all nodes it hears from, the parent among them. A network of ``k``
layers gives two nodes with equal trees of height ``k`` the same state, whatever its weights (Xu et
al., ICLR 2019; Gupta et al., ICLR 2024).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from types import ModuleType

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp

from graphcondense.ops.extras import need

Ints = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Forest:
    """The computation trees of all nodes of some graphs; equal trees have equal numbers.

    Attributes:
        colours: ``colours[k][v]`` is the tree of height ``k`` of node ``v``, from 0 on.
        source: where each edge comes from ``[M]``, the edges in order of their targets.
        edge: the position of each of these edges in ``edge_index``, ``[M]``.
        ptr: where the edges into each node begin, ``[N + 1]``.
    """

    colours: list[Ints]
    source: Ints
    edge: Ints
    ptr: Ints

    @property
    def hops(self) -> int:
        """Height of the tallest trees."""
        return len(self.colours) - 1


def grow(
    x: npt.NDArray[np.generic],
    edge_index: Ints,
    hops: int,
    edge_attr: npt.NDArray[np.generic] | None = None,
) -> Forest:
    """Number the computation trees: refinement of colours (Weisfeiler & Leman), without hashing.

    Leaves are told apart by their features and by their in-degree, which GCN's normalisation sees;
    nodes further up have their in-degree in their children.

    Args:
        x: node features ``[N, d]``; two are equal if all columns are.
        edge_index: source and target ``[2, M]`` int64.
        hops: height of the trees.
        edge_attr: edge features ``[M, e]`` that are told apart too.

    Raises:
        ValueError: for ``hops`` below 0.

    >>> path = np.array([[0, 1, 1, 2], [1, 0, 2, 1]])
    >>> [c.tolist() for c in grow(np.zeros((3, 1)), path, 1).colours]
    [[0, 1, 0], [0, 1, 0]]
    """
    if hops < 0:
        raise ValueError(f"hops must be at least 0, got {hops}")
    order = np.argsort(edge_index[1], kind="stable")
    source, target = edge_index[:, order]
    degree = np.bincount(target, minlength=len(x))
    ptr = np.concatenate([[0], degree.cumsum()])
    kind = np.zeros(len(order), np.int64) if edge_attr is None else _numbered(edge_attr)[order]
    leaf = _numbered(np.stack([_numbered(x), degree], 1))
    colours = [leaf]
    for _ in range(hops):
        below = colours[-1][source]
        by_target = np.lexsort((kind, below, target))
        heard = np.stack([below[by_target], kind[by_target]], 1)
        seen: dict[tuple[int, bytes], int] = {}
        trees = [
            seen.setdefault((root, heard[a:b].tobytes()), len(seen))
            for root, a, b in zip(leaf.tolist(), ptr[:-1], ptr[1:], strict=True)
        ]
        colours.append(np.array(trees, np.int64))
    return Forest(colours, source, order, ptr)


def _numbered(values: npt.NDArray[np.generic]) -> Ints:
    """Equal rows of ``[n, k]`` by equal numbers ``[n]``."""
    if not values.shape[1]:
        return np.zeros(len(values), np.int64)
    number: Ints = np.unique(values, axis=0, return_inverse=True)[1].reshape(-1).astype(np.int64)
    return number


def plant(forest: Forest, roots: Sequence[int]) -> tuple[Ints, Ints, Ints]:
    """A small graph in which ``roots`` have the computation trees they have in their own graphs.

    Equal subtrees are one node, which also serves where its tree cut to a lower height is needed: a
    directed graph, child to parent, with parallel edges. The roots are exact in a network of at
    most ``hops`` layers. Edges from a leaf's parent pad its in-degree to that of the original, for
    GCN to be exact. No node is given an edge to itself, a self-loop for GCN and GAT.

    Returns:
        The original of each node ``[n]``, the roots first; the edges ``[2, m]`` between them; the
        position of each in ``edge_index`` ``[m]``, -1 for padding.
    """
    nodes: list[int] = []
    height: list[int] = []
    parent: list[int] = []
    serving: list[defaultdict[int, list[int]]] = [defaultdict(list) for _ in range(forest.hops + 1)]

    def add(v: int, k: int, above: int) -> int:
        for lower in range(k + 1):
            serving[lower][int(forest.colours[lower][v])].append(len(nodes))
        nodes.append(v)
        height.append(k)
        parent.append(above)
        return len(nodes) - 1

    for v in roots:
        add(int(v), forest.hops, -1)
    edges: list[tuple[int, int, int]] = []
    for here, v in enumerate(nodes):  # grows on the way, by falling height
        into = slice(int(forest.ptr[v]), int(forest.ptr[v + 1]))
        below = height[here] - 1
        if below < 0:
            if parent[here] >= 0:
                edges += [(parent[here], here, -1)] * (into.stop - into.start)
            continue
        for u, e in zip(forest.source[into].tolist(), forest.edge[into].tolist(), strict=True):
            fit = serving[below][int(forest.colours[below][u])]
            there = next((i for i in fit if i != here), None)
            edges.append((add(u, below, here) if there is None else there, here, e))
    out = np.array(edges, np.int64).reshape(-1, 3).T
    return np.array(nodes, np.int64), out[:2], out[2]


def miner() -> ModuleType:
    """What mines frequent sets.

    Raises:
        MissingExtraError: it is not installed.
    """
    return need("mlxtend.frequent_patterns", "mirage", "mining frequent trees")


def frequent_sets(has: sp.csr_matrix, count: int) -> list[Ints]:
    """Maximal frequent item sets: those in at least ``count`` rows that no larger one contains.

    By FP-max (Grahne & Zhu, FIMI 2003), which walks the tree of FP-growth (Han et al., SIGMOD
    2000) without listing the subsets of what is frequent.

    Args:
        has: which transaction has which item, ``[transactions, items]``, not zero where it has.
        count: transactions that make a set frequent, at least 1.

    Returns:
        Items of each set, ascending; the sets in ascending order.

    >>> has = sp.csr_matrix([[1, 1, 0], [1, 1, 1], [0, 0, 1]])
    >>> [s.tolist() for s in frequent_sets(has, 2)]
    [[0, 1], [2]]
    """
    import pandas as pd

    fpmax = miner().fpmax
    if count < 1:
        raise ValueError(f"count must be at least 1, got {count}")
    boolean = (has != 0).tocsc()
    items = np.flatnonzero(np.asarray(boolean.sum(0)).ravel() >= count)
    if not len(items):
        return []
    table = pd.DataFrame.sparse.from_spmatrix(boolean[:, items])
    # It takes a share and rounds the product up: half a row less comes out at `count`.
    found = fpmax(table, min_support=(count - 0.5) / has.shape[0])
    sets = sorted(sorted(items[list(found_set)].tolist()) for found_set in found["itemsets"])
    return [np.array(found_set, np.int64) for found_set in sets]
