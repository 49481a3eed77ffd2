"""Receptive fields of target nodes along meta-paths, and nodes of other types by them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp

from graphcondense.data.hetero_parts import Ids, order_of
from graphcondense.domains.hetero import Array, few
from graphcondense.ops.coarsen import parts_of
from graphcondense.ops.hetero import HeteroGraph, Relation, Rows

Path: TypeAlias = tuple[Relation, ...]
"""Relations one after the other, that which ends at the target type first."""

Scores: TypeAlias = "npt.NDArray[np.float64]"

ROUNDS = 300
"""Products of a personalised PageRank, at most."""

MOST = 1000
"""Meta-paths along which fields are made, at most: there are more with each hop, many times."""

BEYOND = 10**12
"""Where meta-paths are no longer counted."""

CLOSE = 1e-9
"""What a round changes at most once it is done, relative to what there is."""


def both_ways(graph: HeteroGraph) -> HeteroGraph:
    """The graph with a way back for each relation between two types that has none."""
    pairs = {(source, end) for source, _, end in graph.relations}
    back: dict[Relation, sp.csr_matrix] = {
        (end, f"{name} back", source): sp.csr_matrix(matrix.T)
        for (source, name, end), matrix in graph.relations.items()
        if (end, source) not in pairs
    }
    return HeteroGraph(graph.x, {**graph.relations, **back})


def meta_paths(graph: HeteroGraph, target: str, hops: int) -> list[Path]:
    """All meta-paths of one to ``hops`` relations by which the target type hears of others, shorter
    ones first."""
    out: list[Path] = []
    ends: list[Path] = [()]
    for _ in range(hops):
        ends = [(*path, r) for path in ends for r in graph.into(path[-1][0] if path else target)]
        out += ends
    return out


def refuse_many(graph: HeteroGraph, target: str, hops: int) -> None:
    """Raise a ValueError where there are more meta-paths of so many ``hops`` than :data:`MOST`, of
    which nothing but their number is made."""
    ends, total, fits = {target: 1}, 0, 0
    for hop in range(1, hops + 1):
        further: dict[str, int] = {}
        for kind, count in ends.items():
            for relation in graph.into(kind):
                further[relation[0]] = further.get(relation[0], 0) + count
        ends, total = further, total + sum(further.values())
        if total <= MOST:
            fits = hop
        elif hop == hops or total > BEYOND:
            least = "" if hop == hops else "more than "
            fix = f"hops={fits} is the largest that is below" if fits else "leave relations out"
            raise ValueError(
                f"hops={hops} gives {least}{min(total, BEYOND):,} meta-paths to {target!r}, and "
                f"fields are made along {MOST:,} at most: {fix}"
            )


def thinned(
    matrix: sp.csr_matrix, most: int, draws: np.random.Generator, nodes: Ids | None = None
) -> sp.csr_matrix:
    """At most ``most`` neighbours of each node, drawn; of some nodes alone where they are given.
    Entries are one.

    >>> thinned(sp.csr_matrix([[0, 2, 3], [0, 0, 1]]), 1, np.random.default_rng(0)).nnz
    2
    """
    rows = matrix if nodes is None else matrix[nodes]
    count = np.diff(rows.indptr)
    row = np.repeat(np.arange(len(count)), count)
    order = np.lexsort((draws.random(rows.nnz), row))  # each row's entries in a drawn order
    place = np.arange(rows.nnz) - np.repeat(rows.indptr[:-1], count)
    kept = order[place < most]
    ones = np.ones(len(kept), np.float32)
    return sp.csr_matrix((ones, (row[kept], rows.indices[kept])), shape=rows.shape)


def fields_along(
    graph: HeteroGraph, nodes: Ids, paths: Sequence[Path], most: int, draws: np.random.Generator
) -> Iterator[sp.csr_matrix]:
    """Receptive fields of nodes ``[m]`` along each meta-path: 0/1 matrices ``[m, N_end]``.

    Args:
        graph: the relations.
        nodes: of the type at which paths end.
        paths: of :func:`meta_paths`, so that a path comes after the path it goes on from.
        most: neighbours that a node has of a relation; hubs have so many drawn ones.
        draws: of neighbours.
    """
    steps = {r: thinned(m, most, draws) for r, m in graph.relations.items()}
    found: dict[Path, sp.csr_matrix] = {}
    longest = max((len(path) for path in paths), default=0)
    for path in paths:
        step = steps[path[-1]]
        reached = step[nodes] if len(path) == 1 else found[path[:-1]] @ step
        reached.data[:] = 1
        if len(path) < longest:
            found[path] = reached
        yield reached


def jaccard(a: sp.csr_matrix, b: sp.csr_matrix) -> Scores:
    """``|A_i ∩ B_i| / |A_i ∪ B_i|`` by row of 0/1 matrices ``[m, N]``, 1 where both are empty.

    >>> a, b = sp.csr_matrix([[1.0, 1, 0], [0, 0, 0]]), sp.csr_matrix([[0.0, 1, 1], [0, 0, 0]])
    >>> jaccard(a, b).round(3).tolist()
    [0.333, 1.0]
    """
    both = np.asarray(a.multiply(b).sum(1), dtype=np.float64).ravel()
    either = np.diff(a.indptr) + np.diff(b.indptr) - both
    return np.where(either > 0, both / np.maximum(either, 1), 1.0)


def likeness(fields: Sequence[sp.csr_matrix]) -> list[Scores]:
    """For each of several fields of the same nodes, in the same type, its mean :func:`jaccard` with
    the others ``[m]``; zeros where there is one alone."""
    total = [np.zeros(field.shape[0]) for field in fields]
    for i, one in enumerate(fields):
        for j in range(i):
            alike = jaccard(one, fields[j])
            total[i] += alike
            total[j] += alike
    return [score / max(len(fields) - 1, 1) for score in total]


def covering(field: sp.csr_matrix, bonus: Scores, k: int) -> tuple[Ids, Scores]:
    """``k`` rows that are chosen one after the other, each with the largest score, and the scores.

    The score of row ``v`` is ``|R(S + v) - R(S)| / max_u |R(u)| + bonus_v``, where ``R(S)`` is
    the union of the fields of the rows ``S`` that are chosen so far.

    >>> field = sp.csr_matrix([[1.0, 1, 0, 0], [1, 1, 1, 0], [0, 0, 0, 1]])
    >>> covering(field, np.zeros(3), 2)[0].tolist()
    [1, 2]
    """
    largest = max(int(np.diff(field.indptr).max(initial=0)), 1)
    free, uncovered = np.ones(field.shape[0], bool), np.ones(field.shape[1], np.float32)
    chosen, scores = [], []
    for _ in range(k):
        score = (field @ uncovered) / largest + bonus
        at = int(np.where(free, score, -np.inf).argmax())
        free[at] = False
        uncovered[field.indices[field.indptr[at] : field.indptr[at + 1]]] = 0
        chosen.append(at)
        scores.append(float(score[at]))
    return np.array(chosen, np.int64), np.array(scores)


def influence(graph: HeteroGraph, path: Path, chosen: Ids, restart: float) -> Scores:
    """How much chosen nodes of the path's first type hear of each node of its last type.

    ``Σ_{s in S} Π[s, v]`` with ``Π = a (I - (1 - a) Â)⁻¹``, the personalised PageRank on the graph
    of both types, whose edges ``A`` are the paths between them (each once for every way to go, in
    both directions), and ``Â = D^-1/2 (A + I) D^-1/2``. As ``Â`` is symmetric, this is ``Π 1_S``,
    found by repeated products; neither ``Π`` nor the product of a path's relations is held.

    Args:
        graph: the relations.
        path: from the target type to the other.
        chosen: nodes of the target type.
        restart: ``a``.

    Returns:
        By node of the other type ``[N]``.
    """
    steps = [sp.csr_matrix(graph.relations[r] != 0, dtype=np.float64) for r in path]
    n, m = steps[0].shape[0], steps[-1].shape[1]

    def adjacent(both: Scores) -> Scores:
        left, right = both[:n], both[n:]
        for there, back in zip(reversed(steps), steps, strict=True):
            right, left = there @ right, back.T @ left
        return np.concatenate([right, left])

    scale = 1 / np.sqrt(adjacent(np.ones(n + m)) + 1)
    start = np.zeros(n + m)
    start[chosen] = 1
    now = restart * start
    for _ in range(ROUNDS):
        heard = scale * now
        after = (1 - restart) * scale * (adjacent(heard) + heard) + restart * start
        change, now = float(np.abs(after - now).sum()), after
        if change <= CLOSE * float(now.sum()):
            break
    return now[n:]


@dataclass(frozen=True)
class Made:
    """The small nodes of a type.

    Attributes:
        weights: ``[n, N]``, each row what a small node is a mean of, with sum one.
        parent: for a synthesised type, the type by whose nodes it was made.
        group: for such a type, the small node that each small node of ``parent`` has, -1 for none.
    """

    weights: sp.csr_matrix
    parent: str | None = None
    group: Ids | None = None


def picked(nodes: Ids, count: int) -> Made:
    """Real nodes as they are."""
    ones = np.ones(len(nodes), np.float32)
    return Made(sp.csr_matrix((ones, (np.arange(len(nodes)), nodes)), shape=(len(nodes), count)))


def roles(graph: HeteroGraph, target: str) -> tuple[dict[str, str | None], set[str]]:
    """The parent of every other type, by which it is reached from the target first, and the fathers
    among them: those that are the parent of others. Types that nothing leads to have none."""
    parents: dict[str, str | None] = {}
    near = [target]
    for kind in order_of(graph, target):
        linked = [
            other
            for other in near
            if any({other, kind} == {source, end} for source, _, end in graph.relations)
        ]
        parents[kind] = linked[0] if linked else None
        near.append(kind)
    return parents, {p for p in parents.values() if p is not None and p != target}


def merged_leaves(
    graph: HeteroGraph,
    kind: str,
    parent: str,
    above: Made,
    most: int,
    dims: int,
    draws: np.random.Generator,
) -> Made:
    """Synthesised nodes of a type: for each small node of the parent type, the mean of all nodes of
    the type that it touches, by relations in either direction.

    Parents that touch the same nodes share one; one that touches none has none. Where there are
    more than ``most``, k-means joins them, each to count as one.

    Args:
        graph: the relations and features.
        kind: the type.
        parent: its parent.
        above: the small nodes of the parent type.
        most: synthesised nodes.
        dims: leading singular vectors of their features, for k-means.
        draws: of k-means.
    """
    n = graph.counts[kind]
    touched = sp.csr_matrix((graph.counts[parent], n), dtype=np.float32)
    for (source, _, end), matrix in graph.relations.items():
        if (source, end) == (kind, parent):
            touched = touched + (matrix != 0)
        if (source, end) == (parent, kind):
            touched = touched + (matrix != 0).T
    near = sp.csr_matrix(above.weights @ touched)
    near.sort_indices()
    sets = [tuple(near.indices[a:b]) for a, b in zip(near.indptr, near.indptr[1:], strict=False)]
    number = {one: i for i, one in enumerate(dict.fromkeys(one for one in sets if one))}
    group = np.array([number.get(one, -1) for one in sets], np.int64)
    if not number:  # nothing is touched: the mean of all
        whole = sp.csr_matrix(np.full((1, n), 1 / n, np.float32))
        return Made(whole, parent, group)
    rows = np.repeat(np.arange(len(number)), [len(one) for one in number])
    columns = np.concatenate([np.array(one) for one in number])
    shares = np.repeat([1 / len(one) for one in number], [len(one) for one in number])
    made = sp.csr_matrix((shares.astype(np.float32), (rows, columns)), shape=(len(number), n))
    if len(number) > most:
        told = few(made @ graph.x[kind], dims, draws)
        part = parts_of(told, most, int(draws.integers(2**31)), starts=1)
        count = np.bincount(part, minlength=most)
        joins = sp.csr_matrix(
            ((1 / np.maximum(count, 1))[part].astype(np.float32), (part, np.arange(len(part)))),
            shape=(most, len(part)),
        )
        made, group = sp.csr_matrix(joins @ made), np.where(group >= 0, part[group], -1)
    return Made(made, parent, group)


def small_graph(graph: HeteroGraph, made: Mapping[str, Made]) -> HeteroGraph:
    """The graph of small nodes.

    Features are means of those that a small node is made of. A synthesised node has an edge with
    the parents that it was made for, of each relation that brings one of them a node; so a mean
    over neighbours is what it was in the real graph. All others have one where a node that the one
    is made of has one with a node that the other is made of. Weights are one.
    """
    x: dict[str, Rows] = {}
    for kind, rows in graph.x.items():
        small = made[kind].weights @ rows
        dense: Array = small if isinstance(small, np.ndarray) else small.toarray()
        x[kind] = dense.astype(np.float32)
    relations: dict[Relation, sp.csr_matrix] = {}
    for relation, matrix in graph.relations.items():
        source, _, end = relation
        edges = sp.csr_matrix(made[end].weights @ (matrix != 0) @ made[source].weights.T)
        for leaf, parent, turned in ((source, end, False), (end, source, True)):
            group = made[leaf].group
            if made[leaf].parent != parent or leaf == parent or group is None:
                continue
            at = np.flatnonzero(group >= 0)
            shape = (made[parent].weights.shape[0], made[leaf].weights.shape[0])
            ones = np.ones(len(at), np.float32)
            own = sp.csr_matrix((ones, (at, group[at])), shape=shape)
            edges = sp.csr_matrix(edges.multiply(own.T if turned else own))
        edges.eliminate_zeros()
        edges.data = np.ones_like(edges.data, dtype=np.float32)
        relations[relation] = edges.astype(np.float32)
    return HeteroGraph(x, relations)
