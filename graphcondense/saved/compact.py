"""The smaller form of a matrix: as it is, or by row where most of its entries are zero.

One rule for condensed and real data: what :func:`pack` stores is what :func:`bytes_of` counts.

>>> rows = torch.tensor([[0.0, 0.0, 0.0, 2.0], [0.0, 0.0, 0.0, 0.0]])
>>> pack("x", rows)
{'x_crow': tensor([0, 1, 1], dtype=torch.int32), 'x_col': tensor([3], dtype=torch.int32), \
'x_value': tensor([2.])}
>>> bytes_of(rows), bytes_of(torch.ones(2, 4))
(20, 32)
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

import numpy as np
import scipy.sparse as sp
import torch
from torch import Tensor

from graphcondense.ops.types import Floats32
from graphcondense.saved.checks import Tensors, check_rising, needing

PARTS = ("crow", "col", "value")
"""What the sparse form of a matrix ``x`` consists of: ``x_crow [n + 1]`` and ``x_col [nnz]``, both
int32, and ``x_value [nnz]`` float32; columns rise within a row."""

PREFIX = "preprocess_"
"""What the tensors of a preprocessing of images are called by, before their own names."""

LARGEST = 2**31 - 1
"""What an int32 holds."""

ROWS = 2**16
"""Of a matrix at a time, where entries are counted."""

FACTOR, FREE = 1024, 2**26
"""A file may ask for at most so many times its bytes, or for 64 MiB: a broken one can claim any
number of columns."""


def parts_of(name: str) -> tuple[str, ...]:
    """
    >>> parts_of("x")
    ('x_crow', 'x_col', 'x_value')
    """
    return tuple(f"{name}_{part}" for part in PARTS)


def matrix_of(name: str, tensors: Tensors, columns: int) -> sp.csr_matrix:
    """The matrix of ``columns`` columns whose parts have that name, sparse as it is stored.

    >>> parts = pack("x", torch.tensor([[0.0, 0.0, 0.0, 2.0], [0.0, 0.0, 0.0, 0.0]]))
    >>> matrix_of("x", parts, 4).toarray().tolist()
    [[0.0, 0.0, 0.0, 2.0], [0.0, 0.0, 0.0, 0.0]]
    """
    crow, col, value = (tensors[part].cpu().numpy() for part in parts_of(name))
    return sp.csr_matrix((value, col, crow), shape=(len(crow) - 1, columns))


def check_parts(name: str, tensors: Tensors, columns: int, where: str) -> None:
    """Raise a ValueError that starts with ``where`` unless the parts of that name are a matrix of
    ``columns`` columns that :func:`pack` can have stored."""
    need = needing(where)
    for part in parts_of(name):
        need(part in tensors, f"{part} is missing")
    crow, col, value = (tensors[part] for part in parts_of(name))
    for part, tensor, dtype in zip(
        parts_of(name), (crow, col, value), (torch.int32, torch.int32, torch.float32), strict=True
    ):
        need(
            tensor.dim() == 1 and tensor.dtype == dtype,
            f"{part} must be {dtype} of one dimension, got {tensor.dtype} of shape "
            f"{list(tensor.shape)}",
        )
    n, nnz = len(crow) - 1, len(col)
    need(n >= 0 and len(value) == nnz, f"{name}_value has {len(value)} values for {nnz} columns")
    check_rising(crow, nnz, f"{name}_crow", where)
    for bad in col[(col < 0) | (col >= columns)][:1].tolist():
        need(False, f"{name}_col names column {bad}, but there are columns 0..{columns - 1}")
    row = torch.repeat_interleave(crow.diff().long())
    same = row[1:] == row[:-1]
    need(bool((col.diff()[same] > 0).all()), f"{name}_col must rise within each row")


def bytes_of(rows: Tensor | Floats32 | sp.csr_matrix) -> int:
    """Bytes of the smaller form of ``rows [n, d]`` float32: a tensor, an array, or scipy sparse.

    Dense takes ``4 n d``, sparse ``4 (n + 1) + 8 nnz``. What has another number of dimensions or
    another type counts as it is.
    """
    if isinstance(rows, Tensor):
        if not _is_matrix(rows):
            return rows.numel() * rows.element_size()
        parts: tuple[Tensor, ...] = torch.split(rows, ROWS)
        filled = sum((int(_filled(part).sum()) for part in parts), 0)
    elif isinstance(rows, np.ndarray):
        return bytes_of(torch.from_numpy(rows))
    else:
        filled = int(rows.count_nonzero())
    n, d = map(int, rows.shape)
    return min(4 * n * d, _sparse_bytes(n, filled))


def pack(name: str, rows: Tensor, width: int = 4) -> dict[str, Tensor]:
    """``rows`` by the name under which it is stored, or its parts where they are smaller.

    A minus zero is kept as a value, so that :func:`unpack` gives the same bits. ``width`` is how
    many bytes a value takes, 2 where it will be :func:`narrowed`.
    """
    if not _is_matrix(rows):
        return {name: rows}
    filled = _filled(rows)
    nnz, (n, d) = int(filled.sum()), rows.shape
    few = 4 * (n + 1) + (4 + width) * nnz
    if few >= width * n * d or not _allowed(n, d, nnz):
        return {name: rows}
    row, col = filled.nonzero(as_tuple=True)
    crow = torch.zeros(n + 1, dtype=torch.int32)
    crow[1:] = torch.bincount(row, minlength=n).cumsum(0)
    return dict(zip(parts_of(name), (crow, col.int(), rows[row, col]), strict=True))


def unpack(name: str, tensors: Tensors, columns: object, where: str) -> Tensor:
    """The matrix whose parts :func:`pack` made, dense.

    ``columns``, how many it has, is as the file says; ``where`` is what a message begins with.
    Parts that :func:`pack` cannot have made are a ValueError; nothing is allocated before.
    """
    need = needing(where)
    for part in parts_of(name):
        need(part in tensors, f"{part} is missing")
    need(name not in tensors, f"{name} beside {name}_crow")
    if not isinstance(columns, int) or isinstance(columns, bool) or not 0 <= columns <= LARGEST:
        raise ValueError(
            f"{where}: {name} has no number of columns in the file's header, got "
            f"{str(columns)[:40]}"
        )
    check_parts(name, tensors, columns, where)
    crow, col, value = (tensors[part] for part in parts_of(name))
    n, nnz = len(crow) - 1, len(col)
    row = torch.repeat_interleave(crow.diff().long())
    need(
        _allowed(n, columns, nnz),
        f"{name} would be {n} by {columns} numbers, over {FACTOR} times what the file holds",
    )
    out = torch.zeros(n, columns)
    out[row, col.long()] = value
    return out


NARROW = {torch.float32: torch.bfloat16, torch.int64: torch.int32}
"""The types of half the width in which :func:`narrowed` stores what models train on."""

_WIDE = {str(wide).removeprefix("torch."): wide for wide in NARROW}


def narrowed(tensors: Tensors, names: Collection[str]) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Tensors with those of ``names``, or parts of them, at half the width; and by name the type
    that each of these opens with.

    Floats are rounded to bfloat16, to eight significant bits; what cannot be, as it would become
    infinite, stays. Numbers of nodes become int32 where they fit.

    >>> narrowed({"x": torch.ones(1, 2), "y": torch.tensor([3])}, ["x"])
    ({'x': tensor([[1., 1.]], dtype=torch.bfloat16), 'y': tensor([3])}, {'x': 'float32'})
    """
    out, types = dict(tensors), {}
    every = {part for name in names for part in (name, *parts_of(name))}
    for name in sorted(every & tensors.keys()):
        tensor = tensors[name]
        half = tensor.to(NARROW[tensor.dtype]) if tensor.dtype in NARROW else tensor
        back = half.to(tensor.dtype)
        fits = torch.isfinite(back).all() if back.is_floating_point() else torch.equal(back, tensor)
        if half.dtype != tensor.dtype and bool(fits):
            out[name] = half
            types[name] = str(tensor.dtype).removeprefix("torch.")
    return out, types


def widened(tensors: Tensors, types: object, where: str) -> dict[str, Tensor]:
    """The tensors that :func:`narrowed` stored, with the types that the file's header says.

    Raises:
        ValueError: that starts with ``where``, for a header that :func:`narrowed` cannot have made.
    """
    need = needing(where)
    if not isinstance(types, Mapping):
        raise ValueError(f"{where}: the types in its header must be a table, got {str(types)[:40]}")
    out = dict(tensors)
    for name, wide in types.items():
        need(
            name in tensors and wide in _WIDE and tensors[name].dtype == NARROW[_WIDE[wide]],
            f"its header says that {str(name)[:40]} opens as {str(wide)[:40]}, which no file does",
        )
        out[name] = tensors[name].to(_WIDE[wide])
    return out


def _is_matrix(rows: Tensor) -> bool:
    return rows.dim() == 2 and rows.dtype == torch.float32


def _filled(rows: Tensor) -> Tensor:
    """Which entries are not the bits of a plain zero."""
    return rows.detach().contiguous().view(torch.int32) != 0


def _sparse_bytes(n: int, nnz: int) -> int:
    return 4 * (n + 1) + 8 * nnz


def _allowed(n: int, d: int, nnz: int) -> bool:
    """Whether a file may say this: indices fit, and the dense form is in proportion to it."""
    return max(nnz, d) <= LARGEST and 4 * n * d <= max(FREE, FACTOR * _sparse_bytes(n, nnz))
