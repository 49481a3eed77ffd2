"""Graphs of the size of large benchmarks, drawn at random: to measure speed and memory, no more."""

from __future__ import annotations

import math
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeAlias, TypedDict, Unpack, overload

import numpy as np
import torch
from numpy.typing import NDArray

from graphcondense.ops.fields import (
    NonNegative,
    Range,
    Rule,
    Seed,
    Share,
    SomeShare,
    check_fields,
    checked,
)
from graphcondense.ops.memory import free_bytes
from graphcondense.ops.names import nearest
from graphcondense.ops.sizes import said
from graphcondense.ops.types import Record
from graphcondense.saved.paths import path_of

if TYPE_CHECKING:
    from torch_geometric.data import Data

Ints: TypeAlias = NDArray[np.int64]
Doubles: TypeAlias = NDArray[np.float64]
Empty: TypeAlias = "Callable[[str, tuple[int, ...], type[np.generic]], NDArray[np.generic]]"

Splits = Annotated[
    tuple[SomeShare, Share, Share],
    Rule(lambda shares: sum(shares) < 1 + 1e-9, "must be shares of the nodes, at most 1 together"),
]
"""Training, validation and test."""

Scale = Annotated[float, Range(0, 1e90, above=True)]
Large = Annotated[int, Range(1, 1e100)]
"""What it takes is reckoned in floating point, and then compared with what is free."""

NODES = math.isqrt(2**63 - 1)
"""At most so many nodes: an edge is one number of 64 bits."""

ROWS = 1 << 18
"""Rows of features that are drawn at a time."""
EDGES = 1 << 22
"""Edges that are drawn at a time, or those of one node."""
ROUNDS = 4
"""How often an edge that is there already, or a loop, is drawn anew; then as often from another
node, before it is given up."""


@dataclass(frozen=True, kw_only=True)
class Shape:
    """What a simulated graph looks like; see :func:`simulate`."""

    nodes: Large
    edges: Large
    features: Large
    classes: Annotated[int, Range(2)]
    exponent: Annotated[float, Range(2, above=True)]
    homophily: Share
    skew: NonNegative
    splits: Splits
    signal: NonNegative = 0.3
    directed: bool = False

    def __post_init__(self) -> None:
        check_fields(self)
        if self.classes > self.nodes:
            raise ValueError(f"classes={self.classes} are more than nodes={self.nodes}")
        pairs = self.nodes * (self.nodes - 1) // (1 if self.directed else 2)
        if 4 * self.edges > pairs:
            raise ValueError(
                f"edges={self.edges:,} are more than a quarter of the {pairs:,} pairs of "
                f"nodes={self.nodes:,}: give fewer edges or more nodes"
            )
        if self.sizes[0] < self.classes:
            raise ValueError(
                f"splits: {self.splits[0]:.3g} of nodes={self.nodes:,} are "
                f"{self.sizes[0]:,} training nodes, but each of classes={self.classes} needs one"
            )

    @property
    def sizes(self) -> tuple[int, int, int]:
        """Nodes of training, validation and test."""
        train, val, test = (round(share * self.nodes) for share in self.splits)
        if math.isclose(sum(self.splits), 1):
            test = self.nodes - train - val
        return train, val, test


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
    checked("scale", scale, Scale)
    checked("seed", seed, Seed)
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
        return _drawn(shape, seed, lambda _, size, of: np.empty(size, of)).data(name)
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


@dataclass(frozen=True)
class _Drawn:
    """A graph in arrays: ``x [n, d]``, ``edges [2, m]``, ``y [n]``, three splits ``[k]``."""

    x: NDArray[np.generic]
    edges: NDArray[np.generic]
    y: Ints
    splits: tuple[Ints, Ints, Ints]

    def data(self, name: str) -> Data:
        from torch_geometric.data import Data

        masks = {}
        for split, index in zip(("train", "val", "test"), self.splits, strict=True):
            masks[f"{split}_mask"] = torch.zeros(len(self.y), dtype=torch.bool)
            masks[f"{split}_mask"][torch.from_numpy(index)] = True
        return Data(
            x=torch.from_numpy(self.x),
            edge_index=torch.from_numpy(np.ascontiguousarray(self.edges)),
            y=torch.from_numpy(self.y),
            name=name,
            **masks,
        )


def _drawn(shape: Shape, seed: int, empty: Empty) -> _Drawn:
    """The graph, its two large arrays in what ``empty`` makes of a name, a shape and a type."""
    y = _classes(shape, _stream(seed, 0))
    splits = _splits(shape, y, _stream(seed, 1))
    edges = _edges(shape, y, _weights(shape, _stream(seed, 2)), seed, empty)
    x = empty("x", (shape.nodes, shape.features), np.float32)
    means = _stream(seed, 4).standard_normal((shape.classes, shape.features), np.float32)
    means *= np.float32(shape.signal)
    for number, start in enumerate(range(0, shape.nodes, ROWS)):
        own = y[start : start + ROWS]
        noise = _stream(seed, 5, number).standard_normal((len(own), shape.features), np.float32)
        noise += means[own]
        x[start : start + ROWS] = noise
    known = np.zeros(shape.nodes, bool)
    known[np.concatenate(splits)] = True
    y[~known] = -1
    return _Drawn(x, edges, y, splits)


def _stream(seed: int, *part: int) -> np.random.Generator:
    """A generator of its own for each part, so that pieces can be drawn one by one."""
    return np.random.default_rng([seed, *part])


def _classes(shape: Shape, rng: np.random.Generator) -> Ints:
    """The class of each node ``[n]``; none is empty."""
    shares = np.arange(1, shape.classes + 1, dtype=np.float64) ** -shape.skew
    ends = np.cumsum(shares) / shares.sum() * (shape.nodes - shape.classes)
    sizes = np.diff(np.floor(ends + 0.5).astype(np.int64), prepend=0) + 1
    return rng.permutation(np.repeat(np.arange(shape.classes), sizes))


def _splits(shape: Shape, y: Ints, rng: np.random.Generator) -> tuple[Ints, Ints, Ints]:
    order = rng.permutation(shape.nodes)
    first = np.unique(y[order], return_index=True)[1]
    order = np.concatenate([order[first], np.delete(order, first)])
    train, val, test = shape.sizes
    parts = np.split(order, np.cumsum([train, val, test]))
    return np.sort(parts[0]), np.sort(parts[1]), np.sort(parts[2])


def _weights(shape: Shape, rng: np.random.Generator) -> Doubles:
    """Expected degrees ``[n]``, in proportion: Pareto, cut where the largest of ``n`` lies."""
    power = 1 / (shape.exponent - 1)
    weights: Doubles = (1 - rng.random(shape.nodes)) ** -power
    np.minimum(weights, shape.nodes**power, out=weights)
    return weights


@dataclass(frozen=True)
class _Ends:
    """Where edges may end: nodes by class ``[n]``, their cumulated weights, and those at the ends
    of the classes ``[C + 1]``."""

    nodes: Ints
    cumulated: Doubles
    bounds: Doubles

    @classmethod
    def of(cls, y: Ints, weights: Doubles, classes: int) -> _Ends:
        nodes = np.argsort(y, kind="stable")
        cumulated = np.cumsum(weights[nodes])
        ends = np.cumsum(np.bincount(y, minlength=classes)) - 1
        return cls(nodes, cumulated, np.concatenate([[0.0], cumulated[ends]]))

    def drawn(self, own: Ints, same: NDArray[np.bool_], rng: np.random.Generator) -> Ints:
        """An end for each edge of a node of class ``own``, in the ``same`` class or in another."""
        low, high = self.bounds[own], self.bounds[own + 1]
        width = high - low
        at = rng.random(len(own)) * np.where(same, width, self.bounds[-1] - width)
        at += np.where(same, low, np.where(at >= low, width, 0))
        order = np.argsort(at)  # neighbouring look-ups are ten times faster than scattered ones
        found = np.empty(len(own), np.int64)
        found[order] = np.searchsorted(self.cumulated, at[order], side="right")
        return self.nodes[np.minimum(found, len(self.nodes) - 1, out=found)]


def _edges(shape: Shape, y: Ints, weights: Doubles, seed: int, empty: Empty) -> NDArray[np.generic]:
    """``[2, m]``: directed edges by source, or undirected ones both ways."""
    ends = _Ends.of(y, weights, shape.classes)
    # Each node has its share of all edges, to the nearest whole number.
    share = np.cumsum(weights) / weights.sum()
    starts = np.concatenate([[0], np.floor(share * shape.edges + 0.5).astype(np.int64)])
    firsts = np.unique(np.searchsorted(starts, np.arange(0, shape.edges, EDGES), side="right") - 1)
    pieces = zip(firsts, [*firsts[1:], shape.nodes], strict=True)
    keys: list[Ints] = []
    edges = empty("edges", (2, shape.edges), np.int64) if shape.directed else None
    found = 0
    for number, (first, last) in enumerate(pieces):
        counts = np.diff(starts[first : last + 1])
        new = _pairs(shape, first, counts, y, ends, _stream(seed, 3, number))
        if edges is None:
            keys.append(new)
        else:
            edges[:, found : found + len(new)] = np.divmod(new, shape.nodes)
            found += len(new)
    if edges is not None:
        return edges[:, :found]
    pairs = np.concatenate(keys)
    del keys
    pairs.sort()
    pairs = pairs[np.diff(pairs, prepend=-1) > 0]  # NumPy's unique hashes, which is far slower
    edges = empty("edges", (2, 2 * len(pairs)), np.int64)
    for start in range(0, len(pairs), EDGES):
        piece = np.stack(np.divmod(pairs[start : start + EDGES], shape.nodes))
        edges[:, start : start + EDGES][:, : piece.shape[1]] = piece
        back = len(pairs) + start
        edges[:, back : back + piece.shape[1]] = piece[::-1]
    return edges


def _pairs(
    shape: Shape, first: int, counts: Ints, y: Ints, ends: _Ends, rng: np.random.Generator
) -> Ints:
    """``counts [k]`` edges of the nodes from ``first`` on, none twice and no loop, as sorted
    ``source * n + target``; of undirected ones the source is the smaller node."""
    sources = np.repeat(np.arange(first, first + len(counts)), counts)
    same = rng.random(len(sources)) < shape.homophily
    kept = np.empty(0, np.int64)
    for turn in range(2 * ROUNDS):
        if turn >= ROUNDS:  # hubs that are joined to all of a small class give way to other nodes
            sources = rng.integers(first, first + len(counts), len(sources))
        targets = ends.drawn(y[sources], same, rng)
        one, other = sources, targets
        if not shape.directed:
            one, other = np.minimum(sources, targets), np.maximum(sources, targets)
        keys, at = np.unique(one * shape.nodes + other, return_index=True)
        new = sources[at] != targets[at]
        if len(kept):
            place = np.minimum(np.searchsorted(kept, keys), len(kept) - 1)
            new &= kept[place] != keys
        kept = np.sort(np.concatenate([kept, keys[new]]), kind="stable")
        left = np.ones(len(sources), bool)
        left[at[new]] = False
        sources, same = sources[left], same[left]
        if not len(sources):
            break
    return kept


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

        drawn = _drawn(shape, seed, on_disk)
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
