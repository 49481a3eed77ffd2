"""Coresets: real training examples, chosen; the floor that learnt ones must beat.

Random; herding (Welling, ICML 2009); k-center (Sener & Savarese, ICLR 2018); for nodes also degree
and PageRank (Page et al., 1999). Of nodes, the condensed graph is the subgraph the chosen ones
induce; of graphs and images, the condensed set is the chosen ones.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

import networkx as nx
import numpy as np
import numpy.typing as npt
import torch
from torch import Generator, Tensor

from graphcondense.core.method import Method, S
from graphcondense.core.types import Synthetic
from graphcondense.domains.graph import BLOCK, ChosenGraphs, GraphSource, readouts
from graphcondense.domains.image import ImageSource, ImageSynthetic
from graphcondense.domains.node import EDGE_BYTES, NodeSource, NodeSynthetic
from graphcondense.domains.structure import Fixed
from graphcondense.ops.fields import Momentum, Natural
from graphcondense.ops.select import choose_herding, choose_kcenter


@dataclass(frozen=True, kw_only=True)
class Coreset(Method[S]):
    """What all coresets share: how many of which class are chosen, and by what."""

    family = "coreset"
    cost = "selection"

    def rows(self, real: S, c: int) -> Tensor:
        """What the choice is made on, of the training examples of class ``c``, ``[m, d]``."""
        raise NotImplementedError

    def choose(self, real: S, c: int, k: int, rng: Generator) -> Tensor:
        """``k`` of the training examples of class ``c``, as positions among them."""
        raise NotImplementedError

    def chosen(self, real: S, members: Sequence[Tensor], rng: Generator) -> Tensor:
        """The chosen of ``members``, which has the training examples of each class, in a row."""
        sizes = self.sizes(real).tolist()
        picked = [
            own[self.choose(real, c, k, rng)]
            for c, (own, k) in enumerate(zip(members, sizes, strict=True))
        ]
        return torch.cat(picked)


@dataclass(frozen=True, kw_only=True)
class Uniform(Coreset[S]):
    """At random."""

    def choose(self, real: S, c: int, k: int, rng: Generator) -> Tensor:
        return torch.randperm(int(real.counts[c]), generator=rng)[:k]


@dataclass(frozen=True, kw_only=True)
class MeanMatching(Coreset[S]):
    """So that the mean of the chosen follows the mean of their class."""

    paper = "Welling, Herding Dynamical Weights to Learn, ICML 2009"

    def choose(self, real: S, c: int, k: int, rng: Generator) -> Tensor:
        return choose_herding(self.rows(real, c), k, rng)


@dataclass(frozen=True, kw_only=True)
class Covering(Coreset[S]):
    """So that no other of their class is far from the nearest."""

    paper = "Sener & Savarese, Active Learning for CNNs: A Core-Set Approach, ICLR 2018"
    variants: ClassVar = {"k-center": {}}

    def choose(self, real: S, c: int, k: int, rng: Generator) -> Tensor:
        return choose_kcenter(self.rows(real, c), k, rng)


def largest(score: npt.NDArray[np.floating | np.integer], k: int) -> Tensor:
    """Positions of the ``k`` largest; ties in order."""
    return torch.from_numpy(np.argsort(-score, kind="stable")[:k].copy())


# --- nodes -----------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class NodeCoreset(Coreset[NodeSource]):
    """What all coresets of nodes share; the exported features are the raw ones."""

    kind = "node"
    learns = "nothing (real nodes)"

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


@dataclass(frozen=True, kw_only=True)
class PropagatedNodes(NodeCoreset):
    """What coresets of nodes share that compare features.

    Attributes:
        hops: the choice is made on ``Â^hops X``; 0 is the raw features.
    """

    hops: Natural = 2

    def rows(self, real: NodeSource, c: int) -> Tensor:
        """The propagated features of class ``c``, ``[m, d]``."""
        return real.propagated(self.hops)[real.labels == c]


@dataclass(frozen=True, kw_only=True)
class RandomNodes(Uniform[NodeSource], NodeCoreset):
    """Training nodes of each class, uniformly."""

    name = "random"


@dataclass(frozen=True, kw_only=True)
class Herding(MeanMatching[NodeSource], PropagatedNodes):
    """Training nodes whose mean follows the mean of their class."""

    name = "herding"


@dataclass(frozen=True, kw_only=True)
class KCenter(Covering[NodeSource], PropagatedNodes):
    """Training nodes that leave no other of their class far from the nearest."""

    name = "kcenter"


@dataclass(frozen=True, kw_only=True)
class Degree(NodeCoreset):
    """Training nodes of the greatest weighted in-degree; ties by node order."""

    name = "degree"

    def choose(self, real: NodeSource, c: int, k: int, rng: Generator) -> Tensor:
        score = np.asarray(real.task.adj.sum(1)).ravel()
        return largest(score[_members(real, c).numpy()], k)


@dataclass(frozen=True, kw_only=True)
class PageRank(NodeCoreset):
    """Training nodes of the greatest PageRank, by networkx; ties by node order.

    Attributes:
        damping: probability to follow an edge.
    """

    name = "pagerank"
    paper = "Page et al., The PageRank Citation Ranking, Stanford InfoLab, 1999"

    damping: Momentum = 0.85

    def choose(self, real: NodeSource, c: int, k: int, rng: Generator) -> Tensor:
        # networkx reads row i, column j as the edge i -> j; our rows are targets.
        graph = nx.from_scipy_sparse_array(real.task.adj.T, create_using=nx.DiGraph)
        rank = nx.pagerank(graph, alpha=self.damping)
        return largest(np.array([rank[i] for i in _members(real, c).tolist()]), k)


def _members(real: NodeSource, c: int) -> Tensor:
    """Training nodes of class ``c``."""
    return real.task.train[(real.labels == c).nonzero().flatten().cpu()]


# --- graphs ----------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class GraphCoreset(Coreset[GraphSource]):
    """What all coresets of graphs share.

    The condensed graphs are real ones as models see them: categories are encoded.

    Attributes:
        edge_features: also export the edges' features.
    """

    kind = "graph"
    learns = "nothing (real graphs)"

    edge_features: bool = False

    def solve(self, real: GraphSource, rng: Generator) -> Synthetic:
        graphs = real.task.batch(self.chosen(real, real.members, rng))
        return ChosenGraphs(graphs if self.edge_features else replace(graphs, edge_attr=None))

    def memory_bytes(self, real: GraphSource) -> int:
        """The export."""
        return int(self.sizes(real).sum()) * real.example_bytes


@dataclass(frozen=True, kw_only=True)
class ReadGraphs(GraphCoreset):
    """What coresets of graphs share that compare readouts.

    Attributes:
        hops: the choice is made on each graph's means over its nodes of ``X, ÂX, ..., Â^hops X``,
            side by side (no parameters); 0 is the mean of the raw features.
    """

    hops: Natural = 2

    def rows(self, real: GraphSource, c: int) -> Tensor:
        """The readouts of group ``c``, ``[m, (hops + 1) d]``."""
        return readouts(real, real.members[c], self.hops)

    def memory_bytes(self, real: GraphSource) -> int:
        """Besides, the readouts of the largest group, and a block of nodes on the way."""
        width = (self.hops + 1) * real.num_features
        rows = 2 * int(real.counts.max()) + 3 * (BLOCK + real.largest)
        return super().memory_bytes(real) + 4 * width * rows


@dataclass(frozen=True, kw_only=True)
class RandomGraphs(Uniform[GraphSource], GraphCoreset):
    """Training graphs of each group (see GraphTask.groups), uniformly."""

    name = "random"


@dataclass(frozen=True, kw_only=True)
class HerdingGraphs(MeanMatching[GraphSource], ReadGraphs):
    """Training graphs whose mean readout follows the mean of their group."""

    name = "herding"


@dataclass(frozen=True, kw_only=True)
class KCenterGraphs(Covering[GraphSource], ReadGraphs):
    """Training graphs that leave no other of their group far from the nearest, in readouts."""

    name = "kcenter"


# --- images ----------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class ImageCoreset(Coreset[ImageSource]):
    """What all coresets of images share.

    The choice is made on the pixels, each channel at zero mean and unit variance; what is exported
    are the real images, raw.
    """

    kind = "image"
    learns = "nothing (real images)"
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
class RandomImages(Uniform[ImageSource], ImageCoreset):
    """Training images of each class, uniformly."""

    name = "random"


@dataclass(frozen=True, kw_only=True)
class HerdingImages(MeanMatching[ImageSource], ImageCoreset):
    """Training images whose mean follows the mean of their class, in pixels."""

    name = "herding"


@dataclass(frozen=True, kw_only=True)
class KCenterImages(Covering[ImageSource], ImageCoreset):
    """Training images that leave no other of their class far from the nearest, in pixels."""

    name = "kcenter"
