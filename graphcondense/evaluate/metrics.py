"""Scores of predictions: batched over seeds for selection, OGB's own for reports."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from graphcondense.data.targets import FITTING, Labelled
from graphcondense.ops.tables import measure, measured

Metric = Callable[[Tensor, Tensor], Tensor]
"""Outputs ``[S, m, T]`` and labels ``[m]`` or ``[m, T]`` to a score of each seed ``[S]``."""


class Checked(Protocol):
    """Checked data with labels, see :class:`~graphcondense.data.targets.Labelled`."""

    @property
    def name(self) -> str: ...
    @property
    def label_kind(self) -> str: ...
    @property
    def metric(self) -> str: ...
    @property
    def labels(self) -> Tensor: ...


@dataclass(frozen=True)
class Score:
    """How a score is called and written.

    Attributes:
        name: in titles and on axes.
        larger_is_better: whether more is better.
        share: whether it lies in ``[0, 1]`` and is written in per cent.
        of: what is scored where this is neither a node nor another example, such as ``"links"``.
        units: whether it is in the targets' own units, and so of any size.

    >>> SCORES["accuracy"].text(0.8123, 0.01), SCORES["rmse"].text(1.2345), SCORES["ap"].text(None)
    ('81.2 ± 1.0', '1.234', '-')
    >>> SCORES["rmse"].text(81_250.75, 9.5), SCORES["mae"].text(2e-9), SCORES["r2"].text(2e-9)
    ('81,251 ± 10', '2e-09', '0.000')
    """

    name: str
    larger_is_better: bool = True
    share: bool = True
    of: str = ""
    units: bool = False

    def text(self, value: float | None, spread: float | None = None) -> str:
        """A value, with its standard deviation if given."""
        if value is None:
            return "-"
        text, beside = self.pair(value, spread)
        return f"{text} ± {beside}" if beside else text

    def pair(self, value: float, spread: float | None) -> tuple[str, str]:
        """A value, and its standard deviation if given, else nothing."""
        if spread is None:
            return self.number(value), ""
        if self.units:
            return measured(value, spread)
        return self.number(value), self.number(spread)

    def number(self, value: float, sign: str = "") -> str:
        """A value with its ``sign``, as :func:`~graphcondense.ops.tables.measure` takes it; a share
        in per cent."""
        if self.units:
            return measure(value, sign=sign)
        how = f"{sign}z"  # z: no minus before a zero
        return f"{100 * value:{how}.1f}" if self.share else f"{value:{how}.3f}"

    @property
    def scale(self) -> float:
        """What values are multiplied by in pictures."""
        return 100.0 if self.share else 1.0

    @property
    def unit(self) -> str:
        """What follows the name on an axis."""
        if self.share:
            return f"{self.name}, %"
        return self.name if self.larger_is_better else f"{self.name} (lower is better)"


SCORES: dict[str, Score] = {
    "accuracy": Score("accuracy"),
    "rocauc": Score("ROC-AUC"),
    "ap": Score("AP"),
    "f1": Score("micro-F1"),
    "macro-f1": Score("macro-F1"),
    "rmse": Score("RMSE", larger_is_better=False, share=False, units=True),
    "mae": Score("MAE", larger_is_better=False, share=False, units=True),
    "r2": Score("R²", share=False),
    "top1": Score("top-1 accuracy"),
    "kl": Score("KL divergence", larger_is_better=False, share=False),
    "ndcg@10": Score("NDCG@10"),
    "mrr": Score("MRR", of="links"),
}
"""By the names of :data:`~graphcondense.data.targets.METRICS`, and of users by items."""


def accuracy(out: Tensor, y: Tensor) -> Tensor:
    """Share of right classes ``[S]``; of binary tasks each task's share, the mean over tasks.

    Of examples that have a label: a class of -1, or NaN, is none.
    """
    if y.dim() == 1:
        known = y >= 0
        return (out.argmax(-1) == y)[..., known].double().mean(-1)
    right = torch.where(y.isnan(), torch.nan, ((out > 0) == (y == 1)).double())
    return right.nanmean(1).nanmean(-1)


def rocauc(out: Tensor, y: Tensor) -> Tensor:
    """Area under the ROC curve, the mean over tasks that have both labels ``[S]``.

    From ranks (Mann & Whitney, 1947), equal scores sharing their mean rank.
    """
    return _mean_of_tasks(out, y, _rocauc)


def _rocauc(scores: Tensor, positive: Tensor) -> Tensor:
    """Of one task: scores ``[S, n]`` and labels ``[n]`` to ``[S]``."""
    count = int(positive.sum())
    ordered = scores.sort(-1).values
    below = torch.searchsorted(ordered, scores)
    up_to = torch.searchsorted(ordered, scores, right=True)
    rank = (below + up_to + 1).double() / 2
    total = rank[:, positive].sum(-1) - count * (count + 1) / 2
    return total / (count * (len(positive) - count))


def average_precision(out: Tensor, y: Tensor) -> Tensor:
    """Average precision, the mean over tasks that have both labels ``[S]``.

    The mean, over the positive examples, of the precision at their scores; equal scores enter
    together.
    """
    return _mean_of_tasks(out, y, _average_precision)


def _average_precision(scores: Tensor, positive: Tensor) -> Tensor:
    found = scores[:, positive].contiguous()
    ordered, right = scores.sort(-1).values, found.sort(-1).values
    as_high = scores.shape[1] - torch.searchsorted(ordered, found)
    right_as_high = found.shape[1] - torch.searchsorted(right, found)
    return (right_as_high.double() / as_high).mean(-1)


def _mean_of_tasks(out: Tensor, y: Tensor, score: Metric) -> Tensor:
    found = []
    for t in range(y.shape[1]):
        known = ~y[:, t].isnan()
        positive = y[known, t] == 1
        if 0 < int(positive.sum()) < len(positive):
            found.append(score(out[:, known, t].double().contiguous(), positive))
    if not found:
        raise ValueError("no task has both labels among these examples: the score is not defined")
    return torch.stack(found).mean(0)


def rmse(out: Tensor, y: Tensor) -> Tensor:
    """Root of the mean squared error of each task, the mean over tasks ``[S]``."""
    return (out - y).double().square().nanmean(1).sqrt().nanmean(-1)


def mae(out: Tensor, y: Tensor) -> Tensor:
    """Mean absolute error of each task, the mean over tasks ``[S]``."""
    return (out - y).double().abs().nanmean(1).nanmean(-1)


def f1(out: Tensor, y: Tensor) -> Tensor:
    """Micro-F1 ``[S]``: ``2 TP / (2 TP + FP + FN)`` over all labels of all tasks; a label is
    predicted where its logit is above 0."""
    right, wrong = _counted(out, y)
    return _share(right.sum(-1), wrong.sum(-1))


def macro_f1(out: Tensor, y: Tensor) -> Tensor:
    """Macro-F1 ``[S]``: the mean of the F1 of all tasks that have a label, zero for one that has no
    positive label and gets none."""
    return _share(*_counted(out, y))[:, ~y.isnan().all(0)].mean(-1)


def _counted(out: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    """Right positives, and wrong predictions, of each seed and task ``[S, T]``."""
    known, said, true = ~y.isnan(), out > 0, y == 1
    right = (said & true & known).double().sum(1)
    return right, ((said != true) & known).double().sum(1)


def _share(right: Tensor, wrong: Tensor) -> Tensor:
    return 2 * right / (2 * right + wrong).clamp_min(1)


def r2(out: Tensor, y: Tensor) -> Tensor:
    """Coefficient of determination, ``1 - Σ (y - out)² / Σ (y - mean y)²``, the mean over tasks
    whose targets differ ``[S]``: 0 is what the mean of ``y`` itself would score."""
    spread = (y.double() - y.double().nanmean(0)).square().nansum(0)
    error = (out.double() - y.double()).square().nansum(1)
    return (1 - error / spread)[:, spread > 0].mean(-1)


def top1(out: Tensor, y: Tensor) -> Tensor:
    """Share of examples whose likeliest class ``y [m, C]`` is the one that is predicted ``[S]``."""
    return (out.argmax(-1) == y.argmax(1)).double().mean(-1)


def kl(out: Tensor, y: Tensor) -> Tensor:
    """Mean divergence of the probabilities that logits stand for from soft labels ``[m, C]``,
    ``Σ_c y_c log(y_c / p_c)``, in nats ``[S]``."""
    each: Tensor = torch.special.xlogy(y, y) - y * out.double().log_softmax(-1)
    return each.sum(-1).mean(-1)


METRICS: dict[str, Metric] = {
    "accuracy": accuracy,
    "rocauc": rocauc,
    "ap": average_precision,
    "f1": f1,
    "macro-f1": macro_f1,
    "rmse": rmse,
    "mae": mae,
    "r2": r2,
    "top1": top1,
    "kl": kl,
}


def scores_of(name: str, out: Tensor, y: Tensor) -> Tensor:
    """The score called ``name`` of each seed ``[S]``, float64 on the CPU.

    A seed whose training has diverged, so that outputs are not finite, has the score NaN.
    """
    finite = out.isfinite().flatten(1).all(1)
    found = METRICS[name](out.nan_to_num(0.0, 0.0, 0.0), y.to(out.device))
    return torch.where(finite, found, torch.nan).cpu()


def check_scorable(task: Checked, split: str, what: str) -> None:
    """Raise a ValueError if the score is not defined on the split, ``"val"`` or ``"test"``, of at
    least one example: none has a label; for ROC-AUC and AP one label only; for R² one number only.

    Args:
        task: checked data.
        split: of them.
        what: an example, such as ``"graph"``.
    """
    y = task.labels[getattr(task, split)]
    if task.label_kind == "classes":
        return
    known, split = ~y.isnan(), {"val": "validation", "test": "test"}[split]
    if not bool(known.any()):
        raise ValueError(f"{task.name}: no {split} {what} has a label; give another split")
    both = ((y == 1).any(0) & (y == 0).any(0)).any()
    if task.metric in ("rocauc", "ap") and not bool(both):
        only = " and ".join(f"{v:g}" for v in torch.unique(y[known]).tolist())
        raise ValueError(
            f"{task.name}: {SCORES[task.metric].name} needs a task with both labels, but the "
            f"{len(y)} {split} {what}s have only the label {only} in each; give another split, "
            "or metric='accuracy'"
        )
    if task.metric == "r2" and not float(r2(y.nan_to_num(0.0)[None], y)) > -torch.inf:
        raise ValueError(
            f"{task.name}: R² needs a target that differs, but each is one number for all "
            f"{len(y)} {split} {what}s; give another split, or metric='rmse'"
        )


def further(task: Labelled, out: Tensor, y: Tensor) -> dict[str, list[float]]:
    """Scores that stand beside the task's own, by name, one a seed: of several binary tasks both F1
    and what else fits them, of regression R², or RMSE beside it, of soft labels both of theirs.
    What is not defined is left out; classes have none."""
    if task.label_kind == "binary" and y.shape[1] > 1:
        names = [name for name in ("f1", "macro-f1", "rocauc", "ap") if name != task.metric]
    else:
        beside = {
            "regression": "rmse" if task.metric == "r2" else "r2",
            "soft": "top1" if task.metric == "kl" else "kl",
        }
        names = [beside[task.label_kind]] if task.label_kind in beside else []
    found = {}
    for name in names:
        assert name in FITTING[task.label_kind]
        try:
            scores = scores_of(name, out, y)
        except ValueError:  # of one label alone
            continue
        if bool(scores.isfinite().any()):
            found[name] = scores.tolist()
    return found


OGB_NAMES = {"rocauc": "ogbg-molbace", "ap": "ogbg-molpcba", "rmse": "ogbg-molesol"}
"""A set of OGB whose ``Evaluator`` computes each score; those of node sets count the same."""


def ogb_metric(task: Labelled, out: Tensor, y: Tensor) -> Tensor:
    """The score of each seed ``[S]`` by OGB's own ``Evaluator`` where it has it, else as above;
    outputs are ``[S, m, T]``, labels ``[m]`` or ``[m, T]``, NaN where there is none."""
    if task.metric not in OGB_NAMES:
        return scores_of(task.metric, out, y)
    from graphcondense.data.ogb import import_ogb

    evaluator = import_ogb("ogb.graphproppred").Evaluator(OGB_NAMES[task.metric])
    has = (~y.isnan()).any(0).cpu()  # OGB's mean over tasks is NaN if one has no label
    wanted = y.cpu().double()[:, has].numpy()
    evaluator.num_tasks = wanted.shape[1]
    found = []
    for one in out.detach().cpu().double()[..., has]:
        if not bool(one.isfinite().all()):
            found.append(torch.nan)
            continue
        scores = evaluator.eval({"y_true": wanted, "y_pred": one.numpy()})
        found.append(float(scores[task.metric]))
    return torch.tensor(found, dtype=torch.double)
