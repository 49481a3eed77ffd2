"""What contracting two nodes changes of a graph convolution (Dickens et al., WWW 2024).

A node ``i`` of a coarse graph has ``s_i`` members, the mean ``x_i`` of their features, edges
``w_ij`` and a self-loop ``l_i``, so that all together are ``(P⁺)ᵀ (A + I) P⁺``. With degrees
``d_i = l_i + Σ_j w_ij`` and ``y_i = x_i / √d_i`` its convolution is
``h_i = (l_i y_i + Σ_j w_ij y_j) / √d_i``.
"""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp

from graphcondense.ops.arrays import Array
from graphcondense.ops.blocks import parts
from graphcondense.ops.coarsen import Candidates, Level, contracted, means, members, of_edges

PAIRS = 2**12
"""Pairs that are priced at once."""
MANY = 2**15
"""Rows from which on near ones are looked for in float32 first."""
AT_ONCE, GROUPS, CROWD = 128, 1024, 100
"""Of many rows: those that are compared with all others at once, the groups that bound which are
near, and how many times too many may be within the bound, as where rows are equal."""


def nearest(rows: Array, k: int) -> sp.csr_matrix:
    """Ones between each row and the ``k`` others that are nearest to it ``[m, m]``, both ways.

    >>> nearest(np.array([[0.0], [1.0], [3.0]]), 1).toarray().tolist()
    [[0.0, 1.0, 0.0], [1.0, 0.0, 1.0], [0.0, 1.0, 0.0]]
    """
    m = len(rows)
    k = min(k, m - 1)
    if k < 1:
        return sp.csr_matrix((m, m))
    found = _near_of_many(rows, k) if m > MANY else _near(rows, k)
    ends = (np.repeat(np.arange(m), k), found.ravel())
    one_way = sp.csr_matrix((np.ones(m * k), ends), shape=(m, m))
    return sp.csr_matrix(one_way.maximum(one_way.T))


def _near(rows: Array, k: int, of: Array | None = None) -> Array:
    """The ``k`` others nearest to each row ``[m, k]``, or to each of the rows ``of``, which are
    places."""
    from sklearn.neighbors import NearestNeighbors

    found = NearestNeighbors(n_neighbors=k, algorithm="brute").fit(rows)
    if of is None:
        return np.asarray(found.kneighbors(return_distance=False))
    near = found.kneighbors(rows[of], k + 1, return_distance=False)
    # Oneself goes last; among equal rows one may not be there, and the last of them goes.
    order = np.argsort(near == of[:, None], axis=1, kind="stable")
    out: Array = np.take_along_axis(near, order, 1)[:, :k]
    return out


def _near_of_many(rows: Array, k: int) -> Array:
    """The same ``[m, k]``; what is surely farther is excluded in float32.

    ``‖q - p‖² / 2`` less what depends on ``q`` alone is one product, ``[-q, 1] · [p, ‖p‖² / 2]``.
    Of a row's products with all others, the minima of groups bound the ``k``-th smallest; those
    within the bound, and twice the rounding of float32, are compared in float64.
    """
    m, d = rows.shape
    centred = rows - rows.mean(0)
    narrow = centred.astype(np.float32)
    half = np.square(narrow).sum(1) / 2
    points = np.ascontiguousarray(np.column_stack([narrow, half]).T)
    queries = np.column_stack([-narrow, np.ones(m, np.float32)])
    slack = 4 * (d + 4) * np.finfo(np.float32).eps * half.max()
    groups = max(min(GROUPS, m // 2), k + 1)
    width = m // groups
    out, crowded = np.empty((m, k), np.int64), []
    room, kept = np.empty((AT_ONCE, m), np.float32), np.empty((AT_ONCE, m), bool)
    for part in parts(m, AT_ONCE):
        count = part.stop - part.start
        products = np.matmul(queries[part], points, out=room[:count])
        least = products[:, : groups * width].reshape(-1, width, groups).min(1)
        bound = np.partition(least, k, axis=1)[:, k] + slack  # one of the k + 1 may be oneself
        within = np.less_equal(products, bound[:, None], out=kept[:count])
        i, j = np.divmod(np.flatnonzero(within), m)
        many = np.bincount(i, minlength=count) > CROWD * k
        crowded.append(part.start + np.flatnonzero(many))
        other = (part.start + i != j) & ~many[i]
        i, j = i[other], j[other]
        apart = np.square(centred[part.start + i] - centred[j]).sum(1)
        order = np.lexsort((j, apart, i))
        own = np.flatnonzero(~many)
        first = np.searchsorted(i[order], own)
        out[part.start + own] = j[order][first[:, None] + np.arange(k)]
    left = np.concatenate(crowded)
    if len(left):
        out[left] = _near(rows, k, left)
    return out


class Convolution:
    """A convolution of a level, and what contracting pairs of its nodes costs.

    Args:
        level: the graph.
        x: features of its nodes ``[m, k]``.
        weight: how often a change at each node of the first graph counts ``[N]``; a change at a
            group counts for all its members. ``None`` counts it once.
    """

    def __init__(self, level: Level, x: Array, weight: Array | None) -> None:
        self.adj, self.x = level.adj, x
        self.size = np.bincount(level.part, minlength=len(x)).astype(np.float64)
        self.degree = level.volume + self.size
        self.loop = self.degree - level.degree
        self.scale = self.degree**-0.5
        self.y = x * self.scale[:, None]
        self.sums = level.adj @ self.y
        self.h = (self.sums + self.loop[:, None] * self.y) * self.scale[:, None]
        m = len(x)
        self.weight = np.ones(m) if weight is None else members(level.part, m) @ weight
        self.ear = self.weight * self.scale
        self.heard = level.adj @ self.ear  # how much all neighbours listen to a node

    def costs(self, i: Array, j: Array, exact: bool) -> Array:
        """``[e]``, by how much a convolution changes when ``i`` and ``j`` become one: the sum of
        ``‖h - h'‖`` over both and all neighbours, weighted.

        Args:
            i, j: pairs of nodes ``[e]``.
            exact: a neighbour of both hears both changes, which may cancel. Without, it counts as
                two, which is an upper bound of local terms.
        """
        blocks = [self._costs(i[part], j[part], exact) for part in parts(len(i), PAIRS)]
        return np.concatenate([np.zeros(0), *blocks])

    def _costs(self, i: Array, j: Array, exact: bool) -> Array:
        s, d, w = self.size, self.degree, np.asarray(self.adj[i, j]).ravel()
        x = s[i, None] * self.x[i] + s[j, None] * self.x[j]
        scale = (d[i] + d[j]) ** -0.5
        y = x * (scale / (s[i] + s[j]))[:, None]
        loop = self.loop[i] + self.loop[j] + 2 * w
        sums = self.sums[i] + self.sums[j] - w[:, None] * (self.y[i] + self.y[j])
        h = (sums + loop[:, None] * y) * scale[:, None]
        u, v = y - self.y[i], y - self.y[j]
        uu, vv = _lengths(u), _lengths(v)
        own = self.weight[i] * _lengths(h - self.h[i]) + self.weight[j] * _lengths(h - self.h[j])
        out: Array = own + uu * (self.heard[i] - w * self.ear[j])
        out += vv * (self.heard[j] - w * self.ear[i])
        if exact:
            one, other = sp.csr_matrix(self.adj[i]), sp.csr_matrix(self.adj[j])
            both = (_ones(other).multiply(one).tocsr(), _ones(one).multiply(other).tocsr())
            for part in both:
                part.sort_indices()
            row = np.repeat(np.arange(len(i)), np.diff(both[0].indptr))
            a, b = both[0].data, both[1].data
            joint = np.square(a * uu[row]) + np.square(b * vv[row])
            joint += 2 * a * b * (u * v).sum(1)[row]
            less = np.sqrt(np.maximum(joint, 0)) - a * uu[row] - b * vv[row]
            out += np.bincount(row, less * self.ear[both[0].indices], minlength=len(i))
        return out


def convolved(
    level: Level,
    x: Array,
    rows: Array,
    near: sp.csr_matrix,
    k: int,
    share: float,
    *,
    exact: bool,
    weight: Array | None,
) -> Candidates:
    """The pairs of a level that change its convolution least.

    Args:
        level: the graph.
        x: features of the first graph ``[N, c]``.
        rows: what near nodes have similar ``[N, e]``.
        near: pairs of the first graph that may be contracted ``[N, N]``. Where none of them is
            left, pairs are the ``k`` nearest by the means of ``rows``; and where labels keep all
            of these apart, neighbours of the same label in the order of nodes.
        k: see there.
        share: pairs that are returned, as a share of the nodes; at least one.
        exact: see :meth:`Convolution.costs`.
        weight: see :class:`Convolution`.
    """
    m = level.adj.shape[0]
    mean = means(level.part, m)
    pairs = _free(level, contracted(near, level.part, m))
    if not len(pairs[0]):
        pairs = _free(level, nearest(mean @ rows, k))
    if not len(pairs[0]):
        order = np.argsort(level.label, kind="stable")
        same = level.label[order][:-1] == level.label[order][1:]
        pairs = order[:-1][same], order[1:][same]
    i, j = pairs
    cost = Convolution(level, mean @ x, weight).costs(i, j, exact)
    kept = np.argsort(cost, kind="stable")[: max(int(share * m), 1)]
    return of_edges(i[kept], j[kept], cost[kept], m)


def _free(level: Level, near: sp.csr_matrix) -> tuple[Array, Array]:
    """Pairs ``i < j`` that labels do not keep apart."""
    i, j = sp.triu(near, 1).nonzero()
    free = level.free(i, j)
    return i[free], j[free]


def _lengths(rows: Array) -> Array:
    out: Array = np.sqrt(np.square(rows).sum(1))
    return out


def _ones(matrix: sp.csr_matrix) -> sp.csr_matrix:
    return sp.csr_matrix((np.ones_like(matrix.data), matrix.indices, matrix.indptr), matrix.shape)
