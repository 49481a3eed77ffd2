"""Coarsening of the whole graph step by step: which groups there are follows from its edges."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import scipy.sparse as sp
from torch import Generator, Tensor

from graphcondense.core.types import Synthetic
from graphcondense.domains.coarse import Coarse, CoarseGraph, coarse_graph, exported, seeded, told
from graphcondense.domains.node import EDGE_BYTES
from graphcondense.domains.node_source import NodeSource
from graphcondense.domains.partitions import assigned, old_groups
from graphcondense.ops.coarsen import (
    Array,
    Candidates,
    Level,
    coarsen,
    parts_with,
    started,
    undirected,
)
from graphcondense.ops.fields import Count, Natural
from graphcondense.ops.variation import variation_basis

if TYPE_CHECKING:
    from graphcondense.saved.condensed_graph import CondensedGraph


@dataclass(frozen=True, kw_only=True)
class WholeGraph(Coarse):
    """A coarse graph of all nodes in components with a training node.

    The budget counts nodes, labelled or not; how many each class gets follows from the graph.

    Attributes:
        self_loops: the coarse graph is ``(P⁺)ᵀ (A + I) P⁺``: a node's self-loop has the weight
            inside its group, twice, and one for each member. Without, only edges between groups are
            exported.
    """

    learns = "nothing (groups of real nodes)"

    self_loops: bool = True

    @property
    def loop_bytes(self) -> int:
        return EDGE_BYTES * self.self_loops

    def sizes(self, real: NodeSource) -> Tensor:
        """As many nodes as the budget says, evenly over the classes: their sum alone is meant.

        Raises:
            ValueError: not exactly one budget, or one below one node a class or above the graph.
        """
        total, wanted = len(self.seen(real)[0]), self.of_all(real)
        if (n := int(wanted.sum())) > total:
            raise ValueError(
                f"the budget gives {n} nodes, above the {total} of the graph whose component has a "
                "training node; lower it"
            )
        return wanted

    def seen(self, real: NodeSource) -> tuple[Array, int]:
        """The nodes of components with a training node, and how many such components there are."""
        return parts_with(undirected(real.task.adj), real.task.train.numpy())

    def solve(self, real: NodeSource, rng: Generator) -> Synthetic:
        return self._made(real, rng)

    def _made(self, real: NodeSource, rng: Generator, **more: Array) -> CoarseGraph:
        """The coarse graph of :meth:`groups`, which is told ``more``."""
        n = int(self.sizes(real).sum())
        nodes, whole, inner = self.looked_at(real)
        more = {name: each[nodes] for name, each in more.items()}
        group, adj, y = self.groups(real, inner, nodes, n, seeded(rng), **more)
        assignment = assigned(real, nodes, group)
        return coarse_graph(real, assignment, n, whole, adj, y, loops=self.self_loops)

    def looked_at(self, real: NodeSource) -> tuple[Array, sp.csr_matrix, sp.csr_matrix]:
        """The nodes ``[m]`` of :meth:`seen`, all undirected edges, and those between the nodes."""
        nodes, _ = self.seen(real)
        whole = undirected(real.task.adj)
        return nodes, whole, whole[nodes][:, nodes].tocsr()

    def groups(
        self, real: NodeSource, adj: sp.csr_matrix, nodes: Array, n: int, rng: np.random.Generator
    ) -> tuple[Array, sp.csr_matrix | None, Array | None]:
        """The group of each of ``nodes``, ``adj`` the graph between them; and, where they do not
        follow from it, the graph between groups and the classes of groups."""
        raise NotImplementedError


@dataclass(frozen=True, kw_only=True)
class Stepwise(WholeGraph):
    """Coarsening that joins groups step by step, and so can begin with groups that are there."""

    def update(self, real: NodeSource, before: CondensedGraph, *, rng: Generator) -> Synthetic:
        """The coarse graph of a graph that has grown: the groups before stay together, each node
        that is new is a group of its own, and these are joined. The nodes of the smaller graph are
        the first of the larger one, in their order.

        Raises:
            ValueError: ``before`` stands for more nodes than there are; the budget is above the
                groups before and the new nodes together.
        """
        return self._made(real, rng, old=old_groups(real, before))

    def groups(
        self,
        real: NodeSource,
        adj: sp.csr_matrix,
        nodes: Array,
        n: int,
        rng: np.random.Generator,
        old: Array | None = None,
    ) -> tuple[Array, sp.csr_matrix | None, Array | None]:
        """As there; ``old`` has the group that each of ``nodes`` is in before, -1 for none."""
        raise NotImplementedError


@dataclass(frozen=True, kw_only=True)
class Contraction(Stepwise):
    """Coarsening level by level, see :func:`~graphcondense.ops.coarsen.coarsen`.

    A group's class is the most frequent one of its training nodes (ties: the smaller one); without
    any it is exported with ``y = -1`` and outside ``train_mask``.

    Attributes:
        respect_labels: training nodes of different classes never share a group.
        join: groups of one class become one although no edge is between them: components of a node
            each first, others last. Without, every component keeps a node.
    """

    serves = ("link",)

    respect_labels: bool = True
    join: bool = True

    def sizes(self, real: NodeSource) -> Tensor:
        wanted = super().sizes(real)
        n, parts = int(wanted.sum()), self.seen(real)[1]
        if n < parts and not self.join:
            raise ValueError(
                f"the budget gives {n} nodes, below the {parts} components that have a training "
                "node; raise it, or set join=True"
            )
        return wanted

    def memory_bytes(self, real: NodeSource) -> int:
        """The graph on its way down, its vectors, and the export."""
        return 1000 * real.num_examples + 100 * int(real.task.adj.nnz) + 2 * exported(self, real)

    def candidates(self, level: Level) -> Candidates:
        """What may be contracted, and at which cost."""
        raise NotImplementedError

    def basis(self, adj: sp.csr_matrix, rng: np.random.Generator) -> Array | None:
        """What groups should keep, ``[m, K]``; by default nothing."""
        return None

    def groups(
        self,
        real: NodeSource,
        adj: sp.csr_matrix,
        nodes: Array,
        n: int,
        rng: np.random.Generator,
        old: Array | None = None,
    ) -> tuple[Array, sp.csr_matrix | None, Array | None]:
        vectors = self.basis(adj, rng)
        group = coarsen(
            adj,
            n,
            self.candidates,
            told(real)[nodes],
            vectors=vectors,
            carried=None if vectors is None else variation_basis,
            respect=self.respect_labels,
            join=self.join,
            rng=rng,
            start=None if old is None else started(old),
        )
        return group, None, None


@dataclass(frozen=True, kw_only=True)
class Relaxed(Contraction):
    """Contracts edges at whose ends random vectors agree once they are relaxed.

    Attributes:
        vectors: random vectors of a level.
        sweeps: of relaxation.
    """

    vectors: Count = 10
    sweeps: Natural = 20
