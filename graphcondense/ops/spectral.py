"""A few eigenpairs of the normalised Laplacian of a sparse graph, by SciPy's Lanczos solver."""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp
from scipy.sparse.csgraph import connected_components
from scipy.sparse.linalg import ArpackNoConvergence, eigsh


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

    A directed graph is made symmetric, ``(Â + Âᵀ) / 2``. Every connected part is solved by itself:
    a graph of ``p`` parts has the eigenvalue 0 ``p`` times, on which a solver of the whole gets
    stuck. Of equal eigenvalues that of the larger part comes first.

    Args:
        gcn_adj: ``Â [n, n]``.
        smallest: how many of the smallest eigenvalues.
        largest: how many of the largest.
        seed: of the solver's first vector.
        steps: restarts of the solver at most; by default SciPy's ``10 n``.
        tolerance: relative, of an eigenvalue; 0 is machine precision. A loose one may miss that an
            eigenvalue repeats.

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
        try:
            found, space = eigsh(half, k=count, which=which, **how)
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
