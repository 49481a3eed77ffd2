"""Labels of groups, solved for: what a regression on few nodes must be told so that it says of all
nodes what a teacher does."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import numpy as np
from scipy.linalg import cho_factor, cho_solve

from graphcondense.ops.coarsen import Array

TRUST = 0.01
"""How much labels stay where they are, relative to the mean square of what the regression says."""

MOST = 5000
"""Groups at most: the work grows with their third power."""


def solved_labels(
    products: Iterable[tuple[slice, Array]],
    inside: Array,
    soft: Array,
    labels: Array,
    middle: Array,
    penalty: float,
    trust: float = TRUST,
) -> Array:
    """Labels ``[n, K]`` near those given, from which ridge regression says ``soft`` of real nodes.

    With ``Q [n, w]`` rows of the groups and ``F [N, w]`` those of real nodes, kernel ridge
    regression on the groups says ``P (Y - m) + m`` of real nodes, ``P = F Qᵀ (Q Qᵀ + λ I)⁻¹``. The
    labels are ``Y + D``, where ``D`` minimises ``|P (Y + D - m) - (soft - m)|² / N + μ |D|²``: its
    normal equations have ``n`` unknowns a column. A mean of rows is shorter than rows are, so that
    a model that learnt the means of labels overshoots; these labels are smaller where it would.

    Args:
        products: ``F Qᵀ [N, n]`` block by block, with the rows of each block.
        inside: ``Q Qᵀ [n, n]``.
        soft: what is to be said ``[N, K]``.
        labels: ``Y [n, K]``.
        middle: ``m [K]``.
        penalty: ``λ``, relative to the mean of the diagonal of ``Q Qᵀ``.
        trust: ``μ``, relative to the mean of the diagonal of ``Pᵀ P / N``.

    >>> eye, soft = np.eye(2), np.array([[1.0], [3.0]])
    >>> solved_labels([(slice(0, 2), eye)], eye, soft, 0 * soft, np.zeros(1), 1.0, 0.0).tolist()
    [[2.0], [6.0]]
    """
    n = len(inside)
    gram, right = np.zeros((n, n)), np.zeros((n, soft.shape[1]))
    for rows, block in products:
        near = block.astype(np.float64)
        gram += near.T @ near
        right += near.T @ (soft[rows] - middle)
    ridged = inside.astype(np.float64)
    ridged[np.diag_indices(n)] += penalty * max(float(np.trace(ridged)) / n, 1e-12)
    solve = _inverse(ridged)
    # Pᵀ P / N and Pᵀ (soft - m) / N
    said = solve(solve(gram / len(soft)).T)
    wanted = solve(right / len(soft)) - said @ (labels - middle)
    held = said.copy()
    held[np.diag_indices(n)] += max(trust * float(np.trace(said)) / n, 1e-12)
    out: Array = labels + _inverse(held)(wanted)
    return out


def _inverse(matrix: Array) -> Callable[[Array], Array]:
    """What multiplies by the inverse of a positive definite matrix."""
    factor = cho_factor(matrix, lower=True)

    def product(right: Array) -> Array:
        out: Array = cho_solve(factor, right)
        return out

    return product
