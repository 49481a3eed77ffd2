"""What quotient graphs of all kinds of data share: groups, the rows that they are made of, and
which labels are solved for."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from graphcondense.domains.answers import answers_of
from graphcondense.domains.hetero import HeteroSource
from graphcondense.domains.node_source import NodeSource
from graphcondense.domains.solved import MOST
from graphcondense.domains.views import make_unit
from graphcondense.ops.adjacency import times
from graphcondense.ops.blocks import by_columns, row_parts
from graphcondense.ops.coarsen import Array
from graphcondense.ops.place import Place

SOFT = 20
"""Bytes a node and class: soft labels, averaged and sharpened, and the best of them, in float32."""
COPIES = 8
"""Matrices of all pairs of groups that labels are solved with, in float64."""


def groups_of(real: NodeSource | HeteroSource, soft: Array) -> Array:
    """The classes of soft labels ``[n, C]``, or the groups that targets as models learn them fall
    into, ``[n]``."""
    task = real.task
    group: Array = task.group_of(task.unscaled(torch.from_numpy(soft))).numpy()
    return group


def kept_of(columns: int, density: float) -> int:
    """How many of so many entries a share of them is, at least one."""
    return max(round(density * columns), 1)


def sparse_bytes(columns: int, density: float) -> int:
    """Bytes of a feature row of which :func:`largest_entries` stay: their values and columns, and
    where the row ends."""
    return 8 * kept_of(columns, density) + 4


def largest_entries(x: Array, density: float) -> Array:
    """Each row of ``x [n, d]`` with the ``density`` of its entries that are largest by magnitude;
    the others are zero.

    >>> largest_entries(np.array([[0.5, -2.0, 1.0, 0.0], [3.0, 0.0, 0.0, 0.0]]), 0.5).tolist()
    [[0.0, -2.0, 1.0, 0.0], [3.0, 0.0, 0.0, 0.0]]
    """
    least = x.shape[1] - kept_of(x.shape[1], density)
    if not least:
        return x
    out = x.copy()
    np.put_along_axis(out, np.argpartition(abs(x), least - 1, 1)[:, :least], 0, 1)
    return out


def check_labels(real: NodeSource | HeteroSource, labels: str, power: float | None) -> None:
    """Raise a ValueError where labels cannot be ``"hard"``, or sharpened by ``power``."""
    answers = answers_of(real)
    answers.sharp(np.ones((0, real.task.num_outputs)), power)
    if labels == "hard":
        answers.hard(np.ones((0, real.task.num_outputs)))


def check_room(per_class: int, counts: Tensor) -> None:
    """Raise a ValueError where the teacher takes fewer nodes for a class, ``counts [C]``."""
    for group, count in enumerate(counts.tolist()):
        if count < per_class:
            raise ValueError(
                f"per_class={per_class} is above the {count} nodes that the teacher takes for "
                f"class {group}; lower it, or ask with nodes=, which follows the sizes of classes"
            )


def penalty_of(asked: float | None, real: NodeSource | HeteroSource, usual: float) -> float:
    """Of the regression that labels are solved for; 0 for none, as is usual of classes and
    tasks."""
    if asked is not None:
        return asked
    return usual if real.task.label_kind == "regression" else 0.0


def check_solved(penalty: float | None, groups: int) -> None:
    """Raise a ValueError where labels of too many groups are asked to be solved for."""
    if penalty and groups > MOST:
        raise ValueError(
            f"penalty={penalty:g} solves for the labels of {MOST:,} groups at most: ask for fewer "
            "nodes, or leave it out"
        )


def solved_bytes(penalty: float, groups: int) -> int:
    """Bytes that labels of so many groups are solved with."""
    return 8 * COPIES * groups**2 if penalty and groups <= MOST else 0


def solved_for(
    y: Array, penalty: float, solve: Callable[[], Array]
) -> tuple[Array, dict[str, str]]:
    """Labels of groups ``y [n, K]`` solved for, or as they are, and what a record says of it."""
    if not penalty:
        return y, {}
    if len(y) > MOST:
        return y, {"labels": f"means are kept: there are more than {MOST:,} groups"}
    return solve(), {"labels": f"solved for, penalty {penalty:g}"}


def spare(real: NodeSource) -> Place:
    """The place of a graph, less what its soft labels take."""
    return real.task.place.less(SOFT * real.num_examples * real.num_outputs)


def near_rows(
    real: NodeSource, rows: Array, hops: int, weight: float, soft: Array
) -> tuple[Array, Array]:
    """``[unit rows of Â^hops X | weight P] [N, k + C]``, and how long rows of ``Â^hops X`` are
    ``[N]``; float32."""
    task, k = real.task, rows.shape[1]
    near = task.place.array("near", (len(rows), k + soft.shape[1]), np.dtype(np.float32))

    def work(block: slice, z: Array) -> None:
        for _ in range(hops):
            z = times(task.gcn_adj, z)
        near[:, block] = z

    by_columns(rows, work, spare(real).room)
    length = make_unit(near[:, :k])
    for block in row_parts(len(rows), soft.shape[1]):
        near[block, k:] = weight * soft[block]
    return near, length
