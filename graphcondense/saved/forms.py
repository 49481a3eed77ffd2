"""What a file of condensed data may hold: one :class:`Form` for each sort, and no other list."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

import torch
from torch import Tensor
from torch_geometric.data import Data, HeteroData

from graphcondense.ops.types import Record
from graphcondense.saved import (
    condensed_graph,
    condensed_graphs,
    condensed_hetero,
    condensed_links,
    condensed_rows,
)
from graphcondense.saved.checks import Tensors
from graphcondense.saved.condensed_graphs import CondensedGraphs
from graphcondense.saved.condensed_hetero import CondensedHetero
from graphcondense.saved.condensed_links import CondensedLinks
from graphcondense.saved.condensed_rows import CondensedInteractions
from graphcondense.saved.graph_set import GraphSet

Small: TypeAlias = Data | CondensedGraphs | CondensedInteractions | CondensedHetero
"""What is saved: a graph (or images), a set of graphs, users by items, or a heterogeneous graph."""


@dataclass(frozen=True)
class Contents:
    """What condensed data consist of: contiguous, on the CPU.

    Attributes:
        form: what they are.
        tensors: those that every reader knows, whole and in a fixed order.
        further: others, which no model trains on, by name.
        left_out: names of what no file can hold.
    """

    form: Form
    tensors: Tensors
    further: Tensors
    left_out: tuple[str, ...] = ()

    def check(self, record: object, where: str) -> None:
        """Raise a ValueError that starts with ``where`` unless the form can hold these."""
        if not isinstance(record, dict):
            raise ValueError(f"{where}: the record must be a dict, got {type(record).__name__}")
        self.form.check(self.tensors, where, record, self.further)


@dataclass(frozen=True)
class Form:
    """One sort of condensed data as a file has it.

    Attributes:
        name: what the file's header calls it.
        names: its tensors, in a fixed order.
        packed: those that may be stored by row, see :mod:`graphcondense.saved.compact`.
        counted: those that count in bytes: models train on them.
        types: classes of such data.
        parts: from such data to their tensors, to what else they carry, and to names of what is
            lost.
        check: see that tensors are such data, given what a message begins with, the record and
            further tensors.
        made: such data from tensors, further tensors and a record.
        count: how many examples there are.
        stands: what a card says of so many examples: what they stand for, and what opens.
        size: nodes and edges of all types, where there are several.
    """

    name: str
    names: tuple[str, ...]
    packed: tuple[str, ...]
    counted: tuple[str, ...]
    types: tuple[type, ...]
    parts: Callable[[Any], tuple[Tensors, Mapping[str, object], tuple[str, ...]]]
    check: Callable[[Tensors, str, Record, Tensors], None]
    made: Callable[[Tensors, Tensors, Record], Small]
    count: Callable[[Tensors], int]
    stands: tuple[str, str]
    size: Callable[[Tensors], tuple[int, int]] | None = None


def contents_of(small: Small | GraphSet) -> Contents:
    """What there is of ``small``; nothing is checked."""
    form = next((form for form in FORMS.values() if isinstance(small, form.types)), GRAPH)
    tensors, others, lost = form.parts(small)
    further, left_out = _further(others)
    return Contents(form, _plain(tensors), further, (*lost, *left_out))


def given_contents(small: object, where: str) -> Contents:
    """What there is of ``small``, which a user gave.

    Raises:
        ValueError: it is no condensed set; the message starts with ``where``.
    """
    known = isinstance(small, tuple(kind for form in FORMS.values() for kind in form.types))
    if not known or (isinstance(small, Data) and small.x is None):
        raise ValueError(
            f"{where}: give a condensed set, as condense and load return, got {small!r:.60}"
        )
    record = getattr(small, "condensed", None)
    if record is not None and not isinstance(record, dict):
        raise ValueError(f"{where}: condensed, the record, must be a dict, got {record!r:.60}")
    return contents_of(small)


def _plain(tensors: Tensors) -> dict[str, Tensor]:
    """Dense, without a gradient, on the CPU, contiguous, no view that is negated or conjugated."""
    out = {}
    for name, tensor in tensors.items():
        dense = tensor.detach() if tensor.layout == torch.strided else tensor.detach().to_dense()
        out[name] = dense.cpu().resolve_conj().resolve_neg().contiguous()
    return out


def _further(given: Mapping[str, object]) -> tuple[dict[str, Tensor], tuple[str, ...]]:
    """The dense tensors of ``given``, by name, and the names of all else."""
    kept = {
        name: value
        for name, value in sorted(given.items())
        if isinstance(value, Tensor)
        and value.layout == torch.strided
        and value.dtype in _TYPES
        and value.device.type != "meta"
    }
    return _plain(kept), tuple(str(name) for name in given if name not in kept)


_TYPES = frozenset(
    getattr(torch, name)
    for name in (
        *("bool", "uint8", "int8", "int16", "int32", "int64", "uint16", "uint32", "uint64"),
        *("float16", "bfloat16", "float32", "float64", "complex64"),
    )
)
"""What safetensors holds."""

GRAPH = Form(
    name="graph",
    names=condensed_graph.NAMES,
    packed=("x",),
    counted=("x", "edge_index", "edge_weight", "edge_attr", "y"),
    types=(Data,),
    parts=condensed_graph.parts_of_graph,
    check=condensed_graph.check_graph,
    made=condensed_graph.graph_of,
    count=lambda tensors: len(tensors["x"]),
    stands=("A small graph that stands in for a large one", "a PyG Data"),
)
"""A graph, or images."""

GRAPHS = Form(
    name="graphs",
    names=condensed_graphs.NAMES,
    packed=("x", "edge_attr"),
    counted=("x", "edge_index", "edge_attr", "y", "node_weight"),
    types=(CondensedGraphs, GraphSet),
    parts=condensed_graphs.parts_of_graphs,
    check=condensed_graphs.check_graphs,
    made=condensed_graphs.graphs_of,
    count=lambda tensors: len(tensors["y"]),
    stands=("{} graphs that stand in for a large set of graphs", "a PyG data set of {} graphs"),
)

USERS = Form(
    name="users",
    names=condensed_rows.NAMES,
    packed=(),
    counted=("rows", "item", "weight"),
    types=(CondensedInteractions,),
    parts=lambda small: (small.tensors, small.further, small.others),
    check=condensed_rows.check_rows,
    made=condensed_rows.rows_of,
    count=condensed_rows.count_of,
    stands=("{} users that stand in for many", "users by items: .csr (scipy), .hetero (PyG)"),
)

LINKS = Form(
    name="links",
    names=condensed_links.NAMES,
    packed=("x",),
    counted=("x", "edge_index", "edge_weight"),
    types=(CondensedLinks,),
    parts=condensed_links.parts_of_links,
    check=condensed_links.check_links,
    made=condensed_links.links_of,
    count=lambda tensors: len(tensors["x"]),
    stands=("A small graph whose links stand in for those of a large one", "a PyG Data"),
)

HETERO = Form(
    name="hetero",
    names=condensed_hetero.NAMES,
    packed=condensed_hetero.FEATURES,
    counted=(
        *("y", *condensed_hetero.FEATURES),
        *(*condensed_hetero.EDGES, *condensed_hetero.WEIGHTS),
    ),
    types=(HeteroData,),
    parts=condensed_hetero.parts_of_hetero,
    check=condensed_hetero.check_hetero,
    made=condensed_hetero.hetero_of,
    count=lambda tensors: len(tensors["y"]),
    stands=(
        "A small heterogeneous graph that stands in for a large one, {} nodes of its target type",
        "a PyG HeteroData",
    ),
    size=condensed_hetero.size_of,
)

FORMS = {form.name: form for form in (LINKS, GRAPH, GRAPHS, USERS, HETERO)}
"""By name; what is of two types is of the first."""
