"""Features of a small graph, learnt so that linear models of several propagations agree with a
teacher at once."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp
import torch
from torch import Tensor

from graphcondense.domains.answers import Answers
from graphcondense.ops.adjacency import gcn_norm_csr, mean_norm_csr, times
from graphcondense.ops.arrays import dense
from graphcondense.ops.blocks import by_columns, gram
from graphcondense.ops.coarsen import Array
from graphcondense.ops.personalised import Rows, restarted
from graphcondense.ops.place import MEMORY, Place

RESTART, STEPS = 0.1, 6
"""Of personalised PageRank."""
RIDGES = (0.03, 0.3)
"""Penalties with which a set of features is scored: small ones, as networks have that are trained
for hundreds of epochs."""

SEEN = 6 + 3
"""Arrays of rows that score: in all propagations, and once more in the widest."""


def propagations(
    x: Rows, gcn: Callable[[Rows], Rows], mean: Callable[[Rows], Rows]
) -> Iterator[tuple[Rows, ...]]:
    """What four families of models see of features ``x [n, d]``, as columns side by side: ``X``
    (MLP), ``Â² X`` (GCN, SGC), ``[X, D⁻¹A X, (D⁻¹A)² X]`` (GraphSAGE, H2GCN, GIN) and personalised
    PageRank (APPNP, GCNII).

    Args:
        x: an array or a tensor.
        gcn, mean: products with ``Â`` and ``D⁻¹A [n, n]``.
    """
    yield (x,)
    yield (gcn(gcn(x)),)
    first = mean(x)
    yield x, first, mean(first)
    yield (restarted(x, gcn, RESTART, STEPS),)


@dataclass(frozen=True)
class Sight:
    """What a loss and a score need of one propagation ``Z [N, k]`` of the real features.

    Attributes:
        gram: ``ZᵀZ / N [k, k]``.
        cross: ``ZᵀT / N [k, C]`` with the centred targets ``T``.
        held: rows of the nodes that score ``[m, k]``.
    """

    gram: Tensor
    cross: Tensor
    held: Tensor


@dataclass(frozen=True)
class Teaching:
    """The real side: all that does not change while features are learnt.

    Attributes:
        sights: one for each propagation.
        spread: mean square length of the targets.
        wanted: labels of the nodes that score, as ``answers`` takes them.
        answers: what labels are in closed forms.
    """

    sights: list[Sight]
    spread: float
    wanted: Tensor
    answers: Answers

    @classmethod
    def of(
        cls,
        rows: Array,
        adj: sp.csr_matrix,
        gcn: sp.csr_matrix,
        labels: Array,
        held: Tensor,
        y: Tensor,
        answers: Answers,
        place: Place = MEMORY,
    ) -> Teaching:
        """From real features ``[N, k]``, ``A`` and ``Â [N, N]``, a teacher's ``labels [N, C]``, the
        nodes that score with their labels ``[m]`` or ``[m, T]``, what labels are, and where
        propagated features go."""
        targets = answers.centred(torch.from_numpy(labels.astype(np.float32, copy=False))).numpy()
        few = rows.astype(np.float32, copy=False)
        degree = np.asarray(adj.sum(1), np.float32).ravel()
        share = np.divide(1, degree, out=np.zeros_like(degree), where=degree != 0)[:, None]
        names = ("twice", "first", "second", "restarted")
        twice, *both, restarts = (place.array(name, few.shape, few.dtype) for name in names)
        families = [[few], [twice], [few, *both], [restarts]]

        def work(block: slice, z: Array) -> None:
            def mean(z: Array) -> Array:
                out: Array = share * times(adj, z)
                return out

            for seen, family in zip(
                propagations(z, lambda z: times(gcn, z), mean), families, strict=True
            ):
                for columns, out in zip(seen, family, strict=True):
                    if out is not few:
                        out[:, block] = columns

        by_columns(few, work, place.room, arrays=6)
        sights, n, at = [], len(few), held.numpy()
        for family in families:
            square, cross = (torch.from_numpy(m / n).float() for m in gram(family, targets))
            seen = np.hstack([z[at] for z in family])
            sights.append(Sight(square, cross, torch.from_numpy(seen)))
        spread = np.einsum("nc,nc->", targets, targets, dtype=np.float64)
        return cls(sights, float(spread) / n, y, answers)

    def loss(self, small: SmallGraph, z: Tensor, ridge: float) -> Tensor:
        """The mean square error at all real nodes, over propagations summed, of ridge regressions
        on the small graph with features ``z [n, k]``: ``tr(Bᵀ S B) - 2 tr(Bᵀ R) + const`` with the
        Gram matrix ``S`` and the cross products ``R``, so its cost does not depend on ``N``."""
        total = z.new_zeros(())
        for u, sight in zip(small.propagations(z), self.sights, strict=True):
            b = regressed(u, small.y, ridge)
            total = total + (b * (sight.gram @ b)).sum() - 2 * (b * sight.cross).sum()
        return total + len(self.sights) * self.spread

    def right(self, small: SmallGraph, z: Tensor) -> Tensor:
        """How well each scoring node is said, in the mean over propagations and ``RIDGES`` ``[m]``:
        of classes, in which share of them rightly."""
        hits = [
            self.answers.right(sight.held @ regressed(u, small.y, ridge), self.wanted)
            for u, sight in zip(small.propagations(z), self.sights, strict=True)
            for ridge in RIDGES
        ]
        return torch.stack(hits).float().mean(0)


class SmallGraph:
    """A small graph whose features are yet open.

    Args:
        adj: ``A [n, n]``.
        y: labels ``[n, C]``, of classes rows that sum to one.
        answers: what labels are in closed forms.
    """

    def __init__(self, adj: sp.csr_matrix, y: Array, answers: Answers) -> None:
        self.gcn, self.mean = (
            torch.from_numpy(dense(norm(adj)).astype(np.float32))
            for norm in (gcn_norm_csr, mean_norm_csr)
        )
        self.labels = torch.from_numpy(y.astype(np.float32))
        self.y = answers.centred(self.labels)

    def propagations(self, z: Tensor) -> Iterator[Tensor]:
        """Of features ``z [n, k]``."""
        for seen in propagations(z, self.gcn.matmul, self.mean.matmul):
            yield torch.cat(seen, 1)


def regressed(u: Tensor, y: Tensor, ridge: float) -> Tensor:
    """Ridge regression ``[k, C]`` of ``y [n, C]`` on ``u [n, k]``, by the smaller of the two Gram
    matrices; the penalty is ``ridge`` times the mean square length of rows."""
    n, k = u.shape
    penalty = ridge * (u.square().sum() / n + 1e-12)
    if n <= k:
        dual: Tensor = torch.linalg.solve(u @ u.T + penalty * torch.eye(n), y)
        return u.T @ dual
    primal: Tensor = torch.linalg.solve(u.T @ u + penalty * torch.eye(k), u.T @ y)
    return primal


def learnt(
    teaching: Teaching, small: SmallGraph, start: Tensor, steps: int, rate: float, ridge: float
) -> Tensor:
    """Features ``[n, k]`` that lower :meth:`Teaching.loss`, by Adam with a cosine schedule.

    Args:
        start: where they start; ``rate`` is a share of its spread, so that units do not matter.
    """
    z = start.clone().requires_grad_()
    spread = float((start - start.mean(0)).square().mean().sqrt())
    optimiser = torch.optim.Adam([z], lr=rate * spread)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, steps)
    for _ in range(steps):
        (z.grad,) = torch.autograd.grad(teaching.loss(small, z, ridge), z)
        optimiser.step()
        schedule.step()
    return z.detach()
