"""What coresets share: real training examples are chosen, and nothing is learnt.

Of nodes, the condensed graph is the subgraph that the chosen ones induce; of graphs, images and
users, the condensed set is the chosen ones.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import torch
from torch import Generator, Tensor

from graphcondense.core.method import LABEL_KINDS, Method, S
from graphcondense.core.types import Synthetic
from graphcondense.domains.graph import BLOCK, ChosenGraphs, GraphSource, readouts
from graphcondense.domains.image import ImageSource, ImageSynthetic
from graphcondense.domains.node import EDGE_BYTES, NodeMethod, induced, synthetic_of
from graphcondense.domains.node_source import NodeSource
from graphcondense.domains.rows import ChosenRows, RowsSource
from graphcondense.ops.fields import Natural
from graphcondense.ops.select import CHOICES


@dataclass(frozen=True, kw_only=True)
class Coreset(Method[S]):
    """How many of which class are chosen, and by what: the rule that has the method's name."""

    family = "coreset"
    cost = "selection"

    def rows(self, real: S, c: int) -> Tensor:
        """What the choice is made on, of the training examples of class ``c``, ``[m, d]``."""
        return torch.empty(int(real.counts[c]), 0)

    def choose(self, real: S, c: int, k: int, rng: Generator) -> Tensor:
        """``k`` of the training examples of class ``c``, as positions among them."""
        return CHOICES[self.name](self.rows(real, c), k, rng)

    def chosen(self, real: S, members: Sequence[Tensor], rng: Generator) -> Tensor:
        """The chosen of ``members``, which has the training examples of each class, in a row."""
        sizes = self.sizes(real).tolist()
        picked = [
            of_class[self.choose(real, c, k, rng)]
            for c, (of_class, k) in enumerate(zip(members, sizes, strict=True))
        ]
        return torch.cat(picked)


def largest(score: npt.NDArray[np.floating | np.integer], k: int) -> Tensor:
    """Positions of the ``k`` largest; ties in order."""
    return torch.from_numpy(np.argsort(-score, kind="stable")[:k].copy())


@dataclass(frozen=True, kw_only=True)
class NodeCoreset(Coreset[NodeSource], NodeMethod):
    """What all coresets of nodes share; the exported features are the raw ones."""

    learns = "nothing (real nodes)"
    label_kinds = LABEL_KINDS
    serves = ("link",)

    @property
    def pair_bytes(self) -> int:
        return 2 * EDGE_BYTES

    def members(self, real: NodeSource, c: int) -> Tensor:
        """Training nodes of class ``c``."""
        return real.task.train[real.members(c)]

    def memory_bytes(self, real: NodeSource) -> int:
        """The export with all edges, dense; and the links of the real graph, which are turned."""
        n = int(self.sizes(real).sum())
        return 6 * n * real.example_bytes + 12 * n * n + 40 * int(real.task.adj.nnz)

    def solve(self, real: NodeSource, rng: Generator) -> Synthetic:
        members = [self.members(real, c) for c in range(real.num_classes)]
        nodes = self.chosen(real, members, rng)
        x, edges = induced(real, nodes)
        task = real.task
        y, group = (part[nodes].to(real.device) for part in (task.scaled(task.y), task.groups))
        return synthetic_of(real, x, y, group, edges)


@dataclass(frozen=True, kw_only=True)
class PropagatedNodes(NodeCoreset):
    """What coresets of nodes share that compare features.

    Attributes:
        hops: the choice is made on ``Â^hops X``; 0 is the raw features.
    """

    in_blocks = True

    hops: Natural = 2

    @property
    def propagates(self) -> bool:
        return self.hops > 0

    def memory_bytes(self, real: NodeSource) -> int:
        """Besides, the propagated rows, and those of the largest class with their distances."""
        rows = len(real.labels) + 3 * int(real.counts.max())
        return super().memory_bytes(real) + 4 * rows * real.num_features + real.propagation_bytes()

    def rows(self, real: NodeSource, c: int) -> Tensor:
        """The propagated features of class ``c``, ``[m, d]``."""
        return real.propagated(self.hops)[real.labels == c]


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
class ImageCoreset(Coreset[ImageSource]):
    """What all coresets of images share; what is exported are the real images, raw."""

    kind = "image"
    learns = "nothing (real images)"
    preprocess = "normalise"

    def solve(self, real: ImageSource, rng: Generator) -> Synthetic:
        rows = self.chosen(real, real.members, rng).to(real.device)
        return ImageSynthetic(real.images[rows], real.labels[rows], real.num_classes, real.raw)

    def memory_bytes(self, real: ImageSource) -> int:
        """The export, and the pixels of the largest class with their distances to one row."""
        pixels = real.example_bytes
        return int(self.sizes(real).sum()) * pixels + 3 * int(real.counts.max()) * pixels


@dataclass(frozen=True, kw_only=True)
class SeenImages(ImageCoreset):
    """What coresets of images share that compare pixels, each channel at zero mean and unit
    variance."""

    def rows(self, real: ImageSource, c: int) -> Tensor:
        """The pixels of class ``c``, ``[m, channels h w]``."""
        return real.images[real.members[c].to(real.device)].flatten(1)


@dataclass(frozen=True, kw_only=True)
class UserCoreset(Coreset[RowsSource]):
    """What all coresets of users share: training rows, as they are. A budget counts users."""

    kind = "rows"
    learns = "nothing (real users)"

    def solve(self, real: RowsSource, rng: Generator) -> Synthetic:
        users = self.chosen(real, [torch.arange(real.num_examples)], rng)
        return ChosenRows(real.rows[users.numpy()])

    def memory_bytes(self, real: RowsSource) -> int:
        """The export, twice, if every item had a weight."""
        return 2 * int(self.sizes(real).sum()) * real.example_bytes
