"""GCSR (Liu, Zeng & Zheng, KDD 2024, arXiv 2403.07294)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

import torch
from torch import Generator, Tensor

from graphcondense.core.method import Parts, Variants
from graphcondense.core.types import Batch
from graphcondense.domains.mixing import class_mixing
from graphcondense.domains.node import NodeSynthetic, scale_of
from graphcondense.domains.node_source import NodeSource
from graphcondense.domains.node_trajectories import NodeTrajectories
from graphcondense.domains.started import WithEdges
from graphcondense.domains.structure import Identity, Structure
from graphcondense.nn.propagate import propagate
from graphcondense.objectives.trajectory import TrajectoryMatching
from graphcondense.ops.fields import Count, Natural, NonNegative, Positive


@dataclass(frozen=True, kw_only=True)
class GCSR(WithEdges, NodeTrajectories):
    """Edges by self-expression in closed form, features by trajectory matching.

    Synthetic nodes express each other, near to how real classes are joined:
    ``Z = argmin ‖X' - Z X'‖² + α ‖Z - P‖² + β ‖Z‖² + γ ‖Z - Z_before‖²``, where ``P`` spreads the
    class-to-class edge probabilities of the training nodes over the synthetic ones and ``Z_before``
    is of the update before. ``A'`` is the symmetric, non-negative part of ``Z`` without its
    diagonal. Experts are trained on the real training nodes, a student on ``(A', X')`` from where
    an expert was, and ``X'`` learns to bring it where the expert went. ``gcsr-x`` has no edges.
    Distances count in the features' mean square at the start, whatever their scale. The rates are
    those of an SGC of one layer; a GCN of two wants ``expert_lr=0.1``, ``student_lr=1``.

    Attributes:
        structure: ``"self-expressive"`` or ``"identity"`` (none).
        alpha: ``α``, weight of the real graph's structure.
        beta: ``β``, weight of small coefficients.
        gamma: ``γ``, weight of the history.
        class_hops: ``P`` counts walks of so many steps, self-loops included, among training nodes.
        coupled: whether the features feel the gradient through ``A'``.
    """

    name = "gcsr"
    paper = (
        "Liu et al., Graph Data Condensation via Self-expressive Graph Structure Reconstruction, "
        "KDD 2024, arXiv 2403.07294"
    )
    learns = "features + adjacency (self-expression)"
    variants: ClassVar[Variants] = {"gcsr-x": {"structure": "identity"}}

    structure: Literal["self-expressive", "identity"] = "self-expressive"
    alpha: NonNegative = 1.0
    beta: NonNegative = 1.0
    gamma: NonNegative = 0.0
    class_hops: Count = 1
    coupled: bool = True
    model: Literal["sgc", "gcn"] = "sgc"
    hidden_channels: Count = 64
    num_layers: Count = 1
    num_experts: Count = 5
    expert_lr: Positive = 1.0
    ahead: Count = 1
    student_lr: Positive = 3.0
    steps: Natural = 150

    @property
    def pair_bytes(self) -> int:
        return 0 if self.structure == "identity" else super().pair_bytes

    def memory_bytes(self, real: NodeSource) -> int:
        """The synthetic graph, propagated rows, experts, and the graphs of a student's steps."""
        n = int(self.sizes(real).sum())
        pairs = 0 if self.structure == "identity" else 8 * 12 * n * n
        mixing = 0 if self.structure == "identity" else 24 * real.num_examples * real.num_classes
        return (
            self.small_bytes(real) + self.student().steps * self.step_bytes(real) + pairs + mixing
        )

    def student(self) -> TrajectoryMatching:
        """The objective: a student's training against an expert's."""
        return TrajectoryMatching(steps=self.student_steps, lr=self.student_lr)

    def start(self, real: NodeSource, rng: Generator) -> StudentGraph:
        """The synthetic graph before the first update."""
        x, y = self.first_nodes(real, rng)
        structure: Structure = Identity()
        if self.structure != "identity":
            prior = spread(class_mixing(real, self.class_hops), y)
            structure = SelfExpressive(
                x, prior, self.alpha, self.beta, self.gamma, coupled=self.coupled
            )
        hops = self.hops if self.model == "sgc" else 0
        return StudentGraph(x, y, structure, hops, self.threshold, real.num_classes)

    def parts(self, real: NodeSource, rng: Generator) -> Parts:
        start = self.start(real, rng)
        rates = {"x": self.lr_x * scale_of(start.x)}
        return self.match(start, self.student(), self.trained(real), rates, self.seen(real))


class SelfExpressive(Structure):
    """Edges between nodes that express each other, see :class:`GCSR`.

    Args:
        x: features at the start ``[n, d]``, whose mean square is the unit of distances.
        prior: ``P [n, n]``.
        alpha, beta, gamma: weights. Before the first update there is no history, and none counts.
        coupled: whether the features feel the gradient through the edges.

    Raises:
        ValueError: a weight below 0, or both ``alpha`` and ``beta`` 0.
    """

    prior: Tensor
    before: Tensor

    def __init__(
        self,
        x: Tensor,
        prior: Tensor,
        alpha: float,
        beta: float,
        gamma: float = 0.0,
        *,
        coupled: bool = True,
    ) -> None:
        super().__init__()
        if min(alpha, beta, gamma) < 0 or not alpha + beta > 0:
            raise ValueError(
                f"alpha={alpha}, beta={beta}, gamma={gamma}: none may be below 0, and alpha or "
                "beta must be above"
            )
        self.alpha, self.beta, self.gamma, self.coupled = alpha, beta, 0.0, coupled
        self.unit = float(x.detach().square().sum(1).mean()) or 1.0
        self.register_buffer("prior", prior.to(x))
        self.register_buffer("before", torch.zeros_like(self.prior))
        self.remember_(x)
        self.gamma = gamma

    def coefficients(self, x: Tensor) -> Tensor:
        """``Z = (K + α P + γ Z_before) (K + (α + β + γ) I)^-1``, ``K = X' X'ᵀ``, in float64."""
        wide = (x if self.coupled else x.detach()).double()
        gram = wide @ wide.T / self.unit
        ridge = self.alpha + self.beta + self.gamma
        left = gram + ridge * torch.eye(len(x), dtype=gram.dtype, device=x.device)
        right = gram + self.alpha * self.prior.double() + self.gamma * self.before.double()
        # `left` is symmetric: Z left = right is left Zᵀ = rightᵀ.
        z: Tensor = torch.linalg.solve(left, right.T).T
        return z.to(x.dtype)

    @torch.no_grad()
    def remember_(self, x: Tensor) -> None:
        """Take the coefficients at ``x`` for those before the next update."""
        self.before.copy_(self.coefficients(x))

    def forward(self, x: Tensor) -> Tensor:
        z = self.coefficients(x)
        adj = ((z + z.T) / 2).clamp(0, 1)
        return adj - torch.diag_embed(adj.diagonal())


class StudentGraph(NodeSynthetic):
    """A small graph that shows students ``Â'^hops X'`` and no edges; with 0 hops both."""

    def __init__(
        self,
        x: Tensor,
        y: Tensor,
        structure: Structure,
        hops: int,
        threshold: float,
        num_classes: int,
    ) -> None:
        super().__init__(x, y, structure, threshold=threshold, num_classes=num_classes)
        self.hops = hops

    def draw(self, rng: Generator) -> None:
        super().draw(rng)
        if isinstance(self.structure, SelfExpressive) and self.structure.gamma:
            self.structure.remember_(self.x)

    def _whole(self) -> Batch:
        whole = super()._whole()
        x, adj = whole.inputs
        return whole._replace(inputs=(propagate(x, adj, self.hops), None)) if self.hops else whole


def spread(mixing: Tensor, y: Tensor) -> Tensor:
    """``P_ij = mixing[y_i, y_j] / n_{y_j}``: a class's share is spread evenly over its nodes.

    >>> spread(torch.tensor([[0.5, 0.5], [0.0, 1.0]]), torch.tensor([0, 1, 1]))[0].tolist()
    [0.5, 0.25, 0.25]
    """
    prior: Tensor = mixing[y][:, y] / torch.bincount(y)[y]
    return prior
