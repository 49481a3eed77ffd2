"""One graph with labelled nodes, as users have it, read into a checked task."""

from __future__ import annotations

from collections.abc import Container, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, cast

import torch
from torch import Tensor
from typing_extensions import Unpack

from graphcondense.data.facts import facts_of, text_of
from graphcondense.data.frames import FrameOptions, frame_parts
from graphcondense.data.kind import refuse_name
from graphcondense.data.labels import count_classes
from graphcondense.data.node_splits import node_splits
from graphcondense.data.raw import opened
from graphcondense.data.reading import (
    NUMBERS,
    REAL,
    adjacency,
    features,
    refuse_zeros,
    targets,
)
from graphcondense.data.sequences import is_dataset
from graphcondense.data.structural import check_features, structural
from graphcondense.data.targets import (
    METRICS,
    LabelKind,
    check_named,
    check_trained,
    fitting_metric,
)
from graphcondense.data.task import NodeTask, compact
from graphcondense.ops.types import Record

if TYPE_CHECKING:
    from torch_geometric.data import Data


def as_task(
    data: object = None,
    *,
    name: str | None = None,
    need_test: bool = False,
    label_kind: LabelKind | None = None,
    metric: str | None = None,
    features: str | None = None,
    nodes: object = None,
    edges: object = None,
    target: str | Sequence[str] | None = None,
    **options: Unpack[FrameOptions],
) -> NodeTask:
    """Check ``data`` and bring it into one layout; nothing of ``data`` is changed.

    A table of nodes beside a list of edges takes the place of ``data``. Its columns become
    features, fitted on training rows alone: numbers and dates are standardised, a missing one is
    the mean and has a 0/1 column that says so; truth values are 0 or 1; strings are categories, a
    0/1 column for each; strings of three words or more that mostly differ are text, TF-IDF. A
    column that all training rows have alike is left out, and the record says so. ``task.columns``
    has what was fitted, and brings features back
    (:meth:`~graphcondense.data.columns.Columns.inverse`).

    Args:
        data: a :class:`NodeTask`, a PyG ``Data``, a PyG dataset of one graph, a mapping of arrays
            as OGB has them, or a pair of a PyG ``FeatureStore`` and a ``GraphStore`` (both:
            :func:`~graphcondense.data.raw.opened`). Edges as
            ``edge_index`` (with optional ``edge_weight`` or one-column ``edge_attr``), ``adj_t``
            (``adj_t[i, j]`` is the edge ``j -> i``, as ``T.ToSparseTensor`` makes it) or ``adj``
            (``adj[i, j]`` is the edge ``i -> j``), see
            :func:`~graphcondense.data.reading.adjacency`.
            Features float, integer, bool or sparse. Labels ``y``: whole numbers ``[n]`` are
            classes, -1 or NaN for a node without one; ``[n, T]`` of 0, 1 and NaN are binary tasks
            (several labels a node); numbers with fractions, ``[n]`` or ``[n, T]``, NaN for none,
            are regression targets. One-hot rows, and numbers that happen to be whole, may mean
            either: ``label_kind`` says which. Nodes without any label are taken out of the splits
            and counted (``unlabelled``). Splits as
            ``train_mask``, ``val_mask`` (or ``valid_mask``), ``test_mask`` (bool or 0/1, ``[n]``;
            the first column of ``[n, k]``). Everything but ``x`` may be a list, and all may be
            NumPy arrays.
        name: what to call the data; by default the dataset's own name.
        need_test: also require a non-empty test split.
        label_kind: what the labels are, ``"classes"``, ``"binary"``, ``"regression"`` or ``"soft"``
            (``[n, C]``, a probability for each class, a row of NaN for none); by default
            ``data.label_kind``, and where there is none what is said above.
        metric: one of :data:`~graphcondense.data.targets.METRICS` that fits the labels; by default
            ``data.metric``, of OGB's sets their own, else accuracy for classes, ROC-AUC for binary
            tasks, RMSE for regression.
        features: what nodes without features are given, made of the edges: ``"degree"``,
            ``"positional"`` or ``"random-walk"``
            (:func:`~graphcondense.data.structural.structural`).
        nodes: a pandas frame with a row for each node, or the path of a ``.csv``, ``.tsv`` (UTF-8,
            names of columns first) or ``.parquet`` file. Of files ids are text; columns of which
            every value is a date such as ``2024-05-31`` are dates; the record has their hashes.
        edges: pairs of ids: a frame of two columns (a third may be called ``weight``) or such a
            file, an array ``[m, 2]`` or ``[2, m]``, or a list of pairs.
        target: the column to predict. Text, categories and truth values are classes, their names
            kept; numbers with fractions a regression target; whole numbers classes where they count
            up, else ``label_kind`` says. Several columns are several tasks. A row without a value
            is a node without a label.
        **options: of a table: ``id``, the column of ids (by default the frame's index); ``text``
            and ``categorical``, columns that are so; ``drop``, columns to leave out; ``split``,
            shares to train, validate and test (by default ``(0.6, 0.2, 0.2)`` of rows with a
            target, class by class), a column of the words train, val and test, or a mask, or the
            name of its column, by split; ``by``, a column of numbers or dates: the earliest rows
            train, the latest test, and rows of one time stay together; ``seed`` draws shares;
            ``min_frequency``, training rows that a category needs for a column of its own (1);
            ``terms`` of a text column, at most (1,000); ``directed``, ``False`` adds each edge the
            other way, too; ``ends``, the columns of edges that are source, target and perhaps the
            weight (by default the first two). Columns that say ids, targets, splits and ``by`` are
            no features.

    Raises:
        ValueError: whatever is wrong with ``data``, naming the value and the fix; of data that have
            a name, such as those of a file, the name, too.

    >>> import pandas as pd
    >>> people = {"age": [31.0, 45.0, 27.0, 60.0], "plan": ["free", "paid", "free", "paid"]}
    >>> frame = pd.DataFrame(people, index=["ann", "bob", "cid", "dot"])
    >>> edges = [("ann", "bob"), ("cid", "dot")]
    >>> task = as_task(nodes=frame, edges=edges, target="plan", split=(1, 0, 0))
    >>> task, task.facts.classes, task.columns.names
    (NodeTask(data: 4 nodes, 2 edges, 1 features, 2 classes, 4/0/0 nodes to \
train/validate/test), ('free', 'paid'), ['age'])
    """
    try:
        check_named(metric, label_kind)
        if features is not None:
            check_features(features)
        if nodes is None:
            given = {"edges": edges, "target": target, **options}
            for option in [key for key, value in given.items() if value is not None][:1]:
                raise ValueError(
                    f"{option}= is for a table of nodes: give it as nodes=, a DataFrame or a file"
                )
        elif data is not None:
            raise ValueError("give data, or a table as nodes= beside edges=, not both")
        else:
            data = frame_parts(nodes, edges, target, label_kind, features, options)
        return _checked(data, name, need_test, label_kind, metric, features)
    except ValueError as error:
        called = name or text_of(data, "name")
        if called is None or called in str(error):
            raise
        raise ValueError(f"{called}: {error}") from error


def _checked(
    data: object,
    name: str | None,
    need_test: bool,
    label_kind: LabelKind | None,
    metric: str | None,
    made: str | None = None,
) -> NodeTask:
    refuse_name(data)
    if isinstance(data, NodeTask):
        if label_kind is not None or metric is not None or made is not None:
            raise ValueError(
                "a NodeTask has its kind of labels, its metric and its features; change the metric "
                "with dataclasses.replace, and read the data anew for others"
            )
        task = data if name is None else replace(data, name=name)
        if need_test and not len(task.test):
            raise ValueError(f"{task.name}: no test nodes; set test_mask before evaluating")
        return task
    if hasattr(data, "digest") or hasattr(data, "edge_types"):
        raise ValueError(
            f"one graph with labelled nodes is needed, a PyG Data or a NodeTask, and data is a "
            f"{type(data).__name__}"
        )
    # A PyG dataset also answers to .x and .y, but without its transform, and of all its graphs.
    if is_dataset(data):
        graphs: Any = data
        if len(graphs) != 1:
            raise ValueError(f"a node task is one graph, this data set has {len(graphs)}")
        metric = metric or _score_of_set(graphs)
        name, data = name or text_of(graphs, "name"), graphs[0]
    data = opened(data)
    label_kind = label_kind or cast("LabelKind | None", text_of(data, "label_kind"))
    metric = metric or text_of(data, "metric")
    check_named(metric, label_kind)
    x = compact(features(getattr(data, "x", None), REAL) if made is None else _made(data, made))
    n = int(x.shape[0])
    instead = "del data.x, and as_task(data, features='degree') makes some of the edges"
    refuse_zeros(x, f"{REAL}x", instead)
    _check_nodes(data, n)
    y, label_kind = targets(getattr(data, "y", None), n, REAL, label_kind, metric)
    metric = fitting_metric(metric, label_kind)
    adj = adjacency(data, n, REAL)
    if adj is None:
        raise ValueError("data has no edges: set edge_index [2, edges] (empty if none) or adj_t")
    splits: Record = node_splits(lambda name: getattr(data, name, None), n, REAL)
    if need_test and not len(splits["test"]):
        raise ValueError("no test nodes: data.test_mask is missing or all False")
    task = NodeTask(
        x=x,
        adj=adj,
        y=y,
        num_classes=_outputs(y),
        name=str(name or text_of(data, "name") or "data"),
        label_kind=label_kind,
        metric=metric,
        facts=facts_of(data, n, made or ""),
        **splits,
    )
    if label_kind != "classes":
        check_trained(y[task.train], label_kind, "node")
        return task
    anew = "number them anew: known = y >= 0; y[known] = torch.unique(y[known], "
    count_classes(
        *(y[y >= 0], y[task.train], "nodes"),
        anew=f"{anew}return_inverse=True)[1]",
        leave="y = y.long(); y[y == {id}] = -1",
        other=NUMBERS if _is_float(data) or _differ(y) else "",
    )
    return task


def _made(data: Any, made: str) -> Tensor:
    """Features of the edges, of nodes that have none."""
    if getattr(data, "x", None) is not None:
        raise ValueError(
            f"features={made!r} makes features of nodes that have none, and data.x is there: leave "
            "features= out, or del data.x"
        )
    n = len(data.y) if getattr(data, "y", None) is not None else int(data.num_nodes)
    adj = adjacency(data, n, REAL)
    if adj is None:
        raise ValueError(f"features={made!r} are made of edges: set edge_index [2, edges] or adj_t")
    return structural(adj, made)


def _differ(y: Tensor) -> bool:
    """Whether labels hardly repeat, as numbers do."""
    known = y[y >= 0]
    return 2 * len(torch.unique(known)) > len(known)


def _is_float(data: object) -> bool:
    return "float" in str(getattr(getattr(data, "y", None), "dtype", ""))


def _outputs(y: Tensor) -> int:
    if y.dim() == 2:
        return int(y.shape[1])
    return int(y.max()) + 1 if len(y) else 0


def _score_of_set(graphs: object) -> str | None:
    """The score that an OGB set is published with, but accuracy, which goes without saying."""
    given = getattr(graphs, "eval_metric", None)
    return given if given in METRICS and given != "accuracy" else None


def _check_nodes(data: Data, n: int) -> None:
    """``num_nodes``, where it is stated and not guessed, is the number of rows of ``x``."""
    named = isinstance(data, Container) and "num_nodes" in data
    stated = getattr(data, "num_nodes", None) if named else None
    if stated is not None and int(stated) != n:
        raise ValueError(
            f"data.num_nodes is {int(stated)}, but data.x has {n} rows; give each node its features"
        )
