"""Whole graphs as models see them: packed and sparse, or padded and dense.

Real graphs are :class:`SparseGraphs`, packed one behind the other; learnt ones are
:class:`DenseGraphs` ``[g, n, n]``, differentiable in the adjacency. Both compute the same function.
"""

from __future__ import annotations

from functools import cached_property
from typing import Literal, Protocol

import numpy as np
import scipy.sparse as sp
import torch
from torch import Tensor
from torch.nn import functional as F

from graphcondense.nn.batched.operators import Sparse, sparse_product
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
