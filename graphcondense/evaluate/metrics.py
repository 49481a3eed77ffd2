"""Scores of graph-level predictions: batched over seeds for selection, OGB's own for reports."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from graphcondense.data.graph_task import GraphTask

Metric = Callable[[Tensor, Tensor], Tensor]
"""Outputs ``[S, m, T]`` and labels ``[m]`` or ``[m, T]`` to a score of each seed ``[S]``."""


def accuracy(out: Tensor, y: Tensor) -> Tensor:
    """Share of right classes ``[S]``."""
    return (out.argmax(-1) == y).double().mean(-1)


def rocauc(out: Tensor, y: Tensor) -> Tensor:
    """Area under the ROC curve, the mean over tasks that have both labels ``[S]``.

    From ranks (Mann & Whitney, 1947), equal scores sharing their mean rank.
    """
    scores = []
    for t in range(y.shape[1]):
        known = ~y[:, t].isnan()
        own, label = out[:, known, t].double(), y[known, t] == 1
        positive = int(label.sum())
        negative = len(label) - positive
        if not positive or not negative:
            continue
        ordered = own.sort(-1).values
        below = torch.searchsorted(ordered, own.contiguous())
        up_to = torch.searchsorted(ordered, own.contiguous(), right=True)
        rank = (below + up_to + 1).double() / 2
        total = rank[:, label].sum(-1) - positive * (positive + 1) / 2
        scores.append(total / (positive * negative))
    if not scores:
        raise ValueError("no task has both labels among these graphs: ROC-AUC is not defined")
    return torch.stack(scores).mean(0)


def average_precision(out: Tensor, y: Tensor) -> Tensor:
    """Average precision, the mean over tasks that have both labels ``[S]``; by scikit-learn."""
    from sklearn.metrics import average_precision_score

    scores = []
    for t in range(y.shape[1]):
        known = ~y[:, t].isnan()
        label = y[known, t].cpu().numpy()
        if 0 < label.sum() < len(label):
            own = out[:, known, t].cpu().numpy()
            scores.append([average_precision_score(label, s) for s in own])
    if not scores:
        raise ValueError("no task has both labels among these graphs: AP is not defined")
    return torch.tensor(np.mean(scores, 0))


def rmse(out: Tensor, y: Tensor) -> Tensor:
    """Root of the mean squared error of each task, the mean over tasks ``[S]``."""
    return (out - y).double().square().nanmean(1).sqrt().mean(-1)


def mae(out: Tensor, y: Tensor) -> Tensor:
    """Mean absolute error of each task, the mean over tasks ``[S]``."""
    return (out - y).double().abs().nanmean(1).mean(-1)


METRICS: dict[str, Metric] = {
    "accuracy": accuracy,
    "rocauc": rocauc,
    "ap": average_precision,
    "rmse": rmse,
    "mae": mae,
}


def metric_of(name: str) -> Metric:
    """A metric by name."""
    return METRICS[name]


OGB_NAMES = {"rocauc": "ogbg-molbace", "ap": "ogbg-molpcba", "rmse": "ogbg-molesol"}
"""A set of OGB whose ``Evaluator`` computes each metric."""


def ogb_metric(task: GraphTask, out: Tensor, y: Tensor) -> Tensor:
    """The score of each seed ``[S]`` by OGB's ``Evaluator`` where it has the metric."""
    return metric_of(task.metric)(out, y.to(out.device)).cpu()
