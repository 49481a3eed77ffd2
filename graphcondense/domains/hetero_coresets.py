"""Coresets of heterogeneous graphs: real nodes of every type, and the relations between them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from torch import Generator, Tensor

from graphcondense.core.method import LABEL_KINDS
from graphcondense.core.types import Synthetic
from graphcondense.data.hetero_parts import Ids, cut
from graphcondense.domains.coresets import Coreset
from graphcondense.domains.hetero import (
    Array,
    HeteroMethod,
    HeteroSource,
    HeteroSynthetic,
    path_rows,
)
from graphcondense.ops.fields import Count, Natural
from graphcondense.ops.select import CHOICES


@dataclass(frozen=True, kw_only=True)
class HeteroCoreset(Coreset[HeteroSource], HeteroMethod):
    """What all coresets of heterogeneous graphs share.

    Training nodes of the target type are chosen class by class, or in the groups that stand for
    classes (:attr:`~graphcondense.data.targets.Labelled.groups`). Of each other type, the nearest
    first, nodes are chosen among those that touch a node chosen so far; where these are too few,
    the others are drawn.
    """

    learns = "nothing (real nodes)"
    label_kinds = LABEL_KINDS

    def memory_bytes(self, real: HeteroSource) -> int:
        """The export, its features dense, and the relations as they are cut."""
        n = int(self.sizes(real).sum())
        return 3 * n * real.example_bytes + 24 * real.task.graph.num_edges

    def all_rows(self, real: HeteroSource, rng: Generator) -> Mapping[str, Array]:
        """What the choice is made on, by type ``[n, d]``; nothing where none is looked at."""
        return {kind: np.zeros((n, 0)) for kind, n in real.task.graph.counts.items()}

    def picked(self, rows: Array, k: int, rng: Generator) -> Tensor:
        """``k`` of the rows, by the rule that has the method's name."""
        return CHOICES[self.name](torch.from_numpy(rows), k, rng)

    def solve(self, real: HeteroSource, rng: Generator) -> Synthetic:
        task, sizes = real.task, self.sizes(real).tolist()
        rows = self.all_rows(real, rng)
        own = rows[task.target]
        picked = [
            nodes[self.picked(own[nodes.numpy()], k, rng)]
            for nodes, k in zip(real.members, sizes, strict=True)
        ]
        nodes = torch.cat(picked)
        others = self.counts(real, sum(sizes))

        def among(kind: str, inside: Ids, k: int) -> Ids:
            picked: Ids = inside[self.picked(rows[kind][inside], k, rng).numpy()]
            return picked

        graph = cut(task, nodes, others, rng, among)
        return HeteroSynthetic(graph, task.target, task.y[nodes])


@dataclass(frozen=True, kw_only=True)
class PropagatedHetero(HeteroCoreset):
    """What coresets of heterogeneous graphs share that compare features.

    Attributes:
        hops: the choice is made on what nodes hear along meta-paths of so many relations
            (:func:`~graphcondense.domains.hetero.path_rows`); 0 is the features.
        dims: leading singular vectors of features, and of what is heard, that each hop takes.
    """

    hops: Natural = 1
    dims: Count = 64

    def all_rows(self, real: HeteroSource, rng: Generator) -> Mapping[str, Array]:
        draws = np.random.default_rng(int(torch.randint(2**31, (), generator=rng)))
        return path_rows(real.task.graph, self.hops, self.dims, draws)

    def memory_bytes(self, real: HeteroSource) -> int:
        """Besides, the rows of all nodes, of every relation, twice."""
        graph = real.task.graph
        heard = {k: 1 + len(graph.into(k)) * (self.hops > 0) for k in graph.x}
        rows = sum(heard[k] * n * self.dims for k, n in graph.counts.items())
        return super().memory_bytes(real) + 12 * rows
