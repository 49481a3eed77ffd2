"""Soft labels for all nodes of a graph, from few labelled ones and in closed form."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp
import torch
from torch import Tensor

from graphcondense.domains.views import UNITS, Hidden, View, hidden_views, straight_views
from graphcondense.ops.blocks import diffusions, row_parts
from graphcondense.ops.coarsen import Array
from graphcondense.ops.paired import surely_better
from graphcondense.ops.place import MEMORY, Place

SCALE = 8.0
"""From ridge scores, which are near 0 and 1, to logits."""
TRUST = 0.3
"""Weight of a pseudo-labelled node beside a labelled one."""
MOST = 20_000
"""Pseudo-labelled nodes at most; more cost time and teach nothing new."""
LEAST = 0.02
"""Of validation nodes, which hidden units have to gain. Where classes are bent they gain many;
elsewhere fractions of a point, by which condensed graphs did not become better."""
AVERAGED, KEPT = 10, 0.1
"""Steps of averaging soft labels over neighbours, and the share of a node's own in each."""
SPARING = 10**11
"""Multiplications of all averaging over neighbours from which on most of it is left out."""


@dataclass(frozen=True)
class Taught:
    """Soft labels and how they came about.

    Attributes:
        soft: ``[N, C]``, rows sum to one; those of training nodes are as given.
        restart: the share of a node's own features in each step of diffusion; 1: no diffusion.
        ridge: the penalty.
        rounds: rounds of self-training.
        smoothed: whether soft labels were averaged over neighbours.
        score: share of validation nodes it is right on; NaN without validation nodes.
        measure: what the score is instead, with the sign changed; empty for classes.
        threshold: of binary tasks, the probability that soft labels of one half stand for.
        hidden: hidden units; 0 for none.
        hops: hops that it sees beside a node's own features, not mixed with them.
    """

    soft: Array
    restart: float
    ridge: float
    rounds: int
    smoothed: bool
    score: float
    measure: str = ""
    threshold: float | None = None
    hidden: int = 0
    hops: int = 0

    @property
    def remarks(self) -> dict[str, str]:
        """What a record says of it."""
        if not self.ridge:
            return {"teacher": "none: every node has a label"}
        scored = "chosen without validation nodes"
        if not math.isnan(self.score):
            scored = f"right on {self.score:.1%} of validation nodes"
            if self.measure:
                scored = f"{self.measure} {-self.score:.4f} on validation nodes"
            if self.threshold is not None:
                scored += f", best micro-F1 from a probability of {self.threshold:g} on"
        out = {
            "teacher": f"ridge={self.ridge:g}, restart={self.restart:g}, rounds={self.rounds}, "
            f"smoothed={self.smoothed}, hidden={self.hidden}, hops={self.hops}; {scored}"
        }
        if self.restart == 1 and not self.smoothed:
            sees = "keeps neighbours apart from a node" if self.hops else "looks at no neighbours"
            out["warning"] = (
                f"validation chose a teacher that {sees}: edges of this graph mislead, and models "
                "that only propagate will do badly on it"
            )
        return out


@dataclass(frozen=True)
class RidgeTeacher:
    """Ridge regression on diffused features, with self-training.

    1. Features are diffused, ``Z <- (1 - a) Â Z + a X``, ``steps`` times (Gasteiger et al., ICLR
       2019, eq. 4), and rows divided by their length.
    2. Scores are ``S = Z B`` with ``B = (Z_Lᵀ W Z_L + ridge I)⁻¹ Z_Lᵀ W Y``, soft labels the
       softmax of ``8 S``. At first ``L`` are the training nodes.
    3. A round of self-training adds, with weight 0.3, the half of each predicted class that the
       teacher is surest of; sureness is read after soft labels have been averaged over neighbours
       with training labels clamped (Zhou et al., NIPS 2003).
    4. The same on rows of hidden units (:class:`~graphcondense.domains.views.Hidden`), of every
       diffusion and of ``[X, Â X, Â² X]``: for few columns that tell classes by no straight line,
       and for neighbours that mislead where they are mixed with a node.

    Validation nodes choose. All pairs of ``restarts`` and ``ridges`` are tried without
    self-training, the ``finalists`` best of them with it, and each round with soft labels as they
    are and averaged. A pair's last round is the first that does worse than the one before. Where
    averaging would take more than 10¹¹ multiplications, pairs are compared without it, and there is
    one finalist. Hidden units have one finalist, and pairs are compared without averaging. They
    teach where they are right on more validation nodes, by two standard errors of the difference
    and by two points; or where they are so before averaging, and not surely worse in the end:
    models learn from features and not from labels of neighbours, so that labels which only
    averaging made right teach them little. Without validation nodes the first restart and ridge are
    taken, and no round.

    Attributes:
        restarts: ``a``; 1 is no diffusion, for graphs whose neighbours mislead.
        ridges: penalties.
        finalists: pairs of the two with which self-training is tried.
        rounds: of self-training at most.
        steps: of diffusion.
        bent: penalties with hidden units; none: there are no such units.
    """

    restarts: tuple[float, ...] = (0.2, 0.1, 0.35, 1.0)
    ridges: tuple[float, ...] = (0.3, 0.1, 1.0)
    finalists: int = 3
    rounds: int = 4
    steps: int = 10
    bent: tuple[float, ...] = (0.3, 0.1, 0.03, 1.0)

    def teach(
        self,
        rows: Array,
        adj: sp.csr_matrix,
        train: Array,
        y: Array,
        classes: int,
        held: tuple[Tensor, Tensor] | None = None,
        place: Place = MEMORY,
    ) -> Taught:
        """Soft labels of all nodes.

        Args:
            rows: features ``[N, d]``.
            adj: ``Â [N, N]``.
            train: labelled nodes ``[m]``.
            y: their classes ``[m]``.
            classes: how many there are.
            held: validation nodes and their classes.
            place: where diffused features go.
        """
        given = np.eye(classes, dtype=rows.dtype)[y]
        if len(train) == len(rows):
            soft = np.zeros_like(given)
            soft[train] = given
            return Taught(soft, 1.0, 0.0, 0, False, float("nan"))
        restarts = self.restarts if held else self.restarts[:1]
        straight = straight_views(adj, rows, restarts, self.steps, place)
        if held is None:  # nothing can be chosen
            restart, ridge = restarts[0], self.ridges[0]
            soft = lesson(straight[0].rows, train, given, ridge)
            return Taught(soft, restart, ridge, 0, False, float("nan"))
        nodes, wanted = (part.numpy() for part in held)
        course = Course(adj, train, given, nodes, wanted, place)
        tried = len(restarts) * len(self.ridges) + self.finalists * (self.rounds + 1)
        sparing = adj.nnz * classes * AVERAGED * tried > SPARING
        finalists = 1 if sparing else self.finalists
        best, before = course.best(straight, self.ridges, finalists, self.rounds)
        if not self.bent or all(float(hits.mean()) >= 1 - LEAST for hits in before):
            return best  # none could be better by as much
        views = hidden_views(adj, rows, straight, place)
        bent, after = course.best(views, self.bent, 1, self.rounds)
        return bent if clearly_better(after, before) else best


@dataclass(frozen=True)
class Course:
    """What lessons of one graph share.

    Attributes:
        adj: ``Â [N, N]``.
        train: labelled nodes ``[m]``.
        given: their labels ``[m, C]``.
        nodes: validation nodes.
        wanted: their classes.
        place: where averaged soft labels go.
    """

    adj: sp.csr_matrix
    train: Array
    given: Array
    nodes: Array
    wanted: Array
    place: Place

    def right(self, said: Array) -> float:
        """Share of validation nodes on which the largest of ``said [v, C]`` is right."""
        return float((said.argmax(1) == self.wanted).mean())

    def hits(self, soft: Array) -> Tensor:
        """On which validation nodes ``[v]`` soft labels of all nodes ``[N, C]`` are right."""
        return torch.from_numpy(soft[self.nodes].argmax(1) == self.wanted).float()

    def alone(self, z: Array | Hidden, ridges: Sequence[float]) -> list[float]:
        """:meth:`right` of regressions on labelled rows of ``z [N, d]``, before averaging."""
        ones = np.ones(len(self.train), z.dtype)
        weights = np.hstack(regressions(z, self.train, self.given, ones, ridges))
        said = [z[self.nodes[block]] @ weights for block in row_parts(len(self.nodes), z.shape[1])]
        return [self.right(one) for one in np.split(np.vstack(said), len(ridges), axis=1)]

    def best(
        self, views: Sequence[View], ridges: Sequence[float], finalists: int, rounds: int
    ) -> tuple[Taught, list[Tensor]]:
        """What validation nodes choose of pairs of views and penalties, ``finalists`` of which
        train themselves; if that is one, pairs are compared without averaging. And on which
        validation nodes ``[v]`` two are right: this one, and the best before averaging, of
        finalists and their rounds if pairs are compared without."""
        best: Taught | None = None
        alone: tuple[float, Tensor] = -1.0, torch.empty(0)

        def both(
            view: View, ridge: float, done: int, smooth: Array | None = None
        ) -> tuple[float, Array]:
            """The better score of soft labels as they are and averaged, and the latter; the best
            of all are kept."""
            nonlocal best, alone
            soft = lesson(view.rows, self.train, self.given, ridge, smooth)
            smooth = smoothed(soft, self.adj, self.place)
            smooth[self.train] = self.given
            scores = self.right(soft[self.nodes]), self.right(smooth[self.nodes])
            if scores[0] > alone[0]:
                alone = scores[0], self.hits(soft)
            for one, score in zip((soft, smooth), scores, strict=True):
                if best is None or score > best.score:
                    best = Taught(
                        *(one, view.restart, ridge, done, one is smooth, score),
                        hidden=view.hidden,
                        hops=view.hops,
                    )
            return max(scores), smooth

        tried = []
        for view in views:
            if finalists == 1:
                scores = self.alone(view.rows, ridges)
            else:
                scores = [both(view, ridge, 0)[0] for ridge in ridges]
            tried += [(score, view, ridge) for score, ridge in zip(scores, ridges, strict=True)]
        tried.sort(key=lambda pair: -pair[0])  # stable: the first of equals
        for _, view, ridge in tried[:finalists]:
            score, smooth = both(view, ridge, 0)
            for done in range(1, rounds + 1):
                before, (score, smooth) = score, both(view, ridge, done, smooth)
                if score < before:
                    break
        assert best is not None
        return best, [self.hits(best.soft), alone[1]]


def clearly_better(after: Sequence[Tensor], before: Sequence[Tensor]) -> bool:
    """Whether one teacher is better than another, by two standard errors and :data:`LEAST`, as they
    are or before averaging, and not surely worse as they are.

    Args:
        after, before: on which validation nodes ``[v]`` each is right: as it is, and the best of it
            before labels were averaged over neighbours.
    """
    if surely_better(before[0], after[0]):
        return False
    pairs = zip(after, before, strict=True)
    return any(surely_better(new, old, errors=2, least=LEAST) for new, old in pairs)


@dataclass(frozen=True)
class TargetTeacher:
    """Ridge regression of targets on diffused features, without the self-training of
    :class:`RidgeTeacher`.

    Validation nodes choose the view and the penalty by their mean squared error, of each node that
    of the targets it has; without them the first of both are taken. Hidden units
    (:class:`~graphcondense.domains.views.Hidden`) teach where their error is smaller by two
    standard errors of the difference and by 2 %. Known targets of training nodes stay as they are.

    Attributes:
        limits: smallest and largest target there can be.
        restarts, ridges, steps, bent: as :class:`RidgeTeacher` has them.
    """

    limits: tuple[float, float]
    restarts: tuple[float, ...] = (0.2, 0.1, 0.35, 1.0)
    ridges: tuple[float, ...] = (0.3, 0.1, 1.0, 3.0, 10.0)
    steps: int = 10
    bent: tuple[float, ...] = (0.3, 0.1, 0.03, 1.0, 3.0, 10.0)

    def teach(
        self,
        rows: Array,
        adj: sp.csr_matrix,
        train: Array,
        given: Array,
        middle: Array,
        held: tuple[Tensor, Tensor] | None = None,
        place: Place = MEMORY,
    ) -> Taught:
        """Targets of all nodes.

        Args:
            rows: features ``[N, d]``.
            adj: ``Â [N, N]``.
            train: labelled nodes ``[m]``.
            given: their targets ``[m, T]``, NaN for none.
            middle: the mean of those that are known ``[T]``.
            held: validation nodes and their targets.
            place: where diffused features go.
        """
        known = ~np.isnan(given)
        if len(train) == len(rows) and known.all():
            soft = np.empty(given.shape, rows.dtype)
            soft[train] = given
            return Taught(soft, 1.0, 0.0, 0, False, float("nan"))
        given, middle = given.astype(rows.dtype), middle.astype(rows.dtype)
        restarts, ridges = (
            (self.restarts, self.ridges) if held else (self.restarts[:1], self.ridges[:1])
        )
        straight = straight_views(adj, rows, restarts, self.steps, place)
        targets = Targets(train, given, middle, self.limits, held)
        best = targets.best(straight, ridges)
        if held is not None and self.bent:
            bent = targets.best(hidden_views(adj, rows, straight, place), self.bent)
            least = LEAST * float(best.errors.mean())
            if surely_better(best.errors, bent.errors, errors=2, least=least):
                best = bent
        return targets.taught(best)


@dataclass(frozen=True)
class Fit:
    """A regression of targets.

    Attributes:
        view: what it sees.
        ridge: the penalty.
        weights: ``[d, T]``.
        errors: its mean squared error at each validation node that has a target; NaN if none has.
    """

    view: View
    ridge: float
    weights: Array
    errors: Tensor


@dataclass(frozen=True)
class Targets:
    """What regressions of the targets of one graph share.

    Attributes:
        train: labelled nodes ``[m]``.
        given: their targets ``[m, T]``, NaN for none.
        middle: the mean of those that are known ``[T]``.
        limits: smallest and largest target there can be.
        held: validation nodes and their targets.
    """

    train: Array
    given: Array
    middle: Array
    limits: tuple[float, float]
    held: tuple[Tensor, Tensor] | None

    def best(self, views: Sequence[View], ridges: Sequence[float]) -> Fit:
        """What validation nodes choose of pairs of views and penalties; the first without them."""
        found = []
        for view in views:
            weights = self._regressions(view.rows, ridges)
            errors = self._errors(view.rows, weights)
            found += [Fit(view, *each) for each in zip(ridges, weights, errors, strict=True)]
        return min(found, key=lambda fit: float(fit.errors.mean()))

    def said(self, products: Array) -> Array:
        """Targets by products of rows and weights ``[n, T]``."""
        out: Array = (self.middle + products).clip(*self.limits)
        return out

    def taught(self, fit: Fit) -> Taught:
        """What a regression says of all nodes."""
        z = fit.view.rows
        soft: Array = np.empty((len(z), self.given.shape[1]), z.dtype)
        for block in row_parts(len(z), z.shape[1]):
            soft[block] = self.said(z[block] @ fit.weights)
        soft[self.train] = np.where(np.isnan(self.given), soft[self.train], self.given)
        return Taught(
            *(soft, fit.view.restart, fit.ridge, 0, False, -float(fit.errors.mean())),
            measure="squared error",
            hidden=fit.view.hidden,
            hops=fit.view.hops,
        )

    def _errors(self, z: Array | Hidden, weights: Sequence[Array]) -> list[Tensor]:
        """Of each regression, see :attr:`Fit.errors`; hidden units are made once for all."""
        if self.held is None:
            return [torch.full((1,), float("nan")) for _ in weights]
        nodes, wanted = (part.numpy() for part in self.held)
        every = np.hstack(weights)
        products = np.vstack([z[nodes[b]] @ every for b in row_parts(len(nodes), z.shape[1])])
        have = ~np.isnan(wanted).all(1)
        found = []
        for one in np.split(products, len(weights), axis=1):
            square = np.square(self.said(one) - wanted, dtype=np.float64)
            found.append(torch.from_numpy(np.nanmean(square[have], 1)))
        return found

    def _regressions(self, z: Array | Hidden, ridges: Sequence[float]) -> list[Array]:
        """Weights ``[d, T]`` for each penalty; of targets with holes one at a time."""
        known, targets = ~np.isnan(self.given), self.given - self.middle
        if known.all():
            return regressions(z, self.train, targets, np.ones(len(targets), z.dtype), ridges)
        columns = []
        for target, has in zip(targets.T, known.T, strict=True):
            ones = np.ones(int(has.sum()), z.dtype)
            columns.append(regressions(z, self.train[has], target[has][:, None], ones, ridges))
        return [np.hstack(alike) for alike in zip(*columns, strict=True)]


def lesson(
    z: Array | Hidden,
    train: Array,
    given: Array,
    ridge: float,
    smooth: Array | None = None,
) -> Array:
    """Soft labels ``[N, C]`` by ridge regression on rows ``z [N, d]``: on those of training nodes
    ``[m]`` with labels ``given [m, C]`` and, where averaged soft labels are there, of the surest
    of the others."""
    from scipy.special import softmax  # loads much, which methods without a teacher do not need

    labelled, targets, weight = train, given, np.ones(len(train), z.dtype)
    if smooth is not None:
        sure = surest(smooth, train)
        labelled = np.concatenate([train, sure])
        guessed = np.eye(given.shape[1], dtype=z.dtype)[smooth[sure].argmax(1)]
        targets = np.concatenate([given, guessed])
        weight = np.where(np.arange(len(labelled)) < len(train), 1, TRUST).astype(z.dtype)
    (weights,) = regressions(z, labelled, targets, weight, [ridge])
    soft: Array = np.empty((len(z), given.shape[1]), z.dtype)
    for block in row_parts(len(z), z.shape[1]):
        soft[block] = softmax(SCALE * (z[block] @ weights), axis=1)
    soft[train] = given
    return soft


def surest(soft: Array, without: Array) -> Array:
    """The half of each predicted class with the largest soft labels, ``without`` some nodes."""
    free = np.delete(np.arange(len(soft)), without)
    best, sure = soft[free].argmax(1), soft[free].max(1)
    share = min(0.5, MOST / max(len(free), 1))
    picked = []
    for c in range(soft.shape[1]):
        own = free[best == c]
        order = np.argsort(-sure[best == c], kind="stable")
        picked.append(own[order[: int(len(own) * share)]])
    return np.concatenate(picked)


def regressions(
    z: Array | Hidden, at: Array, targets: Array, weight: Array, ridges: Sequence[float]
) -> list[Array]:
    """Weighted ridge regressions ``[d, C]`` on rows ``at [m]`` of ``z [N, d]``, one a penalty, by
    the smaller of the two Gram matrices.

    Blocks of rows are added up in double precision: a small penalty is lost beside a sum of many
    rows in single.
    """
    if len(at) < z.shape[1]:
        rows = z[at]
        inside, across = rows @ rows.T, np.diag(1 / weight)
        return [rows.T @ np.linalg.solve(inside + ridge * across, targets) for ridge in ridges]
    gram, cross = np.zeros((z.shape[1], z.shape[1])), np.zeros((z.shape[1], targets.shape[1]))
    for block in row_parts(len(at), max(z.shape[1], UNITS)):  # a thousand rows lose nothing
        rows = z[at[block]]
        heavy = rows.T * weight[block]
        gram += heavy @ rows
        cross += heavy @ targets[block]
    eye = np.eye(len(gram))
    return [np.linalg.solve(gram + ridge * eye, cross).astype(z.dtype) for ridge in ridges]


def smoothed(soft: Array, adj: sp.csr_matrix, place: Place = MEMORY) -> Array:
    """Soft labels averaged over neighbours; rows sum to one."""
    (out,) = diffusions(adj, soft, [KEPT], AVERAGED, place.room)
    for block in row_parts(len(out), out.shape[1]):
        out[block] /= out[block].sum(1, keepdims=True)  # at least a share of the node's own
    return out
