"""Clusters of real nodes by their features: a baseline."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Generator

from graphcondense.core.types import Synthetic
from graphcondense.domains.coarse import Coarse, coarse_graph, exported, seeded
from graphcondense.domains.node_source import NodeSource
from graphcondense.domains.partitions import by_class
from graphcondense.ops.coarsen import few_dimensions, means, undirected
from graphcondense.ops.fields import Count, Natural

BLOCK = 8192
"""Nodes whose distances to all centres are held at once."""


@dataclass(frozen=True, kw_only=True)
class Clustering(Coarse):
    """A cluster for each condensed node: the baseline of all that make groups by features.

    K-means parts the training nodes of each class, on ``Â^hops X`` in few dimensions; every other
    node joins the cluster of the nearest centre. Edges are ``(P⁺)ᵀ (A + I) P⁺``. (Centres of
    training nodes alone, without edges, are ``cgc-x`` and ``gecc-hard``.)

    Attributes:
        hops: how often features are propagated before they are clustered.
        dims: leading singular vectors of ``X`` that are propagated; all of ``X`` if it has no more
            columns.
    """

    name = "clustering"
    learns = "nothing (groups of real nodes)"

    hops: Natural = 2
    dims: Count = 128

    def memory_bytes(self, real: NodeSource) -> int:
        """The few dimensions of all nodes, distances of a block to all centres, the links, and the
        export."""
        n, width = int(self.sizes(real).sum()), 4 * min(self.dims, real.num_features)
        blocks = 3 * 8 * min(BLOCK, real.num_examples) * n
        links = 60 * int(real.task.adj.nnz)
        return 8 * real.num_examples * width + blocks + links + 2 * exported(self, real)

    def solve(self, real: NodeSource, rng: Generator) -> Synthetic:
        sizes, task = self.sizes(real), real.task
        n, train = int(sizes.sum()), task.train.numpy()
        rows = few_dimensions(task.x_array, self.dims, seeded(rng))
        for _ in range(self.hops):
            rows = task.gcn_adj @ rows
        part = by_class(real, torch.from_numpy(rows[train]), sizes, rng)
        centres = means(part, n) @ rows[train]
        lengths = np.square(centres).sum(1)
        blocks = (rows[at : at + BLOCK] for at in range(0, len(rows), BLOCK))
        assignment = np.concatenate(
            [(lengths - 2 * block @ centres.T).argmin(1) for block in blocks]
        )
        assignment[train] = part
        y = np.arange(real.num_classes).repeat(sizes.numpy())
        return coarse_graph(real, assignment, n, undirected(task.adj), y=y)
