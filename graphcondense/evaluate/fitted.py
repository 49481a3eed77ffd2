"""What goes into a fit and what comes out of it: real data, scores and what was chosen."""

from __future__ import annotations

from collections.abc import Mapping, Sized
from dataclasses import dataclass, field, replace
from typing import NamedTuple, Protocol

import torch
from torch import Tensor

from graphcondense.data.kind import Task as Checked
from graphcondense.data.targets import Labelled
from graphcondense.evaluate.metrics import further, ogb_metric, scores_of


class Real(Checked, Protocol):
    """Checked real data with test examples."""

    @property
    def test(self) -> Sized: ...


@dataclass(frozen=True)
class FitResult:
    """Scores, one a seed; shares such as accuracies are in ``[0, 1]``.

    Attributes:
        model: its name.
        seeds: the training seeds.
        val_selected, test_selected: ``[S]`` at the first epoch of best validation score.
        epoch_selected: ``[S]``, that epoch, counted from 1.
        val_last, test_last: ``[S]`` after the last epoch.
        seconds, seconds_training: wall seconds of everything, and of the training steps alone, all
            seeds together.
        processor_seconds: of everything, on the CPU over all threads; on a GPU the seconds it was
            in use.
        chosen: what else validation chose, such as the edges that a model is shown, or what a
            predictor leaves open.
        others: further test scores by name, one a seed.
    """

    model: str
    seeds: tuple[int, ...]
    val_selected: Tensor
    epoch_selected: Tensor
    test_selected: Tensor
    val_last: Tensor
    test_last: Tensor
    seconds: float
    seconds_training: float
    processor_seconds: float = 0.0
    chosen: str = ""
    others: Mapping[str, list[float]] = field(default_factory=dict)

    @classmethod
    def once(cls, model: str, val: float, test: float, chosen: str = "") -> FitResult:
        """Of what is deterministic and has no epochs: one "seed", and no time yet."""
        validated, tested = torch.tensor([val]), torch.tensor([test])
        epoch = torch.zeros(1, dtype=torch.long)
        both = (validated, epoch, tested, validated, tested)
        return cls(model, (0,), *both, seconds=0.0, seconds_training=0.0, chosen=chosen)


@dataclass(frozen=True, kw_only=True)
class Fitted:
    """Models that were trained and validated; the fields are those of :class:`FitResult`. No test
    example has been read."""

    val_selected: Tensor
    epoch_selected: Tensor
    val_last: Tensor
    seconds_training: float
    chosen: str = ""


class Tested(NamedTuple):
    """Test scores ``[S]`` at the selected epoch and at the last, and further ones by name."""

    selected: Tensor
    last: Tensor
    others: Mapping[str, list[float]] = {}


def mean_of(task: Labelled, val: Tensor, test: Tensor) -> FitResult | None:
    """What the mean of the training targets scores on these examples; ``None`` but of
    regression."""
    if task.label_kind != "regression":
        return None
    wanted = {split: task.labels[index] for split, index in (("val", val), ("test", test))}
    outs = {split: task.target_scale[0].expand(1, *y.shape) for split, y in wanted.items()}
    validated = float(scores_of(task.metric, outs["val"], wanted["val"]))
    tested = float(ogb_metric(task, outs["test"], wanted["test"]))
    found = FitResult.once("mean", validated, tested)
    return replace(found, others=further(task, outs["test"], wanted["test"]))
