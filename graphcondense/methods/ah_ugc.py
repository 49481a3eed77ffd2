"""AH-UGC: adaptive coarsening by consistent hashing (Kataria et al., 2025)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from torch import Generator

from graphcondense.core.types import Synthetic
from graphcondense.domains.coarse import coarse_graph, seeded
from graphcondense.domains.hashed import Hashed
from graphcondense.domains.node_source import NodeSource
from graphcondense.domains.partitions import assigned
from graphcondense.ops.coarsen import Array


@dataclass(frozen=True, kw_only=True)
class AHUGC(Hashed):
    """Nodes on a line, by their mean hash; neighbours are joined, one run for every size.

    The place of a node is the mean of Gaussian projections of ``F_i = [(1 - h) x_i, h a_i]``, its
    features and its links, ``h`` the heterophily. As in consistent hashing a node that goes hands
    its members to its neighbour on the line; which one goes next is drawn at random. So every size
    is exact, and a smaller graph joins nodes of a larger one: ``sizes=(35, 70, 140)`` is one run.

    Differs from the paper: ``x`` and ``a`` are scaled to one root mean square length before they
    are weighted, ``h`` is counted on training nodes alone, and training nodes of different classes
    do not share a node (``respect_labels``): those of one place on the line stay beside each other.
    The paper's part for graphs with several types of nodes is left out, as all nodes are of one.
    """

    name = "ah-ugc"
    paper = (
        "Kataria et al., AH-UGC: Adaptive and Heterogeneous-Universal Graph Coarsening, 2025, "
        "arXiv 2505.15842"
    )

    def line(
        self, values: Array, classes: Array, n: int, rng: np.random.Generator
    ) -> tuple[Array, Array]:
        order = np.argsort(values.mean(1), kind="stable")
        return order, rng.permutation(len(order) - 1)

    def nested(self, real: NodeSource, sizes: Sequence[int], rng: Generator) -> list[Synthetic]:
        """The line is the same, and so is who goes next; a run of one size gives the same."""
        nodes, whole, inner = self.looked_at(real)
        found = self.partitions(real, inner, nodes, sizes, seeded(rng))
        return [
            coarse_graph(real, assigned(real, nodes, group), n, whole, loops=self.self_loops)
            for n, group in zip(sizes, found, strict=True)
        ]
