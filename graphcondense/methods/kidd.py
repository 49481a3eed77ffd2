"""KiDD (Xu et al., KDD 2023), for graphs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import torch
from torch import Generator, Tensor, nn
from torch.nn.utils.parametrize import register_parametrization

from graphcondense.core.method import Parts
from graphcondense.core.pools import Idle
from graphcondense.domains.graph import GraphSource, GraphSynthetic, LearntGraphs, Relaxation
from graphcondense.kernels.graph import GraphNTK
from graphcondense.kernels.ridge import ridge_targets
from graphcondense.objectives.ridge import RidgeMatching
from graphcondense.ops.fields import Count, Natural, NonNegative, Positive


@dataclass(frozen=True, kw_only=True)
class KiDD(LearntGraphs):
    """Kernel ridge regression with a graph NTK, asked to predict the real graphs (KiDD).

    ``min_S ½ ‖Y - K_TS (K_SS + λ tr(K_SS)/n I)^-1 Y'‖²`` over batches of real graphs, with the
    light graph NTK. Training on ``S`` is in closed form, so there is no network. ``kidd-lr`` has a
    low-rank adjacency ``σ(U Uᵀ - confidence)`` without draws.

    Attributes:
        hops: how often the kernel gathers neighbours.
        aggregation: how, see :class:`~graphcondense.kernels.graph.GraphNTK`.
        num_layers: hidden layers of the kernel's infinitely wide MLP.
        readout: of the kernel.
        kernel: ``"ntk"``, or ``"nngp"`` (the last layer alone trains).
        ridge: ``λ``, relative to the mean of the diagonal of ``K_SS``.
        rank: columns of ``U``; ``None`` has free edge logits.
    """

    name = "kidd"
    paper = "Xu et al., Kernel Ridge Regression-Based Graph Dataset Distillation, KDD 2023"
    family = "meta-model matching (kernel ridge)"
    learns = "features + adjacency (Bernoulli or low rank)"
    variants: ClassVar = {"kidd-lr": {"rank": 16}}

    hops: Natural = 3
    aggregation: Literal["gcn", "mean", "sum"] = "gcn"
    num_layers: Natural = 1
    readout: Literal["mean", "sum", "attention"] = "mean"
    kernel: Literal["ntk", "nngp"] = "ntk"
    ridge: Positive = 1e-3
    rank: Count | None = None
    real_batch: Count = 32
    steps: Natural = 100
    sparsity: NonNegative = 0.0

    def parts(self, real: GraphSource, rng: Generator) -> Parts:
        return self.learn(real, rng, self.objective(real), Idle())

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.edge_features:
            raise ValueError(
                "edge_features=True: the graph NTK does not see edge features; leave them off"
            )
        if self.readout == "attention":
            raise ValueError("readout='attention' has no kernel here: choose 'mean' or 'sum'")

    def objective(self, real: GraphSource) -> RidgeMatching:
        """The loss on batches of ``real``."""
        assert self.readout != "attention"
        targets = ridge_targets(real.task.label_kind, real.task.num_outputs)
        kernel = GraphNTK(self.hops, self.num_layers, self.aggregation, self.readout, self.kernel)
        return RidgeMatching(kernel, targets, self.ridge, self.real_batch)

    def start(self, real: GraphSource, rng: Generator) -> GraphSynthetic:
        start = super().start(real, rng)
        if self.rank is None:
            return start
        made = (start.export(), start.group, real.num_classes)
        return LowRankGraphs(*made, rank=self.rank, **self.relaxation(real)).to(real.device)


class _Gram(nn.Module):
    """Edge logits ``U Uᵀ - confidence`` of all pairs ``[g, pairs]`` from ``U [g, n, rank]``."""

    pairs: Tensor

    def __init__(self, pairs: Tensor, nodes: int, rank: int, confidence: float) -> None:
        super().__init__()
        self.register_buffer("pairs", pairs, persistent=False)
        self.nodes, self.rank, self.confidence = nodes, rank, confidence

    def forward(self, factor: Tensor) -> Tensor:
        i, j = self.pairs
        return (factor @ factor.transpose(1, 2))[:, i, j] - self.confidence

    def right_inverse(self, logits: Tensor) -> Tensor:
        """The nearest factor; exact at full rank, as the diagonal is free."""
        i, j = self.pairs
        whole = logits.new_zeros(len(logits), self.nodes, self.nodes)
        whole[:, i, j] = logits + self.confidence
        values, vectors = torch.linalg.eigh(whole + whole.transpose(1, 2))
        shifted = values - values[:, :1]
        kept = min(self.rank, self.nodes)
        factor = vectors[..., -kept:] * shifted[:, None, -kept:].sqrt()
        return nn.functional.pad(factor, (0, self.rank - kept))


class LowRankGraphs(GraphSynthetic):
    """Graphs with adjacency ``σ(U_g U_gᵀ - confidence)`` (KiDD's second form), without draws.

    Args:
        *start, relaxed, **how: see :class:`~graphcondense.domains.graph.GraphSynthetic`.
        rank: columns of ``U``.
    """

    def __init__(self, *start: Any, rank: int, relaxed: Relaxation, **how: Any) -> None:
        if rank < 1:
            raise ValueError(f"rank must be at least 1, got {rank}")
        super().__init__(*start, relaxed=relaxed, **how)
        gram = _Gram(self.pairs, self.mask.shape[1], rank, relaxed.confidence)
        register_parametrization(self, "logits", gram)

    @property
    def factor(self) -> nn.Parameter:
        """``U [g, n, rank]``."""
        out = self.get_parameter("parametrizations.logits.original")
        return out

    def groups(self) -> dict[str, list[nn.Parameter]]:
        return {"x": [self.x], "adj": [self.factor]}

    def draw(self, rng: Generator) -> None:
        """Nothing: the relaxed adjacency itself is used."""
