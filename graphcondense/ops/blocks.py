"""Products with an adjacency by blocks, so that what is held in memory has a limit.

The matrices may be memory-mapped: SciPy takes their arrays as they are. Columns of ``X`` know
nothing of each other in ``A X``, so blocks of columns go through all hops alone, and threads share
them without a word between them. Which block a column is in changes no bit of it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import scipy.sparse as sp
import torch

from graphcondense.ops.arrays import Array

Matrix: TypeAlias = "sp.csr_matrix | Array"
Make: TypeAlias = Callable[[str, "tuple[int, ...]", "np.dtype"], Array]
"""Makes an array for a result, from its name, shape and type: in memory or in a file."""


def in_memory(name: str, shape: tuple[int, ...], dtype: np.dtype) -> Array:
    """A :data:`Make` for arrays in memory."""
    return np.empty(shape, dtype)


UNITS = {"": 1, **{u: 1000**i for i, u in enumerate("kmgt", 1)}}
UNITS |= {f"{u}b": n for u, n in UNITS.items()}
UNITS |= {f"{u}ib": 1024**i for i, u in enumerate("kmgt", 1)}
"""What one unit of a size has in bytes, in small letters."""


def size_of(text: int | str) -> int:
    """Bytes of a size as people write it: ``GB`` is 10^9 bytes, ``GiB`` 2^30.

    Raises:
        ValueError: no size above zero.

    >>> size_of("4GB"), size_of("1.5 MiB"), size_of(4096)
    (4000000000, 1572864, 4096)
    """
    found = re.fullmatch(r"\s*(\d+(?:\.\d*)?)\s*([a-z]*)\s*", str(text).lower())
    if found is None or found[2] not in UNITS or float(found[1]) * UNITS[found[2]] < 1:
        raise ValueError(f"{text!r} is no size; write '4GB', '500MiB', or a number of bytes")
    return int(float(found[1]) * UNITS[found[2]])


def is_size(text: object) -> bool:
    """Whether :func:`size_of` can read it.

    >>> is_size("4GB"), is_size("four"), is_size(True)
    (True, False, False)
    """
    try:
        return isinstance(text, int | str) and not isinstance(text, bool) and size_of(text) > 0
    except ValueError:
        return False


def said(size: float) -> str:
    """A size for people, with enough digits to be given back.

    >>> said(4_000_000_000), said(1234), said(19_592_233)
    ('4GB', '1.3KB', '19.6MB')
    """
    for unit, one in (("TB", 1e12), ("GB", 1e9), ("MB", 1e6), ("KB", 1e3)):
        if size >= one:
            return f"{np.ceil(size / one * 10) / 10:g}{unit}"  # never below what is needed
    return f"{size:g}B"


@dataclass(frozen=True)
class Room:
    """A limit for what work holds in memory beside arrays in files.

    Attributes:
        bytes: the limit.
    """

    bytes: int

    def blocks(self, fixed: int, each: int, what: str, most: int, least: int = 1) -> int:
        """How many of at most ``most`` things a block may have.

        Args:
            fixed: bytes that are needed whatever the block.
            each: bytes that one more takes.
            what: one of them, in words.
            most, least: things that there are, and that a block needs.

        Raises:
            ValueError: the room is below one block; names the smallest possible number.

        >>> Room(1000).blocks(200, 100, "column", 50)
        8
        """
        if self.bytes < fixed + each * least:
            raise ValueError(
                f"memory={said(self.bytes)} is below one block, {least:,} {what}"
                f"{'s' * (least > 1)}: the smallest possible is memory="
                f"'{said(fixed + each * least)}'"
            )
        return min((self.bytes - fixed) // each, max(most, least))


def parts(length: int, size: int) -> Iterator[slice]:
    """``0 .. length`` in pieces of nearly the same length, none longer than ``size``.

    >>> [(part.start, part.stop) for part in parts(10, 4)]
    [(0, 3), (3, 6), (6, 10)]
    """
    number = -(-length // size)
    for i in range(number):
        yield slice(i * length // number, (i + 1) * length // number)


def row_blocks(indptr: Array, entries: int) -> Iterator[slice]:
    """Rows one after the other, in blocks of at most so many stored entries, or of one row.

    >>> [(b.start, b.stop) for b in row_blocks(np.array([0, 2, 3, 9, 10]), 3)]
    [(0, 2), (2, 3), (3, 4)]
    """
    first, rows = 0, len(indptr) - 1
    while first < rows:
        last = int(np.searchsorted(indptr, indptr[first] + entries, side="right")) - 1
        last = min(max(last, first + 1), rows)
        yield slice(first, last)
        first = last


def rows_of(adj: sp.csr_matrix, block: slice) -> sp.csr_matrix:
    """Rows of a matrix ``[block, m]``, which share its values and columns: nothing is copied but
    where rows begin."""
    start, stop = int(adj.indptr[block.start]), int(adj.indptr[block.stop])
    ptr = adj.indptr[block.start : block.stop + 1] - start
    shape = (block.stop - block.start, adj.shape[1])
    return sp.csr_matrix((adj.data[start:stop], adj.indices[start:stop], ptr), shape=shape)


def columns_of(x: Matrix, block: slice, dtype: type[np.floating]) -> Array:
    """Columns of a matrix as a dense array of its own ``[n, block]``."""
    if sp.issparse(x):
        return np.ascontiguousarray(x[:, block].toarray(), dtype=dtype)
    return np.array(x[:, block], dtype=dtype, order="C")


def threads(blocks: int) -> int:
    """How many blocks are worked on at a time: as many as torch has threads."""
    return max(1, min(torch.get_num_threads(), blocks))


def by_columns(
    x: Matrix,
    work: Callable[[slice, Array], None],
    room: Room,
    dtype: type[np.floating] = np.float32,
    arrays: int = 2,
) -> None:
    """``work`` on all columns of ``x [n, d]``, block by block, on as many threads as torch has.

    Args:
        work: is given a block of columns and these ``[n, b]``, its own and free to change.
        room: limits what all threads hold together.
        dtype: of the columns.
        arrays: how many arrays ``[n, b]`` ``work`` holds at once, the given one among them.

    Raises:
        ValueError: the room is below one column.
    """
    n, d = x.shape
    each = arrays * n * np.dtype(dtype).itemsize
    width = room.blocks(0, each, f"column of {n:,} nodes", d)
    at_once = min(threads(d), width)
    blocks = list(parts(d, max(1, min(width // at_once, -(-d // at_once)))))
    with ThreadPoolExecutor(at_once) as pool:
        for _ in pool.map(lambda block: work(block, columns_of(x, block, dtype)), blocks):
            pass  # errors of a thread are raised here


def propagated(
    adj: sp.csr_matrix,
    x: Matrix,
    hops: Sequence[int],
    rows: Array,
    room: Room,
    dtype: type[np.floating] = np.float32,
) -> dict[int, Array]:
    """``(A^k X)[rows]`` of every ``k`` in ``hops``, each dense ``[len(rows), d]``, in one pass.

    The last hop is computed at ``rows`` alone, where these have few of the entries.

    >>> adj, x = sp.csr_matrix([[0.0, 2.0], [1.0, 0.0]]), np.array([[1.0], [10.0]])
    >>> found = propagated(adj, x, [0, 2], np.array([1]), Room(1000))
    >>> {k: value.tolist() for k, value in found.items()}
    {0: [[10.0]], 2: [[20.0]]}
    """
    last = max(hops)
    out = {k: np.empty((len(rows), x.shape[1]), dtype) for k in sorted(set(hops))}
    ends = int((adj.indptr[rows + 1] - adj.indptr[rows]).sum(dtype=np.int64))
    held = 8 * ends + 4 * len(rows)  # a copy of these rows of A
    end = None
    if last and ends < adj.nnz / 2 and held < room.bytes / 4:
        end, room = adj[rows], Room(room.bytes - held)

    def work(block: slice, z: Array) -> None:
        for k in range(last + 1):
            if k and k == last and end is not None:
                out[k][:, block] = end @ z
                return
            z = adj @ z if k else z
            if k in out:
                out[k][:, block] = z[rows]

    by_columns(x, work, room, dtype)
    return out


def gcn_norm_blocks(adj: sp.csr_matrix, make: Make, room: Room) -> sp.csr_matrix:
    """:func:`~graphcondense.ops.adjacency.gcn_norm_csr` by blocks of rows, bit for bit.

    Args:
        make: makes the arrays of the result.
        room: limits what is held beside them.
    """
    n = adj.shape[0]
    longest = int(np.diff(adj.indptr).max(initial=0)) + 1
    entries = room.blocks(24 * n, ENTRY, "edge", max(adj.nnz + n, 1), least=longest)
    blocks = list(row_blocks(adj.indptr + np.arange(n + 1), entries))
    degree, lengths = np.zeros(n, adj.dtype), np.zeros(n + 1, np.int64)
    for block in blocks:
        looped = _looped(adj, block)
        degree[block] = np.asarray(looped.sum(1)).ravel()
        lengths[block.start + 1 : block.stop + 1] = np.diff(looped.indptr)
    scale = np.zeros_like(degree)
    scale[degree > 0] = degree[degree > 0] ** -0.5
    out = empty_csr(lengths, adj.shape, adj.dtype, make)
    for block in blocks:
        looped = _looped(adj, block)
        at = slice(int(out.indptr[block.start]), int(out.indptr[block.stop]))
        out.indices[at] = looped.indices
        left = np.repeat(scale[block], np.diff(looped.indptr))
        out.data[at] = (left * looped.data) * scale[looped.indices]
    return out


ENTRY = 64
"""Bytes that work on a block of rows takes for each stored entry, copies of all steps together."""


def _looped(adj: sp.csr_matrix, block: slice) -> sp.csr_matrix:
    """Rows of ``A + I``, where stored self-loops stay as they are."""
    rows = rows_of(adj, block)
    row = np.repeat(np.arange(rows.shape[0]), np.diff(rows.indptr))
    missing = np.ones(rows.shape[0], bool)
    missing[row[rows.indices == row + block.start]] = False
    at = np.flatnonzero(missing)
    loops = sp.csr_matrix((np.ones(len(at), adj.dtype), (at, at + block.start)), shape=rows.shape)
    return sp.csr_matrix(rows + loops)


def empty_csr(
    lengths: Array, shape: tuple[int, int], dtype: np.dtype, make: Make
) -> sp.csr_matrix:
    """A CSR matrix whose values and columns are yet open.

    Args:
        lengths: 0, then the number of entries of each row ``[n + 1]``.
        make: makes its three arrays, called ``data``, ``indices`` and ``indptr``.
    """
    total = int(lengths.sum())
    index = np.dtype(np.int32 if max(total, *shape) < 2**31 else np.int64)
    indptr = make("indptr", (len(lengths),), index)
    np.cumsum(lengths, out=indptr)
    indices = make("indices", (total,), index)
    return sp.csr_matrix((make("data", (total,), dtype), indices, indptr), shape=shape)
