"""What labels are, of the nodes of a graph and of graphs alike: classes, binary tasks or targets
that are numbers; which score goes with them, and what stands for a class in methods that work class
by class.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional

from graphcondense.data.labels import few, first_of
from graphcondense.saved.checks import add_up

LabelKind = Literal["classes", "binary", "regression", "soft"]
"""What labels are."""

METRICS = ("accuracy", "rocauc", "ap", "f1", "macro-f1", "rmse", "mae", "r2", "top1", "kl")
"""Scores; of ``rmse``, ``mae`` and ``kl`` less is better."""

FITTING: Mapping[LabelKind, tuple[str, ...]] = {
    "classes": ("accuracy",),
    "binary": ("rocauc", "ap", "accuracy", "f1", "macro-f1"),
    "regression": ("rmse", "mae", "r2"),
    "soft": ("top1", "kl"),
}
"""Which scores go with which labels; the first is the default."""

HAVE: Mapping[str, str] = {
    "binary": "several labels a node",
    "regression": "numbers as targets",
    "soft": "a probability for each class",
}
"""What nodes have that have not one class each, in words."""

BINS = 5
"""Groups of equal size that regression targets fall into, as classes do in classification."""


class Labelled:
    """Labelled examples: what checked graphs and checked sets of graphs share.

    Attributes:
        label_kind: ``"classes"`` (one class each), ``"binary"`` (tasks with labels 0, 1 or NaN),
            ``"regression"`` (targets that are numbers or NaN) or ``"soft"`` (a probability for each
            class).
        metric: the score, one of :data:`METRICS`.
        train: indices of the training examples.
    """

    label_kind: LabelKind
    metric: str
    train: Tensor

    @property
    def labels(self) -> Tensor:
        """Of all examples: classes ``[n]`` int64, -1 for none; else ``[n, T]`` float32, NaN for
        none."""
        raise NotImplementedError

    @cached_property
    def num_outputs(self) -> int:
        """Outputs of a model: classes, or tasks."""
        y = self.labels
        return int(y.max()) + 1 if self.label_kind == "classes" else int(y.shape[1])

    @property
    def outputs(self) -> str:
        """What :attr:`num_outputs` counts, in a word."""
        return {"binary": "tasks", "regression": "targets"}.get(self.label_kind, "classes")

    @property
    def counted_as(self) -> str:
        """What records count :attr:`num_outputs` as; soft labels are of classes."""
        return "tasks" if self.label_kind in ("binary", "regression") else "classes"

    @property
    def larger_is_better(self) -> bool:
        return self.metric not in ("rmse", "mae", "kl")

    @cached_property
    def groups(self) -> Tensor:
        """The group of each example ``[n]`` that budgets and class-wise matching speak of.

        Classes; of soft labels the likeliest of those classes that are the likeliest of some
        training example, which are numbered anew; the two labels of a single binary task;
        :data:`BINS` equally large bins of a single regression target, bounds from the training
        examples; one group for several tasks.
        ``-1``: an example without a label.
        """
        return self.group_of(self.labels)

    def group_of(self, y: Tensor) -> Tensor:
        """The group of each label ``[m]`` or ``[m, T]``; of soft labels the nearest one."""
        if self.label_kind == "classes":
            return y if y.dim() == 1 else y.argmax(1)
        if self.label_kind == "soft":
            soft = y if y.dim() == 2 else functional.one_hot(y, self.num_outputs).float()
            group = soft[:, self._likeliest.to(y.device)].argmax(1)
            return group.masked_fill(soft.isnan().any(1), -1)
        if y.shape[1] > 1:
            return torch.zeros(len(y), dtype=torch.long, device=y.device)
        target = y[:, 0].contiguous()
        if self.label_kind == "binary":
            return torch.where(target.isnan(), -1, (target > 0.5).to(target)).long()
        bounds = self._bounds.to(target)
        binned = torch.bucketize(target, bounds, right=True)
        return torch.where(target.isnan(), -1, binned)

    @cached_property
    def _likeliest(self) -> Tensor:
        """Of soft labels, the classes that are the likeliest of some training example."""
        classes: Tensor = torch.unique(self.labels[self.train].argmax(1))
        return classes

    @cached_property
    def _bounds(self) -> Tensor:
        """Bounds between the bins of a single target; they are targets themselves and above the
        smallest, so that no bin is without training examples."""
        targets = self.labels[self.train, 0]
        share = torch.linspace(0, 1, BINS + 1, dtype=targets.dtype)[1:-1]
        bounds = torch.unique(torch.quantile(targets, share, interpolation="higher"))
        above: Tensor = bounds[bounds > targets.min()]
        return above

    @cached_property
    def num_groups(self) -> int:
        return int(self.groups.max()) + 1

    @cached_property
    def target_scale(self) -> tuple[Tensor, Tensor]:
        """Mean and standard deviation ``[T]`` of the training targets; 0 and 1 but in regression.

        Models learn standardised targets; scores are in the targets' own units.
        """
        if self.label_kind != "regression":
            return torch.zeros(self.num_outputs), torch.ones(self.num_outputs)
        targets = self.labels[self.train]
        mean = targets.nanmean(0)
        std = (targets - mean).square().nanmean(0).sqrt()
        return mean, torch.where(std > 0, std, 1.0)

    def scaled(self, y: Tensor) -> Tensor:
        """Labels, or outputs in the targets' own units, as models learn them (see above)."""
        if self.label_kind != "regression":
            return y
        mean, std = (s.to(y) for s in self.target_scale)
        return (y - mean) / std

    def unscaled(self, out: Tensor) -> Tensor:
        """What models put out, in the targets' own units: :meth:`scaled` undone."""
        if self.label_kind != "regression":
            return out
        mean, std = (s.to(out) for s in self.target_scale)
        return out * std + mean


def known_rows(y: Tensor, label_kind: LabelKind) -> Tensor:
    """Which examples have a label, of any task ``[n]``.

    >>> known_rows(torch.tensor([[1.0, torch.nan], [torch.nan, torch.nan]]), "binary").tolist()
    [True, False]
    """
    return y >= 0 if label_kind == "classes" else ~y.isnan().all(1)


def fitting_metric(metric: str | None, label_kind: LabelKind) -> str:
    """The score for labels of a kind, by default the usual one.

    Raises:
        ValueError: one that does not fit them.
    """
    metric = metric or FITTING[label_kind][0]
    if metric not in FITTING[label_kind]:
        raise ValueError(
            f"metric={metric!r} does not fit the labels, which are {label_kind}: choose "
            f"{' or '.join(FITTING[label_kind])}, or say with label_kind= what else they are"
        )
    return metric


def check_named(metric: object, label_kind: object) -> None:
    """Raise a ValueError for a score or a kind of labels that there is not; ``None`` is open."""
    if metric is not None and metric not in METRICS:
        raise ValueError(f"metric={metric!r}: choose one of {', '.join(METRICS)}")
    if label_kind is not None and label_kind not in FITTING:
        raise ValueError(f"label_kind={label_kind!r}: choose one of {', '.join(FITTING)}")


def check_values(y: Tensor, label_kind: LabelKind, what: str) -> Tensor:
    """Targets ``[n, T]`` of binary tasks or of regression in float32.

    Args:
        y: numbers, NaN for none.
        label_kind: what they are.
        what: an example, such as ``"node"``.

    Raises:
        ValueError: an infinite one; of binary tasks one that is not 0, 1 or NaN; of soft labels a
            row that is no probabilities.
    """
    y = y.float()
    if bool(y.isinf().any()):
        raise ValueError(f"{what} {int(y.isinf().any(1).nonzero()[0])} has an infinite target y")
    if label_kind == "soft":
        return probabilities(y, what)
    if label_kind == "binary" and not bool(((y == 0) | (y == 1) | y.isnan()).all()):
        i = int((~((y == 0) | (y == 1) | y.isnan())).any(1).nonzero()[0])
        raise ValueError(f"{what} {i} has a label y that is not 0, 1 or NaN, as binary tasks have")
    return y


def probabilities(y: Tensor, what: str) -> Tensor:
    """Soft labels ``[n, C]``, each divided by its sum, which is one but for rounding; a row of NaN
    is none.

    Args:
        y: ``[n, C]`` float32.
        what: an example, such as ``"node"``.

    Raises:
        ValueError: one class alone; a row that is not as :func:`add_up` has it, or NaN in part.
    """
    if y.shape[1] < 2:
        raise ValueError(
            f"soft labels are [{what}s, classes], a probability for each of two classes or more, "
            f"got {list(y.shape)}; one column of probabilities is torch.stack([1 - y, y], 1)"
        )
    bad = ~y.isnan().all(1) & ~add_up(y)
    for i in bad.nonzero().flatten()[:1].tolist():
        raise ValueError(
            f"{what} {i} has the soft label ({first_of(y[i])}), whose sum is "
            f"{float(y[i].sum()):g}: probabilities are not below 0 and add up to 1, but for "
            "rounding; divide weights by the sum of their row (of a tensor "
            "y / y.sum(1, keepdim=True)), and leave all of a row NaN where there is no label"
        )
    y = y.clamp(min=0)
    return y / y.sum(1, keepdim=True)


def are_probabilities(y: Tensor) -> bool:
    """Whether the known rows of ``y [n, C]`` look like probabilities of classes.

    >>> are_probabilities(torch.tensor([[0.3, 0.7], [torch.nan, torch.nan]]))
    True
    """
    known = y[~y.isnan().all(1)]
    return len(known) > 0 and y.shape[1] > 1 and bool(add_up(known).all())


def check_trained(y: Tensor, label_kind: LabelKind, what: str) -> None:
    """Raise a ValueError unless every task has labels to learn from, of training examples, and,
    where labels are numbers or soft ones, different ones.

    Args:
        y: labels ``[m, T]`` of the training examples, not of ``"classes"``.
        label_kind: what they are.
        what: examples, such as ``"node"``.
    """
    if lacking := y.isnan().all(0).nonzero().flatten().tolist():
        raise ValueError(
            f"task {few(lacking)} has no label in the training split (all NaN); remove its "
            "column from y"
        )
    if label_kind == "regression":
        _check_varied(y, what)
    if label_kind == "soft" and torch.equal(y, y[:1].expand_as(y)):
        raise ValueError(
            f"all training {what}s have the soft label ({first_of(y[0])}): nothing can be learnt "
            "of a constant; draw another split, or give other labels"
        )
    if label_kind == "binary":
        for value in (0, 1):
            lacking = (~(y == value).any(0)).nonzero().flatten().tolist()
            if lacking:
                raise ValueError(
                    f"task {few(lacking)} has no training {what} of class {value}; draw another "
                    "split or remove its column from y"
                )


def _check_varied(y: Tensor, what: str) -> None:
    """Raise a ValueError for a regression target ``[m, T]`` that is the same for all training
    examples: nothing could be learnt of it."""
    known = ~y.isnan()
    low = torch.where(known, y, torch.inf).amin(0)
    high = torch.where(known, y, -torch.inf).amax(0)
    for t in (low == high).nonzero().flatten()[:1].tolist():
        raise ValueError(
            f"target {t} is {float(low[t]):g} for all training {what}s: nothing can be learnt of a "
            "constant; remove its column from y, or draw another split"
        )
