"""Arrays and matrices of any library as tensors and SciPy matrices."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np
import scipy.sparse as sp
import torch
from numpy.typing import NDArray
from torch import Tensor

from graphcondense.ops.adjacency import scipy_csr, shared

Array: TypeAlias = NDArray[Any]
"""A NumPy array of any numbers."""


LARGEST = 1e15
"""Of features, weights, targets and pixels: the squares of 10^8 larger numbers, added up, overflow
float32."""


def check_sizes(values: Tensor | Array, what: str) -> None:
    """Raise a ValueError where a number of ``what`` is beyond :data:`LARGEST`; none is NaN.

    >>> check_sizes(torch.tensor([1.0, -1e20]), "data.x")
    Traceback (most recent call last):
    ValueError: data.x has -1e+20; squares of numbers beyond 1e+15 overflow float32: scale it first
    """
    given = shared(values) if isinstance(values, np.ndarray) else values
    if not given.numel() or not given.is_floating_point():
        return
    least, largest = (float(value) for value in given.aminmax())
    far = largest if largest > -least else least
    if abs(far) > LARGEST:
        raise ValueError(
            f"{what} has {far:g}; squares of numbers beyond {LARGEST:g} overflow float32: scale it "
            "first"
        )


def dense(matrix: Array | sp.csr_matrix) -> Array:
    """A NumPy or SciPy matrix as a NumPy array."""
    return matrix if isinstance(matrix, np.ndarray) else np.asarray(matrix.toarray())


def real_numbers(value: Any, what: str) -> None:
    """Raise a ValueError where a tensor, an array, a column or a matrix is complex: as real
    numbers it would lose its imaginary part."""
    dtype = getattr(value, "dtype", None)
    if getattr(dtype, "is_complex", False) or getattr(dtype, "kind", "") == "c":
        raise ValueError(f"{what} is complex; it must hold real numbers")


def refuse_masked(value: object, what: str) -> None:
    """Raise a ValueError for an array of NumPy that hides some of its values: as an array it would
    have them."""
    if isinstance(value, np.ma.MaskedArray) and bool(np.ma.getmaskarray(value).any()):
        raise ValueError(
            f"{what} is masked in {int(np.ma.getmaskarray(value).sum()):,} places; fill them: "
            "array.filled(value)"
        )


def plain(value: Any, what: str, *, text: str = "") -> Tensor:
    """A dense tensor, an array or a list as a tensor on the CPU, without a gradient's history; a
    message calls it ``what``, and says ``text`` of text.

    Raises:
        ValueError: text, objects, rows of different lengths, complex numbers, a sparse matrix.
    """
    if isinstance(value, Tensor):
        # PyG's EdgeIndex keeps its class, and what it caches, through everything else.
        value = value.as_tensor() if hasattr(value, "as_tensor") else value
        if value.layout != torch.strided:
            raise ValueError(f"{what} must be dense, got {value.layout}; use {what}.to_dense()")
        out: Tensor = value.detach().cpu().resolve_neg()
    elif isinstance(value, list | tuple) or (
        hasattr(value, "__array__") and not sp.issparse(value)
    ):
        refuse_masked(value, what)
        try:
            array = np.asarray(value)
        except ValueError as error:
            raise ValueError(f"{what} has rows of different lengths") from error
        if array.dtype.kind in "US" or (
            array.dtype.kind == "O" and array.size and isinstance(array.flat[0], str | bytes)
        ):
            found = (
                f"{what} holds text, such as {str(array.flat[0])[:30]!r}" if array.size else what
            )
            raise ValueError(f"{found}; numbers are needed{text}")
        if array.dtype.kind not in "biufc":
            raise ValueError(f"{what} holds {array.dtype} values; numbers are needed")
        if array.dtype.kind == "f" and array.dtype.itemsize > 8:
            array = array.astype(np.float64)
        array = array.astype(array.dtype.newbyteorder("="), order="C", copy=False)
        out = shared(array)
    else:
        raise ValueError(
            f"{what} must be a tensor, an array or a list of numbers, got {type(value).__name__}"
        )
    real_numbers(out, what)
    return out


def sparse(matrix: Any, what: str) -> sp.csr_matrix:
    """A matrix ``[n, m]`` of any library as SciPy CSR, float32; entries in one place are added up.

    Raises:
        ValueError: not a matrix of real numbers.
    """
    if hasattr(matrix, "to_torch_sparse_csr_tensor"):  # of torch_sparse
        matrix = matrix.to_torch_sparse_csr_tensor(torch.float32)
    if not sp.issparse(matrix) and not (
        isinstance(matrix, Tensor) and matrix.layout != torch.strided
    ):
        matrix = plain(matrix, what)
    real_numbers(matrix, what)
    if isinstance(matrix, Tensor):
        matrix = matrix.detach().cpu().to(torch.float32)
        if matrix.layout in (torch.sparse_bsr, torch.sparse_bsc):
            matrix = matrix.to_dense()
        elif matrix.layout != torch.strided and matrix.dim() == 3 and matrix.shape[2] == 1:
            # T.ToSparseTensor(attr="edge_attr") leaves a column of weights a column.
            matrix = matrix.to_sparse_coo()
            ends, values = matrix._indices(), matrix._values()
            matrix = torch.sparse_coo_tensor(ends, values[:, 0], matrix.shape[:2])
    if len(matrix.shape) != 2:
        raise ValueError(f"{what} must be a matrix, got shape {tuple(matrix.shape)}")
    if isinstance(matrix, Tensor):
        return added_up(scipy_csr(matrix))
    return added_up(sp.csr_matrix(matrix, dtype=np.float32))


def added_up(matrix: sp.csr_matrix) -> sp.csr_matrix:
    """The matrix with each place stored once and rows sorted by column; itself if it is so.

    CSR may hold a place several times, and then stands for the sum. What reads the stored numbers
    one by one (lengths of rows, scikit-learn) sees others, and SciPy adds up in the arrays that it
    was given, whoever else holds them.

    >>> twice = sp.csr_matrix(([1.0, 1.0], [0, 0], [0, 2]), shape=(1, 2))
    >>> added_up(twice).data.tolist(), twice.data.tolist()
    ([2.0], [1.0, 1.0])
    """
    if matrix.has_canonical_format:
        return matrix
    out = matrix.copy()  # the giver's arrays stay as they are
    out.sum_duplicates()
    return out


def groups_at(group: Tensor, places: Tensor) -> Tensor:
    """The groups of the nodes at ``places``, -1 where a place is -1.

    >>> groups_at(torch.tensor([5, 7, -1]), torch.tensor([1, -1, 2, 0])).tolist()
    [7, -1, -1, 5]
    """
    places = places.to(group.device)
    return group[places.clamp_min(0)].masked_fill(places < 0, -1)


def digest_of(ids: Sequence[str] | np.ndarray) -> str:
    """A hash of ids in their order, by which data that have grown are told from others.

    >>> digest_of(["a", "b"]) == digest_of(np.array(["a", "b"], object)) != digest_of(["b", "a"])
    True
    """
    told = hashlib.sha256()
    for name in ids:
        text = str(name).encode("utf-8", "replace")
        told.update(b"%d:%b" % (len(text), text))
    return told.hexdigest()[:16]
