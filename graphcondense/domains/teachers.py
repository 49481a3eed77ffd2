"""Soft labels for all nodes of a graph, from few labelled ones and in closed form."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp
from scipy.special import softmax
from torch import Tensor

from graphcondense.ops.coarsen import Array
from graphcondense.ops.personalised import diffused

SCALE = 8.0
"""From ridge scores, which are near 0 and 1, to logits."""
TRUST = 0.3
"""Weight of a pseudo-labelled node beside a labelled one."""
MOST = 20_000
"""Pseudo-labelled nodes at most; more cost time and teach nothing new."""


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
    """

    soft: Array
    restart: float
    ridge: float
    rounds: int
    smoothed: bool
    score: float

    @property
    def remarks(self) -> dict[str, str]:
        """What a record says of it."""
        if not self.ridge:
            return {"teacher": "none: every node has a label"}
        scored = "chosen without validation nodes"
        if not math.isnan(self.score):
            scored = f"right on {self.score:.1%} of validation nodes"
        out = {
            "teacher": f"ridge={self.ridge:g}, restart={self.restart:g}, rounds={self.rounds}, "
            f"smoothed={self.smoothed}; {scored}"
        }
        if self.restart == 1 and not self.smoothed:
            out["warning"] = (
                "validation chose a teacher that looks at no neighbours: edges of this graph "
                "mislead, and models that only propagate will do badly on it"
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

    Validation nodes choose. All pairs of ``restarts`` and ``ridges`` are tried without
    self-training, the ``finalists`` best of them with it, and each round with soft labels as they
    are and averaged. A pair's last round is the first that does worse than the one before. Without
    validation nodes the first restart and ridge are taken, and no round.

    Attributes:
        restarts: ``a``; 1 is no diffusion, for graphs whose neighbours mislead.
        ridges: penalties.
        finalists: pairs of the two with which self-training is tried.
        rounds: of self-training at most.
        steps: of diffusion.
    """

    restarts: tuple[float, ...] = (0.2, 0.1, 0.35, 1.0)
    ridges: tuple[float, ...] = (0.3, 0.1, 1.0)
    finalists: int = 3
    rounds: int = 4
    steps: int = 10

    def teach(
        self,
        rows: Array,
        adj: sp.csr_matrix,
        train: Array,
        y: Array,
        classes: int,
        held: tuple[Tensor, Tensor] | None = None,
    ) -> Taught:
        """Soft labels of all nodes.

        Args:
            rows: features ``[N, d]``.
            adj: ``Â [N, N]``.
            train: labelled nodes ``[m]``.
            y: their classes ``[m]``.
            classes: how many there are.
            held: validation nodes and their classes.
        """
        given = np.eye(classes, dtype=rows.dtype)[y]
        right = None if held is None else tuple(part.numpy() for part in held)
        if len(train) == len(rows):
            soft = np.zeros_like(given)
            soft[train] = given
            return Taught(soft, 1.0, 0.0, 0, False, float("nan"))

        def seen(restart: float) -> Array:
            return unit(diffused(rows, adj, restart, self.steps))

        if right is None:  # nothing can be chosen
            restart, ridge = self.restarts[0], self.ridges[0]
            soft = lesson(seen(restart), train, given, ridge)
            return Taught(soft, restart, ridge, 0, False, float("nan"))
        best: Taught | None = None

        def mark(soft: Array, restart: float, ridge: float, rounds: int, smooth: bool) -> float:
            """The score of soft labels, kept if there are none better."""
            nonlocal best
            score = float((soft[right[0]].argmax(1) == right[1]).mean())
            if best is None or score > best.score:
                best = Taught(soft, restart, ridge, rounds, smooth, score)
            return score

        def both(soft: Array, restart: float, ridge: float, rounds: int) -> tuple[float, Array]:
            """The better score of soft labels as they are and averaged, and the latter."""
            smooth = smoothed(soft, adj)
            smooth[train] = given
            marks = [mark(s, restart, ridge, rounds, s is smooth) for s in (soft, smooth)]
            return max(marks), smooth

        tried = {}
        for restart in self.restarts:
            z = seen(restart)
            for ridge in self.ridges:
                tried[restart, ridge], _ = both(lesson(z, train, given, ridge), restart, ridge, 0)
        for restart, ridge in sorted(tried, key=lambda pair: -tried[pair])[: self.finalists]:
            z = seen(restart)
            score, smooth = both(lesson(z, train, given, ridge), restart, ridge, 0)
            for done in range(1, self.rounds + 1):
                soft = lesson(z, train, given, ridge, smooth)
                before, (score, smooth) = score, both(soft, restart, ridge, done)
                if score < before:
                    break
        assert best is not None
        return best


def lesson(
    z: Array, train: Array, given: Array, ridge: float, smooth: Array | None = None
) -> Array:
    """Soft labels ``[N, C]`` by ridge regression on rows ``z [N, d]``: on those of training nodes
    ``[m]`` with labels ``given [m, C]`` and, where averaged soft labels are there, of the surest
    of the others."""
    labelled, targets, weight = train, given, np.ones(len(train), z.dtype)
    if smooth is not None:
        sure = surest(smooth, train)
        labelled = np.concatenate([train, sure])
        guessed = np.eye(given.shape[1], dtype=z.dtype)[smooth[sure].argmax(1)]
        targets = np.concatenate([given, guessed])
        weight = np.where(np.arange(len(labelled)) < len(train), 1, TRUST).astype(z.dtype)
    soft: Array = softmax(SCALE * (z @ fitted(z[labelled], targets, weight, ridge)), axis=1)
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


def fitted(z: Array, targets: Array, weight: Array, ridge: float) -> Array:
    """Weighted ridge regression ``[d, C]``, by the smaller of the two Gram matrices."""
    if len(z) < z.shape[1]:
        gram = z @ z.T + ridge * np.diag(1 / weight)
        dual: Array = np.linalg.solve(gram, targets)
        return z.T @ dual
    heavy = z.T * weight
    primal: Array = np.linalg.solve(
        heavy @ z + ridge * np.eye(z.shape[1], dtype=z.dtype), heavy @ targets
    )
    return primal


def smoothed(soft: Array, adj: sp.csr_matrix, keep: float = 0.1) -> Array:
    """Soft labels averaged over neighbours; rows sum to one."""
    out = diffused(soft, adj, keep, 10)
    total: Array = out.sum(1, keepdims=True)  # at least a share of the node's own
    return out / total


def unit(rows: Array) -> Array:
    """Rows divided by their length; rows of zeros stay."""
    length = np.sqrt(np.square(rows).sum(1, keepdims=True))
    out: Array = rows / np.where(length > 0, length, 1)
    return out
