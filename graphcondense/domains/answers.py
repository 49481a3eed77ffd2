"""What closed forms say of nodes, for each kind of labels: what a teacher gives every node, how it
is sharpened, what regressions learn, and how they are judged.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar, Protocol

import numpy as np
import scipy.sparse as sp
import torch
from torch import Tensor

from graphcondense.data.targets import Labelled
from graphcondense.domains.teachers import RidgeTeacher, TargetTeacher, Taught
from graphcondense.kernels.ridge import centred_classes
from graphcondense.ops.blocks import row_parts
from graphcondense.ops.coarsen import Array
from graphcondense.ops.place import Place

if TYPE_CHECKING:
    from graphcondense.domains.node_source import NodeSource

SHARPNESS, TASK_SHARPNESS = 8.0, 2.0
"""Usual power of soft labels over classes, and of probabilities of tasks."""
THRESHOLDS = (0.5, 0.45, 0.4, 0.35, 0.3, 0.25, 0.2, 0.15, 0.1)
"""Probabilities from which on a task may be said to have the label."""


class Told(Protocol):
    """A source of labelled nodes, of one graph or of a heterogeneous one."""

    @property
    def task(self) -> Labelled: ...
    @property
    def targets(self) -> Tensor: ...
    @property
    def num_classes(self) -> int: ...


class Answers(Protocol):
    """One kind of labels in closed forms."""

    def teach(self, rows: Array, adj: sp.csr_matrix, real: NodeSource, place: Place) -> Taught:
        """Labels of all nodes ``[N, C]`` from those of training nodes: features ``[N, d]`` and
        ``Â [N, N]``."""
        ...

    def sharp(self, soft: Array, power: float | None) -> Array:
        """Labels ``[N, C]`` that are surer by a power; ``None`` is the usual one."""
        ...

    def hard(self, soft: Array) -> Array:
        """Labels ``[n, C]`` without doubt."""
        ...

    def allowed(self, y: Array) -> Array:
        """Labels ``[n, C]`` that there can be, near ``y``, in float32."""
        ...

    def centred(self, y: Tensor) -> Tensor:
        """What regressions without a constant learn ``[n, C]``."""
        ...

    def loss(self, said: Tensor, y: Tensor) -> Tensor:
        """Of networks that say ``[s, n, C]`` where labels are ``y [n, C]``: ``[s]``."""
        ...

    def right(self, said: Tensor, wanted: Tensor) -> Tensor:
        """How well regressions or networks say labels of real nodes ``[m]``, more is better."""
        ...

    def told(self, right: float, which: str) -> str:
        """The mean of :meth:`right` over ``which`` nodes in words."""
        ...

    def share(self, right: float) -> str:
        """This mean alone."""
        ...

    def held(self, real: NodeSource) -> tuple[Tensor, Tensor]:
        """The nodes that judge, and their labels as :meth:`right` takes them: those of validation,
        or else of training."""
        ...


@dataclass(frozen=True)
class ClassAnswers:
    """Soft labels over classes, rows of sum one.

    Attributes:
        classes: how many.
    """

    classes: int

    def teach(self, rows: Array, adj: sp.csr_matrix, real: NodeSource, place: Place) -> Taught:
        train, y = real.task.train.numpy(), real.labels.cpu().numpy()
        return RidgeTeacher().teach(rows, adj, train, y, self.classes, real.validation, place)

    def sharp(self, soft: Array, power: float | None) -> Array:
        out: Array = np.empty(soft.shape, np.float32)
        for block in row_parts(len(soft), soft.shape[1]):
            sure = soft[block].astype(np.float64)
            # Some entry of a row is one and stays one, however large the power.
            powers = (sure / sure.max(1, keepdims=True)) ** (power or SHARPNESS)
            out[block] = powers / powers.sum(1, keepdims=True)
        return out

    def hard(self, soft: Array) -> Array:
        classes: Array = soft.argmax(1)
        return classes

    def allowed(self, y: Array) -> Array:
        above = y.clip(1e-6)
        out: Array = (above / above.sum(1, keepdims=True)).astype(np.float32)
        return out

    def centred(self, y: Tensor) -> Tensor:
        return centred_classes(y, self.classes)

    def loss(self, said: Tensor, y: Tensor) -> Tensor:
        return -(y * said.log_softmax(-1)).sum(-1).mean(-1)

    def right(self, said: Tensor, wanted: Tensor) -> Tensor:
        return said.argmax(1) == wanted

    def told(self, right: float, which: str) -> str:
        return f"linear models are right on {right:.1%} of {which} nodes"

    def share(self, right: float) -> str:
        return f"{right:.1%}"

    def held(self, real: NodeSource) -> tuple[Tensor, Tensor]:
        return real.validation or (real.task.train, real.labels.cpu())


@dataclass(frozen=True)
class TargetAnswers:
    """Targets ``[n, T]`` as models learn them: probabilities of tasks, or standardised numbers.

    Attributes:
        middle: mean of the known training targets ``[T]``.
        scaled: brings targets of the data into this form.
    """

    middle: Tensor
    scaled: Callable[[Tensor], Tensor]

    limits = (-np.inf, np.inf)

    def teach(self, rows: Array, adj: sp.csr_matrix, real: NodeSource, place: Place) -> Taught:
        return _targets_taught(self, rows, adj, real, place)

    def sharp(self, soft: Array, power: float | None) -> Array:
        if power is not None:
            raise ValueError(f"sharpness={power:g} is of labels that are classes or binary tasks")
        return soft.astype(np.float32, copy=False)

    def hard(self, soft: Array) -> Array:
        raise ValueError("labels='hard' is for classes and binary tasks; numbers stay as they are")

    def allowed(self, y: Array) -> Array:
        out: Array = y.clip(*self.limits).astype(np.float32)
        return out

    def centred(self, y: Tensor) -> Tensor:
        return y - self.middle.to(y)

    def loss(self, said: Tensor, y: Tensor) -> Tensor:
        return (said - self.centred(y)).square().sum(-1).mean(-1)

    def right(self, said: Tensor, wanted: Tensor) -> Tensor:
        error = (said - self.centred(wanted).to(said)).square()
        known: Tensor = error.nanmean(1)
        return -known

    def told(self, right: float, which: str) -> str:
        return f"linear models have a mean squared error of {-right:.4f} on {which} nodes"

    def share(self, right: float) -> str:
        return f"a squared error of {-right:.4f}"

    def held(self, real: NodeSource) -> tuple[Tensor, Tensor]:
        if real.validation is None:
            return real.task.train, real.targets.cpu()
        nodes, y = real.validation
        return nodes, self.scaled(y)


class BinaryAnswers(TargetAnswers):
    """Probabilities of tasks.

    Regressions seldom find a rare label likely, so its odds count from the probability above which
    saying yes has the best micro-F1 on validation nodes: there a label becomes one half.
    """

    limits = (0.0, 1.0)

    def teach(self, rows: Array, adj: sp.csr_matrix, real: NodeSource, place: Place) -> Taught:
        taught = super().teach(rows, adj, real, place)
        if real.validation is None or not taught.ridge:
            return taught
        soft, threshold = self.evened(taught.soft, real.validation)
        return replace(taught, soft=soft, threshold=threshold)

    def evened(self, soft: Array, held: tuple[Tensor, Tensor]) -> tuple[Array, float]:
        """Probabilities ``[N, T]`` of which one half is where saying yes has the best micro-F1 on
        the validation nodes and labels ``held``, and where that was before."""
        nodes, y = (part.numpy() for part in held)
        said, known = soft[nodes], ~np.isnan(y)

        def f1(threshold: float) -> float:
            yes, true = (said > threshold) & known, (y == 1) & known
            return 2 * float((yes & true).sum()) / max(float(yes.sum() + true.sum()), 1.0)

        threshold = max(THRESHOLDS, key=f1)
        return odds(soft, 1.0, threshold), threshold

    def sharp(self, soft: Array, power: float | None) -> Array:
        return odds(soft, power or TASK_SHARPNESS)

    def right(self, said: Tensor, wanted: Tensor) -> Tensor:
        """The F1 of each node's labels; one where it has none and is given none."""
        known, true = ~wanted.isnan(), wanted == 1
        yes = (said + self.middle.to(said) > 0.5) & known
        hits, all_said = (yes & true).sum(1), yes.sum(1) + true.sum(1)
        each: Tensor = torch.where(all_said > 0, 2 * hits / all_said.clamp_min(1), 1.0)
        return each

    def told(self, right: float, which: str) -> str:
        return f"linear models have a mean F1 of {right:.1%} on {which} nodes"

    def share(self, right: float) -> str:
        return f"an F1 of {right:.1%}"

    def hard(self, soft: Array) -> Array:
        out: Array = (soft > 0.5).astype(np.float32)
        return out


@dataclass(frozen=True)
class SoftAnswers(ClassAnswers):
    """Soft labels over classes that the data themselves have.

    Attributes:
        middle: their mean over training nodes ``[C]``.
    """

    middle: Tensor
    limits: ClassVar[tuple[float, float]] = (0.0, 1.0)

    def teach(self, rows: Array, adj: sp.csr_matrix, real: NodeSource, place: Place) -> Taught:
        taught = _targets_taught(self, rows, adj, real, place)
        return replace(taught, soft=self.allowed(taught.soft))

    def sharp(self, soft: Array, power: float | None) -> Array:
        return super().sharp(soft, power or 1.0)

    def hard(self, soft: Array) -> Array:
        out: Array = np.eye(soft.shape[1], dtype=np.float32)[soft.argmax(1)]
        return out

    def right(self, said: Tensor, wanted: Tensor) -> Tensor:
        return said.argmax(1) == wanted.argmax(1)

    def held(self, real: NodeSource) -> tuple[Tensor, Tensor]:
        return real.validation or (real.task.train, real.targets.cpu())


def odds(soft: Array, power: float, middle: float = 0.5) -> Array:
    """Probabilities ``[N, T]`` whose odds are taken to a power, counted from those of ``middle``.

    >>> odds(np.array([[0.0, 0.2, 0.5, 1.0]]), 1.0, 0.2).round(2).tolist()
    [[0.0, 0.5, 0.800000011920929, 1.0]]
    """
    out: Array = np.empty(soft.shape, np.float32)
    for block in row_parts(len(soft), soft.shape[1]):
        likely = soft[block].astype(np.float64)
        yes, no = (likely * (1 - middle)) ** power, ((1 - likely) * middle) ** power
        out[block] = yes / np.maximum(yes + no, 1e-300)
    return out


class OfTargets(Protocol):
    """Labels that a regression learns: the mean of those that are known ``[T]``, the smallest and
    largest there can be, and those that score, as :class:`Answers` have them."""

    @property
    def middle(self) -> Tensor: ...
    @property
    def limits(self) -> tuple[float, float]: ...
    def held(self, real: NodeSource) -> tuple[Tensor, Tensor]: ...


def _targets_taught(
    labels: OfTargets, rows: Array, adj: sp.csr_matrix, real: NodeSource, place: Place
) -> Taught:
    """What regressions say of all nodes, who are told labels as models learn them."""
    held = None if real.validation is None else labels.held(real)
    train, given = real.task.train.numpy(), real.targets.cpu().numpy()
    teacher, middle = TargetTeacher(labels.limits), labels.middle.numpy()
    return teacher.teach(rows, adj, train, given, middle, held, place)


def _of_targets(form: type[TargetAnswers]) -> Callable[[Told], Answers]:
    def made(real: Told) -> Answers:
        middle = real.targets.cpu().nanmean(0)
        return form(middle, real.task.scaled)

    return made


ANSWERS: Mapping[str, Callable[[Told], Answers]] = {
    "classes": lambda real: ClassAnswers(real.num_classes),
    "binary": _of_targets(BinaryAnswers),
    "regression": _of_targets(TargetAnswers),
    "soft": lambda real: SoftAnswers(real.task.num_outputs, real.targets.cpu().mean(0)),
}
"""By the kind of labels."""


def answers_of(real: Told) -> Answers:
    """What closed forms say of the nodes of a source."""
    return ANSWERS[real.task.label_kind](real)
