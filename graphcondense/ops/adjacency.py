"""Adjacency operators.

One convention everywhere: ``A[i, j]`` is the weight of the edge from ``j`` to ``i``, so that
``A @ X`` is one step of message passing. Preparation is done once, in SciPy; what a model sees is a
torch tensor, dense or CSR, or ``None`` for the identity (a graph without edges).
"""

from __future__ import annotations

import warnings
from typing import TypeAlias

import numpy as np
import scipy.sparse as sp
import torch
from torch import Tensor

Adjacency: TypeAlias = Tensor | None
"""A dense ``[n, m]`` or CSR ``[n, m]`` operator; ``None`` is the identity."""

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


def plain(x: Tensor) -> Tensor:
    """``x`` on the CPU without a gradient, and without the negative or conjugate bit of a view
    (such as the imaginary part of a conjugate), which NumPy does not read."""
    return x.detach().cpu().resolve_conj().resolve_neg()


def gcn_norm_csr(adj: sp.csr_matrix) -> sp.csr_matrix:
    """``D^-1/2 (A + I) D^-1/2`` (Kipf & Welling, ICLR 2017, eq. 2), ``D`` the in-degree.

    As in PyG's ``gcn_norm`` of ``edge_index``, a node with a stored self-loop keeps its weight, 0
    included; the others get one of weight 1. A node of degree 0 keeps a row of zeros.
    """
    n = adj.shape[0]
    stored = sp.csr_matrix((np.ones(adj.nnz, bool), adj.indices, adj.indptr), shape=adj.shape)
    looped = (adj + sp.diags_array((~stored.diagonal()).astype(adj.dtype), shape=(n, n))).tocsr()
    return symmetric_norm_csr(looped)


def symmetric_norm_csr(adj: sp.csr_matrix) -> sp.csr_matrix:
    """``D^-1/2 A D^-1/2`` with ``D`` the row sums; an empty row stays empty."""
    degree = np.asarray(adj.sum(1)).ravel()
    scale = np.zeros_like(degree)
    scale[degree > 0] = degree[degree > 0] ** -0.5
    half = sp.diags_array(scale)
    return (half @ adj @ half).tocsr()


def mean_norm_csr(adj: sp.csr_matrix) -> sp.csr_matrix:
    """``D^-1 A``: the weighted mean over in-neighbours; a node without any gets zero."""
    degree = np.asarray(adj.sum(1)).ravel()
    scale = np.zeros_like(degree)
    scale[degree != 0] = 1.0 / degree[degree != 0]
    return (sp.diags_array(scale) @ adj).tocsr()


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


def propagate_rows(
    adj: sp.csr_matrix,
    x: sp.csr_matrix | np.ndarray,
    hops: int,
    rows: np.ndarray,
    dtype: type[np.floating] = np.float32,
) -> np.ndarray:
    """``(A^hops X)[rows]`` as a dense array ``[len(rows), d]``, computed in ``dtype``.

    Only what ``rows`` can reach is touched, and sparse features stay sparse until the end.
    """
    left = sp.identity(adj.shape[0], dtype=dtype, format="csr")[rows]
    for _ in range(hops):
        left = left @ adj
    out = left @ x
    return np.ascontiguousarray(out.toarray() if sp.issparse(out) else out, dtype=dtype)
