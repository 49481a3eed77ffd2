"""Graphs by part. Where their nodes are labelled, as those of PyG's ``PPI``, they are one graph of
parts that no edge joins; where each has a label of its own they are a set with a split."""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from graphcondense.data.by_part import PARTS, by_part, has_parts, is_list, memory_of
from graphcondense.data.facts import text_of
from graphcondense.data.labels import few
from graphcondense.data.link_parts import refuse_part
from graphcondense.data.node_splits import MASKS
from graphcondense.data.reading import ends

if TYPE_CHECKING:
    from torch_geometric.data import Data

READ = ("x", "edge_weight", "edge_attr", "y")
"""What is read of a graph beside its edges."""
SAID = ("label_kind", "metric", "name")
"""What graphs may say of themselves, all the same."""


def is_parts(data: object) -> bool:
    """Whether these are graphs by ``"train"``, ``"val"`` and ``"test"`` whose nodes are labelled.

    >>> is_parts({"train": [], "test": []}), is_parts({"train": 1})
    (False, False)
    """
    return _labels_nodes(data) is True


def is_set_by_part(data: object) -> bool:
    """Whether these are graphs by part with a label each."""
    return _labels_nodes(data) is False


def _labels_nodes(data: object) -> bool | None:
    """Whether labels of graphs by part are of nodes; ``None`` for anything else. Those without a
    label are taken for such, and what lacks is said.

    The first graph of more than one node tells, where it has another number of labels. Where it has
    as many, so has a graph of ``T`` nodes in a set of ``T`` tasks: the next one of another size or
    with another number of labels tells.
    """
    part: Any = data["train"] if has_parts(data) else None  # type: ignore[index]
    if _is_graph(part):
        return True
    if not is_list(part) or not len(part):
        return None
    others = [other for other in data.values() if other is not part and is_list(other)]  # type: ignore[attr-defined]
    first = None
    for graph in (graphs[i] for graphs in (part, *others) for i in range(len(graphs))):
        if not hasattr(graph, "edge_index"):
            return None if first is None else True
        y, nodes = getattr(graph, "y", None), graph.num_nodes
        if y is None:
            return True
        if nodes == 1:
            continue
        rows = len(y) if getattr(y, "ndim", 0) > 0 else None
        if first is None and rows != nodes:
            return False
        if first is not None and (rows, nodes) != (first, first):
            return rows != first
        if y.ndim > 1 and math.prod(y.shape[1:]) > 1:
            return True  # labels of T tasks of a graph are y [T] or [1, T]
        first = rows
    return first is not None


def set_by_part(data: Mapping[str, Any]) -> tuple[list[Any], dict[str, Tensor]]:
    """All graphs of parts whose graphs have a label each, and which are of which part.

    Raises:
        ValueError: an unknown part, one that is no list of graphs; a graph that is in two parts.
    """
    graphs, splits, seen = list[Any](), dict[str, Tensor](), dict[Hashable, str]()
    for name, part in by_part(data).items():
        if not is_list(part):
            raise ValueError(
                f"the part {name!r} must be a list or a data set of graphs, got a "
                f"{type(part).__name__}"
            )
        found = [part[i] for i in range(len(part))]
        for i, graph in enumerate(found):
            if (other := seen.setdefault(_place(graph), name)) != name:
                raise ValueError(f"{name}[{i}] is in the part {other!r}, too: parts are disjoint")
        splits[name] = torch.arange(len(graphs), len(graphs) + len(found))
        graphs += found
    return graphs, splits


def _place(graph: Any) -> Hashable:
    """Where a graph lies in memory. Many may share a label, which alone tells nothing."""
    names = ("x", "edge_index", "edge_attr", "y")
    where = [memory_of(getattr(graph, name, None)) for name in names]
    return tuple(where) if any(where[:2]) else id(graph)  # which lives as long as the list of all


def joined(data: Mapping[str, Any]) -> Data:
    """One graph of all parts, with the masks ``train_mask``, ``val_mask`` and ``test_mask [n]``.

    Args:
        data: by ``"train"``, ``"val"`` (or ``"valid"``) and ``"test"`` a PyG ``Data``, a list or a
            data set of such, with ``x [n, d]``, ``edge_index [2, m]``, perhaps ``edge_weight [m]``
            and labels of nodes ``y [n]`` or ``[n, T]``. The last two parts may be missing.

    Raises:
        ValueError: an unknown part; a graph without one of these, whose rows are not one for each
            node, or that says its own split; one that is in two parts; graphs of different widths,
            or of which only some have weights or say what their labels are.
    """
    from torch_geometric.data import Data

    graphs, split, seen = list[Any](), list[str](), dict[Hashable, str]()
    edges = list[Tensor]()
    for ours, part in by_part(data).items():
        name = next(name for name in PARTS[ours] if data.get(name) is not None)
        found = _listed(part)
        graphs += found
        split += [ours] * len(found)
        for i, graph in enumerate(found):
            who = f"{name}[{i}]"
            edges.append(_edges(graph, who))
            same = memory_of(graph.x), memory_of(graph.y)
            if len(graph.y) and (other := seen.setdefault(same, ours)) != ours:
                raise ValueError(
                    f"{who} is in the part {other!r}, too: of one graph with masks pass the "
                    "Data itself"
                )
    sizes = torch.tensor([len(graph.y) for graph in graphs])
    starts = (sizes.cumsum(0) - sizes).tolist()
    values: dict[str, Any] = {}
    for name in READ:
        given: list[Any] = [getattr(graph, name, None) for graph in graphs]
        if all(value is None for value in given):
            continue
        lacking = next((i for i, value in enumerate(given) if value is None), None)
        if lacking is not None:
            raise ValueError(f"graph {lacking} of {len(given)} has no {name}, others have")
        values[name] = _together(name, given)
    values["edge_index"] = torch.cat([e + n for e, n in zip(edges, starts, strict=True)], 1)
    for name in SAID:
        said = list(dict.fromkeys(text_of(graph, name) for graph in graphs))
        if len(said) > 1:
            raise ValueError(f"{name} differs between the graphs: {few(map(str, said))}")
        if said[0] is not None:
            values[name] = said[0]
    masks = {
        f"{ours}_mask": torch.tensor([one == ours for one in split]).repeat_interleave(sizes)
        for ours in MASKS
    }
    return Data(**values, **masks)


def _together(name: str, given: Sequence[Tensor]) -> Tensor:
    """Values of all graphs, one behind the other."""
    shapes = list(dict.fromkeys(tuple(value.shape[1:]) for value in given))
    if len(shapes) > 1:
        raise ValueError(f"{name} of the graphs have different widths: {few(shapes)}")
    return torch.cat([*given])


def _listed(part: Any) -> list[Any]:
    """The graphs of a part."""
    if part is None or isinstance(part, str | bytes):
        return []
    if _is_graph(part):
        return [part]
    return [part[i] for i in range(len(part))] if is_list(part) else []


def _is_graph(part: Any) -> bool:
    several = isinstance(part, Sequence | torch.utils.data.Dataset)
    return not several and hasattr(part, "edge_index")  # which reads all graphs of a data set


def _edges(graph: Any, who: str) -> Tensor:
    """The edges of a graph ``[2, m]``, int64; a ValueError for what is no graph whose nodes are
    labelled."""
    for name in ("x", "y", "edge_index"):
        value = getattr(graph, name, None)
        if not isinstance(value, Tensor):
            got = "nothing" if value is None else type(value).__name__
            raise ValueError(f"{who} must be a PyG Data with the tensor {name}, got {got}")
    refuse_part(graph)
    if graph.x.layout != torch.strided:
        raise ValueError(f"{who}: x must be dense, got {graph.x.layout}; give x.to_dense()")
    if own := [name for names in MASKS.values() for name in names if hasattr(graph, name)]:
        raise ValueError(
            f"{who} has {own[0]}, a split of its own: pass a graph with masks as it is; of graphs "
            f"by part leave it out, del data.{own[0]}"
        )
    n = len(graph.x)
    if not graph.y.dim() or len(graph.y) != n:
        raise ValueError(
            f"{who} has {n} nodes and labels y of shape {tuple(graph.y.shape)}: graphs by part are "
            "read as one graph whose nodes are labelled; graphs with a label each are a list"
        )
    return ends(graph, n, f"{who}: ")
