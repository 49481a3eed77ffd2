"""Users by items as matrices: their pairs, the checks of pairs, and CSR made of them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, TypeGuard

import numpy as np
import scipy.sparse as sp
from torch import Tensor, strided

from graphcondense.data.interaction_frames import Pairs
from graphcondense.data.interactions import Array, Duplicates
from graphcondense.data.labels import few
from graphcondense.ops.arrays import check_sizes, real_numbers, sparse

UNUSED = 1_000_000
"""Columns without an interaction, at most: models are of the size of all of them."""


def is_sparse(data: object) -> bool:
    """Whether this is a sparse matrix of SciPy or torch.

    >>> is_sparse(sp.eye(2)), is_sparse(np.eye(2))
    (True, False)
    """
    return sp.issparse(data) or (isinstance(data, Tensor) and data.layout != strided)


def is_matrix(data: Any) -> TypeGuard[Any]:
    """Whether this is a matrix, sparse or not."""
    return is_sparse(data) or (isinstance(data, Tensor | np.ndarray) and data.ndim == 2)


def matrix_pairs(data: Any) -> Pairs:
    """The places that a matrix stores; of a dense one those that are other than 0."""
    what = "the matrix of users by items"
    if len(data.shape) != 2:
        raise ValueError(f"{what} must be [users, items], got shape {tuple(data.shape)}")
    coo = (data if sp.issparse(data) else sparse(data, what)).tocoo()
    real_numbers(coo.data, what)
    return Pairs(coo.row, coo.col, coo.data.astype(np.float64), coo.shape, (None, None), True)


def refuse_unrated(rated: bool, min_rating: float | None, there: Iterable[object]) -> None:
    """Raise a ValueError for a smallest rating where nothing is a rating."""
    if min_rating is not None and not rated:
        raise ValueError(
            f"min_rating={min_rating} cannot act: there is no rating, but {few(there, 9)}; call "
            "what has it rating, or leave min_rating out"
        )


def check_pairs(users: Array, items: Array, values: Array, shape: tuple[int, int]) -> None:
    for what, index, count in (("user", users, shape[0]), ("item", items, shape[1])):
        if len(index) and (index.min() < 0 or index.max() >= count):
            bad = int(index.min() if index.min() < 0 else index.max())
            raise ValueError(f"{what} {bad} is out of range: there are {count}, 0..{count - 1}")
    for wrong, why in ((~np.isfinite(values), "is not finite"), (values < 0, "is negative")):
        if wrong.any():
            at = int(wrong.argmax())
            raise ValueError(
                f"the value {values[at]:g} of user {users[at]} and item {items[at]} {why}; "
                "interactions are positive: drop it, or shift ratings and set min_rating="
            )
    check_sizes(values, "the value of a user and an item")
    unused = shape[1] - min(len(np.unique(items)), shape[1])
    if unused > UNUSED:
        raise ValueError(
            f"{unused:,} of {shape[1]:,} items have no interaction; number those that have one: "
            "numpy.unique(items, return_inverse=True)[1]"
        )


def in_matrix(
    users: Array, items: Array, values: Array, shape: tuple[int, int], duplicates: Duplicates
) -> sp.csr_matrix:
    """Pairs as CSR float32, repeated ones added up, or 1."""
    out = sp.csr_matrix((values.astype(np.float32), (users, items)), shape=shape)
    out.sum_duplicates()
    out.eliminate_zeros()
    return ones(out) if duplicates == "merge" else out


def ones(matrix: sp.csr_matrix) -> sp.csr_matrix:
    return sp.csr_matrix(
        (np.ones(matrix.nnz, dtype=np.float32), matrix.indices.copy(), matrix.indptr.copy()),
        shape=matrix.shape,
    )
