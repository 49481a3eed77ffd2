"""Graphs that are given as arrays or behind PyG's stores, seen as what :func:`as_task` reads.

Nothing is copied: arrays, memory-mapped ones among them, are handed on as they are.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import copy
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import numpy as np
import scipy.sparse as sp
import torch
from torch import Tensor

from graphcondense.data.by_part import by_part
from graphcondense.data.labels import few
from graphcondense.data.parts import is_parts, joined
from graphcondense.ops.arrays import added_up, plain
from graphcondense.ops.blocks import Make, in_memory
from graphcondense.ops.fields import Natural, checked

if TYPE_CHECKING:
    from torch_geometric.data import FeatureStore, GraphStore

KEYS: dict[str, tuple[str, ...]] = {
    "x": ("node_feat", "x"),
    "edge_index": ("edge_index",),
    "y": ("labels", "label", "node_label", "y"),
    "split": ("split", "split_idx"),
}
"""What arrays are called in a mapping, OGB's own names first."""

FORM = (
    "{**graph, 'labels': labels, 'split': dataset.get_idx_split()}, with node_feat [n, d] and "
    "edge_index [2, m] in graph"
)
"""How to write a mapping."""

STORED = ("x", "y", "edge_weight", "train_mask", "val_mask", "test_mask")
"""What is read from a feature store."""


def is_raw(data: object) -> bool:
    """Whether ``data`` are one graph in one of the forms that :func:`opened` takes.

    >>> is_raw({"edge_index": None, "node_feat": None}), is_raw({"train": None}), is_raw([])
    (True, False, False)
    """
    if isinstance(data, Mapping):
        return any(key in data for key in ("edge_index", "node_feat")) or is_parts(data)
    return _stores(data) is not None


def opened(data: Any, make: Make = in_memory) -> Any:
    """A graph given otherwise than as a PyG ``Data``, as an object with the attributes of one.

    Args:
        data: one of

            * a mapping of arrays as OGB has them: ``node_feat [n, d]``, ``edge_index [2, m]``,
              ``labels [n]`` or ``[n, 1]`` (also ``label``, ``node_label``, ``y``) and ``split``, a
              mapping of ids of nodes by ``"train"``, ``"valid"`` and ``"test"``; perhaps
              ``edge_weight [m]``. Of OGB's ``dataset``:
              ``{**graph, "labels": labels, "split": dataset.get_idx_split()}``;
            * graphs whose nodes are labelled by ``"train"``, ``"val"`` and ``"test"``
              (:func:`~graphcondense.data.parts.joined`);
            * a pair of a PyG ``FeatureStore`` and a ``GraphStore``, or an object that is both, with
              one kind of nodes and one of edges; features ``x``, ``y`` and the masks
              ``train_mask``, ``val_mask``, ``test_mask``.

            Anything else is handed back as it is.
        make: makes the arrays that are yet needed: the weights of a graph store's edges.

    Raises:
        ValueError: something is missing; says what, and what there is.
    """
    if is_parts(data):
        return joined(data)
    if isinstance(data, Mapping):
        return _of_arrays(data)
    stores = _stores(data)
    return data if stores is None else _of_stores(*stores, make)


def _of_arrays(data: Mapping[str, Any]) -> SimpleNamespace:
    found = {
        ours: next((data[key] for key in theirs if data.get(key) is not None), None)
        for ours, theirs in KEYS.items()
    }
    for ours, theirs in KEYS.items():
        if found[ours] is None:
            also = f" (or {', '.join(theirs[1:])})" if theirs[1:] else ""
            there = few(map(str, data), 9) or "nothing"
            raise ValueError(
                f"the graph has no {theirs[0]}{also}; it has {there}. A mapping is "
                f"read as OGB's graphs are: {FORM}; of PyG's names, with masks, "
                "torch_geometric.data.Data(**data) is a graph"
            )
    x: Any = found["x"]
    n = int(x.shape[0]) if hasattr(x, "shape") else len(x)
    counted = checked("num_nodes", data.get("num_nodes"), Natural | None)
    if counted not in (None, n):
        raise ValueError(
            f"num_nodes={counted}, but {_called(data, 'x')} has {n} rows, one for each node"
        )
    split = found.pop("split")
    if not isinstance(split, Mapping):
        raise ValueError(
            "split must be a mapping of ids of nodes by 'train', 'valid' and 'test', got "
            f"{type(split).__name__}"
        )
    out = SimpleNamespace(**found, edge_weight=data.get("edge_weight"), name=data.get("name"))
    parts = by_part(split)
    if "train" not in parts:
        raise ValueError(f"split has no 'train'; it has {few(map(str, split), 9) or 'nothing'}")
    for name, ids in parts.items():
        setattr(out, f"{name}_mask", _mask(ids, f"split[{name!r}]", n))
    return out


def _called(data: Mapping[str, Any], ours: str) -> str:
    """What an array of :data:`KEYS` is called in a mapping."""
    return next(key for key in KEYS[ours] if data.get(key) is not None)


def _mask(ids: object, what: str, n: int) -> Tensor:
    """Ids of nodes as a mask ``[n]``; a mask stays one."""
    given = plain(ids, what).reshape(-1)
    if given.dtype == torch.bool and len(given) == n:
        return given
    if len(given) and (given.is_floating_point() or given.dtype == torch.bool):
        raise ValueError(f"{what} must be ids of nodes, got {given.dtype} of length {len(given)}")
    index = given.long()
    bad = index[(index < 0) | (index >= n)]
    if len(bad):
        raise ValueError(f"{what} names node {int(bad[0])}, but there are nodes 0..{n - 1}")
    out = torch.zeros(n, dtype=torch.bool)
    out[index] = True
    return out


def _stores(data: object) -> tuple[FeatureStore, GraphStore] | None:
    """The two stores that ``data`` are; PyG's own ``Data`` are read by their attributes."""
    both = data if isinstance(data, tuple) and len(data) == 2 else (data, data)
    if not all(hasattr(one, name) for one, name in zip(both, _METHODS, strict=True)):
        return None
    from torch_geometric.data import FeatureStore, GraphStore
    from torch_geometric.data.data import BaseData

    features, graph = both
    if any(isinstance(one, BaseData) for one in both):
        return None
    if not isinstance(features, FeatureStore) or not isinstance(graph, GraphStore):
        return None
    return features, graph


_METHODS = ("get_all_tensor_attrs", "get_all_edge_attrs")


def _of_stores(features: FeatureStore, graph: GraphStore, make: Make) -> SimpleNamespace:
    attrs = features.get_all_tensor_attrs()
    groups = list(dict.fromkeys(attr.group_name for attr in attrs))
    _one(groups, "feature store", "kinds of nodes")
    by_name = {attr.attr_name: attr for attr in attrs}
    for name in ("x", "y", "train_mask"):
        if name not in by_name:
            raise ValueError(
                f"the feature store has no {name}; it has {few(map(str, by_name), 9) or 'nothing'}"
            )
    values = {}
    for name in STORED:
        if name in by_name:
            whole = copy(by_name[name])
            whole.index = None  # of all nodes
            values[name] = features.get_tensor(whole)
    edges = graph.get_all_edge_attrs()
    _one(list(dict.fromkeys(attr.edge_type for attr in edges)), "graph store", "kinds of edges")
    # Of several layouts of the same edges: targets with their sources is how they are kept.
    order = ("csc", "coo", "csr")
    attr = min(edges, key=lambda attr: order.index(attr.layout.value))
    one, other = (plain(end, "the graph store's edges") for end in graph.get_edge_index(attr))
    out, layout = SimpleNamespace(**values), attr.layout.value
    if layout == "coo":
        out.edge_index = _joined(one, other, make)
    elif "edge_weight" in values:
        raise ValueError(
            f"the graph store has its edges as {layout.upper()} and the feature store an "
            "edge_weight, whose order is then unknown; give the edges as COO"
        )
    elif layout == "csc":
        out.adj_t = _compressed(other, one, len(values["x"]), make)
    else:
        out.adj = _compressed(one, other, len(values["x"]), make)
    return out


def _joined(source: Tensor, target: Tensor, make: Make) -> Tensor:
    """Both ends ``[2, m]``; nothing is copied where they are rows of one tensor."""
    apart = target.storage_offset() - source.storage_offset()
    same = source.untyped_storage().data_ptr() == target.untyped_storage().data_ptr()
    if len(source) != len(target):
        raise ValueError(
            f"the graph store has {len(source)} sources of edges and {len(target)} targets"
        )
    if same and apart > 0 and source.stride() == target.stride() == (1,):
        return source.as_strided((2, len(source)), (apart, 1))
    both = make("edges", (2, len(source)), np.dtype(np.int64))
    for row, ends in zip(both, (source, target), strict=True):
        row[:] = ends.numpy()
    return torch.from_numpy(both)


def _compressed(ptr: Tensor, ends: Tensor, n: int, make: Make) -> sp.csr_matrix:
    """Edges by node ``[n, n]``, each of weight one.

    Args:
        ptr: where those of a node begin ``[n + 1]``.
        ends: their other ends ``[m]``.
    """
    first, other = ptr.numpy(), ends.numpy()
    rising = len(first) == n + 1 and first[0] == 0 and (np.diff(first) >= 0).all()
    if not rising or first[-1] != len(other):
        raise ValueError(
            f"the graph store's {len(first)} pointers do not rise from 0 to its {len(other)} edges "
            f"over the {n} nodes that x has"
        )
    for bad in (other.min(initial=0), other.max(initial=0)):
        if not 0 <= bad < max(n, 1):
            raise ValueError(f"the graph store names node {bad}, but x has nodes 0..{n - 1}")
    ones = make("ones", other.shape, np.dtype(np.float32))
    ones[:] = 1
    return added_up(sp.csr_matrix((ones, other, first), shape=(n, n)))


def _one(kinds: Sequence[object], store: str, what: str) -> None:
    if not kinds:
        raise ValueError(f"the {store} has no {what}: nothing was put into it")
    if len(kinds) > 1:
        raise ValueError(
            f"the {store} has {len(kinds)} {what} ({few(map(str, kinds))}); a node task is one "
            "graph of one kind: give a store of one of them"
        )
