"""A checked graph-level problem: many labelled graphs in one packed layout.

Every graph-level method and evaluator starts from a :class:`GraphTask`, whatever the data set:
TUDatasets, OGB molecules, or a list of PyG graphs.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np
import torch
from torch import Tensor

from graphcondense.data.labels import as_tensor, count_classes, counts_up, is_one_hot, some
from graphcondense.data.task import is_dataset
from graphcondense.saved.graph_set import GraphSet, ranges, starts

if TYPE_CHECKING:
    pass

Kind = Literal["classes", "binary", "regression"]
Splits = Mapping[str, Tensor]

METRICS = ("accuracy", "rocauc", "ap", "rmse", "mae")
"""Scores of a graph-level problem; of the last two less is better."""

FITTING: Mapping[Kind, tuple[str, ...]] = {
    "classes": ("accuracy",),
    "binary": ("rocauc", "ap", "accuracy"),
    "regression": ("rmse", "mae"),
}
"""Which scores go with which labels; the first is the default."""

BINS = 5
"""Groups of equal size that regression targets fall into, as classes do in classification."""

MOST_COLUMNS = 10_000
"""Different values of categories that are encoded, at most: each becomes a column."""


@dataclass(frozen=True)
class Encoding:
    """Integer categories as numbers: one 0/1 column for each value that training graphs have.

    A linear layer on these columns is a sum of embeddings, one a categorical column: OGB's
    ``AtomEncoder`` and ``BondEncoder``. A value that no training graph has becomes all zeros.

    Attributes:
        values: of each categorical column, its values in ascending order.
    """

    values: tuple[tuple[int, ...], ...]

    @classmethod
    def of(cls, categories: Tensor) -> Encoding:
        """The encoding of the values in ``categories [n, k]``, int64."""
        return cls(tuple(tuple(torch.unique(column).tolist()) for column in categories.T))

    @property
    def width(self) -> int:
        """Columns of the encoded features."""
        return sum(map(len, self.values))

    def __call__(self, categories: Tensor) -> Tensor:
        """Encode ``[n, k]`` int64 as ``[n, width]`` float32.

        >>> Encoding(((0, 7), (1, 2, 3)))(torch.tensor([[7, 1], [5, 3]])).tolist()
        [[0.0, 1.0, 1.0, 0.0, 0.0], [0.0, 0.0, 0.0, 0.0, 1.0]]
        """
        if categories.dim() != 2 or categories.shape[1] != len(self.values):
            raise ValueError(
                f"the encoding has {len(self.values)} categorical columns, the features are "
                f"{list(categories.shape)}"
            )
        columns = [
            column[:, None] == torch.tensor(own, device=categories.device)
            for column, own in zip(categories.T, self.values, strict=True)
        ]
        return torch.cat(columns, 1).float()


@dataclass(frozen=True, repr=False)
class GraphTask:
    """Labelled graphs with splits, checked and in one layout.

    Attributes:
        graphs: all of them; categories stay integers, see :meth:`batch`.
        train, val, test: graph indices, int64, disjoint; ``val`` and ``test`` may be empty. Each
            graph has a label, of one task at least.
        kind: ``"classes"`` (one class a graph), ``"binary"`` (tasks with labels 0, 1 or NaN) or
            ``"regression"`` (targets that are numbers or NaN).
        metric: the score, one of :data:`METRICS`.
        nodes, edges: encodings of categorical node and edge features; ``None`` where features are
            numbers.
        name: what to call the data in a report.
        unlabelled: of ``train``, ``val`` and ``test``, how many graphs were left out since they
            have no label (of any task).
    """

    graphs: GraphSet
    train: Tensor
    val: Tensor
    test: Tensor
    kind: Kind
    metric: str
    nodes: Encoding | None = None
    edges: Encoding | None = None
    name: str = "data"
    unlabelled: Mapping[str, int] = field(default_factory=dict)

    def __repr__(self) -> str:
        outputs = f"{self.num_outputs} " + ("classes" if self.kind == "classes" else "tasks")
        parts = ", ".join(f"{s} {len(getattr(self, s)):,}" for s in ("train", "val", "test"))
        return (
            f"GraphTask({self.name!r}, {len(self):,} graphs, {len(self.graphs.x):,} nodes, "
            f"{self.num_features} features, {self.kind}: {outputs}, {self.metric}; {parts})"
        )

    def __len__(self) -> int:
        return len(self.graphs)

    @property
    def num_features(self) -> int:
        """Width of the (encoded) node features."""
        return self.nodes.width if self.nodes else int(self.graphs.x.shape[1])

    @property
    def num_edge_features(self) -> int:
        """Width of the (encoded) edge features; 0 without any."""
        if self.graphs.edge_attr is None:
            return 0
        return self.edges.width if self.edges else int(self.graphs.edge_attr.shape[1])

    @cached_property
    def num_outputs(self) -> int:
        """Outputs of a model: classes, or tasks."""
        y = self.graphs.y
        return int(y.max()) + 1 if self.kind == "classes" else int(y.shape[1])

    @property
    def larger_is_better(self) -> bool:
        return self.metric not in ("rmse", "mae")

    @cached_property
    def groups(self) -> Tensor:
        """The group of each graph ``[G]`` that budgets and class-wise matching speak of.

        Classes; the two labels of a single binary task; :data:`BINS` equally large bins of a
        single regression target, bounds from the training graphs; one group for several tasks.
        ``-1``: validation and test graphs without a label.
        """
        return self.group_of(self.graphs.y)

    def group_of(self, y: Tensor) -> Tensor:
        """The group of each label ``[m]`` or ``[m, T]``; of soft labels the nearer one."""
        if self.kind == "classes":
            return y
        if y.shape[1] > 1:
            return torch.zeros(len(y), dtype=torch.long)
        target = y[:, 0].contiguous()
        if self.kind == "binary":
            return torch.where(target.isnan(), -1, (target > 0.5).to(target)).long()
        own = self.graphs.y[self.train, 0]
        share = torch.linspace(0, 1, BINS + 1, dtype=own.dtype)[1:-1]
        # Bounds are targets themselves and above the smallest: no bin is without training graphs.
        bounds = torch.unique(torch.quantile(own, share, interpolation="higher"))
        bounds = bounds[bounds > own.min()]
        binned = torch.bucketize(target, bounds, right=True)
        return torch.where(target.isnan(), -1, binned)

    @cached_property
    def num_groups(self) -> int:
        return int(self.groups.max()) + 1

    @cached_property
    def target_scale(self) -> tuple[Tensor, Tensor]:
        """Mean and standard deviation ``[T]`` of the training targets; 0 and 1 but in regression.

        Models learn standardised targets; scores are in the targets' own units.
        """
        y = self.graphs.y
        if self.kind != "regression":
            return torch.zeros(self.num_outputs), torch.ones(self.num_outputs)
        own = y[self.train]
        mean = own.nanmean(0)
        std = (own - mean).square().nanmean(0).sqrt()
        return mean, torch.where(std > 0, std, 1.0)

    def scaled(self, y: Tensor) -> Tensor:
        """Labels, or outputs in the targets' own units, as models learn them (see above)."""
        if self.kind != "regression":
            return y
        mean, std = (s.to(y) for s in self.target_scale)
        return (y - mean) / std

    def unscaled(self, out: Tensor) -> Tensor:
        """What models put out, in the targets' own units: :meth:`scaled` undone."""
        if self.kind != "regression":
            return out
        mean, std = (s.to(out) for s in self.target_scale)
        return out * std + mean

    def batch(self, index: Tensor) -> GraphSet:
        """The graphs ``index`` with encoded, float32 features, as models take them."""
        return self.encoded(self.graphs.select(index))

    def encoded(self, graphs: GraphSet) -> GraphSet:
        """``graphs`` with categories encoded; those whose features are numbers come back as such.

        A graph set whose float features already have the encoded width is taken as encoded.

        Raises:
            ValueError: for features of any other width.
        """
        x = encoded(graphs.x, self.nodes)
        if x.shape[1] != self.num_features:
            raise ValueError(
                f"the graphs have {x.shape[1]} node features, {self.name} has {self.num_features}"
            )
        attr = None if graphs.edge_attr is None else encoded(graphs.edge_attr, self.edges)
        if attr is not None and attr.shape[1] != self.num_edge_features:
            raise ValueError(
                f"the graphs have {attr.shape[1]} edge features, {self.name} has "
                f"{self.num_edge_features}"
            )
        return replace(graphs, x=x, edge_attr=attr)

    @property
    def encoding(self) -> dict[str, list[list[int]] | None]:
        """Both encodings as plain values, for a record: of each categorical column its values.

        ``x`` and ``edge_attr``; ``None`` where features are numbers.
        """
        both = {"x": self.nodes, "edge_attr": self.edges}
        return {
            name: None if e is None else [list(v) for v in e.values] for name, e in both.items()
        }

    @cached_property
    def digest(self) -> str:
        """SHA-256 (first 16 hex digits) of graphs, training and validation labels, and splits.

        Test labels are left out: condensing never sees them.
        """
        h = hashlib.sha256(f"{self.kind}{self.metric}".encode())
        seen = torch.cat([self.train, self.val])
        g = self.graphs
        parts = {
            **{name: getattr(g, name) for name in ("x", "edge_index", "edge_attr", "node_weight")},
            **{"node_ptr": g.node_ptr, "edge_ptr": g.edge_ptr, "y": g.y[seen]},
            **{"train": self.train, "val": self.val, "test": self.test},
        }
        for name, part in parts.items():
            if part is not None:
                h.update(f"{name}{part.dtype}{tuple(part.shape)}".encode())
                # A view, no copy: these are gigabytes for the largest sets.
                h.update(part.contiguous().numpy().reshape(-1).view(np.uint8))
        return h.hexdigest()[:16]


def encoded(features: Tensor, encoding: Encoding | None) -> Tensor:
    """Features ``[n, k]`` as models take them, ``[n, d]`` float32.

    Categories are encoded; floats are taken as they are, encoded already where there is an
    encoding.

    Raises:
        ValueError: for floats that do not have the width of the encoding.
    """
    if encoding is None:
        return features.float()
    if not features.is_floating_point():
        return encoding(features)
    if features.shape[1] != encoding.width:
        raise ValueError(
            f"the encoding takes {len(encoding.values)} integer columns, or {encoding.width} float "
            f"columns that are encoded already; the features are floats of shape "
            f"{list(features.shape)}"
        )
    return features.float()


def as_graph_task(
    data: Any,
    splits: Splits | Literal["stratified"] | None = None,
    *,
    name: str | None = None,
    metric: str | None = None,
    kind: Kind | None = None,
    seed: int = 0,
) -> GraphTask:
    """Check a data set of graphs and bring it into one layout; nothing of ``data`` is changed.

    Args:
        data: a :class:`GraphTask`, a list of PyG ``Data``, or a PyG dataset. Each graph has
            ``x`` (floats are features, integers are categories; where no graph has any, every node
            has the feature 1), ``edge_index`` (none: no edges), optional ``edge_attr`` (as ``x``),
            optional ``node_weight [n]``, and ``y``: one integer (a class), or ``[1, T]`` numbers:
            several tasks, or one. Tasks whose labels are 0, 1 or NaN alone are binary, others
            regression. Floats that count up as classes do, or are -1 and 1, and one-hot rows may
            mean either: then ``kind`` or ``metric`` has to say. A graph without a label (-1 as a
            class, NaN in all tasks) is left out of its split, and counted in ``unlabelled``.
        splits: graph indices (or bool masks) by ``"train"``, ``"val"`` (or ``"valid"``) and
            ``"test"``, or ``"stratified"`` for :func:`stratified`; by default those of the
            dataset's own ``get_idx_split()``, else stratified.
        name: what to call the data; by default the dataset's own name.
        metric: one of :data:`METRICS` that fits the labels (:data:`FITTING`); by default the
            dataset's own ``eval_metric``, else accuracy for classes, ROC-AUC for binary tasks, RMSE
            for regression.
        kind: what the labels are, ``"classes"``, ``"binary"`` or ``"regression"``; by default what
            ``data`` says above, and ``metric`` where that leaves it open. One-hot rows that are
            ``"classes"`` become the class of their 1.
        seed: draws the stratified split.

    Raises:
        ValueError: whatever is wrong with ``data``, naming the graph, the value and the fix.
    """
    if isinstance(data, GraphTask):
        if splits is not None or metric is not None or kind is not None:
            raise ValueError(
                "a GraphTask has its splits and its metric; change them with dataclasses.replace"
            )
        return data if name is None else replace(data, name=name)
    if metric is not None and metric not in METRICS:
        raise ValueError(f"metric={metric!r}: choose one of {', '.join(METRICS)}")
    if kind is not None and kind not in FITTING:
        raise ValueError(f"kind={kind!r}: choose one of {', '.join(FITTING)}")
    metric = metric or _own_metric(data)
    graphs, kind = pack(data, kind, metric)
    metric = metric or FITTING[kind][0]
    if metric not in FITTING[kind]:
        raise ValueError(
            f"metric={metric!r} does not fit the labels, which are {kind}: choose "
            f"{' or '.join(FITTING[kind])}, or say with kind= what else they are"
        )
    given = _own_splits(data) if splits is None else splits
    if given is None or given == "stratified":
        given = stratified(strata(graphs.y, kind), len(graphs), seed)
    parts = _parts(given, len(graphs))
    if not len(parts["train"]):
        raise ValueError("no training graphs: the split 'train' is empty")
    known = {split: _labelled(graphs.y, part, kind, split) for split, part in parts.items()}
    _check_splits(graphs.y, known["train"], kind)
    train = known["train"]
    return GraphTask(
        graphs=graphs,
        train=train,
        val=known["val"],
        test=known["test"],
        kind=kind,
        metric=metric,
        nodes=_encoding(graphs.x, graphs.node_ptr, train, "node"),
        edges=None
        if graphs.edge_attr is None
        else _encoding(graphs.edge_attr, graphs.edge_ptr, train, "edge"),
        name=str(name or getattr(data, "name", None) or "graphs"),
        unlabelled={split: len(part) - len(known[split]) for split, part in parts.items()},
    )


def pack(data: Any, kind: Kind | None = None, metric: str | None = None) -> tuple[GraphSet, Kind]:
    """Graphs in one layout, and what kind their labels are of.

    An ``InMemoryDataset`` without a transform is taken from its collated storage, which is some
    hundred times faster than graph by graph; features may then share its memory.

    Args:
        data: a list or a PyG data set of graphs.
        kind: what the labels are; by default as they look.
        metric: says what they are where they may be one or the other.

    Raises:
        ValueError: as :func:`as_graph_task`.
    """
    if not is_dataset(data):
        raise ValueError(
            "graph-level data are a list or a PyG data set of graphs, got a "
            f"{type(data).__name__}; put a single graph into a list"
        )
    check_has_length(data)
    if not len(data):
        raise ValueError("a data set of graphs needs at least one graph, this one is empty")
    held = _stored(data) or _listed(data)
    node_ptr, edge_ptr = starts(held.sizes), starts(held.edges)
    for i in (held.sizes == 0).nonzero().flatten().tolist():
        raise ValueError(f"graph {i} has no nodes; remove it")
    x = torch.ones(int(node_ptr[-1]), 1) if held.x is None else held.x
    _check_values(x, node_ptr, "node")
    if held.edge_attr is not None:
        _check_values(held.edge_attr, edge_ptr, "edge")
    if held.node_weight is not None and not bool(torch.isfinite(held.node_weight).all()):
        raise ValueError("node_weight has NaN or infinite values")
    _check_ids(held.edge_index, held.sizes, edge_ptr)
    y, kind = _targets(held.y, held.plain, kind, metric)
    return GraphSet(
        x=x,
        edge_index=held.edge_index + torch.repeat_interleave(node_ptr[:-1], held.edges),
        edge_attr=held.edge_attr,
        node_ptr=node_ptr,
        edge_ptr=edge_ptr,
        y=y,
        node_weight=held.node_weight,
    ), kind


def strata(y: Tensor, kind: Kind) -> Tensor | None:
    """What a split keeps the shares of, ``[G]`` int64: classes, or the labels of one binary task.

    ``None`` for several tasks and for regression.
    """
    if kind == "classes":
        return y
    if kind == "binary" and y.shape[1] == 1:
        return y[:, 0].nan_to_num(-1).long()
    return None


def stratified(labels: Tensor | None, count: int, seed: int = 0) -> dict[str, Tensor]:
    """A seeded split of 80 / 10 / 10 %, class by class where ``labels [count]`` are given.

    A class of fewer than ten graphs still has one in each part, from three graphs on.

    >>> parts = stratified(torch.arange(40) % 2, 40)
    >>> {name: len(part) for name, part in parts.items()}
    {'train': 32, 'val': 4, 'test': 4}
    """
    rng = torch.Generator().manual_seed(seed)
    labels = torch.zeros(count, dtype=torch.long) if labels is None else labels
    parts: dict[str, list[Tensor]] = {"train": [], "val": [], "test": []}
    for c in torch.unique(labels):
        own = (labels == c).nonzero().flatten()
        own = own[torch.randperm(len(own), generator=rng)]
        held = max(round(0.1 * len(own)), 1 if len(own) > 2 else 0)
        sizes = [len(own) - 2 * held, held, held]
        for part, piece in zip(parts.values(), own.split(sizes), strict=True):
            part.append(piece)
    return {name: torch.cat(part).sort().values for name, part in parts.items()}


# --- reading ---------------------------------------------------------------------------------


class _Held(NamedTuple):
    """All graphs, one behind the other; node ids still count from 0 in each graph."""

    x: Tensor | None  # [N, d]
    sizes: Tensor  # [G]
    edge_index: Tensor  # [2, M]
    edges: Tensor  # [G]
    edge_attr: Tensor | None  # [M, e]
    y: Tensor  # [G, T]
    plain: bool  # whether each label is a number and not a row [1, T]
    node_weight: Tensor | None  # [N]


def _stored(data: Any) -> _Held | None:
    """From the storage of an ``InMemoryDataset``; ``None`` if its graphs are made at access."""
    from torch_geometric.data import Data, InMemoryDataset

    if not isinstance(data, InMemoryDataset) or type(data).get is not InMemoryDataset.get:
        return None
    held, slices = data._data, data.slices
    if data.transform is not None or slices is None or type(held) is not Data:
        return None
    of_nodes = getattr(held, "_num_nodes", None)
    if "y" not in slices or not ("x" in slices or isinstance(of_nodes, list)):
        return None
    given = {name: held[name] for name in FIELDS if name in slices}
    if not all(isinstance(value, Tensor) for value in given.values()):
        return None
    _check_fields(slices.keys(), "the graphs")
    index = torch.as_tensor(list(data.indices()), dtype=torch.long)
    whole = data._indices is None

    def taken(name: str) -> tuple[Tensor, Tensor]:
        """The rows of the graphs ``index``, and how many each has."""
        rows, ptr = given[name].detach().cpu(), torch.as_tensor(slices[name])
        if whole:
            return rows, ptr.diff()
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
        _same_counts(rows, edges, "edge_attr", "edges")
        attr = _joined([attr], "edge_attr") if attr.dim() == 1 or attr.shape[1] else None
    weight = None
    if "node_weight" in given:
        weight, rows = taken("node_weight")
        _same_counts(rows, sizes, "node_weight", "nodes")
        weight = weight.flatten().float()
    y, rows = taken("y")
    widths = (rows * math.prod(y.shape[1:])).tolist()
    _same_width(widths, "labels")
    return _Held(
        x, sizes, edge_index, edges, attr, y.reshape(counts, widths[0]), y.dim() < 2, weight
    )


def _listed(data: Any) -> _Held:
    """From the graphs one by one."""
    items = [data[i] for i in range(len(data))]
    for i, item in enumerate(items):
        if hasattr(item, "node_types"):
            raise ValueError(
                f"graph {i} is heterogeneous; only graphs of one node type can be condensed: "
                "give data.to_homogeneous()"
            )
        if not hasattr(item, "edge_index") and not hasattr(item, "x"):
            raise ValueError(
                f"graph {i} is a {type(item).__name__}; give PyG Data with x, edge_index and y"
            )
        _check_fields(item.keys() if hasattr(item, "keys") else (), f"graph {i}")

    def given(name: str) -> list[Any]:
        values = [getattr(item, name, None) for item in items]
        return [torch.as_tensor(v) if isinstance(v, np.ndarray) else v for v in values]

    xs = _all_or_none(given("x"), "x")
    x, sizes = None, [int(getattr(item, "num_nodes", None) or 0) for item in items]
    if xs is not None and all(map(_no_columns, xs)):
        sizes, xs = [len(value) for value in xs], None
    if xs is not None:
        x, sizes = _joined(xs, "x"), [len(value) for value in xs]
    index = [_edge_rows(value, i) for i, value in enumerate(given("edge_index"))]
    edges = [rows.shape[1] for rows in index]
    weights = _all_or_none(given("node_weight"), "node_weight")
    if weights is not None:
        rows = torch.tensor([len(w) for w in weights])
        _same_counts(rows, torch.tensor(sizes), "node_weight", "nodes")
    labels = given("y")
    lacking = next((i for i, y in enumerate(labels) if y is None), None)
    if lacking is not None:
        raise ValueError(f"graph {lacking} has no label y")
    ys = [as_tensor(y, f"graph {i}") for i, y in enumerate(labels)]
    counts = [y.numel() for y in ys]
    if counts == sizes and len(set(counts)) > 1:
        raise ValueError(
            "y has a label for each node: graphs that have a label each can be condensed, or one "
            "graph whose nodes have"
        )
    _same_width(counts, "labels")
    if any(y.is_floating_point() for y in ys):
        ys = [y.float() for y in ys]
    return _Held(
        x=x,
        sizes=torch.tensor(sizes),
        edge_index=torch.cat(index, 1),
        edges=torch.tensor(edges),
        edge_attr=_edge_attr(given("edge_attr"), edges),
        y=torch.stack([y.reshape(-1) for y in ys]),
        plain=all(y.dim() < 2 for y in ys),
        node_weight=None
        if weights is None
        else torch.cat([w.detach().cpu().flatten().float() for w in weights]),
    )


def _no_columns(x: Any) -> bool:
    """Whether features are there by name alone, as of a TUDataset that was not asked for them."""
    return isinstance(x, Tensor) and x.dim() == 2 and not x.shape[1] and len(x) > 0


def _all_or_none(given: list[Any], name: str) -> list[Any] | None:
    if all(value is None for value in given):
        return None
    for i, value in enumerate(given):
        if value is None:
            raise ValueError(f"graph {i} has no {name}, others have: give all of them {name}")
    return given


def _edge_rows(edges: Any, i: int) -> Tensor:
    """``edge_index`` of one graph (or of all) as int64 ``[2, m]`` on the CPU."""
    if edges is None:
        return torch.empty(2, 0, dtype=torch.long)
    if not isinstance(edges, Tensor) or edges.dim() != 2 or edges.shape[0] != 2:
        shape = list(edges.shape) if isinstance(edges, Tensor) else type(edges).__name__
        raise ValueError(f"graph {i}: edge_index must be [2, edges], got {shape}")
    # torch.empty(2, 0) is a float tensor, and means no edges.
    if edges.numel() and (edges.is_floating_point() or edges.dtype == torch.bool):
        raise ValueError(f"graph {i}: edge_index must be integer node ids, got {edges.dtype}")
    return edges.detach().cpu().long()


def _edge_attr(given: list[Any], edges: list[int]) -> Tensor | None:
    """Edge features of all graphs; those without edges need not have any."""
    rows: list[Tensor | None] = []
    for i, (attr, m) in enumerate(zip(given, edges, strict=True)):
        if isinstance(attr, Tensor) and attr.dim() == 2 and not attr.shape[1]:
            attr = None  # a TUDataset whose edge attributes were not asked for
        if not m and (attr is None or attr.dim() == 1):
            attr = None
        elif attr is not None and (not isinstance(attr, Tensor) or len(attr) != m):
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


def _joined(given: list[Any], name: str) -> Tensor:
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
    _same_width([value.shape[1] for value in rows], f"{what} features")
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


def _own_metric(data: Any) -> str | None:
    """The score that an OGB set is published with."""
    own = getattr(data, "eval_metric", None)
    name = {"acc": "accuracy"}.get(own, own) if isinstance(own, str) else None
    if name not in (None, *METRICS):
        raise ValueError(f"the data's own metric is {own!r}: give metric=, {', '.join(METRICS)}")
    return name


def _own_splits(data: Any) -> Splits | None:
    """The published splits, as positions in ``data``, which may be a part of its data set."""
    if not hasattr(data, "get_idx_split"):
        return None
    splits = {k: torch.as_tensor(v, dtype=torch.long) for k, v in data.get_idx_split().items()}
    if getattr(data, "_indices", None) is None:
        return splits
    position = {whole: i for i, whole in enumerate(data.indices())}
    return {
        name: torch.tensor([position[i] for i in part.tolist() if i in position], dtype=torch.long)
        for name, part in splits.items()
    }


# --- checks ----------------------------------------------------------------------------------


FIELDS = ("x", "edge_index", "edge_attr", "y", "node_weight")
"""What is read of a graph."""

_UNREAD = {
    "adj_t": "edge_index is read: leave out the transform ToSparseTensor",
    "edge_weight": "it is not read: make it a column of edge_attr, or remove it",
}


def _check_fields(names: Any, who: str) -> None:
    for name, advice in _UNREAD.items():
        if name in names:
            raise ValueError(f"{who}: there is {name}, but {advice}")


def _graph_of(row: int, ptr: Tensor) -> int:
    return int(torch.searchsorted(ptr, row, right=True)) - 1


def _check_values(features: Tensor, ptr: Tensor, what: str) -> None:
    if features.is_floating_point():
        bad = (~torch.isfinite(features)).any(1)
        if bool(bad.any()):
            i = _graph_of(int(bad.nonzero()[0]), ptr)
            raise ValueError(f"graph {i} has NaN or infinite {what} features")
    elif features.numel() and int(features.min()) < 0:
        row = int((features < 0).any(1).nonzero()[0])
        raise ValueError(
            f"graph {_graph_of(row, ptr)} has the {what} category {int(features[row].min())}; "
            "categories start at 0"
        )


def _check_ids(edge_index: Tensor, sizes: Tensor, ptr: Tensor) -> None:
    """Every edge joins nodes of its own graph; ids count from 0 in each graph."""
    outside = (edge_index < 0) | (edge_index >= torch.repeat_interleave(sizes, ptr.diff()))
    if bool(outside.any()):
        edge = int(outside.any(0).nonzero()[0])
        bad = int(edge_index[:, edge][outside[:, edge]][0])
        i = _graph_of(edge, ptr)
        raise ValueError(
            f"graph {i}: edge_index names node {bad}, but it has nodes 0..{int(sizes[i]) - 1}"
        )


def _same_counts(rows: Tensor, wanted: Tensor, name: str, unit: str) -> None:
    for i in (rows != wanted).nonzero().flatten().tolist():
        raise ValueError(
            f"graph {i}: {name} has {int(rows[i])} rows for its {int(wanted[i])} {unit}"
        )


def _same_width(widths: Sequence[int], what: str) -> None:
    wrong = next((i for i, width in enumerate(widths) if width != widths[0]), None)
    if wrong is not None:
        raise ValueError(
            f"graph {wrong} has {widths[wrong]} {what}, graph 0 has {widths[0]}: all graphs need "
            "the same"
        )


def _targets(y: Tensor, plain: bool, kind: Kind | None, metric: str | None) -> tuple[Tensor, Kind]:
    """Classes ``[G]``, or targets ``[G, T]``, and the kind of problem."""
    if not y.shape[1]:
        raise ValueError("y has no entries: each graph needs one label a task")
    kind = kind or _kind_of(y, plain, metric)
    if kind == "classes":
        return _classes(y), kind
    y = y.float()
    if bool(y.isinf().any()):
        raise ValueError(f"graph {int(y.isinf().any(1).nonzero()[0])} has an infinite target y")
    if kind == "binary" and not bool(((y == 0) | (y == 1) | y.isnan()).all()):
        i = int((~((y == 0) | (y == 1) | y.isnan())).any(1).nonzero()[0])
        raise ValueError(f"graph {i} has a label y that is not 0, 1 or NaN, as binary tasks have")
    return y, kind


def _kind_of(y: Tensor, plain: bool, metric: str | None) -> Kind:
    """What labels ``[G, T]`` are, by their looks, and by the score where that leaves it open."""
    known = y[~y.isnan()]
    binary = bool(((known == 0) | (known == 1)).all())
    # A plain integer is a class. OGB's tasks come as [1, T], with NaN where there is no label; one
    # integer in [1, 1] that is not 0 or 1 is a class too.
    single = y.shape[1] == 1
    if not y.is_floating_point() and single and (plain or not binary):
        return "classes"
    one_hot = is_one_hot(y)
    if not one_hot and (binary or not counts_up(known)):
        return "binary" if binary else "regression"
    said = next((k for k, fit in FITTING.items() if metric in fit), None)
    if said is not None and not (one_hot and metric == "accuracy"):
        return said
    raise ValueError(_either(y, known, one_hot))


_SAID = " (to graphcondense.data.as_graph_task, or on the command line --label-kind)"


def _either(y: Tensor, known: Tensor, one_hot: bool) -> str:
    """What labels are that may be one or the other, and how to say which."""
    if one_hot:
        return (
            f"the labels y {list(y.shape)} are one-hot: give one class a graph (y.argmax(-1)), or "
            f"kind='classes' if that is what they are, kind='binary' for {y.shape[1]} tasks{_SAID}"
        )
    values = torch.unique(known).tolist()
    numbers = "if they are numbers say kind='regression' or metric='rmse'"
    ways = {
        -1: "if -1 means no label make it NaN",
        0: "if they are classes make y integers, or say kind='classes'",
        1: "if they are classes make them integers from 0: y.long() - 1",
    }
    way = ways[int(values[0])]
    if values == [-1, 1]:
        way = "if they are two classes make them 0 and 1: y > 0"
    elif y.shape[1] > 1 and values[0] >= 0:
        way = "several tasks of more than two classes each cannot be condensed"
    return f"the labels y are {some([f'{v:g}' for v in values])}: {way}; {numbers}{_SAID}"


def _classes(y: Tensor) -> Tensor:
    """One class a graph ``[G]`` int64, -1 where there is none."""
    if is_one_hot(y):
        return y.argmax(1)
    if y.shape[1] != 1:
        raise ValueError(
            f"kind='classes' is for one label a graph, y has {y.shape[1]}: give one class each, or "
            "kind='binary' or 'regression' for several tasks"
        )
    y = y[:, 0]
    if y.is_floating_point():
        whole = (y == y.round()) | y.isnan()
        if not bool(whole.all()):
            i = int((~whole).nonzero()[0])
            raise ValueError(f"graph {i} has y = {float(y[i]):g}; classes are integers 0..C-1")
        y = y.nan_to_num(-1)
    y = y.long()
    if int(y.min()) < -1:
        i = int(y.argmin())
        raise ValueError(
            f"graph {i} has y = {int(y[i])}; classes are 0..C-1 (-1: no label): relabel with "
            "torch.unique(y, return_inverse=True)[1]"
        )
    return y


def _parts(splits: Splits, count: int) -> dict[str, Tensor]:
    if not isinstance(splits, Mapping):
        raise ValueError(
            f"splits={splits!r}: give indices by name (train, val, test), or 'stratified'"
        )
    renamed = {"val" if key == "valid" else key: value for key, value in splits.items()}
    if unknown := sorted(set(renamed) - {"train", "val", "test"}):
        raise ValueError(f"unknown split {unknown[0]!r}: name them train, val and test")
    out = {}
    for name in ("train", "val", "test"):
        part = torch.as_tensor(renamed.get(name, torch.empty(0, dtype=torch.long))).cpu()
        if part.dtype == torch.bool:
            if tuple(part.shape) != (count,):
                raise ValueError(
                    f"split {name!r} is a mask of shape {list(part.shape)} for {count} graphs"
                )
            part = part.nonzero()
        elif part.numel() and part.is_floating_point():
            raise ValueError(f"split {name!r} must be graph indices or a mask, got {part.dtype}")
        part = part.long().flatten()
        if len(part) and (int(part.min()) < 0 or int(part.max()) >= count):
            bad = int(part.min()) if int(part.min()) < 0 else int(part.max())
            raise ValueError(f"split {name!r} names graph {bad}, but there are 0..{count - 1}")
        if len(torch.unique(part)) < len(part):
            raise ValueError(f"split {name!r} names a graph twice")
        out[name] = part
    for a, b in (("train", "val"), ("train", "test"), ("val", "test")):
        both = np.intersect1d(out[a].numpy(), out[b].numpy())
        if len(both):
            raise ValueError(
                f"splits {a} and {b} share {len(both)} graphs (first: {both[0]}); they must be "
                "disjoint"
            )
    return out


def _labelled(y: Tensor, part: Tensor, kind: Kind, split: str) -> Tensor:
    """The graphs of a split that have a label of any task."""
    known = y[part] >= 0 if kind == "classes" else ~y[part].isnan()
    if split == "train":
        if kind == "classes" and not bool(known.all()):
            i = int(part[~known][0])
            raise ValueError(
                f"graph {i} has y = -1; classes are 0..C-1. -1 stands for no label, and the split "
                "'train' has this graph: leave such graphs out, or relabel if it is a class, as "
                "(y > 0).long() does with -1 and 1"
            )
        if kind != "classes" and (lacking := (~known.any(0)).nonzero().flatten().tolist()):
            raise ValueError(
                f"task {some(lacking)} has no label in the training split (all NaN); remove its "
                "column from y"
            )
    kept = part[known if kind == "classes" else known.any(1)]
    if len(part) and not len(kept):
        raise ValueError(
            f"no graph of the split {split!r} has a label ({len(part):,} graphs, all -1 or NaN): "
            "give another split, or none of that name"
        )
    return kept


def _encoding(features: Tensor, ptr: Tensor, train: Tensor, what: str) -> Encoding | None:
    """Of the values that training graphs have."""
    if features.is_floating_point():
        return None
    rows, _ = ranges(ptr, train)
    seen = features[rows]
    found = Encoding.of(seen if len(seen) else features.new_zeros(1, features.shape[1]))
    if found.width > MOST_COLUMNS:
        raise ValueError(
            f"{what} features are integers, which are categories: training graphs have "
            f"{found.width:,} different values, and each becomes a column of which there may be "
            f"{MOST_COLUMNS:,}; make numbers floats, and ids of nodes no features"
        )
    return found


def _check_splits(y: Tensor, train: Tensor, kind: Kind) -> None:
    """Every class needs training graphs, and a score needs something to tell apart."""
    if kind == "classes":
        count_classes(y[y >= 0], y[train], "graphs", "; if y are numbers say kind='regression'")
    if kind == "binary":
        own = y[train]
        for value in (0, 1):
            lacking = (~(own == value).any(0)).nonzero().flatten().tolist()
            if lacking:
                raise ValueError(
                    f"task {some(lacking)} has no training graph of class {value}; draw another "
                    "split or remove its column from y"
                )


def check_has_length(data: Any) -> None:
    """Raise a ValueError for a data set that can only be read from front to back.

    PyTorch's ``IterableDataset`` may be endless: it is not read without being asked.
    """
    if not hasattr(data, "__len__") or isinstance(data, torch.utils.data.IterableDataset):
        raise ValueError(
            f"the data set {type(data).__name__} can only be read from front to back; pass "
            "list(dataset) if it ends"
        )
