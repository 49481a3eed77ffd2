"""What methods share that match trajectories of networks on one graph; no method by itself."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

import torch
from torch import Generator, Tensor, nn

from graphcondense.core.expert_training import Course, Training
from graphcondense.core.experts import Buffer
from graphcondense.core.pools import built
from graphcondense.core.types import Batch, Source
from graphcondense.domains.node import NodeSynthetic
from graphcondense.domains.node_source import NodeSource, NodeView
from graphcondense.domains.started import StartedNodes
from graphcondense.domains.trajectories import Trajectories
from graphcondense.nn.propagate import MODELS, Propagation
from graphcondense.ops.fields import Count, Momentum, Natural, NonNegative, Positive
from graphcondense.ops.types import Record

if TYPE_CHECKING:
    from graphcondense.saved.condensed_graph import CondensedGraph


@dataclass(frozen=True, kw_only=True)
class NodeTrajectories(Trajectories, StartedNodes):
    """Experts on the labelled nodes, a student on a small graph.

    Attributes:
        model: network of experts and students, ``"sgc"`` or ``"gcn"``.
        hidden_channels: its width, where it has more than one layer.
        num_layers: its linear layers; of a GCN also its hops.
        hops: how often an SGC propagates.
        expert_decay: weight decay of the experts.
        expert_interval: training steps that count as one epoch of an expert.
        lr_x: learning rate of Adam on the features, in root mean squares of theirs at the start;
            halved for the last third.
    """

    model: Literal["sgc", "gcn"] = "gcn"
    hidden_channels: Count = 256
    num_layers: Count = 2
    hops: Natural = 2
    expert_interval: Count | None = 10
    expert_momentum: Momentum = 0.9
    expert_lr: Positive = 0.1
    expert_decay: NonNegative = 5e-4
    lr_x: NonNegative = 0.01

    @property
    def propagates(self) -> bool:
        return super().propagates or (self.model == "sgc" and self.hops > 0)

    @property
    def looks(self) -> int:
        """How far the network looks."""
        return MODELS[self.model].count_hops(self.num_layers, self.hops)

    def training(self) -> Training:
        return replace(super().training(), weight_decay=self.expert_decay)

    def network(self, real: NodeSource) -> Propagation:
        """The network of experts and students."""
        sizes = (real.num_features, self.hidden_channels, real.num_classes, self.num_layers)
        return built(MODELS[self.model], *sizes, hops=self.hops).to(real.device, real.dtype)

    def further_identity(self) -> Record:
        """What else experts depend on, such as their :meth:`course`."""
        return {}

    def course(self, real: NodeSource) -> Course | None:
        """Which labelled nodes a training step of an expert sees; all by default."""
        return None

    def buffer(self, real: NodeSource, course: Course | None = None) -> Buffer:
        """The experts, not made yet; ``course`` is needed to make them, where they have one."""
        identity = {
            "graph": real.task.digest,
            "model": self.model,
            "hidden_channels": self.hidden_channels,
            "num_layers": self.num_layers,
            "hops": self.hops,
            "trained": "together",
            **self.further_identity(),
        }
        network = self.network(real)
        return Buffer(
            network,
            self.training(),
            identity,
            self.experts,
            precision=self.expert_dtype,
            settle=network.shared,
            course=course,
        )

    def trained(self, real: NodeSource) -> Buffer:
        """The experts."""
        return self.buffer(real, self.course(real)).prepare(self.seen(real))

    def reused_seconds(self, real: NodeSource) -> float:
        return self.buffer(real).seconds_there

    def seen(self, real: NodeSource) -> Source:
        """The labelled nodes as experts see them."""
        if self.model == "sgc":
            return Propagated(real, self.hops)
        return real.looking(self.num_layers)

    def small_bytes(self, real: NodeSource) -> int:
        """Estimate of what a method holds besides the graphs of a student's steps: the small
        graph, propagated rows, and the experts."""
        buffer = self.buffer(real)
        # Settings that cannot work end here, before experts are trained.
        self.pool(buffer)
        n, d, rows = int(self.sizes(real).sum()), real.num_features, len(real.labels)
        lessons = 4 * rows * (3 * d + 4 * max(self.hidden_channels, real.num_classes))
        return 48 * n * d + buffer.memory_bytes + lessons + real.propagation_bytes()

    def step_bytes(self, real: NodeSource) -> int:
        """Estimate of what the graph of one student's step holds."""
        n = int(self.sizes(real).sum())
        weights = self.training().stage_bytes(self.network(real))
        return 6 * weights + 4 * 8 * n * self.hidden_channels * (self.num_layers - 1)


class Propagated(NodeView):
    """The labelled nodes as a linear model sees them: rows of ``Â^hops X``, and no edges."""

    def __init__(self, real: NodeSource, hops: int) -> None:
        super().__init__(real)
        self.rows = real.propagated(hops)

    def batch(
        self, c: int | None = None, size: int | None = None, rng: Generator | None = None
    ) -> Batch:
        y = self.real.labels
        if c is None and size is None:
            return Batch((self.rows, None), y)
        members = self.real.members(c, size, rng).to(y.device)
        return Batch((self.rows[members], None), y[members])


@dataclass(frozen=True, kw_only=True)
class StructureFree(NodeTrajectories):
    """Nodes without edges, matched by trajectories; no method by itself.

    Attributes:
        scaled: networks see features multiplied by one number, so that propagated rows of training
            nodes have a root mean square length of one. Plain SGD hardly moves on rows as short as
            bags of words divided by their sums. Exported features are as the data are.
    """

    scaled: bool = True
    init: Literal["random", "kcenter", "herding", "kmeans", "fuzzy"] = "fuzzy"
    num_experts: Count = 10
    student_lr: Positive = 1.0
    steps: Natural = 300

    def further_identity(self) -> Record:
        return {"scaled": True} if self.scaled else {}

    def scale(self, real: NodeSource) -> float:
        """What features are multiplied by."""
        if not self.scaled:
            return 1.0
        length = float(real.propagated(self.looks).square().sum(1).mean().sqrt())
        return 1 / length if length > 0 else 1.0

    def seen(self, real: NodeSource) -> Source:
        plain, scale = super().seen(real), self.scale(real)
        return plain if scale == 1 else Scaled(real, plain, scale)

    @property
    def propagates(self) -> bool:
        return super().propagates or (self.scaled and self.looks > 0)


class Scaled(NodeView):
    """Labelled nodes with their features multiplied by a number.

    Args:
        real: the labelled nodes.
        plain: how they are seen otherwise.
        scale: the number.
    """

    def __init__(self, real: NodeSource, plain: Source, scale: float) -> None:
        super().__init__(real)
        self.plain, self.scale = plain, scale

    def batch(
        self, c: int | None = None, size: int | None = None, rng: Generator | None = None
    ) -> Batch:
        return self.plain.batch(c, size, rng).shown(lambda x: x * self.scale)


class StudentNodes(NodeSynthetic):
    """Nodes without edges whose features students see multiplied by a number, and whose labels may
    be learnt distributions.

    Args:
        x: initial features ``[n, d]``.
        y: classes ``[n]`` that they started from, in ascending order.
        num_classes: how many there are.
        scale: the number.
        soft: initial distributions ``[n, C]``, which are learnt as logits; classes by default.
    """

    def __init__(
        self, x: Tensor, y: Tensor, num_classes: int, scale: float, soft: Tensor | None = None
    ) -> None:
        super().__init__(x, y, num_classes=num_classes)
        self.scale = scale
        self.logits = None if soft is None else nn.Parameter(soft.clamp_min(LEAST).log())

    def groups(self) -> dict[str, list[nn.Parameter]]:
        soft = {} if self.logits is None else {"y": [self.logits]}
        return {**super().groups(), **soft}

    def _whole(self) -> Batch:
        whole = super()._whole().shown(lambda x: x * self.scale)
        if self.logits is None:
            return whole
        return whole._replace(y=self.logits.softmax(1), group=self.y)

    def batches(self) -> list[Batch]:
        whole = self._whole()
        return [whole._replace(y=whole.y[b.rows], rows=b.rows) for b in super().batches()]

    @torch.no_grad()
    def export(self) -> CondensedGraph:
        out = super().export()
        if self.logits is not None:
            out.y = self.logits.softmax(1).to("cpu", torch.float32, copy=True)
        return out


LEAST = 1e-6
"""Least initial probability of a class, whose logarithm is learnt."""
