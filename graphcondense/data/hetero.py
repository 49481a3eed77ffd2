"""Heterogeneous graphs by name, and in files."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import scipy.sparse as sp
import torch
from torch import Tensor

from graphcondense.data.facts import text_of
from graphcondense.data.hetero_reading import as_hetero
from graphcondense.data.hetero_sets import PUBLISHED
from graphcondense.data.hetero_task import HeteroTask
from graphcondense.data.kind import open_named
from graphcondense.data.known import NAMED, Named, NamedFile, read_npz
from graphcondense.data.labels import count_classes
from graphcondense.data.targets import LabelKind, check_trained, known_rows
from graphcondense.ops.hetero import HeteroGraph, Relation
from graphcondense.saved.paths import path_of

SPLITS = ("train", "val", "test")


def load_hetero(
    name: str | Path, root: str | Path | None = None, label_kind: LabelKind | None = None
) -> HeteroTask:
    """Open a heterogeneous graph by name.

    Args:
        name: ``"debian-relations"``: packages with five relations, both ways, and the source
            packages that they are built from, by section; ``"debian-relations-tags"`` with their
            60 tags, ``"debian-relations-size"`` with the logarithm of their installed size as
            targets; ``"ogbn-mag"``, ``"dblp-hetero"``, ``"imdb"`` and ``"hgb-acm"``, as OGB and PyG
            open them. Files end in ``.pt`` and are opened by
            :func:`graphcondense.data.load`.
        root: where data sets are, as for :func:`graphcondense.data.load`.
        label_kind: what labels are, as for :func:`graphcondense.data.load`.

    Raises:
        ValueError: an unknown name, or a set that is not there or cannot be used; labels of another
            kind.
    """
    path_of(name, "load_hetero(name)", NAMED)
    task: HeteroTask = open_named(name, "hetero", KNOWN_HETERO, root)[1]
    return as_hetero(task, label_kind=label_kind)


def hetero_of_saved(content: object, path: Path, label_kind: LabelKind | None = None) -> HeteroTask:
    """The checked graph that a file of ``torch.save`` held."""
    try:
        name = text_of(content, "name") or path.stem
        return as_hetero(content, name=name, label_kind=label_kind)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error


def _open_relations(known: NamedFile, root: Path) -> HeteroTask:
    """Packages in the sections they are in."""
    graph, arrays = _relations(known, root)
    return _labelled(known, graph, arrays, torch.from_numpy(arrays["y"].astype(np.int64)))


def _open_tags(known: NamedFile, root: Path) -> HeteroTask:
    """The same graph; each tag is a binary task, and packages that have none have no label."""
    graph, arrays = _relations(known, root)
    node, tag = _plain(arrays, "tags", known).astype(np.int64)
    y = torch.zeros(graph.counts["package"], int(tag.max()) + 1)
    y[torch.from_numpy(node), torch.from_numpy(tag)] = 1
    y[~y.any(1)] = torch.nan
    return _labelled(known, graph, arrays, y, "binary", "f1")


def _open_size(known: NamedFile, root: Path) -> HeteroTask:
    """The same graph; the target is the natural logarithm of the installed size in KiB, NaN where
    the index has none."""
    graph, arrays = _relations(known, root)
    size = torch.from_numpy(_plain(arrays, "installed_kib", known).astype(np.float32))
    y = torch.where(size > 0, size.clamp(min=1).log(), torch.nan)
    return _labelled(known, graph, arrays, y[:, None], "regression", "r2")


def _plain(arrays: Any, name: str, known: NamedFile) -> Any:
    if name not in arrays:
        raise ValueError(f"{known.file} has no {name}; {known.made}")
    return arrays[name]


def _labelled(
    known: NamedFile,
    graph: HeteroGraph,
    arrays: Any,
    y: Tensor,
    label_kind: LabelKind = "classes",
    metric: str = "accuracy",
) -> HeteroTask:
    """The graph with labels ``y`` of packages, those without one taken out of the splits."""
    has, splits, left_out = known_rows(y, label_kind), {}, {}
    for split in SPLITS:
        index = torch.from_numpy(np.flatnonzero(arrays[f"{split}_mask"]))
        splits[split] = index[has[index]]
        if len(splits[split]) < len(index):
            left_out[split] = index[~has[index]]
    trained = y[splits["train"]]
    if label_kind == "classes":
        outputs = count_classes(y[has], trained, "package nodes")
    else:
        check_trained(trained, label_kind, "package node")
        outputs = y.shape[1]
    return HeteroTask(
        graph,
        "package",
        y,
        **splits,
        num_classes=outputs,
        name=known.name,
        left_out=left_out,
        made={"source": "mean features of the package nodes that it touches"},
        label_kind=label_kind,
        metric=metric,
    )


def _relations(known: NamedFile, root: Path) -> tuple[HeteroGraph, Any]:
    """Packages, and the source packages that they are built from, which have the mean features of
    their packages. Every relation goes both ways. And the arrays of the file."""
    path = known.found(root)
    arrays: Any = read_npz(path)
    fields = [name for name in arrays if name.startswith("edges_")]
    needed = ("x_data", "x_indices", "x_indptr", "x_shape", "source", "y")
    if missing := [n for n in (*needed, *(f"{s}_mask" for s in SPLITS)) if n not in arrays]:
        raise ValueError(f"{path} has no {missing[0]}; {known.made}")
    parts = (arrays["x_data"], arrays["x_indices"], arrays["x_indptr"])
    x = sp.csr_matrix(parts, shape=tuple(map(int, arrays["x_shape"])), dtype=np.float32)
    x.check_format(full_check=True)
    n, source = x.shape[0], arrays["source"].astype(np.int64)
    sources = int(source.max()) + 1
    relations: dict[Relation, sp.csr_matrix] = {}

    def both(name: str, back: str, pair: np.ndarray, end: str, shape: tuple[int, int]) -> None:
        ones = np.ones(pair.shape[1], np.float32)
        matrix = sp.csr_matrix((ones, (pair[1], pair[0])), shape=shape)
        relations["package", name, end] = matrix
        relations[end, back, "package"] = matrix.T.tocsr()

    for name in fields:
        told = name.removeprefix("edges_")
        both(told, f"rev_{told}", arrays[name].astype(np.int64), "package", (n, n))
    pair = np.stack([np.arange(n), source])
    both("built_from", "builds", pair, "source", (sources, n))
    built = relations["package", "built_from", "source"]
    mean = sp.diags(1 / np.maximum(built.getnnz(1), 1)) @ built @ x
    return HeteroGraph(
        {"package": x, "source": sp.csr_matrix(mean, dtype=np.float32)}, relations
    ), arrays


_debian = partial(
    NamedFile,
    family="Debian",
    file="debian_relations.npz",
    graphs=1,
    nodes=61_418 + 33_418,
    splits=("public",),
    source="package index of Debian 12, November 2026",
    licence="see source",
    made="datasets/build_debian.py --relations of the repository makes it on a Debian system.",
)

KNOWN_HETERO: tuple[Named, ...] = (
    _debian(name="debian-relations", open=_open_relations, classes=40),
    _debian(name="debian-relations-tags", open=_open_tags, classes=60, metric="f1"),
    _debian(name="debian-relations-size", open=_open_size, classes=1, metric="r2"),
    *PUBLISHED,
)
