"""A condensed graph and condensed images: PyG's ``Data`` with a record of their making."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import TYPE_CHECKING, Self

import numpy as np
import torch
from torch import Tensor
from torch_geometric.data import Data
from torch_geometric.utils import is_sparse, to_edge_index

from graphcondense.ops.arrays import real_numbers, sparse
from graphcondense.saved.checks import (
    Expected,
    Tensors,
    check_further,
    check_soft,
    check_tensors,
    label_kind_of,
    needing,
    outputs_of,
)
from graphcondense.saved.compact import PREFIX, check_parts, parts_of
from graphcondense.saved.shown import Shown

if TYPE_CHECKING:
    from graphcondense.ops.types import Record

PREPROCESS = tuple(PREFIX + name for name in ("mean", "std", "basis", "scale", "rest"))
"""What a preprocessing of images may hold; see :mod:`graphcondense.data.preprocess`."""

NAMES = ("x", "edge_index", "edge_weight", "y", "train_mask", "assignment", *PREPROCESS)
"""The tensors of a condensed graph, or of images, in the order in which they are stored."""

MAPPING = parts_of("mapping")
"""Further tensors of a condensed graph: to which of its nodes each real one belongs, by row; see
:func:`~graphcondense.saved.content.mapping_matrix`."""


class Recorded(Shown, Data):  # type: ignore[misc]
    """PyG's ``Data`` with a record, in every respect a ``Data``.

    What is known of its making stays with copies, pickles and transforms, but is no attribute that
    PyG collates: records differ in their keys. So a batch of condensed sets, and what is taken out
    of one, has an empty record.

    Attributes:
        condensed: the record, values that JSON holds; a dict.
    """

    @property
    def condensed(self) -> Record:
        record: Record = self.__dict__.setdefault("_record", {})
        return record

    @condensed.setter
    def condensed(self, record: Record | None) -> None:
        self.__dict__["_record"] = {} if record is None else record

    def clone(self, *args: str) -> Self:
        out = super().clone(*args)
        out.condensed = copy.deepcopy(self.condensed)
        return out  # type: ignore[no-any-return]


class CondensedGraph(Recorded):
    """A small graph that stands in for a large one.

    >>> import torch
    >>> small = CondensedGraph(x=torch.eye(2), edge_index=torch.tensor([[0], [1]]))
    >>> small.condensed = {"method": "by hand", "data": {"name": "toy", "nodes": 40}}
    >>> small, "condensed" in small
    (CondensedGraph(by hand, 2 nodes, 1 edge, 5.0 % of toy), False)
    >>> small.clone().condensed["method"]
    'by hand'
    """

    def _sizes(self) -> dict[str, int]:
        return {"nodes": int(self.num_nodes or 0), "edges": int(self.num_edges)}


class CondensedImages(Recorded):
    """A few images that stand in for many: ``x [n, c, h, w]``, ``y [n]``, and no edges."""

    def _sizes(self) -> dict[str, int]:
        return {"images": int(self.num_nodes or 0)}


def graph_of(tensors: Tensors, further: Tensors, record: Record) -> Recorded:
    """The condensed graph, or images, of these tensors; :func:`parts_of_graph` undone."""
    form = CondensedImages if tensors["x"].dim() == 4 else CondensedGraph
    small = form(**tensors, **further)
    small.condensed = record
    return small


def parts_of_graph(
    small: Data,
) -> tuple[Tensors, Mapping[str, object], tuple[str, ...]]:
    """The tensors of :data:`NAMES`, what else the graph has, and names of what no file keeps."""
    found = {name: _as_tensor(getattr(small, name, None)) for name in NAMES}
    given = {name: value for name, value in found.items() if value is not None}
    stored = dict(small.to_dict()) if isinstance(small, Data) else {}
    used = {*NAMES, "condensed"}
    if "x" in given:
        n = len(given["x"])
        if "edge_index" not in given:
            name, edges = _edges_of(small, n)
            given, used = given | edges, used | set(name)
        given.setdefault("train_mask", torch.ones(n, dtype=torch.bool))
        if stored.get("num_nodes") == n:
            used.add("num_nodes")
    if "edge_index" in given:
        used.add("adj_t")
    others = {k: v for k, v in stored.items() if k not in used and v is not None}
    lost = tuple(k for k in NAMES if stored.get(k) is not None and k not in given)
    return {k: given[k] for k in NAMES if k in given}, others, lost


def _as_tensor(value: object) -> Tensor | None:
    """A tensor as it is; an array or list as one, its floats in single precision."""
    if isinstance(value, np.ndarray | list):
        try:
            made = torch.as_tensor(value)
        except (TypeError, ValueError, RuntimeError):
            return None
        return made.float() if made.is_floating_point() else made
    return value if isinstance(value, Tensor) else None


def _edges_of(small: Data, n: int) -> tuple[list[str], dict[str, Tensor]]:
    """``edge_index`` and ``edge_weight`` of ``adj_t`` (``[i, j]`` is the edge j -> i) or of ``adj``
    (the edge i -> j), and which of them it was; nothing of what is no matrix of ``n`` nodes."""
    for name in ("adj_t", "adj"):
        matrix = getattr(small, name, None)
        if matrix is None:
            continue
        if is_sparse(matrix):
            real_numbers(matrix, name)
            (row, column), weight = to_edge_index(matrix)
        else:
            try:
                entries = sparse(matrix, name).tocoo()
            except (TypeError, ValueError, AttributeError):
                continue
            if entries.shape != (n, n):
                continue
            row, column = (torch.from_numpy(i).long() for i in (entries.row, entries.col))
            weight = torch.from_numpy(entries.data)
        edges = {"edge_index": torch.stack([column, row] if name == "adj_t" else [row, column])}
        return [name], edges | ({"edge_weight": weight.float()} if weight.dim() == 1 else {})
    return [], {}


def check_graph(tensors: Tensors, where: str, record: Record, further: Tensors) -> None:
    """Raise a ValueError that starts with ``where`` unless these are a condensed graph's."""
    need = needing(where)
    for name in ("x", "edge_index", "y", "train_mask"):
        need(name in tensors, f"{name} is missing")
    x, edges, y = tensors["x"], tensors["edge_index"], tensors["y"]
    need(x.dim() >= 2, f"x must be [nodes, features], got {tuple(x.shape)}")
    n, m = len(x), edges.shape[-1] if edges.dim() == 2 else -1
    soft, kind = y.dim() == 2, label_kind_of(record)
    expected: Expected = {
        "x": ((n, *x.shape[1:]), torch.float32),  # images have more than one dimension
        "edge_index": ((2, m), torch.int64),
        "edge_weight": ((m,), torch.float32),
        "y": ((n, y.shape[1]), torch.float32) if soft else ((n,), torch.int64),
        "train_mask": ((n,), torch.bool),
        "assignment": ((tensors.get("assignment", y).numel(),), torch.int64),
        # Floats of any shape: the preprocessing itself knows which.
        **{k: (tuple(tensors[k].shape), torch.float32) for k in PREPROCESS if k in tensors},
    }
    # Labels may have holes, as those of real nodes have.
    check_tensors(tensors, expected, where, size=f" for {n} nodes", holes="y")
    need(n > 0, "it has no nodes")
    for bad_edge in edges[(edges < 0) | (edges >= n)][:1]:
        need(False, f"edge_index names node {int(bad_edge)}, but there are nodes 0..{n - 1}")
    if "assignment" in tensors:
        group = tensors["assignment"]
        for bad in group[(group < -1) | (group >= n)][:1]:
            need(False, f"assignment names node {int(bad)}, but there are nodes 0..{n - 1}, or -1")
    if not further.keys().isdisjoint(MAPPING):
        check_parts("mapping", further, n, where)
        shares = further[MAPPING[-1]]
        for bad in shares[~torch.isfinite(shares) | (shares < 0)][:1].tolist():
            need(False, f"{MAPPING[-1]} must be finite and not negative, got {bad}")
    classes = outputs_of(record)
    need(soft or kind == "classes", f"y must have two dimensions: labels are {kind}")
    if soft and kind in ("classes", "soft"):
        check_soft(y, tensors["train_mask"], where)
    if kind == "binary":
        known = y[~y.isnan()]
        for bad in known[(known < 0) | (known > 1)][:1].tolist():
            need(False, f"y has the label {bad:g}; binary tasks have 0, 1 and what is between")
    if soft:
        need(y.shape[1] == (classes or y.shape[1]), f"y has {y.shape[1]} columns, not {classes}")
    else:
        for node in ((y < -1) | ((y < 0) & tensors["train_mask"])).nonzero().flatten()[:1]:
            told = "classes are 0..C-1, and -1 outside train_mask alone"
            need(False, f"y has class {int(y[node])} at node {int(node)}; {told}")
        top = int(y.max())
        need(classes is None or top < classes, f"y has class {top}, but there are {classes}")
    for name, rows, of in (("edge_attr", m, "edges"), ("pos", n, "nodes")):
        value = further.get(name)
        if value is not None and (value.dim() == 0 or len(value) != rows):
            shape = list(value.shape)
            need(False, f"{name} must have a row for each of {rows} {of}, got {shape}")
    check_further(further, None, where, parts_of("x"))
