"""SGDD (Yang et al., NeurIPS 2023)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from torch import Generator, Tensor, nn

from graphcondense.core.method import Parts
from graphcondense.core.pools import Turns, built, uniform
from graphcondense.core.types import Learner, Objective, Source, Synthetic
from graphcondense.domains.node import GradientMatched, NodeSynthetic
from graphcondense.domains.node_source import NodeSource
from graphcondense.domains.structure import Structure
from graphcondense.ops.fields import Count, Natural, NonNegative, Positive
from graphcondense.ops.pairs import wave_logits


@dataclass(frozen=True, kw_only=True)
class SGDD(Turns, GradientMatched):
    """Gradient matching with edges from a generator, held to the real structure by transport.

    The generator is a graphon in the form of an implicit network: ``A'_ij = σ((g(v_i, v_j) +
    g(v_j, v_i)) / 2)``, where ``v_i`` is a learnt position of node ``i`` and its features, and
    ``g`` has sines for activations. To the matching loss it adds

    ``α W²(L, L') / n' + β mean A'``, ``W² = tr S + tr S' - 2 tr((S^½ S' S^½)^½)``,

    the squared 2-Wasserstein distance between the smooth signals ``N(0, S)`` of two Laplacians,
    ``S = (L + ridge I)^-1``. ``L`` is of training nodes drawn anew each time, as many of each class
    as the small graph has and in its order, joined where a walk of ``reach`` edges joins them. The
    paper has the pseudo-inverse ``L⁺``; few training nodes fall apart into many components, of
    which it says nothing, so a ridge takes its place.

    Attributes:
        structure: ``"mlp"``, the generator above, or ``"bernoulli"`` (free probabilities).
        latent: width of the positions.
        alpha: ``α``.
        beta: ``β``.
        ridge: see above; the variance of a node without edges is its inverse.
        reach: longest walk that counts as an edge between drawn nodes; the paper has 1.
    """

    name = "sgdd"
    paper = (
        "Yang et al., Does Graph Distillation See Like Vision Dataset Counterpart?, NeurIPS 2023, "
        "arXiv 2310.09192"
    )
    learns = "features + adjacency (implicit network)"

    structure: Literal["mlp", "bernoulli"] = "mlp"
    outer: Count = 20
    inner: Natural = 5
    lr_model: NonNegative = 1e-3
    lr_adj: NonNegative = 1e-3
    latent: Count = 16
    alpha: NonNegative = 1.0
    beta: NonNegative = 0.1
    ridge: Positive = 1.0
    reach: Count = 2

    def memory_bytes(self, real: NodeSource) -> int:
        """Besides, what the generator keeps of each pair for its gradient, and the walks of drawn
        nodes."""
        n, nodes = int(self.sizes(real).sum()), real.num_examples
        heard = min(nodes, int(np.ceil((1 + real.task.adj.nnz / nodes) ** self.reach)))
        pairs = n * n * (2 * self.structure_hidden + 20)
        return super().memory_bytes(real) + 4 * pairs + 12 * n * heard

    def _structure(self, x: Tensor, rng: Generator) -> Structure:
        if self.structure == "bernoulli":
            return super()._structure(x, rng)
        sizes = (len(x), x.shape[1], self.latent, self.structure_hidden)
        out = built(Implicit, *sizes, self.structure_bias, self.coupled).to(x.dtype)
        out.reset_(x, rng)
        return out

    def parts(self, real: NodeSource, rng: Generator) -> Parts:
        sizes, reach = self.sizes(real).tolist(), self.reach
        objective = Broadcast(
            self.gradients(),
            lambda draw: joined(real, drawn(real, sizes, draw), reach),
            self.alpha,
            self.beta,
            self.ridge,
        )
        return self.match(real, rng, objective, self.outer, self.inner, self.lr_model, self.fanout)


class Implicit(Structure):
    """``A_ij = σ((g(v_i, v_j) + g(v_j, v_i)) / 2)``, see :class:`SGDD`; ``g`` has three layers.

    The first acts on the two ends apart, which costs ``n (d + r) h`` and not ``n² 2(d + r) h``.

    Args:
        num_nodes: ``n``.
        in_channels: width ``d`` of the features.
        latent: width ``r`` of the positions.
        hidden_channels: width ``h`` of both hidden layers.
        bias: start of the last bias; 0 starts every edge near weight 1/2, -4 near the empty graph.
        coupled: whether the features feel the gradient through the edges.
    """

    unit: Tensor

    def __init__(
        self,
        num_nodes: int,
        in_channels: int,
        latent: int,
        hidden_channels: int = 128,
        bias: float = 0.0,
        coupled: bool = True,
    ) -> None:
        super().__init__()
        self.coupled, self.initial_bias = coupled, bias
        self.positions = nn.Parameter(torch.zeros(num_nodes, latent))
        self.first = nn.Linear(latent + in_channels, 2 * hidden_channels)
        self.second = nn.Linear(hidden_channels, hidden_channels)
        self.last = nn.Linear(hidden_channels, 1)
        self.register_buffer("unit", torch.ones(()))

    @torch.no_grad()
    def reset_(self, x: Tensor, rng: Generator) -> None:
        """Draw positions and weights from ``rng``; features count in their mean length at ``x``.

        Positions are uniform in [0, 1], as a graphon has them. Weights have a variance that leaves
        what a layer gives at about one (Sitzmann et al., NeurIPS 2020).
        """
        self.unit.fill_(float(x.square().sum(1).sqrt().mean()) or 1.0)
        self.positions.copy_(torch.rand(self.positions.shape, generator=rng))
        hidden = self.second.in_features
        # Features have length one, so that each weight may be large; sines halve the variance.
        bounds = {self.first: 3**0.5, self.second: (6 / hidden) ** 0.5, self.last: hidden**-0.5}
        for layer, bound in bounds.items():
            layer.weight.copy_(uniform(tuple(layer.weight.shape), bound, rng))
            layer.bias.zero_()
        self.last.bias.fill_(self.initial_bias)

    def forward(self, x: Tensor) -> Tensor:
        own = (x if self.coupled else x.detach()) / self.unit
        left, right = self.first(torch.cat([self.positions, own], 1)).chunk(2, dim=1)
        second, last = self.second, self.last
        out = wave_logits(left, right, second.weight, second.bias, last.weight[0]) + last.bias
        adj: Tensor = torch.sigmoid((out + out.T) / 2)
        return adj - torch.diag_embed(adj.diagonal())


@dataclass(frozen=True)
class Broadcast:
    """The loss of :class:`SGDD`.

    Attributes:
        matching: the distance of gradients.
        sample: draws nodes of the real graph and gives the edges between them, ``[n', n']``.
        alpha, beta, ridge: see :class:`SGDD`.
    """

    matching: Objective
    sample: Callable[[Generator], Tensor]
    alpha: float
    beta: float
    ridge: float

    def __call__(self, syn: Synthetic, real: Source, learner: Learner, rng: Generator) -> Tensor:
        assert isinstance(syn, NodeSynthetic)
        with syn.once():
            loss = self.matching(syn, real, learner, rng)
            adj = syn.edges()
        assert adj is not None
        if self.alpha:
            theirs, mine = (smooth(one, self.ridge) for one in (self.sample(rng), adj))
            loss = loss + (self.alpha / len(adj) * transport(theirs, mine)).to(loss)
        sparse: Tensor = self.beta * adj.mean()
        return loss + sparse


def smooth(adj: Tensor, ridge: float) -> Tensor:
    """Covariance of the smooth signals of a graph, ``(L + ridge I)^-1 [n, n]`` with ``L = D - A``,
    in float64."""
    wide = adj.double()
    ridges = torch.full((len(adj),), ridge, dtype=torch.float64, device=adj.device)
    covariance: Tensor = torch.linalg.inv(torch.diag(wide.sum(1) + ridges) - wide)
    return covariance


def transport(a: Tensor, b: Tensor) -> Tensor:
    """Squared 2-Wasserstein distance between ``N(0, a)`` and ``N(0, b)``, both ``[n, n]``; a
    gradient flows to ``b`` alone.

    >>> round(float(transport(4 * torch.eye(3), torch.eye(3))), 6)
    3.0
    """
    values, vectors = torch.linalg.eigh(a.detach())
    root = vectors * values.clamp_min(0).sqrt() @ vectors.T
    middle = root @ b @ root
    shared = torch.linalg.eigvalsh((middle + middle.T) / 2).clamp_min(1e-30).sqrt()
    distance: Tensor = a.trace() + b.trace() - 2 * shared.sum()
    return distance


def drawn(real: NodeSource, sizes: list[int], rng: Generator) -> Tensor:
    """Training nodes ``[n]``, ``sizes[c]`` of each class in turn; again where there are fewer."""
    out = []
    for c, size in enumerate(sizes):
        members = real.members(c)
        order = torch.randperm(len(members), generator=rng)
        out.append(members[order.repeat(-(-size // max(len(members), 1)))[:size]])
    return real.task.train[torch.cat(out)]


def joined(real: NodeSource, nodes: Tensor, reach: int) -> Tensor:
    """Which of the nodes ``[n]`` a walk of at most ``reach`` edges joins, ``[n, n]`` of 0 and 1."""
    rows, step = nodes.numpy(), real.task.gcn_adj
    walks = step[rows]
    for _ in range(reach - 1):
        walks = walks @ step
    found = torch.from_numpy(walks[:, rows].toarray() > 0)
    # A node that was drawn twice is not joined to itself.
    found &= nodes[:, None] != nodes
    return (found | found.T).to(real.device, real.dtype)
