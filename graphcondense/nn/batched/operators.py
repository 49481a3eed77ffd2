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

from graphcondense.ops.types import Context

Matrix: TypeAlias = "npt.NDArray[np.floating] | sp.csr_matrix"
"""A constant matrix before it becomes an operator."""

DENSE_GAIN = 10
"""How many multiplications a dense product does in the time a sparse one does one (measured)."""

SMALL = 2**13
"""Entries up to which a dense matrix costs less than the overhead of a sparse call."""

WIDE = 64
"""Columns from which a sparse product per seed beats one product over all seeds' columns."""


class Sparse:
    """A constant CSR matrix ``[n, m]`` as an operator, with its transpose for the backward pass."""

    def __init__(self, matrix: sp.csr_matrix, like: Tensor) -> None:
        self.source, self.like = matrix, like
        self.csr = _csr(matrix, like)

    @cached_property
    def transposed(self) -> Tensor:
        return _csr(self.source.T.tocsr(), self.like)

    @cached_property
    def order(self) -> Tensor:
        """Where the transpose's stored entries stand in ``csr``, ``[nnz]``."""
        order = np.argsort(self.source.indices, kind="stable")
        return torch.from_numpy(order).to(self.like.device)


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
        return csr @ h if h.dim() == 2 else _per_seed(csr, h)

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
    return sparse_product(op, h) if isinstance(op, Sparse) else op @ h


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
    out = w.new_empty(len(w), csr.shape[0], w.shape[-1])
    for target, entries, source in zip(out, values, w.contiguous(), strict=True):
        matrix = torch.sparse_csr_tensor(rows, columns, entries, size=csr.shape)
        torch.mm(matrix, source, out=target)
    return out


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
