"""Coresets: real training examples, chosen; the floor that learnt ones must beat.

Random; herding (Welling, ICML 2009); k-center (Sener & Savarese, ICLR 2018); for nodes also degree
and PageRank (Page et al., 1999). Of nodes, the condensed graph is the subgraph the chosen ones
induce; of graphs and images, the condensed set is the chosen ones.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import networkx as nx
import numpy as np
import torch
from torch import Generator, Tensor

from graphcondense.core.method import Method
from graphcondense.core.types import Synthetic
from graphcondense.domains.graph import BLOCK, ChosenGraphs, GraphSource, readouts
from graphcondense.domains.image import ImageSource, ImageSynthetic
from graphcondense.domains.node import EDGE_BYTES, NodeSource, NodeSynthetic
from graphcondense.domains.structure import Fixed
from graphcondense.ops.fields import Momentum, Natural
from graphcondense.ops.select import choose_herding, choose_kcenter


@dataclass(frozen=True, kw_only=True)
class Coreset(Method):
    """What all coresets share: how many of which class are chosen, and by what."""

    family: ClassVar[str] = "coreset"

    def rows(self, real: Any, c: int) -> Tensor:
        """What the choice is made on, of the training examples of class ``c``, ``[m, d]``."""
        raise NotImplementedError

    def choose(self, real: Any, c: int, k: int, rng: Generator) -> Tensor:
        """``k`` of the training examples of class ``c``, as positions among them."""
        raise NotImplementedError

    def chosen(self, real: Any, members: Sequence[Tensor], rng: Generator) -> Tensor:
        """The chosen of ``members``, which has the training examples of each class, in a row."""
        sizes = self.sizes(real).tolist()
        picked = [
            own[self.choose(real, c, k, rng)]
            for c, (own, k) in enumerate(zip(members, sizes, strict=True))
        ]
        return torch.cat(picked)


@dataclass(frozen=True, kw_only=True)
class _Uniform(Coreset):
    def choose(self, real: Any, c: int, k: int, rng: Generator) -> Tensor:
        return torch.randperm(int(real.counts[c]), generator=rng)[:k]


@dataclass(frozen=True, kw_only=True)
class _MeanMatching(Coreset):
    paper: ClassVar[str] = "Welling, Herding Dynamical Weights to Learn, ICML 2009"

    def choose(self, real: Any, c: int, k: int, rng: Generator) -> Tensor:
        return choose_herding(self.rows(real, c), k, rng)


@dataclass(frozen=True, kw_only=True)
class _Covering(Coreset):
    paper: ClassVar[str] = (
        "Sener & Savarese, Active Learning for CNNs: A Core-Set Approach, ICLR 2018"
    )
    variants: ClassVar[Mapping[str, Mapping[str, Any]]] = {"k-center": {}}

    def choose(self, real: Any, c: int, k: int, rng: Generator) -> Tensor:
        return choose_kcenter(self.rows(real, c), k, rng)


# --- nodes -----------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class NodeCoreset(Coreset):
    """What all coresets of nodes share.

    Attributes:
        hops: the choice is made on ``Â^hops X``; 0 is the raw features. The exported features are
            always raw.
    """

    kind: ClassVar[str] = "node"
    learns: ClassVar[str] = "nothing (real nodes)"
    cost: ClassVar[str] = "selection"

    hops: Natural = 2

    @property
    def pair_bytes(self) -> int:
        return 2 * EDGE_BYTES

    def solve(self, real: NodeSource, rng: Generator) -> Synthetic:
        task = real.task
        members = [_members(real, c) for c in range(real.num_classes)]
        nodes = self.chosen(real, members, rng)
        small = task.subgraph(nodes)
        x = small.x_array
        dense = torch.from_numpy(np.asarray(x.toarray() if hasattr(x, "toarray") else x))
        adj = torch.from_numpy(small.adj.toarray())
        return NodeSynthetic(
            dense.to(real.device, real.dtype),
            task.y[nodes].to(real.device),
            Fixed(adj.to(real.device, real.dtype)),
            threshold=0.0,
            num_classes=real.num_classes,
        )

    def rows(self, real: NodeSource, c: int) -> Tensor:
        """The propagated features of class ``c``, ``[m, d]``."""
        return real.propagated(self.hops)[real.labels == c]


@dataclass(frozen=True, kw_only=True)
class RandomNodes(_Uniform, NodeCoreset):
    """Training nodes of each class, uniformly."""

    name: ClassVar[str] = "random"


@dataclass(frozen=True, kw_only=True)
class Herding(_MeanMatching, NodeCoreset):
    """Training nodes whose mean follows the mean of their class."""

    name: ClassVar[str] = "herding"


@dataclass(frozen=True, kw_only=True)
class KCenter(_Covering, NodeCoreset):
    """Training nodes that leave no other of their class far from the nearest."""

    name: ClassVar[str] = "kcenter"


@dataclass(frozen=True, kw_only=True)
class Degree(NodeCoreset):
    """Training nodes of the greatest weighted in-degree; ties by node order."""

    name: ClassVar[str] = "degree"

    def choose(self, real: NodeSource, c: int, k: int, rng: Generator) -> Tensor:
        return _largest(np.asarray(real.task.adj.sum(1)).ravel(), real, c, k)


@dataclass(frozen=True, kw_only=True)
class PageRank(NodeCoreset):
    """Training nodes of the greatest PageRank, by networkx; ties by node order.

    Attributes:
        damping: probability to follow an edge.
    """

    name: ClassVar[str] = "pagerank"
    paper: ClassVar[str] = "Page et al., The PageRank Citation Ranking, Stanford InfoLab, 1999"

    damping: Momentum = 0.85

    def choose(self, real: NodeSource, c: int, k: int, rng: Generator) -> Tensor:
        # networkx reads row i, column j as the edge i -> j; our rows are targets.
        graph = nx.from_scipy_sparse_array(real.task.adj.T, create_using=nx.DiGraph)
        rank = nx.pagerank(graph, alpha=self.damping)
        return _largest(np.array([rank[i] for i in range(len(rank))]), real, c, k)


def _members(real: NodeSource, c: int) -> Tensor:
    """Training nodes of class ``c``."""
    return real.task.train[(real.labels == c).nonzero().flatten().cpu()]


def _largest(score: np.ndarray[Any, Any], real: NodeSource, c: int, k: int) -> Tensor:
    own = score[_members(real, c).numpy()]
    return torch.from_numpy(np.argsort(-own, kind="stable")[:k].copy())


# --- graphs ----------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class GraphCoreset(Coreset):
    """What all coresets of graphs share.

    The condensed graphs are real ones as models see them: categories are encoded.

    Attributes:
        hops: the choice is made on each graph's means over its nodes of ``X, ÂX, ..., Â^hops X``,
            side by side (no parameters); 0 is the mean of the raw features.
        edge_features: also export the edges' features.
    """

    kind: ClassVar[str] = "graph"
    learns: ClassVar[str] = "nothing (real graphs)"
    cost: ClassVar[str] = "selection"

    hops: Natural = 2
    edge_features: bool = False

    def solve(self, real: GraphSource, rng: Generator) -> Synthetic:
        graphs = real.task.batch(self.chosen(real, real.members, rng))
        return ChosenGraphs(graphs if self.edge_features else replace(graphs, edge_attr=None))

    def rows(self, real: GraphSource, c: int) -> Tensor:
        """The readouts of group ``c``, ``[m, (hops + 1) d]``."""
        return readouts(real, real.members[c], self.hops)

    def memory_bytes(self, real: GraphSource) -> int:
        """The export, the readouts of the largest group, and a block of nodes on the way."""
        width = (self.hops + 1) * real.num_features
        rows = 2 * int(real.counts.max()) + 3 * (BLOCK + real.largest)
        return int(self.sizes(real).sum()) * real.example_bytes + 4 * width * rows


@dataclass(frozen=True, kw_only=True)
class RandomGraphs(_Uniform, GraphCoreset):
    """Training graphs of each group (see GraphTask.groups), uniformly."""

    name: ClassVar[str] = "random"


@dataclass(frozen=True, kw_only=True)
class HerdingGraphs(_MeanMatching, GraphCoreset):
    """Training graphs whose mean readout follows the mean of their group."""

    name: ClassVar[str] = "herding"


@dataclass(frozen=True, kw_only=True)
class KCenterGraphs(_Covering, GraphCoreset):
    """Training graphs that leave no other of their group far from the nearest, in readouts."""

    name: ClassVar[str] = "kcenter"


# --- images ----------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class ImageCoreset(Coreset):
    """What all coresets of images share.

    The choice is made on the pixels, each channel at zero mean and unit variance; what is exported
    are the real images, raw.
    """

    kind: ClassVar[str] = "image"
    learns: ClassVar[str] = "nothing (real images)"
    cost: ClassVar[str] = "selection"
    preprocess = "normalise"

    def solve(self, real: ImageSource, rng: Generator) -> Synthetic:
        rows = self.chosen(real, real.members, rng).to(real.device)
        return ImageSynthetic(real.images[rows], real.labels[rows], real.num_classes, real.raw)

    def rows(self, real: ImageSource, c: int) -> Tensor:
        """The pixels of class ``c``, ``[m, channels h w]``."""
        return real.images[real.members[c].to(real.device)].flatten(1)

    def memory_bytes(self, real: ImageSource) -> int:
        """The export, and the pixels of the largest class with their distances to one row."""
        pixels = real.example_bytes
        return int(self.sizes(real).sum()) * pixels + 3 * int(real.counts.max()) * pixels


@dataclass(frozen=True, kw_only=True)
class RandomImages(_Uniform, ImageCoreset):
    """Training images of each class, uniformly."""

    name: ClassVar[str] = "random"


@dataclass(frozen=True, kw_only=True)
class HerdingImages(_MeanMatching, ImageCoreset):
    """Training images whose mean follows the mean of their class, in pixels."""

    name: ClassVar[str] = "herding"


@dataclass(frozen=True, kw_only=True)
class KCenterImages(_Covering, ImageCoreset):
    """Training images that leave no other of their class far from the nearest, in pixels."""

    name: ClassVar[str] = "kcenter"
