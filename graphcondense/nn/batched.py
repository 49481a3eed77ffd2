"""Graph neural networks that hold many independent seeds at once.

Every parameter is stacked, ``[S, ...]``, and so is every hidden state, ``[S, nodes, channels]``:
one forward and one backward serve all ``S`` seeds, and seed ``s`` in a batch is the same network,
with the same initial weights and the same dropout masks, as seed ``s`` on its own. Each class
computes what the PyG layers it names compute (the tests hold outputs and gradients to them).

A class also says how it wants a graph: ``prepare`` turns features, adjacency and the wanted rows
into the inputs of ``forward``, restricted to what those rows can reach, with every constant product
taken once. Dropout follows PyG's ``BasicGNN``: after each hidden activation, never on the input
features and never on attention coefficients.
"""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from functools import cached_property
from typing import Any, ClassVar, NamedTuple, TypeAlias

import numpy as np
import scipy.sparse as sp
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from graphcondense.ops.adjacency import gcn_norm_csr, mean_norm_csr
from graphcondense.ops.sampling import blocks
from graphcondense.ops.segment import segment_softmax

Matrix: TypeAlias = "np.ndarray[Any, Any] | sp.csr_matrix"
"""A constant matrix before it becomes an operator."""

DENSE_GAIN = 10
"""How many multiplications a dense product does in the time a sparse one does one (measured)."""

SMALL = 2**13
"""Entries up to which a dense matrix costs less than the overhead of a sparse call."""

WIDE = 64
"""Columns from which a sparse product per seed beats one product over all seeds' columns."""


# ------------------------------------------------------------------------------------ operators


class Sparse:
    """A constant CSR matrix ``[n, m]`` as an operator, with its transpose for the backward pass."""

    def __init__(self, matrix: sp.csr_matrix, like: Tensor) -> None:
        self.source, self.like = matrix, like
        self.csr = _csr(matrix, like)

    @cached_property
    def transposed(self) -> Tensor:
        return _csr(self.source.T.tocsr(), self.like)


Operator: TypeAlias = Tensor | Sparse | None
"""Dense ``[n, m]``, sparse ``[n, m]``, or ``None`` for the identity (a graph without edges)."""


def _csr(matrix: sp.csr_matrix, like: Tensor) -> Tensor:
    # 32-bit indices: with 64-bit ones every product would convert them first.
    return torch.sparse_csr_tensor(
        torch.from_numpy(matrix.indptr.astype(np.int32)),
        torch.from_numpy(matrix.indices.astype(np.int32)),
        torch.from_numpy(matrix.data).to(like.dtype),
        size=matrix.shape,
        device=like.device,
    )


def _cost(matrix: Matrix) -> float:
    """Time of a product with ``matrix``, in sparse multiplications per column."""
    dense = float(np.prod(matrix.shape)) / DENSE_GAIN
    return dense if isinstance(matrix, np.ndarray) else min(dense, matrix.nnz)


def operator(matrix: Matrix, like: Tensor) -> Operator:
    """``matrix`` in its fastest form, on the device and in the precision of ``like``."""
    if isinstance(matrix, np.ndarray):
        return torch.from_numpy(matrix).to(like)
    n, m = matrix.shape
    if n == m == matrix.nnz and bool((matrix.diagonal() == 1).all()):
        return None
    if n * m <= max(SMALL, DENSE_GAIN * matrix.nnz):
        return torch.from_numpy(matrix.toarray()).to(like)
    return Sparse(matrix, like)


class _SparseProduct(torch.autograd.Function):
    """``op @ h`` for a constant sparse ``op``; torch's own backward is three times slower."""

    @staticmethod
    def forward(ctx: Any, op: Sparse, h: Tensor) -> Tensor:
        ctx.op = op
        return _per_seed(op.csr, h)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[None, Tensor]:
        return None, _per_seed(ctx.op.transposed, grads[0])


def _per_seed(csr: Tensor, h: Tensor) -> Tensor:
    seeds, m, channels = h.shape
    if channels < WIDE:  # narrow: all seeds as columns of one product
        columns = h.transpose(0, 1).reshape(m, -1)
        return (csr @ columns).view(-1, seeds, channels).transpose(0, 1)
    out = h.new_empty(seeds, csr.shape[0], channels)
    for target, source in zip(out, h.contiguous(), strict=True):
        torch.mm(csr, source, out=target)
    return out


def product(op: Operator, h: Tensor) -> Tensor:
    """``op @ h`` for each seed: ``[n, m]`` or ``[S, n, m]`` times ``[S, m, c]``."""
    if op is None:
        return h
    if isinstance(op, Sparse):
        out: Tensor = _SparseProduct.apply(op, h)  # type: ignore[no-untyped-call]
        return out
    return op @ h


def _first_step(step: sp.csr_matrix, x: Matrix, like: Tensor) -> tuple[Operator, Operator]:
    """Features and first operator: their constant product instead, where that is cheaper."""
    product = step @ x
    if _cost(product) <= _cost(x) + _cost(step):
        return operator(product, like), None
    return operator(x, like), operator(step, like)


# --------------------------------------------------------------------------------------- models


class Stacked(nn.Module):
    """What the models share: stacked initialisation and dropout.

    Args:
        in_channels: features of a node.
        hidden_channels: width of the hidden layers.
        out_channels: number of classes.
        num_layers: number of layers, at least 1.
        dropout: probability of zeroing a hidden activation, in ``[0, 1)``.
        seeds: one integer a network; seed ``s`` fixes its initial weights and dropout masks.
        device, dtype: where and in what precision the parameters live.
    """

    edge_weights: ClassVar[str]
    """How the model uses edge weights, for the report."""

    def __init__(
        self,
        in_channels: int,
        hidden_channels: int,
        out_channels: int,
        num_layers: int = 2,
        dropout: float = 0.5,
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
        self.dropout = dropout
        self._like = torch.empty(0, device=device, dtype=dtype)
        self._initial = [torch.Generator().manual_seed(seed) for seed in seeds]
        # Another stream than the initial weights', or masks would follow the first draws.
        self._masks = [
            torch.Generator(self._like.device).manual_seed((seed + 1) * 0x9E3779B97F4A7C15 % 2**63)
            for seed in seeds
        ]
        self._widths = [in_channels, *[hidden_channels] * (num_layers - 1), out_channels]
        self.build(list(zip(self._widths[:-1], self._widths[1:], strict=True)))

    def build(self, sizes: list[tuple[int, int]]) -> None:
        """Create the parameters of layers with these input and output widths."""
        raise NotImplementedError

    @classmethod
    def prepare(
        cls,
        x: Matrix,
        adj: sp.csr_matrix,
        rows: np.ndarray[Any, Any],
        num_layers: int,
        like: Tensor,
    ) -> tuple[Any, ...]:
        """The inputs of ``forward`` for the output rows ``rows``.

        Args:
            x: features ``[n, d]``.
            adj: ``A [n, n]`` as given, ``A[i, j]`` the weight of ``j -> i``.
            rows: the wanted nodes ``[r]``.
            num_layers: as in the constructor.
            like: a tensor whose device and precision the inputs take.
        """
        raise NotImplementedError

    def forward(self, *inputs: Any) -> Tensor:
        """Logits ``[S, r, classes]`` for what :meth:`prepare` returned."""
        raise NotImplementedError

    def _uniform(self, bound: float, *shape: int) -> nn.Parameter:
        data = torch.empty(len(self._initial), *shape)
        for part, generator in zip(data, self._initial, strict=True):
            part.uniform_(-bound, bound, generator=generator)
        return nn.Parameter(data.to(self._like))

    def _glorot(self, rows: int, columns: int) -> nn.Parameter:
        return self._uniform((6 / (rows + columns)) ** 0.5, rows, columns)

    def _zeros(self, columns: int) -> nn.Parameter:
        return nn.Parameter(self._like.new_zeros(len(self._initial), 1, columns))

    def _linear(self, rows: int, columns: int) -> tuple[nn.Parameter, nn.Parameter]:
        """Weight and bias as ``torch.nn.Linear`` draws them."""
        return self._uniform(rows**-0.5, rows, columns), self._uniform(rows**-0.5, 1, columns)

    def _drop(self, h: Tensor) -> Tensor:
        """Dropout of ``h [S, n, c]``, each seed's mask from its own generator."""
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


class MLP(Stacked):
    """A multilayer perceptron on the node's own features; PyG's ``MLP`` without normalisation."""

    edge_weights = "no edges"

    def build(self, sizes: list[tuple[int, int]]) -> None:
        weights, biases = zip(*(self._linear(*size) for size in sizes), strict=True)
        self.weights, self.biases = nn.ParameterList(weights), nn.ParameterList(biases)

    @classmethod
    def prepare(
        cls,
        x: Matrix,
        adj: sp.csr_matrix,
        rows: np.ndarray[Any, Any],
        num_layers: int,
        like: Tensor,
    ) -> tuple[Any, ...]:
        return (operator(x[rows], like),)

    def forward(self, *inputs: Any) -> Tensor:
        (h,) = inputs
        for i, (weight, bias) in enumerate(zip(self.weights, self.biases, strict=True)):
            h = product(h if i == 0 else self._drop(h.relu()), weight) + bias
        return h  # type: ignore[no-any-return]


class GCN(Stacked):
    """Kipf & Welling, ICLR 2017; PyG's ``GCNConv`` with ReLU between layers."""

    edge_weights = "in the normalised adjacency"

    def build(self, sizes: list[tuple[int, int]]) -> None:
        self.weights = nn.ParameterList(self._glorot(*size) for size in sizes)
        self.biases = nn.ParameterList(self._zeros(columns) for _, columns in sizes)

    @classmethod
    def prepare(
        cls,
        x: Matrix,
        adj: sp.csr_matrix,
        rows: np.ndarray[Any, Any],
        num_layers: int,
        like: Tensor,
    ) -> tuple[Any, ...]:
        steps, nodes = blocks(gcn_norm_csr(adj), rows, num_layers)
        features, first = _first_step(steps[0], x[nodes], like)
        return features, (first, *(operator(step, like) for step in steps[1:]))

    def forward(self, *inputs: Any) -> Tensor:
        h, steps = inputs
        for i, (weight, bias) in enumerate(zip(self.weights, self.biases, strict=True)):
            h = h if i == 0 else self._drop(h.relu())
            h = product(steps[i], product(h, weight)) + bias
        return h  # type: ignore[no-any-return]


class SGC(Stacked):
    """Wu et al., ICML 2019: one linear layer on ``Â^K X``, ``K = num_layers``; PyG's ``SGConv``.

    There is no hidden layer, hence no width and no dropout.
    """

    edge_weights = "in the normalised adjacency"

    def build(self, sizes: list[tuple[int, int]]) -> None:
        self.weight, self.bias = self._linear(sizes[0][0], sizes[-1][1])

    @classmethod
    def prepare(
        cls,
        x: Matrix,
        adj: sp.csr_matrix,
        rows: np.ndarray[Any, Any],
        num_layers: int,
        like: Tensor,
    ) -> tuple[Any, ...]:
        steps, nodes = blocks(gcn_norm_csr(adj), rows, num_layers)
        x = x[nodes]
        for step in steps:
            x = step @ x
        return (operator(x, like),)

    def forward(self, *inputs: Any) -> Tensor:
        return product(inputs[0], self.weight) + self.bias


class APPNP(MLP):
    """Gasteiger et al., ICLR 2019: an MLP, then ten steps of personalised PageRank (0.1)."""

    edge_weights = "in the normalised adjacency"
    hops: ClassVar[int] = 10
    alpha: ClassVar[float] = 0.1
    one_step: ClassVar[int] = 2**22
    """Largest composed matrix, in entries."""

    @classmethod
    def prepare(
        cls,
        x: Matrix,
        adj: sp.csr_matrix,
        rows: np.ndarray[Any, Any],
        num_layers: int,
        like: Tensor,
    ) -> tuple[Any, ...]:
        steps, nodes = blocks(gcn_norm_csr(adj), rows, cls.hops)
        # Few rows: the ten steps are one matrix [r, n], which beats ten launches.
        if len(rows) * len(nodes) <= cls.one_step:
            steps = [cls._pagerank(steps)]
        return operator(x[nodes], like), [operator(step, like) for step in steps]

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

    def forward(self, *inputs: Any) -> Tensor:
        features, steps = inputs
        start = z = super().forward(features)
        if len(steps) == 1:
            return product(steps[0], z)
        for step in steps:
            z = product(step, z)
            z = (1 - self.alpha) * z + self.alpha * start[:, : z.shape[1]]
        return z


class SAGE(Stacked):
    """GraphSAGE, Hamilton et al., NeurIPS 2017, mean aggregator; PyG's ``SAGEConv``."""

    edge_weights = "as a weighted mean"

    def build(self, sizes: list[tuple[int, int]]) -> None:
        weights, biases = zip(*(self._linear(*size) for size in sizes), strict=True)
        self.weights, self.biases = nn.ParameterList(weights), nn.ParameterList(biases)
        self.roots = nn.ParameterList(self._uniform(size[0] ** -0.5, *size) for size in sizes)

    @classmethod
    def prepare(
        cls,
        x: Matrix,
        adj: sp.csr_matrix,
        rows: np.ndarray[Any, Any],
        num_layers: int,
        like: Tensor,
    ) -> tuple[Any, ...]:
        steps, nodes = blocks(mean_norm_csr(adj), rows, num_layers)
        features, first = _first_step(steps[0], x[nodes], like)
        root = operator(x[nodes[: steps[0].shape[0]]], like)
        return root, features, (first, *(operator(step, like) for step in steps[1:]))

    def forward(self, *inputs: Any) -> Tensor:
        root, h, steps = inputs
        for i, (weight, bias) in enumerate(zip(self.weights, self.biases, strict=True)):
            h = h if i == 0 else self._drop(h.relu())
            mean = product(steps[i], product(h, weight))
            root = root if i == 0 else h[:, : mean.shape[1]]
            h = mean + product(root, self.roots[i]) + bias
        return h  # type: ignore[no-any-return]


class Edges(NamedTuple):
    """One step's edges for attention, sorted by target, and their order sorted by source."""

    ptr: Tensor
    target: Tensor
    source: Tensor
    log_weight: Tensor
    back_ptr: Tensor
    back: Tensor


class _WeightedSum(torch.autograd.Function):
    """Each target's sum of ``attention [m, S, heads]`` times ``h [S, nodes, heads, c]``.

    One sparse product over all seeds and heads: a message for every edge is never stored.
    """

    @staticmethod
    def forward(ctx: Any, edges: Edges, attention: Tensor, h: Tensor) -> Tensor:
        ctx.edges = edges
        ctx.save_for_backward(attention, h)
        return _by_head(edges.ptr, edges.source, attention, h)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[None, Tensor, Tensor]:
        (attention, h), edges = ctx.saved_tensors, ctx.edges
        per_seed = [
            (grad[edges.target] * nodes[edges.source]).sum(-1)
            for grad, nodes in zip(grads[0], h, strict=True)
        ]
        target, weight = edges.target[edges.back], attention[edges.back]
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


class GAT(Stacked):
    """Veličković et al., ICLR 2018: eight heads with ELU, one output head; PyG's ``GATConv``.

    An edge's weight multiplies its attention before the normalisation, that is its logarithm is
    added to the logit; every node has one self-loop of weight 1.
    """

    edge_weights = "multiply attention before normalisation"
    num_heads: ClassVar[int] = 8
    slope: ClassVar[float] = 0.2

    def build(self, sizes: list[tuple[int, int]]) -> None:
        self.heads = [self.num_heads] * (len(sizes) - 1) + [1]
        for (_, columns), heads in zip(sizes, self.heads, strict=True):
            if columns % heads:
                raise ValueError(f"hidden_channels={columns} does not divide into {heads} heads")
        self.weights = nn.ParameterList(self._glorot(*size) for size in sizes)
        per_head = [
            (heads, size[1] // heads) for heads, size in zip(self.heads, sizes, strict=True)
        ]
        self.from_source = nn.ParameterList(self._glorot(*shape) for shape in per_head)
        self.from_target = nn.ParameterList(self._glorot(*shape) for shape in per_head)
        self.biases = nn.ParameterList(self._zeros(columns) for _, columns in sizes)

    @classmethod
    def prepare(
        cls,
        x: Matrix,
        adj: sp.csr_matrix,
        rows: np.ndarray[Any, Any],
        num_layers: int,
        like: Tensor,
    ) -> tuple[Any, ...]:
        looped = adj.astype(adj.dtype, copy=True) - sp.diags_array(adj.diagonal())
        looped = (looped + sp.identity(adj.shape[0], dtype=adj.dtype)).tocsr()
        looped.eliminate_zeros()
        steps, nodes = blocks(looped, rows, num_layers)
        return operator(x[nodes], like), [_edges(step, like) for step in steps]

    def forward(self, *inputs: Any) -> Tensor:
        h, steps = inputs
        for i, heads in enumerate(self.heads):
            h = product(h if i == 0 else self._drop(F.elu(h)), self.weights[i])
            source = h @ _per_head(self.from_source[i])  # [S, nodes, heads]
            target = h @ _per_head(self.from_target[i])
            h = h.view(*h.shape[:2], heads, -1)
            h = self._attend(steps[i], h, source, target).flatten(2) + self.biases[i]
        return h  # type: ignore[no-any-return]

    def _attend(self, edges: Tensor | Edges, h: Tensor, source: Tensor, target: Tensor) -> Tensor:
        if isinstance(edges, Tensor):  # dense: [n, m] log weights, -inf where there is no edge
            pairs = target[:, : len(edges), None] + source[:, None]  # [S, n, m, heads]
            logits = F.leaky_relu(pairs.permute(0, 3, 1, 2), self.slope) + edges
            return (logits.softmax(-1) @ h.transpose(1, 2)).transpose(1, 2)
        pairs = target.transpose(0, 1)[edges.target] + source.transpose(0, 1)[edges.source]
        logits = F.leaky_relu(pairs, self.slope) + edges.log_weight  # [edges, S, heads]
        attention = segment_softmax(logits, edges.target, ptr=edges.ptr)
        out: Tensor = _WeightedSum.apply(edges, attention, h)  # type: ignore[no-untyped-call]
        return out


def _per_head(vectors: Tensor) -> Tensor:
    """``[S, heads, c]`` as block columns ``[S, heads * c, heads]``: one product for all heads."""
    eye = torch.eye(vectors.shape[1], dtype=vectors.dtype, device=vectors.device)
    return (vectors.unsqueeze(-1) * eye.unsqueeze(1)).flatten(1, 2)


def _edges(step: sp.csr_matrix, like: Tensor) -> Tensor | Edges:
    step.sort_indices()
    n, m = step.shape
    if n * m <= max(SMALL, 2 * DENSE_GAIN * step.nnz):
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


MODELS: dict[str, type[Stacked]] = {
    model.__name__: model for model in (GCN, SGC, APPNP, SAGE, GAT, MLP)
}


def resolve(name: str) -> type[Stacked]:
    """The model class called ``name``, whatever its case.

    Raises:
        ValueError: for an unknown name, with the nearest known ones.
    """
    found = MODELS.get(name.upper())
    if found is None:
        near = difflib.get_close_matches(name.upper(), MODELS, n=3, cutoff=0.3)
        hint = f"did you mean {' or '.join(near)}? " if near else ""
        raise ValueError(f"unknown model {name!r}: {hint}known are {', '.join(MODELS)}")
    return found
