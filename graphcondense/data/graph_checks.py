"""Checks of graphs, labels and splits: each names the graph, the value and the fix."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence, Set
from typing import Any

import torch
from torch import Tensor

from graphcondense.data import targets
from graphcondense.data.by_part import PARTS, by_part
from graphcondense.data.graph_task import Encoding, Splits
from graphcondense.data.labels import count_classes, counts_up, few, is_one_hot, overlap
from graphcondense.data.node_splits import MASKS
from graphcondense.data.targets import FITTING, LabelKind
from graphcondense.ops.arrays import check_sizes, plain
from graphcondense.ops.fields import brief
from graphcondense.saved.graph_set import ranges

MOST_COLUMNS = 10_000
"""Different values of categories that are encoded, at most: each becomes a column."""

FIELDS = ("x", "edge_index", "edge_attr", "y", "node_weight")
"""What is read of a graph."""

INPUTS = (
    *("pos", "z", "atomic_numbers", "atom_type", "atom_types", "charges", "node_type"),
    *("feat", "feats", "features", "node_attr", "node_feat", "node_features", "node_label"),
)
"""What people and other libraries call that which a model reads of nodes, where it is not ``x``."""

_SPLIT = (
    "a set of graphs is split by graphs: say which with splits=, indices by train, val and test, "
    "and remove it"
)
_UNREAD = {
    "adj_t": "edge_index is read: leave out the transform ToSparseTensor",
    "adj": "edge_index is read: leave out the transform ToDense",
    "edge_weight": "it is not read: make it a column of edge_attr, or remove it",
    "edge_type": "it is not read: make it edge_attr (integers are categories), or remove it",
    **{name: _SPLIT for names in MASKS.values() for name in names},
}


def check_names(names: Collection[str], who: str) -> None:
    """Raise a ValueError for what a graph has and would be missed."""
    for name, advice in _UNREAD.items():
        if name in names:
            raise ValueError(f"{who}: there is {name}, but {advice}")
    if "face" in names and "edge_index" not in names:
        raise ValueError(
            f"{who}: there is face and no edge_index: torch_geometric.transforms.FaceToEdge() "
            "makes edges of faces"
        )


def refuse_unread(names: Sequence[str]) -> None:
    """Raise a ValueError for :data:`INPUTS` where no graph has ``x``."""
    if names:
        raise ValueError(
            f"no graph has x, but all have {names[0]}, a value of each node: features are read of "
            f"x, data.x = data.{names[0]} (integers are categories), in a file before it is saved; "
            f"or say features='ones' or features='degree' to graphcondense.data.as_graph_task; or "
            f"leave it out, del data.{names[0]}"
        )


def _graph_of(row: int, ptr: Tensor) -> int:
    return int(torch.searchsorted(ptr, row, right=True)) - 1


def check_values(features: Tensor, ptr: Tensor, what: str) -> None:
    if features.is_floating_point():
        bad = (~torch.isfinite(features)).any(1)
        if bool(bad.any()):
            i = _graph_of(int(bad.nonzero()[0]), ptr)
            raise ValueError(f"graph {i} has NaN or infinite {what} features")
        check_sizes(features, f"a {what} feature")
    elif features.numel() and int(features.min()) < 0:
        row = int((features < 0).any(1).nonzero()[0])
        raise ValueError(
            f"graph {_graph_of(row, ptr)} has the {what} category {int(features[row].min())}; "
            "categories start at 0"
        )


def check_ids(edge_index: Tensor, sizes: Tensor, ptr: Tensor) -> None:
    """Every edge joins nodes of its own graph; ids count from 0 in each graph."""
    outside = (edge_index < 0) | (edge_index >= torch.repeat_interleave(sizes, ptr.diff()))
    if bool(outside.any()):
        edge = int(outside.any(0).nonzero()[0])
        bad = int(edge_index[:, edge][outside[:, edge]][0])
        i = _graph_of(edge, ptr)
        raise ValueError(
            f"graph {i}: edge_index names node {bad}, but it has nodes 0..{int(sizes[i]) - 1}"
        )


def rows_by_name(items: Sequence[Any]) -> dict[str, list[int]]:
    """How many rows the tensors of each graph have, by their names."""
    out: dict[str, list[int]] = {}
    for item in items:
        for name in item.keys() if hasattr(item, "keys") else ():
            value = item[name]
            rows = value.shape[0] if getattr(value, "ndim", 0) else 0  # no len of SciPy's matrices
            out.setdefault(name, []).append(rows)
    return out


def values_of_nodes(rows: Mapping[str, list[int]], sizes: list[int]) -> list[str]:
    """Which of :data:`INPUTS` have a row for each node of all graphs."""
    if max(sizes) < 2:
        return []  # so has every value of a graph
    return [name for name in rows if name in INPUTS and rows[name] == sizes]


def same_counts(rows: Tensor, wanted: Tensor, name: str, unit: str) -> None:
    for i in (rows != wanted).nonzero().flatten().tolist():
        raise ValueError(
            f"graph {i}: {name} has {int(rows[i])} rows for its {int(wanted[i])} {unit}"
        )


def same_width(widths: Sequence[int], what: str) -> None:
    wrong = next((i for i, width in enumerate(widths) if width != widths[0]), None)
    if wrong is not None:
        raise ValueError(
            f"graph {wrong} has {widths[wrong]} {what}, graph 0 has {widths[0]}: all graphs need "
            "the same"
        )


def targets_of(
    y: Tensor, plain: bool, label_kind: LabelKind | None, metric: str | None
) -> tuple[Tensor, LabelKind]:
    """Classes ``[G]``, or targets ``[G, T]``, and what labels they are."""
    if not y.shape[1]:
        raise ValueError("y has no entries: each graph needs one label a task")
    label_kind = label_kind or _label_kind_of(y, plain, metric)
    if label_kind == "soft":
        raise ValueError(
            "soft labels are for the nodes of one graph; of graphs y.argmax(-1) makes one class "
            f"each, and the probabilities are numbers by label_kind='regression'{_SAY}"
        )
    if label_kind == "classes":
        return _classes(y), label_kind
    y = targets.check_values(y, label_kind, "graph")
    check_sizes(y[~y.isnan()], "a target y")
    return y, label_kind


def _label_kind_of(y: Tensor, plain: bool, metric: str | None) -> LabelKind:
    """What labels ``[G, T]`` are, by their looks, and by the score where that leaves it open."""
    known = y[~y.isnan()]
    binary = bool(((known == 0) | (known == 1)).all())
    # A plain integer is a class. OGB's tasks come as [1, T], with NaN where there is no label; one
    # integer in [1, 1] that is not 0 or 1 is a class too.
    single = y.shape[1] == 1
    if not y.is_floating_point() and single and (plain or not binary):
        return "classes"
    one_hot = is_one_hot(y)
    if not binary and metric is None and targets.are_probabilities(y):
        raise ValueError(
            f"the labels y {list(y.shape)} add up to one: if they are probabilities of classes "
            f"y.argmax(-1) makes one class a graph, if they are numbers say "
            f"label_kind='regression'{_SAY}"
        )
    if not one_hot and (binary or not counts_up(known)):
        return "binary" if binary else "regression"
    fitting = next((k for k, fit in FITTING.items() if metric in fit), None)
    if fitting is not None and not (one_hot and metric == "accuracy"):
        return fitting
    raise ValueError(_either(y, known, one_hot))


_SAY = " (to graphcondense.data.as_graph_task, or on the command line --label-kind)"


def _either(y: Tensor, known: Tensor, one_hot: bool) -> str:
    """What labels are that may be one or the other, and how to say which."""
    if one_hot:
        return (
            f"the labels y {list(y.shape)} are one-hot: give one class a graph (y.argmax(-1)), or "
            f"label_kind='classes' if that is what they are, label_kind='binary' for "
            f"{y.shape[1]} tasks{_SAY}"
        )
    values = torch.unique(known).tolist()
    numbers = "if they are numbers say label_kind='regression' or metric='rmse'"
    ways = {
        -1: "if -1 means no label make it NaN",
        0: "if they are classes make y integers, or say label_kind='classes'",
        1: "if they are classes make them integers from 0: y.long() - 1",
    }
    way = ways[int(values[0])]
    if values == [-1, 1]:
        way = "if they are two classes make them 0 and 1: y > 0"
    elif y.shape[1] > 1 and values[0] >= 0:
        way = "several tasks of more than two classes each cannot be condensed"
    return f"the labels y are {few([f'{v:g}' for v in values])}: {way}; {numbers}{_SAY}"


def _classes(y: Tensor) -> Tensor:
    """One class a graph ``[G]`` int64, -1 where there is none."""
    if is_one_hot(y):
        return y.argmax(1)
    if y.shape[1] != 1:
        raise ValueError(
            f"label_kind='classes' is for one label a graph, y has {y.shape[1]}: give one class "
            "each, or label_kind='binary' or 'regression' for several tasks"
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


def split_parts(splits: Splits, count: int) -> dict[str, Tensor]:
    if not isinstance(splits, Mapping):
        raise ValueError(
            f"splits={brief(splits)}: give indices by name (train, val, test), or 'stratified'"
        )
    given = by_part(splits)
    out = {}
    for name in PARTS:
        part = _ids(given.get(name, ()), name)
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
            mask = len(part) == count and int(part.max()) <= 1
            hint = ": a mask is bool, so make it .bool()" if mask else ""
            raise ValueError(f"split {name!r} names a graph twice{hint}")
        out[name] = part
    if shared := overlap(out):
        a, b, number, first = shared
        raise ValueError(
            f"splits {a} and {b} share {number} graphs (first: {first}); they must be disjoint"
        )
    return out


def _ids(given: Any, name: str) -> Tensor:
    """Indices of graphs, or a mask, from whatever holds them one by one."""
    ordered = not isinstance(given, Set)
    one_by_one = isinstance(given, Iterable) and not hasattr(given, "__array__")
    if one_by_one and not isinstance(given, str | bytes | Mapping):
        given = list(given)
        if given and hasattr(given[0], "edge_index"):
            raise ValueError(
                f"split {name!r} holds graphs: give them in place of data, "
                "{'train': graphs, 'val': graphs, 'test': graphs}, without splits="
            )
    ids = plain(given, f"split {name!r}") if len(given) else torch.empty(0, dtype=torch.long)
    return ids if ordered else ids.sort().values


def labelled(y: Tensor, part: Tensor, label_kind: LabelKind, split: str) -> Tensor:
    """The graphs of a split that have a label of any task."""
    known = y[part] >= 0 if label_kind == "classes" else ~y[part].isnan()
    if split == "train" and label_kind == "classes" and not bool(known.all()):
        i = int(part[~known][0])
        raise ValueError(
            f"graph {i} has y = -1; classes are 0..C-1. -1 stands for no label, and the split "
            "'train' has this graph: leave such graphs out, or relabel if it is a class, as "
            "(y > 0).long() does with -1 and 1"
        )
    kept = part[known if label_kind == "classes" else known.any(1)]
    if len(part) and not len(kept):
        raise ValueError(
            f"no graph of the split {split!r} has a label ({len(part):,} graphs, all -1 or NaN): "
            "give another split, or none of that name"
        )
    return kept


def encoding_of(features: Tensor | None, ptr: Tensor, train: Tensor, what: str) -> Encoding | None:
    """Of the values that training graphs have; ``None`` where features are no categories."""
    if features is None or features.is_floating_point():
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


def check_splits(y: Tensor, train: Tensor, label_kind: LabelKind) -> None:
    """Every class needs training graphs, and a score needs something to tell apart."""
    if label_kind == "classes":
        count_classes(
            y[y >= 0], y[train], "graphs", "; if y are numbers say label_kind='regression'"
        )
        return
    targets.check_trained(y[train], label_kind, "graph")
