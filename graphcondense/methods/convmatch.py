"""ConvMatch: coarsening by convolution matching (Dickens et al., WWW 2024)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import scipy.sparse as sp
from torch import Generator

from graphcondense.core.method import Variants
from graphcondense.domains.coarse import CoarseGraph, exported, stood_out, told
from graphcondense.domains.contraction import Stepwise
from graphcondense.domains.node_source import NodeSource
from graphcondense.domains.views import unit
from graphcondense.ops.coarsen import (
    Array,
    Candidates,
    Level,
    coarsen,
    few_dimensions,
    means,
    parts_of,
    started,
)
from graphcondense.ops.convolution import AT_ONCE, PAIRS, convolved, nearest
from graphcondense.ops.fields import Count, Natural, Positive, SomeShare


@dataclass(frozen=True, kw_only=True)
class Convolved(Stepwise):
    """Joins pairs of nodes, connected or not, that change a graph convolution least.

    Attributes:
        hops: how often features are propagated before near nodes are looked for.
        neighbours: near nodes of each node.
        dims: leading singular vectors of ``X`` that stand for it in distances and costs; all of
            ``X`` if it has no more columns.
        share: pairs that a step may join at most, as a share of the nodes that are left.
        exact: price neighbours of both nodes exactly.
        weighted: a change at a group counts once for each of its members, of links as often as
            their loss looks at it; without, once, as in the paper's code, and most nodes end in a
            few groups.
        respect_labels: training nodes of different classes never share a group.
        convolved: costs are of ``Â^convolved X`` instead of ``X``.
        unit: near nodes, and costs, are by rows of length one.
    """

    paper = (
        "Dickens et al., Graph Coarsening via Convolution Matching for Scalable Graph Neural "
        "Network Training, WWW 2024, arXiv 2312.15520"
    )
    variants: ClassVar[Variants] = {"a-convmatch": {"exact": False}}

    hops: Natural = 2
    neighbours: Count = 10
    dims: Count = 64
    share: SomeShare = 0.1
    exact: bool = True
    weighted: bool = True
    respect_labels: bool = True
    convolved: Natural = 0
    unit: bool = False

    def memory_bytes(self, real: NodeSource) -> int:
        """Few dimensions of all nodes with what is made of them, the pairs, blocks of these, what
        nearest nodes are chosen from, the links, and the export."""
        n, width = real.num_examples, min(self.dims, real.num_features)
        rows = 8 * 8 * n * width + 200 * n * self.neighbours
        blocks = max(8 * 12 * PAIRS * width, 5 * n * AT_ONCE)
        links = 200 * int(real.task.adj.nnz)
        return rows + blocks + links + 2 * exported(self, real)

    def groups(
        self,
        real: NodeSource,
        adj: sp.csr_matrix,
        nodes: Array,
        n: int,
        rng: np.random.Generator,
        old: Array | None = None,
    ) -> tuple[Array, sp.csr_matrix | None, Array | None]:
        few = few_dimensions(real.task.x_array, self.dims, rng)
        wanted = self.convolved, self.hops
        seen = {hops: self._seen(real, few, hops)[nodes] for hops in dict.fromkeys(wanted)}
        x, rows = (seen[hops] for hops in wanted)
        near = nearest(rows, self.neighbours)
        each = np.ones(real.num_examples) if real.weight is None else real.weight
        weight = each[nodes] if self.weighted else None

        def family(level: Level) -> Candidates:
            return convolved(
                level,
                x,
                rows,
                near,
                self.neighbours,
                self.share,
                exact=self.exact,
                weight=weight,
            )

        group = coarsen(
            adj,
            n,
            family,
            told(real)[nodes],
            respect=self.respect_labels,
            join=False,
            rng=rng,
            start=None if old is None else started(old),
        )
        # Groups that were there before stay together.
        return self.settled(group, rows, n) if old is None else group, None, None

    def settled(self, group: Array, rows: Array, n: int) -> Array:
        """The groups ``[m]`` once no more are joined; ``rows [m, k]`` are what is near."""
        return group

    def _seen(self, real: NodeSource, rows: Array, hops: int) -> Array:
        """``Â^hops`` times rows of all nodes ``[N, k]``."""
        for _ in range(hops):
            rows = real.task.gcn_adj @ rows
        return unit(rows) if self.unit else rows


@dataclass(frozen=True, kw_only=True)
class ConvMatch(Convolved):
    """Joins pairs of nodes, connected or not, that change a graph convolution least.

    1. Each node may join its ``neighbours`` nearest nodes by ``Â^hops X``.
    2. A pair costs what joining it changes of ``Â X`` (as a GCN convolves, with the self-loops of
       groups): the sum over all nodes of ``‖h_v - h'_v‖``. Only the two nodes and their neighbours
       change.
    3. The cheapest pairs that share no node are joined: features become means of all members, edges
       sums; then the pairs that are left are priced anew, until the budget is reached.

    ``a-convmatch`` (``exact=False``) bounds the cost by terms of each node alone. Only for
    neighbours that the two nodes share do both differ.

    A group's class is the most frequent one of its training nodes; without any it is exported with
    ``y = -1`` and outside ``train_mask``.

    Differs from the paper: row lengths are Euclidean, where the paper takes sums of absolute
    values, so that few dimensions of ``X`` hold them; a step joins a share of the nodes, where the
    paper's joins a number of pairs; and training nodes of different classes do not join. Where no
    near pair is left, nearest nodes are looked for among the groups.
    """

    name = "convmatch"


@dataclass(frozen=True, kw_only=True)
class ConvMatchLinks(Convolved):
    """Joins pairs of nodes that change a graph convolution least, for models that predict links.

    As for classes, but for this:

    * Pairs are chosen by rows of ``Â^hops X`` and, in costs, of ``Â^convolved X``, of length one.
    * A change counts as often as the loss of links looks at a node,
      :attr:`~graphcondense.data.link_task.LinkTask.weight`; so does a member in a mean of features.
    * Joining never undoes what it did. So in the end every node moves to the group whose mean of
      ``Â^hops X`` is nearest, ``moves`` times, by k-means from these groups.
    * Features are ``m + contrast (x_i - m)``, with ``x_i`` the mean of a group's members and ``m``
      that of all nodes. There are no labels.

    Attributes:
        contrast: how far features stand out from their mean; 1 leaves the means.
        moves: steps of k-means once the groups are joined; none in an update.
    """

    name = "convmatch"
    kind = "link"

    convolved: Natural = 3
    hops: Natural = 3
    unit: bool = True
    contrast: Positive = 1.5
    moves: Natural = 3

    def settled(self, group: Array, rows: Array, n: int) -> Array:
        if not self.moves:
            return group
        return parts_of(rows, n, 0, centres=means(group, n) @ rows, steps=self.moves)

    def _made(self, real: NodeSource, rng: Generator, **more: Array) -> CoarseGraph:
        return stood_out(super()._made(real, rng, **more), real, self.contrast)
