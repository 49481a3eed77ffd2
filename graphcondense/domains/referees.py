"""Small networks that are trained on a small graph and say how well it teaches.

Linear models in closed form are cheaper, but they do not see all that networks see: on images they
gain from features that were learnt for them, where networks lose six points. As real networks do,
these learn at a rate that does not know the unit of features.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice

import torch
from torch import Generator, Tensor

from graphcondense.domains.answers import Answers
from graphcondense.domains.propagations import Sight, SmallGraph, Teaching
from graphcondense.ops.blocks import parts

ROWS = 2**14
"""Rows that are judged at once, so that hidden units of many take no memory."""
HIDDEN, NETWORKS, EPOCHS = 64, 2, 200
"""Hidden units, networks of each propagation, and epochs of all nodes at once."""
RATE, DECAY, DROPOUT = 0.01, 5e-4, 0.5
"""Adam's rate and weight decay, and the share of hidden units that are left out: those of the
evaluator."""


def right_of_networks(teaching: Teaching, small: SmallGraph, z: Tensor) -> Tensor:
    """How well each scoring node is said by networks with one hidden layer, in the mean over
    propagations and first weights ``[m]``.

    They learn the labels of the small graph from each of its propagations, and are judged on the
    same propagation of the real graph. First weights and dropout are the same at every call, so
    that two small graphs with the same number of features are compared in pairs.

    Args:
        teaching: the real side.
        small: the small graph.
        z: its features ``[n, k]``.
    """
    return _right(teaching, small, zip(small.propagations(z), teaching.sights, strict=True))


def right_in_own_basis(
    teaching: Teaching, small: SmallGraph, x: Tensor, basis: Tensor | None
) -> Tensor:
    """As :func:`right_of_networks`, for features ``x [n, d]`` as models are given them, and of the
    two commonest propagations alone, ``X`` and ``Â² X``.

    A linear model does not depend on the basis of its features. Networks do: Adam goes as far in
    every column, and where columns are large and of one sign, as pixels and counts are, one that
    learns from few examples takes another way than along singular vectors. Real rows are seen as
    far as the few dimensions of ``teaching`` hold them.

    Args:
        teaching: the real side.
        small: the small graph.
        x: its features.
        basis: ``[k, d]``, from few dimensions to columns; ``None`` where they are the same.
    """
    seen = islice(zip(small.propagations(x), teaching.sights, strict=True), 2)
    return _right(teaching, small, seen, basis, fused=True)


def _right(
    teaching: Teaching,
    small: SmallGraph,
    seen: Iterable[tuple[Tensor, Sight]],
    basis: Tensor | None = None,
    *,
    fused: bool = False,
) -> Tensor:
    """Of networks that learn from each propagation of the small graph and are judged on that of the
    real one, in the mean ``[m]``."""
    rng, hits = torch.Generator().manual_seed(0), []
    for u, sight in seen:
        networks = taught_by(u, small.labels, teaching.answers, rng, fused=fused)
        said = networks.says(sight.held, basis)
        hits += [teaching.answers.right(one, teaching.wanted) for one in said]
    return torch.stack(hits).float().mean(0)


class Networks:
    """Networks with one hidden layer, side by side, with Glorot's first weights.

    Args:
        inputs, outputs: columns.
        rng: of first weights and dropout.
    """

    def __init__(self, inputs: int, outputs: int, rng: Generator) -> None:
        self.rng = rng
        self.weights = [
            layer
            for rows, columns in ((inputs, HIDDEN), (HIDDEN, outputs))
            for layer in (self._glorot(rows, columns), torch.zeros(NETWORKS, 1, columns))
        ]

    def __call__(self, u: Tensor, dropout: float = 0.0) -> Tensor:
        """What each says of rows ``[n, k]``: ``[networks, n, C]``."""
        first, bias, last, shift = self.weights
        h = (u @ first + bias).relu()
        if dropout:
            kept = torch.rand(h.shape, generator=self.rng) >= dropout
            h = h * kept / (1 - dropout)
        out: Tensor = h @ last + shift
        return out

    @torch.no_grad()
    def says(self, u: Tensor, basis: Tensor | None = None) -> list[Tensor]:
        """What each of them says of many rows ``[m, k]``, seen in the columns of ``basis [k, d]``:
        ``[m, C]``."""
        rows = ROWS if basis is None else max(ROWS * len(basis) // basis.shape[1], 1)
        found: list[list[Tensor]] = [[] for _ in range(NETWORKS)]
        for block in parts(len(u), rows):
            seen = u[block] if basis is None else u[block] @ basis
            for own, (first, bias, last, shift) in zip(
                found, zip(*self.weights, strict=True), strict=True
            ):
                own.append((seen @ first + bias).relu() @ last + shift)
        return [torch.cat(own) for own in found]

    def parameters(self) -> Iterator[Tensor]:
        """What is learnt."""
        for weight in self.weights:
            yield weight.requires_grad_()

    def _glorot(self, rows: int, columns: int) -> Tensor:
        bound = (6 / (rows + columns)) ** 0.5
        shape = (NETWORKS, rows, columns)
        return torch.empty(shape).uniform_(-bound, bound, generator=self.rng)


def taught_by(
    u: Tensor, labels: Tensor, answers: Answers, rng: Generator, *, fused: bool = False
) -> Networks:
    """Networks that have learnt ``labels [n, C]`` from rows ``u [n, k]``; with ``fused`` by Adam in
    one pass over the weights, which of many columns takes most of the time."""
    networks = Networks(u.shape[1], labels.shape[1], rng)
    weights = list(networks.parameters())
    optimiser = torch.optim.Adam(weights, lr=RATE, weight_decay=DECAY, fused=fused)
    for _ in range(EPOCHS):
        # The loss of one network does not depend on the others.
        loss = answers.loss(networks(u, DROPOUT), labels).sum()
        for weight, grad in zip(weights, torch.autograd.grad(loss, weights), strict=True):
            weight.grad = grad
        optimiser.step()
    return networks
