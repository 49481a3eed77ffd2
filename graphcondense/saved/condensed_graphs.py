"""A condensed set of graphs as a PyG data set."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence

import torch
from torch import Tensor
from torch_geometric.data import Data, InMemoryDataset

from graphcondense.ops.types import JsonValue, Record
from graphcondense.saved.checks import (
    Expected,
    Tensors,
    add_up,
    check_further,
    check_rising,
    check_tensors,
    classes_of,
    needing,
)
from graphcondense.saved.compact import parts_of
from graphcondense.saved.graph_set import GraphSet
from graphcondense.saved.shown import Shown

NAMES = ("x", "edge_index", "edge_attr", "y", "node_ptr", "edge_ptr", "node_weight")
"""The tensors of a condensed set of graphs, in the order in which they are stored."""


class CondensedGraphs(Shown, InMemoryDataset):  # type: ignore[misc]
    """A few labelled graphs that stand in for many; takes the place of any PyG data set of graphs.

    Indexing, slicing and iterating give PyG ``Data`` with ``x [n, d]`` float32, ``edge_index
    [2, m]``, ``y [1]`` (a class), ``[1, C]`` (probabilities of classes) or ``[1, T]`` (targets, NaN
    where there is none; of binary tasks also probabilities), ``edge_attr
    [m, e]`` and ``node_weight [n]`` where the set has them. It goes into PyG's ``DataLoader`` as it
    is, and nothing is written to disk.

    Args:
        graphs: the graphs; features are float32, ``y`` is ``[G]`` int64, or ``[G, C]`` or
            ``[G, T]`` float32. The tensors are not copied.
        record: what is known of their making, values that JSON holds.
        transform: applied to a graph at every access.
        further: tensors with a row for each graph, such as ``{"orig_index": [G]}``, which a graph
            has as ``[1, ...]`` under that name; no model trains on them.

    Attributes:
        condensed: the record.
        further: as given; of a slice those of its graphs.

    Raises:
        ValueError: for graphs that are not as above.

    >>> from graphcondense.data.graph_packing import pack
    >>> pair = [Data(x=torch.ones(n, 2), edge_index=torch.tensor([[0], [1]]), y=1) for n in (2, 3)]
    >>> small = CondensedGraphs(pack(pair)[0], {"method": "by hand"})
    >>> len(small), small[1].num_nodes, small[1:].set.edge_index.tolist()
    (2, 3, [[0], [1]])
    """

    def __init__(
        self,
        graphs: GraphSet,
        record: Mapping[str, JsonValue] | None = None,
        transform: Callable[[Data], Data] | None = None,
        further: Tensors | None = None,
    ) -> None:
        self._further = dict(further or {})
        check_graphs(tensors_of(graphs), "the condensed graphs", further=self._further)
        super().__init__(None, transform)
        self._graphs = graphs
        self.condensed: Record = dict(record or {})
        first = torch.repeat_interleave(graphs.node_ptr[:-1], graphs.edge_ptr.diff())
        values = {"x": graphs.x, "edge_index": graphs.edge_index - first, "y": graphs.y}
        nodes, edges = graphs.node_ptr.cpu(), graphs.edge_ptr.cpu()
        slices = {"x": nodes, "edge_index": edges, "y": torch.arange(len(graphs) + 1)}
        if graphs.edge_attr is not None:
            values["edge_attr"], slices["edge_attr"] = graphs.edge_attr, edges
        if graphs.node_weight is not None:
            values["node_weight"], slices["node_weight"] = graphs.node_weight, nodes
        for name, tensor in self._further.items():
            values[name], slices[name] = tensor, slices["y"]
        self._data, self.slices = Data(**values), slices

    def _sizes(self) -> dict[str, int]:
        graphs = self.set
        return {"graphs": len(graphs), "nodes": len(graphs.x), "edges": graphs.edge_index.shape[1]}

    @property
    def set(self) -> GraphSet:
        """The graphs in one layout; of a slice those that are in it. No transform is applied."""
        if self._indices is None:
            return self._graphs
        return self._graphs.select(torch.tensor(list(self._indices), dtype=torch.long))

    @property
    def further(self) -> dict[str, Tensor]:
        if self._indices is None:
            return dict(self._further)
        index = torch.tensor(list(self._indices), dtype=torch.long)
        return {name: tensor[index.to(tensor.device)] for name, tensor in self._further.items()}

    @property
    def others(self) -> tuple[str, ...]:
        """Names of what was set from outside, which no file keeps."""
        return tuple(sorted(k for k in vars(self) if k[0] != "_" and k not in _KEPT))

    def copy(self, idx: Sequence[int] | Tensor | slice | None = None) -> CondensedGraphs:
        """A deep copy, of the graphs ``idx`` alone if given."""
        part: CondensedGraphs = self if idx is None else self.index_select(idx)
        graphs = part.set
        return CondensedGraphs(
            graphs.select(torch.arange(len(graphs), device=graphs.x.device)),
            copy.deepcopy(self.condensed),
            self.transform,
            {name: tensor.clone() for name, tensor in part.further.items()},
        )

    def to(self, device: torch.device | str) -> CondensedGraphs:
        """The same on another device."""
        further = {name: tensor.to(device) for name, tensor in self.further.items()}
        return CondensedGraphs(self.set.to(device), self.condensed, self.transform, further)


_KEPT = {
    *("condensed", "root", "transform", "pre_transform", "pre_filter", "log", "force_reload"),
    *("slices", "data"),
}


def tensors_of(graphs: GraphSet) -> dict[str, Tensor]:
    """The tensors of a graph set by name, those that it has, in a fixed order."""
    given = {name: getattr(graphs, name) for name in NAMES}
    return {name: value for name, value in given.items() if value is not None}


def parts_of_graphs(
    small: CondensedGraphs | GraphSet,
) -> tuple[Tensors, Tensors, tuple[str, ...]]:
    """The tensors of a set of graphs, further ones, and names of what no file keeps."""
    if isinstance(small, GraphSet):
        return tensors_of(small), {}, ()
    return tensors_of(small.set), small.further, small.others


def graphs_of(tensors: Tensors, further: Tensors, record: Record) -> CondensedGraphs:
    """The condensed graphs of these tensors; :func:`parts_of_graphs` undone."""
    given = {name: tensors.get(name) for name in NAMES}
    return CondensedGraphs(GraphSet(**given), record, further=further)  # type: ignore[arg-type]


def check_graphs(
    tensors: Tensors, where: str, record: object = None, further: Tensors | None = None
) -> None:
    """Raise a ValueError that starts with ``where`` unless these are condensed graphs.

    Tensors have the names of :data:`NAMES`, ``further`` ones a row for each graph. If the record's
    ``data`` says how many ``classes`` there are, classes are held to it.
    """
    need = needing(where)
    for name in ("x", "edge_index", "y", "node_ptr", "edge_ptr"):
        need(name in tensors, f"{name} is missing")
    x, edges, y = tensors["x"], tensors["edge_index"], tensors["y"]
    node_ptr, edge_ptr = tensors["node_ptr"], tensors["edge_ptr"]
    need(x.dim() == 2, f"x must be [nodes, features], got {list(x.shape)}")
    need(y.dim() in (1, 2), f"y must be [graphs] or [graphs, tasks], got {list(y.shape)}")
    n, m, g = len(x), edges.shape[-1] if edges.dim() == 2 else -1, len(y)
    attr = tensors.get("edge_attr")
    width = attr.shape[1] if attr is not None and attr.dim() == 2 else -1
    expected: Expected = {
        "x": ((n, x.shape[1]), torch.float32),
        "edge_index": ((2, m), torch.int64),
        "edge_attr": ((m, width), torch.float32),
        "y": ((g,), torch.int64) if y.dim() == 1 else ((g, y.shape[1]), torch.float32),
        "node_ptr": ((g + 1,), torch.int64),
        "edge_ptr": ((g + 1,), torch.int64),
        "node_weight": ((n,), torch.float32),
    }
    size = f" for {g} graphs of {n} nodes and {m} edges"
    there = [name for name in NAMES if name in tensors]
    check_tensors(tensors, expected, where, size=size, names=there, holes="y")
    need(g > 0, "it has no graphs")
    for name, ptr, end in (("node_ptr", node_ptr, n), ("edge_ptr", edge_ptr, m)):
        check_rising(ptr, end, name, where)
    for i in (node_ptr.diff() == 0).nonzero().flatten()[:1].tolist():
        need(False, f"graph {i} has no nodes")
    graph = torch.repeat_interleave(edge_ptr.diff())
    foreign = (edges < node_ptr[graph]) | (edges >= node_ptr[graph + 1])
    for edge in foreign.any(0).nonzero().flatten()[:1].tolist():
        i = int(graph[edge])
        need(
            False,
            f"edge_index joins the nodes {edges[:, edge].tolist()} in graph {i}, whose nodes are "
            f"{int(node_ptr[i])}..{int(node_ptr[i + 1]) - 1}",
        )
    classes = classes_of(record)
    if y.dim() == 2 and y.shape[1] == classes:
        right = bool(add_up(y).all())
        need(right, "soft labels y must be probabilities: none below 0, rows of sum 1")
    if y.dim() == 1:
        need(int(y.min()) >= 0, f"y has class {int(y.min())}; classes are 0..C-1")
        top = int(y.max())
        need(classes is None or top < classes, f"y has class {top}, but there are {classes}")
    check_further(further or {}, g, where, (*NAMES, *parts_of("x"), *parts_of("edge_attr")))
