"""Models that multiply by the normalised adjacency, and the perceptron they start from."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import ClassVar

import numpy as np
import scipy.sparse as sp
import torch
from torch import Tensor

from graphcondense.nn.batched.base import Asked, Inputs, Stacked
from graphcondense.nn.batched.operators import Operator, by_rows, operator, product
from graphcondense.ops.adjacency import gcn_norm_csr
from graphcondense.ops.sampling import blocks


class _Perceptron(Stacked):
    """Linear layers on the node's own features, activation and dropout in between."""

    def build(self, sizes: list[tuple[int, int]]) -> None:
        self.weights, self.biases = self._linears(sizes)

    def perceptron(self, features: Operator) -> Tensor:
        return by_rows(features, self.weights[0], self._onwards)

    def _onwards(self, h: Tensor) -> Tensor:
        """The outputs, from the product of features and first weights."""
        for i, (weight, bias) in enumerate(zip(self.weights, self.biases, strict=True)):
            h = (self._hidden(h) @ weight if i else h) + bias
        return h


class MLP(_Perceptron):
    """A multilayer perceptron on the node's own features; PyG's ``MLP`` without normalisation."""

    edge_weights = "no edges"

    @classmethod
    def inputs(cls, asked: Asked) -> Inputs:
        return (operator(asked.x[asked.rows], asked.like),)

    def forward(self, features: Operator) -> Tensor:
        return self.perceptron(features)


class GCN(Stacked):
    """Kipf & Welling, ICLR 2017; PyG's ``GCNConv`` with ReLU between layers."""

    edge_weights = "in the normalised adjacency"

    def build(self, sizes: list[tuple[int, int]]) -> None:
        self.weights, self.biases = self._glorots(sizes), self._all_zeros(sizes)

    @classmethod
    def inputs(cls, asked: Asked) -> Inputs:
        return asked.started(asked.step(gcn_norm_csr))

    def forward(self, features: Operator, steps: Sequence[Operator]) -> Tensor:
        h: Tensor = self.weights[0]
        if steps[0] is None:
            steps = features, *steps[1:]
        else:
            h = product(features, h)
        for i, step in enumerate(steps):
            h = by_rows(step, h, partial(self._onwards, i))
        return h

    def _onwards(self, layer: int, h: Tensor) -> Tensor:
        """What the next layer's step is taken of, from what this one's gave."""
        h = h + self.biases[layer]
        if layer + 1 < len(self.weights):
            h = self._hidden(h) @ self.weights[layer + 1]
        return h


class SGC(Stacked):
    """Wu et al., ICML 2019: one linear layer on ``Â^K X``, ``K = num_layers``; PyG's ``SGConv``.

    There is no hidden layer, hence no width and no dropout.
    """

    edge_weights = "in the normalised adjacency"
    recipe: ClassVar = {"lr": 0.2, "weight_decay": 5e-5}
    composed: ClassVar[int] = 2**25
    """Largest ``Â^K X``, in entries, that is computed once: of many rows with sparse features it
    is dense and does not fit, and ``Â^K (X W)`` is as many products of a few columns."""

    def build(self, sizes: list[tuple[int, int]]) -> None:
        self.weight, self.bias = self._linear(sizes[0][0], sizes[-1][1])

    @classmethod
    def inputs(cls, asked: Asked) -> Inputs:
        fits = len(asked.rows) * asked.x.shape[1] <= cls.composed
        if fits and asked.graph is not None:
            wide = np.float64 if asked.like.dtype == torch.float64 else np.float32
            return operator(asked.graph.rows(asked.num_layers, asked.rows, wide), asked.like), []
        steps, nodes = blocks(asked.step(gcn_norm_csr), asked.rows, asked.num_layers)
        x = asked.x[nodes]
        if not fits:
            return operator(x, asked.like), [operator(step, asked.like) for step in steps]
        for step in steps:
            x = step @ x
        return operator(x, asked.like), []

    def forward(self, features: Operator, steps: Sequence[Operator]) -> Tensor:
        h = product(features, self.weight)
        for step in steps:
            h = product(step, h)
        return h + self.bias


class APPNP(_Perceptron):
    """Gasteiger et al., ICLR 2019: an MLP, then ten steps of personalised PageRank (0.1)."""

    edge_weights = "in the normalised adjacency"
    hops: ClassVar[int] = 10
    alpha: ClassVar[float] = 0.1
    one_step: ClassVar[int] = 2**22
    """Largest composed matrix, in entries."""

    @classmethod
    def inputs(cls, asked: Asked) -> Inputs:
        steps, nodes = blocks(asked.step(gcn_norm_csr), asked.rows, cls.hops)
        # Few rows: the ten steps are one matrix [r, n], which beats ten launches.
        if len(asked.rows) * len(nodes) <= cls.one_step:
            steps = [cls._pagerank(steps)]
        return operator(asked.x[nodes], asked.like), [operator(step, asked.like) for step in steps]

    @classmethod
    def _pagerank(cls, steps: list[sp.csr_matrix]) -> sp.csr_matrix:
        """The composition of all steps, teleports included, built from the last one back."""
        left = sp.identity(steps[-1].shape[0], dtype=steps[-1].dtype, format="csr")
        total = sp.csr_matrix((left.shape[0], steps[0].shape[1]), dtype=left.dtype)
        for k, step in enumerate([*steps[::-1], None]):
            share = (1 - cls.alpha) ** k * (cls.alpha if step is not None else 1)
            wide = left.copy()
            wide.resize(total.shape)  # a step's targets are the first of its sources
            total = total + share * wide
            left = left if step is None else left @ step
        return total.tocsr()

    def forward(self, features: Operator, steps: Sequence[Operator]) -> Tensor:
        start = z = self.perceptron(features)
        if len(steps) == 1:
            return product(steps[0], z)
        for step in steps:
            z = product(step, z)
            z = (1 - self.alpha) * z + self.alpha * start[:, : z.shape[1]]
        return z
