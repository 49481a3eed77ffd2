"""Constant matrices as operators on stacked states, each in its fastest form."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import Protocol, TypeAlias

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp
import torch
from torch import Tensor

from graphcondense.ops.adjacency import embedding_sum
from graphcondense.ops.types import Context

Matrix: TypeAlias = "npt.NDArray[np.floating] | sp.csr_matrix"
"""A constant matrix before it becomes an operator."""

DENSE_GAIN = 10
"""How many multiplications a dense product does in the time a sparse one does one (measured)."""

SMALL = 2**13
"""Entries up to which a dense matrix costs less than the overhead of a sparse call."""

WIDE = 64
"""Columns from which a sparse product per seed beats one product over all seeds' columns."""

LARGE = 2**21
"""Entries of one seed's state from which it is taken in blocks of rows; see :func:`by_rows`."""

BLOCK = 2**18
"""Entries of such a block: it stays in the cache of a core."""

BAGS = 32
"""Columns from which, on the CPU, a sum of embeddings takes half the time of torch's sparse product
(measured); it adds in the same order."""


class Sparse:
    """A constant CSR matrix ``[n, m]`` as an operator, with its transpose for the backward pass."""

    def __init__(self, matrix: sp.csr_matrix, like: Tensor) -> None:
        self.source, self.like = matrix, like
        self.csr = _csr(matrix, like)
        self._blocks: dict[int, list[Sparse]] = {}

    @cached_property
    def transposed(self) -> Tensor:
        return _csr(self.source.T.tocsr(), self.like)

    @cached_property
    def order(self) -> Tensor:
        """Where the transpose's stored entries stand in ``csr``, ``[nnz]``."""
        order = np.argsort(self.source.indices, kind="stable")
        return torch.from_numpy(order).to(self.like.device)

    def blocks(self, rows: int) -> list[Sparse]:
        """Blocks of so many rows, kept for the next call."""
        if rows not in self._blocks:
            starts = range(0, self.source.shape[0], rows)
            parts = [Sparse(self.source[i : i + rows], self.like) for i in starts]
            self._blocks = {rows: parts}
        return self._blocks[rows]


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


class _OfProduct(Context, Protocol):
    op: Sparse
    backwards: bool


class _Product(torch.autograd.Function):
    """``op @ h`` for a constant sparse ``op [n, m]`` and ``h [m, c]`` or ``[S, m, c]``.

    Differentiable as often as needed; ``vmap`` over ``h`` becomes the second form. Torch's own
    backward is three times slower.
    """

    @staticmethod
    def forward(op: Sparse, backward: bool, h: Tensor) -> Tensor:
        csr = op.transposed if backward else op.csr
        return tensor_times(csr, h) if h.dim() == 2 else _per_seed(csr, h)

    @staticmethod
    def setup_context(ctx: _OfProduct, inputs: tuple[Sparse, bool, Tensor], output: Tensor) -> None:
        ctx.op, ctx.backwards, _ = inputs

    @staticmethod
    def backward(ctx: _OfProduct, *grads: Tensor) -> tuple[None, None, Tensor]:
        return None, None, sparse_product(ctx.op, grads[0], not ctx.backwards)

    @staticmethod
    def vmap(
        info: object, in_dims: tuple[None, None, int], op: Sparse, backward: bool, h: Tensor
    ) -> tuple[Tensor, int]:
        return sparse_product(op, h.movedim(in_dims[2], 0), backward), 0


def sparse_product(op: Sparse, h: Tensor, transposed: bool = False) -> Tensor:
    """``op @ h``, or ``op^T @ h``."""
    out: Tensor = _Product.apply(op, transposed, h)  # type: ignore[no-untyped-call]
    return out


def tensor_times(csr: Tensor, dense: Tensor) -> Tensor:
    """``csr [n, m] @ dense [m, c]``, without a gradient."""
    if dense.shape[1] < BAGS or dense.is_cuda or dense.dtype != torch.float32:
        return csr @ dense
    return embedding_sum(csr.crow_indices(), csr.col_indices(), csr.values(), dense)


def _per_seed(csr: Tensor, h: Tensor) -> Tensor:
    seeds, m, channels = h.shape
    if channels < WIDE:  # narrow: all seeds as columns of one product
        columns = h.transpose(0, 1).reshape(m, -1)
        return tensor_times(csr, columns).view(-1, seeds, channels).transpose(0, 1)
    if seeds == 1:
        return tensor_times(csr, h[0]).unsqueeze(0)
    return torch.stack([tensor_times(csr, source) for source in h.contiguous()])


def product(op: Operator, h: Tensor) -> Tensor:
    """``op @ h`` for each seed: ``[n, m]`` or ``[S, n, m]`` times ``[S, m, c]``."""
    if op is None:
        return h
    return sparse_product(op, h) if isinstance(op, Sparse) else op @ h


def by_rows(op: Operator, h: Tensor, then: Callable[[Tensor], Tensor]) -> Tensor:
    """``then(product(op, h))``, where ``then`` takes ``[S, n, c]`` row by row.

    Without gradients a large state is taken in blocks of rows that stay in the cache, and is never
    whole.
    """
    whole = op if isinstance(op, Tensor) else h[0] if op is None else op.csr
    if torch.is_grad_enabled() or len(whole) * h.shape[2] <= LARGE:
        return then(product(op, h))
    rows = max(1, BLOCK // (h.shape[0] * h.shape[2]))
    if op is None:
        return torch.cat([then(part) for part in torch.split(h, rows, 1)], 1)
    parts = torch.split(op, rows) if isinstance(op, Tensor) else op.blocks(rows)
    return torch.cat([then(product(part, h)) for part in parts], 1)


def first_step(step: sp.csr_matrix, x: Matrix, like: Tensor) -> tuple[Operator, Operator]:
    """Features and first operator: their constant product instead, where that is cheaper."""
    both = step @ x
    if _cost(both) <= _cost(x) + _cost(step):
        return operator(both, like), None
    return operator(x, like), operator(step, like)


class _MaskedProduct(torch.autograd.Function):
    """``op @ w`` where each seed has its own values ``[S, nnz]`` of ``op``, which are constant."""

    @staticmethod
    def forward(ctx: _OfProduct, op: Sparse, values: Tensor, w: Tensor) -> Tensor:
        ctx.op = op
        ctx.save_for_backward(values)
        return _with_values(op.csr, values, w)

    @staticmethod
    def backward(ctx: _OfProduct, *grads: Tensor) -> tuple[None, None, Tensor]:
        (values,) = ctx.saved_tensors
        return None, None, _with_values(ctx.op.transposed, values[:, ctx.op.order], grads[0])


def _with_values(csr: Tensor, values: Tensor, w: Tensor) -> Tensor:
    rows, columns = csr.crow_indices(), csr.col_indices()
    each = zip(values, w.contiguous(), strict=True)
    return torch.stack(
        [
            tensor_times(torch.sparse_csr_tensor(rows, columns, entries, size=csr.shape), source)
            for entries, source in each
        ]
    )


def masked_product(op: Operator, drop: Callable[[Tensor], Tensor], w: Tensor) -> Tensor:
    """:func:`product` of ``op`` whose stored entries went through ``drop``, seed by seed.

    Args:
        op: constant features ``[n, d]``.
        drop: dropout of a tensor ``[S, ...]``.
        w: weights ``[S, d, c]``; only they get a gradient.
    """
    seeds = len(w)
    if op is None:
        return drop(w.new_ones(seeds, w.shape[1], 1)) * w
    if isinstance(op, Sparse):
        entries = drop(op.csr.values().expand(seeds, -1))
        out: Tensor = _MaskedProduct.apply(op, entries, w)  # type: ignore[no-untyped-call]
        return out
    return drop(op.expand(seeds, -1, -1)) @ w
