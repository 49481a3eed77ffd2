"""The quotient graph of groups of every type of nodes, with a teacher's soft labels."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import torch
from torch import Generator, Tensor

from graphcondense.core.method import LABEL_KINDS
from graphcondense.core.types import Synthetic
from graphcondense.domains.answers import answers_of
from graphcondense.domains.coarse import room_for_all, seeded
from graphcondense.domains.hetero import HeteroMethod, HeteroSource, HeteroSynthetic
from graphcondense.domains.hetero_quotient import (
    BLOCK,
    answered,
    grouped,
    grouped_bytes,
    mean_labels,
    quotient_of,
)
from graphcondense.domains.hetero_teachers import HeteroTeacher
from graphcondense.domains.quotients import (
    check_labels,
    check_room,
    check_solved,
    groups_of,
    penalty_of,
    solved_bytes,
    solved_for,
)
from graphcondense.ops.budget import Rule
from graphcondense.ops.coarsen import Array
from graphcondense.ops.fields import Count, NonNegative, Positive

PENALTY = 0.01
"""By default, of the regression that numbers are solved for with."""


@dataclass(frozen=True, kw_only=True)
class QuotientHetero(HeteroMethod):
    """Groups of nodes of every type: their features, their relations, and a teacher's soft labels.

    1. :class:`~graphcondense.domains.hetero_teachers.HeteroTeacher`, two ridge regressions, gives
       all target nodes soft labels from those of training nodes.
    2. K-means parts the nodes of each predicted class (of a single number, of five bins; of several
       targets, all), in proportion to the square root of how many they are, and then
       the nodes of every other type (:func:`~graphcondense.domains.hetero_quotient.grouped`).
    3. Groups have the mean features of their members and the mean of their soft labels. A relation
       between groups has the mean weights that mean aggregation over the real relation gives
       (:func:`~graphcondense.domains.hetero_quotient.quotient_of`), so that a weighted sum over
       neighbours in the small graph is what a mean over neighbours is in the real one.

    4. Labels that are numbers are not the means: they are solved for, so that ridge regression on
       the groups says of real nodes what the teacher does
       (:func:`~graphcondense.domains.solved.solved_labels`). Means of features are shorter than
       features, so that a model that learnt the means of labels would say too much of real nodes.

    A budget counts nodes of the target type, labelled or not; every other type gets the same share
    of its nodes. Validation labels choose a penalty of the teacher.

    Attributes:
        labels: ``"soft"``, or ``"hard"``: the class of the largest soft label, or tasks 0 and 1.
        sharpness: power of soft labels; 1 leaves them, large values make them hard. By default 1
            for classes, 2 for binary tasks; numbers have none.
        weight: of features beside soft labels in the clustering.
        dims: leading singular vectors of features that the clustering sees.
        cut: weights of relations below it are left out.
        penalty: of the regression that labels are solved for; 0 keeps the means of members. By
            default 0.01 for numbers, 0 for classes and tasks, of which it did not help. Labels that
            are solved for are kept between 0 and 1; above 5,000 groups numbers are means, too.
    """

    name = "quotient"
    family = "clustering"
    learns = "features, relations and soft labels (of groups of real nodes)"
    cost = "closed form"
    chooses = True
    assigns = True
    label_kinds = LABEL_KINDS

    rule: Rule = "root"
    labels: Literal["soft", "hard"] = "soft"
    sharpness: Positive | None = None
    weight: NonNegative = 0.5
    dims: Count = 128
    cut: NonNegative = 0.01
    penalty: NonNegative | None = None

    def example_bytes(self, real: HeteroSource) -> int:
        classes = real.task.label_kind == "classes" and self.labels == "soft"
        soft = 4 * real.num_classes - 8 if classes else 0
        return real.example_bytes + soft

    def sizes(self, real: HeteroSource) -> Tensor:
        """Groups of each class as if all were equally large; :meth:`solve` parts a budget for all
        classes by what the teacher predicts."""
        wanted = room_for_all(self.of_target(self, real), real)
        if (n := int(wanted.sum())) > real.num_examples:
            raise ValueError(
                f"the budget gives {n} nodes, above the {real.num_examples} of the graph; lower it"
            )
        return wanted

    def memory_bytes(self, real: HeteroSource) -> int:
        """Products of training rows and their inverse; the rows that the clustering sees, twice;
        soft labels, those of neighbours, what labels are solved from, and the export."""
        check_labels(real, self.labels, self._power(real))
        size = int(self.sizes(real).sum())
        check_solved(self.penalty, size)
        solved = solved_bytes(penalty_of(self.penalty, real, PENALTY), size)
        solved += 8 * size * BLOCK if solved else 0
        start = grouped_bytes(real, self.dims)
        return start + solved + 4 * size * self.example_bytes(real)

    def solve(self, real: HeteroSource, rng: Generator) -> Synthetic:
        sizes, draws, task = self.sizes(real), seeded(rng), real.task
        taught = HeteroTeacher().teach(real, draws)
        predicted = groups_of(real, taught.soft)
        counts = torch.bincount(torch.from_numpy(predicted), minlength=real.num_classes)
        if self.per_class is None:
            total = replace(self, ratio=None, bytes=None, size=None, nodes=int(sizes.sum()))
            sizes = self.shared(total, real, counts)
        else:
            check_room(self.per_class, counts)
        others = self.counts(real, int(sizes.sum()))
        parts = grouped(real, taught.soft, predicted, sizes, others, self.dims, self.weight, draws)
        answers = answers_of(real)
        soft = answers.sharp(taught.soft, self._power(real))
        means = mean_labels(parts[task.target], soft)
        remarks = {"teacher": taught.told(task.label_kind)}
        small = quotient_of(task.graph, parts, self.cut)
        penalty = penalty_of(self.penalty, real, PENALTY)

        def solve() -> Array:
            middle = soft.mean(0, dtype=np.float64)
            wanted = (task.graph, small, task.target, soft, means, middle, penalty)
            return answers.allowed(answered(*wanted))

        y, said = solved_for(means, penalty, solve)
        remarks |= said
        if self.labels == "hard":
            y = answers.hard(y)
        labels = task.unscaled(torch.from_numpy(y))
        return HeteroSynthetic(small, task.target, labels, parts, remarks)

    def _power(self, real: HeteroSource) -> float | None:
        """The power of soft labels; what is usual for tasks and numbers is ``None``."""
        usual = self.sharpness is None and real.task.label_kind == "classes"
        return 1.0 if usual else self.sharpness
