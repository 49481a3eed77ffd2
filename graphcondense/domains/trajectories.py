"""What methods share that match experts' trajectories; no method by itself."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from graphcondense.core.expert_training import Precision, Training
from graphcondense.core.experts import Buffer, Experts
from graphcondense.core.method import Method, Parts
from graphcondense.core.scalars import WithScalars
from graphcondense.core.types import Objective, Schedule, Source, Synthetic
from graphcondense.domains.image import ImageSource, PixelMethod
from graphcondense.objectives.trajectory import ConstantMemoryMatching
from graphcondense.ops.augment import Augment, Strategy
from graphcondense.ops.fields import Count, Folder, Momentum, Natural, NonNegative, Positive, Seed
from graphcondense.ops.types import Record


@dataclass(frozen=True, kw_only=True)
class Trajectories(Method):
    """Experts on the real data, a student on the synthetic ones; of any kind of data.

    Attributes:
        experts: folder of the experts' weights, shared by runs with the same data, network and
            training. By default below ``GRAPHCONDENSE_CACHE`` or ``~/.cache/graphcondense``, or in
            memory up to 32 MiB.
        num_experts: networks trained on the real data.
        expert_epochs: epochs of their training, the ends of which are kept.
        expert_interval: training steps that count as one of these epochs; by default a pass over
            the real data.
        expert_lr: their learning rate (SGD).
        expert_momentum: of SGD.
        expert_seed: of their weights and batches; not the run's seed, so that runs share experts.
        expert_dtype: how their weights are kept: ``"full"``, or as differences from their start in
            ``"bfloat16"``, half of the bytes and three digits.
        max_start: latest epoch at which a student starts; by default the latest possible one.
        ahead: epochs of the expert that a student has to make up (``M``).
        student_steps: training steps of a student (``N``).
        student_lr: a student's step size in the beginning.
        steps: updates of the synthetic data.
        lr_x: learning rate of Adam on the synthetic data, halved for the last third.
        lr_lr: learning rate of Adam on the logarithm of the step size; 0 keeps it.
    """

    family = "trajectory matching"
    cost = "experts"

    experts: Folder | None = None
    num_experts: Count = 20
    expert_epochs: Count = 20
    expert_interval: Count | None = None
    expert_lr: Positive = 0.01
    expert_momentum: Momentum = 0.0
    expert_seed: Seed = 0
    expert_dtype: Precision = "full"
    max_start: Natural | None = None
    ahead: Count = 2
    student_steps: Count = 20
    student_lr: Positive = 0.02
    steps: Natural = 1000
    lr_x: NonNegative = 0.02
    lr_lr: NonNegative = 0.01

    def training(self) -> Training:
        """How experts are trained: with all examples at every step."""
        return Training(
            experts=self.num_experts,
            epochs=self.expert_epochs,
            size=None,
            lr=self.expert_lr,
            momentum=self.expert_momentum,
            interval=self.expert_interval,
            seed=self.expert_seed,
        )

    def pool(self, buffer: Buffer) -> Experts:
        """Where students start."""
        return Experts(buffer, self.ahead, self.max_start)

    def match(
        self,
        syn: Synthetic,
        objective: Objective,
        buffer: Buffer,
        rates: Mapping[str, float],
        real: Source | None = None,
    ) -> Parts:
        """Parts that minimise a trajectory objective, the step size learnt beside ``rates``."""
        rates = {**rates, **({"lr": self.lr_lr} if self.lr_lr else {})}
        learnt = WithScalars(syn, {"lr": [self.student_lr]})
        learnt.remarks = {**syn.remarks, "experts": buffer.told()}
        return Parts(
            syn=learnt,
            objective=objective,
            pool=self.pool(buffer),
            schedule=Schedule(self.steps, rates, decay={2 * self.steps // 3: 0.5}),
            real=real,
        )


@dataclass(frozen=True, kw_only=True)
class TrajectoryMethod(Trajectories, PixelMethod):
    """Experts on the real images, a student on the synthetic ones.

    ``real_batch`` is the batch of an expert's training step, over all classes.

    Attributes:
        augment: operations of :class:`~graphcondense.ops.augment.Augment`, joined by ``_``, that
            experts and students see images through.
        student_batch: synthetic images of a student's step; all by default.
    """

    augment: Strategy = "none"
    student_batch: Count | None = None

    def view(self) -> Augment | None:
        """How experts and students see images: each with a draw of its own."""
        return None if self.augment == "none" else Augment(self.augment)

    def training(self) -> Training:
        return replace(super().training(), size=self.real_batch)

    def buffer(self, real: ImageSource) -> Buffer:
        """The experts, not made yet."""
        identity = {
            "images": images_digest(real),
            "model": self.model,
            "hidden_channels": self.hidden_channels,
            "depth": self.depth,
            "view": repr(self.view()),
        }
        return Buffer(
            self.network(real),
            self.training(),
            identity,
            self.experts,
            self.view(),
            precision=self.expert_dtype,
        )

    def reused_seconds(self, real: ImageSource) -> float:
        return self.buffer(real).seconds_there

    def student(self) -> Record:
        """Arguments of the objective."""
        return {
            "steps": self.student_steps,
            "size": self.student_batch,
            "lr": self.student_lr,
            "view": self.view(),
        }

    def memory_bytes(self, real: ImageSource) -> int:
        """Besides what every method on pixels holds, the experts, four copies of the weights, and
        the student's graphs."""
        buffer = self.buffer(real)
        # Settings that cannot work end here, before experts are trained.
        self.pool(buffer)
        ConstantMemoryMatching(**self.student())
        weights = 4 * buffer.training.stage_bytes(buffer.model)
        return super().memory_bytes(real) + buffer.memory_bytes + weights + self.graph_bytes(real)

    def graph_bytes(self, real: ImageSource) -> int:
        """Of one student step's gradient, kept for its own gradient: about four times the maps of
        the forward pass."""
        _, height, width = real.shape
        shown = self.student_batch or int(self.sizes(real).sum())
        maps = 4 * height * width if self.model != "mlp" else 3
        return 4 * 4 * shown * self.hidden_channels * maps


def images_digest(real: ImageSource) -> str:
    """SHA-256 (first 16 hex digits) of the training images as networks see them, and classes."""
    h = hashlib.sha256(f"{tuple(real.images.shape)}".encode())
    for tensor in (real.images, real.labels):
        h.update(tensor.detach().cpu().contiguous().numpy().data)
    return h.hexdigest()[:16]


@torch.no_grad()
def assigned(buffer: Buffer, x: Tensor) -> Tensor:
    """Soft labels ``[n, C]`` of images ``[n, c, h, w]``: the mean of trained experts' outputs."""
    outputs = []
    for expert in range(buffer.training.experts):
        weights = buffer.weights(expert, buffer.training.epochs, x.device)
        out: Tensor = torch.func.functional_call(buffer.model, weights, (x,))
        outputs.append(out.softmax(-1))
    return torch.stack(outputs).mean(0)
