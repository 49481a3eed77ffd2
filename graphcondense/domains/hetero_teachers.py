"""Soft labels of all nodes of a heterogeneous graph's target type, in closed form."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from scipy.linalg import lapack

from graphcondense.domains.answers import BinaryAnswers, TargetAnswers, answers_of
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
        soft: labels ``[N, C]`` float32 as models learn them, those of training nodes as they are
            given.
        score: share of validation nodes that it is right on, of targets the mean squared error;
            NaN without any.
        ridge: of the last lesson; 0 where there was none.
        threshold: of binary tasks, the probability that one half stands for.
    """

    soft: Array
    score: float
    ridge: float
    threshold: float | None = None

    def told(self, label_kind: str) -> str:
        """What a record says of the teacher."""
        if not self.ridge:
            return "none: every node has a label"
        if np.isnan(self.score):
            score = "not validated"
        elif label_kind in ("classes", "soft"):
            score = f"right on {self.score:.1%} of validation nodes"
        else:
            score = f"squared error {self.score:.4f} on validation nodes"
        half = "" if self.threshold is None else f", one half is {self.threshold:g}"
        return f"ridge {self.ridge:g}, {score}{half}"


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

    Labels ``y`` are 0/1 columns of classes, or targets less their mean, which one that a node lacks
    counts as; ``P`` are probabilities over classes, or what is said of targets.

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
        graph, target = task.graph, task.target
        lesson = LESSONS[task.label_kind](real)
        train, given = task.train.numpy(), lesson.given
        known = np.zeros((task.num_nodes, given.shape[1]), np.float32)
        known[train] = given
        if len(train) == task.num_nodes and lesson.complete:
            return HeteroTaught(lesson.labels(known, known), float("nan"), 0.0)
        labels = known_around(graph, target, known)
        at = np.sort(draws.permutation(len(train))[:MOST])
        out = self._first(graph, target, labels, train[at], given[at])
        soft = lesson.heard(out)
        best: tuple[float, float, Array] | None = None
        heard = [soft, *_brought(graph, target, soft), *labels]
        rows = np.hstack(heard).astype(np.float32)
        gram, right = rows[train].T @ rows[train], rows[train].T @ given
        for ridge in self.ridges if real.validation else self.ridges[:1]:
            weights = np.linalg.solve(gram + ridge * np.eye(len(gram), dtype=np.float32), right)
            answer = rows @ weights
            score = lesson.score(answer)
            if best is None or score > best[0]:
                best = score, ridge, answer
        assert best is not None
        score, ridge, answer = best
        soft, threshold = lesson.finished(answer)
        return HeteroTaught(soft, abs(score), ridge, threshold)

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
    from scipy.special import softmax  # loads much, which methods without a teacher do not need

    out: Array = softmax(SCALE * answers, axis=1).astype(np.float32)
    return out


class Lesson(Protocol):
    """One kind of labels in the two regressions.

    Attributes:
        given: what they learn of training nodes ``[m, K]`` float32.
        complete: whether no training node lacks a label.
    """

    given: Array
    complete: bool

    def heard(self, answers: Array) -> Array:
        """What the second lesson hears of answers ``[N, K]`` of the first."""
        ...

    def score(self, answers: Array) -> float:
        """How well answers say the labels of validation nodes, more is better; NaN without any."""
        ...

    def labels(self, answers: Array, known: Array) -> Array:
        """Soft labels ``[N, K]`` from answers, those of training nodes as given."""
        ...

    def finished(self, answers: Array) -> tuple[Array, float | None]:
        """Soft labels, and of binary tasks the probability that one half stands for."""
        ...


class ClassLesson:
    """Classes: 0/1 columns, and probabilities."""

    complete = True

    def __init__(self, real: HeteroSource) -> None:
        self.train, self.held = real.task.train.numpy(), real.validation
        classes = real.task.y[real.task.train].numpy()
        self.given: Array = np.eye(real.task.num_classes, dtype=np.float32)[classes]

    def heard(self, answers: Array) -> Array:
        return probabilities(answers)

    def score(self, answers: Array) -> float:
        """The share of validation nodes that answers are right on."""
        if self.held is None:
            return float("nan")
        nodes, classes = (part.numpy() for part in self.held)
        return float((answers[nodes].argmax(1) == classes).mean())

    def labels(self, answers: Array, known: Array) -> Array:
        return known

    def finished(self, answers: Array) -> tuple[Array, float | None]:
        soft = probabilities(answers)
        soft[self.train] = self.given
        return soft, None


class TargetLesson:
    """Binary tasks, or numbers as models learn them: what they are above or below their mean."""

    def __init__(self, real: HeteroSource) -> None:
        answers = answers_of(real)
        assert isinstance(answers, TargetAnswers)
        self.answers, self.train = answers, real.task.train.numpy()
        self.held, self.scaled = real.validation, real.task.scaled
        targets = real.targets.numpy().astype(np.float32)
        self.middle: Array = answers.middle.numpy().astype(np.float32)
        self.known = ~np.isnan(targets)
        self.complete = bool(self.known.all())
        self.targets = targets
        self.given: Array = np.where(self.known, targets - self.middle, 0).astype(np.float32)

    def heard(self, answers: Array) -> Array:
        low, high = self.answers.limits
        out: Array = answers.clip(low - self.middle, high - self.middle).astype(np.float32)
        return out

    def score(self, answers: Array) -> float:
        """The mean squared error, with the sign changed."""
        if self.held is None:
            return float("nan")
        nodes, wanted = self.held[0].numpy(), self.scaled(self.held[1]).numpy()
        error = self.heard(answers)[nodes] + self.middle - wanted
        return -float(np.nanmean(np.square(error, dtype=np.float64)))

    def labels(self, answers: Array, known: Array) -> Array:
        out: Array = self.heard(answers) + self.middle
        out[self.train] = np.where(self.known, self.targets, out[self.train])
        return out

    def finished(self, answers: Array) -> tuple[Array, float | None]:
        soft, threshold = self.labels(answers, answers), None
        if self.held is not None and isinstance(self.answers, BinaryAnswers):
            soft, threshold = self.answers.evened(soft, self.held)
        return soft, threshold


class SoftLesson(ClassLesson):
    """Soft labels that the data themselves have: they are what is learnt, less their mean."""

    def __init__(self, real: HeteroSource) -> None:
        self.train, self.held = real.task.train.numpy(), real.validation
        self.own: Array = real.targets.numpy().astype(np.float32)
        self.middle: Array = self.own.mean(0)
        self.given: Array = self.own - self.middle

    def heard(self, answers: Array) -> Array:
        above = (answers + self.middle).clip(1e-6)
        out: Array = (above / above.sum(1, keepdims=True)).astype(np.float32)
        return out

    def score(self, answers: Array) -> float:
        """The share of validation nodes whose likeliest class answers are right on."""
        if self.held is None:
            return float("nan")
        nodes, wanted = (part.numpy() for part in self.held)
        said = (answers[nodes] + self.middle).argmax(1)
        return float((said == wanted.argmax(1)).mean())

    def labels(self, answers: Array, known: Array) -> Array:
        out = self.heard(answers)
        out[self.train] = self.own
        return out

    def finished(self, answers: Array) -> tuple[Array, float | None]:
        return self.labels(answers, answers), None


LESSONS: Mapping[str, Callable[[HeteroSource], Lesson]] = {
    "classes": ClassLesson,
    "binary": TargetLesson,
    "regression": TargetLesson,
    "soft": SoftLesson,
}
"""By the kind of labels."""
