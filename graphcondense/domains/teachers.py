"""Soft labels for all nodes of a graph, from few labelled ones and in closed form."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

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

    Validation nodes choose among all ``restarts``, ``ridges``, numbers of rounds, and whether soft
    labels are averaged at last. Without any, the first of each is taken, and no round.

    Attributes:
        restarts: ``a``; 1 is no diffusion, for graphs whose neighbours mislead.
        ridges: penalties.
        rounds: of self-training at most.
        steps: of diffusion.
    """

    restarts: tuple[float, ...] = (0.2, 0.1, 0.35, 1.0)
    ridges: tuple[float, ...] = (0.3, 0.1, 1.0)
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
        best: Taught | None = None
        some = 1 if right is None else None  # without validation nodes nothing is chosen
        for restart in self.restarts[:some]:
            z = unit(diffused(rows, adj, restart, self.steps))
            for ridge in self.ridges[:some]:
                found = self._trained(z, adj, train, given, ridge)
                for rounds, smooth, soft in islice(found, some):
                    score = float("nan")
                    if right is not None:
                        score = float((soft[right[0]].argmax(1) == right[1]).mean())
                    if best is None or score > best.score:
                        best = Taught(soft, restart, ridge, rounds, smooth, score)
        assert best is not None
        return best

    def _trained(
        self,
        z: Array,
        adj: sp.csr_matrix,
        train: Array,
        given: Array,
        ridge: float,
    ) -> Iterator[tuple[int, bool, Array]]:
        """Soft labels after each round, as they are and averaged over neighbours."""
        labelled, targets, weight = train, given, np.ones(len(train), z.dtype)
        smooth = given
        for done in range(self.rounds + 1):
            if done:
                sure = surest(smooth, train)
                labelled = np.concatenate([train, sure])
                guessed = np.eye(given.shape[1], dtype=z.dtype)[smooth[sure].argmax(1)]
                targets = np.concatenate([given, guessed])
                weight = np.where(np.arange(len(labelled)) < len(train), 1, TRUST).astype(z.dtype)
            soft: Array = softmax(SCALE * (z @ fitted(z[labelled], targets, weight, ridge)), axis=1)
            soft[train] = given
            smooth = smoothed(soft, adj)
            smooth[train] = given
            yield done, False, soft
            yield done, True, smooth


def surest(soft: Array, without: Array) -> Array:
    """The half of each predicted class with the largest soft labels, ``without`` some nodes."""
    free = np.setdiff1d(np.arange(len(soft)), without)
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
