"""Features of a quotient graph: how far they stand out, whether they are learnt, and what small
networks say of the graph in the end."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp
import torch
from torch import Tensor

from graphcondense.domains.answers import answers_of
from graphcondense.domains.coarse import CoarseGraph
from graphcondense.domains.node_source import NodeSource
from graphcondense.domains.propagations import SmallGraph, Teaching, learnt
from graphcondense.domains.referees import right_in_own_basis, right_of_networks
from graphcondense.domains.solved import Said, solved_labels
from graphcondense.ops.blocks import mean_row, parts, row_parts
from graphcondense.ops.coarsen import Array
from graphcondense.ops.paired import surely_better
from graphcondense.ops.place import Place

TRUST = 1.0
"""How much solved labels stay near means: four propagations at once ask for more than one network
does, and with less a GraphSAGE learnt too much of what the others ask for."""
LEAST = 0.005
"""Of right nodes, or squared error: deep models pay up to seven points for the plain graph, and the
networks that judge have two layers, so that a gain below half a point is not worth it."""


@dataclass(frozen=True)
class Features:
    """The real side of all quotient graphs of a run.

    Attributes:
        teaching: real rows in few dimensions, a teacher's labels, and the nodes that score.
        basis: ``[k, d]``, from few dimensions to the ``d`` columns of the data; ``None`` where they
            are the same.
        middle: the mean of real rows ``[d]``.
        length: root mean square length of real rows, see :func:`length_of`.
        largest: root mean square of the column that is largest by it, see :func:`largest_column`.
        which: the nodes that score, in words.
    """

    teaching: Teaching
    basis: Array | None
    middle: Array
    length: float
    largest: float
    which: str

    @classmethod
    def of(cls, real: NodeSource, rows: Array, sharp: Array, place: Place) -> Features:
        """Of a graph, its features in few dimensions ``[N, k]``, a teacher's labels ``[N, C]``, and
        where propagated features go."""
        task, answers = real.task, answers_of(real)
        held, y = answers.held(real)
        basis = None
        if rows.shape[1] < task.x_array.shape[1]:
            few = rows.astype(np.float64)
            basis = np.linalg.pinv(few.T @ few) @ (task.x_array.T @ few).T
        return cls(
            Teaching.of(rows, task.adj, task.gcn_adj, sharp, held, y, answers, place),
            basis,
            mean_row(task.x_array),
            length_of(task.x_array),
            largest_column(task.x_array),
            "training" if real.validation is None else "validation",
        )

    def scale_of(self, x: Array, stretch: float, longest: float | None) -> float:
        """By what rows ``x [n, d]`` are multiplied: by ``stretch`` of the way to the length of real
        rows, on a logarithmic scale, but to at most ``longest``, times the largest column where
        that is above one; ``None`` for any length. Rows that are long because of one column have a
        unit of their own."""
        own = length_of(x) or 1.0
        most = math.inf if longest is None else longest * max(self.largest, 1.0)
        return float(min((self.length / own) ** stretch, most / own))

    def few(self, x: Array) -> Tensor:
        """Rows ``[n, d]`` in few dimensions ``[n, k]``."""
        return torch.from_numpy((x if self.basis is None else x @ self.basis.T).astype(np.float32))

    def contrasted(
        self, small: SmallGraph, x: Array, contrast: float
    ) -> tuple[Array, Tensor, float]:
        """The features with the largest contrast that does no clear harm, at most ``contrast``;
        what linear models are right on; and that contrast."""
        # The mean square distance from the mean is the mean square less that of the mean.
        spread = max(self.length**2 - length_of(self.middle) ** 2, 0.0) ** 0.5
        found, apart = [], length_of(x - self.middle) or 1.0
        most = min(contrast, max(spread / apart, 1.0))
        for factor in (most, (1 + most) / 2, 1.0):
            one = self.middle + factor * (x - self.middle)
            found.append((one, self.teaching.right(small, self.few(one)), factor))
        *more, plain = found
        return next((f for f in more if not surely_better(plain[1], f[1], errors=2)), plain)

    def learn(
        self, made: CoarseGraph, contrast: float, steps: int, rate: float, ridge: float
    ) -> str:
        """Let the features of a quotient graph stand out and learn them, in place; what came of it.

        Args:
            made: the graph, with the means of members as features.
            contrast, steps, rate, ridge: as :class:`~graphcondense.methods.quotient.Quotient` has
                them.
        """
        teaching, answers = self.teaching, self.teaching.answers
        small = SmallGraph(made.adj, made.y, answers)
        made.x, before, factor = self.contrasted(small, made.x, contrast)
        means = self.few(made.x)
        told = f"contrast {factor:.2f}; {answers.told(float(before.mean()), self.which)}"
        if not steps:
            return f"means of real ones; {told}"
        z = learnt(teaching, small, means, steps, rate, ridge)
        after = teaching.right(small, z)
        judged, said = [(before, after)], ""
        if not surely_better(before, after):  # or it is decided
            by_means = right_of_networks(teaching, small, means)
            judged.append((by_means, right_of_networks(teaching, small, z)))
            first, then = map(self.share_of, judged[1])
            said = f"; small networks {first} and {then}"
        better = any(surely_better(new, old) for old, new in judged)
        kept = better and not any(surely_better(old, new) for old, new in judged)
        if kept:
            gain = (z - means).numpy()
            made.x = made.x + (gain if self.basis is None else gain @ self.basis)
        return (
            f"{'learnt' if kept else 'means of real ones'}; {told} with means and "
            f"{self.share_of(after)} with learnt features{said}"
        )

    def answered(self, made: CoarseGraph, penalty: float) -> Array:
        """Labels ``[n, C]`` from which ridge regressions on the condensed nodes, of all
        propagations at once, say the teacher's labels of real nodes
        (:func:`~graphcondense.domains.solved.solved_labels`)."""
        small, answers = SmallGraph(made.adj, made.y, self.teaching.answers), self.teaching.answers

        def said() -> Iterator[Said]:
            views = small.propagations(self.few(made.x))
            for seen, sight in zip(views, self.teaching.sights, strict=True):
                u, gram, cross = (m.double().numpy() for m in (seen, sight.gram, sight.cross))
                yield Said(u @ u.T, u @ gram @ u.T, u @ cross)

        centred: Array = small.y.double().numpy()
        solved = solved_labels(said(), centred, penalty, TRUST)
        return answers.allowed(made.y - centred + solved)

    def simplest(
        self, made: CoarseGraph, joined: CoarseGraph | None, plain: CoarseGraph
    ) -> tuple[CoarseGraph, str]:
        """Which of three quotient graphs to take, by how many nodes that score small networks are
        right on that learn from it; and what they are right on.

        The ``plain`` one is taken where it is surely better than what was ``made`` of it. If links
        go to siblings, as in ``joined``, it is taken with them, since deep models need them: unless
        it is surely better without those, too, or with them no better than ``made``.
        """
        by_plain, by_made = self.judged(plain), self.judged(made)
        share, taken, said = self.share_of, made, "not taken"
        told = f"{share(by_plain)} with the plain quotient graph"
        if surely_better(by_plain, by_made, least=LEAST):
            taken, said = plain, "taken"
            if joined is not None:
                by_joined = self.judged(joined)
                told += f", {share(by_joined)} with its links to siblings"
                alone = surely_better(by_plain, by_joined, least=LEAST)
                if not alone and by_joined.mean() > by_made.mean():
                    taken, said = joined, "taken, with siblings"
        told += f", {share(by_made)} without it (small networks, {self.which} nodes)"
        return taken, f"{said}: {told}"

    def judged(self, graph: CoarseGraph) -> Tensor:
        """How well each node that scores is said by small networks that learn from a quotient
        graph, ``[m]``."""
        columns = None if self.basis is None else torch.from_numpy(self.basis.astype(np.float32))
        small = SmallGraph(graph.adj, graph.y, self.teaching.answers)
        x = torch.from_numpy(graph.x.astype(np.float32))
        return right_in_own_basis(self.teaching, small, x, columns)

    def share_of(self, right: Tensor) -> str:
        """How well nodes are said in the mean, in words."""
        return self.teaching.answers.share(float(right.mean()))


def length_of(x: Array | sp.csr_matrix) -> float:
    """The root mean square of the lengths of rows.

    >>> length_of(np.array([[3.0, 4.0], [0.0, 0.0], [0.0, 0.0], [0.0, 0.0]]))
    2.5
    """
    values = np.ravel(x.data if sp.issparse(x) else x)
    squares = (np.square(values[b], dtype=np.float64).sum() for b in parts(len(values), 2**22))
    return float(np.sqrt(sum(squares) / x.shape[0]))


def largest_column(x: Array | sp.csr_matrix) -> float:
    """The largest root mean square of a column of ``x [N, d]``.

    >>> x = np.array([[3.0, 0.0], [0.0, 1.0], [0.0, 1.0], [0.0, 1.0]])
    >>> largest_column(x), largest_column(sp.csr_matrix(x))
    (1.5, 1.5)
    """
    n, d = x.shape
    squares = np.zeros(d)
    if isinstance(x, np.ndarray):
        for b in row_parts(n, d):
            squares += np.square(x[b], dtype=np.float64).sum(0)
    else:
        for b in parts(len(x.data), 2**22):
            own = np.square(x.data[b], dtype=np.float64)
            squares += np.bincount(x.indices[b], own, minlength=d)
    return float(np.sqrt(squares.max() / n))
