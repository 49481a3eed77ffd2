"""Coarsening: groups of nodes become one, level after level (Loukas, JMLR 2019).

Everywhere ``W [m, m]`` is symmetric with a zero diagonal and ``L = D - W`` its Laplacian. A
coarsening assigns nodes to groups: ``P(r, i) = 1 / |V_r|`` for the members ``i`` of group ``r``
takes means, its pseudo-inverse ``P⁺`` copies a value to all members, and the coarse Laplacian is
``(P⁺)ᵀ L P⁺``: the weight between two groups is the sum of the weights between their members.
"""

from __future__ import annotations

import heapq
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

import numpy as np
import scipy.sparse as sp
import torch
from scipy.sparse.csgraph import connected_components

from graphcondense.ops.arrays import Array as Array  # methods that coarsen take it from here
from graphcondense.ops.arrays import dense
from graphcondense.ops.cluster import filled


def undirected(adj: sp.csr_matrix) -> sp.csr_matrix:
    """``W = (A + Aᵀ) / 2`` in float64, without self-loops."""
    both = sp.csr_matrix((adj + adj.T) / 2, dtype=np.float64)
    return _clean(both)


def parts_with(adj: sp.csr_matrix, nodes: Array) -> tuple[Array, int]:
    """The nodes ``[m]`` of all components that hold one of ``nodes``, and how many those are."""
    _, part = connected_components(adj, directed=False)
    wanted = np.unique(part[nodes])
    return np.flatnonzero(np.isin(part, wanted)), len(wanted)


def laplacian(adj: sp.csr_matrix) -> sp.csr_matrix:
    """``L = D - W``."""
    return sp.csr_matrix(sp.diags_array(np.asarray(adj.sum(1)).ravel()) - adj)


def members(assignment: Array, groups: int) -> sp.csr_matrix:
    """``(P⁺)ᵀ [groups, N]``: one where a node belongs to a group; -1 belongs to none.

    >>> members(np.array([1, -1, 0, 1]), 2).toarray().tolist()
    [[0.0, 0.0, 1.0, 0.0], [1.0, 0.0, 0.0, 1.0]]
    """
    at = np.flatnonzero(assignment >= 0)
    shape = (groups, len(assignment))
    return sp.csr_matrix((np.ones(len(at)), (assignment[at], at)), shape=shape)


def means(assignment: Array, groups: int, weight: Array | None = None) -> sp.csr_matrix:
    """``P [groups, N]``: the mean over the members of each group, or the weighted one, ``weight
    [N]`` above 0.

    >>> means(np.array([0, 0, 1]), 2, np.array([1.0, 3.0, 9.0])).toarray().tolist()
    [[0.25, 0.75, 0.0], [0.0, 0.0, 1.0]]
    """
    sums = members(assignment, groups)
    if weight is not None:
        sums = sums @ sp.diags_array(weight)
    size = np.asarray(sums.sum(1)).ravel()
    return sp.csr_matrix(sp.diags_array(1 / np.where(size > 0, size, 1)) @ sums)


def contracted(adj: sp.csr_matrix, assignment: Array, groups: int) -> sp.csr_matrix:
    """``(P⁺)ᵀ A P⁺ [groups, groups]``; a diagonal entry is twice the weight inside a group.

    >>> path = sp.csr_matrix(np.diag([1.0, 2.0], 1) + np.diag([1.0, 2.0], -1))
    >>> contracted(path, np.array([0, 0, 1]), 2).toarray().tolist()
    [[2.0, 2.0], [2.0, 0.0]]
    """
    sums = members(assignment, groups)
    return sp.csr_matrix(sums @ adj @ sums.T)


def _clean(adj: sp.csr_matrix) -> sp.csr_matrix:
    adj.setdiag(0)
    adj.eliminate_zeros()
    adj.sort_indices()
    return adj


# --- clusters --------------------------------------------------------------------------------


def parts_of(
    rows: Array,
    k: int,
    seed: int,
    weight: Array | None = None,
    starts: int = 10,
    centres: Array | None = None,
    steps: int = 300,
) -> Array:
    """The cluster of each row ``[m]``, by scikit-learn's k-means, the best of some starts, or from
    ``centres [k, d]``, at most ``steps`` from each; none of ``k`` is empty.

    >>> parts_of(np.array([[0.0], [0.0], [0.0]]), 2, seed=0).tolist()
    [0, 0, 1]
    """
    from sklearn.cluster import KMeans
    from sklearn.exceptions import ConvergenceWarning

    if k == len(rows):
        return np.arange(k)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # fewer different rows than clusters
        start: dict[str, object] = {"n_init": starts, "max_iter": steps}
        if centres is not None:
            start |= {"n_init": 1, "init": centres}
        fitted = KMeans(k, random_state=seed, **start).fit(rows, sample_weight=weight)
    out: Array = filled(torch.from_numpy(fitted.labels_.astype(np.int64)), k).numpy()
    return out


def continued(rows: Array, old: Array, k: int) -> Array:
    """Centres ``[k, d]`` to start k-means from: those of the largest old clusters, and where there
    are fewer, the rows that are farthest from all so far.

    Args:
        rows: ``[m, d]``.
        old: the cluster of each before, -1 for none ``[m]``.
        k: at most ``m``.

    >>> rows = np.array([[0.0], [2.0], [10.0], [30.0]])
    >>> continued(rows, np.array([5, 5, 7, -1]), 3).ravel().tolist()
    [1.0, 10.0, 30.0]
    """
    names, sizes = np.unique(old[old >= 0], return_counts=True)
    largest = names[np.argsort(-sizes, kind="stable")[:k]]
    centres = [rows[old == name].mean(0) for name in largest] or [rows.mean(0)]
    far = np.min([np.square(rows - centre).sum(1) for centre in centres], axis=0)
    while len(centres) < k:
        centres.append(rows[far.argmax()])
        far = np.minimum(far, np.square(rows - centres[-1]).sum(1))
    return np.stack(centres)


def few_dimensions(x: Array | sp.csr_matrix, dims: int, rng: np.random.Generator) -> Array:
    """The rows of ``x [N, d]``, SciPy or NumPy, in their ``dims`` leading singular vectors.

    >>> few_dimensions(np.eye(4)[:, :2], 3, np.random.default_rng(0)).shape
    (4, 2)
    """
    from sklearn.utils.extmath import randomized_svd

    if dims >= min(x.shape):
        return np.asarray(dense(x), dtype=np.float64)
    u, s, _ = randomized_svd(x, dims, n_iter=4, random_state=int(rng.integers(2**31)))
    out: Array = (u * s).astype(np.float64)
    return out


def ward(centres: Array, weight: Array, sizes: Sequence[int]) -> list[Array]:
    """Clusters merged into fewer ones by Ward's tree, cut at each of ``sizes``: the group of each
    ``[k]``, numbered from 0 by first members. A smaller cut joins groups of a larger one.

    Two clusters cost ``w_i w_j / (w_i + w_j) ‖c_i - c_j‖²``, by which the squares within clusters
    grow (Ward, 1963); the cheapest pair goes first.

    Args:
        centres: means of the clusters ``[k, d]``.
        weight: how many rows each stands for ``[k]``.
        sizes: numbers of groups, at most ``k``.

    >>> centres = np.array([[0.0], [1.0], [5.0], [7.0]])
    >>> [group.tolist() for group in ward(centres, np.array([1, 1, 1, 9]), [1, 2, 3])]
    [[0, 0, 0, 0], [0, 0, 1, 1], [0, 0, 1, 2]]
    """
    k, group = len(centres), np.arange(len(centres))
    c, w = centres.astype(np.float64), weight.astype(np.float64)
    squares = np.square(c).sum(1)
    apart = np.maximum(squares[:, None] + squares - 2 * c @ c.T, 0)
    cost = apart * (w[:, None] * w) / (w[:, None] + w)
    np.fill_diagonal(cost, np.inf)
    cuts = {k: group.copy()}
    for left in range(k - 1, min(sizes, default=k) - 1, -1):
        i, j = sorted(divmod(int(cost.argmin()), k))
        c[i] = (w[i] * c[i] + w[j] * c[j]) / (w[i] + w[j])
        w[i] += w[j]
        cost[j], cost[:, j] = np.inf, np.inf
        row = np.square(c - c[i]).sum(1) * w * w[i] / (w + w[i])
        row[~np.isfinite(cost[i])] = np.inf  # itself, and all that are gone
        cost[i], cost[:, i] = row, row
        group[group == j] = i
        cuts[left] = _numbered(group)[0]
    return [cuts[size] for size in sizes]


# --- levels ----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Level:
    """A graph on the way down.

    Attributes:
        adj: ``W [m, m]``, symmetric, without self-loops.
        volume: ``[m]``, degrees of a node's members in the first graph, summed.
        labelled: ``[m, C]``, labelled members of each class.
        label: ``[m]``, a class that keeps nodes of others away, -1 where there is none.
        vectors: ``[m, K]``, what should change little within a group, or no columns.
        rng: of whatever is drawn.
        part: ``[N]``, the node that each node of the first graph is a member of.
    """

    adj: sp.csr_matrix
    volume: Array
    labelled: Array
    label: Array
    vectors: Array
    rng: np.random.Generator
    part: Array

    @property
    def degree(self) -> Array:
        return np.asarray(self.adj.sum(1)).ravel()

    @property
    def classes(self) -> Array:
        """``[m]``, the most frequent class of a node's labelled members; -1 where it has none."""
        out: Array = np.where(self.labelled.any(1), self.labelled.argmax(1), -1)
        return out

    def edges(self) -> tuple[Array, Array, Array]:
        """Ends ``i < j`` and weights ``[e]`` of the edges that may be contracted: not those between
        two labels."""
        upper = sp.triu(self.adj, 1).tocoo()
        i, j = upper.row, upper.col
        free = self.free(i, j)
        return i[free], j[free], upper.data[free]

    def free(self, i: Array, j: Array) -> Array:
        """Which pairs ``(i, j)`` are not of two labels ``[e]``."""
        out: Array = (self.label[i] == self.label[j]) | (self.label[i] < 0) | (self.label[j] < 0)
        return out


@dataclass(frozen=True)
class Candidates:
    """Groups that may be contracted, and how much each costs; the cheapest go first.

    Attributes:
        groups: ``[f, m]`` CSR, ones at the members.
        centre: ``[f]``, the member that all others are joined to; without it a group is given up.
        cost: ``[f]``.
        again: the cost of what is left of a group; ``None`` gives a group up that lost a member.
    """

    groups: sp.csr_matrix
    centre: Array
    cost: Array
    again: Callable[[Array], float] | None = None


Family: TypeAlias = Callable[[Level], Candidates]
"""From a graph to the groups that may be contracted in it."""


def coarsen(
    adj: sp.csr_matrix,
    n: int,
    family: Family,
    labelled: Array,
    *,
    vectors: Array | None = None,
    carried: Callable[[sp.csr_matrix, Array], Array] | None = None,
    respect: bool = True,
    join: bool = True,
    rng: np.random.Generator,
    start: Array | None = None,
) -> Array:
    """Contract until exactly ``n`` nodes are left; the group of each ``[N]``, numbered in order.

    A level contracts disjoint groups, cheapest first; a group that lost members to a cheaper one is
    priced anew (Loukas's greedy algorithm). The last group is cut to size.

    Args:
        adj, vectors, rng: see :class:`Level`.
        n: nodes that are left.
        family: candidates of a level.
        labelled: ``[N, C]``, one at the class of a labelled node.
        carried: what becomes of the vectors' means in a coarser graph; by default they stay.
        respect: never contract nodes of different classes.
        join: join nodes of the same class that no edge joins: components of a node each, before
            anything else; and others when no candidate is left.
        start: groups to begin with ``[N]``, as :func:`started` numbers them; by default each node
            is its own.

    Raises:
        ValueError: nothing is left to contract above ``n`` nodes; there are fewer at the start.

    >>> from graphcondense.ops.variation import heavy_edges
    >>> path = sp.csr_matrix(np.diag([2.0, 1.0, 2.0], 1) + np.diag([2.0, 1.0, 2.0], -1))
    >>> coarsen(path, 2, heavy_edges, np.zeros((4, 1)), rng=np.random.default_rng(0)).tolist()
    [0, 0, 1, 1]
    """
    m, part = adj.shape[0], np.arange(adj.shape[0])
    vectors = np.zeros((m, 0)) if vectors is None else vectors
    nobody = np.full(m, -1)
    level = Level(adj, np.asarray(adj.sum(1)).ravel(), labelled, nobody, vectors, rng, part)
    if start is not None and (m := int(start.max()) + 1) < len(start):
        level = below(level, start, m, carried)
    if m < n:
        raise ValueError(
            f"{n} nodes were asked for, and there are {m} to begin with, which are never split: "
            "ask for no more, or condense anew"
        )
    while m > n:
        level = replace(level, label=level.classes if respect else np.full(m, -1))
        step, groups = joined(level, level.degree == 0, m - n) if join else (level.part, m)
        if groups == m:
            found = family(level)
            if found.groups.shape[0]:
                step, groups = cheapest(found, level, m - n)
            elif join:
                step, groups = joined(level, level.classes >= 0, m - n)
        if groups == m:
            raise ValueError(
                f"{n} nodes were asked for, but nothing is left to contract at {m}: what is left "
                "are components, or nodes of different classes; ask for more nodes, or set "
                "join=True or respect_labels=False"
            )
        m = groups
        level = below(level, step, m, carried)
    return level.part


def below(
    level: Level,
    step: Array,
    m: int,
    carried: Callable[[sp.csr_matrix, Array], Array] | None,
) -> Level:
    """The graph of ``m`` groups, of which ``step`` has that of each node of ``level``."""
    sums = members(step, m)
    small = _clean(sp.csr_matrix(sums @ level.adj @ sums.T))
    vectors = means(step, m) @ level.vectors
    return Level(
        adj=small,
        volume=sums @ level.volume,
        labelled=sums @ level.labelled,
        label=np.full(m, -1),
        vectors=vectors if carried is None else carried(small, vectors),
        rng=level.rng,
        part=step[level.part],
    )


def started(old: Array) -> Array:
    """The groups of before ``[N]``, numbered anew, and each node that is in none (-1) its own.

    >>> started(np.array([7, -1, 3, 7, -1])).tolist()
    [1, 2, 0, 1, 3]
    """
    new = old < 0
    out = np.empty(len(old), np.int64)
    names, out[~new] = np.unique(old[~new], return_inverse=True)
    out[new] = len(names) + np.arange(int(new.sum()))
    return out


def of_edges(i: Array, j: Array, cost: Array, m: int) -> Candidates:
    """Pairs ``(i, j)`` of ``m`` nodes as candidates."""
    f = len(i)
    ends = np.stack([i, j], 1).ravel()
    groups = sp.csr_matrix((np.ones(2 * f), ends, 2 * np.arange(f + 1)), shape=(f, m))
    return Candidates(groups, i, cost)


def cheapest(found: Candidates, level: Level, most: int) -> tuple[Array, int]:
    """Contract disjoint candidates, cheapest first, until ``most`` nodes are gone.

    Returns:
        The group of each node ``[m]``, numbered by first members, and the number of groups.
    """
    ptr, index = found.groups.indptr, found.groups.indices
    group = np.arange(found.groups.shape[1])
    taken = np.zeros(len(group), dtype=bool)
    left: dict[int, Array] = {}
    heap = list(zip(found.cost.tolist(), range(len(found.cost)), strict=True))
    heapq.heapify(heap)
    while heap and most > 0:
        _, f = heapq.heappop(heap)
        inside, centre = left.get(f, index[ptr[f] : ptr[f + 1]]), found.centre[f]
        gone = taken[inside]
        if gone.any():
            inside = inside[~gone]
            if found.again is not None and len(inside) > 1 and not taken[centre]:
                left[f] = inside
                heapq.heappush(heap, (found.again(inside), f))
            continue
        if len(inside) > most + 1:
            apart = np.square(level.vectors[inside] - level.vectors[centre]).sum(1)
            apart[inside == centre] = -1
            inside = inside[np.argsort(apart, kind="stable")[: most + 1]]
        taken[inside] = True
        group[inside] = inside.min()
        most -= len(inside) - 1
    return _numbered(group)


def joined(level: Level, among: Array, most: int) -> tuple[Array, int]:
    """Join nodes of the same class, whether an edge is between them or not; as :func:`cheapest`.

    The class with the most nodes is next, and its two of least volume become one, until each class
    has one or ``most`` nodes are gone.
    """
    group, classes = np.arange(len(among)), level.classes
    heaps = [
        [(float(level.volume[i]), int(i)) for i in np.flatnonzero(among & (classes == c))]
        for c in range(level.labelled.shape[1])
    ]
    for heap in heaps:
        heapq.heapify(heap)
    while most > 0 and (heap := max(heaps, key=len, default=[])) and len(heap) > 1:
        (v, i), (w, j) = heapq.heappop(heap), heapq.heappop(heap)
        group[max(i, j)] = min(i, j)
        heapq.heappush(heap, (v + w, min(i, j)))
        most -= 1
    while not np.array_equal(group, first := group[group]):
        group = first
    return _numbered(group)


def _numbered(group: Array) -> tuple[Array, int]:
    kept, number = np.unique(group, return_inverse=True)
    return number.reshape(-1), len(kept)
