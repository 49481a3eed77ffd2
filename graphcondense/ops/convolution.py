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


def nearest(rows: Array, k: int) -> sp.csr_matrix:
    """Ones between each row and the ``k`` others that are nearest to it ``[m, m]``, both ways.

    >>> nearest(np.array([[0.0], [1.0], [3.0]]), 1).toarray().tolist()
    [[0.0, 1.0, 0.0], [1.0, 0.0, 1.0], [0.0, 1.0, 0.0]]
    """
    from sklearn.neighbors import NearestNeighbors

    m = len(rows)
    k = min(k, m - 1)
    if k < 1:
        return sp.csr_matrix((m, m))
    found = (
        NearestNeighbors(n_neighbors=k, algorithm="brute")
        .fit(rows)
        .kneighbors(return_distance=False)
    )
    ends = (np.repeat(np.arange(m), k), found.ravel())
    one_way = sp.csr_matrix((np.ones(m * k), ends), shape=(m, m))
    return sp.csr_matrix(one_way.maximum(one_way.T))


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
