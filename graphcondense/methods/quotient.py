"""The quotient graph of a clustering, with a teacher's soft labels: the default condenser."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Annotated, Literal

import numpy as np
import scipy.sparse as sp
import torch
from torch import Generator, Tensor

from graphcondense.core.types import Synthetic
from graphcondense.domains.coarse import Coarse, CoarseGraph, exported, seeded
from graphcondense.domains.node import LABEL_BYTES, NodeSource
from graphcondense.domains.teachers import RidgeTeacher, Taught, unit
from graphcondense.ops.arrays import dense
from graphcondense.ops.coarsen import Array, few_dimensions, means, members, parts_of, undirected
from graphcondense.ops.fields import Count, NonNegative, Positive, Range


@dataclass(frozen=True, kw_only=True)
class Quotient(Coarse):
    """Clusters of all nodes, their raw features, their links, and soft labels of a teacher.

    Nothing is trained by gradient, and no model is looked at, so that the graph serves them all:

    1. A teacher in closed form, :class:`~graphcondense.domains.teachers.RidgeTeacher`, gives every
       node soft labels ``P [N, C]`` from the training labels.
    2. K-means parts the nodes of each predicted class on ``[unit rows of Â² X | P]``; a class gets
       clusters in proportion to its predicted nodes.
    3. The condensed graph is the quotient graph of this partition. The features of cluster ``i``
       are ``m + contrast (x_i - m)``, with ``x_i`` the mean of its members' *raw* features and
       ``m`` that of all nodes; its label is the mean of its members' soft labels raised to
       ``sharpness``; and ``W = (S⁻¹ M A Mᵀ + its transpose) / 2`` are the mean numbers of links
       from a member of one cluster to those of another, with ``M [n, N]`` the membership and ``S``
       the sizes. What links members of one cluster stays as a self-loop. Links below ``cut`` times
       the largest are left out.

    Graphs of *propagated* features without edges serve the one model whose propagation they hold.
    Here every model finds what it computes with: raw features of nodes and links between them.

    The teacher is chosen by validation nodes; without any, see there. In the inductive setting all
    nodes that are seen have labels, and no teacher is needed.

    Attributes:
        labels: ``"soft"``, or ``"hard"``: the class of the largest soft label.
        sharpness: power of soft labels; 1 leaves them, large values make them hard.
        contrast: how far features stand out from their mean; 1 leaves them.
        hops: how often features are propagated that are clustered.
        dims: leading singular vectors of ``X`` that the teacher and the clustering see; all of
            ``X`` if it has no more columns.
        cut: share of the largest link below which one is left out.
    """

    name = "quotient"
    paper = ""
    family = "clustering"
    learns = "nothing (groups of real nodes, with a teacher's labels)"
    chooses = True

    labels: Literal["soft", "hard"] = "soft"
    sharpness: Positive = 4.0
    contrast: Positive = 2.0
    hops: Annotated[int, Range(0)] = 2
    dims: Count = 256
    cut: NonNegative = 0.02

    def sizes(self, real: NodeSource) -> Tensor:
        """Clusters of each class as if all had the same number of nodes; :meth:`solve` parts the
        sum of a budget for all classes by what the teacher predicts."""
        room = torch.full((real.num_classes,), real.num_examples)
        budget = self
        if self.ratio is not None:  # a share of what it says, not of the room
            n = self._size(int(real.counts.sum()), real.num_examples, 0, 0)
            budget = replace(self, ratio=None, nodes=n)
        return budget._among(real, room)

    def _among(self, real: NodeSource, counts: Tensor) -> Tensor:
        """The budget among classes of so many nodes."""
        soft_bytes = 4 * real.num_classes - LABEL_BYTES
        return self.allocate(
            counts,
            real.num_examples,
            example_bytes=real.example_bytes + soft_bytes + self.loop_bytes,
            pair_bytes=self.pair_bytes,
        )

    def memory_bytes(self, real: NodeSource) -> int:
        """The few dimensions of all nodes as the teacher and k-means hold them, and the export."""
        width = 6 * min(self.dims, real.num_features) + 8 * real.num_classes
        return 8 * real.num_examples * width + 4 * exported(self, real)

    def solve(self, real: NodeSource, rng: Generator) -> Synthetic:
        n, draws, task = int(self.sizes(real).sum()), seeded(rng), real.task
        rows = few_dimensions(task.x_array, self.dims, draws).astype(np.float32)
        soft = self.teach(real, rows).soft
        counts = torch.from_numpy(np.bincount(soft.argmax(1), minlength=real.num_classes))
        budget = self if self.per_class is not None else replace(self, ratio=None, bytes=None, size=None, nodes=n)
        for _ in range(self.hops):
            rows = task.gcn_adj @ rows
        near = np.hstack([unit(rows), soft])
        sizes = budget._among(real, counts)
        part = parted(near, soft.argmax(1), sizes.tolist(), draws)
        return self.graph_of(real, part, int(sizes.sum()), soft)

    def teach(self, real: NodeSource, rows: Array) -> Taught:
        """Soft labels of all nodes the method sees.

        Args:
            real: the real graph.
            rows: its features in few dimensions ``[N, d]``.
        """
        held = real.validation and tuple(part.numpy() for part in real.validation)
        labels, train = real.labels.cpu().numpy(), real.task.train.numpy()
        return RidgeTeacher().teach(
            rows, real.task.gcn_adj, train, labels, real.num_classes, held
        )

    def graph_of(self, real: NodeSource, part: Array, n: int, soft: Array) -> CoarseGraph:
        """The quotient graph.

        Args:
            real: the real graph.
            part: the cluster of each node ``[N]``.
            n: clusters.
            soft: labels ``[N, C]``.
        """
        mean = means(part, n)
        whole = real.task.x_array
        x, middle = dense(mean @ whole), np.asarray(whole.mean(0)).reshape(1, -1)
        sharp = soft.astype(np.float64) ** self.sharpness
        y = mean @ (sharp / sharp.sum(1, keepdims=True))
        links = sp.csr_matrix(mean @ undirected(real.task.adj) @ members(part, n).T)
        links = (links + links.T) / 2
        if links.nnz:
            links.data[links.data < self.cut * links.data.max()] = 0
            links.eliminate_zeros()
        return CoarseGraph(
            middle + self.contrast * (x - middle),
            links,
            y.argmax(1) if self.labels == "hard" else y,
            part,
        )


def parted(rows: Array, groups: Array, sizes: list[int], draws: np.random.Generator) -> Array:
    """The cluster of each row, by k-means within its group; clusters are in the order of groups."""
    part, first = np.full(len(rows), -1), 0
    for group, size in enumerate(sizes):
        own = np.flatnonzero(groups == group)
        seed = int(draws.integers(2**31))
        part[own] = first + parts_of(rows[own], size, seed, starts=1)
        first += size
    return part
