"""VNG: the virtual node graph (Si et al., ICLR 2023)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp
from torch import Generator

from graphcondense.core.types import Synthetic
from graphcondense.domains.coarse import Coarse, CoarseGraph, exported
from graphcondense.domains.node_source import NodeSource
from graphcondense.domains.partitions import by_class
from graphcondense.ops.coarsen import Array, members
from graphcondense.ops.fields import Count, Positive


@dataclass(frozen=True, kw_only=True)
class VNG(Coarse):
    """Virtual node graph: few nodes that a model reads as it would read all training nodes.

    Weighted k-means of each class's rows of ``Â^hops X``; a node's weight is ``Σ_t Â_ti``, how much
    the graph listens to it. With the weighted means ``V_k`` of ``Â^k X`` the adjacency is what
    carries one to the next, ``min_{M >= 0} Σ_{k < hops} ‖M V_k - V_{k+1}‖² + ridge σ² ‖M - I‖²``
    (``σ²``: mean squared length of a row of all ``V_k``). The edges are those that a GCN normalises
    to ``M``, up to a factor. All but training nodes have assignment -1.

    Attributes:
        hops: propagations that are kept.
        ridge: weight of staying oneself.
    """

    name = "vng"
    paper = "Si et al., Serving Graph Compression for Graph Neural Networks, ICLR 2023"
    learns = "features (weighted means) + adjacency (least squares)"

    hops: Count = 2
    ridge: Positive = 1.0

    @property
    def propagates(self) -> bool:
        return True

    def memory_bytes(self, real: NodeSource) -> int:
        """The propagated training nodes, in single and double precision, and the export."""
        rows = len(real.labels) * real.num_features
        largest = 24 * int(real.counts.max()) * real.num_features
        pairs = 8 * 4 * int(self.sizes(real).sum()) ** 2
        on_the_way = real.propagation_bytes() + largest + pairs
        return 12 * (self.hops + 1) * rows + on_the_way + 2 * exported(self, real)

    def solve(self, real: NodeSource, rng: Generator) -> Synthetic:
        sizes = self.sizes(real)
        n, train = int(sizes.sum()), real.task.train.numpy()
        weight = np.asarray(real.task.gcn_adj.sum(0)).ravel()[train].astype(np.float64)
        part = by_class(real, real.propagated(self.hops), sizes, rng, weight)
        share = members(part, n).multiply(weight).tocsr()
        share = sp.diags_array(1 / np.asarray(share.sum(1)).ravel()) @ share
        rows = (real.propagated(k).cpu().double().numpy() for k in range(self.hops + 1))
        virtual = [share @ hop for hop in rows]
        step = carrying(virtual, self.ridge)
        assignment = np.full(real.num_examples, -1)
        assignment[train] = part
        y = np.arange(real.num_classes).repeat(sizes.numpy())
        return CoarseGraph(virtual[0], sp.csr_matrix(unnormalised(step)), y, assignment)


def carrying(rows: Sequence[Array], ridge: float) -> Array:
    """``argmin_{M >= 0} Σ_k ‖M V_k - V_{k+1}‖² + ridge σ² ‖M - I‖² [n, n]``, see :class:`VNG`."""
    from scipy.optimize import nnls  # a hundred modules, which other methods need not load

    n = len(rows[0])
    before, after = np.concatenate(rows[:-1], 1), np.concatenate(rows[1:], 1)
    gram = before @ before.T
    weight = ridge * max(np.trace(gram) / n, 1e-12)
    # ‖Gᵀᐟ²m - G⁻ᐟ²b‖² is the same problem in n dimensions instead of all features.
    root = np.linalg.cholesky(gram + weight * np.eye(n))
    target = np.linalg.solve(root, (after @ before.T + weight * np.eye(n)).T)
    return np.stack([nnls(root.T, target[:, i])[0] for i in range(n)])


def unnormalised(step: Array) -> Array:
    """``A`` with ``D^-1/2 A D^-1/2 = M / ρ``, ``D`` its row sums, for ``M [n, n] >= 0``.

    With ``M s = ρ s`` and ``s > 0`` (Perron) that is ``A_ij = s_i M_ij s_j``. Entries of ``s`` are
    held above 1e-4. A diagonal entry that is zero becomes small, or a GCN would take it for one.

    >>> a = unnormalised(np.array([[0.5, 0.2], [0.3, 0.6]]))
    >>> scale = a.sum(1) ** -0.5
    >>> np.round(scale[:, None] * a * scale * 0.8, 6).tolist()
    [[0.5, 0.2], [0.3, 0.6]]
    """
    s = np.ones(len(step))
    for _ in range(1000):
        s = step @ s + 1e-3 * s
        s = np.maximum(s / s.max(), 1e-4)
    adj = s[:, None] * step * s
    np.fill_diagonal(adj, np.maximum(adj.diagonal(), 1e-6 * adj.sum(1)))
    out: Array = adj / adj.sum(1).mean()
    return out
