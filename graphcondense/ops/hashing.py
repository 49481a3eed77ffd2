"""Nodes hashed by what they are and what they are linked to, and super-nodes made of the hashes.

A node is ``F_i = [(1 - h) x_i, h a_i]`` with its features ``x_i``, its row ``a_i`` of the adjacency
and the heterophily ``h`` of the graph. Random projections of ``F`` are products with two sparse or
narrow matrices, so no array has a row and a column for every node.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import scipy.sparse as sp

from graphcondense.ops.arrays import Array, dense
from graphcondense.ops.blocks import parts

BLOCK = 2**22
"""Hashes that are sorted at once."""
HALVINGS = 24
"""How often the bracket of a bin width is halved, on a logarithmic scale."""


def heterophily(adj: sp.csr_matrix, classes: Array) -> float:
    """The share of edges between labelled nodes whose ends are of different classes, by Laplace's
    rule ``(different + 1) / (edges + 2)``: one half where no edge tells.

    Args:
        adj: symmetric, without self-loops ``[m, m]``.
        classes: of the nodes, -1 where there is none ``[m]``.

    >>> path = sp.csr_matrix(np.diag([1.0, 1.0, 1.0], 1) + np.diag([1.0, 1.0, 1.0], -1))
    >>> heterophily(path, np.array([0, 0, 1, -1])), heterophily(path, np.full(4, -1))
    (0.5, 0.5)
    >>> heterophily(path, np.array([0, 0, 0, 0]))
    0.2
    """
    upper = sp.triu(adj, 1).tocoo()
    one, other = classes[upper.row], classes[upper.col]
    told = (one >= 0) & (other >= 0)
    return float(((one != other) & told).sum() + 1) / float(told.sum() + 2)


def hash_values(
    x: Array | sp.csr_matrix,
    adj: sp.csr_matrix,
    h: float,
    projections: int,
    rng: np.random.Generator,
) -> Array:
    """``F W [m, projections]`` in float64, entries of ``W`` standard normal.

    ``x`` and ``a`` are first scaled, each to rows of root mean square length one: their units are
    not the same, and word counts may be normalised or not.

    Args:
        x: features ``[m, d]``.
        adj: ``[m, m]``.
        h: between 0 (features alone) and 1 (links alone).
        projections: how many.
        rng: of ``W``, drawn for the features first.
    """
    out = np.zeros((adj.shape[0], projections))
    for weight, rows in ((1 - h, x), (h, adj)):
        drawn = rng.standard_normal((rows.shape[1], projections))
        numbers = rows if isinstance(rows, np.ndarray) else rows.data
        length = np.sqrt(np.square(numbers, dtype=float).sum() / max(rows.shape[0], 1))
        if length > 0:
            out += weight / length * dense(rows @ drawn)
    return out


def bins_of(values: Array, width: float, shift: Array) -> Array:
    """The bin of each node ``[m]``: the most frequent of ``floor(values / width + shift)``, the
    smallest of equally frequent ones.

    Args:
        values: ``[m, l]``.
        width: of a bin.
        shift: of each projection, in widths ``[l]``.

    >>> bins_of(np.array([[0.5, 2.5, 2.6], [3.0, 1.0, 2.0]]), 1.0, np.zeros(3)).tolist()
    [2, 1]
    """
    m, count = values.shape
    out = np.empty(m, np.int64)
    place = np.arange(count)
    for block in parts(m, max(BLOCK // count, 1)):
        hashed = np.sort(np.floor(values[block] / width + shift), axis=1)
        first = np.ones(hashed.shape, bool)
        first[:, 1:] = hashed[:, 1:] != hashed[:, :-1]
        run = place - np.maximum.accumulate(np.where(first, place, 0), axis=1)
        # The first of the longest runs; its last member is where the length is largest.
        out[block] = hashed[np.arange(len(hashed)), run.argmax(1)]
    return out


def super_nodes_of(bins: Array, classes: Array) -> int:
    """How many super-nodes bins make if no two classes share one and an unlabelled node is no
    super-node beside a labelled one of its bin.

    >>> super_nodes_of(np.array([4, 4, 4, 7]), np.array([0, 1, -1, -1]))
    3
    """
    names, at = np.unique(bins, return_inverse=True)
    at, kinds = at.reshape(-1), int(classes.max(initial=-1)) + 1
    labelled = classes >= 0
    pairs = np.unique(at[labelled] * kinds + classes[labelled])
    return len(pairs) + len(names) - len(np.unique(at[labelled]))


def bins_for(values: Array, classes: Array, n: int, shift: Array) -> Array:
    """The bins ``[m]`` of the width, of those that a bisection tries, that makes the fewest
    super-nodes of at least ``n``; where no width makes ``n``, those of the finest.

    Args:
        values, shift: see :func:`bins_of`.
        classes: that keep nodes apart, -1 for none ``[m]``.
        n: super-nodes, see :func:`super_nodes_of`.
    """
    most = max(float(np.abs(values).max(initial=0)), 1e-300)
    low, high = np.log(most * 1e-9), np.log(most * 4)
    best, fewest = bins_of(values, float(np.exp(low)), shift), len(values) + 1
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        bins = bins_of(values, float(np.exp(middle)), shift)
        found = super_nodes_of(bins, classes)
        if n <= found < fewest:
            best, fewest = bins, found
        if found == n:
            break
        low, high = (middle, high) if found > n else (low, middle)
    return best


def merged(order: Array, boundaries: Array, classes: Array, sizes: Sequence[int]) -> list[Array]:
    """Consistent hashing: nodes stand on a line, and boundaries between neighbours go one after the
    other; the super-node of each node ``[m]``, numbered by first members, for each of ``sizes``.

    Where a boundary goes, super-nodes of the same class become one and those of different classes
    stay beside each other; one without a class joins the largest of the other side. So the numbers
    of super-nodes fall one by one, every size is exact, and a smaller one joins super-nodes of a
    larger one.

    Args:
        order: the nodes along the line ``[m]``.
        boundaries: ``b`` is between ``order[b]`` and ``order[b + 1]``; in the order in which they
            go ``[m - 1]``.
        classes: of nodes, -1 for none ``[m]``.
        sizes: ascending; none above ``m`` or below the number of classes.

    >>> line, gone, classes = np.array([2, 0, 1, 3]), np.array([2, 0, 1]), np.array([0, 1, -1, 1])
    >>> [group.tolist() for group in merged(line, gone, classes, [2, 3])]
    [[0, 1, 0, 1], [0, 1, 2, 1]]
    """
    m, out = len(order), dict[int, Array]()
    group, place = _Sets(m), _Sets(m)
    stands = [{int(classes[i]): int(i)} for i in order]  # super-nodes of a place, by class
    wanted, left = sorted(set(sizes)), m
    gone = iter(boundaries.tolist())
    pairs: list[tuple[int, int]] = []
    while wanted:
        if left == wanted[-1]:
            tops = np.array([group.top(i) for i in range(m)])
            out[wanted.pop()] = np.unique(tops, return_inverse=True)[1].reshape(-1)
            continue
        while not pairs:
            boundary = next(gone)
            here, there = place.top(boundary), place.top(boundary + 1)
            stands[here], pairs = _met(stands[here], stands[there], group)
            place.unite(here, there)
        group.unite(*pairs.pop(0))
        left -= 1
    return [out[n] for n in sizes]


def _met(
    one: dict[int, int], other: dict[int, int], group: _Sets
) -> tuple[dict[int, int], list[tuple[int, int]]]:
    """What stands where two places were, by class, and the pairs of super-nodes to unite."""
    for lone, rest in ((one, other), (other, one)):
        if -1 in lone and -1 not in rest:
            largest = max(sorted(rest), key=lambda c: group.size[group.top(rest[c])])
            return rest, [(rest[largest], lone[-1])]
    return {**other, **one}, [(one[c], other[c]) for c in one if c in other]


class _Sets:
    """Sets that are united, each with the least of its members on top."""

    def __init__(self, m: int) -> None:
        self.above, self.size = list(range(m)), [1] * m

    def top(self, i: int) -> int:
        while self.above[i] != i:
            self.above[i] = self.above[self.above[i]]
            i = self.above[i]
        return i

    def unite(self, i: int, j: int) -> None:
        i, j = sorted((self.top(i), self.top(j)))
        self.above[j] = i
        self.size[i] += self.size[j]
