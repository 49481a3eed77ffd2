"""SimGC (Xiao et al., ECML-PKDD 2024)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

import torch
from torch import Generator, Tensor

from graphcondense.core.method import Parts, Variants
from graphcondense.core.pools import Taught, inner_adam
from graphcondense.core.types import Batch, Learner, Source, Synthetic
from graphcondense.domains.node import NetworkMatched, NodeSynthetic
from graphcondense.domains.node_source import NodeSource
from graphcondense.objectives.distribution import class_means
from graphcondense.ops.adjacency import gcn_norm_dense
from graphcondense.ops.fields import Natural, NonNegative, Positive


@dataclass(frozen=True, kw_only=True)
class SimGC(NetworkMatched):
    """Simple graph condensation: a teacher, means and deviations of every hop, and smoothness.

    ``L = CE(teacher(S), Y') + α Σ_k Σ_c r_c (‖μ_c(Â^k X) - μ_c(Â'^k X')‖² + the same of standard
    deviations) + β Σ_ij A'_ij w_ij ‖x'_i - x'_j‖²``, ``w_ij = exp(-‖x'_i - x'_j‖² / 2σ²)``, where
    the teacher is an SGC trained on the real graph once. ``simgc-x`` learns features alone.
    Distances count in the mean square of the real rows, whatever their scale.

    Attributes:
        teacher_steps: of the teacher's training.
        lr_teacher: its learning rate.
        weight_decay: its weight decay.
        alpha: weight of means and deviations.
        beta: weight of smoothness.
        sigma: ``σ``.
    """

    name = "simgc"
    paper = "Xiao et al., Simple Graph Condensation, ECML-PKDD 2024"
    family = "distribution matching"
    cost = "experts"
    variants: ClassVar[Variants] = {
        "simgc-x": {"structure": "identity", "init_hops": 2, "beta": 0.0}
    }

    model: Literal["sgc"] = "sgc"
    epochs: Natural = 200
    teacher_steps: Natural = 200
    lr_teacher: NonNegative = 0.01
    weight_decay: NonNegative = 5e-4
    alpha: NonNegative = 10.0
    beta: NonNegative = 0.1
    sigma: Positive = 1.0

    @property
    def propagates(self) -> bool:
        return super().propagates or self.hops > 0

    def memory_bytes(self, real: NodeSource) -> int:
        """Besides, rows of every hop, and what the teacher computes of them in a step."""
        rows, d, classes = len(real.labels), real.num_features, real.num_classes
        return super().memory_bytes(real) + 4 * rows * ((self.hops + 1) * d + 4 * classes)

    def parts(self, real: NodeSource, rng: Generator) -> Parts:
        model, syn = self.network(real), self.start(real, rng)
        # The teacher is linear in Â^K X, which is taken once.
        lesson = Batch((real.design(model), None), real.labels)
        optimizer = inner_adam(self.lr_teacher, self.weight_decay)
        return Parts(
            syn=syn,
            objective=self.objective(real),
            pool=Taught(model, lesson, self.teacher_steps, optimizer),
            schedule=self.schedule(1, syn),
        )

    def objective(self, real: NodeSource) -> _Statistics:
        """Its objective, with the means and deviations of the real graph."""
        rows = [real.propagated(k) for k in range(self.hops + 1)]
        means = [class_means(h, real.labels, real.num_classes) for h in rows]
        spreads = [_deviations(h, m, real.labels) for h, m in zip(rows, means, strict=True)]
        scale = [float(h.square().sum(1).mean()) or 1.0 for h in rows]
        return _Statistics(means, spreads, scale, self.alpha, self.beta, self.sigma)


@dataclass(frozen=True)
class _Statistics:
    """See :class:`SimGC`. ``means`` and ``spreads`` ``[C, d]`` of each hop, ``scale`` of each."""

    means: list[Tensor]
    spreads: list[Tensor]
    scale: list[float]
    alpha: float
    beta: float
    sigma: float

    def __call__(self, syn: Synthetic, real: Source, learner: Learner, rng: Generator) -> Tensor:
        assert isinstance(syn, NodeSynthetic)
        adj = syn.structure(syn.x)
        step = None if adj is None else gcn_norm_dense(adj)
        y, count = syn.y, len(self.means[0])
        x: Tensor = syn.x
        h = x
        share = torch.bincount(y, minlength=count).to(x) / len(y)
        apart = x.new_zeros(count)
        for k, (mean, spread) in enumerate(zip(self.means, self.spreads, strict=True)):
            h = h if k == 0 or step is None else step @ h
            means = class_means(h, y, count)
            off = (means - mean).square().sum(1)
            off = off + (_deviations(h, means, y) - spread).square().sum(1)
            apart = apart + off / self.scale[k]
        loss = learner.loss(Batch((h, None), y)) + self.alpha * (share * apart).sum()
        if adj is not None and self.beta:
            squares = _squares(x) / self.scale[0]
            near = torch.exp(-squares / (2 * self.sigma**2))
            loss = loss + self.beta * (adj * near * squares).sum() / len(y)
        return loss


def _deviations(rows: Tensor, means: Tensor, y: Tensor) -> Tensor:
    """Standard deviations ``[C, d]`` of each class, of the population."""
    variance = class_means((rows - means[y]).square(), y, len(means))
    return (variance + 1e-12).sqrt()


def _squares(x: Tensor) -> Tensor:
    """``‖x_i - x_j‖²``, ``[n, n]``, from one product; no root, whose slope at zero is infinite."""
    squares = x.square().sum(1)
    return (squares[:, None] + squares - 2 * (x @ x.T)).clamp_min(0)
