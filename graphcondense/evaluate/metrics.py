"""Scores of graph-level predictions: batched over seeds for selection, OGB's own for reports."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from graphcondense.data.graph_task import GraphTask

Metric = Callable[[Tensor, Tensor], Tensor]
"""Outputs ``[S, m, T]`` and labels ``[m]`` or ``[m, T]`` to a score of each seed ``[S]``."""


@dataclass(frozen=True)
class Score:
    """How a score is called and written.

    Attributes:
        name: in titles and on axes.
        larger_is_better: whether more is better.
        share: whether it lies in ``[0, 1]`` and is written in per cent.

    >>> SCORES["accuracy"].text(0.8123, 0.01), SCORES["rmse"].text(1.2345), SCORES["ap"].text(None)
    ('81.2 ± 1.0', '1.234', '-')
    """

    name: str
    larger_is_better: bool = True
    share: bool = True

    def text(self, value: float | None, spread: float | None = None) -> str:
        """A value, with its standard deviation if given."""
        if value is None:
            return "-"
        return self._one(value) + ("" if spread is None else f" ± {self._one(spread)}")

    def _one(self, value: float) -> str:
        return f"{100 * value:.1f}" if self.share else f"{value:.3f}"

    @property
    def scale(self) -> float:
        """What values are multiplied by in pictures."""
        return 100.0 if self.share else 1.0

    @property
    def unit(self) -> str:
        """What follows the name on an axis."""
        return f"{self.name}, %" if self.share else f"{self.name} (lower is better)"


SCORES: dict[str, Score] = {
    "accuracy": Score("accuracy"),
    "rocauc": Score("ROC-AUC"),
    "ap": Score("AP"),
    "rmse": Score("RMSE", larger_is_better=False, share=False),
    "mae": Score("MAE", larger_is_better=False, share=False),
    "ndcg@10": Score("NDCG@10"),
}
"""By the names of :data:`~graphcondense.data.graph_task.METRICS`, and of users by items."""


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

    The mean, over the positive graphs, of the precision at their scores; equal scores enter
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
        raise ValueError("no task has both labels among these graphs: the score is not defined")
    return torch.stack(found).mean(0)


def rmse(out: Tensor, y: Tensor) -> Tensor:
    """Root of the mean squared error of each task, the mean over tasks ``[S]``."""
    return (out - y).double().square().nanmean(1).sqrt().nanmean(-1)


def mae(out: Tensor, y: Tensor) -> Tensor:
    """Mean absolute error of each task, the mean over tasks ``[S]``."""
    return (out - y).double().abs().nanmean(1).nanmean(-1)


METRICS: dict[str, Metric] = {
    "accuracy": accuracy,
    "rocauc": rocauc,
    "ap": average_precision,
    "rmse": rmse,
    "mae": mae,
}


def scores_of(name: str, out: Tensor, y: Tensor) -> Tensor:
    """The score called ``name`` of each seed ``[S]``, float64 on the CPU.

    A seed whose training has diverged, so that outputs are not finite, has the score NaN.
    """
    finite = out.isfinite().flatten(1).all(1)
    found = METRICS[name](out.nan_to_num(0.0, 0.0, 0.0), y.to(out.device))
    return torch.where(finite, found, torch.nan).cpu()


def check_scorable(task: GraphTask, split: str) -> None:
    """Raise a ValueError if the split, ``"val"`` or ``"test"``, has no graphs, no label, or, for
    ROC-AUC and AP, one label only."""
    what = {"val": "validation", "test": "test"}[split]
    index = getattr(task, split)
    if not len(index):
        reason = "; the step is chosen on them" if split == "val" else ""
        raise ValueError(f"{task.name}: no {what} graphs{reason}: give the split {split!r}")
    y = task.graphs.y[index]
    if task.label_kind == "classes":
        return
    known = ~y.isnan()
    if not bool(known.any()):
        raise ValueError(f"{task.name}: no {what} graph has a label; give another split")
    both = ((y == 1).any(0) & (y == 0).any(0)).any()
    if task.metric in ("rocauc", "ap") and not bool(both):
        only = " and ".join(f"{v:g}" for v in torch.unique(y[known]).tolist())
        raise ValueError(
            f"{task.name}: {SCORES[task.metric].name} needs a task with both labels, but the "
            f"{len(index)} {what} graphs have only the label {only} in each; give another split, "
            "or metric='accuracy'"
        )


OGB_NAMES = {"rocauc": "ogbg-molbace", "ap": "ogbg-molpcba", "rmse": "ogbg-molesol"}
"""A set of OGB whose ``Evaluator`` computes each score."""


def ogb_metric(task: GraphTask, out: Tensor, y: Tensor) -> Tensor:
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
