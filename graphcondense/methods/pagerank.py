"""Nodes of great PageRank (Page et al., 1999)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Generator, Tensor

from graphcondense.domains.coresets import NodeCoreset, largest
from graphcondense.domains.node_source import NodeSource
from graphcondense.ops.fields import Momentum
from graphcondense.ops.personalised import personalised_pagerank


@dataclass(frozen=True, kw_only=True)
class PageRank(NodeCoreset):
    """Training nodes of the greatest PageRank; ties by node order.

    Attributes:
        damping: probability to follow an edge.
    """

    name = "pagerank"
    paper = "Page et al., The PageRank Citation Ranking, Stanford InfoLab, 1999"

    damping: Momentum = 0.85

    def chosen(self, real: NodeSource, members: Sequence[Tensor], rng: Generator) -> Tensor:
        # A surfer goes with the messages, from a node to one that hears from it; rows are targets.
        everyone = np.arange(real.num_examples)
        rank = personalised_pagerank(real.task.adj.T.tocsr(), everyone, damping=self.damping)
        sizes = self.sizes(real).tolist()
        return torch.cat(
            [
                nodes[largest(rank[nodes.numpy()], k)]
                for nodes, k in zip(members, sizes, strict=True)
            ]
        )
