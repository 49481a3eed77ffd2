"""Means of real nodes: a baseline."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp
import torch
from torch import Generator

from graphcondense.core.method import LABEL_KINDS
from graphcondense.core.types import Synthetic
from graphcondense.domains.coarse import Coarse, CoarseGraph, exported
from graphcondense.domains.node import hops_alone
from graphcondense.domains.node_source import NodeSource
from graphcondense.domains.partitions import parts_within
from graphcondense.domains.starts import known_means
from graphcondense.ops.cluster import Centre, centres_of
from graphcondense.ops.coarsen import Array, means
from graphcondense.ops.fields import Natural


@dataclass(frozen=True, kw_only=True)
class Averaging(Coarse):
    """Means of training nodes: of a whole class, or of its random parts of equal size; no edges.

    Where labels are no classes, those of a part are averaged, too.

    Attributes:
        hops: the mean is one of rows of ``Â^hops X``; 0 is the raw features.
        centres: the ``"mean"``, or the geometric ``"median"`` or the ``"trimmed"`` mean, which
            outliers and wrong labels move less
            (:func:`~graphcondense.ops.cluster.centres_of`).
    """

    name = "averaging"
    learns = "nothing (means of real nodes)"
    label_kinds = LABEL_KINDS

    hops: Natural = 2
    centres: Centre = "mean"

    @property
    def row_weights(self) -> tuple[float, ...]:
        return hops_alone(self.hops)

    @property
    def propagates(self) -> bool:
        return self.hops > 0

    @property
    def pair_bytes(self) -> int:
        return 0

    @property
    def loop_bytes(self) -> int:
        return 0

    def memory_bytes(self, real: NodeSource) -> int:
        """The propagated training nodes, and the export."""
        rows = 12 * len(real.labels) * real.num_features  # in single and in double precision
        return rows + real.propagation_bytes() + 2 * exported(self, real)

    def solve(self, real: NodeSource, rng: Generator) -> Synthetic:
        sizes, labels = self.sizes(real), real.labels.cpu()
        n = int(sizes.sum())

        def dealt(nodes: Array, k: int) -> Array:
            out = np.empty(len(nodes), np.int64)
            out[torch.randperm(len(nodes), generator=rng).numpy()] = np.arange(len(nodes)) % k
            return out

        part = parts_within(labels.numpy(), sizes, dealt)
        rows = real.propagated(self.hops).cpu().double()
        if self.centres == "mean":
            x = means(part, n) @ rows.numpy()
        else:
            members = torch.nn.functional.one_hot(torch.from_numpy(part), n).double()
            x = centres_of(rows, members, self.centres).numpy()
        assignment = np.full(real.num_examples, -1)
        assignment[real.task.train.numpy()] = part
        if real.targets.dim() == 1:
            y = np.arange(real.num_classes).repeat(sizes.numpy())
        else:
            members = torch.nn.functional.one_hot(torch.from_numpy(part), n).double()
            y = real.task.unscaled(known_means(real.targets.cpu().double(), members)).numpy()
        return CoarseGraph(x, sp.csr_matrix((n, n)), y, assignment)
