"""The light graph NTK: neighbourhoods are added up first, an infinitely wide MLP reads the nodes.

Xu et al., Kernel Ridge Regression-Based Graph Dataset Distillation, KDD 2023; the full recursion is
Du et al., Graph Neural Tangent Kernel, NeurIPS 2019, to which it is equal for one aggregation.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Literal, NamedTuple, Protocol, runtime_checkable

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn import functional as F

from graphcondense.kernels.ntk import Kind, on_sphere
from graphcondense.ops.limits import at_least
from graphcondense.ops.types import Context

Aggregation = Literal["gcn", "mean", "sum"]
"""``D^-1/2 (A + I) D^-1/2``, ``D^-1 A`` plus the node itself, or ``A + I``."""

TILE = 256
"""Nodes a side of the blocks of pairs that are computed at once: what a block takes on the way fits
into a cache."""


class Graphs(Protocol):
    """What gathers from neighbours; ``graphcondense.nn.graphs`` has both forms."""

    def gather(self, h: Tensor, how: Aggregation, /) -> Tensor: ...


@runtime_checkable
class Padded(Graphs, Protocol):
    """Node states are ``[g, n, c]``; ``mask [g, n]`` tells which are nodes."""

    mask: Tensor


@runtime_checkable
class Packed(Graphs, Protocol):
    """Node states are ``[N, c]``; ``batch [N]``, ascending, tells whose they are; ``weight [N]``
    what they count in a readout (``None``: one)."""

    batch: Tensor
    num_graphs: int
    weight: Tensor | None


@dataclass(frozen=True)
class NodeStates:
    """States ``h [N, d]`` of the nodes of several graphs of these ``sizes``, one behind the other;
    ``weight [N]`` is what each counts in its graph's readout."""

    h: Tensor
    weight: Tensor
    sizes: tuple[int, ...]

    def __len__(self) -> int:
        return len(self.sizes)

    @cached_property
    def direction(self) -> Tensor:
        """States of length one ``[N, d]``; a state of zeros stays."""
        return F.normalize(self.h, dim=1)

    @cached_property
    def length(self) -> Tensor:
        """Root mean square of each state, times its weight, ``[N]``."""
        norm: Tensor = torch.linalg.vector_norm(self.h, dim=1)
        return self.weight * norm / math.sqrt(self.h.shape[1])

    @cached_property
    def tiles(self) -> list[Tile]:
        """Consecutive graphs of about :data:`TILE` nodes together; more only where one graph has
        more."""
        out: list[Tile] = []
        nodes, graphs, sizes = 0, 0, list[int]()
        for size in (*self.sizes, TILE + 1):
            if sizes and sum(sizes) + size > TILE:
                total = sum(sizes)
                owner = torch.repeat_interleave(torch.tensor(sizes, device=self.h.device))
                out.append(
                    Tile(slice(nodes, nodes + total), slice(graphs, graphs + len(sizes)), owner)
                )
                nodes, graphs, sizes = nodes + total, graphs + len(sizes), []
            sizes.append(size)
        return out


class Tile(NamedTuple):
    """Consecutive graphs: where their nodes are, which they are, and whose each node is."""

    nodes: slice
    graphs: slice
    owner: Tensor

    def readout(self, length: Tensor) -> Tensor:
        """``[graphs, nodes]``, zero but for the ``length`` of a graph's own nodes."""
        count = len(self.owner)
        out = length.new_zeros(self.graphs.stop - self.graphs.start, count)
        out[self.owner, torch.arange(count, device=length.device)] = length[self.nodes]
        return out


class _OfPairs(Context, Protocol):
    rest: tuple[list[Tile], list[Tile], bool, Callable[[Tensor], tuple[Tensor, Tensor]]]


class _Pairs(torch.autograd.Function):
    """``K[G, G'] = Σ_{u in G, v in G'} l_u l_v φ(cos(u, v))``, block by block in both passes.

    ``mirror``: both sides are the same, and half of the blocks are enough.
    """

    @staticmethod
    def forward(
        ctx: _OfPairs,
        u: Tensor,
        length_u: Tensor,
        v: Tensor,
        length_v: Tensor,
        rows: list[Tile],
        columns: list[Tile],
        mirror: bool,
        kernel: Callable[[Tensor], tuple[Tensor, Tensor]],
    ) -> Tensor:
        ctx.save_for_backward(u, length_u, v, length_v)
        ctx.rest = rows, columns, mirror, kernel
        out = u.new_empty(rows[-1].graphs.stop, columns[-1].graphs.stop)
        for a, b in _blocks(rows, columns, mirror):
            values, _ = kernel(u[a.nodes] @ v[b.nodes].T)
            block = a.readout(length_u) @ values @ b.readout(length_v).T
            out[a.graphs, b.graphs] = block
            if mirror:
                out[b.graphs, a.graphs] = block.T
        return out

    @staticmethod
    @once_differentiable
    def backward(ctx: _OfPairs, grad: Tensor) -> tuple[Tensor | None, ...]:
        u, length_u, v, length_v = ctx.saved_tensors
        rows, columns, mirror, kernel = ctx.rest
        out = [torch.zeros_like(t) for t in ctx.saved_tensors]
        to_u, to_v = any(ctx.needs_input_grad[:2]), any(ctx.needs_input_grad[2:4])
        for a, b in _blocks(rows, columns, mirror):
            part = grad[a.graphs, b.graphs]
            if mirror and a is not b:
                part = part + grad[b.graphs, a.graphs].T
            values, slope = kernel(u[a.nodes] @ v[b.nodes].T)
            read_u, read_v = a.readout(length_u), b.readout(length_v)
            slope *= (read_u.T @ part) @ read_v
            if to_u:
                out[0][a.nodes] += slope @ v[b.nodes]
                out[1][a.nodes] += ((values @ read_v.T) * part[a.owner]).sum(1)
            if to_v:
                out[2][b.nodes] += slope.T @ u[a.nodes]
                out[3][b.nodes] += ((values.T @ read_u.T) * part.T[b.owner]).sum(1)
        return (*out, None, None, None, None)


def _blocks(rows: list[Tile], columns: list[Tile], mirror: bool) -> Iterator[tuple[Tile, Tile]]:
    for i, a in enumerate(rows):
        for b in columns[i if mirror else 0 :]:
            yield a, b


@dataclass(frozen=True)
class GraphNTK:
    """``K(G, G') = Σ_{u ∈ G} Σ_{v ∈ G'} w_u w_v Θ(s_u, s_v)`` with node states ``s = S^hops X``.

    ``Θ`` is the NTK of an infinitely wide ReLU MLP without biases, of weights of variance 2, so
    ``K`` is that of ``f(G) = Σ_u w_u mlp(s_u)``. Memory does not grow with the number of node
    pairs: blocks are computed anew in the backward pass.

    Attributes:
        hops: how often neighbours are gathered.
        num_layers: hidden layers of the MLP; with 0 it is linear.
        aggregation: ``S``, see :data:`Aggregation`.
        readout: ``"mean"`` over nodes or ``"sum"``.
        kind: ``"ntk"`` or ``"nngp"``.
    """

    hops: int = 2
    num_layers: int = 1
    aggregation: Aggregation = "gcn"
    readout: Literal["mean", "sum"] = "mean"
    kind: Kind = "ntk"

    def __post_init__(self) -> None:
        at_least(0, self, "hops", "num_layers")
        for name, known in (
            ("aggregation", ("gcn", "mean", "sum")),
            ("readout", ("mean", "sum")),
            ("kind", ("ntk", "nngp")),
        ):
            if getattr(self, name) not in known:
                raise ValueError(f"{name}={getattr(self, name)!r}: choose {' or '.join(known)}")

    def embed(self, x: Tensor, graphs: Graphs) -> NodeStates:
        """States of all nodes.

        Args:
            x: features ``[N, d]`` of packed graphs or ``[g, n, d]`` of padded ones.
            graphs: :class:`Packed` or :class:`Padded`; differentiable in ``x``, and in an adjacency
                that has a gradient.
        """
        h = x
        for _ in range(self.hops):
            heard = graphs.gather(h, self.aggregation)
            # The normalised adjacency of "gcn" holds the node itself.
            h = heard if self.aggregation == "gcn" else h + heard
        if isinstance(graphs, Padded):
            counts = graphs.mask.sum(1)
            h, weight = h[graphs.mask], None
        elif isinstance(graphs, Packed):
            counts = torch.bincount(graphs.batch, minlength=graphs.num_graphs)
            weight = graphs.weight
        else:
            raise TypeError(f"{type(graphs).__name__} is neither packed nor padded graphs")
        if weight is None:
            weight = h.new_ones(len(h))
        if self.readout == "mean":
            graph = torch.repeat_interleave(counts)
            total = weight.new_zeros(len(counts)).index_add_(0, graph, weight)
            weight = weight / total[graph]
        return NodeStates(h, weight, tuple(counts.tolist()))

    def __call__(self, a: NodeStates, b: NodeStates) -> Tensor:
        """The kernel between all graphs of ``a`` and of ``b``, ``[len(a), len(b)]``.

        Once differentiable. Where both are the same object, half of the blocks are mirrored.
        """
        out: Tensor = _Pairs.apply(  # type: ignore[no-untyped-call]
            a.direction, a.length, b.direction, b.length, a.tiles, b.tiles, a is b, self._nodes
        )
        return out

    def _nodes(self, cos: Tensor) -> tuple[Tensor, Tensor]:
        return on_sphere(cos, self.num_layers, self.kind)
