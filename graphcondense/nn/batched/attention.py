"""Models that weigh neighbours by learnt attention."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, NamedTuple, Protocol

import numpy as np
import scipy.sparse as sp
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from graphcondense.nn.batched import operators
from graphcondense.nn.batched.base import Asked, Inputs, Stacked
from graphcondense.nn.batched.operators import Operator, operator
from graphcondense.ops.sampling import blocks
from graphcondense.ops.segment import segment_softmax
from graphcondense.ops.types import Context


class Edges(NamedTuple):
    """One step's edges for attention, sorted by target, and their order sorted by source."""

    ptr: Tensor
    target: Tensor
    source: Tensor
    log_weight: Tensor
    back_ptr: Tensor
    back: Tensor


class _OfSum(Context, Protocol):
    edges: Edges


class _WeightedSum(torch.autograd.Function):
    """Each target's sum of ``attention [m, S, heads]`` times ``h [S, nodes, heads, c]``.

    One sparse product over all seeds and heads: a message for every edge is never stored.
    """

    @staticmethod
    def forward(ctx: _OfSum, edges: Edges, attention: Tensor, h: Tensor) -> Tensor:
        ctx.edges = edges
        ctx.save_for_backward(attention, h)
        return _by_head(edges.ptr, edges.source, attention, h)

    @staticmethod
    def backward(ctx: _OfSum, *grads: Tensor) -> tuple[None, Tensor, Tensor]:
        (attention, h), edges = ctx.saved_tensors, ctx.edges
        per_seed = [
            (grad.index_select(0, edges.target) * nodes.index_select(0, edges.source)).sum(-1)
            for grad, nodes in zip(grads[0], h, strict=True)
        ]
        target, weight = edges.target[edges.back], attention.index_select(0, edges.back)
        return None, torch.stack(per_seed, 1), _by_head(edges.back_ptr, target, weight, grads[0])


def _by_head(ptr: Tensor, index: Tensor, values: Tensor, h: Tensor) -> Tensor:
    """A CSR product whose values differ by seed and head: ``[S, rows, heads, c]``."""
    seeds, nodes, heads, channels = h.shape
    # One block-diagonal matrix: row (seed, head, i), column (seed, j, head) as `h` lies in memory.
    seed = torch.arange(seeds, device=h.device).view(-1, 1, 1) * nodes * heads
    head = torch.arange(heads, device=h.device).view(1, -1, 1)
    columns = (seed + head + index * heads).flatten().int()
    block = torch.arange(seeds * heads, device=h.device).unsqueeze(1) * len(index)
    rows = torch.cat([(block + ptr[:-1]).flatten(), ptr[-1:] * seeds * heads]).int()
    size = (len(rows) - 1, seeds * nodes * heads)
    matrix = torch.sparse_csr_tensor(rows, columns, values.permute(1, 2, 0).flatten(), size=size)
    return (matrix @ h.reshape(-1, channels)).view(seeds, heads, -1, channels).transpose(1, 2)


class _Attention(Stacked):
    """What both kinds share: heads, edges, and the sum by attention.

    An edge's weight multiplies its attention before the normalisation, that is its logarithm is
    added to the logit; every node has one self-loop of weight 1. Dropout is on the input features,
    on the hidden ones and on the attention coefficients, as in the paper.
    """

    edge_weights = "multiply attention before normalisation"
    recipe: ClassVar = {
        "hidden": 64,
        "lr": 0.005,
        "dropout": 0.6,
        "activation": "elu",
    }
    drops_input = True
    num_heads: ClassVar[int] = 8
    slope: ClassVar[float] = 0.2
    pairwise: ClassVar[bool]
    """Whether attention may be computed for all pairs of a small graph at once."""

    def split(self, sizes: list[tuple[int, int]]) -> list[tuple[int, int]]:
        """Heads and their width for layers of these sizes; the last layer has one head."""
        self.heads = [self.num_heads] * (len(sizes) - 1) + [1]
        for (_, columns), heads in zip(sizes, self.heads, strict=True):
            if columns % heads:
                raise ValueError(f"hidden_channels={columns} does not divide into {heads} heads")
        return [(heads, size[1] // heads) for heads, size in zip(self.heads, sizes, strict=True)]

    @classmethod
    def inputs(cls, asked: Asked) -> Inputs:
        looped = asked.adj.astype(asked.adj.dtype, copy=True) - sp.diags_array(asked.adj.diagonal())
        looped = (looped + sp.identity(asked.adj.shape[0], dtype=asked.adj.dtype)).tocsr()
        looped.eliminate_zeros()
        steps, nodes = blocks(looped, asked.rows, asked.num_layers)
        return operator(asked.x[nodes], asked.like), [
            _edges(step, asked.like, cls.pairwise) for step in steps
        ]

    def _gather(self, edges: Edges, logits: Tensor, h: Tensor) -> Tensor:
        """Each target's sum of ``h [S, m, heads, c]``, by a softmax of ``logits [e, S, heads]``."""
        attention = segment_softmax(logits + edges.log_weight, edges.target, ptr=edges.ptr)
        attention = self._drop(attention.transpose(0, 1)).transpose(0, 1)
        out: Tensor = _WeightedSum.apply(edges, attention, h)  # type: ignore[no-untyped-call]
        return out


class GAT(_Attention):
    """Veličković et al., ICLR 2018: eight heads, one output head; PyG's ``GATConv``.

    The logit of ``j -> i`` is ``leaky_relu(a_s . W h_j + a_t . W h_i)``.
    """

    pairwise = True

    def build(self, sizes: list[tuple[int, int]]) -> None:
        per_head = self.split(sizes)
        self.weights = self._glorots(sizes)
        self.from_source, self.from_target = self._glorots(per_head), self._glorots(per_head)
        self.biases = self._all_zeros(sizes)

    def forward(self, features: Operator, steps: Sequence[Tensor | Edges]) -> Tensor:
        h = self._input(features, self.weights[0])
        for i, heads in enumerate(self.heads):
            h = self._hidden(h) @ self.weights[i] if i else h
            source = h @ _per_head(self.from_source[i])  # [S, nodes, heads]
            target = h @ _per_head(self.from_target[i])
            h = h.view(*h.shape[:2], heads, -1)
            h = self._attend(steps[i], h, source, target).flatten(2) + self.biases[i]
        return h

    def _attend(self, edges: Tensor | Edges, h: Tensor, source: Tensor, target: Tensor) -> Tensor:
        if isinstance(edges, Tensor):  # dense: [n, m] log weights, -inf where there is no edge
            pairs = target[:, : len(edges), None] + source[:, None]  # [S, n, m, heads]
            logits = F.leaky_relu(pairs.permute(0, 3, 1, 2), self.slope) + edges
            return (self._drop(logits.softmax(-1)) @ h.transpose(1, 2)).transpose(1, 2)
        source, target = source.transpose(0, 1), target.transpose(0, 1)
        pairs = target.index_select(0, edges.target) + source.index_select(0, edges.source)
        return self._gather(edges, F.leaky_relu(pairs, self.slope), h)


class GATv2(_Attention):
    """Brody et al., ICLR 2022: eight heads, one output head; PyG's ``GATv2Conv``.

    The logit of ``j -> i`` is ``a . leaky_relu(W_s h_j + W_t h_i)``, for edges only and one seed
    at a time: it needs ``heads * c`` numbers an edge.
    """

    pairwise = False

    def build(self, sizes: list[tuple[int, int]]) -> None:
        per_head = self.split(sizes)

        def uniform() -> nn.ParameterList:
            return nn.ParameterList(self._uniform(size[0] ** -0.5, 1, size[1]) for size in sizes)

        self.weights, self.weights_target = self._glorots(sizes), self._glorots(sizes)
        self.shifts, self.shifts_target = uniform(), uniform()
        self.attention, self.biases = self._glorots(per_head), self._all_zeros(sizes)

    def forward(self, features: Operator, steps: Sequence[Edges]) -> Tensor:
        weights = [torch.cat(p, 2) for p in zip(self.weights, self.weights_target, strict=True)]
        h = self._input(features, weights[0])
        for i, edges in enumerate(steps):
            both = self._hidden(h) @ weights[i] if i else h
            source, target = both.chunk(2, 2)
            source = source + self.shifts[i]
            target = target[:, : len(edges.ptr) - 1] + self.shifts_target[i]
            logits = self._logits(edges, source, target, self.attention[i])
            source = source.unflatten(2, (self.heads[i], -1))
            h = self._gather(edges, logits, source).flatten(2) + self.biases[i]
        return h

    def _logits(self, edges: Edges, source: Tensor, target: Tensor, vectors: Tensor) -> Tensor:
        """``[edges, S, heads]``."""
        columns = _per_head(vectors)  # [S, heads * c, heads]
        per_seed = []
        for mine, theirs, column in zip(target, source, columns, strict=True):
            pairs = mine.index_select(0, edges.target) + theirs.index_select(0, edges.source)
            per_seed.append(F.leaky_relu(pairs, self.slope) @ column)
        return torch.stack(per_seed, 1)


def _per_head(vectors: Tensor) -> Tensor:
    """``[S, heads, c]`` as block columns ``[S, heads * c, heads]``: one product for all heads."""
    eye = torch.eye(vectors.shape[1], dtype=vectors.dtype, device=vectors.device)
    return (vectors.unsqueeze(-1) * eye.unsqueeze(1)).flatten(1, 2)


def _edges(step: sp.csr_matrix, like: Tensor, pairwise: bool) -> Tensor | Edges:
    step.sort_indices()
    n, m = step.shape
    if pairwise and n * m <= max(operators.SMALL, 2 * operators.DENSE_GAIN * step.nnz):
        with np.errstate(divide="ignore"):
            return torch.from_numpy(np.log(step.toarray())).to(like)
    ptr, source = (torch.from_numpy(a.astype(np.int64)) for a in (step.indptr, step.indices))
    parts = (
        ptr,
        torch.repeat_interleave(ptr.diff()),
        source,
        torch.from_numpy(np.log(step.data)).to(like).reshape(-1, 1, 1),
        torch.cat([ptr[:1], torch.bincount(source, minlength=m).cumsum(0)]),
        source.argsort(stable=True),
    )
    return Edges(*(part.to(like.device) for part in parts))
