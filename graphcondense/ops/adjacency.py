"""Adjacency operators.

One convention everywhere: ``A[i, j]`` is the weight of the edge from ``j`` to ``i``, so that
``A @ X`` is one step of message passing. Preparation is done once, in SciPy; what a model sees is a
torch tensor, dense or CSR, or ``None`` for the identity (a graph without edges).
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np
import scipy.sparse as sp
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

Matrix: TypeAlias = Any  # NDArray[np.floating] or sp.csr_matrix, which has no types
"""Numbers ``[n, m]``, dense or mostly zero."""

Adjacency: TypeAlias = Tensor | None
"""A dense ``[n, m]`` or CSR ``[n, m]`` operator; ``None`` is the identity."""

SPARSE_COST = 16
"""Multiplications with a dense matrix in the time of one between sparse ones (measured)."""

# torch warns once a process that CSR is beta and unchecked; tests hold what we use of it to SciPy.
# The first matrix is made here, out of hearing, so that the filters of the user stay as they are.
with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    torch.sparse_csr_tensor(torch.tensor([0, 0]), torch.tensor([0])[:0], torch.ones(0), (1, 1))


def csr_from_edges(edge_index: Tensor, edge_weight: Tensor | None, num_nodes: int) -> sp.csr_matrix:
    """Edges ``[2, m]`` (row 0 source, row 1 target) as ``A [n, n]``, float32.

    Parallel edges add up. Of a node's parallel self-loops the last counts, as for PyG's
    ``GCNConv`` (here for all models), and a weight of 0 is stored: it is no missing loop.

    >>> loops = torch.tensor([[0, 0, 0, 0], [0, 0, 1, 1]])
    >>> csr_from_edges(loops, torch.tensor([0.5, 0.25, 2.0, 1.0]), 2).toarray().tolist()
    [[0.25, 0.0], [3.0, 0.0]]
    """
    if edge_weight is None and num_nodes < 2**31:
        return _counted(edge_index.cpu().numpy().astype(np.int64, copy=False), num_nodes)
    source, target = edge_index.cpu().numpy()
    weight = (
        np.ones(len(source), np.float32)
        if edge_weight is None
        else plain(edge_weight).reshape(-1).numpy().astype(np.float32)
    )
    last = np.flatnonzero(source == target)[::-1]
    _, first = np.unique(source[last], return_index=True)
    if len(first) < len(last):
        keep = source != target
        keep[last[first]] = True
        source, target, weight = source[keep], target[keep], weight[keep]
    return sp.csr_matrix((weight, (target, source)), shape=(num_nodes, num_nodes))


def _counted(edges: np.ndarray, n: int) -> sp.csr_matrix:
    """:func:`csr_from_edges` without weights: one sort of keys, ``target`` before ``source``, takes
    a third of the time that buckets take, whose places in memory are random."""
    bits = n.bit_length()
    key = edges[1] << bits
    key |= edges[0]
    key.sort()
    new = np.ones(len(key), bool)
    np.not_equal(key[1:], key[:-1], out=new[1:])
    if new.all():
        data = np.ones(len(key), np.float32)
    else:
        start = np.flatnonzero(new)
        data = np.diff(start, append=len(key)).astype(np.float32)
        key = key[start]
    target = key >> bits
    indptr = np.zeros(n + 1, np.int64)
    np.cumsum(np.bincount(target, minlength=n), out=indptr[1:])
    key &= 2**bits - 1
    data[key == target] = 1
    return sp.csr_matrix((data, key, indptr), shape=(n, n))


def plain(x: Tensor) -> Tensor:
    """``x`` on the CPU without a gradient, and without the negative or conjugate bit of a view
    (such as the imaginary part of a conjugate), which NumPy does not read."""
    return x.detach().cpu().resolve_conj().resolve_neg()


def shared(array: np.ndarray) -> Tensor:
    """An array as a tensor. A file that is mapped for reading alone stays where it is: its tensor
    must not be written to, which ends the process. Others that are read-only are copied."""
    if array.flags.writeable:
        return torch.from_numpy(array)
    origin: object = array
    while isinstance(origin, np.ndarray) and not isinstance(origin, np.memmap):
        origin = origin.base
    if not isinstance(origin, np.memmap):
        return torch.from_numpy(array.copy())
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch says once that it must not be written to
        return torch.from_numpy(array)


def gcn_norm_csr(adj: sp.csr_matrix) -> sp.csr_matrix:
    """``D^-1/2 (A + I) D^-1/2`` (Kipf & Welling, ICLR 2017, eq. 2), ``D`` the in-degree.

    As in PyG's ``gcn_norm`` of ``edge_index``, a node with a stored self-loop keeps its weight, 0
    included; the others get one of weight 1. A node of degree 0 keeps a row of zeros.
    """
    n = adj.shape[0]
    stored = sp.csr_matrix((np.ones(adj.nnz, bool), adj.indices, adj.indptr), shape=adj.shape)
    looped = (adj + sp.diags_array((~stored.diagonal()).astype(adj.dtype), shape=(n, n))).tocsr()
    return _symmetric(looped)


def symmetric_norm_csr(adj: sp.csr_matrix) -> sp.csr_matrix:
    """``D^-1/2 A D^-1/2`` with ``D`` the row sums; an empty row stays empty."""
    return _symmetric(adj.copy())


def _symmetric(adj: sp.csr_matrix) -> sp.csr_matrix:
    """:func:`symmetric_norm_csr` of a matrix that nobody else has: its entries are scaled where
    they are."""
    degree = np.asarray(adj.sum(1)).ravel()
    scale = np.zeros_like(degree)
    scale[degree > 0] = degree[degree > 0] ** -0.5
    _scale_rows(adj, scale)
    adj.data *= scale[adj.indices]
    return adj


def _scale_rows(adj: sp.csr_matrix, scale: np.ndarray) -> None:
    adj.data *= np.repeat(scale, np.diff(adj.indptr))


def mean_norm_csr(adj: sp.csr_matrix) -> sp.csr_matrix:
    """``D^-1 A``: the weighted mean over in-neighbours; a node without any gets zero."""
    degree = np.asarray(adj.sum(1)).ravel()
    scale = np.zeros_like(degree)
    scale[degree != 0] = 1.0 / degree[degree != 0]
    out = adj.copy()
    _scale_rows(out, scale)
    return out


def gcn_norm_dense(adj: Tensor) -> Tensor:
    """:func:`gcn_norm_csr` for a dense, differentiable ``adj [..., n, n]`` with a zero diagonal."""
    looped = adj + torch.eye(adj.shape[-1], dtype=adj.dtype, device=adj.device)
    scale = looped.sum(-1).clamp_min(1e-12).rsqrt()
    return scale.unsqueeze(-1) * looped * scale.unsqueeze(-2)


def csr_tensor(
    matrix: sp.csr_matrix,
    *,
    dtype: torch.dtype = torch.float32,
    device: torch.device | str | None = None,
) -> Tensor:
    """A SciPy matrix ``[n, m]`` as a torch CSR tensor."""
    matrix = sp.csr_matrix(matrix, copy=True)
    matrix.sort_indices()
    return torch.sparse_csr_tensor(
        torch.from_numpy(matrix.indptr.astype(np.int64)),
        torch.from_numpy(matrix.indices.astype(np.int64)),
        torch.from_numpy(matrix.data).to(dtype),
        size=matrix.shape,
        device=device,
    )


def scipy_csr(tensor: Tensor) -> sp.csr_matrix:
    """A torch tensor, dense, COO or CSR, as a SciPy CSR matrix ``[n, m]``."""
    if tensor.layout == torch.strided:
        return sp.csr_matrix(tensor.detach().cpu().numpy())
    tensor = tensor.detach().cpu().to_sparse_csr()
    parts = (tensor.values(), tensor.col_indices(), tensor.crow_indices())
    return sp.csr_matrix(tuple(part.numpy() for part in parts), shape=tuple(tensor.shape))


def spmm(adj: Adjacency, x: Tensor) -> Tensor:
    """``A @ x`` for any :data:`Adjacency`; trailing dimensions of ``x [m, ...]`` are folded into
    columns, as one wide sparse product is several times faster than many narrow ones."""
    if adj is None:
        return x
    if x.dim() == 2:
        return adj @ x
    return (adj @ x.reshape(x.shape[0], -1)).reshape(adj.shape[0], *x.shape[1:])


def times(adj: sp.csr_matrix, x: Matrix) -> Matrix:
    """``A X [n, d]`` of ``A [n, m]`` and ``X [m, d]`` of one type of numbers; sparse where ``X`` is
    and where that costs less, counted in multiplications.
    """
    if sp.issparse(x):
        sparse = int(np.diff(x.indptr)[adj.indices].sum(dtype=np.int64))
        if SPARSE_COST * sparse <= adj.nnz * x.shape[1]:
            return (adj @ x).tocsr()
        x = x.toarray()
    if x.dtype != np.float32 or not adj.nnz:
        return np.asarray(adj @ x)
    # A sum of embeddings takes a third of the time of SciPy's product (64 columns: 0.11 s against
    # 0.30, torch's sparse product 0.14), and all threads.
    index = adj.indices.dtype
    parts = (adj.indices, np.ascontiguousarray(x), adj.indptr.astype(index, copy=False), adj.data)
    column, rows, start, value = map(shared, parts)
    out: NDArray[np.floating[Any]] = embedding_sum(start, column, value, rows).numpy()
    return out


def embedding_sum(start: Tensor, column: Tensor, value: Tensor, x: Tensor) -> Tensor:
    """``A X [n, d]`` of the parts of a CSR ``A [n, m]`` (``start [n + 1]``, ``column`` and ``value
    [nnz]``, indices of one type) and ``X [m, d]`` as a sum of embeddings; no gradient."""
    return F.embedding_bag(
        *(column, x, start),
        mode="sum",
        per_sample_weights=value,
        include_last_offset=True,
    )


class Powers:
    """Rows of ``S^k X``, by products from the right, each of them made once.

    Args:
        operator: ``S [n, n]``.
        x: ``X [n, d]``.
        dtype: of all numbers.
        kept: what keeps whole matrices elsewhere, such as a folder: called with ``k`` and a
            function that makes ``S^k X``, gives it back.
    """

    def __init__(
        self,
        operator: sp.csr_matrix,
        x: Matrix,
        dtype: type[np.floating[Any]] = np.float32,
        kept: Callable[[int, Callable[[], Matrix]], Matrix] | None = None,
    ) -> None:
        self.operator, self.kept = operator.astype(dtype, copy=False), kept
        self._whole: dict[int, Matrix] = {0: x.astype(dtype, copy=False)}

    def whole(self, hops: int) -> Matrix:
        """``S^hops X [n, d]``; sparse where :func:`times` leaves it so. Not to be changed."""
        if hops not in self._whole:

            def made() -> Matrix:
                return times(self.operator, self.whole(hops - 1))

            self._whole[hops] = made() if self.kept is None else self.kept(hops, made)
        return self._whole[hops]

    def rows(self, hops: int, rows: NDArray[np.integer[Any]]) -> NDArray[np.floating[Any]]:
        """``(S^hops X)[rows]`` as a dense array ``[len(rows), d]`` of the caller's own.

        The last product is of these rows alone, and so is each one before it of the rows that it is
        asked for, where that is less than half of all entries of ``S``; else it is of all rows, for
        whoever asks next.
        """
        steps: list[sp.csr_matrix] = []
        asked: NDArray[np.integer[Any]] | slice = rows
        while self.kept is None and hops not in self._whole:
            step = self.operator[asked]
            needed, hops = _columns(step), hops - 1
            if hops in self._whole or not self._few(needed):
                steps.append(step)
                asked = slice(None)
                break
            place = np.zeros(step.shape[1], step.indices.dtype)
            place[needed] = np.arange(len(needed))
            parts = (step.data, place[step.indices], step.indptr)
            steps.append(sp.csr_matrix(parts, shape=(step.shape[0], len(needed))))
            asked = needed
        out = self.whole(hops)[asked]
        for step in reversed(steps):
            out = times(step, out)
        return np.ascontiguousarray(out.toarray() if sp.issparse(out) else out)

    def _few(self, rows: NDArray[np.integer[Any]]) -> bool:
        indptr = self.operator.indptr
        entries = int((indptr[rows + 1] - indptr[rows]).sum(dtype=np.int64))
        return bool(2 * entries < self.operator.nnz)


def _columns(matrix: sp.csr_matrix) -> NDArray[np.intp]:
    """The columns ``[m]`` that have entries, ascending."""
    found = np.zeros(matrix.shape[1], bool)
    found[matrix.indices] = True
    return np.flatnonzero(found)


def propagate_rows(
    adj: sp.csr_matrix,
    x: Matrix,
    hops: int,
    rows: NDArray[np.integer[Any]],
    dtype: type[np.floating[Any]] = np.float32,
) -> NDArray[np.floating[Any]]:
    """``(A^hops X)[rows]`` as a dense array ``[len(rows), d]``, see :class:`Powers`."""
    return Powers(adj, x, dtype).rows(hops, rows)
