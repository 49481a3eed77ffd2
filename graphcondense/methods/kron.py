"""Kron reduction (Dörfler & Bullo, TCAS-I 2013)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp
from torch import Tensor

from graphcondense.domains.coarse import exported, told
from graphcondense.domains.contraction import WholeGraph
from graphcondense.domains.node_source import NodeSource
from graphcondense.ops.budget import Budget
from graphcondense.ops.coarsen import Array, parts_with
from graphcondense.ops.kron import kron


@dataclass(frozen=True, kw_only=True)
class Kron(WholeGraph):
    """Kron reduction: the graph as an electric network, seen from the nodes that are kept.

    The reduced Laplacian is the Schur complement ``L_aa - L_ab L_bb⁻¹ L_ba``, which keeps the
    effective resistance of every pair of kept nodes. Here these are training nodes, of each class
    its share, those of the largest degree; and beyond all training nodes others of the largest
    degree, with ``y = -1``. Every other node is in the group of the kept one that a random walk
    from it is most likely to meet first; components without a kept node are left out.
    """

    name = "kron"
    paper = (
        "Dörfler & Bullo, Kron Reduction of Graphs with Applications to Electrical Networks, IEEE "
        "TCAS-I 60(1), 2013"
    )

    def sizes(self, real: NodeSource) -> Tensor:
        """As :meth:`~graphcondense.core.method.Method.sizes` up to all training nodes; with more
        the sum alone is meant."""
        wanted = super().sizes(real)
        if int(wanted.sum()) > int(real.counts.sum()):
            return wanted
        budget: Budget = self
        if self.per_class is None:
            budget = Budget(nodes=int(wanted.sum()), rule=self.rule)
        return budget.allocate(real.counts, real.num_examples)

    def memory_bytes(self, real: NodeSource) -> int:
        """What is dense of a Laplacian on the way (between a third and half of the nodes where we
        looked), the walks of all nodes, and the export."""
        core = real.num_examples * 2 // 5
        walks = 2 * 8 * real.num_examples * int(self.sizes(real).sum())
        return 8 * core**2 + walks + 100 * int(real.task.adj.nnz) + 2 * exported(self, real)

    def groups(
        self, real: NodeSource, adj: sp.csr_matrix, nodes: Array, n: int, rng: np.random.Generator
    ) -> tuple[Array, sp.csr_matrix | None, Array | None]:
        classes = told(real)[nodes]
        sizes = self.sizes(real) if n <= int(real.counts.sum()) else real.counts
        kept = most_joined(np.asarray(adj.sum(1)).ravel(), classes, sizes.tolist(), n)
        reached, _ = parts_with(adj, kept)
        small, walks = kron(adj[reached][:, reached].tocsr(), np.searchsorted(reached, kept))
        group = np.full(len(nodes), -1)
        group[reached] = walks.argmax(1)
        between = -small
        np.fill_diagonal(between, 0)
        between[between < 1e-12 * between.max()] = 0  # what rounding leaves of no edge
        y = np.where(classes[kept].any(1), classes[kept].argmax(1), -1)
        return group, sp.csr_matrix(between), y


def most_joined(degree: Array, classes: Array, sizes: Sequence[int], n: int) -> Array:
    """``n`` nodes, ascending: of each class so many labelled ones of the largest degree, and then
    those without a label; ties by node order.

    Args:
        degree: ``[m]``.
        classes: ``[m, C]``, one at the class of a labelled node.
        sizes: of each class.
        n: nodes in all.

    >>> most_joined(np.array([1, 3, 2, 4]), np.array([[1], [1], [0], [0]]), [1], 2).tolist()
    [1, 3]
    """
    order = np.argsort(-degree, kind="stable")
    label = np.where(classes.any(1), classes.argmax(1), -1)[order]
    chosen = [order[label == c][:k] for c, k in enumerate(sizes)]
    others = order[label < 0][: n - sum(sizes)]
    out: Array = np.sort(np.concatenate([*chosen, others]))
    return out
