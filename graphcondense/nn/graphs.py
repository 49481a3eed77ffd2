"""GNNs on whole graphs: one class for the real side, the learnt side, and many seeds at once.

A model sees node features and a :class:`~graphcondense.nn.graph_layouts.Graphs` object, which
gathers from neighbours and reads a graph out. Under ``torch.func.vmap`` over weights, all seeds
share one set of operators.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import ClassVar

import torch
from torch import Generator, Tensor, nn
from torch.nn import functional as F

from graphcondense.core.pools import uniform
from graphcondense.nn.graph_layouts import Graphs, Readout
from graphcondense.nn.propagate import Linear


class Layer(nn.Module):
    """One round of message passing ``[..., in_channels] -> [..., out_channels]``."""

    def __init__(self, in_channels: int, out_channels: int, edge_channels: int = 0) -> None:
        super().__init__()
        self.edge = Linear(edge_channels, self.edge_width(in_channels)) if edge_channels else None

    def edge_width(self, in_channels: int) -> int:
        """Width of the edges' embedding."""
        return in_channels

    def embedded(self, graphs: Graphs) -> Tensor | None:
        """The edges' embedding, where there are edge features."""
        if self.edge is None:
            return None
        assert graphs.edge_attr is not None
        out: Tensor = self.edge(graphs.edge_attr)
        return out

    def forward(self, h: Tensor, graphs: Graphs) -> Tensor:
        raise NotImplementedError


class GCNLayer(Layer):
    """``Â H W + b`` (Kipf & Welling, ICLR 2017, eq. 2)."""

    def __init__(self, in_channels: int, out_channels: int, edge_channels: int = 0) -> None:
        super().__init__(in_channels, out_channels, edge_channels)
        self.lin = Linear(in_channels, out_channels)

    def forward(self, h: Tensor, graphs: Graphs) -> Tensor:
        e = self.embedded(graphs)
        if e is not None or h.shape[-1] < self.lin.out_features:
            out: Tensor = self.lin(graphs.gather(h, "gcn", e))
            return out
        return graphs.gather(h @ self.lin.weight.T, "gcn") + self.lin.bias


class GINLayer(Layer):
    """``MLP(h_i + Σ_j h_j)`` with one hidden layer (Xu et al., ICLR 2019, eq. 4.1, ε = 0)."""

    def __init__(self, in_channels: int, out_channels: int, edge_channels: int = 0) -> None:
        super().__init__(in_channels, out_channels, edge_channels)
        self.first = Linear(in_channels, out_channels)
        self.second = Linear(out_channels, out_channels)

    def forward(self, h: Tensor, graphs: Graphs) -> Tensor:
        heard = graphs.gather(h, "sum", self.embedded(graphs))
        out: Tensor = self.second(F.relu(self.first(h + heard)))
        return out


class SAGELayer(Layer):
    """``W_1 mean_j h_j + W_2 h_i + b`` (Hamilton et al., NeurIPS 2017, alg. 1)."""

    def __init__(self, in_channels: int, out_channels: int, edge_channels: int = 0) -> None:
        super().__init__(in_channels, out_channels, edge_channels)
        self.neighbours = Linear(in_channels, out_channels)
        self.own = Linear(in_channels, out_channels, bias=False)

    def forward(self, h: Tensor, graphs: Graphs) -> Tensor:
        heard = graphs.gather(h, "mean", self.embedded(graphs))
        out: Tensor = self.neighbours(heard) + self.own(h)
        return out


class GATLayer(Layer):
    """Attention over neighbours (Veličković et al., ICLR 2018, eq. 3-4), heads side by side."""

    heads: ClassVar[int] = 4

    def __init__(self, in_channels: int, out_channels: int, edge_channels: int = 0) -> None:
        if out_channels % self.heads:
            raise ValueError(
                f"hidden={out_channels} does not divide into {self.heads} heads of attention"
            )
        super().__init__(in_channels, out_channels, edge_channels)
        self.lin = Linear(in_channels, out_channels, bias=False)
        self.width = out_channels // self.heads
        self.source = Attention(self.heads, self.width)
        self.target = Attention(self.heads, self.width)
        self.bias = Bias(out_channels)
        if self.edge is not None:
            self.edge = Linear(edge_channels, out_channels, bias=False)
            self.along = Attention(self.heads, self.width)

    def forward(self, h: Tensor, graphs: Graphs) -> Tensor:
        h = self.lin(h)
        h = h.reshape(*h.shape[:-1], self.heads, self.width)
        e = self.embedded(graphs)
        if e is not None:
            e = self.along(e.reshape(*e.shape[:-1], self.heads, self.width))
        heard = graphs.attend(h, self.source(h), self.target(h), e)
        out: Tensor = self.bias(heard.reshape(*heard.shape[:-2], -1))
        return out


class Attention(nn.Module):
    """An inner product with a learnt vector for each head, ``[..., heads, c] -> [..., heads]``."""

    def __init__(self, heads: int, width: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(heads, width))

    def reset(self, rng: Generator) -> list[Tensor]:
        """Glorot, as PyG's ``GATConv`` starts it."""
        heads, width = self.weight.shape
        return [uniform((heads, width), (6.0 / (heads + width)) ** 0.5, rng)]

    def forward(self, h: Tensor) -> Tensor:
        return (h * self.weight).sum(-1)


class Bias(nn.Module):
    """``h + b``; starts at zero."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.bias = nn.Parameter(torch.empty(channels))

    def reset(self, rng: Generator) -> list[Tensor]:
        return [torch.zeros(self.bias.shape)]

    def forward(self, h: Tensor) -> Tensor:
        return h + self.bias


class GraphNet(nn.Module):
    """Layers of message passing with ReLU, a readout, and a linear head.

    Args:
        in_channels: width of the node features.
        hidden_channels: width of every layer.
        out_channels: classes, tasks or targets.
        num_layers: rounds of message passing.
        readout: ``"mean"``, ``"sum"`` or ``"attention"`` (softmax of a linear gate: Li et al., ICLR
            2016) over the nodes of a graph.
        edge_channels: width of the edge features; 0 leaves them out.
        virtual_node: one more node a graph that hears all and tells all between layers (Gilmer et
            al., ICML 2017); its state goes through one hidden layer.
    """

    layer: ClassVar[type[Layer]]

    def __init__(
        self,
        in_channels: int,
        hidden_channels: int,
        out_channels: int,
        num_layers: int = 3,
        *,
        readout: Readout = "mean",
        edge_channels: int = 0,
        virtual_node: bool = False,
    ) -> None:
        super().__init__()
        if num_layers < 1:
            raise ValueError(f"num_layers must be at least 1, got {num_layers}")
        if readout not in ("mean", "sum", "attention"):
            raise ValueError(f"readout={readout!r}: choose mean, sum or attention")
        self.readout: Readout = readout
        widths = [in_channels, *[hidden_channels] * num_layers]
        self.layers = nn.ModuleList(self.layer(a, b, edge_channels) for a, b in pairwise(widths))
        self.virtual = nn.ModuleList(
            nn.Sequential(
                Linear(hidden_channels, hidden_channels),
                nn.ReLU(),
                Linear(hidden_channels, hidden_channels),
                nn.ReLU(),
            )
            for _ in range(num_layers - 1 if virtual_node else 0)
        )
        self.gate = Linear(hidden_channels, 1) if readout == "attention" else None
        self.head = Linear(hidden_channels, out_channels)

    def forward(
        self,
        x: Tensor,
        graphs: Graphs,
        *,
        features: bool = False,
        drop: Sequence[Tensor] | None = None,
    ) -> Tensor:
        """Logits ``[g, out_channels]``, or the readout ``[g, hidden_channels]``.

        Args:
            x: node features, ``[N, in_channels]`` or ``[g, n, in_channels]``.
            graphs: the graphs.
            features: return the readout.
            drop: what each layer's output is multiplied by: dropout that the caller drew.
        """
        h, told = x, None
        for i, layer in enumerate(self.layers):
            h = F.relu(layer(h, graphs))
            if drop is not None:
                h = h * drop[i]
            if i < len(self.virtual):
                heard = graphs.pool(h, None, "sum")
                told = self.virtual[i](heard if told is None else heard + told)
                h = h + graphs.spread(told)
        gate = None if self.gate is None else self.gate(h)
        out = graphs.pool(h, gate, self.readout)
        return out if features else self.head(out)


class GCN(GraphNet):
    """Kipf & Welling, ICLR 2017."""

    layer = GCNLayer


class GIN(GraphNet):
    """Xu et al., ICLR 2019."""

    layer = GINLayer


class SAGE(GraphNet):
    """Hamilton et al., NeurIPS 2017, with the mean aggregator."""

    layer = SAGELayer


class GAT(GraphNet):
    """Veličković et al., ICLR 2018, with four heads."""

    layer = GATLayer


GRAPH_MODELS: dict[str, type[GraphNet]] = {"GCN": GCN, "GIN": GIN, "SAGE": SAGE, "GAT": GAT}
"""Graph-level models by name."""


def resolve(name: str) -> type[GraphNet]:
    """The graph-level model called ``name``, whatever its case.

    Raises:
        ValueError: an unknown name.
    """
    known = {model.lower(): cls for model, cls in GRAPH_MODELS.items()}
    if name.lower() not in known:
        raise ValueError(f"unknown graph-level model {name!r}; known are {', '.join(GRAPH_MODELS)}")
    return known[name.lower()]
