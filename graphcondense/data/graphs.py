"""Sets of labelled graphs by name: OGB's molecules and TUDatasets, or a file of one's own."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import torch

from graphcondense.data.graph_packing import DEGREE_CAP
from graphcondense.data.graph_reading import as_graph_task
from graphcondense.data.graph_task import GraphTask, Splits
from graphcondense.data.kind import find_named
from graphcondense.data.known import NAMED, Named, open_known, root_of
from graphcondense.data.ogb import open_ogb
from graphcondense.data.parts import is_set_by_part
from graphcondense.data.pt import read_pt
from graphcondense.data.targets import LabelKind
from graphcondense.saved.paths import path_of

if TYPE_CHECKING:
    from torch_geometric.data import Data

Opened = tuple[Any, Splits | None]
"""A PyG data set of graphs, and its published split if it has one."""


def load_graphs(
    name: str | Path,
    root: str | Path | None = None,
    *,
    split: str | None = None,
    seed: int = 0,
    label_kind: LabelKind | None = None,
) -> GraphTask:
    """Open a set of labelled graphs by name, or from a ``.pt`` file of a list of PyG ``Data``.

    Names, files, ``root`` and downloads are those of :func:`graphcondense.data.load`; ``molhiv`` is
    ``ogbg-molhiv``.

    Node features of OGB's molecules are integer categories. Those of TUDatasets are numbers: the
    continuous attributes where there are any, then 0/1 columns of the node labels. TUDatasets
    without either (IMDB, COLLAB, REDDIT) get the degree as one category
    (:func:`degree_categories`). A folder with the de-duplicated form of a TUDataset ("cleaned" in
    PyG) is opened as it is, with fewer graphs than :data:`KNOWN_GRAPHS` says.

    Args:
        name: name of a set, or path to a ``.pt`` file.
        root: where data sets are.
        split: ``scaffold``: OGB's published split, in which test molecules have other scaffolds.
            ``stratified``: 80 / 10 / 10 %, class by class, or label by label of a single binary
            task. By default ``scaffold`` where there is one, else ``stratified``.
        seed: draws the split ``stratified``.
        label_kind: what labels of a file are, where they may be one or the other: see
            :func:`~graphcondense.data.graph_reading.as_graph_task`.

    Returns:
        The checked task. Its metric is that of OGB's own evaluator, or accuracy.

    Raises:
        ValueError: for a name, split, file or folder that cannot be used, saying what can.
        ConnectionError: when the set is not under ``root`` and cannot be downloaded.
    """
    path = path_of(name, "load_graphs(name)", NAMED)
    if path.suffix == ".pt":
        return task_of_list(read_pt(path, "a list of PyG Data"), path, split, seed, label_kind)
    known = find_named(name, "graph", KNOWN_GRAPHS)
    _checked_split(split, known.name, known.splits)  # before anything is downloaded
    data, published = open_known(known, root_of(root))
    chosen = published if (split or known.splits[0]) == "scaffold" else None
    return _task(data, chosen or "stratified", known.name, seed, known.metric, label_kind)


def task_of_list(
    graphs: object,
    path: Path,
    split: str | None = None,
    seed: int = 0,
    label_kind: LabelKind | None = None,
) -> GraphTask:
    """What a ``.pt`` file holds as a task: a list of PyG ``Data``, split class by class, or lists
    by part."""
    from torch_geometric.data import Data

    if is_set_by_part(graphs):
        if split is not None:
            raise ValueError(f"split={split!r}: {path} has its graphs by part; leave split= out")
        return _task(graphs, None, path.stem, seed, None, label_kind)
    _checked_split(split, str(path), ("stratified",))
    if isinstance(graphs, Data):
        raise ValueError(
            f"{path} holds one graph: open it with graphcondense.data.load, or save a list"
        )
    if not isinstance(graphs, list | tuple) or not all(isinstance(g, Data) for g in graphs):
        raise ValueError(f"{path} holds a {type(graphs).__name__}, not a list of PyG Data")
    return _task(list(graphs), "stratified", path.stem, seed, None, label_kind)


def _checked_split(split: str | None, name: str, allowed: Sequence[str]) -> None:
    if split not in (None, *allowed):
        why = "" if len(allowed) > 1 else " (it has no published split)"
        raise ValueError(f"split={split!r}: {name} has {', '.join(allowed)}{why}")


def _task(
    data: object,
    splits: Splits | Literal["stratified"] | None,
    name: str,
    seed: int,
    metric: str | None,
    label_kind: LabelKind | None,
) -> GraphTask:
    try:
        return as_graph_task(
            data, splits, name=name, metric=metric, label_kind=label_kind, seed=seed
        )
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from error


def degree_categories(data: Data) -> Data:
    """A PyG transform: ``x [n, 1]`` int64, each node's degree, at most :data:`DEGREE_CAP`.

    Of a directed graph it is the number of edges that leave a node. ``data`` is not changed.

    >>> from torch_geometric.data import Data
    >>> path = Data(edge_index=torch.tensor([[0, 1, 1, 2], [1, 0, 2, 1]]), num_nodes=4)
    >>> degree_categories(path).x.flatten().tolist()
    [1, 2, 1, 0]
    """
    out = data.clone()
    degree = torch.bincount(data.edge_index[0], minlength=int(data.num_nodes))
    out.x = degree.clamp_max(DEGREE_CAP)[:, None]
    return out


# --- sets by name ----------------------------------------------------------------------------


def _open_molecules(known: Named, base: Path) -> Opened:
    return open_ogb(known.name, base)


def _open_tu(known: Named, base: Path, **options: Any) -> Opened:
    from torch_geometric.datasets import TUDataset

    return TUDataset(str(base), known.folder, **options), None


def _molecules(name: str, **facts: Any) -> Named:
    return Named(
        name=f"ogbg-{name}",
        family="OGB",
        folder=f"ogbg_{name}",
        open=_open_molecules,
        splits=("scaffold", "stratified"),
        source="ogb.stanford.edu",
        licence="MIT",
        aliases=(name,),
        **facts,
    )


def _tu(name: str, *, options: Mapping[str, Any], **facts: Any) -> Named:
    return Named(
        name=name,
        family="TUDataset",
        folder=name,
        open=partial(_open_tu, **options),
        source="chrsmrrs.github.io/datasets",
        licence="see source",
        **facts,
    )


_LOADERS: Mapping[str, Callable[..., Named]] = {
    "ogb": _molecules,
    "tu": partial(_tu, options={"use_node_attr": True}),
    # Without node labels or attributes.
    "tu-bare": partial(_tu, options={"transform": degree_categories}),
}


def _listed() -> Iterator[Named]:
    """The sets of the table ``graphs.csv``."""
    with (files(__package__) / "graphs.csv").open(encoding="utf-8") as table:
        for row in csv.DictReader(table):
            named = _LOADERS[row["loader"]]
            counts = {"graphs": int(row["graphs"]), "classes": int(row["classes"])}
            yield named(row["name"], metric=row["metric"], **counts)


KNOWN_GRAPHS = tuple(_listed())
