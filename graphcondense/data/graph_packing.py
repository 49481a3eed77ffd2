"""Graphs of all forms, packed one behind the other."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from graphcondense.data.graph_checks import (
    FIELDS,
    check_ids,
    check_names,
    check_values,
    refuse_unread,
    rows_by_name,
    same_counts,
    same_width,
    targets_of,
    values_of_nodes,
)
from graphcondense.data.kind import way_of
from graphcondense.data.labels import as_tensor
from graphcondense.data.reading import refuse_zeros
from graphcondense.data.sequences import check_has_length, is_dataset
from graphcondense.data.targets import LabelKind
from graphcondense.ops.arrays import check_sizes, real_numbers
from graphcondense.saved.graph_set import GraphSet, ranges, starts

MOST_STATED = 10_000_000
"""Nodes of a graph without features, at most, and so many an edge."""

DEGREE_CAP = 64
"""Larger degrees count as this one where degrees stand in for node features."""


def pack(
    data: Any, label_kind: LabelKind | None = None, metric: str | None = None
) -> tuple[GraphSet, LabelKind]:
    """Graphs in one layout, and what their labels are, by their looks where ``label_kind`` is
    open."""
    return packed(data, label_kind, metric)[:2]


def packed(
    data: Any,
    label_kind: LabelKind | None = None,
    metric: str | None = None,
    features: str | None = None,
) -> tuple[GraphSet, LabelKind, str]:
    """Graphs in one layout, what their labels are, and of what features are made; empty where they
    came with some. Those that came without get ``features``, by default 1 for each node.

    An ``InMemoryDataset`` without a transform is taken from its collated storage, which is some
    hundred times faster than graph by graph; features may then share its memory.
    """
    if not is_dataset(data):
        raise ValueError(
            "graph-level data are a list or a PyG data set of graphs, got a "
            f"{type(data).__name__}; put a single graph into a list"
        )
    check_has_length(data)
    if not len(data):
        raise ValueError("a data set of graphs needs at least one graph, this one is empty")
    found = _stored(data) or _listed(data)
    node_ptr, edge_ptr = starts(found.sizes), starts(found.edges)
    for i in (found.sizes == 0).nonzero().flatten().tolist():
        raise ValueError(f"graph {i} has no nodes; remove it")
    if found.x is None:
        _check_stated(found.sizes, found.edges)
        if features is None:
            refuse_unread(found.unread)
    x, made = found.x, ""
    if x is not None:
        check_values(x, node_ptr, "node")
        if x.is_floating_point():
            refuse_zeros(x, "x", "leave it out, and each node has the feature 1")
    if found.edge_attr is not None:
        check_values(found.edge_attr, edge_ptr, "edge")
    if found.node_weight is not None:
        if not bool(torch.isfinite(found.node_weight).all()):
            raise ValueError("node_weight has NaN or infinite values")
        check_sizes(found.node_weight, "node_weight")
    check_ids(found.edge_index, found.sizes, edge_ptr)
    if x is None:  # of edges whose ids are checked
        made = features or "ones"
        x = MADE[made](found, node_ptr)
    y, label_kind = targets_of(found.y, found.plain, label_kind, metric)
    graphs = GraphSet(
        x=x,
        edge_index=found.edge_index + torch.repeat_interleave(node_ptr[:-1], found.edges),
        edge_attr=found.edge_attr,
        node_ptr=node_ptr,
        edge_ptr=edge_ptr,
        y=y,
        node_weight=found.node_weight,
    )
    return graphs, label_kind, made


def _ones(found: _Packed, node_ptr: Tensor) -> Tensor:
    return torch.ones(int(node_ptr[-1]), 1)


def _degrees(found: _Packed, node_ptr: Tensor) -> Tensor:
    source = found.edge_index[0] + torch.repeat_interleave(node_ptr[:-1], found.edges)
    return torch.bincount(source, minlength=int(node_ptr[-1])).clamp_max(DEGREE_CAP)[:, None]


MADE = {"ones": _ones, "degree": _degrees}
"""What nodes are given where no graph has features, by name."""


def _check_stated(sizes: Tensor, edges: Tensor) -> None:
    """Graphs without features state how many nodes they have: no number that a typing error made.

    Each node gets a feature of its own, so that memory is of their number.
    """
    far = (sizes > MOST_STATED) & (sizes > MOST_STATED * edges)
    for i in far.nonzero().flatten()[:1].tolist():
        raise ValueError(
            f"graph {i} says num_nodes={int(sizes[i])}, has no x, and {int(edges[i])} edges; leave "
            "nodes out that have neither"
        )


class _Packed(NamedTuple):
    """All graphs, one behind the other; node ids still count from 0 in each graph."""

    x: Tensor | None  # [N, d]
    sizes: Tensor  # [G]
    edge_index: Tensor  # [2, M]
    edges: Tensor  # [G]
    edge_attr: Tensor | None  # [M, e]
    y: Tensor  # [G, T]
    plain: bool  # whether each label is a number and not a row [1, T]
    node_weight: Tensor | None  # [N]
    unread: Sequence[str] = ()  # values of nodes that are not read


def _stored(data: object) -> _Packed | None:
    """From the storage of an ``InMemoryDataset``; ``None`` if its graphs are made at access."""
    from torch_geometric.data import Data, InMemoryDataset

    if not isinstance(data, InMemoryDataset) or not _plain_access(type(data)):
        return None
    storage, slices = data._data, data.slices
    if data.transform is not None or slices is None or type(storage) is not Data:
        return None
    of_nodes = getattr(storage, "_num_nodes", None)
    if "y" not in slices or not ("x" in slices or isinstance(of_nodes, list)):
        return None
    given = {name: storage[name] for name in FIELDS if name in slices}
    if not all(isinstance(value, Tensor) for value in given.values()):
        return None
    check_names(slices.keys(), "the graphs")
    index = torch.as_tensor(list(data.indices()), dtype=torch.long)
    whole = data._indices is None

    def taken(name: str) -> tuple[Tensor, Tensor]:
        """The rows of the graphs ``index``, and how many each has."""
        rows, ptr = given[name].detach().cpu(), torch.as_tensor(slices[name])
        there, sizes = rows.shape[1 if name == "edge_index" else 0], ptr.diff()
        told = int(sizes.sum())
        if there != told or len(sizes) != data.len():
            raise ValueError(
                f"{data.len()} graphs share {there} rows of {name}, and the data set says it is "
                f"{told} rows of {len(sizes)}: its files are not of one set; get them anew"
            )
        if int(ptr[0]) or bool((sizes < 0).any()):
            wrong = "start at row 0" if int(ptr[0]) else "go forward"
            raise ValueError(
                f"the slices of {name} do not {wrong}, so that a graph would have rows of others: "
                "the files of the data set are broken; get them anew"
            )
        if whole:
            return rows, sizes
        found, starts = ranges(ptr, index)
        return rows[:, found] if name == "edge_index" else rows[found], starts.diff()

    counts = len(index)
    x = None
    if "x" in given:
        x, sizes = taken("x")
        x = None if _no_columns(x) else _joined([x], "x")
    else:
        sizes = torch.tensor(of_nodes)[index]
    edge_index, edges = torch.empty(2, 0, dtype=torch.long), torch.zeros(counts, dtype=torch.long)
    if "edge_index" in given:
        edge_index, edges = taken("edge_index")
        edge_index = _edge_rows(edge_index, 0)
    attr = None
    if "edge_attr" in given:
        attr, rows = taken("edge_attr")
        same_counts(rows, edges, "edge_attr", "edges")
        attr = _joined([attr], "edge_attr") if attr.dim() == 1 or attr.shape[1] else None
    weight = None
    if "node_weight" in given:
        weight, rows = taken("node_weight")
        same_counts(rows, sizes, "node_weight", "nodes")
        real_numbers(weight, "node_weight")
        weight = weight.flatten().float()
    plain = {name: of for name, of in slices.items() if isinstance(of, Tensor)}  # else of mappings
    sized = {name: of.diff()[index] for name, of in plain.items()} if x is None else {}
    unread = values_of_nodes(
        {name: counts.tolist() for name, counts in sized.items()}, sizes.tolist()
    )
    y, rows = taken("y")
    _refuse_node_labels(rows.tolist(), sizes.tolist())
    widths = (rows * math.prod(y.shape[1:])).tolist()
    same_width(widths, "labels")
    return _Packed(
        x, sizes, edge_index, edges, attr, y.reshape(counts, widths[0]), y.dim() < 2, weight, unread
    )


def _plain_access(kind: type) -> bool:
    """Whether graphs of a data set are those of its storage, and as many: ``get`` and ``len`` are
    PyG's own."""
    from torch_geometric.data import InMemoryDataset

    return all(getattr(kind, name) is getattr(InMemoryDataset, name) for name in ("get", "len"))


def _listed(data: Any) -> _Packed:
    """From the graphs one by one."""
    items = [data[i] for i in range(len(data))]
    for i, item in enumerate(items):
        _refuse_other(i, item)

    def given(name: str) -> list[Any]:
        values = [getattr(item, name, None) for item in items]
        return [torch.as_tensor(v) if isinstance(v, np.ndarray) else v for v in values]

    xs = _all_or_none(given("x"), "x")
    x, sizes = None, [int(getattr(item, "num_nodes", None) or 0) for item in items]
    if xs is not None:
        told, sizes = sizes, [_count(value, i, "x", "nodes") for i, value in enumerate(xs)]
        for i, (found, size) in enumerate(zip(sizes, told, strict=True)):
            if size not in (0, found):  # else num_nodes counts the rows of x
                raise ValueError(f"graph {i}: num_nodes is {size}, but x has {found} rows")
        x = None if all(map(_no_columns, xs)) else _joined(xs, "x")
    index = [_edge_rows(value, i) for i, value in enumerate(given("edge_index"))]
    edges = [rows.shape[1] for rows in index]
    labels = given("y")
    lacking = next((i for i, y in enumerate(labels) if y is None), None)
    if lacking is not None:
        raise ValueError(f"graph {lacking} has no label y")
    ys = [as_tensor(y, f"graph {i}") for i, y in enumerate(labels)]
    counts = [y.numel() for y in ys]
    _refuse_node_labels([len(y) if y.dim() else 1 for y in ys], sizes)
    same_width(counts, "labels")
    if any(y.is_floating_point() for y in ys):
        ys = [y.float() for y in ys]
    return _Packed(
        x=x,
        sizes=torch.tensor(sizes),
        edge_index=torch.cat(index, 1),
        edges=torch.tensor(edges),
        edge_attr=_edge_attr(given("edge_attr"), edges),
        y=torch.stack([y.reshape(-1) for y in ys]),
        plain=all(y.dim() < 2 for y in ys),
        node_weight=_node_weights(given("node_weight"), sizes),
        unread=values_of_nodes(rows_by_name(items), sizes) if x is None else (),
    )


def _refuse_other(i: int, item: Any) -> None:
    """Raise a ValueError for what is no graph, and say the way out."""
    from torch_geometric.data import Batch

    if hasattr(item, "node_types"):
        raise ValueError(
            f"graph {i} is heterogeneous; only graphs of one node type can be condensed: "
            "give data.to_homogeneous()"
        )
    if isinstance(item, Batch):
        raise ValueError(
            f"graph {i} is a Batch, of several graphs: give the data set, not batches "
            "of it, or graph by graph what batch.to_data_list() has"
        )
    if isinstance(item, torch.utils.data.Dataset) or (isinstance(item, list) and item):
        raise ValueError(
            f"graph {i} is a {type(item).__name__}, a data set: give those of a split by part, "
            "{'train': ..., 'val': ..., 'test': ...}"
        )
    if not hasattr(item, "edge_index") and not hasattr(item, "x"):
        raise ValueError(
            f"graph {i} is a {type(item).__name__}{way_of(item)}; give PyG Data with x, "
            "edge_index and y"
        )
    check_names(item.keys() if hasattr(item, "keys") else (), f"graph {i}")


def _node_weights(given: list[Any], sizes: list[int]) -> Tensor | None:
    """How often each node counts, of all graphs ``[N]`` float32."""
    weights = _all_or_none(given, "node_weight")
    if weights is None:
        return None
    rows = torch.tensor([_count(w, i, "node_weight", "nodes") for i, w in enumerate(weights)])
    same_counts(rows, torch.tensor(sizes), "node_weight", "nodes")
    for i, weight in enumerate(weights):
        real_numbers(weight, f"graph {i}: node_weight")
    return torch.cat([w.detach().cpu().flatten().float() for w in weights])


def _refuse_node_labels(rows: list[int], sizes: list[int]) -> None:
    """Raise a ValueError where labels have as many ``rows`` as graphs have nodes."""
    if rows == sizes and max(rows) > 1:
        several = "" if len(set(rows)) > 1 else "; labels of T tasks of a graph are y [1, T]"
        raise ValueError(
            "y has a label for each node: to condense them as one graph whose nodes are labelled, "
            "say which graphs are for what, {'train': graphs, 'val': graphs, 'test': graphs}"
            f"{several}"
        )


def _count(value: object, i: int, name: str, unit: str) -> int:
    """How many rows a value of graph ``i`` has."""
    if not isinstance(value, Tensor) or value.layout != torch.strided:
        got = value.layout if isinstance(value, Tensor) else type(value).__name__
        raise ValueError(f"graph {i}: {name} must be a dense tensor, got {got}")
    if not value.dim():
        raise ValueError(f"graph {i}: {name} must be rows, one for each of the {unit}")
    return len(value)


def _no_columns(x: object) -> bool:
    """Whether features are there by name alone, as of a TUDataset that was not asked for them."""
    return isinstance(x, Tensor) and x.dim() == 2 and not x.shape[1] and len(x) > 0


def _all_or_none(given: list[Any], name: str) -> list[Any] | None:
    if all(value is None for value in given):
        return None
    for i, value in enumerate(given):
        if value is None:
            raise ValueError(f"graph {i} has no {name}, others have: give all of them {name}")
    return given


def _edge_rows(edges: object, i: int) -> Tensor:
    """``edge_index`` of one graph (or of all) as int64 ``[2, m]`` on the CPU."""
    if edges is None:
        return torch.empty(2, 0, dtype=torch.long)
    if isinstance(edges, Tensor) and edges.layout != torch.strided:
        raise ValueError(f"graph {i}: edge_index must be dense, got {edges.layout}")
    if not isinstance(edges, Tensor) or edges.dim() != 2 or edges.shape[0] != 2:
        shape = list(edges.shape) if isinstance(edges, Tensor) else type(edges).__name__
        raise ValueError(f"graph {i}: edge_index must be [2, edges], got {shape}")
    # torch.empty(2, 0) is a float tensor, and means no edges.
    wrong = edges.is_floating_point() or edges.is_complex() or edges.dtype == torch.bool
    if edges.numel() and wrong:
        raise ValueError(f"graph {i}: edge_index must be integer node ids, got {edges.dtype}")
    return edges.detach().cpu().long()


def _edge_attr(given: list[Any], edges: list[int]) -> Tensor | None:
    """Edge features of all graphs; those without edges need not have any."""
    rows: list[Tensor | None] = []
    for i, (attr, m) in enumerate(zip(given, edges, strict=True)):
        if isinstance(attr, Tensor) and attr.dim() == 2 and not attr.shape[1]:
            attr = None  # a TUDataset whose edge attributes were not asked for
        if not m and (attr is None or (isinstance(attr, Tensor) and attr.dim() == 1)):
            attr = None
        elif attr is not None and (
            not isinstance(attr, Tensor) or not attr.dim() or len(attr) != m
        ):
            shape = list(attr.shape) if isinstance(attr, Tensor) else type(attr).__name__
            raise ValueError(
                f"graph {i}: edge_attr must be [{m}, features] for its {m} edges, got {shape}"
            )
        rows.append(attr)
    if all(attr is None for attr in rows):
        return None
    for i, (attr, m) in enumerate(zip(rows, edges, strict=True)):
        if attr is None and m:
            raise ValueError(f"graph {i} has no edge_attr, others have: give all of them or none")
    like = next(attr for attr in rows if attr is not None)
    like = like[:, None] if like.dim() == 1 else like
    return _joined([like[:0] if attr is None else attr for attr in rows], "edge_attr")


def _joined(given: Sequence[object], name: str) -> Tensor:
    """Feature rows of all graphs: float32, or int64 if they are categories."""
    what, unit = ("node", "nodes") if name == "x" else ("edge", "edges")
    rows = []
    for i, value in enumerate(given):
        if not isinstance(value, Tensor) or value.layout != torch.strided:
            got = value.layout if isinstance(value, Tensor) else type(value).__name__
            raise ValueError(f"graph {i}: {name} must be a dense tensor, got {got}")
        value = value.detach().cpu()
        value = value[:, None] if value.dim() == 1 else value
        if value.dim() != 2 or value.shape[1] == 0:
            raise ValueError(
                f"graph {i}: {name} must be [{unit}, features], got {list(value.shape)}"
            )
        if value.is_complex():
            raise ValueError(f"graph {i}: {name} is complex; features must be real numbers")
        rows.append(value.float() if value.dtype == torch.bool else value)
    same_width([value.shape[1] for value in rows], f"{what} features")
    # An empty tensor is a float one unless told otherwise: it says nothing of the others.
    filled = [(i, value.is_floating_point()) for i, value in enumerate(rows) if len(value)]
    numbers = filled[0][1] if filled else True
    for i, number in filled:
        if number != numbers:
            kinds = ["integers (categories)", "floats"]
            raise ValueError(
                f"graph {i} has {what} features that are {kinds[number]}, graph {filled[0][0]} "
                f"{kinds[numbers]}: give all graphs the same"
            )
    dtype = torch.float32 if numbers else torch.long
    rows = [value.to(dtype) for value in rows]
    return rows[0] if len(rows) == 1 else torch.cat(rows)
