"""Graphs of the size of large benchmarks, drawn at random: to measure speed and memory, no more."""

from __future__ import annotations

import shutil
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypedDict, Unpack, overload

import numpy as np
import torch
from numpy.typing import NDArray

from graphcondense.data.block_model import NODES, Shape, draw
from graphcondense.ops.fields import Range, Seed, check_each
from graphcondense.ops.memory import free_bytes
from graphcondense.ops.names import nearest
from graphcondense.ops.sizes import said
from graphcondense.ops.types import Record
from graphcondense.saved.paths import path_of

if TYPE_CHECKING:
    from torch_geometric.data import Data

Scale = Annotated[float, Range(0, 1e90, above=True)]
"""What it takes is reckoned in floating point, and then compared with what is free."""

SHAPES: dict[str, Shape] = {
    "arxiv-like": Shape(
        nodes=169_343,
        edges=1_166_243,
        features=128,
        classes=40,
        exponent=2.5,
        homophily=0.65,
        skew=0.8,
        splits=(90_941 / 169_343, 29_799 / 169_343, 48_603 / 169_343),
    ),
    "products-like": Shape(
        nodes=2_449_029,
        edges=61_859_140,
        features=100,
        classes=47,
        exponent=3.3,
        homophily=0.81,
        skew=1.1,
        splits=(196_615 / 2_449_029, 39_323 / 2_449_029, 2_213_091 / 2_449_029),
    ),
    "papers-like": Shape(
        nodes=111_059_956,
        edges=1_615_685_872,
        features=128,
        classes=172,
        exponent=3.0,
        homophily=0.6,
        skew=0.8,
        splits=(1_207_179 / 111_059_956, 125_265 / 111_059_956, 214_338 / 111_059_956),
        directed=True,
    ),
}
"""Nodes, edges, features, classes and splits are OGB's own; the rest is roughly right."""


class Options(TypedDict, total=False):
    """What differs from the shape of a name; see :func:`simulate`."""

    scale: float
    seed: int
    nodes: int | None
    edges: int | None
    features: int | None
    classes: int | None
    exponent: float | None
    homophily: float | None
    skew: float | None
    splits: tuple[float, float, float] | None
    signal: float | None


@overload
def simulate(name: str, *, root: None = ..., **options: Unpack[Options]) -> Data: ...


@overload
def simulate(name: str, *, root: str | Path, **options: Unpack[Options]) -> Path: ...


def simulate(
    name: str,
    *,
    scale: float = 1.0,
    seed: int = 0,
    nodes: int | None = None,
    edges: int | None = None,
    features: int | None = None,
    classes: int | None = None,
    exponent: float | None = None,
    homophily: float | None = None,
    skew: float | None = None,
    splits: tuple[float, float, float] | None = None,
    signal: float | None = None,
    root: str | Path | None = None,
) -> Data | Path:
    """Draw a graph of the size and shape of one of OGB's, for speed and memory alone.

    It is a degree-corrected block model. Weights of nodes follow a power law that is cut at its
    natural end, ``nodes ** (1 / (exponent - 1))`` times the least. Each node has about as many
    edges as its weight says; an edge stays in the class of its node with probability
    ``homophily``, and its other end is drawn by weight. There are no loops and no edge twice.
    Features are the mean of their class plus noise of variance one. **Accuracy on such a graph says
    nothing**: its classes are far easier to tell, and to condense, than real ones.

    The same arguments give the same bits, whatever the number of threads.

    Args:
        name: ``arxiv-like`` (169,343 nodes, 1,166,243 edges, 128 features, 40 classes),
            ``products-like`` (2,449,029 nodes, 61,859,140 edges, 100 features, 47 classes), both
            undirected as ``load`` has them, or ``papers-like`` (111,059,956 nodes, 1,615,685,872
            directed edges, 128 features, 172 classes, labels for 1.4 % of the nodes).
        scale: nodes and edges are this many times those of the name.
        seed: draws everything.
        nodes, edges: exact numbers in place of scaled ones; edges are pairs of nodes, or directed
            edges of ``papers-like``. A few edges are missing where hubs are joined to nearly all of
            their class (0.1 % of ``arxiv-like`` at scale 0.01).
        features, classes: numbers in place of those of the name.
        exponent: of the power law of degrees, above 2; real graphs have 2 to 3.5.
        homophily: share of edges within a class.
        skew: class ``k`` has a share of nodes in proportion to ``(k + 1) ** -skew``; 0: all equal.
        splits: shares of the nodes for training, validation and test, drawn at random. Nodes that
            are in none have no label. Each class has a training node.
        signal: standard deviation of the class means, where that of the noise is one.
        root: write the graph into a folder here, in OGB's own binary layout, instead of returning
            it: ``load_ogb("ogbn-arxiv-like", root)`` opens ``root/ogbn_arxiv_like``. It is written
            in pieces, so that features and directed edges are never in memory as a whole; of
            undirected graphs eight bytes an edge are. Needs twice the space of the result.

    Returns:
        A ``Data`` with ``x [n, d]`` float32, ``edge_index [2, m]`` (undirected edges both ways),
        ``y [n]`` int64 (-1: no label), bool masks ``[n]`` and ``name``; with ``root``, the folder.

    Raises:
        ValueError: an unknown name, or a value that cannot be, which is named; the folder is there
            already.
        OSError: it cannot be written; nothing of it is left.

    >>> data = simulate("arxiv-like", scale=0.01)
    >>> data.num_nodes, data.num_features, int(data.train_mask.sum())
    (1693, 128, 909)
    """
    if name not in SHAPES:
        raise ValueError(
            f"cannot simulate {name!r}: there are {', '.join(SHAPES)}{nearest(name, SHAPES)}"
        )
    scale, seed = check_each(scale=(scale, Scale), seed=(seed, Seed))
    usual = SHAPES[name]
    given: Record = {
        "nodes": max(1, round(scale * usual.nodes)) if nodes is None else nodes,
        "edges": max(1, round(scale * usual.edges)) if edges is None else edges,
        "features": features,
        "classes": classes,
        "exponent": exponent,
        "homophily": homophily,
        "skew": skew,
        "splits": splits,
        "signal": signal,
    }
    shape = replace(usual, **{key: value for key, value in given.items() if value is not None})
    place = None if root is None else path_of(root, "root", "the folder of data sets")
    _check_room(shape, scale, place)
    if place is None:
        return draw(shape, seed, lambda _, size, of: np.empty(size, of)).data(name)
    return _written(name, shape, seed, place)


def _check_room(shape: Shape, scale: float, root: Path | None) -> None:
    """Raise a ValueError where the graph does not fit into what is free: what it is made of, eight
    bytes for each number of a node or edge, and its two large arrays in memory or in files."""
    result = 4 * shape.nodes * shape.features + 16 * shape.edges * (1 if shape.directed else 2)
    work = 64 * shape.nodes + (0 if shape.directed else 16 * shape.edges)
    needs = {"memory": (work, free_bytes(torch.device("cpu")))}
    if root is None:
        needs["memory"] = (work + result, needs["memory"][1])
    else:
        there = next(folder for folder in (root, *root.absolute().parents) if folder.exists())
        needs[f"the disk of {root}"] = (2 * result, shutil.disk_usage(there).free)
    for what, (size, free) in needs.items():
        if size > free:
            raise ValueError(
                f"scale={scale:g} makes {shape.nodes:,} nodes and {shape.edges:,} edges, which "
                f"take {said(size)} of {what}, where {said(free)} are free: give a smaller scale, "
                "or fewer nodes, edges or features"
            )
    if shape.nodes > NODES:
        raise ValueError(f"nodes={shape.nodes:,} are more than {NODES:,}, whose pairs have numbers")


# --- OGB's layout ----------------------------------------------------------------------------


def _written(name: str, shape: Shape, seed: int, root: Path) -> Path:
    """Write the graph as ``root/ogbn_NAME``, whole or not at all."""
    folder = root / f"ogbn_{name.replace('-', '_')}"
    if folder.exists():
        raise ValueError(f"{folder} is there already: remove it, or give another root=")
    root.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{folder.name}-", dir=root) as scratch:
        new = Path(scratch) / folder.name
        (new / "raw").mkdir(parents=True)
        (new / "split" / "random").mkdir(parents=True)

        def on_disk(part: str, size: tuple[int, ...], of: type[np.generic]) -> NDArray[np.generic]:
            file = Path(scratch) / f"{part}.npy"
            return np.lib.format.open_memmap(file, mode="w+", dtype=of, shape=size)

        drawn = draw(shape, seed, on_disk)
        np.savez(
            new / "raw" / "data.npz",
            edge_index=drawn.edges,
            node_feat=drawn.x,
            num_nodes_list=np.array([shape.nodes]),
            num_edges_list=np.array([drawn.edges.shape[1]]),
        )
        y = drawn.y[:, None]
        label = y if (y >= 0).all() else np.where(y >= 0, y, np.nan).astype(np.float32)
        np.savez(new / "raw" / "node-label.npz", node_label=label)
        splits = zip(("train", "valid", "test"), map(torch.from_numpy, drawn.splits), strict=True)
        torch.save(dict(splits), new / "split" / "random" / "split_dict.pt")
        torch.save(_meta(name, shape, folder.name), new / "meta_dict.pt")
        (new / "RELEASE_v1.txt").touch()
        new.rename(folder)
    return folder


def _meta(name: str, shape: Shape, folder: str) -> dict[str, str]:
    """OGB's description of the set, as its ``DatasetSaver`` makes it."""
    return {
        "version": "1",
        "dir_path": folder,
        "download_name": f"ogbn-{name}",
        "url": "",
        "task type": "multiclass classification",
        "eval metric": "acc",
        "num tasks": "1",
        "num classes": str(shape.classes),
        "add_inverse_edge": "False",
        "has_node_attr": "True",
        "has_edge_attr": "False",
        "additional node files": "None",
        "additional edge files": "None",
        "split": "random",
        "is hetero": "False",
        "binary": "True",
    }
