"""Nodes of great PageRank (Page et al., 1999)."""

from __future__ import annotations

from dataclasses import dataclass

import networkx as nx
import numpy as np
from torch import Generator, Tensor

from graphcondense.domains.coresets import NodeCoreset, largest
from graphcondense.domains.node import NodeSource
from graphcondense.ops.fields import Momentum


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
        return largest(np.array([rank[i] for i in self.members(real, c).tolist()]), k)
