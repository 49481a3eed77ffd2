"""Sparse matrices that many models share: products with a fast gradient in the other factor."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from graphcondense.nn.batched.operators import Sparse, sparse_product, tensor_times
from graphcondense.ops.adjacency import scipy_csr


class Constant:
    """A sparse matrix ``[n, m]`` as features or an operator that many models share under
    ``torch.func.vmap``: its products have a fast gradient, in the other factor alone."""

    layout = torch.sparse_csr

    def __init__(self, matrix: Tensor) -> None:
        self.shape = matrix.shape
        self.parts = Sparse(scipy_csr(matrix), matrix.values())

    def __len__(self) -> int:
        return int(self.shape[0])

    def __matmul__(self, other: Tensor) -> Tensor:
        return sparse_product(self.parts, other)


def constant(part: Any) -> Any:
    """Sparse matrices as :class:`Constant`, all else as it is."""
    if isinstance(part, tuple):
        return tuple(map(constant, part))
    sparse = isinstance(part, Tensor) and part.layout != torch.strided
    return Constant(part) if sparse else part


def times(matrix: Constant | Tensor | None, other: Tensor, transposed: bool = False) -> Tensor:
    """``matrix @ other`` or ``matrixᵀ @ other``, without a gradient; ``None`` is the identity."""
    if matrix is None:
        return other
    if isinstance(matrix, Tensor):
        return (matrix.mT if transposed else matrix) @ other
    return tensor_times(matrix.parts.transposed if transposed else matrix.parts.csr, other)
