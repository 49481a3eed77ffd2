"""Bonsai (Gupta et al., ICLR 2025, arXiv 2410.17579)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar, Literal

import numpy as np
import torch
from torch import Generator, Tensor

from graphcondense.core.method import Variants
from graphcondense.core.types import Batch, Synthetic
from graphcondense.domains.node import EDGE_BYTES, NodeMethod, NodeSynthetic, induced
from graphcondense.domains.node_source import NodeSource
from graphcondense.domains.structure import Identity, Structure
from graphcondense.ops.budget import Budget
from graphcondense.ops.cover import HELD, greedy_cover, reverse_neighbours
from graphcondense.ops.fields import Count, Momentum, Natural, SomeShare
from graphcondense.ops.personalised import personalised_pagerank

if TYPE_CHECKING:
    from graphcondense.saved.condensed_graph import CondensedGraph


@dataclass(frozen=True, kw_only=True)
class Bonsai(NodeMethod):
    """Exemplars whose computation trees stand for many, and what is left of their trees.

    A tree of ``hops`` levels is embedded without weights, as its root's row of ``Â^hops X``. A
    training node stands for the trees that have it among their ``neighbours`` nearest training
    nodes. In each class exemplars are taken greedily, each the one that stands for most trees that
    none does yet. Of the nodes of their trees those of the largest personalised PageRank around the
    exemplars are kept while the budget has room, and the condensed graph is the subgraph that all
    induce, with real features.

    The budget counts all nodes. Nodes that are no exemplars have class -1 and are outside
    ``train_mask``. By default every node is an exemplar, which scored best on validation nodes, and
    trees only fill what a budget asks for beyond the labelled nodes. The paper's budgets are bytes
    of sparse features; here ``bytes=`` counts dense ones. ``bonsai-x`` has no edges: an exemplar
    carries its row of ``Â^hops X``.

    Attributes:
        hops: height of the trees.
        neighbours: ``k`` of the reverse nearest neighbours.
        sample: trees that are to be stood for, drawn uniformly from those of all nodes; ``None``
            takes all nodes.
        exemplars: share of the nodes that are exemplars, at least one a class.
        damping: of the personalised PageRank.
        structure: ``"trees"`` (edges and nodes as above) or ``"identity"`` (none).
    """

    name = "bonsai"
    paper = (
        "Gupta et al., Bonsai: Gradient-free Graph Condensation for Node Classification, "
        "ICLR 2025, arXiv 2410.17579"
    )
    family = "coreset"
    learns = "nothing (real nodes)"
    cost = "selection"
    variants: ClassVar[Variants] = {"bonsai-x": {"structure": "identity"}}

    hops: Natural = 2
    neighbours: Count = 2
    sample: Count | None = 2000
    exemplars: SomeShare = 1.0
    damping: Momentum = 0.85
    structure: Literal["trees", "identity"] = "trees"

    def nodes_in_all(self, real: NodeSource) -> int:
        """Nodes of the condensed graph; with ``bytes=`` at most, as edges take some of them.

        Raises:
            ValueError: see :meth:`~graphcondense.ops.budget.Budget.allocate`; or more nodes than
                the graph has, or than are labelled where there is no room for trees.
        """
        labelled, most = int(real.counts.sum()), real.num_examples
        wanted = labelled
        if self.structure == "trees" and (self.examples is not None or self.ratio is not None):
            wanted = self._size(labelled, most)
        if wanted <= labelled:
            return int(super().sizes(real).sum())
        if wanted > most:
            raise ValueError(f"nodes={wanted} is above the {most} nodes of the graph")
        # Nodes of trees fill up: the labelled ones are no bound, all other rules are.
        return int(self.allocate(real.counts + most, most).sum())

    def sizes(self, real: NodeSource) -> Tensor:
        """Exemplars of each class ``[C]``."""
        if self.per_class is not None:
            each = max(1, round(self.exemplars * self.per_class))
            return replace(self, per_class=each).allocate(real.counts, real.num_examples)
        n = self.nodes_in_all(real)
        if self.exemplars == 1 and n <= int(real.counts.sum()):
            return super().sizes(real)
        return self._exemplars(real, n)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.exemplars < 1 and self.structure == "identity":
            raise ValueError(
                f"exemplars={self.exemplars}: without edges no other node is heard; leave it at 1"
            )

    def _exemplars(self, real: NodeSource, n: int) -> Tensor:
        """Exemplars of each class among ``n`` nodes."""
        most = min(n, int(real.counts.sum()))
        number = min(max(round(self.exemplars * n), real.num_classes), most)
        return Budget(nodes=number, rule=self.rule).allocate(real.counts, real.num_examples)

    @property
    def propagates(self) -> bool:
        return self.hops > 0

    def memory_bytes(self, real: NodeSource) -> int:
        """The embedded trees, in single and double precision, their distances as far as
        they are held at once, and the export."""
        d, labelled = real.num_features, len(real.labels)
        trees = min(self.sample or real.num_examples, real.num_examples)
        n = self.nodes_in_all(real)
        apart = 16 * min(trees * labelled, max(HELD, labelled))
        small = 4 * n * (3 * d + 2 * n)
        return 12 * (trees + labelled) * d + apart + small + real.propagation_bytes()

    def solve(self, real: NodeSource, rng: Generator) -> Synthetic:
        sizes, n = self.sizes(real), self.nodes_in_all(real)
        orders = self._orders(real, rng)
        nodes = self._grown(real, orders, sizes, n)
        while self.bytes is not None and (over := self._stored(real, nodes) - self.bytes) > 0:
            n -= max(1, over // (real.example_bytes + n * EDGE_BYTES))
            if n < real.num_classes:
                raise ValueError(
                    f"bytes={self.bytes} hold no node of each of {real.num_classes} classes and "
                    "the edges between them"
                )
            sizes = self._exemplars(real, n)
            nodes = self._grown(real, orders, sizes, n)
        return self._cut_out(real, nodes, int(sizes.sum()))

    def _orders(self, real: NodeSource, rng: Generator) -> list[Tensor]:
        """The training nodes of each class, as positions among all of them, the best first."""
        task, total = real.task, real.num_examples
        trees = np.arange(total)
        if self.sample is not None and self.sample < total:
            drawn = torch.randperm(total, generator=rng)[: self.sample]
            trees = drawn.sort().values.numpy()
        rows = task.propagate(self.hops, trees)
        embedded = real.propagated(self.hops)
        near = reverse_neighbours(torch.from_numpy(rows).to(embedded), embedded, self.neighbours)
        labels, orders = real.labels.cpu(), []
        for c in range(real.num_classes):
            members = (labels == c).nonzero().flatten()
            orders.append(
                members[torch.from_numpy(greedy_cover(near[members.numpy()], len(members)))]
            )
        return orders

    def _grown(self, real: NodeSource, orders: Sequence[Tensor], sizes: Tensor, n: int) -> Tensor:
        """At most ``n`` nodes: exemplars by class, then nodes of their trees by PageRank."""
        pairs = zip(orders, sizes.tolist(), strict=True)
        chosen = real.task.train[torch.cat([order[:size] for order, size in pairs])]
        if len(chosen) == n:
            return chosen
        adj, roots = real.task.adj, chosen.numpy()
        seen = np.zeros(real.num_examples, bool)
        seen[roots] = True
        for _ in range(self.hops):
            seen |= np.asarray(adj[seen].sum(0)).ravel() > 0
        seen[roots] = False
        rank = personalised_pagerank(adj, roots, damping=self.damping)
        others = np.flatnonzero(seen)
        kept = others[np.argsort(-rank[others], kind="stable")[: n - len(chosen)]]
        return torch.cat([chosen, torch.from_numpy(kept)])

    def _stored(self, real: NodeSource, nodes: Tensor) -> int:
        """Bytes of the subgraph of ``nodes``."""
        stored = len(nodes) * real.example_bytes
        if self.structure == "trees":
            stored += EDGE_BYTES * int(real.task.adj[nodes.numpy()][:, nodes.numpy()].nnz)
        return stored

    def _cut_out(self, real: NodeSource, nodes: Tensor, exemplars: int) -> Synthetic:
        task = real.task
        y = task.y[nodes].to(real.device)
        y[exemplars:] = -1
        if self.structure == "identity":
            x = task.propagate(self.hops, nodes.numpy())
            features = torch.from_numpy(x).to(real.device, real.dtype)
            structure: Structure = Identity()
        else:
            features, structure = induced(real, nodes)
        return _PrunedTrees(features, y, structure, threshold=0.0, num_classes=real.num_classes)


class _PrunedTrees(NodeSynthetic):
    """A graph in which nodes of class -1 are listened to and not learnt from."""

    def _whole(self) -> Batch:
        rows = (self.y >= 0).nonzero().flatten()
        return Batch(super()._whole().inputs, self.y[rows], rows)

    @torch.no_grad()
    def export(self) -> CondensedGraph:
        out = super().export()
        out.train_mask = out.y >= 0
        return out
