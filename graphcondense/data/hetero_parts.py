"""Parts of a heterogeneous graph: nodes of one type, and nodes of the others that they touch."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import torch
from torch import Generator, Tensor

from graphcondense.data.hetero_task import HeteroTask
from graphcondense.ops.hetero import HeteroGraph

Ids: TypeAlias = "npt.NDArray[np.int64]"

Among: TypeAlias = Callable[[str, Ids, int], Ids]
"""From a type, some of its nodes and a number to so many of them."""


def cut(
    task: HeteroTask,
    nodes: Tensor,
    counts: Mapping[str, int],
    rng: Generator,
    among: Among | None = None,
) -> HeteroGraph:
    """The subgraph of target nodes and of nodes of other types that they touch.

    Args:
        task: the real graph.
        nodes: of the target type.
        counts: how many nodes there shall be of each other type.
        rng: draws them, where there is no ``among``, and those that touch no chosen one, where too
            few do.
        among: chooses among those of a type that touch a node chosen so far; the types nearest to
            the target come first.
    """

    def drawn(kind: str, inside: Ids, k: int) -> Ids:
        picked: Ids = inside[torch.randperm(len(inside), generator=rng)[:k].numpy()]
        return picked

    chosen: dict[str, Ids] = {task.target: nodes.numpy()}
    for kind in order_of(task.graph, task.target):
        near, wanted = touching(task.graph, kind, chosen), counts[kind]
        inside, outside = np.flatnonzero(near), np.flatnonzero(~near)
        most = min(wanted, len(inside))
        first = (among or drawn)(kind, inside, most) if most else inside[:0]
        chosen[kind] = np.concatenate([first, drawn(kind, outside, wanted - most)])
    return task.graph.induced(chosen)


def order_of(graph: HeteroGraph, target: str) -> list[str]:
    """The other types, nearest to the target first, by relations in either direction; of equally
    near ones as they come."""
    reached, order = [target], list(graph.x)
    for near in reached:
        for kind in order:
            if kind not in reached and any(
                {near, kind} == {source, end} for source, _, end in graph.relations
            ):
                reached.append(kind)
    return [*reached[1:], *(kind for kind in order if kind not in reached)]


def touching(graph: HeteroGraph, kind: str, chosen: Mapping[str, Ids]) -> npt.NDArray[np.bool_]:
    """Which nodes of a type have an edge, in either direction, with a chosen node."""
    out = np.zeros(graph.counts[kind], dtype=bool)
    for (source, _, end), matrix in graph.relations.items():
        if end == kind and source in chosen:
            out |= matrix[:, chosen[source]].getnnz(1) > 0
        if source == kind and end in chosen:
            out |= matrix[chosen[end]].getnnz(0) > 0
    return out
