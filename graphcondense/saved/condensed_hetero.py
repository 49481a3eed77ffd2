"""A condensed heterogeneous graph: PyG's ``HeteroData`` with a record of its making."""

from __future__ import annotations

import copy
import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Self

import torch
from torch import Tensor
from torch_geometric.data import Data, HeteroData

from graphcondense.ops.json import read_json
from graphcondense.saved.checks import (
    EXACT,
    Expected,
    Tensors,
    check_soft,
    check_tensors,
    label_kind_of,
    needing,
    outputs_of,
)
from graphcondense.saved.condensed_graph import CondensedGraph
from graphcondense.saved.shown import Shown

if TYPE_CHECKING:
    from graphcondense.ops.types import Record

TYPES, RELATIONS = 32, 256
"""Types of nodes and relations that a file holds, at most."""

LONGEST = 2**16
"""Bytes of the names of all types and relations, at most."""


def _numbered(name: str, count: int) -> tuple[str, ...]:
    return tuple(f"{name}_{i}" for i in range(count))


FEATURES = _numbered("x", TYPES)
EDGES, WEIGHTS = _numbered("edge_index", RELATIONS), _numbered("edge_weight", RELATIONS)
GROUPS = _numbered("assignment", TYPES)
NAMES = ("schema", "y", "train_mask", *FEATURES, *GROUPS, *EDGES, *WEIGHTS)
"""The tensors of a condensed heterogeneous graph, in the order in which they are stored; ``schema``
has the names of types and relations as JSON in UTF-8, the target type first, and number ``i`` in
the name of another tensor is a place in it."""


class CondensedHetero(Shown, HeteroData):  # type: ignore[misc]
    """A small heterogeneous graph that stands in for a large one, in every respect a
    ``HeteroData``.

    Every type has ``x [n, d]`` float32 and, where its nodes stand for groups of real ones,
    ``assignment [N]`` int64: the node of each real one. The target type has ``y``, classes ``[n]``,
    soft labels ``[n, C]`` or targets ``[n, T]`` (NaN for none), and ``train_mask [n]``. Every
    relation has ``edge_index [2, m]`` and, where some are not 1, ``edge_weight [m]``, to be summed:
    what mean aggregation gives a node of the real graph is here the weighted sum over its
    neighbours.

    Attributes:
        condensed: the record, values that JSON holds; it stays with copies and is no attribute
            that PyG collates.
        target: the type whose nodes have classes.

    >>> small = CondensedHetero()
    >>> small["author"].x, small["author"].y = torch.eye(2), torch.tensor([0, 1])
    >>> small.condensed = {"method": "by hand", "data": {"name": "toy", "nodes": 40}}
    >>> small.target, small
    ('author', CondensedHetero(by hand, 2 nodes, 0 edges, 5.0 % of toy))
    """

    def __setattr__(self, key: str, value: Any) -> None:
        if key == "condensed":  # PyG puts all attributes into a store, past properties
            type(self).condensed.fset(self, value)  # type: ignore[attr-defined]
        else:
            super().__setattr__(key, value)

    @property
    def condensed(self) -> Record:
        record: Record = self.__dict__.setdefault("_record", {})
        return record

    @condensed.setter
    def condensed(self, record: Record | None) -> None:
        self.__dict__["_record"] = {} if record is None else record

    @property
    def target(self) -> str:
        return target_of(self)

    @property
    def y(self) -> Tensor:
        """Its labels ``[n]`` or ``[n, C]``."""
        labels: Tensor = self[self.target].y
        return labels

    @property
    def inner(self) -> Data:
        """The nodes of the target type alone, with all relations between them as one, for a
        picture."""
        pairs = [self[kind] for kind in self.edge_types if kind[0] == kind[2] == self.target]
        none = torch.zeros(2, 0, dtype=torch.long)
        out = CondensedGraph(
            x=self[self.target].x,
            edge_index=torch.cat([none, *(store.edge_index for store in pairs)], 1),
            y=self.y,
        )
        out.condensed = self.condensed
        return out

    def clone(self, *args: str) -> Self:
        out = super().clone(*args)
        out.condensed = copy.deepcopy(self.condensed)
        return out  # type: ignore[no-any-return]

    def _sizes(self) -> dict[str, int]:
        labelled = [kind for kind in self.node_types if "y" in self[kind]]
        nodes = int(self[labelled[0]].num_nodes) if labelled else int(self.num_nodes or 0)
        edges = sum(int(store.num_edges) for store in self.edge_stores)
        return {"nodes": nodes, "edges": edges}


def target_of(small: HeteroData) -> str:
    """The type of nodes that has labels.

    Raises:
        ValueError: none has, or several have.
    """
    labelled = [kind for kind in small.node_types if "y" in small[kind]]
    if len(labelled) != 1:
        found = ", ".join(labelled) or "none"
        raise ValueError(f"one type of nodes has labels y in a condensed HeteroData, got {found}")
    return str(labelled[0])


def parts_of_hetero(small: HeteroData) -> tuple[Tensors, Mapping[str, object], tuple[str, ...]]:
    """The tensors of :data:`NAMES`, and names of what no file keeps."""
    target = target_of(small)
    kinds = [target, *(kind for kind in small.node_types if kind != target)]
    relations = list(small.edge_types)
    if len(kinds) > TYPES or len(relations) > RELATIONS:
        raise ValueError(
            f"a file holds {TYPES} types of nodes and {RELATIONS} relations at most, got "
            f"{len(kinds)} and {len(relations)}"
        )
    schema = json.dumps({"nodes": kinds, "relations": relations}).encode()
    found: dict[str, Tensor] = {"schema": torch.frombuffer(bytearray(schema), dtype=torch.uint8)}
    lost = []
    places = [(small[k], i, "x assignment", k) for i, k in enumerate(kinds)]
    places += [(small[r], i, "edge_index edge_weight", r) for i, r in enumerate(relations)]
    for store, i, names, of in places:
        for name, value in store.items():
            labels = of == target and name in ("y", "train_mask")
            if isinstance(value, Tensor) and (labels or name in names.split()):
                found[name if labels else f"{name}_{i}"] = value
            elif name != "num_nodes":
                lost.append(f"{name} of {of}")
    if "train_mask" not in found and isinstance(found.get("y"), Tensor):
        found["train_mask"] = torch.ones(len(found["y"]), dtype=torch.bool)
    lost += [str(name) for name in small._global_store if name != "condensed"]
    return {name: found[name] for name in NAMES if name in found}, {}, tuple(lost)


def size_of(tensors: Tensors) -> tuple[int, int]:
    """Nodes of all types, and edges of all relations."""
    nodes = sum(len(tensors[name]) for name in FEATURES if name in tensors)
    return nodes, sum(int(tensors[name].shape[1]) for name in EDGES if name in tensors)


def names_in(tensors: Tensors, where: str) -> tuple[list[str], list[tuple[str, str, str]]]:
    """The types and relations of the tensors, the target type first.

    Raises:
        ValueError: the schema is none; starts with ``where``.
    """
    need = needing(where)
    need("schema" in tensors, "schema is missing")
    schema = tensors["schema"]
    need(schema.dtype == torch.uint8 and schema.dim() == 1, "schema must be bytes")
    need(len(schema) <= LONGEST, f"its schema has {len(schema):,} bytes, over {LONGEST:,}")
    try:
        read: Any = read_json(bytes(schema.tolist()).decode(), "the schema")
    except ValueError as error:
        raise ValueError(f"{where}: its schema cannot be read: {error}"[:300]) from error
    kinds = read.get("nodes") if isinstance(read, dict) else None
    triples = read.get("relations") if isinstance(read, dict) else None
    need(
        isinstance(kinds, list) and isinstance(triples, list), "its schema has no nodes, relations"
    )
    assert isinstance(kinds, list)
    assert isinstance(triples, list)
    need(all(isinstance(kind, str) for kind in kinds), "its types of nodes must be text")
    need(0 < len(kinds) == len(set(kinds)) <= TYPES, f"it has {len(kinds)} types of nodes")
    for triple in triples:
        told = isinstance(triple, list) and len(triple) == 3
        told = told and all(isinstance(part, str) for part in triple)
        need(told and {triple[0], triple[2]} <= set(kinds), f"a relation is {str(triple)[:80]}")
    relations = [(a, b, c) for a, b, c in triples]
    need(len(relations) == len(set(relations)) <= RELATIONS, f"{len(relations)} relations")
    return kinds, relations


def hetero_of(tensors: Tensors, further: Tensors, record: Record) -> CondensedHetero:
    """The condensed graph of these tensors; :func:`parts_of_hetero` undone."""
    kinds, relations = names_in(tensors, "the condensed graph")
    out = CondensedHetero()
    for i, kind in enumerate(kinds):
        for name in ("x", "assignment"):
            if f"{name}_{i}" in tensors:
                out[kind][name] = tensors[f"{name}_{i}"]
    for name in ("y", "train_mask"):
        out[kinds[0]][name] = tensors[name]
    for i, relation in enumerate(relations):
        for name in ("edge_index", "edge_weight"):
            if f"{name}_{i}" in tensors:
                out[relation][name] = tensors[f"{name}_{i}"]
    out.condensed = record
    return out


def check_hetero(tensors: Tensors, where: str, record: Record, further: Tensors) -> None:
    """Raise a ValueError that starts with ``where`` unless these are a condensed graph's."""
    need = needing(where)
    need(not further, f"tensors of unknown names: {', '.join(sorted(further))[:200]}")
    kinds, relations = names_in(tensors, where)
    for name in ("y", "train_mask", *FEATURES[: len(kinds)], *EDGES[: len(relations)]):
        need(name in tensors, f"{name} is missing")
    beyond = [*FEATURES[len(kinds) :], *GROUPS[len(kinds) :]]
    beyond += [*EDGES[len(relations) :], *WEIGHTS[len(relations) :]]
    for name in (name for name in beyond if name in tensors):
        need(False, f"{name} is of a type or relation that its schema does not name")
    counts, expected = {}, dict[str, tuple[tuple[int, ...], torch.dtype]]()
    for kind, name, group in zip(kinds, FEATURES, GROUPS, strict=False):
        x = tensors[name]
        need(x.dim() == 2 and 0 not in x.shape, f"{name} must be [nodes, features] of {kind}")
        counts[kind] = len(x)
        expected[name] = (tuple(x.shape), torch.float32)
        expected[group] = ((tensors.get(group, x).numel(),), torch.int64)
    y, n, labels = tensors["y"], counts[kinds[0]], label_kind_of(record)
    soft = y.dim() == 2
    expected["schema"] = (tuple(tensors["schema"].shape), torch.uint8)
    expected["y"] = ((n, y.shape[1]), torch.float32) if soft else ((n,), torch.int64)
    expected["train_mask"] = ((n,), torch.bool)
    for name, weight in zip(EDGES, WEIGHTS, strict=True):
        m = tensors[name].shape[-1] if name in tensors and tensors[name].dim() == 2 else -1
        expected |= {name: ((2, m), torch.int64), weight: ((m,), torch.float32)}
    shapes: Expected = expected
    # Labels may have holes, as those of real nodes have.
    check_tensors(tensors, shapes, where, holes="y")
    for (source, _, end), name, weight in zip(relations, EDGES, WEIGHTS, strict=False):
        for row, kind in zip(tensors[name], (source, end), strict=True):
            for bad in row[(row < 0) | (row >= counts[kind])][:1].tolist():
                need(False, f"{name} names node {bad} of {kind!r}, which has {counts[kind]}")
        if weight in tensors:
            need(bool((tensors[weight] >= 0).all()), f"{weight} has weights below 0")
    for kind, group in zip(kinds, GROUPS, strict=False):
        of = tensors.get(group, torch.zeros(0, dtype=torch.long))
        for bad in of[(of < -1) | (of >= counts[kind])][:1].tolist():
            need(False, f"{group} names node {bad} of {kind!r}, which has {counts[kind]}")
    classes = outputs_of(record)
    need(
        soft or labels == "classes",
        f"y must have two dimensions: labels are {labels}",
    )
    if soft:
        need(y.shape[1] == (classes or y.shape[1]), f"y has {y.shape[1]} columns, not {classes}")
        known, lowest = y[~y.isnan()], 0.0
        if labels in ("classes", "soft"):
            check_soft(y, tensors["train_mask"], where)
            lowest = -EXACT
        right = labels == "regression" or bool((known >= lowest).all())
        need(right, "soft labels y must not be below 0")
        for bad in known[known > 1][:1].tolist() if labels == "binary" else ():
            need(False, f"y has the label {bad:g}; binary tasks have 0, 1 and what is between")
    else:
        top, low = int(y.max()), int(y.min())
        need(low >= 0, f"y has class {low}; classes are 0..C-1")
        need(classes is None or top < classes, f"y has class {top}, but there are {classes}")
