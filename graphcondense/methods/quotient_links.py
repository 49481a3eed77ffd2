"""The quotient graph of a clustering, for models that predict links."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import scipy.sparse as sp
import torch
from torch import Generator, Tensor

from graphcondense.core.types import Synthetic
from graphcondense.domains.coarse import Coarse, coarse_graph, exported, seeded, stood_out
from graphcondense.domains.node_source import NodeSource
from graphcondense.domains.partitions import coarser, old_groups
from graphcondense.domains.quotients import near_rows
from graphcondense.ops.coarsen import Array, continued, few_dimensions, parts_of, undirected
from graphcondense.ops.fields import Count, Natural, Positive

if TYPE_CHECKING:
    from graphcondense.saved.condensed_graph import CondensedGraph


@dataclass(frozen=True, kw_only=True)
class QuotientLinks(Coarse):
    """Clusters of all nodes, and the links between them, for models that predict links.

    K-means parts all nodes on unit rows of ``Â^hops X``, so that a cluster's members have similar
    vectors in any encoder. The condensed graph is the quotient graph of this partition: the links
    that a member has to each cluster, in the mean, and features ``m + contrast (x_i - m)``, with
    ``x_i`` the mean of a cluster's members and ``m`` that of all nodes. In ``x_i`` a member weighs
    as the loss of links looks at it, :attr:`~graphcondense.data.link_task.LinkTask.weight`. There
    are no labels.

    Attributes:
        contrast: how far features stand out from their mean; 1 leaves the means. Means of many
            nodes are alike, and encoders learn little from them. On validation links of Cora and
            CiteSeer 2.5 is better still; on those of debian it costs 3 points, and 1.5 costs one.
        hops: how often features are propagated for the clustering. Three were best on validation
            links of debian, and equal to two on Cora and CiteSeer.
        dims: leading singular vectors of ``X`` that the clustering sees; all of ``X`` if it has no
            more columns.
    """

    name = "quotient"
    kind = "link"
    family = "clustering"
    learns = "features and edges (of groups of real nodes)"

    contrast: Positive = 1.5
    hops: Natural = 3
    dims: Count = 128

    def sizes(self, real: NodeSource) -> Tensor:
        """All nodes are one class.

        Raises:
            ValueError: not exactly one budget, or one above the graph.
        """
        return self.of_all(real)

    def memory_bytes(self, real: NodeSource) -> int:
        """The few dimensions of all nodes as they are propagated, and the export."""
        n, k = real.num_examples, min(self.dims, real.num_features)
        return 48 * n * k + 4 * exported(self, real)

    def solve(self, real: NodeSource, rng: Generator) -> Synthetic:
        return self.nested(real, [int(self.sizes(real).sum())], rng)[0]

    def nested(self, real: NodeSource, sizes: Sequence[int], rng: Generator) -> list[Synthetic]:
        """K-means makes the largest partition, and Ward's tree over its clusters the others."""
        return self._quotients(real, sizes, rng)

    def update(self, real: NodeSource, before: CondensedGraph, *, rng: Generator) -> Synthetic:
        """The condensed graph of a graph that has grown, old nodes first: k-means goes on from the
        clusters before."""
        n = int(self.sizes(real).sum())
        return self._quotients(real, [n], rng, old_groups(real, before))[0]

    def _quotients(
        self,
        real: NodeSource,
        sizes: Sequence[int],
        rng: Generator,
        before: Array | None = None,
    ) -> list[Synthetic]:
        task, draws = real.task, seeded(rng)
        x = task.x_array
        dims = min(self.dims, max(real.num_examples - 1, 1))
        if dims < min(x.shape) or sp.issparse(x):
            x = few_dimensions(x, dims, draws)
        rows = x.astype(np.float32, copy=False)
        near, _ = near_rows(real, rows, self.hops, 0.0, np.empty((len(rows), 0), np.float32))
        centres = None if before is None else continued(near, before, sizes[-1])
        finest = parts_of(near, sizes[-1], int(draws.integers(2**31)), starts=1, centres=centres)
        whole = undirected(task.adj)
        parts = coarser(near, finest, [torch.tensor([n]) for n in sizes])
        return [
            stood_out(coarse_graph(real, part, n, whole), real, self.contrast)
            for part, n in zip(parts, sizes, strict=True)
        ]
