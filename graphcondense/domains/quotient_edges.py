"""Links of a quotient graph: to siblings, to a node itself, and as light as sums over neighbours
want them."""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp

from graphcondense.domains.quotient_features import length_of
from graphcondense.domains.views import unit
from graphcondense.ops.adjacency import gcn_norm_csr
from graphcondense.ops.coarsen import Array


def to_siblings(links: Array, moved: float, x: Array, classes: Array) -> Array:
    """A share of each diagonal entry, halved, onto both directions to the most similar node of its
    class; similar are features by their cosine. The only node of a class keeps its loop whole.

    >>> links = np.array([[2.0, 1.0, 0.0], [1.0, 3.0, 0.0], [0.0, 0.0, 0.0]])
    >>> x = np.array([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]])
    >>> to_siblings(links, 1, x, np.array([0, 1, 0])).tolist()
    [[0.0, 1.0, 1.0], [1.0, 3.0, 0.0], [1.0, 0.0, 0.0]]
    """
    rows = unit(x)
    close = np.where(classes[:, None] == classes, rows @ rows.T, -np.inf)
    np.fill_diagonal(close, -np.inf)
    inside = np.where(np.isfinite(close).any(1), moved * links.diagonal(), 0)
    nodes, nearest = np.arange(len(links)), close.argmax(1)
    out: Array = links - np.diag(inside)
    np.add.at(out, (nodes, nearest), inside / 2)
    np.add.at(out, (nearest, nodes), inside / 2)
    return out


def cut_off(links: Array | sp.csr_matrix, share: float) -> sp.csr_matrix:
    """A copy without the links below a ``share`` of the largest."""
    kept = sp.csr_matrix(links, copy=True)
    kept.data[kept.data < share * kept.max()] = 0
    kept.eliminate_zeros()
    return kept


def looped(links: sp.csr_matrix) -> sp.csr_matrix:
    """With a self-loop of weight one, as a GCN gives it, where there is none."""
    return links + sp.diags_array((links.diagonal() == 0).astype(links.dtype))


def spread_of(x: Array) -> float:
    """The root mean square distance of rows ``x [n, k]`` from their mean."""
    return length_of(x - x.mean(0))


def spread_after(links: sp.csr_matrix, x: Array, hops: int) -> float:
    """:func:`spread_of` of ``Â^hops x``.

    >>> pair = sp.csr_matrix(np.ones((2, 2)))
    >>> [spread_after(pair, np.array([[1.0], [-1.0]]), hops) for hops in (0, 1)]
    [1.0, 0.0]
    """
    adj = gcn_norm_csr(links)
    for _ in range(hops):
        x = adj @ x
    return spread_of(x)


def factor_of(links: sp.csr_matrix, x: Array, bound: float) -> float:
    """By what all links are multiplied so that the sums ``x + links x`` are at most ``bound`` long
    in the root mean square, or a node has one link on average; 1 at most.

    >>> x, links = np.array([[3.0, 4.0], [3.0, 4.0]]), sp.csr_matrix(np.full((2, 2), 1.5))
    >>> factor_of(links, x, 20.0), factor_of(links, x, 12.5), factor_of(links, x, 1.0)
    (1.0, 0.5, 0.3333333333333333)
    """
    own, summed = length_of(x), length_of(links @ x)
    if own + summed <= bound:
        return 1.0
    return min(1.0, max((bound - own) / summed, len(x) / float(links.sum())))
