"""GEOM (Zhang et al., ICML 2024, arXiv 2402.05011)."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Generator
from torch.nn import functional as F

from graphcondense.core.experts import Buffer, Experts
from graphcondense.core.method import Parts
from graphcondense.core.types import Objective
from graphcondense.domains.curriculum import (
    EasyFirst,
    Pace,
    by_ease,
    disagreement,
    guessed_classes,
)
from graphcondense.domains.node import scale_of
from graphcondense.domains.node_source import LABEL_BYTES, NodeSource
from graphcondense.domains.node_trajectories import StructureFree, StudentNodes
from graphcondense.domains.trajectories import assigned
from graphcondense.objectives.trajectory import (
    ConstantMemoryMatching,
    KnowledgeMatching,
    TrajectoryMatching,
)
from graphcondense.ops.fields import Natural, NonNegative, Share, SomeShare
from graphcondense.ops.types import Record


@dataclass(frozen=True, kw_only=True)
class GEOM(StructureFree):
    """Trajectories of experts that learn easy nodes first, matched by nodes with soft labels.

    1. How hard a labelled node is says the disagreement of the classes around it; experts see the
       easiest share ``first_share`` of each class in the beginning and all nodes after
       ``course_share`` of their training (section 4.1).
    2. A student's start is drawn from a window of epochs that grows during condensing, from
       ``first_start`` to ``max_start`` (section 4.2).
    3. Labels are distributions ``Y' = softmax(Z)`` that start between a node's class and what
       trained experts say of ``X'``, and are learnt; the divergence of ``Y'`` from what an expert
       says of ``X'`` is added,
       ``L = L_trajectory + knowledge KL(f_θ*(X') ‖ Y')`` (section 4.3).

    Classes around a node that have no label are guessed by label propagation. ``exact=False``
    back-propagates a student's steps in memory that does not grow with them, by TESLA's identity.

    Attributes:
        first_share: share of the labelled nodes that experts see in the beginning; 1 is no
            curriculum.
        course_share: share of an expert's training after which it sees all of them.
        pace: how the share grows, see :class:`~graphcondense.domains.curriculum.EasyFirst`.
        first_start: latest start of a student in the beginning.
        growth: share of the updates over which the window grows to ``max_start``.
        own_share: weight of a node's own class in its first label, beside what experts say; below
            a half another class may be the likelier one from the start.
        lr_y: learning rate of Adam on the logits of labels; 0 keeps them as they start.
        knowledge: weight of the divergence.
        exact: back-propagate through all of a student's steps, in memory that grows with them.
    """

    name = "geom"
    paper = (
        "Zhang et al., Navigating Complexity: Toward Lossless Graph Condensation via Expanding "
        "Window Matching, ICML 2024, arXiv 2402.05011"
    )
    learns = "features, soft labels"

    first_share: SomeShare = 0.5
    course_share: SomeShare = 0.5
    pace: Pace = "linear"
    first_start: Natural = 2
    max_start: Natural | None = 8
    growth: SomeShare = 0.5
    steps: Natural = 100
    lr_x: NonNegative = 0.003
    own_share: Share = 1.0
    lr_y: NonNegative = 0.001
    knowledge: NonNegative = 0.1
    exact: bool = True

    def example_bytes(self, real: NodeSource) -> int:
        """Soft labels count as what they are stored in."""
        return real.example_bytes + 4 * real.num_classes - LABEL_BYTES

    def memory_bytes(self, real: NodeSource) -> int:
        """With the graphs of all steps of a student, or of one."""
        steps = self.student_steps if self.exact else 1
        return self.small_bytes(real) + steps * self.step_bytes(real)

    def further_identity(self) -> Record:
        plain = super().further_identity()
        if self.first_share == 1:
            return plain
        return {**plain, "course": [self.first_share, self.course_share, self.pace]}

    def course(self, real: NodeSource) -> EasyFirst | None:
        if self.first_share == 1:
            return None
        task = real.task
        train, y = task.train.numpy(), real.labels.cpu().numpy()
        classes = guessed_classes(task.gcn_adj, train, y, real.num_classes)
        hard = disagreement(task.adj, train, classes, real.num_classes)
        how = self.training()
        steps = max(1, round(self.course_share * how.epochs * how.steps(real)))
        return EasyFirst(by_ease(hard, real.labels), self.first_share, self.pace, steps)

    def pool(self, buffer: Buffer) -> Experts:
        growth = max(1, round(self.growth * self.steps))
        return Experts(buffer, self.ahead, self.max_start, self.first_start, growth)

    def parts(self, real: NodeSource, rng: Generator) -> Parts:
        x, y = self.first_nodes(real, rng)
        buffer = self.trained(real)
        scale = self.scale(real)
        own = F.one_hot(y, real.num_classes).to(x)
        soft = self.own_share * own + (1 - self.own_share) * assigned(buffer, x * scale)
        syn = StudentNodes(x, y, real.num_classes, scale, soft)
        student = TrajectoryMatching if self.exact else ConstantMemoryMatching
        objective: Objective = student(steps=self.student_steps, lr=self.student_lr)
        if self.knowledge:
            objective = KnowledgeMatching(objective, self.knowledge)
        rates = {"x": self.lr_x * scale_of(x)}
        if self.lr_y:
            rates["y"] = self.lr_y
        return self.match(syn, objective, buffer, rates, self.seen(real))
