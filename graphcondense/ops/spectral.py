"""A few eigenpairs of the normalised Laplacian of a sparse graph, by SciPy's Lanczos solver."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

import numpy as np
import scipy.sparse as sp
from scipy.linalg import eigh_tridiagonal
from scipy.sparse.csgraph import connected_components
from scipy.sparse.linalg import ArpackNoConvergence, LinearOperator, eigsh

from graphcondense.ops.arrays import Array

How: TypeAlias = Mapping[str, Any]
"""What SciPy's solver is told."""


def components(adj: sp.csr_matrix) -> list[np.ndarray]:
    """The nodes of each connected part, the largest first, equals in the order of their nodes.

    >>> [part.tolist() for part in components(sp.csr_matrix([[0, 0, 0], [0, 0, 1], [0, 1, 0]]))]
    [[1, 2], [0]]
    """
    _, part = connected_components(adj, directed=True, connection="weak")
    order = np.argsort(part, kind="stable")
    parts = np.split(order, np.cumsum(np.bincount(part))[:-1])
    return sorted(parts, key=len, reverse=True)


def laplacian_ends(
    gcn_adj: sp.csr_matrix,
    smallest: int,
    largest: int,
    *,
    seed: int = 0,
    steps: int | None = None,
    tolerance: float = 0.0,
) -> tuple[np.ndarray, np.ndarray]:
    """Eigenpairs of ``L = I - Â`` at both ends of its spectrum, which lies in ``[0, 2)``.

    Many pairs of many nodes are found through a polynomial of ``Â``, see :func:`_many`.

    A directed graph is made symmetric, ``(Â + Âᵀ) / 2``. Every connected part is solved by itself:
    a graph of ``p`` parts has the eigenvalue 0 ``p`` times, on which a solver of the whole gets
    stuck. Of equal eigenvalues that of the larger part comes first.

    Args:
        gcn_adj: ``Â [n, n]``.
        smallest: how many of the smallest eigenvalues.
        largest: how many of the largest.
        seed: of the solver's first vector.
        steps: restarts of the solver at most; by default SciPy's ``10 n``.
        tolerance: relative, of an eigenvalue; 0 is machine precision, of many pairs 1e-7 in
            each entry of ``A u - λ u``. A loose one may miss that an eigenvalue repeats.

    Returns:
        Eigenvalues ``[smallest + largest]`` in ascending order and vectors ``[n, same]`` of
        length one, float64; a vector's largest entry is positive.

    Raises:
        ValueError: more eigenpairs than nodes, or none; or the solver did not converge.
    """
    n, wanted = gcn_adj.shape[0], smallest + largest
    if smallest < 0 or largest < 0 or not 1 <= wanted <= n:
        raise ValueError(
            f"{smallest} smallest and {largest} largest eigenpairs of a graph of {n} nodes: "
            f"ask for 1 to {n} in all"
        )
    half = gcn_adj.astype(np.float64)
    half = ((half + half.T) / 2).tocsr()
    found, where = [], []
    for nodes in components(half):
        part_adj = half if len(nodes) == n else half[nodes][:, nodes]
        pairs = _ends(part_adj, smallest, largest, seed, steps, tolerance)
        found.append(pairs)
        where.append(nodes)
    every = np.concatenate([values for values, _ in found])
    part = np.repeat(np.arange(len(found)), [len(values) for values, _ in found])
    at = np.concatenate([np.arange(len(values)) for values, _ in found])
    # Equal to rounding is equal, or the order of parts would be noise.
    order = np.lexsort((at, part, every.round(10)))
    keep = np.r_[order[:smallest], order[len(order) - largest :]]
    vectors = np.zeros((n, wanted))
    for column, pair in enumerate(keep):
        vector = found[part[pair]][1][:, at[pair]]
        vectors[where[part[pair]], column] = vector * np.sign(vector[np.abs(vector).argmax()])
    return every[keep], vectors


def _ends(
    half: sp.csr_matrix,
    smallest: int,
    largest: int,
    seed: int,
    steps: int | None,
    tolerance: float,
) -> tuple[np.ndarray, np.ndarray]:
    """:func:`laplacian_ends` of one part, all pairs where it has no more than are asked for."""
    n = half.shape[0]
    if smallest + largest > n // 2 or n <= DENSE:
        values, vectors = np.linalg.eigh(np.eye(n) - half.toarray())
        keep = np.unique(np.r_[np.arange(min(smallest, n)), np.arange(max(n - largest, 0), n)])
        return values[keep], vectors[:, keep]
    start = np.random.default_rng(seed).standard_normal(n)
    how = {"v0": start, "tol": tolerance, "maxiter": steps}
    ends = []
    for count, which in ((smallest, "LA"), (largest, "SA")):
        if not count:
            continue
        solve = _many if n * count >= MANY else _few
        try:
            found, space = solve(half, count, which, how)
        except ArpackNoConvergence as error:
            raise ValueError(
                f"the eigen-solver found {len(error.eigenvalues)} of {count} eigenpairs and "
                f"did not converge; ask for fewer, allow more than steps={steps}, or raise "
                f"tolerance={tolerance:g}"
            ) from error
        order = np.argsort(1 - found)
        ends.append((1 - found[order], space[:, order]))
    return np.concatenate([v for v, _ in ends]), np.concatenate([u for _, u in ends], 1)


DENSE = 600
"""Nodes up to which all eigenpairs are found at once, which is faster there."""
MANY = 2**20
"""Numbers in the wanted vectors from which on making them orthogonal costs more than products with
a sparse matrix do."""
DEGREE = 12
"""Of the polynomial; even. A higher one has Lanczos start as many times, which is once."""
RESTARTS = 10
"""Of Lanczos with the polynomial at most; one is usual."""
PROBES, LOOKS = 8, 60
"""Random vectors, and products with each, that say how many eigenvalues are above a number."""


def _few(half: sp.csr_matrix, count: int, which: str, how: How) -> tuple[Array, Array]:
    """``count`` eigenpairs at one end, ``"LA"`` or ``"SA"``, by SciPy's solver, told ``how``."""
    found, space = eigsh(half, k=count, which=which, **how)
    return found, space


def _many(half: sp.csr_matrix, count: int, which: str, how: How) -> tuple[Array, Array]:
    """The same pairs, found as those of a Chebyshev polynomial ``T(half)`` of :data:`DEGREE`.

    It stays within one on the rest of the spectrum and grows fast beyond it. So Lanczos seldom has
    to begin again, and keeps its vectors orthogonal once for twelve products with the matrix
    (Fang & Saad, SIAM J. Sci. Comput., 2012). Values are Rayleigh quotients. They say, too, whether
    all that is wanted was beyond the rest; else the rest is taken for smaller. Where Lanczos has to
    begin again all the same, as where eigenvalues repeat, SciPy's solver finds the pairs of
    ``half``.
    """
    sign = 1 if which == "LA" else -1
    matrix = half if sign == 1 else -half
    low, cut = _rest(matrix, count, how["v0"])
    for _ in range(4):
        middle, radius = (cut + low) / 2, (cut - low) / 2
        shifted = 2 / radius * (matrix - middle * sp.identity(len(how["v0"]), format="csr"))
        operator = LinearOperator(half.shape, matvec=_chebyshev(shifted), dtype=half.dtype)
        try:
            _, space = eigsh(operator, k=count, which="LA", **{**how, "maxiter": RESTARTS})
        except ArpackNoConvergence:
            break
        seen = matrix @ space
        found = (space * seen).sum(0)
        off = np.abs(seen - space * found).max()
        if found.min() > cut and off < max(EXACT, how["tol"]):
            return sign * found, space
        cut -= (cut - low) / 4
    return _few(half, count, which, how)


EXACT = 1e-7
"""Most that ``A u`` may differ from ``λ u`` in an entry."""


def _chebyshev(shifted: sp.csr_matrix) -> Callable[[Array], Array]:
    """``x -> T_d(S) x``, ``d`` = :data:`DEGREE`, of twice the matrix ``S``."""

    def times(x: Array) -> Array:
        before = x.ravel()
        now: Array = shifted @ before / 2
        for _ in range(DEGREE - 1):
            before, now = now, shifted @ now - before
        return now

    return times


def _rest(matrix: sp.csr_matrix, count: int, start: Array) -> tuple[float, float]:
    """Where the eigenvalues lie that are not wanted: from the least of all to one that about
    ``1.5 count`` are above, by stochastic Lanczos quadrature (Lin, Saad & Yang,
    SIAM Review, 2016)."""
    n = len(start)
    steps = min(LOOKS, n)
    rng = np.random.default_rng(int(np.abs(start[0]) * 2**31))
    now, before = rng.standard_normal((n, PROBES)), np.zeros((n, PROBES))
    now /= np.linalg.norm(now, axis=0)
    alpha, beta = np.zeros((steps, PROBES)), np.zeros((steps, PROBES))
    for step in range(steps):
        onward = matrix @ now - (beta[step - 1] if step else 0) * before
        alpha[step] = (onward * now).sum(0)
        onward -= alpha[step] * now
        beta[step] = np.linalg.norm(onward, axis=0)
        beta[step] = np.where(beta[step] > 1e-10, beta[step], 0)  # all of its space was seen
        before, now = now, onward / np.where(beta[step] > 0, beta[step], np.inf)
    nodes, weights, least = [], [], []
    for a, b in zip(alpha.T, beta.T, strict=True):
        values, vectors = eigh_tridiagonal(a, b[:-1])
        nodes.append(values)
        weights.append(vectors[0] ** 2 * n / PROBES)
        least.append(values[0] - b[-1] * abs(vectors[-1, 0]))
    every, weight = np.concatenate(nodes), np.concatenate(weights)
    order = np.argsort(-every)
    above = int(np.searchsorted(np.cumsum(weight[order]), 1.5 * count))
    cut = every[order[min(above, len(order) - 1)]]
    return min(least) - 0.01, max(cut, min(least) + 0.01)
