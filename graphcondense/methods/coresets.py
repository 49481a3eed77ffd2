"""Coresets: real training nodes, chosen; the floor that learnt graphs must beat.

Random; herding (Welling, ICML 2009); k-center (Sener & Savarese, ICLR 2018); degree; PageRank (Page
et al., 1999). The condensed graph is the subgraph the chosen nodes induce.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import networkx as nx
import numpy as np
import torch
from torch import Generator, Tensor

from graphcondense.core.engine import Callback
from graphcondense.core.method import Method
from graphcondense.core.types import Synthetic
from graphcondense.domains.node import EDGE_BYTES, NodeSource, NodeSynthetic
from graphcondense.domains.structure import Fixed
from graphcondense.ops.select import choose_herding, choose_kcenter, choose_random


@dataclass(frozen=True, kw_only=True)
class Coreset(Method):
    """What all coresets of nodes share.

    Attributes:
        hops: the choice is made on ``Â^hops X``; 0 is the raw features. The exported features are
            always raw.
    """

    domain: ClassVar[str] = "node"
    family: ClassVar[str] = "coreset"
    learns: ClassVar[str] = "nothing (real nodes)"

    hops: int = 2

    @property
    def pair_bytes(self) -> int:
        return 2 * EDGE_BYTES

    def choose(self, real: NodeSource, c: int, k: int, rng: Generator) -> Tensor:
        """``k`` of the training nodes of class ``c``, as positions among them."""
        raise NotImplementedError

    def condense(
        self,
        real: NodeSource,
        *,
        rng: Generator,
        callbacks: Sequence[Callback] = (),
        resume: Mapping[str, Any] | None = None,
    ) -> Synthetic:
        task = real.task
        chosen = []
        for c, k in enumerate(self.sizes(real).tolist()):
            members = task.train[(real.labels == c).nonzero().flatten().cpu()]
            chosen.append(members[self.choose(real, c, k, rng)])
        nodes = torch.cat(chosen)
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
        """The features that the choice is made on, of class ``c``, ``[m, d]``."""
        return real.propagated(self.hops)[real.labels == c]


@dataclass(frozen=True, kw_only=True)
class RandomNodes(Coreset):
    """Training nodes of each class, uniformly."""

    name: ClassVar[str] = "random"

    def choose(self, real: NodeSource, c: int, k: int, rng: Generator) -> Tensor:
        return choose_random(self.rows(real, c), k, rng)


@dataclass(frozen=True, kw_only=True)
class Herding(Coreset):
    """Training nodes whose mean follows the mean of their class."""

    name: ClassVar[str] = "herding"
    paper: ClassVar[str] = "Welling, Herding Dynamical Weights to Learn, ICML 2009"

    def choose(self, real: NodeSource, c: int, k: int, rng: Generator) -> Tensor:
        return choose_herding(self.rows(real, c), k, rng)


@dataclass(frozen=True, kw_only=True)
class KCenter(Coreset):
    """Training nodes that leave no other of their class far from the nearest."""

    name: ClassVar[str] = "kcenter"
    paper: ClassVar[str] = (
        "Sener & Savarese, Active Learning for CNNs: A Core-Set Approach, ICLR 2018"
    )
    variants: ClassVar[Mapping[str, Mapping[str, Any]]] = {"k-center": {}}

    def choose(self, real: NodeSource, c: int, k: int, rng: Generator) -> Tensor:
        return choose_kcenter(self.rows(real, c), k, rng)


@dataclass(frozen=True, kw_only=True)
class Degree(Coreset):
    """Training nodes of the greatest weighted in-degree; ties by node order."""

    name: ClassVar[str] = "degree"

    def choose(self, real: NodeSource, c: int, k: int, rng: Generator) -> Tensor:
        return _largest(np.asarray(real.task.adj.sum(1)).ravel(), real, c, k)


@dataclass(frozen=True, kw_only=True)
class PageRank(Coreset):
    """Training nodes of the greatest PageRank, by networkx; ties by node order.

    Attributes:
        damping: probability to follow an edge.
    """

    name: ClassVar[str] = "pagerank"
    paper: ClassVar[str] = "Page et al., The PageRank Citation Ranking, Stanford InfoLab, 1999"

    damping: float = 0.85

    def choose(self, real: NodeSource, c: int, k: int, rng: Generator) -> Tensor:
        # networkx reads row i, column j as the edge i -> j; our rows are targets.
        graph = nx.from_scipy_sparse_array(real.task.adj.T, create_using=nx.DiGraph)
        rank = nx.pagerank(graph, alpha=self.damping)
        return _largest(np.array([rank[i] for i in range(len(rank))]), real, c, k)


def _largest(score: np.ndarray[Any, Any], real: NodeSource, c: int, k: int) -> Tensor:
    members = real.task.train[(real.labels == c).nonzero().flatten().cpu()].numpy()
    return torch.from_numpy(np.argsort(-score[members], kind="stable")[:k].copy())
