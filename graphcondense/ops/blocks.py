"""Products with an adjacency by blocks, so that what is held in memory has a limit.

The matrices may be memory-mapped: their arrays are taken as they are. Columns of ``X`` know
nothing of each other in ``A X``, so a block of columns goes through all hops alone, and which block
a column is in changes no bit of it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import scipy.sparse as sp

from graphcondense.ops.adjacency import Matrix, times
from graphcondense.ops.arrays import Array
from graphcondense.ops.sizes import said

Make: TypeAlias = Callable[[str, "tuple[int, ...]", "np.dtype"], Array]
"""Makes an array for a result, from its name, shape and type: in memory or in a file."""


ROWS, ENTRIES = 2**16, 2**19
"""Rows of a block at most, and entries of one that is copied: 4 MB in double precision. The same
whatever the limit of memory, so that sums over blocks have the same bits."""


def in_memory(name: str, shape: tuple[int, ...], dtype: np.dtype) -> Array:
    """A :data:`Make` for arrays in memory."""
    return np.empty(shape, dtype)


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


def row_parts(rows: int, width: int) -> Iterator[slice]:
    """So many rows of so many columns in blocks that may be copied.

    >>> [len(list(row_parts(2**17, width))) for width in (1, 8, 16, 2**40)]
    [2, 2, 4, 131072]
    """
    return parts(rows, min(ROWS, max(ENTRIES // max(width, 1), 1)))


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


def by_columns(
    x: Matrix,
    work: Callable[[slice, Array], None],
    room: Room,
    dtype: type[np.floating] = np.float32,
    arrays: int = 2,
) -> None:
    """``work`` on all columns of ``x [n, d]``, block by block. Blocks know nothing of each other.

    Args:
        work: is given a block of columns and these ``[n, b]``, its own and free to change.
        room: limits what is held at once.
        dtype: of the columns.
        arrays: how many arrays ``[n, b]`` ``work`` holds at once, the given one among them.

    Raises:
        ValueError: the room is below one column.
    """
    n, d = x.shape
    each = arrays * n * np.dtype(dtype).itemsize
    width = room.blocks(0, each, f"column of {n:,} nodes", d)
    for first in range(0, d, width):
        block = slice(first, min(first + width, d))
        work(block, columns_of(x, block, dtype))


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
        end, room = adj[rows].astype(dtype, copy=False), Room(room.bytes - held)

    wide = adj.astype(dtype, copy=False)

    def work(block: slice, z: Array) -> None:
        for k in range(last + 1):
            if k and k == last and end is not None:
                out[k][:, block] = times(end, z)
                return
            z = times(wide, z) if k else z
            if k in out:
                out[k][:, block] = z[rows]

    by_columns(x, work, room, dtype)
    return out


def diffusions(
    adj: sp.csr_matrix,
    x: Matrix,
    restarts: Sequence[float],
    steps: int,
    room: Room,
    make: Make = in_memory,
) -> list[Array]:
    """:func:`~graphcondense.ops.personalised.diffused` of ``x [n, d]`` for several restarts, each
    ``[n, d]`` float32, from the same ``steps`` products.

    ``(1 - a)^T A^T X + a Σ_{k<T} (1 - a)^k A^k X`` has the same ``A^k X`` for every ``a``.

    Args:
        make: makes the results.

    >>> adj, x = sp.csr_matrix([[0.0, 1.0], [1.0, 0.0]]), np.array([[1.0], [0.0]])
    >>> [found.ravel().tolist() for found in diffusions(adj, x, [0.5, 1.0], 1, Room(1000))]
    [[0.5, 0.5], [1.0, 0.0]]
    """
    kept, adj = np.dtype(np.float32), adj.astype(np.float32, copy=False)
    out = [make(f"diffused{i}", x.shape, kept) for i in range(len(restarts))]

    def work(block: slice, z: Array) -> None:
        for k in range(steps + 1):
            z = times(adj, z) if k else z
            for a, found in zip(restarts, out, strict=True):
                weight = (1 - a) ** k * (1 if k == steps else a)
                if k == 0:
                    found[:, block] = weight * z
                elif weight:
                    found[:, block] += np.float32(weight) * z

    by_columns(x, work, room, arrays=3)
    return out


def links(adj: sp.csr_matrix, part: Array, n: int, entries: int = 2**22) -> tuple[Array, Array]:
    """Of ``W = (A + Aᵀ) / 2`` without self-loops: the weights between parts ``[n, n]``, a diagonal
    entry twice what is inside a part, and the degrees of nodes ``[N]``; float64.

    Args:
        adj: ``A [N, N]``.
        part: of each node, from 0 on ``[N]``.
        n: parts.
        entries: stored entries of a block.

    >>> between, degree = links(sp.csr_matrix([[5.0, 2.0], [0.0, 0.0]]), np.array([0, 1]), 2)
    >>> between.tolist(), degree.tolist()
    ([[0.0, 1.0], [1.0, 0.0]], [1.0, 1.0])
    """
    total, degree = np.zeros(n * n), np.zeros(len(part))
    for block in row_blocks(adj.indptr, entries):
        rows = rows_of(adj, block)
        row = np.repeat(np.arange(block.start, block.stop), np.diff(rows.indptr))
        weight = np.where(row == rows.indices, 0.0, rows.data)
        total += np.bincount(part[row] * n + part[rows.indices], weight, n * n)
        degree += np.bincount(rows.indices, weight, len(part))
        degree[block] += np.bincount(row - block.start, weight, rows.shape[0])
    between = total.reshape(n, n)
    return (between + between.T) / 2, degree / 2


def sums(part: Array, n: int, weight: Array, x: Matrix) -> Array:
    """The rows of ``x [N, d]``, times ``weight [N]``, added up within each of ``n`` parts: ``[n,
    d]``, float64.

    >>> sums(np.array([1, 0, 1]), 2, np.array([1.0, 2.0, 3.0]), np.array([[1.0], [1.0], [2.0]]))
    array([[2.],
           [7.]])
    """
    out = np.zeros((n, x.shape[1]))
    # Dense rows are copied; sparse ones are not, and each block adds a dense result.
    for block in row_parts(len(part), 1 if sp.issparse(x) else x.shape[1]):
        size = block.stop - block.start
        ones = (weight[block], (part[block], np.arange(size)))
        of = sp.csr_matrix(ones, shape=(n, size), dtype=np.float64)
        found = of @ x[block].astype(np.float64)
        out += found.toarray() if sp.issparse(found) else found
    return out


def mean_row(x: Matrix) -> Array:
    """The mean of all rows ``[1, d]``.

    >>> mean_row(np.array([[1.0, 2.0], [3.0, 4.0]]))
    array([[2., 3.]])
    """
    n = x.shape[0]
    out: Array = sums(np.zeros(n, np.int64), 1, np.ones(n), x) / n
    return out


def gram(columns: Sequence[Array], targets: Array) -> tuple[Array, Array]:
    """``ZᵀZ [k, k]`` and ``ZᵀT [k, C]`` of arrays side by side ``Z = [Z_1, Z_2, ...] [N, k]``,
    added up in float64 over blocks of rows.

    >>> gram([np.ones((3, 1)), np.full((3, 1), 2.0)], np.ones((3, 1)))
    (array([[ 3.,  6.],
           [ 6., 12.]]), array([[3.],
           [6.]]))
    """
    k = sum(z.shape[1] for z in columns)
    square, cross = np.zeros((k, k)), np.zeros((k, targets.shape[1]))
    for block in row_parts(len(targets), k):
        z = np.hstack([z[block] for z in columns])
        square += z.T @ z
        cross += z.T @ targets[block]
    return square, cross


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


def empty_csr(lengths: Array, shape: tuple[int, int], dtype: np.dtype, make: Make) -> sp.csr_matrix:
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
