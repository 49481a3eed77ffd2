"""Training graphs as every method sees them, and their readouts without parameters."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal

import torch
from torch import Generator, Tensor

from graphcondense.core.types import Batch, Criterion
from graphcondense.data.graph_task import GraphTask
from graphcondense.nn.graph_layouts import How, SparseGraphs
from graphcondense.ops.criteria import CRITERIA
from graphcondense.saved.graph_set import GraphSet

BLOCK = 20_000
"""Nodes that are propagated at once."""

EDGE_BYTES = 16
"""Of an edge as it is stored: two int64."""


@dataclass
class GraphSource:
    """Training graphs by group: classes, or what stands for them (see ``GraphTask.groups``).

    Args:
        task: the checked graphs.
        device: where batches go.
        edge_features: whether batches have edge features.

    Attributes:
        num_classes: groups of graphs; for several tasks one.
        counts: training graphs of each group.
        members: which they are.
        num_edge_features: width of the edge features that batches have; 0 without.
        criterion: the loss of this kind of problem.
    """

    task: GraphTask
    device: torch.device = field(default_factory=lambda: torch.device("cpu"))
    edge_features: bool = False

    kind = "graph"

    def __post_init__(self) -> None:
        if self.edge_features and not self.task.num_edge_features:
            raise ValueError(f"{self.task.name} has no edge features; leave edge_features off")
        self.num_classes, self.num_examples = self.task.num_groups, len(self.task)
        self.num_features = self.task.num_features
        self.num_edge_features = self.task.num_edge_features if self.edge_features else 0
        self.criterion: Criterion = CRITERIA[self.task.label_kind]
        group = self.task.groups[self.task.train]
        self.members = [
            self.task.train[(group == c).nonzero().flatten()] for c in range(self.num_classes)
        ]
        self.counts = torch.tensor([len(m) for m in self.members])

    @cached_property
    def largest(self) -> int:
        """Nodes of the largest training graph."""
        return int(self.task.graphs.sizes[self.task.train].max())

    @cached_property
    def most_edges(self) -> int:
        """Edges of the training graph that has the most."""
        return int(self.task.graphs.edge_ptr.diff()[self.task.train].max())

    @property
    def example_bytes(self) -> int:
        """Of the largest training graph with all of its edges: no graph takes more."""
        task = self.task
        edge = EDGE_BYTES + 4 * self.num_edge_features
        label = 8 if task.label_kind == "classes" else 4 * task.num_outputs
        return 4 * self.largest * self.num_features + edge * self.most_edges + label

    def as_batch(self, graphs: GraphSet) -> Batch:
        """Encoded graphs as a model takes them."""
        x = graphs.x.to(self.device)
        packed = SparseGraphs.of(graphs, x, edge_features=self.edge_features)
        return Batch((x, packed), self.task.scaled(graphs.y.to(self.device)))

    def batch(
        self, c: int | None = None, size: int | None = None, rng: Generator | None = None
    ) -> Batch:
        members = self.task.train if c is None else self.members[c]
        if size is not None and size < len(members):
            members = members[torch.randperm(len(members), generator=rng)[:size]]
        return self.as_batch(self.task.batch(members))


def readouts(
    real: GraphSource,
    index: Tensor,
    hops: int = 2,
    how: How = "gcn",
    pool: Literal["mean", "sum"] = "mean",
) -> Tensor:
    """Mean over each graph's nodes of ``[X, ÂX, ..., Â^hops X]`` side by side, ``[m, (hops+1)d]``,
    a block of graphs at a time; other propagations and sums over nodes on request."""
    out = []
    for block in real.task.graphs.blocks(index, BLOCK):
        x, packed = real.as_batch(real.task.batch(block)).inputs
        rows = [x]
        for _ in range(hops):
            rows.append(packed.gather(rows[-1], how))
        out.append(torch.cat([packed.pool(h, None, pool) for h in rows], 1))
    return torch.cat(out)


def standardised(rows: Tensor) -> Tensor:
    """Columns ``[m, d]`` in double precision at mean 0 and variance 1; constant ones left out."""
    rows = rows.double()
    spread = rows.std(0, correction=0)
    return ((rows - rows.mean(0)) / spread)[:, spread > 1e-9]
