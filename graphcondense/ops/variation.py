"""What is contracted first: local variation, heavy edges, algebraic distance, affinity.

Each is a family of candidates for :func:`~graphcondense.ops.coarsen.coarsen`; local variation is
that of Loukas (JMLR 2019).
"""

from __future__ import annotations

import warnings

import numpy as np
import scipy.sparse as sp
from scipy.sparse.csgraph import connected_components
from scipy.sparse.linalg import lobpcg, splu

from graphcondense.ops.coarsen import Array, Candidates, Level, laplacian, of_edges
from graphcondense.ops.spectral import DENSE, components

BLOCK = 2**22
"""Entries of a product of neighbourhoods that are held at once."""
HELD = 2**24
"""Entries of the vectors of eigenvalue zero, one a component, that are held at once."""


# --- the subspace ------------------------------------------------------------------------------


def smallest_nonzero(adj: sp.csr_matrix, k: int, rng: np.random.Generator) -> tuple[Array, Array]:
    """The ``k`` smallest eigenvalues of ``L`` above zero, ascending, and their vectors ``[m, k]``.

    Zero is an eigenvalue once a component, and its vectors are known and left out. Above
    :data:`~graphcondense.ops.spectral.DENSE` nodes by LOBPCG (Knyazev, 2001) with the degrees as
    preconditioner, to a residual of 1e-4 or for 300 steps: a coarsening needs no more than a
    subspace of small energy. A graph with fewer such eigenvalues gives all it has.
    """
    lap, m = laplacian(adj), adj.shape[0]
    parts, part = connected_components(adj, directed=False)
    k = min(k, m - parts)
    if k < 1:
        return np.zeros(0), np.zeros((m, 0))
    if m <= DENSE or 5 * (k + parts) > m:
        values, vectors = np.linalg.eigh(lap.toarray())
        return values[parts : parts + k], vectors[:, parts : parts + k]
    if m * parts > HELD:
        return _of_each_part(adj, k, rng)
    constant = np.zeros((m, parts))
    constant[np.arange(m), part] = np.bincount(part)[part] ** -0.5
    scale = sp.diags_array(1 / np.maximum(lap.diagonal(), 1e-300))
    start = rng.standard_normal((m, k + 4))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # says how far it came
        values, vectors = lobpcg(
            lap, start, M=scale, Y=constant, largest=False, maxiter=300, tol=1e-4
        )
    order = np.argsort(values)[:k]
    return values[order], vectors[:, order]


def _of_each_part(adj: sp.csr_matrix, k: int, rng: np.random.Generator) -> tuple[Array, Array]:
    """:func:`smallest_nonzero`, component by component: what is zero on all others needs no
    vectors to keep it from them."""
    found = []
    for nodes in components(adj):
        if len(nodes) > 1:  # a node alone has the eigenvalue zero and no other
            values, vectors = smallest_nonzero(adj[nodes][:, nodes].tocsr(), k, rng)
            found += [(value, nodes, vectors[:, at]) for at, value in enumerate(values)]
    found = sorted(found, key=lambda pair: pair[0])[:k]
    out = np.zeros((adj.shape[0], len(found)))
    for column, (_, nodes, vector) in enumerate(found):
        out[nodes, column] = vector
    return np.array([value for value, _, _ in found]), out


def variation_basis(adj: sp.csr_matrix, span: Array) -> Array:
    """``A = B (Bᵀ L B)^{+1/2} [m, K]`` for a basis ``B [m, K]`` of what is to be kept.

    With eigenvectors as ``B`` this is ``U Λ^{-1/2}``; at a coarser level ``B`` is the means of the
    one before. Directions without energy, which no contraction costs anything, become zero.
    """
    if not span.shape[1]:
        return span
    energy = span.T @ (laplacian(adj) @ span)
    values, turn = np.linalg.eigh((energy + energy.T) / 2)
    keep = values > 1e-10 * max(float(values.max()), 1e-300)
    scale = np.where(keep, np.where(keep, values, 1.0) ** -0.5, 0.0)
    out: Array = span @ (turn * scale)
    return out


# --- local variation ---------------------------------------------------------------------------


def variation_edges(level: Level) -> Candidates:
    """Edges by local variation: of a pair it is ``(d_i + d_j) / 2 ‖a_i - a_j‖²``."""
    i, j, _ = level.edges()
    degree, a = level.degree, level.vectors
    cost = (degree[i] + degree[j]) / 2 * np.square(a[i] - a[j]).sum(1)
    return of_edges(i, j, cost, len(degree))


def variation_neighborhoods(level: Level) -> Candidates:
    """Every node with its neighbours, by local variation ``‖Π_C⊥ A‖²_{L_C} / (|C| - 1)``.

    With the rows ``a_i`` of ``A`` in ``C``, their mean ``ā`` and the weight ``b_i`` from ``i`` to
    the outside, the norm (Frobenius', an upper bound of the spectral one) is
    ``Σ_{ij inside} w_ij ‖a_i - a_j‖² + 2 Σ_i b_i ‖a_i - ā‖²``.

    Of a neighbourhood with several labels, the members of the centre's stay (of the most frequent
    one where the centre has none), and those without.
    """
    m = level.adj.shape[0]
    groups = sp.csr_matrix(level.adj + sp.identity(m, format="csr"))
    groups.data[:] = 1
    groups = _one_label(groups, level.label)
    groups.sort_indices()
    centre = np.flatnonzero(np.diff(groups.indptr) > 1)
    groups = sp.csr_matrix(groups[centre])
    prices = Prices(level)
    return Candidates(groups, centre, prices.of_all(groups), prices.of_one)


def _one_label(groups: sp.csr_matrix, label: Array) -> sp.csr_matrix:
    """Every group (row ``i`` around node ``i``) without the members of other labels."""
    at = np.flatnonzero(label >= 0)
    if not len(at):
        return groups
    told = sp.csr_matrix((np.ones(len(at)), (at, label[at])), (len(label), label.max() + 1))
    label_of = np.where(label >= 0, label, (groups @ told).toarray().argmax(1))
    coo = groups.tocoo()
    fits = (label[coo.col] < 0) | (label[coo.col] == label_of[coo.row])
    return sp.csr_matrix((coo.data[fits], (coo.row[fits], coo.col[fits])), shape=groups.shape)


class Prices:
    """Local variation of any groups of a level; see :func:`variation_neighborhoods`."""

    def __init__(self, level: Level) -> None:
        self.adj, self.a, self.degree = level.adj, level.vectors, level.degree
        row = np.repeat(np.arange(self.adj.shape[0]), np.diff(self.adj.indptr))
        apart = np.square(self.a[row] - self.a[self.adj.indices]).sum(1)
        self.energy = self.adj.data * apart
        self.place = np.full(self.adj.shape[0], -1)

    def of_all(self, groups: sp.csr_matrix) -> Array:
        """Of every row of ``groups [f, m]``, ``[f]``."""
        energy = sp.csr_matrix((self.energy, self.adj.indices, self.adj.indptr), self.adj.shape)
        wide = np.cumsum(groups @ np.diff(self.adj.indptr))
        cuts = np.flatnonzero(np.diff(wide // BLOCK)) + 1
        out = [np.zeros(0)]
        for start, end in zip([0, *cuts], [*cuts, groups.shape[0]], strict=True):
            block = sp.csr_matrix(groups[start:end])
            size = np.diff(block.indptr)
            row = np.repeat(np.arange(len(size)), size)
            inside = np.asarray((block @ energy).multiply(block).sum(1)).ravel() / 2
            inner = np.asarray((block @ self.adj)[row, block.indices]).ravel()
            mean = (block @ self.a) / size[:, None]
            apart = np.square(self.a[block.indices] - mean[row]).sum(1)
            outside = (self.degree[block.indices] - inner) * apart
            total = inside + 2 * np.bincount(row, outside, minlength=len(size))
            out.append(total / (size - 1))
        return np.concatenate(out)

    def of_one(self, group: Array) -> float:
        """Of the group of these nodes."""
        ptr, place = self.adj.indptr, self.place
        place[group] = np.arange(len(group))
        spans = [slice(ptr[i], ptr[i + 1]) for i in group]
        near = np.concatenate([self.adj.indices[s] for s in spans])
        inner = place[near] >= 0
        row = np.repeat(np.arange(len(group)), [s.stop - s.start for s in spans])[inner]
        weight = np.concatenate([self.adj.data[s] for s in spans])[inner]
        energy = np.concatenate([self.energy[s] for s in spans])[inner]
        place[group] = -1
        outside = self.degree[group] - np.bincount(row, weight, minlength=len(group))
        apart = np.square(self.a[group] - self.a[group].mean(0)).sum(1)
        return float(energy.sum() / 2 + 2 * outside @ apart) / (len(group) - 1)


# --- pairs -------------------------------------------------------------------------------------


def heavy_edges(level: Level) -> Candidates:
    """Edges of great ``w_ij (1 / v_i + 1 / v_j)`` first, ``v`` volumes (Dhillon et al., 2007)."""
    i, j, weight = level.edges()
    gain = weight * (1 / level.volume[i] + 1 / level.volume[j])
    return of_edges(i, j, -gain, level.adj.shape[0])


def algebraic(level: Level, vectors: int, sweeps: int) -> Candidates:
    """Edges of small algebraic distance first (Ron et al., 2011).

    ``max_k |x_i - x_j|`` over random vectors after sweeps of damped Jacobi relaxation of
    ``L x = 0``, ``x ← (x + D^-1 W x) / 2``.
    """
    i, j, _ = level.edges()
    degree = level.degree
    step = sp.csr_matrix(sp.diags_array(1 / np.maximum(degree, 1e-300)) @ level.adj)
    x = level.rng.uniform(-0.5, 0.5, (len(degree), vectors))
    for _ in range(sweeps):
        x = (x + step @ x) / 2
    return of_edges(i, j, np.abs(x[i] - x[j]).max(1, initial=0), len(degree))


def affinity(level: Level, vectors: int, sweeps: int) -> Candidates:
    """Edges of great affinity first (Livne & Brandt, 2012).

    ``(x_i · x_j)² / (‖x_i‖² ‖x_j‖²)`` over random vectors after sweeps of Gauss-Seidel relaxation
    of ``L x = 0``, ``(D - lower) x ← upper x``.
    """
    i, j, _ = level.edges()
    degree = level.degree
    x = level.rng.standard_normal((len(degree), vectors))
    lower = sp.diags_array(np.where(degree > 0, degree, 1.0)) - sp.tril(level.adj, -1)
    # No pivots and no reordering: the factor of a triangle is the triangle.
    solver = splu(sp.csc_matrix(lower), permc_spec="NATURAL", diag_pivot_thresh=0)
    upper = sp.csr_matrix(sp.triu(level.adj, 1))
    for _ in range(sweeps):
        x = solver.solve(upper @ x)
    unit = x / np.maximum(np.linalg.norm(x, axis=1, keepdims=True), 1e-300)
    return of_edges(i, j, -np.square((unit[i] * unit[j]).sum(1)), len(degree))
