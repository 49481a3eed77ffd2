"""Models that reach far without forgetting a node's own features: GCNII and H2GCN."""

from __future__ import annotations

from collections.abc import Sequence
from math import log
from typing import ClassVar

import numpy as np
import scipy.sparse as sp
import torch
from torch import Tensor, nn

from graphcondense.nn.batched.base import Asked, Inputs, Stacked
from graphcondense.nn.batched.operators import Operator, operator, product
from graphcondense.ops.adjacency import gcn_norm_csr, symmetric_norm_csr
from graphcondense.ops.sampling import blocks


class GCNII(Stacked):
    """Chen et al., ICML 2020: a linear layer, ``num_layers`` of PyG's ``GCN2Conv``, a linear layer.

    ``h_l = relu(((1 - alpha) Â h_{l-1} + alpha h_0) ((1 - beta_l) I + beta_l W_l))`` with
    ``beta_l = log(theta / l + 1)`` (eq. 5). Dropout comes before every layer, the first included.
    """

    edge_weights = "in the normalised adjacency"
    recipe: ClassVar = {"hidden": 64, "num_layers": 8, "dropout": 0.6}
    drops_input = True
    alpha: ClassVar[float] = 0.1
    theta: ClassVar[float] = 0.5

    def build(self, sizes: list[tuple[int, int]]) -> None:
        width = self.hidden_channels
        self.weight_in, self.bias_in = self._linear(sizes[0][0], width)
        self.weights = nn.ParameterList(self._glorot(width, width) for _ in sizes)
        self.weight_out, self.bias_out = self._linear(width, sizes[-1][1])

    @classmethod
    def inputs(cls, asked: Asked) -> Inputs:
        return asked.whole((1 - cls.alpha) * asked.step(gcn_norm_csr))

    def forward(self, features: Operator, steps: Sequence[Operator]) -> Tensor:
        h = start = self.activation(self._input(features, self.weight_in) + self.bias_in)
        eye = torch.eye(h.shape[2], dtype=h.dtype, device=h.device)
        for i, (step, weight) in enumerate(zip(steps, self.weights, strict=True), 1):
            h = product(step, self._drop(h))
            h = torch.add(h, start[:, : h.shape[1]], alpha=self.alpha)
            h = self.activation(h @ torch.lerp(eye, weight, log(self.theta / i + 1)))
        return self._drop(h) @ self.weight_out + self.bias_out


class H2GCN(Stacked):
    """Zhu et al., NeurIPS 2020: ego and neighbours apart, two distances apart, all rounds kept.

    ``r_0 = relu(X W)``; each of ``num_layers`` rounds takes ``r_k = [N_1 r_{k-1}, N_2 r_{k-1}]``,
    without a nonlinearity; the logits are linear in ``[r_0, ..., r_K]`` after dropout (eqs. 4-7).
    ``N_i = D_i^-1/2 A_i D_i^-1/2``: ``A_1`` is the adjacency without self-loops, ``A_2`` holds the
    pairs at distance two exactly, ``D_i`` are the row sums. The paper's graphs are unweighted; here
    a pair in ``A_2`` has the mean, over the paths between the two, of the product of their weights,
    which is 1 if all weights are.
    """

    edge_weights = "in the normalised neighbourhoods, multiplied along two hops"
    recipe: ClassVar = {"hidden": 64}
    most_pairs: ClassVar[int] = 2**29
    """Paths of two hops up to which the second neighbourhood is computed."""

    def build(self, sizes: list[tuple[int, int]]) -> None:
        width, rounds = self.hidden_channels, len(sizes)
        self.weight_in = self._glorot(sizes[0][0], width)
        self.weight_out = self._glorot((2 ** (rounds + 1) - 1) * width, sizes[-1][1])

    @classmethod
    def inputs(cls, asked: Asked) -> Inputs:
        near, far = cls.neighbourhoods(asked.adj)
        steps, nodes = blocks((near + far).tocsr(), asked.rows, asked.num_layers)
        inputs = []
        for n, m in (step.shape for step in steps):
            # Stacked: one product for both.
            parts = [hop[nodes[:n]][:, nodes[:m]] for hop in (near, far)]
            inputs.append(operator(sp.vstack(parts, format="csr"), asked.like))
        return operator(asked.x[nodes], asked.like), inputs

    @classmethod
    def neighbourhoods(cls, adj: sp.csr_matrix) -> tuple[sp.csr_matrix, sp.csr_matrix]:
        """``N_1`` and ``N_2``, both ``[n, n]`` with an empty diagonal and disjoint.

        Raises:
            ValueError: for a graph whose second neighbourhood would not fit in memory.
        """
        near = (adj - sp.diags_array(adj.diagonal())).tocsr()
        near.eliminate_zeros()
        paths = int(
            np.bincount(near.indices, minlength=len(near.indptr) - 1) @ np.diff(near.indptr)
        )
        if paths > cls.most_pairs:
            raise ValueError(
                f"H2GCN takes the nodes at distance two: this graph has {paths} paths of two hops, "
                f"more than {cls.most_pairs}; leave H2GCN out for it"
            )
        far, number = near @ near, near.astype(bool).astype(near.dtype)
        number = number @ number
        for hop in (far, number):
            hop.sort_indices()
        far.data /= number.data
        closer = (near + sp.identity(near.shape[0], dtype=near.dtype)).astype(bool)
        far = (far - far.multiply(closer)).tocsr()
        far.eliminate_zeros()
        return symmetric_norm_csr(near), symmetric_norm_csr(far)

    def forward(self, features: Operator, steps: Sequence[Operator]) -> Tensor:
        states = [self.activation(self._input(features, self.weight_in))]
        for step in steps:
            both = product(step, states[-1])  # [S, 2 n, c]
            states.append(torch.cat(both.chunk(2, 1), 2))
        rows = states[-1].shape[1]
        final = torch.cat([state[:, :rows] for state in states], 2)
        return self._drop(final) @ self.weight_out
