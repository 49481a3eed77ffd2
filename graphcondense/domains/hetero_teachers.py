"""Soft labels of all nodes of a heterogeneous graph's target type, in closed form."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from scipy.linalg import lapack
from scipy.special import softmax
from torch import Tensor

from graphcondense.domains.hetero import Array, HeteroSource, unit
from graphcondense.ops.hetero import HeteroGraph, Relation, Rows

MOST = 10_000
"""Training nodes that the first lesson learns from, at most; all others of them count as neighbours
with known labels."""

SCALE = 10.0
"""Of answers before they become probabilities."""


@dataclass(frozen=True)
class HeteroTaught:
    """What the teacher says.

    Attributes:
        soft: labels ``[N, C]`` float32, those of training nodes as they are given.
        score: share of validation nodes that it is right on; NaN without any.
        ridge: of the last lesson.
    """

    soft: Array
    score: float
    ridge: float


@dataclass(frozen=True)
class HeteroTeacher:
    """Two ridge regressions, the second on what the first says of a node's neighbours.

    1. On ``[unit x_i | unit mean_r(x) | mean_r(y)]`` side by side for all relations ``r`` into the
       target type: raw features, and known labels of neighbours, of which a node's own is none.
       Labels of nodes that lie two steps away, by another type, count, too. With ``K`` the products
       of training rows, ``(K + λ I)⁻¹ Y`` are the weights of training nodes.
    2. On ``[P | mean_r(P) | mean_r(y)]`` with ``P`` the soft labels of the first. What it says of a
       training node is what it would say without it: ``y_i - a_i / G_ii``, where ``G = (K + λ
       I)⁻¹`` and ``a = G Y`` (leave-one-out in closed form), lest the second trusted it too much.
       The penalty is chosen on validation nodes, the first without any.

    Attributes:
        ridge: penalty of the first lesson; the rows of each relation have length one.
        ridges: penalties that the second chooses from.
    """

    ridge: float = 3.0
    ridges: tuple[float, ...] = (1.0, 3.0, 10.0, 100.0)

    def teach(self, real: HeteroSource, draws: np.random.Generator) -> HeteroTaught:
        """Soft labels of all target nodes.

        Args:
            real: training labels, and those of validation nodes, by which the penalty is chosen.
            draws: the training nodes of the first lesson, where there are more than
                :data:`MOST`.
        """
        task = real.task
        graph, target, classes = task.graph, task.target, task.num_classes
        train = task.train.numpy()
        given = np.eye(classes, dtype=np.float32)[task.y[task.train].numpy()]
        known = np.zeros((task.num_nodes, classes), np.float32)
        known[train] = given
        if len(train) == task.num_nodes:
            return HeteroTaught(known, float("nan"), 0.0)
        labels = known_around(graph, target, known)
        at = np.sort(draws.permutation(len(train))[:MOST])
        out = self._first(graph, target, labels, train[at], given[at])
        soft = probabilities(out)
        best: tuple[float, float, Array] | None = None
        heard = [soft, *_brought(graph, target, soft), *labels]
        rows = np.hstack(heard).astype(np.float32)
        gram, right = rows[train].T @ rows[train], rows[train].T @ given
        for ridge in self.ridges if real.validation else self.ridges[:1]:
            weights = np.linalg.solve(gram + ridge * np.eye(len(gram), dtype=np.float32), right)
            answer = rows @ weights
            score = right_on(answer, real.validation)
            if best is None or score > best[0]:
                best = score, ridge, answer
        assert best is not None
        score, ridge, answer = best
        soft = probabilities(answer)
        soft[train] = given
        return HeteroTaught(soft, score, ridge)

    def _first(
        self, graph: HeteroGraph, target: str, labels: list[Array], train: np.ndarray, given: Array
    ) -> Array:
        """Answers ``[N, C]``; those of the training nodes ``[m]`` are without themselves."""
        gram = self.ridge * np.eye(len(train), dtype=np.float32)
        for block in blocks(graph, target, labels):
            part = block[train]
            gram += np.asarray(
                part @ (part.T if isinstance(part, np.ndarray) else part.T.toarray())
            )
        inverse = inverted(gram)
        weights = inverse @ given
        out = np.zeros((graph.counts[target], given.shape[1]), np.float32)
        for block in blocks(graph, target, labels):
            out += np.asarray(block @ np.asarray(block[train].T @ weights))
        out[train] = given - weights / inverse.diagonal()[:, None]
        return out


def blocks(graph: HeteroGraph, target: str, labels: list[Array]) -> Iterator[Rows]:
    """What the first lesson is on, one relation at a time."""
    yield unit(graph.x[target])
    for relation in graph.into(target):
        yield unit(graph.means[relation] @ graph.x[relation[0]])
    yield from labels


def known_around(graph: HeteroGraph, target: str, known: Array) -> list[Array]:
    """Means of the known labels ``[N, C]`` of nodes one step away, and two steps by another type;
    a node's own counts nowhere."""
    out = []
    for relation in graph.into(target):
        mean = graph.means[relation]
        if relation[0] == target:
            out.append(without_own(mean @ known, mean.diagonal(), known))
            continue
        for other in _from(graph, target, relation[0]):
            own = np.asarray(mean.multiply(graph.means[other].T).sum(1)).ravel()
            out.append(without_own(mean @ (graph.means[other] @ known), own, known))
    return out


def _from(graph: HeteroGraph, source: str, end: str) -> list[Relation]:
    return [relation for relation in graph.relations if (relation[0], relation[2]) == (source, end)]


def without_own(rows: Array, share: np.ndarray, own: Array) -> Array:
    """Rows less a share ``[N]`` of a node's own."""
    return (rows - share[:, None] * own).astype(np.float32)


def _brought(graph: HeteroGraph, target: str, soft: Array) -> list[Array]:
    """What relations bring of the target's rows, in one step, or in two by another type."""
    out = []
    for relation in graph.into(target):
        if relation[0] == target:
            out.append(graph.means[relation] @ soft)
        else:
            out += [
                graph.means[relation] @ (graph.means[other] @ soft)
                for other in _from(graph, target, relation[0])
            ]
    return out


def inverted(matrix: Array) -> Array:
    """The inverse of a positive definite matrix, by Cholesky; the matrix is overwritten."""
    factor, failed = lapack.spotrf(matrix, lower=0, overwrite_a=1)
    assert not failed, "the ridge is above zero"
    upper, _ = lapack.spotri(factor, lower=0, overwrite_c=1)
    out: Array = np.triu(upper) + np.triu(upper, 1).T
    return out


def probabilities(answers: Array) -> Array:
    """Rows ``[N, C]`` that sum to one."""
    out: Array = softmax(SCALE * answers, axis=1).astype(np.float32)
    return out


def right_on(answers: Array, held: tuple[Tensor, Tensor] | None) -> float:
    """The share of validation nodes that answers are right on."""
    if held is None:
        return float("nan")
    nodes, classes = (part.numpy() for part in held)
    return float((answers[nodes].argmax(1) == classes).mean())
