"""Scores of graph-level predictions, held to scikit-learn and to OGB's Evaluator."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from sklearn import metrics as sk
from torch import Tensor
from torch_geometric.data import Data

from graphcondense.data.graph_reading import as_graph_task
from graphcondense.data.graph_task import GraphTask
from graphcondense.data.ogb import import_ogb
from graphcondense.data.targets import FITTING, METRICS
from graphcondense.evaluate.graph_reading import check_graphs
from graphcondense.evaluate.metrics import (
    OGB_NAMES,
    SCORES,
    ogb_metric,
    scores_of,
)
from graphcondense.saved.shown import SIGNS

SEEDS, M, T = 4, 60, 3


def outputs(ties: bool) -> Tensor:
    out = torch.randn(SEEDS, M, T, generator=torch.Generator().manual_seed(0))
    return (2 * out).round() / 2 if ties else out


def binary(holes: bool) -> Tensor:
    rng = torch.Generator().manual_seed(1)
    y = (torch.rand(M, T, generator=rng) < 0.3).float()
    if holes:
        y[torch.rand(M, T, generator=rng) < 0.4] = torch.nan
    return y


def targets(holes: bool) -> Tensor:
    rng = torch.Generator().manual_seed(2)
    y = torch.randn(M, T, generator=rng)
    if holes:
        y[torch.rand(M, T, generator=rng) < 0.4] = torch.nan
    return y


BY_SKLEARN = {
    "rocauc": sk.roc_auc_score,
    "ap": sk.average_precision_score,
    "rmse": lambda y, out: sk.mean_squared_error(y, out) ** 0.5,
    "mae": sk.mean_absolute_error,
    "accuracy": lambda y, out: sk.accuracy_score(y, out > 0),
    "macro-f1": lambda y, out: sk.f1_score(y, out > 0),
    "r2": sk.r2_score,
}
OF_NUMBERS = ("rmse", "mae", "r2")
OF_TASKS = [name for name in METRICS if name not in FITTING["soft"]]


def labels(name: str, holes: bool) -> Tensor:
    return targets(holes) if name in OF_NUMBERS else binary(holes)


def task(metric: str) -> GraphTask:
    y = targets(False) if metric in OF_NUMBERS else binary(False)
    graphs = [Data(x=torch.ones(2, 1), y=row[None]) for row in y]
    return as_graph_task(graphs, metric=metric)


@pytest.mark.parametrize("ties", [False, True])
@pytest.mark.parametrize("holes", [False, True])
@pytest.mark.parametrize("name", sorted(BY_SKLEARN))
def test_each_score_is_scikit_learns(name, holes, ties):
    out, y = outputs(ties), labels(name, holes)
    expected = []
    for own in out.double().numpy():
        tasks = []
        for t in range(T):
            known = ~y[:, t].isnan().numpy()
            tasks.append(BY_SKLEARN[name](y[known, t].double().numpy(), own[known, t]))
        expected.append(np.mean(tasks))
    got = scores_of(name, out, y)
    assert got.dtype == torch.double
    torch.testing.assert_close(got, torch.tensor(expected), rtol=1e-6, atol=1e-6)


def test_accuracy_of_classes():
    out = outputs(False)
    y = torch.arange(M) % T
    expected = [sk.accuracy_score(y, own.argmax(-1)) for own in out]
    assert scores_of("accuracy", out, y).tolist() == pytest.approx(expected)


@pytest.mark.parametrize("ties", [False, True])
@pytest.mark.parametrize("holes", [False, True])
@pytest.mark.parametrize("name", OGB_NAMES)
def test_reports_use_ogbs_evaluator(name, holes, ties, monkeypatch):
    evaluator = import_ogb("ogb.graphproppred").Evaluator
    calls = []
    evaluate = evaluator.eval
    monkeypatch.setattr(evaluator, "eval", lambda self, d: calls.append(1) or evaluate(self, d))
    out, y = outputs(ties), labels(name, holes)
    got = ogb_metric(task(name), out, y)
    assert len(calls) == SEEDS
    torch.testing.assert_close(got, scores_of(name, out, y), rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("name", OF_TASKS)
def test_tasks_without_a_label_do_not_count(name):
    out, y = outputs(False), labels(name, False)
    y[:, 1] = torch.nan
    rest = [0, 2]
    expected = scores_of(name, out[..., rest], y[:, rest])
    torch.testing.assert_close(scores_of(name, out, y), expected)
    torch.testing.assert_close(ogb_metric(task(name), out, y), expected, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("name", OF_TASKS)
def test_a_diverged_seed_has_no_score_and_spoils_no_other(name):
    out, y = outputs(False), labels(name, False)
    broken = out.clone()
    broken[1, 3, 0], broken[2, 0, 1] = torch.nan, torch.inf
    for score in (scores_of(name, broken, y), ogb_metric(task(name), broken, y)):
        assert score.isnan().tolist() == [False, True, True, False]
        torch.testing.assert_close(
            score[[0, 3]], scores_of(name, out, y)[[0, 3]], rtol=1e-6, atol=1e-6
        )


@pytest.mark.parametrize("name", FITTING["soft"])
def test_a_diverged_seed_has_no_score_of_soft_labels(name):
    out, y = outputs(False), targets(False).softmax(1)
    broken = out.clone()
    broken[1, 3, 0] = torch.nan
    score = scores_of(name, broken, y)
    assert score.isnan().tolist() == [False, True, False, False]
    torch.testing.assert_close(score[[0, 2, 3]], scores_of(name, out, y)[[0, 2, 3]])


@pytest.mark.parametrize("split", ["val", "test"])
@pytest.mark.parametrize(
    ("metric", "value", "message"),
    [
        ("rocauc", 1.0, "ROC-AUC needs a task with both labels.* only the label 1 .*another split"),
        ("ap", 0.0, "AP needs a task with both labels.* only the label 0 "),
        ("rocauc", torch.nan, "has a label"),
        ("rmse", torch.nan, "has a label"),
    ],
)
def test_scores_that_are_not_defined(split, metric, value, message):
    known = task(metric)
    check_graphs(known, split)
    y = known.graphs.y.clone()
    y[getattr(known, split)] = value
    with pytest.raises(ValueError, match=message):
        check_graphs(replace(known, graphs=replace(known.graphs, y=y)), split)
    with pytest.raises(ValueError, match=f"no .* graphs.*give the split '{split}'"):
        check_graphs(replace(known, **{split: torch.empty(0, dtype=torch.long)}), split)


def test_one_label_is_enough_for_accuracy():
    known = task("accuracy")
    y = torch.ones_like(known.graphs.y)
    check_graphs(replace(known, graphs=replace(known.graphs, y=y)), "test")


def test_the_bare_scores_refuse_one_label():
    with pytest.raises(ValueError, match="both labels"):
        scores_of("rocauc", torch.zeros(1, 3, 1), torch.ones(3, 1))


def test_names_of_scores():
    assert tuple(SCORES) == (*METRICS, "ndcg@10", "mrr")
    assert {m for m in METRICS if not SCORES[m].larger_is_better} == {"rmse", "mae", "kl"}
    assert SCORES["rocauc"].unit == "ROC-AUC, %"
    assert SCORES["rmse"].unit == "RMSE (lower is better)"


def test_what_a_record_says_is_written_as_scores_are() -> None:
    """A lower layer has names of its own for what is no share; errors are held below zero."""
    signs = {n: 1 if s.larger_is_better else -1 for n, s in SCORES.items() if not s.share}
    assert signs == SIGNS
