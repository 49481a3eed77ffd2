"""What methods share that learn a small graph in a way of their own, from nodes they start at."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from torch import Generator, Tensor

from graphcondense.domains.node import EDGE_BYTES, NodeMethod, hops_alone
from graphcondense.domains.node_source import NodeSource
from graphcondense.domains.starts import start_nodes
from graphcondense.ops.fields import Natural, NonNegative


@dataclass(frozen=True, kw_only=True)
class StartedNodes(NodeMethod):
    """Nodes that start from training nodes; no method by itself.

    Attributes:
        init: which training nodes of a class its synthetic nodes start from; or centres of clusters
            of them, ``"kmeans"`` or ``"fuzzy"``, see
            :func:`~graphcondense.domains.starts.start_nodes`.
        init_hops: they start from rows of ``Â^init_hops X``.
    """

    init: Literal["random", "kcenter", "herding", "kmeans", "fuzzy"] = "herding"
    init_hops: Natural = 2

    @property
    def propagates(self) -> bool:
        return self.init_hops > 0

    @property
    def row_weights(self) -> tuple[float, ...]:
        return hops_alone(self.init_hops)

    def first_nodes(self, real: NodeSource, rng: Generator) -> tuple[Tensor, Tensor]:
        """Features ``[n, d]`` and classes ``[n]`` before the first update."""
        return start_nodes(real, self.sizes(real), self.init, self.init_hops, rng)


@dataclass(frozen=True, kw_only=True)
class WithEdges(NodeMethod):
    """Weighted edges beside the nodes; no method by itself.

    Attributes:
        threshold: exported edges are those of weight above it.
    """

    threshold: NonNegative = 0.01

    @property
    def pair_bytes(self) -> int:
        return 2 * EDGE_BYTES
