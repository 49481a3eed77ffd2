"""What to say of a value that validation chose from a grid."""

from __future__ import annotations

from collections.abc import Sequence


def edge(value: float, grid: Sequence[float], *, below: bool = True) -> str:
    """Words to put behind a chosen value where a better one may lie beyond its grid, else none.

    Args:
        value: one of ``grid``.
        grid: what was tried, in ascending order.
        below: whether there is anything below the grid; a number of hops or layers starts at 1.

    >>> edge(1e-6, (1e-6, 1e-3, 1.0))
    ' (edge of the grid 1e-06..1)'
    >>> edge(1e-3, (1e-6, 1e-3, 1.0)), edge(1, (1, 5, 20), below=False), edge(2, (2,))
    ('', '', '')
    """
    if len(grid) < 2 or not (value == grid[-1] or (below and value == grid[0])):
        return ""
    return f" (edge of the grid {grid[0]:g}..{grid[-1]:g})"
