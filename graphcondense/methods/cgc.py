"""CGC (Gao et al., WWW 2025, arXiv 2405.13707)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

import torch
from torch import Generator, Tensor
from torch.nn import functional as F

from graphcondense.core.method import Variants
from graphcondense.core.types import Synthetic
from graphcondense.domains.node import EDGE_BYTES, NodeMethod, NodeSynthetic
from graphcondense.domains.node_source import NodeSource
from graphcondense.domains.starts import class_labels
from graphcondense.domains.structure import Fixed
from graphcondense.ops.adjacency import gcn_norm_dense
from graphcondense.ops.cluster import HELD, PAIRED, k_means, spectral_parts
from graphcondense.ops.fields import Natural, NonNegative, Share, Weights


@dataclass(frozen=True, kw_only=True)
class CGC(NodeMethod):
    """Class partition by clustering, and features that a given structure propagates to the means.

    The rows of ``H = Σ_k weights_k Â^k X`` at the training nodes are parted class by class; rows of
    another depth may be added to them (augmentation), drawn more often from classes that a linear
    least-squares classifier gets wrong. ``H'`` are the means of the parts, weighted by
    ``softmax(confidence / τ)`` in each part (calibration). Edges join parts that are alike,
    ``A'_ij = [cos(h'_i, h'_j) > threshold]``, and the features are what propagates to the means,
    ``X' = argmin ‖Â'^K X' - H'‖² + α tr(X'ᵀ L' X')`` with ``L' = I - Â'``: one linear solve.
    ``cgc-x`` has no edges and ``X' = H'``.

    Attributes:
        weights: of ``X, ÂX, Â²X, ...`` in ``H``.
        clustering: ``"spectral"`` (of cosines; the paper's choice) or ``"kmeans"``.
        augment: rows that are added, as a share of the training nodes; 1 adds one for each node.
        augment_weights: of ``X, ÂX, ...`` in the added rows.
        tau: ``τ``; 0 takes plain means.
        depth: ``K``.
        threshold: cosine above which two parts are joined; by default the largest of two parts of
            different classes. The paper sets one for each data set; between dense features, such as
            Amazon's, any fixed value joins all parts.
        alpha: weight of the smoothness.
        structure: ``"similarity"`` (edges as above) or ``"identity"`` (none).
    """

    name = "cgc"
    paper = (
        "Gao et al., Rethinking and Accelerating Graph Condensation: A Training-Free Approach with "
        "Class Partition, WWW 2025, arXiv 2405.13707"
    )
    family = "clustering"
    learns = "features (part means) + adjacency (similarity)"
    cost = "closed form"
    variants: ClassVar[Variants] = {"cgc-x": {"structure": "identity"}}

    weights: Weights = (0.0, 0.0, 1.5)
    clustering: Literal["spectral", "kmeans"] = "spectral"
    augment: Share = 1.0
    augment_weights: Weights = (0.0, 0.0, 0.0, 1.5)
    tau: NonNegative = 0.1
    depth: Natural = 2
    threshold: float | None = None
    alpha: NonNegative = 0.1
    structure: Literal["similarity", "identity"] = "similarity"

    @property
    def row_weights(self) -> tuple[float, ...]:
        return self.weights

    @property
    def propagates(self) -> bool:
        return any(self.weights[1:]) or (self.augment > 0 and any(self.augment_weights[1:]))

    @property
    def pair_bytes(self) -> int:
        return 0 if self.structure == "identity" else 2 * EDGE_BYTES

    def memory_bytes(self, real: NodeSource) -> int:
        """The propagated rows, all of them once and one class in double precision, the classifier,
        what parts a class, and the solve."""
        sizes = self.sizes(real)
        n, d, classes = int(sizes.sum()), real.num_features, real.num_classes
        labelled, more = len(real.labels), 1 + self.augment
        rows, most = round(more * labelled), round(more * int(real.counts.max()))
        depths = sum(w != 0 for w in (*self.weights, *self.augment_weights)) + 1
        floats = depths * labelled * d + rows * d
        judged = rows * (d + 3 * classes) + labelled * d + 4 * min(labelled, d) ** 2
        pairs = min(most, max(PAIRED, 4 * int(sizes.max())))
        parted = 2 * most * d + 4 * pairs**2 + 2 * min(HELD, most * pairs)
        wide = max(judged, parted, 6 * n * n + 3 * n * d)
        return 4 * floats + 8 * wide + real.propagation_bytes()

    def solve(self, real: NodeSource, rng: Generator) -> Synthetic:
        sizes = self.sizes(real)
        rows, y, sure = self._rows(real, rng)
        part = k_means if self.clustering == "kmeans" else spectral_parts
        means = []
        for c, size in enumerate(sizes.tolist()):
            of_class = rows[y == c]
            members = F.one_hot(part(of_class, size, rng), size).to(of_class)
            if self.tau:
                # The largest confidence of a class cancels in every part's softmax.
                trust = sure[y == c]
                members = members * ((trust - trust.max()) / self.tau).exp().to(of_class)[:, None]
            means.append((members / members.sum(0).clamp_min(1e-30)).T @ of_class)
        h = torch.cat(means)
        classes = class_labels(real, sizes)
        if self.structure == "identity":
            return NodeSynthetic(h, classes, num_classes=real.num_classes)
        adj = alike(h, most_across(h, classes) if self.threshold is None else self.threshold)
        x = unpropagated(h, adj, self.depth, self.alpha)
        return NodeSynthetic(x, classes, Fixed(adj), num_classes=real.num_classes)

    def _rows(self, real: NodeSource, rng: Generator) -> tuple[Tensor, Tensor, Tensor]:
        """All rows ``[m, d]`` that are parted, their classes ``[m]`` and confidences ``[m]``."""
        rows, y = real.weighted(self.weights), real.labels
        if not self.augment and not self.tau:
            return rows, y, rows.new_ones(len(y))
        _, right = assess(rows, rows, y, y, real.num_classes)
        if number := round(self.augment * len(y)):
            added = real.weighted(self.augment_weights)
            wrong = 1 - F.one_hot(y, real.num_classes).T.double() @ right / real.counts.to(y.device)
            odds = (wrong[y] + 1e-3).cpu()
            at = torch.multinomial(odds, number, generator=rng).sort().values.to(y.device)
            first = rows
            rows, y = torch.cat([rows, added[at]]), torch.cat([y, y[at]])
            sure, _ = assess(first, rows, real.labels, y, real.num_classes)
            return rows, y, sure
        return rows, y, assess(rows, rows, y, y, real.num_classes)[0]


def assess(
    learnt: Tensor, rows: Tensor, learnt_y: Tensor, y: Tensor, num_classes: int
) -> tuple[Tensor, Tensor]:
    """What a least-squares classifier of ``learnt [l, d]`` makes of ``rows [m, d]``.

    Returns:
        The confidence in the class ``y``, ``[m]``, a softmax of the outputs; rows that it gets
        wrong have the least confidence of all. And whether it is right, ``[m]``, float64.
    """
    targets = F.one_hot(learnt_y, num_classes).double()
    # Least squares of least norm, by the smaller of the two Gram matrices.
    wide = learnt.double()
    if len(wide) <= wide.shape[1]:
        inner = torch.linalg.pinv(wide @ wide.T, hermitian=True) @ targets
        outputs = (rows.double() @ wide.T) @ inner
    else:
        inner = torch.linalg.pinv(wide.T @ wide, hermitian=True) @ (wide.T @ targets)
        outputs = rows.double() @ inner
    odds = outputs.softmax(1)
    right = odds.argmax(1) == y
    sure = odds.gather(1, y[:, None]).squeeze(1)
    return torch.where(right, sure, sure.min()), right.double()


def most_across(rows: Tensor, y: Tensor) -> float:
    """The largest cosine of two rows of different classes; -1 where there is one class.

    >>> most_across(torch.tensor([[1.0, 0.0], [2.0, 0.0], [0.0, 1.0]]), torch.tensor([0, 0, 1]))
    0.0
    """
    unit = F.normalize(rows)
    across = y[:, None] != y
    return float((unit @ unit.T)[across].max()) if across.any() else -1.0


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

    ``(PᵀP + α (I - Â)) X = Pᵀ H``; the matrix is regular.
    """
    step = gcn_norm_dense(adj.double())
    power = torch.linalg.matrix_power(step, depth)
    smooth = torch.eye(len(adj), dtype=step.dtype, device=step.device) - step
    left = power.T @ power + alpha * smooth
    x: Tensor = torch.linalg.solve(left, power.T @ means.double())
    return x.to(means.dtype)
