"""What the stacked models share: initialisation, activations and dropout, seed by seed."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from itertools import pairwise
from typing import Any, ClassVar, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from graphcondense.nn.batched.operators import (
    Matrix,
    Operator,
    first_step,
    masked_product,
    operator,
    product,
)
from graphcondense.ops.propagated import Propagated, Step
from graphcondense.ops.sampling import blocks

ACTIVATIONS: Mapping[str, Callable[[Tensor], Tensor]] = {
    "relu": torch.relu,
    "elu": F.elu,
    "gelu": F.gelu,
    "leaky_relu": F.leaky_relu,
    "sigmoid": torch.sigmoid,
    "tanh": torch.tanh,
    "identity": lambda h: h,
}

IN_PLACE: Mapping[Callable[[Tensor], Tensor], Callable[[Tensor], Tensor]] = {
    torch.relu: torch.relu_,
    F.elu: partial(F.elu, inplace=True),
    F.leaky_relu: partial(F.leaky_relu, inplace=True),
}
"""Activations that can do without new memory, which is half of their time."""

Inputs: TypeAlias = tuple[Any, ...]
"""What a model's ``forward`` is called with: operators, edges and tensors, as each model needs."""


class Asked(NamedTuple):
    """What a model is asked for: its outputs at some nodes of a graph (:meth:`Stacked.prepare`)."""

    x: Matrix
    adj: sp.csr_matrix
    rows: npt.NDArray[np.integer]
    num_layers: int
    like: Tensor
    graph: Propagated | None = None

    def step(self, make: Step) -> sp.csr_matrix:
        """``make(adj)``, of a graph that is asked often the one made before."""
        return make(self.adj) if self.graph is None else self.graph.made(make)

    def whole(self, adj: sp.csr_matrix) -> Inputs:
        """The features of all nodes that ``num_layers`` steps of ``adj`` reach, and the steps."""
        steps, nodes = blocks(adj, self.rows, self.num_layers)
        return operator(self.x[nodes], self.like), [operator(step, self.like) for step in steps]

    def started(self, adj: sp.csr_matrix) -> Inputs:
        """As :meth:`whole`, with the first step taken where that costs less."""
        steps, nodes = blocks(adj, self.rows, self.num_layers)
        features, first = first_step(steps[0], self.x[nodes], self.like)
        return features, (first, *(operator(step, self.like) for step in steps[1:]))


class Stacked(nn.Module):
    """What the models share: stacked initialisation, activation and dropout.

    Everything that a network learns or keeps is a parameter or a buffer with a leading seed
    dimension; a model has no other buffers. Called with what :meth:`prepare` returns, a model gives
    logits ``[S, r, classes]``.

    Args:
        in_channels: features of a node.
        hidden_channels: width of the hidden layers.
        out_channels: number of classes.
        num_layers: number of layers, at least 1; each class says what it counts.
        dropout: probability of zeroing a hidden activation, in ``[0, 1)``.
        activation: between layers, a name in :data:`ACTIVATIONS`.
        seeds: one integer a network; seed ``s`` fixes its initial weights and dropout masks.
        device, dtype: where and in what precision the parameters live.
    """

    edge_weights: ClassVar[str]
    """How the model uses edge weights, for the report."""

    recipe: ClassVar[Mapping[str, object]] = {}
    """Training settings of its own, where the shared defaults do not suit it."""

    binary: ClassVar[bool] = False
    """Whether the model sees edges but not their weights."""

    drops_input: ClassVar[bool] = False
    """Whether dropout is on the input features, too."""

    def __init__(
        self,
        in_channels: int,
        hidden_channels: int,
        out_channels: int,
        num_layers: int = 2,
        dropout: float = 0.5,
        activation: str = "relu",
        *,
        seeds: Sequence[int] = (0,),
        device: torch.device | str | None = None,
        dtype: torch.dtype = torch.float32,
    ) -> None:
        super().__init__()
        if num_layers < 1:
            raise ValueError(f"num_layers must be at least 1, got {num_layers}")
        if not 0 <= dropout < 1:
            raise ValueError(f"dropout must be in [0, 1), got {dropout}")
        if not seeds:
            raise ValueError("seeds is empty: give at least one")
        self.dropout, self.hidden_channels, self.seeds = dropout, hidden_channels, tuple(seeds)
        self._like = torch.empty(0, device=device, dtype=dtype)
        self._initial = [torch.Generator().manual_seed(seed) for seed in seeds]
        # Another stream than the initial weights', or masks would follow the first draws.
        self._masks = [
            torch.Generator(self._like.device).manual_seed((seed + 1) * 0x9E3779B97F4A7C15 % 2**63)
            for seed in seeds
        ]
        widths = [in_channels, *[hidden_channels] * (num_layers - 1), out_channels]
        self.make(activation, list(pairwise(widths)))

    def make(self, activation: str, sizes: list[tuple[int, int]]) -> None:
        """Create the networks: layers of these input and output widths."""
        if activation not in ACTIVATIONS:
            raise ValueError(f"unknown activation {activation!r}: use {', '.join(ACTIVATIONS)}")
        self.activation = ACTIVATIONS[activation]
        self.build(sizes)

    def build(self, sizes: list[tuple[int, int]]) -> None:
        """Create the parameters of layers with these input and output widths."""
        raise NotImplementedError

    @classmethod
    def prepare(
        cls,
        x: Matrix,
        adj: sp.csr_matrix,
        rows: npt.NDArray[np.integer],
        num_layers: int,
        like: Tensor,
        graph: Propagated | None = None,
    ) -> Inputs:
        """The inputs of ``forward`` for the output rows ``rows``.

        Args:
            x: features ``[n, d]``.
            adj: ``A [n, n]`` as given, ``A[i, j]`` the weight of ``j -> i``.
            rows: the wanted nodes ``[r]``.
            num_layers: as in the constructor.
            like: a tensor whose device and precision the inputs take.
            graph: what is made of ``x`` and ``adj`` for others, too.
        """
        return cls.inputs(Asked(x, adj, rows, num_layers, like, graph))

    @classmethod
    def inputs(cls, asked: Asked) -> Inputs:
        """What :meth:`prepare` returns; each model says it for itself."""
        raise NotImplementedError

    def _uniform(self, bound: float, *shape: int) -> nn.Parameter:
        data = torch.empty(len(self._initial), *shape)
        for part, generator in zip(data, self._initial, strict=True):
            part.uniform_(-bound, bound, generator=generator)
        return nn.Parameter(data.to(self._like))

    def _glorot(self, rows: int, columns: int) -> nn.Parameter:
        return self._uniform((6 / (rows + columns)) ** 0.5, rows, columns)

    def _glorots(self, sizes: list[tuple[int, int]]) -> nn.ParameterList:
        return nn.ParameterList(self._glorot(*size) for size in sizes)

    def _all_zeros(self, sizes: list[tuple[int, int]]) -> nn.ParameterList:
        return nn.ParameterList(self._zeros(columns) for _, columns in sizes)

    def _linears(self, sizes: list[tuple[int, int]]) -> tuple[nn.ParameterList, nn.ParameterList]:
        weights, biases = zip(*(self._linear(*size) for size in sizes), strict=True)
        return nn.ParameterList(weights), nn.ParameterList(biases)

    def _zeros(self, columns: int) -> nn.Parameter:
        return nn.Parameter(self._like.new_zeros(len(self._initial), 1, columns))

    def _linear(self, rows: int, columns: int) -> tuple[nn.Parameter, nn.Parameter]:
        """Weight and bias as ``torch.nn.Linear`` draws them."""
        return self._uniform(rows**-0.5, rows, columns), self._uniform(rows**-0.5, 1, columns)

    def _input(self, features: Operator, weight: Tensor) -> Tensor:
        """``features @ weight``, the features dropped where the model drops its input."""
        if self.drops_input and self.training and self.dropout:
            return masked_product(features, self._drop, weight)
        return product(features, weight)

    def _hidden(self, h: Tensor) -> Tensor:
        """What stands between two layers: the activation, then dropout. Without gradients ``h``,
        which nobody else reads, may be overwritten."""
        if torch.is_grad_enabled():
            return self._drop(self.activation(h))
        return self._drop(IN_PLACE.get(self.activation, self.activation)(h))

    def _drop(self, h: Tensor) -> Tensor:
        """Dropout of ``h [S, ...]``, each seed's mask from its own generator."""
        if not self.training or self.dropout == 0:
            return h
        # Sixteen random bits an entry, four entries a draw: ten times faster than `bernoulli_`.
        size = h[0].numel()
        bits = torch.empty(len(h), -(-size // 4), dtype=torch.int64, device=h.device)
        for part, generator in zip(bits, self._masks, strict=True):
            part.random_(-(2**63), None, generator=generator)
        dropped = round(self.dropout * 2**16)
        keep = bits.view(torch.int16)[:, :size].view_as(h) >= dropped - 2**15
        return h * (keep.to(h.dtype) * (2**16 / (2**16 - dropped)))
