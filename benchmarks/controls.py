"""Fair controls: what of a condensed graph's worth is its teacher's, its propagation's, its own.

All are made from the result of one method, ``quotient``, with one seed. Those of real nodes have as
many nodes as it has, parted over the classes as the floor ``random`` parts them: on Cora that is
worth 5 to 20 points more than quotient's own parts. Classes of nodes without a label are the
teacher's.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Generator, Tensor
from torch_geometric.data import Data

from graphcondense.data.task import NodeTask
from graphcondense.domains.answers import answers_of
from graphcondense.domains.coarse import seeded
from graphcondense.domains.node import small_graph
from graphcondense.domains.node_source import NodeSource
from graphcondense.evaluate.floors import of_each, shuffled
from graphcondense.methods.quotient import Quotient
from graphcondense.ops.adjacency import propagate_rows
from graphcondense.ops.arrays import dense
from graphcondense.ops.select import choose_kcenter
from graphcondense.pictures.images import classes_of

HOPS = 2
"""Steps of propagation of the rows of controls."""


@dataclass(frozen=True)
class Lesson:
    """What a teacher says of every node.

    Attributes:
        soft: labels ``[N, C]`` as quotient gives them to its nodes, rows sum to one.
        rows: features in few dimensions ``[N, d]``, on which real nodes are compared.
        seconds: of the processor that both took.
    """

    soft: Tensor
    rows: Tensor
    seconds: float

    @property
    def classes(self) -> Tensor:
        """The likeliest ``[N]``."""
        return self.soft.argmax(1)


def lesson(task: NodeTask, seed: int) -> Lesson:
    """The labels of quotient's teacher, by the same draws as ``condense(..., seed=seed)`` makes,
    and as sharp as quotient makes them."""
    began = time.process_time()
    seen, method = NodeSource(task, validates=True), Quotient()
    rows, taught = method.taught(seen, seeded(Generator().manual_seed(seed)))
    sharp = answers_of(seen).sharp(taught.soft, method.sharpness)
    for _ in range(HOPS):
        rows = seen.task.gcn_adj @ rows
    seconds = time.process_time() - began
    return Lesson(torch.from_numpy(sharp).float(), torch.from_numpy(rows).float(), seconds)


@dataclass(frozen=True)
class Start:
    """What controls are made of.

    Attributes:
        task: the real graph.
        small: what quotient made of it.
        random: what the floor ``random`` made of it: how many labelled nodes of each class.
        lesson: of quotient's teacher.
        seed: of the condensation.
    """

    task: NodeTask
    small: Data
    random: Data
    lesson: Lesson
    seed: int

    @property
    def counts(self) -> Tensor:
        """Nodes of each class ``[C]``: those of ``random``, scaled to quotient's number."""
        counts = torch.bincount(classes_of(self.random.y), minlength=self.task.num_classes)
        exact = counts * (int(self.small.num_nodes) / int(counts.sum()))
        whole = exact.floor().long()
        most = (exact - whole).argsort(descending=True, stable=True)
        whole[most[: int(self.small.num_nodes) - int(whole.sum())]] += 1
        return whole

    def any_nodes(self) -> Tensor:
        """Random nodes of the whole graph."""
        order = shuffled(torch.arange(self.task.num_nodes), self.seed)
        return self._filled(of_each(order, self.lesson.classes[order], self.counts))

    def central_nodes(self) -> Tensor:
        """The same by k-center on propagated features, class by class."""
        chosen, rng = [], torch.Generator()  # k-center draws nothing
        for c, count in enumerate(self.counts.tolist()):
            members = (self.lesson.classes == c).nonzero().flatten()
            most = min(count, len(members))
            if most:
                chosen.append(members[choose_kcenter(self.lesson.rows[members], most, rng)])
        return self._filled(torch.cat(chosen))

    def _filled(self, nodes: Tensor) -> Tensor:
        """Random further nodes where a class has too few."""
        order = shuffled(torch.arange(self.task.num_nodes), self.seed)
        rest = order[~torch.isin(order, nodes)]
        return torch.cat([nodes, rest[: int(self.small.num_nodes) - len(nodes)]])

    def labelled_nodes(self) -> Tensor:
        """Random training nodes, of each class as many as ``random`` has."""
        counts = torch.bincount(classes_of(self.random.y), minlength=self.task.num_classes)
        order = shuffled(self.task.train, self.seed)
        return of_each(order, self.task.y[order], counts)


def real_nodes(task: NodeTask, nodes: Tensor, y: Tensor) -> Data:
    """Real nodes, their raw features and the edges between them, with labels ``y`` of all nodes."""
    part = task.subgraph(nodes)
    adj = torch.from_numpy(part.adj.toarray())
    return small_graph(torch.from_numpy(dense(part.x_array)), adj, y[nodes])


def propagated(task: NodeTask, nodes: Tensor, y: Tensor) -> Data:
    """Rows of ``Â² X`` of real nodes without edges, with labels ``y`` of all nodes."""
    rows = propagate_rows(task.gcn_adj, task.x_array, HOPS, nodes.numpy(), np.float32)
    return small_graph(torch.from_numpy(rows), None, y[nodes])


def whole_with(task: NodeTask, soft: Tensor) -> NodeTask:
    """The whole graph, all nodes of which are trained on."""
    return replace(task, y=soft, train=torch.arange(task.num_nodes))


def hard(small: Data) -> Data:
    """The same graph with the classes of its soft labels."""
    out = small.clone()
    out.y = classes_of(small.y)
    return out


def with_shuffled_edges(small: Data, seed: int) -> Data:
    """The same edges and weights between other nodes: the ends are renamed by a permutation, so
    that the graph keeps its form and fits its features no more."""
    out, rng = small.clone(), Generator().manual_seed(seed)
    out.edge_index = torch.randperm(int(small.num_nodes), generator=rng)[small.edge_index]
    return out


def without_edges(small: Data) -> Data:
    """The same nodes alone."""
    out = small.clone()
    out.edge_index = small.edge_index[:, :0]
    if small.edge_weight is not None:
        out.edge_weight = small.edge_weight[:0]
    return out


CONTROLS: Mapping[str, Callable[[Start], Data | NodeTask]] = {
    "random+soft": lambda s: real_nodes(s.task, s.any_nodes(), s.lesson.soft),
    "kcenter+soft": lambda s: real_nodes(s.task, s.central_nodes(), s.lesson.soft),
    "random-rows": lambda s: propagated(s.task, s.labelled_nodes(), s.task.y),
    "random-rows+soft": lambda s: propagated(s.task, s.any_nodes(), s.lesson.soft),
    "quotient-hard": lambda s: hard(s.small),
    "quotient-shuffled": lambda s: with_shuffled_edges(s.small, s.seed),
    "quotient-features": lambda s: without_edges(s.small),
    "whole+soft": lambda s: whole_with(s.task, s.lesson.soft),
}
"""By name, how each is made; ``docs/results-transfer.md`` says what for."""
