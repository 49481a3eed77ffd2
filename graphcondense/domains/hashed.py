"""What coarsenings share that hash nodes instead of looking at pairs of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp

from graphcondense.domains.coarse import exported, told
from graphcondense.domains.contraction import WholeGraph
from graphcondense.domains.node_source import NodeSource
from graphcondense.ops.coarsen import Array
from graphcondense.ops.fields import Count, Share
from graphcondense.ops.hashing import BLOCK, hash_values, heterophily, merged


@dataclass(frozen=True, kw_only=True)
class Hashed(WholeGraph):
    """Super-nodes of nodes with near hashes, see :mod:`graphcondense.ops.hashing`.

    A super-node's class is the most frequent one of its training nodes; without any it is exported
    with ``y = -1`` and outside ``train_mask``. Super-nodes need not be connected.

    Attributes:
        projections: random projections of ``F_i = [(1 - h) x_i, h a_i]``, features and links.
        heterophily: ``h``, the share of edges between different classes. By default it is counted
            on edges between training nodes, by Laplace's rule ``(different + 1) / (edges + 2)``:
            one half where there are none. 0 sees features alone, 1 links alone.
        respect_labels: training nodes of different classes never share a super-node.
    """

    serves = ("link",)

    projections: Count = 100
    heterophily: Share | None = None
    respect_labels: bool = True

    def memory_bytes(self, real: NodeSource) -> int:
        """The projections with what they are made of, a block of them sorted, and the export."""
        rows = 3 * real.num_examples + real.num_features
        on_the_way = 8 * self.projections * rows + 40 * BLOCK + 1000 * real.num_examples
        return on_the_way + 100 * int(real.task.adj.nnz) + 2 * exported(self, real)

    def line(
        self, values: Array, classes: Array, n: int, rng: np.random.Generator
    ) -> tuple[Array, Array]:
        """The nodes along a line ``[m]``, and the boundaries between them in the order in which
        they go ``[m - 1]``, see :func:`~graphcondense.ops.hashing.merged`.

        Args:
            values: projections ``[m, projections]``.
            classes: that keep nodes apart ``[m]``, -1 for none.
            n: super-nodes.
            rng: of whatever is drawn.
        """
        raise NotImplementedError

    def partitions(
        self,
        real: NodeSource,
        adj: sp.csr_matrix,
        nodes: Array,
        sizes: Sequence[int],
        rng: np.random.Generator,
    ) -> list[Array]:
        """The super-node of each of ``nodes [m]`` for each of ``sizes``, ascending."""
        labels = told(real)[nodes]
        classes = np.where(labels.any(1), labels.argmax(1), -1)
        h = heterophily(adj, classes) if self.heterophily is None else self.heterophily
        values = hash_values(real.task.x_array[nodes], adj, h, self.projections, rng)
        apart = classes if self.respect_labels else np.full(len(nodes), -1)
        order, boundaries = self.line(values, apart, sizes[-1], rng)
        return merged(order, boundaries, apart, sizes)

    def groups(
        self, real: NodeSource, adj: sp.csr_matrix, nodes: Array, n: int, rng: np.random.Generator
    ) -> tuple[Array, sp.csr_matrix | None, Array | None]:
        return self.partitions(real, adj, nodes, [n], rng)[0], None, None
