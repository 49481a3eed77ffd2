"""CGC (Gao et al., WWW 2025, arXiv 2405.13707)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Generator, Tensor
from torch.nn import functional as F

from graphcondense.core.engine import Callback
from graphcondense.core.method import Method
from graphcondense.core.types import Synthetic
from graphcondense.domains.node import EDGE_BYTES, NodeSource, NodeSynthetic
from graphcondense.domains.structure import Fixed, Identity
from graphcondense.ops.adjacency import gcn_norm_dense
from graphcondense.ops.select import choose_centres


@dataclass(frozen=True, kw_only=True)
class CGC(Method):
    """Class partition by clustering, and features that a given structure propagates to the means.

    ``H`` is the mean of ``Â^k X``, ``k`` in ``hops``, at the training nodes; k-means parts each
    class, and the part means are ``H'``. Edges join parts that are alike,
    ``A'_ij = [cos(h'_i, h'_j) > threshold]``, and the features are what propagates to the means,
    ``X' = argmin ‖Â'^K X' - H'‖² + α tr(X'ᵀ L' X')`` with ``L' = I - Â'``: one linear solve.
    ``cgc-x`` has no edges and ``X' = H'``.

    Attributes:
        hops: the powers of ``Â`` that ``H`` averages.
        depth: ``K``.
        threshold: cosine above which two parts are joined.
        alpha: weight of the smoothness.
        structure: ``"similarity"`` (edges as above) or ``"identity"`` (none).
    """

    name: ClassVar[str] = "cgc"
    domain: ClassVar[str] = "node"
    paper: ClassVar[str] = (
        "Gao et al., Rethinking and Accelerating Graph Condensation: A Training-Free Approach with "
        "Class Partition, WWW 2025, arXiv 2405.13707"
    )
    family: ClassVar[str] = "clustering"
    learns: ClassVar[str] = "features (part means) + adjacency (similarity)"
    cost: ClassVar[str] = "closed form"
    variants: ClassVar[Mapping[str, Mapping[str, Any]]] = {"cgc-x": {"structure": "identity"}}

    hops: tuple[int, ...] = (1, 2)
    depth: int = 2
    threshold: float = 0.9
    alpha: float = 0.1
    structure: str = "similarity"

    @property
    def pair_bytes(self) -> int:
        return 0 if self.structure == "identity" else 2 * EDGE_BYTES

    def memory_bytes(self, real: NodeSource) -> int:
        """The propagated rows in single and, class by class, double precision, and the solve."""
        n, d = int(self.sizes(real).sum()), real.num_features
        rows, most = len(real.labels), int(real.counts.max())
        return 4 * (len(self.hops) + 2) * rows * d + 16 * most * d + 8 * (6 * n * n + 3 * n * d)

    def condense(
        self,
        real: NodeSource,
        *,
        rng: Generator,
        callbacks: Sequence[Callback] = (),
        resume: Mapping[str, Any] | None = None,
    ) -> Synthetic:
        if not self.hops or min(self.hops) < 0:
            raise ValueError(f"hops={self.hops} must name at least one power, none below 0")
        rows = torch.stack([real.propagated(k) for k in self.hops]).mean(0)
        sizes = self.sizes(real)
        means = torch.cat(
            [
                choose_centres(rows[real.labels == c], size, rng)
                for c, size in enumerate(sizes.tolist())
            ]
        )
        y = torch.arange(real.num_classes, device=real.device).repeat_interleave(sizes)
        if self.structure == "identity":
            return NodeSynthetic(means, y, Identity(), threshold=0.0, num_classes=real.num_classes)
        adj = alike(means, self.threshold)
        x = unpropagated(means, adj, self.depth, self.alpha)
        return NodeSynthetic(x, y, Fixed(adj), threshold=0.0, num_classes=real.num_classes)


def alike(rows: Tensor, threshold: float) -> Tensor:
    """``[cos(h_i, h_j) > threshold]`` with a zero diagonal, ``[n, n]``.

    >>> alike(torch.tensor([[1.0, 0.0], [2.0, 0.1], [0.0, 1.0]]), 0.9).tolist()
    [[0.0, 1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, 0.0]]
    """
    unit = F.normalize(rows)
    adj = (unit @ unit.T > threshold).to(rows.dtype)
    return adj - torch.diag(adj.diagonal())


def unpropagated(means: Tensor, adj: Tensor, depth: int, alpha: float) -> Tensor:
    """``argmin_X ‖P X - H‖² + α tr(Xᵀ (I - Â) X)``, ``P = Â^depth``, in float64.

    ``(PᵀP + α (I - Â)) X = Pᵀ H``; the matrix is regular: where ``Â`` has eigenvalue 1 the first
    term is 1, and elsewhere the second is positive.
    """
    step = gcn_norm_dense(adj.double())
    power = torch.linalg.matrix_power(step, depth)
    smooth = torch.eye(len(adj), dtype=step.dtype, device=step.device) - step
    left = power.T @ power + alpha * smooth
    x: Tensor = torch.linalg.solve(left, power.T @ means.double())
    return x.to(means.dtype)
