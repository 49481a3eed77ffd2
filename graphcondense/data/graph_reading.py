"""Many labelled graphs as people have them, read into a :class:`GraphTask`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Literal

import torch
from torch import Tensor
from torch.utils.data import Subset

from graphcondense.data.by_part import has_parts, refuse_idle_seed
from graphcondense.data.facts import text_of
from graphcondense.data.graph_checks import check_splits, encoding_of, labelled, split_parts
from graphcondense.data.graph_packing import MADE, packed
from graphcondense.data.graph_task import GraphTask, Splits
from graphcondense.data.parts import set_by_part
from graphcondense.data.targets import METRICS, LabelKind, check_named, fitting_metric
from graphcondense.ops.fields import Seed, check_each


def as_graph_task(
    data: object,
    splits: Splits | Literal["stratified"] | None = None,
    *,
    name: str | None = None,
    metric: str | None = None,
    label_kind: LabelKind | None = None,
    seed: int = 0,
    features: Literal["ones", "degree"] | None = None,
) -> GraphTask:
    """Check a data set of graphs and bring it into one layout; nothing of ``data`` is changed.

    Args:
        data: a :class:`GraphTask`, a list of PyG ``Data``, a PyG dataset, or a mapping of such by
            ``"train"``, ``"val"`` and ``"test"``, as PyG opens sets that are split. Each graph has
            ``x`` (floats are features, integers categories; where no graph has any, every node has
            the feature 1), ``edge_index`` (none: no edges), optional ``edge_attr`` (as ``x``) and
            ``node_weight [n]``, and ``y``: one integer (a class), or ``[1, T]`` numbers, of one
            task or several: binary where they are 0, 1 or NaN alone, else regression. Floats that
            count up as classes do, or are -1 and 1, and one-hot rows may mean either: then
            ``label_kind`` or ``metric`` has to say. A graph without a label (-1 as a class, NaN in
            all tasks) is left out of its split, and counted in ``unlabelled``. Nothing else of a
            graph is read: what might be missed, such as ``edge_weight``, or of nodes without ``x``
            their positions ``pos`` (:data:`~graphcondense.data.graph_checks.INPUTS`), is refused.
        splits: graph indices (or bool masks) by ``"train"``, ``"val"`` (or ``"valid"``) and
            ``"test"``, or ``"stratified"`` for :func:`stratified`; by default those of the
            dataset's own ``get_idx_split()``, else stratified. Of ``data`` by part nothing; without
            graphs for ``"val"``, a tenth of each class that trains is held out for validation.
        name: what to call the data; by default the dataset's own name.
        metric: one of :data:`~graphcondense.data.targets.METRICS` that fits the labels
            (:data:`~graphcondense.data.targets.FITTING`); by default the dataset's own
            ``eval_metric``, else accuracy for classes, ROC-AUC for binary tasks, RMSE for
            regression.
        label_kind: what the labels are, ``"classes"``, ``"binary"`` or ``"regression"``; by default
            what ``data`` says above, and ``metric`` where that leaves it open. One-hot rows that
            are ``"classes"`` become the class of their 1.
        seed: draws the stratified split, and the validation part of graphs by part that have none;
            cannot act beside a split that is given.
        features: what nodes are given where no graph has ``x``: ``"ones"`` (the default), or
            ``"degree"``, one category, as :func:`~graphcondense.data.graphs.degree_categories` has
            it. The record says which (``made_of``).

    Raises:
        ValueError: whatever is wrong with ``data``, naming the graph, the value and the fix.
    """
    if isinstance(data, GraphTask):
        if seed or any(option is not None for option in (splits, metric, label_kind, features)):
            raise ValueError(
                "a GraphTask has its splits and its metric, and its features, and a seed draws "
                "nothing of it; change the first two with dataclasses.replace"
            )
        return data if name is None else replace(data, name=name)
    check_named(metric, label_kind)
    whole, held_out = data, False
    if has_parts(data):
        if splits is not None:
            raise ValueError(
                "splits= is for graphs without a split, these are by part: leave it out"
            )
        whole = data["train"]  # type: ignore[index]
        data, splits = set_by_part(data)  # type: ignore[arg-type]
        held_out = "val" not in splits
    metric = metric or _own_metric(whole)
    if features is not None and features not in MADE:
        raise ValueError(
            f"features={features!r}: choose one of {', '.join(map(repr, MADE))}, for graphs whose "
            "nodes have none"
        )
    graphs, label_kind, made = packed(data, label_kind, metric, features)
    if features is not None and not made:
        raise ValueError(
            f"features={features!r} makes features of nodes that have none, and the graphs have x: "
            "leave features= out"
        )
    metric = fitting_metric(metric, label_kind)
    given = _own_splits(data) if splits is None else splits
    groups = strata(graphs.y, label_kind)
    if given is None or given == "stratified":
        given = stratified(groups, len(graphs), seed)
    elif held_out and isinstance(given, Mapping):
        given = {**given, **_held_out(torch.as_tensor(given["train"]), groups, seed)}
    else:
        other = ", and split 'stratified' draws another" if splits is None else ""
        refuse_idle_seed(seed, f"the graphs have a split{other}")
    parts = split_parts(given, len(graphs))
    if not len(parts["train"]):
        raise ValueError("no training graphs: the split 'train' is empty")
    known = {split: labelled(graphs.y, part, label_kind, split) for split, part in parts.items()}
    check_splits(graphs.y, known["train"], label_kind)
    train = known["train"]
    return GraphTask(
        graphs=graphs,
        **known,
        label_kind=label_kind,
        metric=metric,
        nodes=encoding_of(graphs.x, graphs.node_ptr, train, "node"),
        edges=encoding_of(graphs.edge_attr, graphs.edge_ptr, train, "edge"),
        name=str(name or text_of(whole, "name") or "graphs"),
        unlabelled={split: len(part) - len(known[split]) for split, part in parts.items()},
        made=made,
    )


def strata(y: Tensor, label_kind: LabelKind) -> Tensor | None:
    """What a split keeps the shares of, ``[G]`` int64: classes, or the labels of one binary task.

    ``None`` for several tasks and for regression.
    """
    if label_kind == "classes":
        return y
    if label_kind == "binary" and y.shape[1] == 1:
        return y[:, 0].nan_to_num(-1).long()
    return None


def _held_out(train: Tensor, groups: Tensor | None, seed: int) -> dict[str, Tensor]:
    """Training graphs ``[n]`` without a tenth of each group of ``groups [G]``, and that tenth."""
    own = None if groups is None else groups[train]
    parts = stratified(own, len(train), seed, ("train", "val"))
    return {name: train[part] for name, part in parts.items()}


def stratified(
    labels: Tensor | None,
    count: int,
    seed: int = 0,
    names: Sequence[str] = ("train", "val", "test"),
) -> dict[str, Tensor]:
    """A seeded split of 80 / 10 / 10 %, class by class where ``labels [count]`` are given.

    A class of fewer than ten graphs still has one in each part, from three graphs on. Of other
    ``names`` each but the first has a tenth.

    >>> parts = stratified(torch.arange(40) % 2, 40)
    >>> {name: len(part) for name, part in parts.items()}
    {'train': 32, 'val': 4, 'test': 4}
    """
    (seed,) = check_each(seed=(seed, Seed))
    rng = torch.Generator().manual_seed(seed)
    labels = torch.zeros(count, dtype=torch.long) if labels is None else labels
    parts = {name: [torch.empty(0, dtype=torch.long)] for name in names}
    others = len(parts) - 1
    for c in torch.unique(labels):
        members = (labels == c).nonzero().flatten()
        members = members[torch.randperm(len(members), generator=rng)]
        tenth = max(round(0.1 * len(members)), 1 if len(members) > others else 0)
        sizes = [len(members) - others * tenth, *others * [tenth]]
        for part, piece in zip(parts.values(), members.split(sizes), strict=True):
            part.append(piece)
    return {name: torch.cat(part).sort().values for name, part in parts.items()}


def _own_metric(data: object) -> str | None:
    """The score that an OGB set is published with."""
    given = getattr(_published(data)[0], "eval_metric", None)
    name = {"acc": "accuracy"}.get(given, given) if isinstance(given, str) else None
    if name not in (None, *METRICS):
        raise ValueError(f"the data's own metric is {given!r}: give metric=, {', '.join(METRICS)}")
    return name


def _own_splits(data: Any) -> Splits | None:
    """The published splits, as positions in ``data``, which may be a part of its data set."""
    whole, taken = _published(data)
    if not hasattr(whole, "get_idx_split"):
        return None
    splits = {k: torch.as_tensor(v, dtype=torch.long) for k, v in whole.get_idx_split().items()}
    if taken is None:
        return splits
    position = {number: i for i, number in enumerate(taken)}
    return {
        name: torch.tensor([position[i] for i in part.tolist() if i in position], dtype=torch.long)
        for name, part in splits.items()
    }


def _published(data: Any) -> tuple[Any, list[int] | None]:
    """The data set that ``data`` is a part of, and the numbers there of its graphs; ``None`` of the
    whole."""
    if isinstance(data, Subset):
        whole, taken = _published(data.dataset)
        inner = [int(i) for i in data.indices]
        return whole, inner if taken is None else [taken[i] for i in inner]
    if getattr(data, "_indices", None) is None:
        return data, None
    return data, [int(i) for i in data.indices()]
