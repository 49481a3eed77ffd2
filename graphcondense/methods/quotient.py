"""The quotient graph of a clustering, with a teacher's soft labels."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Literal

import numpy as np
import scipy.sparse as sp
import torch
from torch import Generator, Tensor

from graphcondense.core.method import LABEL_KINDS
from graphcondense.core.types import Synthetic
from graphcondense.domains.answers import answers_of
from graphcondense.domains.coarse import Coarse, CoarseGraph, exported, seeded
from graphcondense.domains.node_source import NodeSource
from graphcondense.domains.partitions import coarser, never_falling, old_groups, parts_within
from graphcondense.domains.propagations import SEEN
from graphcondense.domains.quotient_edges import (
    cut_off,
    factor_of,
    looped,
    spread_after,
    spread_of,
    to_siblings,
)
from graphcondense.domains.quotient_features import Features
from graphcondense.domains.quotients import (
    SOFT,
    check_labels,
    check_room,
    check_solved,
    groups_of,
    largest_entries,
    near_rows,
    penalty_of,
    solved_bytes,
    solved_for,
    spare,
    sparse_bytes,
)
from graphcondense.domains.referees import HIDDEN, NETWORKS
from graphcondense.domains.teachers import Taught
from graphcondense.domains.views import hidden_bytes, in_deviations
from graphcondense.ops.blocks import links, sums
from graphcondense.ops.budget import Rule
from graphcondense.ops.coarsen import Array, continued, few_dimensions, parts_of
from graphcondense.ops.fields import Count, Natural, NonNegative, Positive, Share, SomeShare

if TYPE_CHECKING:
    from graphcondense.saved.condensed_graph import CondensedGraph

NETWORK = 16 * HIDDEN * NETWORKS
"""Bytes a column: weights of the networks that judge, with gradients and Adam's two moments."""
PENALTY = 0.1
"""By default, of the regressions that numbers are solved for with."""


@dataclass(frozen=True, kw_only=True)
class Quotient(Coarse):
    """Clusters of all nodes: their features, their links, and a teacher's soft labels.

    The graph is matched to no network, so that it serves all models:

    1. A teacher in closed form, :class:`~graphcondense.domains.teachers.RidgeTeacher` (of numbers
       and tasks :class:`~graphcondense.domains.teachers.TargetTeacher`), gives every node soft
       labels ``P [N, C]`` from the labels of training nodes. It sees columns in standard
       deviations, beside a one, where there are at most ``dims``.
    2. K-means parts the nodes of each predicted class on ``[unit rows of Â^hops X | weight P]``.
       A class gets clusters in proportion to the square root of the number of its predicted nodes.
    3. The condensed graph is the quotient graph of this partition. Cluster ``i`` has the features
       ``m + contrast (x_i - m)``, with ``x_i`` the mean of its members' *raw* features and ``m``
       that of all nodes; its label is the mean of its members' ``P ** sharpness``, rows made to sum
       to one. In ``x_i`` and in the label a member weighs one more than its links do. The contrast
       is at most what makes these rows as far from ``m`` as real ones, in the root mean square.
       Where linear models on validation nodes are better with a contrast of 1, by more than two
       standard errors, it is halfway to 1, or 1.
       ``W = (S⁻¹ M A Mᵀ + (S⁻¹ M A Mᵀ)ᵀ) / 2`` are mean numbers of links from a member of one
       cluster to those of another, with ``M [n, N]`` the membership and ``S`` the sizes.
    4. Models treat self-loops differently (GCN keeps their weight, GAT replaces it, GIN adds it to
       its own), and deep ones, whose dropout neighbours average out, learn little from them. So the
       share ``moved`` of the links inside a cluster becomes an edge to its sibling, the most
       similar cluster of its class. The only cluster of a class has none: in edges to another
       class models would learn that neighbours differ.
    5. Features are learnt: ridge regressions on the condensed nodes, in closed form, shall give
       every real node its soft label, for four propagations at once (``X``, ``Â² X``, ``[X, D⁻¹A X,
       (D⁻¹A)² X]`` and personalised PageRank;
       :func:`~graphcondense.domains.propagations.propagations`). Such regressions, and small
       networks that learn from the condensed nodes
       (:func:`~graphcondense.domains.referees.right_of_networks`), are then asked about validation
       nodes (training nodes, if those are fewer than five). Where neither of the two is clearly
       better than with the means, or one of them is clearly worse, the means stay.
    6. Means are shorter than real rows, which are signal and noise. So models that are trained on
       means meet inputs at test that fit their weights, but deep ones with much dropout hardly
       learn from them. Rows are scaled together, by ``stretch`` of the way to the length of real
       rows on a logarithmic scale, but not above ``longest``: models that sum rows over neighbours
       or attend to some learn badly from long ones.
    7. Contrast, siblings and learnt features are for sparse, wide features. On dense ones, as
       images have, means that stand out lie outside of the data. So small networks that see
       features as models do, column by column, learn from the graph as it is now and from the
       plain quotient graph: means of members, scaled as in step 6, and links inside a cluster as
       its self-loop. Where they are right on more validation nodes (training nodes, if those are
       fewer than five) with the plain one, by more than a standard error and by more than half a
       point, it is taken, with the edges to siblings of step 4. Only where networks are better
       without these, too, by the same margin, or not better with them than without the plain
       graph, is it taken without them.
    8. A quotient graph may smooth more than the graph does: neighbours of a cluster are those of
       all its members. Where rows ``Â^hops x`` of the means ``x`` are nearer to their mean, in the
       root mean square, than ``least`` of how far means of members' ``Â^hops X`` are from theirs,
       each cluster's self-loop becomes heavier by one, which is what a GCN gives each member. It
       gives as much to a cluster without any, so that where none has one nothing is done.
    9. All links are multiplied by one factor, at most 1, so that the sums that a GIN makes over a
       node and its neighbours, ``x + W x``, are at most ``bound`` long in the root mean square; but
       a node keeps one link on average. Longer ones end the training of such a model in its first
       steps, on the whole graph as here. Normalised sums and means are the same for any factor; a
       node without a self-loop gets one that weighs as much as that of a GCN, which does not scale.
    10. Labels that are numbers are solved for, so that ridge regressions on the condensed nodes, of
        the four propagations of step 5, say of real nodes what the teacher does
        (:func:`~graphcondense.domains.solved.solved_labels`). A model that learns the means of
        labels from features that are means says too much of real nodes, whose features are longer.

    With as many clusters as there are nodes, each is a node as it is. So it is with ``epsilon=``,
    where the nodes are noisy sums of ``Â^hops X`` by class, and there are no links.

    Graphs of propagated features without edges serve the models whose propagation they hold. Here
    each model finds what it computes with: raw features of nodes, and links between them.

    Validation labels choose the teacher and the contrast, whether learnt features stay, and whether
    the plain graph is taken. In the inductive setting all nodes that are seen have labels, and no
    teacher is needed.

    Attributes:
        labels: ``"soft"``, or ``"hard"``: the class of the largest soft label.
        sharpness: power of soft labels; 1 leaves them, large values make them hard. By default 8
            for classes, 2 for binary tasks; numbers have none.
        contrast: how far features stand out from their mean at most; 1 leaves them. Means of many
            nodes are alike, and deep models learn little from them in a few hundred epochs.
        moved: share of the links inside a cluster that go to its sibling; the rest is a self-loop.
        cut: links below this share of the largest are left out.
        weight: of soft labels beside features in the clustering.
        hops: how often features are propagated for the clustering.
        dims: leading singular vectors of ``X`` that the teacher and the clustering see; all of
            ``X`` if it has no more columns.
        steps: of Adam that learn the features; 0 keeps the means.
        rate: Adam's learning rate, as a share of the spread of features.
        ridge: penalty of the regressions, as a share of the mean square length of their rows.
        stretch: 0 leaves rows as long as they are, 1 makes their root mean square length that of
            real rows; both up to ``longest``.
        longest: root mean square length of rows at most, in root mean squares of the largest column
            of the data, where that is above one; ``None`` for any length.
        plain: whether the plain quotient graph, of means and links as they are or to siblings, is
            taken where small networks are surely better with it.
        least: share of the spread of propagated real rows that propagation of the means leaves, or
            self-loops become heavier; 0 leaves them.
        bound: root mean square length of the sums over neighbours at most, which the factor of all
            links is chosen for.
        density: share of the entries of each feature row that stay, the largest by magnitude; the
            others become zero, before rows are scaled. What is stored takes ``8 density`` bytes an
            entry then, instead of 4, so that bytes are saved below one half.
        penalty: of the regressions that labels are solved for; 0 keeps the means of members. By
            default 0.1 for numbers and 0 for classes and tasks. Above 5,000 groups numbers are
            means, too.
    """

    name = "quotient"
    family = "clustering"
    learns = "features, edges and soft labels (of groups of real nodes)"
    chooses = True
    in_blocks = True
    label_kinds = LABEL_KINDS

    rule: Rule = "root"
    labels: Literal["soft", "hard"] = "soft"
    sharpness: Positive | None = None
    contrast: Positive = 2.5
    moved: Share = 0.5
    cut: NonNegative = 0.02
    weight: NonNegative = 1.0
    hops: Natural = 2
    dims: Count = 256
    steps: Natural = 60
    rate: Positive = 0.1
    ridge: Positive = 3.0
    stretch: Share = 0.5
    longest: Positive | None = 7.0
    plain: bool = True
    least: NonNegative = 0.8
    bound: Positive = 10.0
    density: SomeShare = 1.0
    penalty: NonNegative | None = None

    private_idle = (
        *("sharpness", "contrast", "moved", "cut", "steps", "rate", "ridge", "stretch", "plain"),
        *("longest", "least", "bound", "density", "penalty"),
    )

    @property
    def private_view(self) -> tuple[float, ...]:
        """``Â^hops X``, which the clusters are made of: sums of it by class are the clusters then,
        and no link is between them."""
        return (*[0.0] * self.hops, 1.0)

    def example_bytes(self, real: NodeSource) -> int:
        soft = 4 * real.num_outputs + 1 - real.label_bytes if self.labels == "soft" else 0
        dense = 4 * real.num_features
        saved = max(dense - sparse_bytes(real.num_features, self.density), 0)
        return real.example_bytes - saved + soft + self.loop_bytes

    def sizes(self, real: NodeSource) -> Tensor:
        """Clusters of each class as if all were equally large; :meth:`solve` parts a budget for all
        classes by what the teacher predicts.

        Raises:
            ValueError: not exactly one budget, or one below one node a class or above the graph.
        """
        wanted = self.of_all(real)
        if (n := int(wanted.sum())) > real.num_examples:
            raise ValueError(
                f"the budget gives {n} nodes, above the {real.num_examples} of the graph; lower it"
            )
        return wanted

    def memory_bytes(self, real: NodeSource) -> int:
        """Soft labels five times, the few dimensions of all nodes as they are propagated (within a
        limit four columns at the least) and of those that score, rows of hidden units, the way back
        from few dimensions, networks that see all columns, and the export."""
        check_labels(real, self.labels, self.sharpness)
        groups = int(self.sizes(real).sum())
        check_solved(self.penalty, groups)
        n, k = real.num_examples, min(self.dims, real.num_features) + 1  # a column of ones
        rows = 4 * n + (16 * n if real.task.place.in_files else 48 * n * k)
        rows += hidden_bytes(n) + 4 * SEEN * k * len(answers_of(real).held(real)[0])
        narrow = real.num_features <= self.dims
        wide = 0 if narrow else (16 * k + NETWORK * self.plain) * real.num_features
        solved = solved_bytes(penalty_of(self.penalty, real, PENALTY), groups)
        return SOFT * n * real.num_outputs + rows + wide + solved + 4 * exported(self, real)

    def solve(self, real: NodeSource, rng: Generator) -> Synthetic:
        return self.quotients(real, [self], rng)[0]

    def nested(self, real: NodeSource, sizes: Sequence[int], rng: Generator) -> list[Synthetic]:
        """K-means makes the largest partition, and Ward's tree over its clusters within each
        predicted class the others; the teacher is the same."""
        return self.quotients(real, [replace(self, nodes=n) for n in sizes], rng)

    def update(self, real: NodeSource, before: CondensedGraph, *, rng: Generator) -> Synthetic:
        """The condensed graph of a graph that has grown: the teacher learns anew, and k-means goes
        on from the clusters before. The nodes of the smaller graph are the first of the larger one,
        in their order.

        Raises:
            ValueError: ``before`` stands for more nodes than there are.
        """
        return self.quotients(real, [self], rng, old_groups(real, before))[0]

    def taught(self, real: NodeSource, draws: np.random.Generator) -> tuple[Array, Taught]:
        """The features in few dimensions ``[N, k]``, and what the teacher says of all nodes, which
        sees columns of the data in standard deviations."""
        task = real.task
        x = task.x_array
        dims = min(self.dims, max(x.shape[0] - 1, 1))  # few rows span no more
        if dims < min(x.shape):
            x = few_dimensions(x, dims, draws)
        elif sp.issparse(x):
            x = x.toarray()
        rows = x.astype(np.float32, copy=False)  # features that are used as they are: no copy
        own = rows.shape[1] == real.num_features and not real.sums
        seen = in_deviations(rows, spare(real)) if own else rows
        return rows, answers_of(real).teach(seen, task.gcn_adj, real, spare(real))

    def quotients(
        self,
        real: NodeSource,
        budgets: Sequence[Quotient],
        rng: Generator,
        before: Array | None = None,
    ) -> list[Synthetic]:
        """The graph of each budget, ascending, of nested partitions; ``before [N]`` are clusters to
        go on from, -1 for none."""
        sizes, draws, task = [b.sizes(real) for b in budgets], seeded(rng), real.task
        raw, taught = self.taught(real, draws)
        predicted = groups_of(real, taught.soft)
        counts = torch.bincount(torch.from_numpy(predicted), minlength=real.num_classes)
        if self.per_class is None:
            totals = [
                replace(self, ratio=None, bytes=None, size=None, nodes=int(n.sum())) for n in sizes
            ]
            sizes = never_falling([self.shared(one, real, counts) for one in totals])
        else:
            check_room(self.per_class, counts)
        near, length = near_rows(real, raw, self.hops, self.weight, taught.soft)
        sharp = answers_of(real).sharp(taught.soft, self.sharpness)
        features = Features.of(real, raw, sharp, spare(real))
        penalty = penalty_of(self.penalty, real, PENALTY)

        def clusters(nodes: Array, k: int) -> Array:
            rows, seed, centres = near[nodes], int(draws.integers(2**31)), None
            if before is not None:
                centres = continued(rows, before[nodes], k)
            return parts_of(rows, k, seed, starts=1, centres=centres)

        finest = parts_within(predicted, sizes[-1], clusters)
        out: list[Synthetic] = []
        for part, share in zip(coarser(near, finest, sizes), sizes, strict=True):
            n = int(share.sum())
            plain = self.graph_of(real, part, n, sharp)
            passed = partial(sums, part, n, length, near[:, : raw.shape[1]])
            made = self.finished(real, plain, features, passed)
            made.remarks = {**taught.remarks, **made.remarks}
            if len(made.y) < task.num_nodes:  # else each has the label of the one in it
                solve = partial(features.answered, made, penalty)
                made.y, said = solved_for(made.y, penalty, solve)
                made.remarks |= said
            if self.labels == "hard":
                made.y = answers_of(real).hard(made.y)
            made.y = task.unscaled(torch.from_numpy(made.y)).numpy()
            out.append(made)
        return out

    def finished(
        self,
        real: NodeSource,
        plain: CoarseGraph,
        features: Features,
        passed: Callable[[], Array],
    ) -> CoarseGraph:
        """The quotient graph with siblings and features that stand out or are learnt, or the
        ``plain`` one where small networks are surely better with it, with siblings or without; rows
        are scaled in all. Links are scaled, and self-loops made heavier where propagation leaves
        too little of the spread of propagated real rows, whose sums by cluster are ``passed``."""
        if real.sums or len(plain.x) == real.task.num_nodes:  # there is nothing to learn
            plain.adj = cut_off(plain.adj, self.cut)
            whose = "noisy sums" if real.sums else "real ones: each node is a cluster of its own"
            plain.x = largest_entries(plain.x, self.density)
            plain.remarks = {"features": whose}
            return plain
        size = np.maximum(np.bincount(plain.assignment, minlength=len(plain.x)), 1)
        spread = spread_of(passed() / size[:, None])
        left = spread_after(plain.adj, features.few(plain.x).numpy(), self.hops)
        classes = groups_of(real, plain.y)
        adj = cut_off(to_siblings(plain.adj.toarray(), self.moved, plain.x, classes), self.cut)
        made, joined = (CoarseGraph(plain.x, adj, plain.y, plain.assignment) for _ in range(2))
        plain.adj = cut_off(plain.adj, self.cut)
        said = features.learn(made, self.contrast, self.steps, self.rate, self.ridge)
        for one in (made, joined, plain):
            one.x = largest_entries(one.x, self.density)
            one.x = one.x * features.scale_of(one.x, self.stretch, self.longest)
            one.remarks = {"features": said if one is made else "means of real ones"}
        taken = made
        if self.plain:
            moves = (joined.adj != plain.adj).nnz > 0
            taken, told = features.simplest(made, joined if moves else None, plain)
            taken.remarks = {**taken.remarks, "plain": told}
        if left < self.least * spread and taken.adj.diagonal().any():
            taken.adj = taken.adj + sp.eye_array(len(taken.x), dtype=taken.adj.dtype, format="csr")
            told = f"heavier by one, since propagation left {left / spread:.2f} of the real spread"
            taken.remarks = {**taken.remarks, "self-loops": told}
        factor = factor_of(taken.adj, taken.x, self.bound)
        if factor < 1:
            taken.adj = factor * looped(taken.adj)
            told = f"multiplied by {factor:.3g}, for models that sum"
            taken.remarks = {**taken.remarks, "links": told}
        return taken

    def graph_of(self, real: NodeSource, part: Array, n: int, sharp: Array) -> CoarseGraph:
        """The quotient graph, with soft labels and the means of its clusters as features.

        Args:
            real: the real graph.
            part: the cluster of each node ``[N]``.
            n: clusters.
            sharp: sharpened soft labels ``[N, C]``.
        """
        between, degree = links(real.task.adj, part, n)
        heavy = 1 + degree
        total = np.bincount(part, heavy, n)[:, None]
        x = sums(part, n, heavy, real.task.x_array) / total
        y = sums(part, n, heavy, sharp) / total
        mean = between / np.maximum(np.bincount(part, minlength=n), 1)[:, None]
        return CoarseGraph(x, sp.csr_matrix((mean + mean.T) / 2), y, part)
