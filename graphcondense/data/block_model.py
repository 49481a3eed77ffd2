"""A block model with a power law of degrees: graphs drawn at random, piece by piece."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray

from graphcondense.ops.fields import NonNegative, Range, Rule, Share, SomeShare, check_fields

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
    """What a simulated graph looks like; see :func:`~graphcondense.data.simulated.simulate`."""

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


@dataclass(frozen=True)
class Drawn:
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


def draw(shape: Shape, seed: int, empty: Empty) -> Drawn:
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
    return Drawn(x, edges, y, splits)


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
