"""What a ridge regression may see of features: columns in comparable units, and hidden units."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp

from graphcondense.ops.adjacency import times
from graphcondense.ops.blocks import ENTRIES, by_columns, diffusions, row_parts
from graphcondense.ops.coarsen import Array
from graphcondense.ops.place import MEMORY, Place

UNITS = 512
"""Hidden units; 1,024 are as good."""
FAR = 3.0
"""Standard deviations at most, so that a rare value does not outweigh all other columns."""
HOPS = 2
"""Hops that are seen beside a node's own features."""


def hidden_bytes(n: int) -> int:
    """Bytes of a block of hidden units of ``n`` nodes and of what regressions make of it, four
    arrays in float32."""
    return 4 * 4 * min(ENTRIES, n * UNITS)


def unit(rows: Array) -> Array:
    """Rows divided by their length; rows of zeros stay."""
    return _unit(rows)[0]


def _unit(rows: Array) -> tuple[Array, Array]:
    """:func:`unit`, and how long the rows are ``[n, 1]``."""
    length = np.sqrt(np.square(rows).sum(1, keepdims=True))
    return rows / np.where(length > 0, length, 1), length


def make_unit(rows: Array) -> Array:
    """:func:`unit` in place; how long the rows were ``[N]``, float32."""
    length = np.empty(len(rows), np.float32)
    for block in row_parts(len(rows), rows.shape[1]):
        rows[block], far = _unit(rows[block])
        length[block] = far[:, 0]
    return length


def in_deviations(rows: Array, place: Place = MEMORY) -> Array:
    """Each column ``[N]`` of ``rows [N, k]`` less its mean, in standard deviations, at most
    :data:`FAR` of them, and a column of ones: ``[N, k + 1]``, float32.

    Columns of a table have units of their own: where one is a thousand times as large as another,
    lengths and distances of rows know of no other. A teacher divides rows by their length, which
    tells classes too where columns are few: beside a one it can be told from the row.

    >>> in_deviations(np.array([[1.0, 5000.0], [3.0, 7000.0]])).tolist()
    [[-1.0, -1.0, 1.0], [1.0, 1.0, 1.0]]
    """
    n, k = rows.shape
    out = place.array("deviations", (n, k + 1), np.dtype(np.float32))
    out[:, k] = 1

    def work(block: slice, z: Array) -> None:
        z -= z.mean(0, dtype=np.float64)
        spread = z.std(0, dtype=np.float64)
        z /= np.where(spread > 0, spread, 1)
        out[:, block] = z.clip(-FAR, FAR)

    by_columns(rows, work, place.room, arrays=4)
    return out


def side_by_side(adj: sp.csr_matrix, rows: Array, place: Place = MEMORY) -> list[Array]:
    """Unit rows of ``X``, ``Â X`` and ``Â² X [N, k]``: a node and its neighbours apart, as H2GCN
    has them for graphs whose neighbours differ (Zhu et al., NeurIPS 2020)."""
    adj = adj.astype(np.float32, copy=False)
    out = [place.array(f"hop{k}", rows.shape, np.dtype(np.float32)) for k in range(HOPS + 1)]

    def work(block: slice, z: Array) -> None:
        for k, found in enumerate(out):
            z = times(adj, z) if k else z
            found[:, block] = z

    by_columns(rows, work, place.room, arrays=3)
    for found in out:
        make_unit(found)
    return out


class Hidden:
    """Rows ``relu([Z_1, Z_2, ...] W + b)`` of random ``W`` and ``b``, divided by their length: a
    ridge regression on these is one on the kernel of a network with one hidden layer (Rahimi &
    Recht, NIPS 2008).

    Rows are made when they are asked for, so that all of them take no memory.

    Args:
        seen: unit rows ``[N, k]``, side by side.
        rng: of ``W`` and ``b``.
    """

    def __init__(self, seen: Sequence[Array | Hidden], rng: np.random.Generator) -> None:
        self.seen = seen
        # Rows have length sqrt(len(seen)), so that what units are given has the variance one.
        spread = len(seen) ** -0.5
        shapes = [(z.shape[1], UNITS) for z in seen]
        self.weights = [spread * rng.standard_normal(s, np.float32) for s in shapes]
        self.bias = 0.5 * rng.standard_normal(UNITS, np.float32)

    shape = property(lambda self: (len(self.seen[0]), UNITS))
    dtype = np.dtype(np.float32)

    def __len__(self) -> int:
        return len(self.seen[0])

    def __getitem__(self, rows: slice | Array) -> Array:
        """Units at some rows ``[m, UNITS]``."""
        first, *others = zip(self.seen, self.weights, strict=True)
        units: Array = first[0][rows] @ first[1]
        for z, w in others:
            units += z[rows] @ w
        units += self.bias
        np.maximum(units, 0, out=units)
        length = np.sqrt(np.einsum("ij,ij->i", units, units))[:, None]
        units /= np.where(length > 0, length, 1)
        return units


@dataclass(frozen=True)
class View:
    """What a teacher sees.

    Attributes:
        rows: ``[N, d]``, an array or :class:`Hidden`.
        restart: the share of a node's own features in each step of diffusion; 1: no diffusion.
        hidden: hidden units; 0 for none.
        hops: hops that are seen beside a node's own features.
    """

    rows: Array | Hidden
    restart: float
    hidden: int = 0
    hops: int = 0


def straight_views(
    adj: sp.csr_matrix, rows: Array, restarts: Sequence[float], steps: int, place: Place
) -> list[View]:
    """Unit rows ``[N, k]`` of each diffusion."""
    diffused = diffusions(adj, rows, restarts, steps, place.room, place.array)
    for z in diffused:
        make_unit(z)
    return [View(z, restart) for z, restart in zip(diffused, restarts, strict=True)]


def hidden_views(
    adj: sp.csr_matrix, rows: Array, straight: Sequence[View], place: Place
) -> list[View]:
    """Hidden units of each of :func:`straight_views`, and of hops side by side. Weights are the
    same at every call, so that no other draw depends on them."""
    rng = np.random.default_rng(0)
    found = [View(Hidden([one.rows], rng), one.restart, UNITS) for one in straight]
    return [*found, View(Hidden(side_by_side(adj, rows, place), rng), 1.0, UNITS, HOPS)]
