"""Heterogeneous graphs that users bring to an evaluation, and whether they go with the real one."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from graphcondense.data.hetero_reading import graph_of
from graphcondense.data.hetero_task import HeteroTask
from graphcondense.data.small_graph import check_small_labels, small_labels
from graphcondense.ops.hetero import HeteroGraph


@dataclass(frozen=True)
class SmallHetero:
    """A heterogeneous graph that models train on.

    Attributes:
        graph: features and relations.
        y: classes ``[n]`` or soft labels ``[n, C]`` of the target type; of other labels ``[n, T]``
            in their own units, NaN for none.
        rows: its nodes that are trained on.
    """

    graph: HeteroGraph
    y: Tensor
    rows: Tensor


def read_hetero(small: object, real: HeteroTask) -> SmallHetero:
    """The graph of ``small``, see :class:`~graphcondense.evaluate.hetero.HeteroEvaluator`.

    Raises:
        ValueError: not such a graph; types, relations, features or labels that do not match.
    """
    if isinstance(small, HeteroTask):
        return SmallHetero(small.graph, small.y, small.train)
    if not hasattr(small, "edge_types"):
        raise ValueError(
            f"a small set is a condensed heterogeneous graph or a PyG HeteroData, got "
            f"{type(small).__name__}"
        )
    graph, target = graph_of(small, real), real.target
    for what, own, other in (
        ("types", graph.widths, real.graph.widths),
        ("relations", graph.relations, real.graph.relations),
    ):
        if lacking := [one for one in other if one not in own]:
            raise ValueError(
                f"the small graph lacks {lacking[0]!r}, one of the {what} of {real.name}"
            )
        if more := [one for one in own if one not in other]:
            raise ValueError(f"the small graph has {more[0]!r}, none of the {what} of {real.name}")
    for kind, width in real.graph.widths.items():
        if graph.widths[kind] != width:
            raise ValueError(
                f"nodes of type {kind!r} have {graph.widths[kind]} features in the small graph, "
                f"{width} in {real.name}"
            )
    store = small[target]  # type: ignore[index]
    y, rows = small_labels(store.get, graph.counts[target], f"small[{target!r}].", real)
    check_small_labels(y[rows], real)
    return SmallHetero(graph, y, rows)
