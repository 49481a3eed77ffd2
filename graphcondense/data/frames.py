"""A table of nodes beside a list of edges: read into the parts of a graph with labelled nodes.

Everything is checked before features are made: ids, edges, targets and splits. Features are fitted
on training rows alone (:mod:`graphcondense.data.columns`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, TypeAlias, TypedDict

import numpy as np
import torch
from torch import Tensor

from graphcondense.data.column_fitting import TERMS, fitted
from graphcondense.data.facts import Facts, texts_of
from graphcondense.data.frame_columns import check_column, names_of, or_near
from graphcondense.data.frame_splits import FRACTIONS, Wanted, parted, split_columns
from graphcondense.data.frame_targets import (
    asked_targets,
    check_examples,
    target_values,
    targets_of,
)
from graphcondense.data.labels import few
from graphcondense.data.reading import check_weights
from graphcondense.data.tables import TableFile, checked_file, is_file, read_edges, read_nodes
from graphcondense.data.targets import LabelKind
from graphcondense.ops.arrays import Array
from graphcondense.ops.fields import Count, Natural, checked

if TYPE_CHECKING:
    import pandas as pd

Names: TypeAlias = "str | Sequence[str]"


class FrameOptions(TypedDict, total=False):
    """How a table of nodes is read; see :func:`graphcondense.data.as_task`."""

    id: str | None
    text: Names
    categorical: Names
    drop: Names
    split: Wanted
    by: str | None
    seed: int
    min_frequency: int
    terms: int
    directed: bool
    ends: Names


@dataclass(frozen=True, kw_only=True)
class Reading:
    """:class:`FrameOptions`, checked."""

    id: str | None = None
    text: tuple[str, ...] = ()
    categorical: tuple[str, ...] = ()
    drop: tuple[str, ...] = ()
    split: Wanted = FRACTIONS
    by: str | None = None
    seed: int = 0
    min_frequency: int = 1
    terms: int = TERMS
    directed: bool = True
    ends: tuple[str, ...] = ()

    @classmethod
    def of(cls, options: Mapping[str, Any]) -> Reading:
        """The options that somebody gave.

        Raises:
            ValueError: one that there is not, with the nearest; a value that is none.
        """
        known = list(cls.__dataclass_fields__)
        for name in options:
            if name not in known:
                raise ValueError(f"as_task has no option {name!r}{or_near(name, known)}")
        given = dict(options)
        for name in ("text", "categorical", "drop", "ends"):
            if name in given:
                given[name] = names_of(given[name], name)
        of: dict[str, object] = {"id": str | None, "by": str | None, "min_frequency": Count}
        of |= {"terms": Count, "seed": Natural, "directed": bool}
        given |= {name: checked(name, given[name], of[name]) for name in of if name in given}
        if given.get("ends") and len(given["ends"]) not in (2, 3):
            raise ValueError(
                f"ends={given['ends']!r} must be two columns of edges, source and target, or three "
                "with the weight"
            )
        return cls(**given)


def frame_parts(
    nodes: object,
    edges: object,
    target: object,
    label_kind: LabelKind | None,
    features: str | None,
    options: Mapping[str, Any],
) -> SimpleNamespace:
    """The parts of a graph as :mod:`graphcondense.data.reading` takes them.

    Args:
        nodes, edges, target, features, options: see :func:`graphcondense.data.as_task`.
        label_kind: what the target is, ``None`` where nobody says.

    Returns:
        ``x`` (``None`` where ``features`` are to be made), ``edge_index [2, m]``, perhaps
        ``edge_weight [m]``, ``y``, the three masks, ``label_kind`` and ``facts``.

    Raises:
        ValueError: whatever is wrong, naming the column, the id and the fix.
    """
    read = Reading.of(options)
    files = {
        what: TableFile.of(checked_file(given))
        for what, given in (("nodes", nodes), ("edges", edges))
        if is_file(given)
    }
    try:
        out = _parts(nodes, edges, target, label_kind, features, read)
    except ValueError as error:
        named = " and ".join(file.name for file in files.values())
        if not files or any(file.name in str(error) for file in files.values()):
            raise
        raise ValueError(f"{named}: {error}") from error
    out.facts = replace(out.facts, files=files)
    if is_file(nodes):
        out.name = Path(nodes).stem
    return out


def _parts(
    nodes: object,
    edges: object,
    target: object,
    label_kind: LabelKind | None,
    features: str | None,
    read: Reading,
) -> SimpleNamespace:
    """:func:`frame_parts`, of checked options."""
    if is_file(nodes):
        named = asked_targets(target)
        as_text = (*read.text, *read.categorical)
        nodes = read_nodes(nodes, read.id, (*read.drop, *named), as_text, named)
    frame = _table(nodes)
    targets = targets_of(frame, target)
    for name in (*read.text, *read.categorical, *read.drop, *filter(None, (read.id, read.by))):
        check_column(frame, name)
    index = _index(frame, read.id)
    if is_file(edges):
        edges = read_edges(edges, read.ends, index)
    edge_index, weight = edges_of(_chosen(edges, read.ends), index, directed=read.directed)
    y, kind, names = target_values(frame, targets, label_kind, index)
    used = split_columns(frame, read.split)
    parts = parted(frame, y, kind, read.split, read.by, read.seed, index)
    check_examples(y, kind, names, parts["train"], targets)
    apart = {*targets, *used, *read.drop, *filter(None, (read.id, read.by))}
    left = frame[[name for name in frame.columns if name not in apart]]
    for name in (*read.text, *read.categorical):
        if name in apart:
            raise ValueError(
                f"column {name!r} is the target, an id, a split or left out, and no feature"
            )
    out = SimpleNamespace(edge_index=edge_index, edge_weight=weight, y=y, label_kind=kind, x=None)
    for split, part in parts.items():
        mask = torch.zeros(len(frame), dtype=torch.bool)
        mask[part] = True
        setattr(out, f"{split}_mask", mask)
    columns = None
    if features is None:
        rows, columns = fitted(
            left.reset_index(drop=True),
            parts["train"].numpy(),
            text=read.text,
            categorical=read.categorical,
            min_frequency=read.min_frequency,
            terms=read.terms,
        )
        _refuse_idle(read, columns)
        out.x = torch.from_numpy(rows) if isinstance(rows, np.ndarray) else rows
    else:
        _refuse_idle(read, None)
    if features is not None and left.shape[1]:
        raise ValueError(
            f"features={features!r} makes features of nodes that have none, and there are the "
            f"columns {few(map(repr, left.columns))}: leave features= out, or name them in drop="
        )
    texts = None
    if told := [n for n, k in _kinds(columns) if k == "text"] or list(read.text):
        joined = frame[told].astype(object).where(frame[told].notna(), "")
        texts = texts_of([" ".join(map(str, row)).strip() for row in joined.to_numpy()])
    out.facts = Facts(texts_of(index.tolist()), texts, tuple(names), columns, features or "")
    return out


def _refuse_idle(read: Reading, columns: Any) -> None:
    """Raise a ValueError for an option of features of which there are none."""
    there = {kind for _, kind in _kinds(columns)}
    for name, value, usual, kind, argument in (
        ("terms", read.terms, TERMS, "text", "text"),
        ("min_frequency", read.min_frequency, 1, "category", "categorical"),
    ):
        if value != usual and kind not in there:
            raise ValueError(
                f"{name}={value} cannot act: no column is read as {kind}; leave it out, or name "
                f"columns that are in {argument}="
            )


def _kinds(columns: Any) -> list[tuple[str, str]]:
    return [] if columns is None else [(column.name, column.kind) for column in columns.columns]


# --- the table --------------------------------------------------------------------------------


def _table(nodes: object) -> pd.DataFrame:
    import pandas as pd

    if isinstance(nodes, Mapping):
        if any(isinstance(part, pd.DataFrame) for part in nodes.values()):
            raise ValueError(
                "nodes is one table, of nodes of one type, and has several tables: of nodes of "
                "several types make a PyG HeteroData, with features x by type"
            )
        try:
            nodes = pd.DataFrame(nodes)
        except ValueError as error:
            raise ValueError(f"nodes is no table of columns by name: {error}") from error
    if not isinstance(nodes, pd.DataFrame):
        way = "; nodes.to_pandas() makes one" if hasattr(nodes, "to_pandas") else ""
        raise ValueError(
            f"nodes must be a pandas DataFrame with a row for each node, got a "
            f"{type(nodes).__name__}{way}"
        )
    if not len(nodes):
        raise ValueError("nodes has no rows: give a row for each node")
    frame = nodes.copy(deep=False)
    if frame.columns.nlevels > 1:
        raise ValueError("nodes has columns of several levels; flatten their names first")
    frame.columns = [str(name) for name in frame.columns]
    twice = frame.columns[frame.columns.duplicated()]
    if len(twice):
        raise ValueError(f"nodes has two columns called {twice[0]!r}; rename one of them")
    return frame


def _index(frame: pd.DataFrame, column: str | None) -> pd.Index:
    """What nodes are called ``[n]``, each once."""
    import pandas as pd

    index = frame.index if column is None else pd.Index(frame[column])
    where = "the index of nodes" if column is None else f"column {column!r}"
    if index.nlevels > 1:
        raise ValueError("the index of nodes has several levels; give one id a node, id='column'")
    if index.hasnans:
        at = int(np.flatnonzero(index.isna())[0])
        raise ValueError(f"{where} has no id in row {at}; give every node one")
    if not index.is_unique:
        again = index[index.duplicated()]
        raise ValueError(
            f"{where} has the id {again[0]!r} more than once ({len(again):,} such rows); give each "
            "node one row, as by nodes.drop_duplicates()"
        )
    return index


# --- edges ------------------------------------------------------------------------------------

WEIGHTS = ("weight", "edge_weight")
"""Names of a third column of edges that is their weight."""


def edges_of(
    edges: object, index: pd.Index, *, directed: bool = True
) -> tuple[Tensor, Tensor | None]:
    """Edges ``[2, m]`` by rows of the nodes, and their weights ``[m]`` where there are some.

    Args:
        edges: a frame (the first two columns are source and target; a third may be called
            ``weight``), an array or tensor ``[m, 2]`` or ``[2, m]``, or a list of pairs; of ids.
        index: the ids of the nodes ``[n]``.
        directed: ``False`` adds each edge the other way, too, unless it is there.

    Raises:
        ValueError: an end that is no node, naming it; what is no list of edges.

    >>> import pandas as pd
    >>> edges_of([("a", "b"), ("b", "b")], pd.Index(["a", "b"]))[0].tolist()
    [[0, 1], [1, 1]]
    """
    source, target, weight = _ends(edges)
    both = []
    for end, ids in (("source", source), ("target", target)):
        at = index.get_indexer(ids)
        if (at < 0).any():
            _refuse_unknown(ids, at, end, index)
        both.append(torch.from_numpy(at.astype(np.int64)))
    made = torch.stack(both)
    if directed:
        return made, weight
    return _undirected(made, weight, len(index))


def _chosen(edges: object, ends: Sequence[str]) -> object:
    """The columns of a frame of edges that are source, target and weight, in this order."""
    import pandas as pd

    if not ends:
        return edges
    if not isinstance(edges, pd.DataFrame):
        raise ValueError(
            f"ends={list(ends)!r} names columns of a frame or file of edges, and edges are a "
            f"{type(edges).__name__}: leave it out"
        )
    columns = [str(name) for name in edges.columns]
    for name in ends:
        if name not in columns:
            raise ValueError(f"edges has no column {name!r}{or_near(name, columns)}")
    chosen = edges.iloc[:, [columns.index(name) for name in ends]]
    return chosen.set_axis(["source", "target", WEIGHTS[0]][: len(ends)], axis=1)


def _undirected(edges: Tensor, weight: Tensor | None, n: int) -> tuple[Tensor, Tensor | None]:
    """Each edge both ways, once; of several weights of a pair of nodes the largest."""
    from torch_geometric.utils import to_undirected

    if weight is None:
        return to_undirected(edges, num_nodes=n), None
    both, weights = to_undirected(edges, weight, num_nodes=n, reduce="max")
    return both, weights


def _refuse_unknown(ids: pd.Index, at: Array, end: str, index: pd.Index) -> None:
    row = int(np.flatnonzero(at < 0)[0])
    bad = ids[row].item() if isinstance(ids[row], np.generic) else ids[row]
    kinds = {type(bad).__name__, type(index[0]).__name__}
    other = f" (edges have {type(bad).__name__}, nodes {type(index[0]).__name__})"
    raise ValueError(
        f"edge {row} has the {end} {bad!r}, which is no node: {(at < 0).sum():,} ends are not "
        f"among the {len(index):,} ids such as {few(map(repr, index), 3)}"
        f"{other if len(kinds) > 1 else ''}; add its row to nodes, leave the edge out, or say "
        "with id= which column has the ids"
    )


def _ends(edges: object) -> tuple[pd.Index, pd.Index, Tensor | None]:
    import pandas as pd

    if edges is None:
        raise ValueError("edges is missing: a frame with two columns of ids, or pairs of ids")
    if isinstance(edges, pd.DataFrame):
        if edges.shape[1] < 2:
            raise ValueError(f"edges has {edges.shape[1]} columns; two are needed, source, target")
        names = [str(name) for name in edges.columns]
        rest = names[2:]
        weight = None
        for at, name in enumerate(rest, 2):
            if name.lower() in WEIGHTS:
                values = pd.to_numeric(edges.iloc[:, at], errors="coerce")
                if values.isna().any():
                    row = int(np.flatnonzero(values.isna())[0])
                    raise ValueError(f"edges: {name!r} is no number in row {row}")
                weights = values.to_numpy(np.float32).copy()
                check_weights(weights, f"edges, column {name!r}")
                weight = torch.from_numpy(weights)
            else:
                raise ValueError(
                    f"edges has the column {name!r}: methods use no features of edges; name "
                    f"the two columns of ids, ends=[{names[0]!r}, {names[1]!r}], and a third that "
                    f"is the weight, if there is one"
                )
        return pd.Index(edges.iloc[:, 0]), pd.Index(edges.iloc[:, 1]), weight
    pairs = isinstance(edges, list | tuple)
    if isinstance(edges, Tensor):
        edges = edges.detach().cpu().numpy()
    if pairs and all(isinstance(e, list | tuple) and len(e) == 2 for e in edges):  # type: ignore[attr-defined]
        source, target = ([pair[i] for pair in edges] for i in (0, 1))  # type: ignore[attr-defined]
        return pd.Index(source), pd.Index(target), None
    array = np.asarray(edges)
    if array.ndim != 2 or 2 not in array.shape:
        raise ValueError(f"edges must be [edges, 2] or [2, edges] ids, got shape {array.shape}")
    if array.shape == (2, 2):
        raise ValueError(
            "edges of shape (2, 2) may be two edges by row or by column: give a list of pairs, "
            "[(source, target), ...], or a frame"
        )
    rows = array if array.shape[0] == 2 else array.T
    return pd.Index(rows[0]), pd.Index(rows[1]), None
