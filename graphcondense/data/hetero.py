"""Heterogeneous graphs by name, and in files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import scipy.sparse as sp
import torch

from graphcondense.data.hetero_task import HeteroTask, as_hetero
from graphcondense.data.kind import open_named
from graphcondense.data.known import NAMED, NamedFile, read_npz
from graphcondense.data.labels import count_classes
from graphcondense.ops.hetero import HeteroGraph, Relation
from graphcondense.saved.paths import path_of

SPLITS = ("train", "val", "test")


def load_hetero(name: str | Path, root: str | Path | None = None) -> HeteroTask:
    """Open a heterogeneous graph by name.

    Args:
        name: ``"debian-relations"``: packages with five relations, both ways, and the source
            packages that they are built from; files end in ``.pt`` and are opened by
            :func:`graphcondense.data.load`.
        root: where data sets are, as for :func:`graphcondense.data.load`.

    Raises:
        ValueError: an unknown name, or a set that is not there or cannot be used.
    """
    path_of(name, "load_hetero(name)", NAMED)
    task: HeteroTask = open_named(name, "hetero", KNOWN_HETERO, root)[1]
    return task


def hetero_of_saved(content: object, path: Path) -> HeteroTask:
    """The checked graph that a file of ``torch.save`` held."""
    try:
        return as_hetero(content, name=str(getattr(content, "name", None) or path.stem))
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error


def _open_relations(known: NamedFile, root: Path) -> HeteroTask:
    """Packages, and the source packages that they are built from, which have the mean features of
    their packages. Every relation goes both ways."""
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
    y = torch.from_numpy(arrays["y"].astype(np.int64))
    train, val, test = (torch.from_numpy(np.flatnonzero(arrays[f"{s}_mask"])) for s in SPLITS)
    return HeteroTask(
        HeteroGraph({"package": x, "source": sp.csr_matrix(mean, dtype=np.float32)}, relations),
        "package",
        y,
        train,
        val,
        test,
        num_classes=count_classes(y, y[train], "package nodes"),
        name=known.name,
        made={"source": "mean features of the package nodes that it touches"},
    )


KNOWN_HETERO: tuple[NamedFile, ...] = (
    NamedFile(
        name="debian-relations",
        family="Debian",
        file="debian_relations.npz",
        open=_open_relations,
        graphs=1,
        nodes=61_418 + 33_418,
        classes=40,
        splits=("public",),
        source="package index of Debian 12, November 2026",
        licence="see source",
        made="datasets/build_debian.py --relations of the repository makes it on a Debian system.",
    ),
)
