"""A heterogeneous graph, as users have it, read into a checked task."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp
import torch
from torch import Tensor

from graphcondense.data.facts import text_of
from graphcondense.data.hetero_task import HeteroTask
from graphcondense.data.labels import count_classes
from graphcondense.data.link_parts import refuse_part
from graphcondense.data.node_splits import DRAW, classifies, node_splits
from graphcondense.data.reading import (
    check_weighted,
    check_weights,
    ends,
    features,
    targets,
    told,
    weights,
)
from graphcondense.data.sequences import only
from graphcondense.data.targets import (
    LabelKind,
    check_named,
    check_trained,
    fitting_metric,
    known_rows,
)
from graphcondense.data.task import leave_out
from graphcondense.ops.hetero import HeteroGraph, Relation, Rows, mean_operator

if TYPE_CHECKING:
    from torch_geometric.data import HeteroData


def is_hetero(data: Any) -> bool:
    """Whether this is a heterogeneous graph whose nodes are to be classified, or a data set of
    one."""
    one = only(data)
    if not hasattr(one, "edge_types") or not classifies(one):
        return False
    refuse_part(one)
    return True


def as_hetero(
    data: object,
    *,
    target: str | None = None,
    name: str | None = None,
    label_kind: LabelKind | None = None,
    metric: str | None = None,
) -> HeteroTask:
    """Check ``data`` and bring them into one layout; nothing of ``data`` is changed.

    Args:
        data: a PyG ``HeteroData`` or a data set of one, whose node types have ``x [n, d]`` (dense
            or sparse) or ``num_nodes``, and whose edge types have ``edge_index [2, m]`` with an
            optional ``edge_weight [m]``, or ``adj_t``. The target type has ``train_mask``,
            ``val_mask`` (or ``valid_mask``) and ``test_mask [n]``, the first column of ``[n, k]``,
            and labels ``y``: classes ``[n]`` (-1 for none), binary tasks ``[n, T]`` of 0, 1 and
            NaN, or numbers ``[n]`` or ``[n, T]``, NaN for none, as
            :func:`~graphcondense.data.as_task` reads them. Or a :class:`HeteroTask`, which is
            returned as it is. A type without features gets the mean of the features of the nodes
            that it touches, of the target type if it touches that; where it touches nothing with
            features, ``log(1 + degree)`` in each relation.
        target: the type to predict; needed where several types have ``y`` and ``train_mask``.
        name: what to call the data; by default their own ``name``, else ``"hetero"``.
        label_kind: what labels are, ``"classes"``, ``"binary"``, ``"regression"`` or ``"soft"``; by
            default ``data[target].label_kind`` or ``data.label_kind``, and else by their looks.
        metric: one of :data:`~graphcondense.data.targets.METRICS` that fits the labels; by default
            ``metric`` beside ``label_kind``, else accuracy for classes, ROC-AUC for binary tasks,
            RMSE for regression.

    Raises:
        ValueError: not such a graph; no or several target types; a type without nodes; an edge to
            a node or a type that there is not; labels, masks or features that cannot be used.
    """
    check_named(metric, label_kind)
    if isinstance(data, HeteroTask):
        if target not in (None, data.target):
            raise ValueError(f"target={target!r}: the checked data predict {data.target!r}")
        if label_kind not in (None, data.label_kind) or metric not in (None, data.metric):
            raise ValueError(
                f"{data.name} has its kind of labels ({data.label_kind}) and its metric "
                f"({data.metric}): leave label_kind= and metric= out; dataclasses.replace changes "
                "the metric of a HeteroTask, and a HeteroData can be read as other labels"
            )
        return data
    graph: Any = only(data)
    if not hasattr(graph, "edge_types"):
        raise ValueError(
            f"cannot read a heterogeneous graph from a {type(data).__name__}; pass a PyG HeteroData"
        )
    name = name or text_of(graph, "name") or text_of(data, "name")
    counts = _counts(graph)
    relations = _relations(graph, counts)
    chosen = _target(graph, target)
    x, made = _features(graph, counts, relations, chosen)
    given = [rows for kind, rows in x.items() if kind not in made]
    if given and not any(map(told, given)):
        raise ValueError(
            "features x are zero in all nodes of all types, which tells nothing: leave x out "
            f"(data[{chosen!r}].num_nodes = {counts[chosen]}), and degrees take its place"
        )
    label_kind = label_kind or _said(graph, chosen, "label_kind")
    metric = metric or _said(graph, chosen, "metric")
    check_named(metric, label_kind)
    owner = f"data[{chosen!r}]."
    y, kind = targets(graph[chosen].get("y"), counts[chosen], owner, label_kind, metric)
    splits = node_splits(graph[chosen].get, counts[chosen], owner)
    has, left_out = known_rows(y, kind), {}
    for split, index in splits.items():
        known = has[index]
        if len(index) and not bool(known.any()):
            raise ValueError(
                f"none of the {len(index):,} {split} nodes of {chosen!r} has a label (y is -1 or "
                f"NaN); give them labels{leave_out(split)}"
            )
        if not bool(known.all()):
            left_out[split], splits[split] = index[~known], index[known]
    trained = y[splits["train"]]
    if kind == "classes":
        outputs = count_classes(y[y >= 0], trained, f"{chosen} nodes")
    else:
        outputs = int(y.shape[1])
        check_trained(trained, kind, f"{chosen} node")
    return HeteroTask(
        HeteroGraph(x, relations),
        chosen,
        y,
        **splits,
        num_classes=outputs,
        name=name if isinstance(name, str) else "hetero",
        left_out=left_out,
        made=made,
        label_kind=kind,
        metric=fitting_metric(metric, kind),
    )


def _said(data: Any, target: str, name: str) -> Any:
    """What data say of their labels, the target type first; what is no text says something else."""
    given = [data[target].get(name), data._global_store.get(name)]
    return next((value for value in given if isinstance(value, str)), None)


def graph_of(data: Any, like: HeteroTask) -> HeteroGraph:
    """Features and relations of a PyG ``HeteroData``; what is made of types without features of
    ``like`` is made here, too.

    Raises:
        ValueError: it is no such graph.
    """
    counts = _counts(data)
    lacking = [kind for kind in counts if data[kind].get("x") is None and kind not in like.made]
    if lacking:
        raise ValueError(
            f"nodes of type {lacking[0]!r} have no features x; those of {like.name} do"
        )
    relations = _relations(data, counts)
    return HeteroGraph(_features(data, counts, relations, like.target)[0], relations)


def _counts(data: Any) -> dict[str, int]:
    """Nodes by type."""
    out = {}
    for kind in data.node_types:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # PyG warns of what is an error here
            n = data[kind].num_nodes
        if n is None:
            raise ValueError(
                f"how many nodes of type {kind!r} there are is not known: give data[{kind!r}].x "
                f"or data[{kind!r}].num_nodes"
            )
        if not n:
            raise ValueError(f"there are no nodes of type {kind!r}; leave the type out of the data")
        out[kind] = int(n)
    if not out:
        raise ValueError("the HeteroData has no nodes")
    return out


def _relations(data: Any, counts: Mapping[str, int]) -> dict[Relation, sp.csr_matrix]:
    """Edges by relation, repeated ones added up."""
    out: dict[Relation, sp.csr_matrix] = {}
    for kind in data.edge_types:
        source, _, end = kind
        if missing := [each for each in (source, end) if each not in counts]:
            raise ValueError(
                f"the relation {kind} names nodes of type {missing[0]!r}, but there are "
                f"{', '.join(counts)}: give data[{missing[0]!r}].x or .num_nodes"
            )
        out[kind] = _matrix(data[kind], kind, counts)
    if not out:
        raise ValueError("the HeteroData has no relations: give data[source, name, target]")
    return out


def _matrix(store: Any, kind: Relation, counts: Mapping[str, int]) -> sp.csr_matrix:
    from graphcondense.ops.arrays import sparse

    shape, owner = (counts[kind[2]], counts[kind[0]]), f"data[{kind}]."
    if store.get("edge_index") is None and store.get("adj_t") is not None:
        matrix = sparse(store.adj_t, f"{owner}adj_t")
        if matrix.shape != shape:
            raise ValueError(
                f"{owner}adj_t is {matrix.shape}, but there are {shape[0]} {kind[2]} and "
                f"{shape[1]} {kind[0]} nodes"
            )
        check_weights(matrix.data, f"{owner}adj_t")
        check_weighted(store, matrix, owner)
        return matrix
    if store.get("edge_index") is None:
        raise ValueError(f"the relation {kind} has no edge_index; leave it out, or give it edges")
    pair = ends(store, None, owner)
    for row, side, n in ((pair[0], kind[0], shape[1]), (pair[1], kind[2], shape[0])):
        outside = row[(row < 0) | (row >= n)]
        if len(outside):
            raise ValueError(
                f"{owner}edge_index names {side} node {int(outside[0])}, but there are {side} "
                f"nodes 0..{n - 1}"
            )
    called, weight = weights(store, pair.shape[1], owner)
    values = np.ones(pair.shape[1]) if weight is None else weight.double().numpy()
    check_weights(values, called)
    source, end = pair.numpy()
    out = sp.csr_matrix((values.astype(np.float32), (end, source)), shape=shape)
    out.sum_duplicates()
    out.eliminate_zeros()
    return out


def _target(data: Any, asked: str | None) -> str:
    labelled = [kind for kind in data.node_types if "y" in data[kind]]
    able = [kind for kind in labelled if "train_mask" in data[kind]]
    if asked is not None:
        if asked not in data.node_types:
            raise ValueError(
                f"target={asked!r}: there are nodes of type {', '.join(data.node_types)}"
            )
        able = [asked]
    if len(able) > 1:
        raise ValueError(
            f"the types {', '.join(able)} have y and train_mask: say which is classified, "
            f"graphcondense.data.as_hetero(data, target={able[0]!r})"
        )
    split = [kind for kind in data.node_types if "train_mask" in data[kind]]
    lacking = asked or [*labelled, *split, *data.node_types][0]
    if not able or "y" not in data[lacking]:
        absent = "y (labels)" if "y" not in data[lacking] else "train_mask"
        how = f" ({DRAW})" if absent == "train_mask" else ""
        raise ValueError(
            f"no type of nodes has both y and train_mask: {lacking!r} has no {absent}; give it "
            f"one{how}, or for users by items pass graphcondense.data.as_interactions(data, "
            "edge_type=...)"
        )
    return str(able[0])


def _features(
    data: Any, counts: Mapping[str, int], relations: Mapping[Relation, sp.csr_matrix], target: str
) -> tuple[dict[str, Rows], dict[str, str]]:
    """Features by type, and what was made in the place of those that there are not."""
    x: dict[str, Rows] = {}
    for kind, n in counts.items():
        if data[kind].get("x") is None:
            continue
        given = features(data[kind].x, f"data[{kind!r}].")
        rows: Rows = given.numpy() if isinstance(given, Tensor) else given
        if rows.shape[0] != n:
            raise ValueError(f"data[{kind!r}].x has {rows.shape[0]} rows for {n} nodes")
        x[kind] = rows
    made, out = {}, dict(x)
    for kind in counts:
        if kind in x:
            continue
        touched = {end for source, _, end in relations if source == kind}
        touched |= {source for source, _, end in relations if end == kind}
        able = sorted(touched & x.keys(), key=lambda other: (other != target, other))
        if able:
            between = _between(relations, kind, able[0], (counts[kind], counts[able[0]]))
            out[kind] = mean_operator(between) @ x[able[0]]
            made[kind] = f"mean features of the {able[0]} nodes that it touches"
        else:
            out[kind] = _degrees(relations, kind, counts[kind])
            made[kind] = "log(1 + degree) by relation"
    return {kind: out[kind] for kind in counts}, made


def _between(
    relations: Mapping[Relation, sp.csr_matrix], kind: str, other: str, shape: tuple[int, int]
) -> sp.csr_matrix:
    """Which nodes of ``other`` those of ``kind`` touch, by any relation, in either direction."""
    total = sp.csr_matrix(shape, dtype=np.float32)
    for (source, _, end), matrix in relations.items():
        if (source, end) == (other, kind):
            total = total + matrix
        if (source, end) == (kind, other):
            total = total + matrix.T
    out = sp.csr_matrix(total, dtype=np.float32)
    out.data[:] = 1
    return out


def _degrees(
    relations: Mapping[Relation, sp.csr_matrix], kind: str, n: int
) -> npt.NDArray[np.float32]:
    columns = [np.diff(m.indptr) for (_, _, end), m in relations.items() if end == kind]
    columns += [m.getnnz(0) for (source, _, _), m in relations.items() if source == kind]
    if not columns:
        return np.ones((n, 1), np.float32)
    out: npt.NDArray[np.float32] = np.log1p(np.stack(columns, 1)).astype(np.float32)
    return out


def fill(data: HeteroData, graph: HeteroGraph) -> None:
    """Put features and edges into a PyG ``HeteroData``; weights where some are not 1."""
    for kind, rows in graph.x.items():
        dense = rows if isinstance(rows, np.ndarray) else rows.toarray()
        data[kind].x = torch.from_numpy(np.ascontiguousarray(dense, dtype=np.float32))
    for relation, matrix in graph.relations.items():
        coo = matrix.tocoo()
        pair = np.stack([coo.col, coo.row]).astype(np.int64)
        data[relation].edge_index = torch.from_numpy(pair)
        if not bool((coo.data == 1).all()):
            data[relation].edge_weight = torch.from_numpy(coo.data.astype(np.float32))
