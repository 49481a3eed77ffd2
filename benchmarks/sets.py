"""Graphs of the tables of defaults and of controls, by name, each with splits of its own by seed.

Two of them were kept out of development: no default was chosen with their scores in view, but for
two rules of ``quotient`` (the bound on its contrast, and that networks judge learnt features), and
no other benchmark reads them as graphs.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

NEIGHBOURS = 10


@dataclass(frozen=True)
class Set:
    """A graph, and how tables use it.

    Attributes:
        called: in tables.
        nodes: how many a condensed graph has.
        split: as :func:`graphcondense.data.load` names it; every seed draws another, but of
            ``"public"`` there is one.
        val_every: epochs between two validations.
        trainings: of a model on each condensed graph.
        kept_out: whether no default was chosen with its scores in view, but for those
            two rules.
        make: ``x [n, d]`` and ``y [n]`` of examples that are joined to their nearest neighbours;
            by default the catalogue has the graph.
    """

    called: str
    nodes: int
    split: str
    val_every: int = 5
    trainings: int = 3
    kept_out: bool = False
    make: Callable[[str | None], tuple[npt.NDArray[Any], npt.NDArray[Any]]] | None = None


def fashion(root: str | None) -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
    """The 10,000 test images of Fashion-MNIST, pixels in [0, 1]."""
    import graphcondense

    task: Any = graphcondense.data.load("fashion-mnist", root=root, kind="image")
    x, y = task.images[task.test], task.labels[task.test]
    return x.flatten(1).numpy(), y.numpy()


def cancer(root: str | None) -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
    """scikit-learn's 569 breast tumours, 30 measures of mean 0 and variance 1."""
    from sklearn.datasets import load_breast_cancer
    from sklearn.preprocessing import scale

    x, y = load_breast_cancer(return_X_y=True)
    return scale(x).astype(np.float32), y


SETS: Mapping[str, Set] = {
    "cora": Set("Cora", 70, "random"),
    "citeseer": Set("CiteSeer", 60, "random"),
    "digits": Set("digits graph", 50, "seeded"),
    "cancer": Set("breast cancer graph", 10, "seeded", kept_out=True, make=cancer),
    "computers": Set("Amazon Computers", 68, "seeded", 10, 2),
    "fashion": Set("Fashion-MNIST graph", 50, "seeded", 10, 2, kept_out=True, make=fashion),
    "debian": Set("debian", 320, "public", 20, 2),
    "physics": Set("Coauthor Physics", 50, "seeded", 20, 2),
}


def opened(name: str, root: str | None, split: int, files: Path) -> Any:
    """The checked real graph with one of its splits; what is made once is kept in ``files``."""
    import graphcondense
    from graphcondense.data import as_task
    from graphcondense.ops.files import as_whole

    one, place = SETS[name], root
    source: str | Path = name
    if one.make is not None:
        source = files / f"{name}.npz"
        if not source.exists():
            x, y = one.make(root)
            files.mkdir(parents=True, exist_ok=True)
            with as_whole(source) as draft, draft.open("wb") as file:  # other workers read it
                np.savez_compressed(file, x=x, edge_index=joined(x), y=y)
        place = None
    drawn = 0 if one.split == "public" else split
    return as_task(graphcondense.data.load(source, root=place, split=one.split, seed=drawn))


def joined(x: npt.NDArray[Any]) -> npt.NDArray[np.int64]:
    """Edges ``[2, m]`` between each row and its ten nearest, in both directions."""
    from sklearn.neighbors import kneighbors_graph

    near = kneighbors_graph(x, NEIGHBOURS)
    return np.stack((near + near.T).nonzero()).astype(np.int64)
