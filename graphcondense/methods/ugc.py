"""UGC: universal graph coarsening (Kataria et al., NeurIPS 2024)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from graphcondense.domains.hashed import Hashed
from graphcondense.ops.coarsen import Array
from graphcondense.ops.hashing import bins_for


@dataclass(frozen=True, kw_only=True)
class UGC(Hashed):
    """Nodes that locality-sensitive hashing puts into the same bin are one node.

    The bin of a node is the most frequent of ``⌊(w_k F_i + b_k) / r⌋`` over Gaussian projections
    ``w_k`` with shifts ``b_k``, uniform below the width ``r``. ``F_i = [(1 - h) x_i, h a_i]`` are
    its features and its links; ``h`` is the heterophily, so that graphs whose links tell little of
    classes are coarsened by links that are alike, and others by features.

    A bisection over ``r`` looks for the budget. Widths rarely give exactly so many bins, and the
    budget is exact: where the best one gives more, bins that stand beside each other are joined,
    drawn at random, as AH-UGC does; where even the finest gives fewer (nodes with the same
    features and links), bins are parted at random.

    Differs from the paper in three ways. ``x`` and ``a`` are scaled to one root mean square length
    before they are weighted; ``h`` is counted on training nodes alone, where the paper counts
    all labels; and training nodes of different classes do not share a node (``respect_labels``).
    """

    name = "ugc"
    paper = "Kataria et al., UGC: Universal Graph Coarsening, NeurIPS 2024"

    def line(
        self, values: Array, classes: Array, n: int, rng: np.random.Generator
    ) -> tuple[Array, Array]:
        bins = bins_for(values, classes, n, rng.random((values.shape[1],)))
        order = np.argsort(bins, kind="stable")
        inside = np.diff(bins[order]) == 0
        gone = [rng.permutation(np.flatnonzero(which)) for which in (inside, ~inside)]
        return order, np.concatenate(gone)
