"""A few eigenpairs of the normalised Laplacian of a sparse graph, by SciPy's Lanczos solver."""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp
from scipy.sparse.linalg import ArpackNoConvergence, eigsh


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

    A directed graph is made symmetric, ``(Â + Âᵀ) / 2``. A graph of ``p`` components has the
    eigenvalue 0 ``p`` times, and within such an eigenspace the vectors are any basis of it.

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
    half = (half + half.T) / 2
    if wanted > n // 2 or n <= DENSE:
        values, vectors = np.linalg.eigh(np.eye(n) - half.toarray())
        keep = np.r_[np.arange(smallest), np.arange(n - largest, n)]
        values, vectors = values[keep], vectors[:, keep]
    else:
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
        values = np.concatenate([v for v, _ in ends])
        vectors = np.concatenate([u for _, u in ends], 1)
    peak = np.abs(vectors).argmax(0)
    return values, vectors * np.sign(vectors[peak, np.arange(vectors.shape[1])])


DENSE = 600
"""Nodes up to which all eigenpairs are found at once, which is faster there."""
