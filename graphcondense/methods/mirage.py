"""Mirage: the computation trees that often come together (Gupta et al., ICLR 2024)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from heapq import heapify, heappop, heapreplace
from typing import Literal

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp
import torch
from torch import Generator, Tensor

from graphcondense.core.method import Method
from graphcondense.core.types import Synthetic
from graphcondense.domains.graph import ChosenGraphs, GraphSource
from graphcondense.ops.fields import Count, SomeShare
from graphcondense.ops.trees import Ints, frequent_sets, grow, miner, plant

SUPPORT = 0.02
"""Share of a class's training graphs that a frequent tree set is in, unless that is too much."""

LOWER = 0.8
"""Factor from a support that gives too few tree sets to the next that is tried."""


@dataclass(frozen=True, kw_only=True)
class Mirage(Method[GraphSource]):
    """Sets of computation trees that many graphs of a class have; nothing is trained.

    A graph is a transaction whose items are the computation trees of its nodes. In each class, the
    maximal tree sets that at least a share θ of the graphs have are mined (FP-growth), and one
    exported graph holds the trees of one set. Its ``node_weight`` is zero but at the roots, where
    it is how often the supporting graphs have the tree on average: readouts see the roots alone.
    Networks of :mod:`graphcondense.nn.graphs` of at most ``hops`` layers give the roots exactly the
    states of the real nodes: GIN, SAGE and GAT always, GCN where the real graphs have no
    self-loops; with edge features if ``edge_features`` is on, but not with a virtual node. The
    graphs are directed, with parallel edges; see :func:`graphcondense.ops.trees.plant`.

    The paper draws tree sets in proportion to their frequency; here a budget says how many are
    kept, each once. Labels are the class, or the mean labels of the supporting graphs. Features are
    compared as they are, so continuous ones hardly ever repeat. The seed does not matter.

    Attributes:
        hops: height L of the trees: the layers of the networks the result is for.
        support: θ, the share of a class's training graphs that a frequent tree set is in. By
            default 2 %, or less, by factors of 0.8, where that gives too few tree sets; never below
            two graphs.
        rank: which of the frequent tree sets are taken. ``"frequency"``: those most graphs have,
            of equal ones the larger. ``"cover"``: in turn the one that has the most occurrences of
            a tree in a graph that no set taken so far accounts for.
        max_trees: the most frequent trees of a class that are mined; bounds time and memory.
        edge_features: tell trees apart by edge features, too, and export them.
    """

    name = "mirage"
    kind = "graph"
    family = "frequent patterns (no gradient)"
    learns = "nothing (frequent sets of computation trees)"
    cost = "selection"
    paper = (
        "Gupta et al., Mirage: Model-Agnostic Graph Distillation for Graph Classification, "
        "ICLR 2024"
    )

    hops: Count = 2
    support: SomeShare | None = None
    rank: Literal["frequency", "cover"] = "cover"
    max_trees: Count = 500
    edge_features: bool = False

    def example_bytes(self, real: GraphSource) -> int:
        return real.example_bytes + 4 * real.largest  # node_weight

    def sizes(self, real: GraphSource) -> Tensor:
        miner()  # a package that is missing is told here, before any work
        return super().sizes(real)

    def memory_bytes(self, real: GraphSource) -> int:
        task = real.task
        nodes = int(task.graphs.sizes[task.train].sum())
        edges = int(task.graphs.edge_ptr.diff()[task.train].sum())
        width = task.graphs.x.element_size() * int(task.graphs.x.shape[1])
        # Features and their sorted copies; colours, trees as they are told apart, transactions;
        # edges, sorted; which graph has which tree, twice.
        total = 4 * width * nodes + 8 * (self.hops + 30) * nodes + 8 * 12 * edges
        total += 2 * self.max_trees * int(real.counts.max())
        return total + super().memory_bytes(real)

    def solve(self, real: GraphSource, rng: Generator) -> Synthetic:
        """Mine every class; see the class.

        Raises:
            ValueError: a class with fewer frequent tree sets than it has to give; more bytes than
                were asked for.
        """
        if self.edge_features and not real.task.num_edge_features:
            raise ValueError(f"{real.task.name} has no edge features; leave edge_features off")
        sizes = self.sizes(real).tolist()
        index = torch.cat(real.members)
        graphs = real.task.graphs.select(index)
        attr = graphs.edge_attr if self.edge_features else None
        forest = grow(
            graphs.x.numpy(),
            graphs.edge_index.numpy(),
            self.hops,
            None if attr is None else attr.numpy(),
        )
        # times[g, t]: nodes of graph g that are roots of tree t; example[t]: one such node.
        trees = forest.colours[-1]
        times = sp.csr_matrix((np.ones(len(trees), np.float32), (graphs.batch.numpy(), trees)))
        _, example = np.unique(trees, return_index=True)
        nodes, edges, origins, weights, labels = [], [], [], [], []
        first = planted = 0
        for c, k in enumerate(sizes):
            of_class = times[first : first + len(real.members[c])]
            for items, rows in self._sets(of_class, c, k):
                originals, ends, origin = plant(forest, example[items].tolist())
                weight = np.zeros(len(originals), np.float32)
                weight[: len(items)] = of_class[rows][:, items].mean(0)
                label = graphs.y[first + torch.from_numpy(rows)]
                nodes.append(torch.from_numpy(originals))
                edges.append(torch.from_numpy(ends) + planted)
                origins.append(torch.from_numpy(origin))
                weights.append(torch.from_numpy(weight))
                labels.append(label[0] if real.task.label_kind == "classes" else label.nanmean(0))
                planted += len(originals)
            first += of_class.shape[0]
        origin_of = torch.cat(origins)
        small = replace(
            graphs,
            x=graphs.x[torch.cat(nodes)],
            edge_index=torch.cat(edges, 1),
            edge_attr=None if attr is None else attr[origin_of.clamp_min(0)],
            node_ptr=torch.tensor([0, *map(len, nodes)]).cumsum(0),
            edge_ptr=torch.tensor([0, *map(len, origins)]).cumsum(0),
            y=torch.stack(labels),
            node_weight=torch.cat(weights),
        )
        small = real.task.encoded(small)
        if small.edge_attr is not None:
            small.edge_attr[origin_of < 0] = 0.0  # nothing real hears along the padding
        if self.bytes is not None and small.bytes > self.bytes:
            raise ValueError(
                f"bytes={self.bytes} has room for {len(small)} of the training graphs, but the "
                f"{len(small)} tree sets take {small.bytes}: their edges are parallel, and may be "
                "more than those of any graph; ask with per_class=, or lower hops"
            )
        return ChosenGraphs(small)

    def _sets(self, times: sp.csr_matrix, c: int, k: int) -> list[tuple[Ints, Ints]]:
        """``k`` frequent sets of trees of class ``c``, and the graphs that have each."""
        n = times.shape[0]
        graphs_of = np.asarray((times > 0).sum(0)).ravel()
        often = np.argsort(-graphs_of, kind="stable")[: self.max_trees]
        has = (times[:, often] > 0).tocsr()
        if self.support is not None:
            count = math.ceil(self.support * n - 1e-9)
            sets = frequent_sets(has, count)
        else:
            count = min(n, max(2, math.ceil(SUPPORT * n)))
            sets = frequent_sets(has, count)
            while len(sets) < k and count > 2:
                count = max(2, int(LOWER * count))
                sets = frequent_sets(has, count)
        if not sets:
            raise ValueError(
                f"class {c}: no tree set is frequent: no tree of {self.hops} hops is in {count} of "
                f"its {n} training graphs; lower support or hops, or discretise features"
            )
        if len(sets) < k:
            raise ValueError(
                f"class {c}: {k} tree sets are wanted, but only {len(sets)} maximal ones are in at "
                f"least {count} of its {n} training graphs; lower the budget, or choose another "
                "support or other hops"
            )
        dense = has.toarray()
        rows = [np.flatnonzero(dense[:, items].all(1)) for items in sets]
        chosen = _RANKS[self.rank](dense, sets, rows, k)
        return [(often[sets[i]], rows[i]) for i in chosen]


Bools = npt.NDArray[np.bool_]


def _most_frequent(has: Bools, sets: Sequence[Ints], rows: Sequence[Ints], k: int) -> list[int]:
    """In most graphs; of equal ones the larger, then the first."""
    return sorted(range(len(sets)), key=lambda i: (-len(rows[i]), -len(sets[i]), i))[:k]


def _covering(has: Bools, sets: Sequence[Ints], rows: Sequence[Ints], k: int) -> list[int]:
    """Greedy tiling (Geerts et al., DS 2004): in turn the set with most cells not yet covered."""
    free, chosen = has.copy(), list[int]()
    cells = [np.ix_(r, s) for r, s in zip(rows, sets, strict=True)]
    queue = [(-int(free[cell].sum()), i) for i, cell in enumerate(cells)]
    heapify(queue)
    while len(chosen) < k:  # gains only fall, so one that is still true is the largest
        gain, i = queue[0]
        now = -int(free[cells[i]].sum())
        if now != gain:
            heapreplace(queue, (now, i))
            continue
        heappop(queue)
        free[cells[i]] = False
        chosen.append(i)
    return chosen


_RANKS = {"frequency": _most_frequent, "cover": _covering}
