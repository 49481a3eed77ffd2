"""Models that keep a node's own features apart from what they gather from its neighbours."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import ClassVar

import numpy as np
import scipy.sparse as sp
from torch import Tensor, nn

from graphcondense.nn.batched.base import Asked, Inputs, Stacked
from graphcondense.nn.batched.operators import Operator, by_rows, first_step, operator, product
from graphcondense.ops.adjacency import mean_norm_csr
from graphcondense.ops.sampling import blocks


class SAGE(Stacked):
    """GraphSAGE, Hamilton et al., NeurIPS 2017, mean aggregator; PyG's ``SAGEConv``.

    A layer is ``step(A) h W + h R + b``; the classes below differ in ``step`` and in how the
    weights start.
    """

    edge_weights = "as a weighted mean"
    recipe: ClassVar = {"hidden": 64}

    def build(self, sizes: list[tuple[int, int]]) -> None:
        self.weights, self.biases = self._linears(sizes)
        self.roots = nn.ParameterList(self._uniform(size[0] ** -0.5, *size) for size in sizes)

    @staticmethod
    def step(adj: sp.csr_matrix) -> sp.csr_matrix:
        """What a layer multiplies its input with, ``[n, n]``."""
        return mean_norm_csr(adj)

    @classmethod
    def inputs(cls, asked: Asked) -> Inputs:
        steps, nodes = blocks(asked.step(cls.step), asked.rows, asked.num_layers)
        features, first = first_step(steps[0], asked.x[nodes], asked.like)
        root = operator(asked.x[nodes[: steps[0].shape[0]]], asked.like)
        return root, features, (first, *(operator(step, asked.like) for step in steps[1:]))

    def forward(self, root: Operator, features: Operator, steps: Sequence[Operator]) -> Tensor:
        h = product(features, self.weights[0])
        for i, step in enumerate(steps):
            before = self._hidden(h) if i else h
            gathered = product(step, before @ self.weights[i] if i else h)
            root_state = before[:, : gathered.shape[1]] if i else root
            h = gathered + product(root_state, self.roots[i]) + self.biases[i]
        return h


class GraphConv(SAGE):
    """The k-GNN of Morris et al., AAAI 2019; PyG's ``GraphConv`` with its default, a plain sum.

    Sums grow with the degree: what was learnt on a small graph of other degrees transfers badly.
    """

    edge_weights = "as a weighted sum"

    @staticmethod
    def step(adj: sp.csr_matrix) -> sp.csr_matrix:
        return adj


class Cheb(SAGE):
    """ChebNet, Defferrard et al., NeurIPS 2016, polynomials of degree one; PyG's ``ChebConv(K=2)``.

    ``T_0 = I`` and ``T_1 = 2 L / 2 - I = -D^-1/2 A D^-1/2`` for the symmetric Laplacian with
    largest eigenvalue 2, self-loops removed. ``D`` is the out-degree, as in PyG; where the graph is
    undirected there is but one.
    """

    edge_weights = "in the normalised Laplacian"

    def build(self, sizes: list[tuple[int, int]]) -> None:
        self.weights, self.roots = self._glorots(sizes), self._glorots(sizes)
        self.biases = self._all_zeros(sizes)

    @staticmethod
    def step(adj: sp.csr_matrix) -> sp.csr_matrix:
        adj = (adj - sp.diags_array(adj.diagonal())).tocsr()
        adj.eliminate_zeros()
        degree = np.asarray(adj.sum(0)).ravel()
        scale = np.zeros_like(degree)
        scale[degree > 0] = degree[degree > 0] ** -0.5
        return (-sp.diags_array(scale) @ adj @ sp.diags_array(scale)).tocsr()


class GIN(Stacked):
    """Xu et al., ICLR 2019: ``MLP((1 + eps) h_i + sum_j w_ij h_j)``, ``eps = 0`` and not learnt.

    PyG's ``GINConv`` with the two linear layers that its ``GIN`` gives it.
    """

    edge_weights = "as a weighted sum"
    recipe: ClassVar = {"hidden": 64}

    def build(self, sizes: list[tuple[int, int]]) -> None:
        inner = [(rows, columns) for size in sizes for rows, columns in (size, (size[1],) * 2)]
        self.weights, self.biases = self._linears(inner)

    @classmethod
    def inputs(cls, asked: Asked) -> Inputs:
        loops = sp.identity(asked.adj.shape[0], dtype=asked.adj.dtype)
        return asked.started((asked.adj + loops).tocsr())

    def _inner(self, layer: int, h: Tensor) -> Tensor:
        """The rest of a layer, from the sum."""
        h = self.activation(h + self.biases[2 * layer])
        out: Tensor = h @ self.weights[2 * layer + 1] + self.biases[2 * layer + 1]
        return out

    def forward(self, features: Operator, steps: Sequence[Operator]) -> Tensor:
        h = product(features, self.weights[0])
        for i, step in enumerate(steps):
            h = self._hidden(h) @ self.weights[2 * i] if i else h
            # The sum and the first linear layer commute: the narrower side is summed.
            h = by_rows(step, h, partial(self._inner, i))
        return h
