"""Where the edges of a synthetic graph come from: a function of its features, free, or none.

Every structure maps features ``[n, d]`` to a dense symmetric adjacency ``[n, n]`` with entries in
[0, 1] and a zero diagonal, or to ``None`` when the graph has no edges.
"""

from __future__ import annotations

import torch
from torch import Generator, Tensor, nn

from graphcondense.core.pools import initialise
from graphcondense.ops.pairs import pair_logits


class Structure(nn.Module):
    """Base class; see the module's text."""

    def draw(self, rng: Generator) -> None:
        """Draw what is random in the structure for the coming step."""

    def forward(self, x: Tensor) -> Tensor | None:
        raise NotImplementedError

    def hard(self, x: Tensor, threshold: float) -> Tensor | None:
        """The adjacency to export: entries up to ``threshold`` are cut, the others keep weight."""
        adj = self(x)
        return None if adj is None else torch.where(adj > threshold, adj, 0.0)


class Identity(Structure):
    """No edges: every condensed node is its own neighbourhood (the -X variants)."""

    def forward(self, x: Tensor) -> Tensor | None:
        return None


class Fixed(Structure):
    """Edges that are given and stay.

    Args:
        adj: dense ``[n, n]``; kept as it is, self-loops and direction included.
    """

    adj: Tensor

    def __init__(self, adj: Tensor) -> None:
        super().__init__()
        self.register_buffer("adj", adj)

    def forward(self, x: Tensor) -> Tensor:
        return self.adj


class PairwiseMLP(Structure):
    """``A_ij = σ((MLP([x_i; x_j]) + MLP([x_j; x_i])) / 2)`` (GCond, Jin et al., ICLR 2022, eq. 7).

    Three layers with batch norm over all ordered pairs, as in the paper. The first layer acts on
    the two halves apart, ``W [x_i; x_j] = W_a x_i + W_b x_j``, whose means and variances add up
    over the grid of pairs: it costs ``n d h``, not ``n² 2d h``. The rest is
    :func:`~graphcondense.ops.pairs.pair_logits`.

    Args:
        in_channels: width ``d`` of the features.
        hidden_channels: width ``h`` of both hidden layers.
        bias: start of the last bias. 0 is the usual start, where every pair begins at weight 1/2;
            -4 starts near the empty graph (weight 0.018).
        coupled: whether the features feel the gradient through the MLP, as in the paper.
    """

    eps = 1e-5

    def __init__(
        self,
        in_channels: int,
        hidden_channels: int = 128,
        bias: float = 0.0,
        coupled: bool = True,
    ) -> None:
        super().__init__()
        self.coupled = coupled
        self.first = nn.Linear(2 * in_channels, hidden_channels)
        self.scale1 = nn.Parameter(torch.ones(hidden_channels))
        self.shift1 = nn.Parameter(torch.zeros(hidden_channels))
        self.second = nn.Linear(hidden_channels, hidden_channels)
        self.norm2 = nn.BatchNorm1d(hidden_channels, track_running_stats=False)
        self.last = nn.Linear(hidden_channels, 1)
        self.initial_bias = bias

    @torch.no_grad()
    def reset_(self, rng: Generator) -> None:
        """Draw all weights from ``rng``."""
        for layer in (self.first, self.second, self.norm2, self.last):
            drawn = initialise(layer, rng)
            for name, param in layer.named_parameters():
                param.copy_(drawn[name])
        self.last.bias.fill_(self.initial_bias)

    def forward(self, x: Tensor) -> Tensor:
        x = x if self.coupled else x.detach()
        # Both halves of each unit at once. The bias of a layer before a batch norm cancels; both
        # are kept for the paper's parameters.
        halves = x @ self.first.weight.view(-1, x.shape[1]).T
        halves = halves - halves.mean(0)
        variance = halves.square().mean(0).view(-1, 2).sum(1)
        a, b = halves.view(len(x), -1, 2).unbind(2)
        scale = self.scale1 * (variance + self.eps).rsqrt()
        norm = self.norm2
        out = pair_logits(
            a * scale + self.shift1,
            b * scale,
            self.second.weight,
            norm.weight,
            norm.bias,
            self.last.weight[0],
            norm.eps,
        )
        out = out + self.last.bias
        adj = torch.sigmoid((out + out.T) / 2)
        return adj - torch.diag_embed(adj.diagonal())


class Bernoulli(Structure):
    """Free edge probabilities ``σ(Ω)``, relaxed as binary concrete (DosCond, KDD 2022, eq. 8).

    ``A_ij = σ((logit(u) + Ω_ij) / τ)`` with ``u`` uniform, drawn anew each step; symmetric. The
    exported graph has the edges of probability above one half, with weight one.

    Args:
        num_nodes: size of the graph.
        temperature: τ.
        start: initial value of every Ω.
    """

    pairs: Tensor
    noise: Tensor

    def __init__(self, num_nodes: int, temperature: float = 1.0, start: float = 0.0) -> None:
        super().__init__()
        pairs = torch.triu_indices(num_nodes, num_nodes, offset=1)
        self.register_buffer("pairs", pairs, persistent=False)
        self.logits = nn.Parameter(torch.full((pairs.shape[1],), start))
        self.register_buffer("noise", torch.zeros(pairs.shape[1]))
        self.temperature = temperature
        self.num_nodes = num_nodes

    def draw(self, rng: Generator) -> None:
        u = torch.rand(self.logits.shape, generator=rng).clamp_(1e-6, 1 - 1e-6)
        self.noise.copy_(torch.logit(u))

    def _square(self, values: Tensor) -> Tensor:
        adj = values.new_zeros(self.num_nodes, self.num_nodes)
        adj = adj.index_put((self.pairs[0], self.pairs[1]), values)
        return adj + adj.T

    def forward(self, x: Tensor) -> Tensor:
        return self._square(torch.sigmoid((self.noise + self.logits) / self.temperature))

    def hard(self, x: Tensor, threshold: float) -> Tensor:
        return self._square((self.logits > 0).to(self.logits.dtype))
