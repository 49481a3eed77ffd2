"""Heterogeneous graphs that users bring to an evaluation, and whether they go with the real one."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from graphcondense.data.hetero_reading import graph_of
from graphcondense.data.hetero_task import HeteroTask
from graphcondense.data.small_graph import check_small_targets
from graphcondense.evaluate.reading import check_classes, class_weights
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
    y, mask = store.get("y"), store.get("train_mask")
    if not isinstance(y, Tensor) or len(y) != graph.counts[target]:
        raise ValueError(f"the small graph needs labels y of its {graph.counts[target]} {target!r}")
    y = y.detach().cpu()
    rows = torch.arange(len(y)) if mask is None else mask.cpu().nonzero().flatten()
    if not len(rows):
        raise ValueError("no node of the small graph is trained on: train_mask is all False")
    if real.label_kind != "classes":
        y = y.float().reshape(len(y), -1)
        check_small_targets(y[rows], real)
        return SmallHetero(graph, y, rows)
    if y.dim() == 2:
        soft = class_weights(y, real.num_classes, "the small graph", real.name)
        return SmallHetero(graph, soft, rows)
    if y.dim() != 1 or y.is_floating_point():
        raise ValueError(f"the small graph has labels {y.dtype} {list(y.shape)}; give classes [n]")
    check_classes(y[rows], real.num_classes, "a node", real.name)
    return SmallHetero(graph, y, rows)
