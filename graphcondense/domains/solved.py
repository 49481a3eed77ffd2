"""Labels of groups, solved for: what a regression on few nodes must be told so that it says of all
nodes what a teacher does."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
from scipy.linalg import cho_factor, cho_solve

from graphcondense.ops.coarsen import Array

TRUST = 0.01
"""How much labels stay where they are, relative to the mean square of what the regression says."""

MOST = 5000
"""Groups at most: the work grows with their third power."""


@dataclass(frozen=True)
class Said:
    """What labels need of rows that a model sees, ``F [N, w]`` of real nodes and ``Q [n, w]`` of
    groups.

    Attributes:
        inside: ``Q Qᵀ [n, n]``.
        gram: ``Q Fᵀ F Qᵀ / N [n, n]``.
        right: ``Q Fᵀ T / N [n, K]``, with the wanted labels ``T [N, K]`` less their middle.
    """

    inside: Array
    gram: Array
    right: Array

    @classmethod
    def of(
        cls, products: Iterable[tuple[slice, Array]], inside: Array, wanted: Array, middle: Array
    ) -> Said:
        """From ``F Qᵀ [N, n]`` block by block, with the rows of each block; ``wanted [N, K]`` and
        its ``middle [K]``."""
        n = len(inside)
        gram, right = np.zeros((n, n)), np.zeros((n, wanted.shape[1]))
        for rows, block in products:
            near = block.astype(np.float64)
            gram += near.T @ near
            right += near.T @ (wanted[rows] - middle)
        return cls(inside, gram / len(wanted), right / len(wanted))


def solved_labels(
    said: Iterable[Said], labels: Array, penalty: float, trust: float = TRUST
) -> Array:
    """Labels ``[n, K]`` near those given, from which ridge regressions say what is wanted of real
    nodes.

    Kernel ridge regression on groups with the labels ``Y``, less their middle, says ``P Y`` of real
    nodes, ``P = F Qᵀ (Q Qᵀ + λ I)⁻¹``. The labels are ``Y + D``, where ``D`` minimises the sum of
    ``|P (Y + D) - T|² / N`` over the kinds of rows and ``μ |D|²``: normal equations of ``n``
    unknowns a column. A mean of rows is shorter than rows are, so that a model that learnt the
    means of labels says too much of real nodes; these labels are smaller where it would.

    Args:
        said: the rows that models see, one kind or several.
        labels: ``Y [n, K]``, less their middle.
        penalty: ``λ``, relative to the mean of the diagonal of ``Q Qᵀ``.
        trust: ``μ``, relative to the mean of the diagonal of the sum of ``Pᵀ P / N``.

    >>> eye, wanted = np.eye(2), np.array([[1.0], [3.0]])
    >>> one = Said(eye, eye / 2, wanted / 2)  # of real nodes that are the groups
    >>> solved_labels([one], 0 * wanted, 1.0, 0.0).round(6).tolist()
    [[2.0], [6.0]]
    """
    n = len(labels)
    square, wanted = np.zeros((n, n)), np.zeros(labels.shape)
    for rows in said:
        solve = _inverse(rows.inside, penalty)
        square += solve(solve(rows.gram).T)  # Pᵀ P / N
        wanted += solve(rows.right)  # Pᵀ T / N
    return labels + _inverse(square, trust)(wanted - square @ labels)


def _inverse(matrix: Array, ridge: float) -> Callable[[Array], Array]:
    """What multiplies by the inverse of a positive semidefinite matrix, with a ridge relative to
    the mean of its diagonal."""
    ridged = matrix.astype(np.float64)
    mean = float(np.trace(ridged)) / len(ridged)
    ridged[np.diag_indices(len(ridged))] += max(ridge, 1e-9) * mean + 1e-12
    factor = cho_factor(ridged, lower=True)

    def product(right: Array) -> Array:
        out: Array = cho_solve(factor, right)
        return out

    return product
