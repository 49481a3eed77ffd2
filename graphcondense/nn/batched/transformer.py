"""SGFormer: one layer of linear attention over all nodes beside a graph convolution."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from graphcondense.nn.batched.base import Asked, Inputs, Stacked
from graphcondense.nn.batched.operators import Operator, operator, product
from graphcondense.ops.adjacency import gcn_norm_csr
from graphcondense.ops.sampling import blocks


class LayerNorm(nn.Module):
    """``torch.nn.LayerNorm`` over the channels of ``[S, n, c]``, each seed with its own weights."""

    def __init__(self, like: Tensor, seeds: int, channels: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(like.new_ones(seeds, 1, channels))
        self.bias = nn.Parameter(like.new_zeros(seeds, 1, channels))

    def forward(self, h: Tensor) -> Tensor:
        return F.layer_norm(h, h.shape[2:]) * self.weight + self.bias


class BatchNorm(LayerNorm):
    """``torch.nn.BatchNorm1d`` over the nodes of ``[S, n, c]``, each seed with its own statistics.

    The running statistics, buffers ``[S, 1, c]``, are state that a snapshot has to hold.
    """

    momentum: ClassVar[float] = 0.1
    eps: ClassVar[float] = 1e-5
    mean: Tensor
    var: Tensor

    def __init__(self, like: Tensor, seeds: int, channels: int) -> None:
        super().__init__(like, seeds, channels)
        self.register_buffer("mean", like.new_zeros(seeds, 1, channels))
        self.register_buffer("var", like.new_ones(seeds, 1, channels))

    def forward(self, h: Tensor) -> Tensor:
        mean, var = self.mean, self.var
        if self.training:
            var, mean = torch.var_mean(h, 1, correction=0, keepdim=True)
            nodes = h.shape[1]
            with torch.no_grad():
                self.mean.lerp_(mean, self.momentum)
                self.var.lerp_(var * (nodes / max(nodes - 1, 1)), self.momentum)
        scale = (var + self.eps).rsqrt() * self.weight
        return h * scale + (self.bias - mean * scale)


class SGFormer(Stacked):
    """Wu et al., NeurIPS 2023; PyG's ``SGFormer`` with one attention layer and one head.

    ``Q, K`` have rows of norm one, ``D = diag(1 + Q (K^T 1) / N)`` and the attention over all nodes
    is ``D^-1 (V + Q (K^T V) / N)`` (eqs. 5-6). Beside it stand ``num_layers`` of ``GCNConv`` with
    batch norm; the two states are averaged with ``graph_weight``. PyG ignores edge weights and ends
    in a logarithmic softmax; here the convolutions are weighted and the output is logits.
    """

    edge_weights = "in the normalised adjacency of the convolutions"
    recipe: ClassVar = {"hidden": 64, "dropout": 0.8}
    graph_weight: ClassVar[float] = 0.8
    zero: ClassVar[float] = 1e-6
    """What a query or key of exactly zero becomes."""

    def build(self, sizes: list[tuple[int, int]]) -> None:
        rows, width = sizes[0][0], self.hidden_channels
        seeds = len(self._initial)
        self.attend_in, self.attend_in_bias = self._linear(rows, width)
        self.query, self.key, self.value = (
            self._uniform(width**-0.5, width, width) for _ in range(3)
        )
        self.attend_norms = nn.ModuleList(LayerNorm(self._like, seeds, width) for _ in range(2))
        self.graph_in, self.graph_in_bias = self._linear(rows, width)
        self.weights = nn.ParameterList(self._glorot(width, width) for _ in sizes)
        self.biases = nn.ParameterList(self._zeros(width) for _ in sizes)
        norms = (BatchNorm(self._like, seeds, width) for _ in range(len(sizes) + 1))
        self.graph_norms = nn.ModuleList(norms)
        self.weight_out, self.bias_out = self._linear(width, sizes[-1][1])

    @classmethod
    def inputs(cls, asked: Asked) -> Inputs:
        norm = asked.step(gcn_norm_csr)
        steps, reach = blocks(norm, asked.rows, asked.num_layers)
        nodes = np.concatenate([reach, np.setdiff1d(np.arange(asked.adj.shape[0]), reach)])
        whole = operator(norm[nodes][:, nodes], asked.like)
        sizes = len(reach), len(asked.rows)
        return (
            operator(asked.x[nodes], asked.like),
            whole,
            sizes,
            [operator(step, asked.like) for step in steps],
        )

    def forward(
        self, features: Operator, whole: Operator, sizes: tuple[int, int], steps: list[Operator]
    ) -> Tensor:
        reach, rows = sizes
        both = product(features, torch.cat([self.attend_in, self.graph_in], 2))
        attend, graph = both.chunk(2, 2)
        attend = self._attention(attend + self.attend_in_bias, rows)
        # A batch's statistics are those of all its nodes; running ones need the reach only.
        if self.training:
            reach, steps = graph.shape[1], [whole] * len(steps)
        graph = self._convolutions(graph[:, :reach] + self.graph_in_bias, steps)[:, :rows]
        return torch.lerp(attend, graph, self.graph_weight) @ self.weight_out + self.bias_out

    def _attention(self, h: Tensor, rows: int) -> Tensor:
        """``[S, n, c]`` to ``[S, rows, c]``; the wanted rows come first."""
        h = self._hidden(self.attend_norms[0](h))
        wanted, nodes = h[:, :rows], h.shape[1]
        query, key = self._unit(wanted @ self.query), self._unit(h @ self.key)
        key = key.transpose(1, 2)
        # K^T V = (K^T h) W: values are needed at the wanted rows only.
        mixed = query @ ((key @ h) @ self.value) + nodes * (wanted @ self.value)
        mixed = mixed / (query @ key.sum(2, keepdim=True) + nodes)
        return self._hidden(self.attend_norms[1]((mixed + wanted) / 2))

    def _unit(self, h: Tensor) -> Tensor:
        h = h.masked_fill(h == 0, self.zero)
        norm: Tensor = torch.linalg.vector_norm(h, dim=2, keepdim=True)
        return h / norm

    def _convolutions(self, h: Tensor, steps: list[Operator]) -> Tensor:
        start = h = self._hidden(self.graph_norms[0](h))
        for i, step in enumerate(steps):
            h = product(step, product(h, self.weights[i])) + self.biases[i]
            h = self._hidden(self.graph_norms[i + 1](h))
            h = h + start[:, : h.shape[1]]
        return h
