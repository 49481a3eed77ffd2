"""GNNs on whole graphs: one class for the real side, the learnt side, and many seeds at once.

A model sees node features and a :class:`Graphs` object, which gathers from neighbours and reads a
graph out. Real graphs are :class:`SparseGraphs`, packed one behind the other; learnt ones are
:class:`DenseGraphs` ``[g, n, n]``, differentiable in the adjacency. Both compute the same function.
Under ``torch.func.vmap`` over weights, all seeds share one set of operators.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from itertools import pairwise
from typing import ClassVar, Literal, Protocol

import numpy as np
import scipy.sparse as sp
import torch
from torch import Generator, Tensor, nn
from torch.nn import functional as F

from graphcondense.core.pools import uniform
from graphcondense.nn.batched.operators import Sparse, sparse_product
from graphcondense.nn.propagate import Linear
from graphcondense.ops.adjacency import csr_from_edges, gcn_norm_csr, gcn_norm_dense, mean_norm_csr

How = Literal["sum", "mean", "gcn"]
"""How neighbours are added up: ``A``, ``D^-1 A``, or ``D^-1/2 (A + I) D^-1/2``."""

Readout = Literal["mean", "sum", "attention"]


class Graphs:
    """Several graphs as a model sees them. Node states are ``[..., c]``, one row a node."""

    num_graphs: int
    edge_attr: Tensor | None
    """Features of the edges, ``[..., e]``."""

    def gather(self, h: Tensor, how: How, e: Tensor | None = None) -> Tensor:
        """What each node hears: the sum of ``h_j``, weighted as ``how`` says; with embeddings ``e``
        of edges (zero for self-loops), of ``ReLU(h_j + e_ij)`` (Hu et al., ICLR 2020)."""
        raise NotImplementedError

    def attend(
        self, h: Tensor, source: Tensor, target: Tensor, edge: Tensor | None = None
    ) -> Tensor:
        """Each node's sum of ``h_j``, by a softmax over its neighbours and itself.

        The logit is ``leaky_relu(source_j + target_i + edge_ij)``; the self-loop's ``edge`` is the
        mean of the node's incoming ones, as in PyG's ``GATConv``.

        Args:
            h: ``[..., heads, c]``.
            source, target: ``[..., heads]``.
            edge: a number an edge and head.
        """
        raise NotImplementedError

    def pool(self, h: Tensor, gate: Tensor | None, how: Readout) -> Tensor:
        """One row a graph ``[g, c]``; ``gate [..., 1]`` are the logits of attention."""
        raise NotImplementedError

    def spread(self, v: Tensor) -> Tensor:
        """A row of each graph ``[g, c]`` at all of its nodes."""
        raise NotImplementedError

    def detach(self) -> Graphs:
        """The same as constants."""
        return self


SLOPE = 0.2
"""Of the leaky ReLU in attention (Veličković et al., ICLR 2018)."""


class Packed(Protocol):
    """Graphs one behind the other, as ``graphcondense.saved.graph_set.GraphSet`` has them."""

    @property
    def edge_index(self) -> Tensor: ...

    @property
    def node_ptr(self) -> Tensor: ...

    @property
    def edge_attr(self) -> Tensor | None: ...

    @property
    def node_weight(self) -> Tensor | None: ...


class SparseGraphs(Graphs):
    """Graphs packed one behind the other, as constants.

    Args:
        edge_index: source and target of each edge ``[2, M]`` among all ``N`` nodes.
        node_ptr: where each graph's nodes begin, ``[G + 1]``.
        edge_attr: ``[M, e]``.
        node_weight: what each node counts in a readout ``[N]``; ``None``: one.
        like: a tensor whose device and precision the operators take.
    """

    def __init__(
        self,
        edge_index: Tensor,
        node_ptr: Tensor,
        edge_attr: Tensor | None = None,
        node_weight: Tensor | None = None,
        *,
        like: Tensor,
    ) -> None:
        self.like, self.num_graphs, self.num_nodes = like, len(node_ptr) - 1, int(node_ptr[-1])
        self.edge_index = edge_index.to(like.device)
        self.batch = torch.repeat_interleave(node_ptr.diff()).to(like.device)
        self._node_ptr = node_ptr
        self.edge_attr = None if edge_attr is None else edge_attr.to(like)
        self.weight = None if node_weight is None else node_weight.to(like)

    @classmethod
    def of(cls, graphs: Packed, like: Tensor, *, edge_features: bool = False) -> SparseGraphs:
        """Of a graph set, with or without its edge features."""
        attr = graphs.edge_attr if edge_features else None
        return cls(graphs.edge_index, graphs.node_ptr, attr, graphs.node_weight, like=like)

    @cached_property
    def adj(self) -> sp.csr_matrix:
        """All edges added up, parallel self-loops too: a sum hears each."""
        # In float64, so that norms and means are exact to the precision of `like`.
        source, target = self.edge_index.cpu().numpy()
        size = (self.num_nodes, self.num_nodes)
        return sp.csr_matrix((np.ones(len(source)), (target, source)), shape=size)

    @cached_property
    def _operators(self) -> dict[str, Sparse]:
        return {}

    def _operator(self, how: How) -> Sparse:
        if how not in self._operators:
            if how == "gcn":
                adj = csr_from_edges(self.edge_index, None, self.num_nodes)
                matrix = gcn_norm_csr(adj.astype(np.float64))
            else:
                matrix = self.adj if how == "sum" else mean_norm_csr(self.adj)
            self._operators[how] = Sparse(matrix, self.like)
        return self._operators[how]

    @cached_property
    def _degree(self) -> Tensor:
        """In-degree of each node ``[N]``."""
        return torch.from_numpy(np.asarray(self.adj.sum(1)).ravel()).to(self.like)

    def gather(self, h: Tensor, how: How, e: Tensor | None = None) -> Tensor:
        if e is None:
            return sparse_product(self._operator(how), h)
        source, target = self.edge_index
        messages = F.relu(h.index_select(0, source) + e)
        if how == "gcn":
            scale = (self._degree + 1).rsqrt()
            messages = messages * (scale[source] * scale[target])[:, None]
            return F.relu(h) * scale.square()[:, None] + self._to_targets(messages)
        if how == "mean":
            messages = messages / self._degree[target][:, None]
        return self._to_targets(messages)

    @cached_property
    def _incidence(self) -> Sparse:
        """Adds the rows of edges up at their targets, ``[N, M]``."""
        target = self.edge_index[1].cpu().numpy()
        ones = np.ones(len(target), np.float32)
        shape = (self.num_nodes, len(target))
        matrix = sp.csr_matrix((ones, (target, np.arange(len(target)))), shape)
        return Sparse(matrix, self.like)

    def _to_targets(self, messages: Tensor) -> Tensor:
        return sparse_product(self._incidence, messages)

    def attend(
        self, h: Tensor, source: Tensor, target: Tensor, edge: Tensor | None = None
    ) -> Tensor:
        start, end = self.edge_index
        logits = source.index_select(0, start) + target.index_select(0, end)
        loops = source + target
        if edge is not None:
            logits = logits + edge
            count = self._degree.clamp_min(1)[:, None]
            loops = loops + self._to_targets(edge) / count
        logits, loops = F.leaky_relu(logits, SLOPE), F.leaky_relu(loops, SLOPE)
        # Any number may be taken off all logits of a node; the loop's own keeps them small.
        weight = (logits - loops.detach().index_select(0, end)).clamp_max(80).exp()
        itself = (loops - loops.detach()).exp()
        total = itself + self._to_targets(weight)
        heads, width = h.shape[-2:]
        messages = (weight[..., None] * h.index_select(0, start)).reshape(-1, heads * width)
        summed = self._to_targets(messages).reshape(-1, heads, width)
        return (itself[..., None] * h + summed) / total[..., None]

    @cached_property
    def _members(self) -> sp.csr_matrix:
        """``[G, N]``, what each node counts in its graph's sum."""
        weight = np.ones(self.num_nodes) if self.weight is None else self.weight.cpu().numpy()
        ptr = self._node_ptr.cpu().numpy()
        shape = (self.num_graphs, self.num_nodes)
        return sp.csr_matrix((weight.astype(np.float64), np.arange(self.num_nodes), ptr), shape)

    @cached_property
    def _sum(self) -> Sparse:
        return Sparse(self._members, self.like)

    @cached_property
    def _mean(self) -> Sparse:
        return Sparse(mean_norm_csr(self._members), self.like)

    def pool(self, h: Tensor, gate: Tensor | None, how: Readout) -> Tensor:
        if gate is None:
            return sparse_product(self._mean if how == "mean" else self._sum, h)
        # As in `attend`: the mean of a graph's logits is taken off all of them.
        middle = sparse_product(self._mean, gate).detach()
        weight = (gate - self.spread(middle)).clamp_max(80).exp()
        return sparse_product(self._sum, weight * h) / sparse_product(self._sum, weight)

    def spread(self, v: Tensor) -> Tensor:
        return v.index_select(0, self.batch)


class DenseGraphs(Graphs):
    """Graphs of at most ``n`` nodes, padded, whose adjacency is differentiable.

    Args:
        adj: ``[g, n, n]``, ``adj[k, i, j]`` the weight of the edge ``j -> i``; zero diagonal, zero
            beyond a graph's nodes.
        mask: which of the ``n`` are nodes, ``[g, n]`` bool.
        edge_attr: ``[g, n, n, e]``.
    """

    def __init__(self, adj: Tensor, mask: Tensor, edge_attr: Tensor | None = None) -> None:
        self.adj, self.mask, self.edge_attr = adj, mask, edge_attr
        self.num_graphs = len(adj)

    def select(self, rows: Tensor) -> DenseGraphs:
        """The graphs ``rows``."""
        attr = None if self.edge_attr is None else self.edge_attr[rows]
        return DenseGraphs(self.adj[rows], self.mask[rows], attr)

    def detach(self) -> DenseGraphs:
        attr = None if self.edge_attr is None else self.edge_attr.detach()
        return DenseGraphs(self.adj.detach(), self.mask, attr)

    @cached_property
    def _mean_adj(self) -> Tensor:
        degree = self.adj.sum(-1, keepdim=True)
        return self.adj / torch.where(degree > 0, degree, 1.0)

    @cached_property
    def _gcn_adj(self) -> Tensor:
        return gcn_norm_dense(self.adj)

    def gather(self, h: Tensor, how: How, e: Tensor | None = None) -> Tensor:
        operator = {"sum": self.adj, "mean": self._mean_adj, "gcn": self._gcn_adj}[how]
        if e is None:
            return operator @ h
        messages = F.relu(h[:, None] + e)  # [g, i, j, c]
        out = (operator[..., None] * messages).sum(2)
        if how == "gcn":  # the loop has no embedding
            loops = operator.diagonal(dim1=1, dim2=2)[..., None]
            loop = messages.diagonal(dim1=1, dim2=2).transpose(1, 2)
            out = out + loops * (F.relu(h) - loop)
        return out

    def attend(
        self, h: Tensor, source: Tensor, target: Tensor, edge: Tensor | None = None
    ) -> Tensor:
        logits = target[:, :, None] + source[:, None]  # [g, i, j, heads]
        loops = source + target
        if edge is not None:
            logits = logits + edge
            loops = loops + (self._mean_adj[..., None] * edge).sum(2)
        logits, loops = F.leaky_relu(logits, SLOPE), F.leaky_relu(loops, SLOPE)
        weight = (logits - loops.detach()[:, :, None]).clamp_max(80).exp() * self.adj[..., None]
        itself = (loops - loops.detach()).exp()
        summed = torch.einsum("gijk,gjkc->gikc", weight, h)
        return (itself[..., None] * h + summed) / (itself + weight.sum(2))[..., None]

    def pool(self, h: Tensor, gate: Tensor | None, how: Readout) -> Tensor:
        counts = self.mask.to(h)[..., None]
        if gate is not None:
            middle = (gate * counts).sum(1, keepdim=True) / counts.sum(1, keepdim=True)
            counts = (gate - middle.detach()).clamp_max(80).exp() * counts
        total = (counts * h).sum(1)
        return total if how == "sum" else total / counts.sum(1)

    def spread(self, v: Tensor) -> Tensor:
        return v[:, None]


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
