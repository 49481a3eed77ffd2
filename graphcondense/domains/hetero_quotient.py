"""Groups of nodes of every type, and the relations between groups."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from functools import reduce

import numpy as np
import scipy.sparse as sp
import torch
from torch import Tensor

from graphcondense.data.hetero_parts import Ids, order_of
from graphcondense.domains.hetero import Array, HeteroSource, few, unit
from graphcondense.domains.hetero_teachers import MOST
from graphcondense.domains.partitions import parts_within
from graphcondense.domains.solved import Said, solved_labels
from graphcondense.ops.blocks import parts as blocks_of
from graphcondense.ops.budget import Budget
from graphcondense.ops.coarsen import parts_of
from graphcondense.ops.hetero import HeteroGraph, Relation, Rows

AT_ONCE = 400
"""Clusters that k-means makes at once, at most."""

BLOCK = 8192
"""Real nodes that are compared with groups at once."""

Parts = Mapping[str, "np.ndarray"]
"""By type the group of each node ``[N]``."""


def grouped(
    real: HeteroSource,
    soft: Array,
    predicted: Ids,
    sizes: Tensor,
    counts: Mapping[str, int],
    dims: int,
    weight: float,
    draws: np.random.Generator,
) -> dict[str, np.ndarray]:
    """Groups of nodes of every type.

    K-means parts the target nodes of each predicted class on ``[P | w unit x | w unit mean_r(x)]``
    for all relations ``r`` into the type, and then the nodes of each other type, those nearest to
    the target first, on what they hear of the types before: means of ``[P | w unit x]``.

    Args:
        real: the graph.
        soft: labels ``P`` of target nodes ``[N, C]``.
        predicted: the class of each, or the group that stands for it ``[N]``.
        sizes: groups of each class ``[C]``.
        counts: groups of each other type.
        dims: leading singular vectors of features.
        weight: of features beside soft labels.
        draws: of k-means.
    """
    task = real.task
    graph, target = task.graph, task.target
    x = {kind: few(rows, dims, draws) for kind, rows in graph.x.items()}

    def clusters(rows: Array, k: int) -> np.ndarray:
        return clustered(rows, k, draws)

    brought = [graph.means[relation] @ x[relation[0]] for relation in graph.into(target)]
    near = np.hstack([soft, *(weight * unit(rows) for rows in (x[target], *brought))])
    near = near.astype(np.float32, copy=False)
    parts = {target: parts_within(predicted, sizes, lambda nodes, k: clusters(near[nodes], k))}
    told = {target: np.hstack([soft, weight * unit(x[target])]).astype(np.float32)}
    for kind in order_of(graph, target):
        rows = [part for other in told for part in _heard(graph, kind, other, told[other])]
        told[kind] = np.hstack([weight * unit(x[kind]), *rows]).astype(np.float32)
        parts[kind] = clusters(told[kind], counts[kind])
        told[kind] = few(told[kind], dims, draws)
    return {kind: parts[kind] for kind in graph.x}


def grouped_bytes(real: HeteroSource, dims: int) -> int:
    """What the teacher and :func:`grouped` hold: products of training rows and their inverse, the
    rows that the clustering sees, twice, soft labels and those of neighbours, and the graph."""
    graph, n, c = real.task.graph, real.num_examples, real.task.num_outputs
    into, m = len(graph.into(real.task.target)), min(len(real.task.train), MOST)
    rows = 8 * n * ((into + 1) * dims + c) + 8 * n * c * (2 * into + 3)
    wide = max(4 * k * m for k in graph.widths.values())
    return 12 * m * m + wide + rows + 16 * real.task.size[2]


def clustered(rows: Array, k: int, draws: np.random.Generator) -> np.ndarray:
    """The cluster of each row ``[m]``, by k-means. Of more than :data:`AT_ONCE` clusters, ``√k``
    coarse ones come first, each then parted in proportion to its members: the work of ``k`` at once
    grows with ``m k``."""

    def once(rows: Array, k: int) -> np.ndarray:
        return parts_of(rows, k, int(draws.integers(2**31)), starts=1)

    if k <= AT_ONCE:
        return once(rows, k)
    coarse = once(rows, round(k**0.5))
    sizes = Budget(nodes=k).allocate(torch.bincount(torch.from_numpy(coarse)), len(rows))
    return parts_within(coarse, sizes, lambda nodes, k: once(rows[nodes], k))


def _heard(graph: HeteroGraph, kind: str, other: str, rows: Array) -> list[Array]:
    """What nodes of a type hear of another, by relations in either direction."""
    out = []
    for relation, matrix in graph.relations.items():
        if (relation[0], relation[2]) == (other, kind):
            out.append(graph.means[relation] @ rows)
        elif (relation[2], relation[0]) == (other, kind) and not out:
            total = np.asarray(matrix.sum(0)).ravel()
            out.append(sp.diags(1 / np.maximum(total, 1)) @ (matrix.T @ rows))
    return out


def quotient_of(graph: HeteroGraph, parts: Parts, cut: float) -> HeteroGraph:
    """The graph between groups.

    A group's features are the mean of its members'. The weight of relation ``r`` from group ``b``
    to group ``a`` is ``mean_{i in a} Σ_{j in b} mean_r[i, j]``: what a mean over neighbours takes
    from ``b``, on average over ``a``. So a weighted sum over neighbouring groups is the mean over
    members of what mean aggregation gives them, as far as members of ``b`` are alike; where some
    have no neighbour, weights sum to less than one.

    Args:
        graph: the real one.
        parts: the group of each node.
        cut: weights below it are left out, and the others of a group raised to the same sum.
    """
    members = {kind: _mean_of(part) for kind, part in parts.items()}
    x = {kind: _dense(members[kind] @ rows) for kind, rows in graph.x.items()}
    relations: dict[Relation, sp.csr_matrix] = {}
    for relation, mean in graph.means.items():
        into = parts[relation[0]]
        count = members[relation[0]].shape[0]
        ones = np.ones(len(into), np.float32)
        belongs = sp.csr_matrix((ones, (np.arange(len(into)), into)), shape=(len(into), count))
        relations[relation] = trimmed(members[relation[2]] @ mean @ belongs, cut)
    return HeteroGraph(x, relations)


def trimmed(matrix: sp.csr_matrix, cut: float) -> sp.csr_matrix:
    """Rows without entries below ``cut``, but for the largest, raised to the sum that they had.

    >>> trimmed(sp.csr_matrix([[0.5, 0.25, 0.25], [2.0, 0.0, 0.0]]), 0.3).toarray().tolist()
    [[1.0, 0.0, 0.0], [2.0, 0.0, 0.0]]
    """
    out = sp.csr_matrix(matrix, dtype=np.float64, copy=True)
    before = np.asarray(out.sum(1)).ravel()
    top = out.max(1).toarray().ravel()
    row = np.repeat(np.arange(out.shape[0]), np.diff(out.indptr))
    out.data[(out.data < cut) & (out.data < top[row])] = 0
    out.eliminate_zeros()
    after = np.asarray(out.sum(1)).ravel()
    scaled = sp.diags(before / np.where(after > 0, after, 1)) @ out
    return sp.csr_matrix(scaled, dtype=np.float32)


def answered(
    graph: HeteroGraph,
    small: HeteroGraph,
    target: str,
    soft: Array,
    labels: Array,
    middle: Array,
    penalty: float,
) -> Array:
    """Labels of groups ``[n, K]`` from which ridge regression on the features of a node and those
    that each relation brings says the soft labels of real nodes
    (:func:`~graphcondense.domains.solved.solved_labels`).

    Args:
        graph: the real one.
        small: that of groups.
        target: the type with labels.
        soft: labels of its real nodes ``[N, K]``.
        labels: those of groups, means of members.
        middle: the mean of all ``[K]``.
        penalty: of the regression.
    """
    few = [_dense(rows) for rows in _seen(small, target, slice(None))]

    def products() -> Iterator[tuple[slice, Array]]:
        for block in blocks_of(graph.counts[target], BLOCK):
            real = _seen(graph, target, block)
            yield block, _summed(rows @ own.T for rows, own in zip(real, few, strict=True))

    inside = _summed(own @ own.T for own in few)
    said = Said.of(products(), inside, soft, middle)
    return middle + solved_labels([said], labels - middle, penalty)


def _summed(products: Iterable[Array]) -> Array:
    out: Array = np.asarray(reduce(np.add, products))
    return out


def _seen(graph: HeteroGraph, target: str, block: slice) -> Iterator[Rows]:
    """The features of some nodes of a type, and what each relation brings them."""
    yield graph.x[target][block]
    for relation in graph.into(target):
        yield graph.means[relation][block] @ graph.x[relation[0]]


def _mean_of(part: np.ndarray) -> sp.csr_matrix:
    """``[groups, N]``, which takes means over members."""
    count = np.bincount(part)
    values = (1 / np.maximum(count, 1))[part].astype(np.float32)
    return sp.csr_matrix((values, (part, np.arange(len(part)))), shape=(len(count), len(part)))


def _dense(rows: Rows) -> Array:
    out: Array = np.asarray(rows if isinstance(rows, np.ndarray) else rows.toarray())
    return out.astype(np.float32)


def mean_labels(part: np.ndarray, labels: Array) -> Array:
    """The mean of members' labels ``[n, C]``."""
    mean = np.asarray(_mean_of(part) @ labels, dtype=np.float32)
    out: Array = np.clip(mean, labels.min(0), labels.max(0))  # sums of rounded shares may be above
    return out
