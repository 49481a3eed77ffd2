"""Scores of nodes with several labels, or with numbers as targets."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from sklearn import metrics as sklearn

from graphcondense.data.graph_reading import as_graph_task
from graphcondense.data.node_reading import as_task
from graphcondense.evaluate import NodeEvaluator, evaluate
from graphcondense.evaluate.floors import random_subgraph
from graphcondense.evaluate.graphs import GraphEvaluator
from graphcondense.evaluate.metrics import METRICS, ogb_metric, scores_of
from graphcondense.nn.batched import MODELS
from tests.drawn import GraphSet
from tests.targets import KINDS, made, targets_graph

SHORT = {"epochs": 30, "hidden": 16}


def drawn(holes: bool) -> tuple[torch.Tensor, torch.Tensor]:
    rng = torch.Generator().manual_seed(3)
    out = torch.randn(2, 40, 3, generator=rng)
    y = (torch.rand(40, 3, generator=rng) < 0.4).float()
    return out, torch.where(torch.rand(40, 3, generator=rng) < 0.2, torch.nan, y) if holes else y


def test_f1_is_scikit_learns() -> None:
    out, y = drawn(holes=False)
    said = (out > 0).numpy()
    for name, average in (("f1", "micro"), ("macro-f1", "macro")):
        wanted = [sklearn.f1_score(y.numpy(), one, average=average) for one in said]
        assert METRICS[name](out, y).tolist() == pytest.approx(wanted)


def test_f1_is_over_what_is_known() -> None:
    out, y = drawn(holes=True)
    known = ~y.isnan().numpy()
    wanted = [sklearn.f1_score(y.numpy()[known], one[known]) for one in (out > 0).numpy()]
    assert METRICS["f1"](out, y).tolist() == pytest.approx(wanted)
    each = [
        np.mean([sklearn.f1_score(y.numpy()[k, t], one[k, t]) for t, k in enumerate(known.T)])
        for one in (out > 0).numpy()
    ]
    assert METRICS["macro-f1"](out, y).tolist() == pytest.approx(each)


def test_r2_is_scikit_learns_and_the_means_is_zero() -> None:
    out, _ = drawn(holes=False)
    y = 5 + 2 * torch.randn(40, 3, generator=torch.Generator().manual_seed(1))
    wanted = [sklearn.r2_score(y.numpy(), one) for one in out.numpy()]
    assert METRICS["r2"](out, y).tolist() == pytest.approx(wanted)
    assert float(METRICS["r2"](y.mean(0).expand(1, 40, 3), y)) == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize("name", ["rocauc", "ap", "rmse"])
def test_scores_of_reports_are_ogbs(name: str) -> None:
    pytest.importorskip("ogb")
    kind = "numbers" if name == "rmse" else "tasks"
    task = replace(as_task(targets_graph(kind, holes=0.1)), metric=name)
    out = torch.randn(2, len(task.test), 3, generator=torch.Generator().manual_seed(0))
    y = task.y[task.test]
    torch.testing.assert_close(ogb_metric(task, out, y), scores_of(name, out, y))


@pytest.mark.parametrize("kind", KINDS)
def test_a_report_has_all_floors_and_every_model(kind: str) -> None:
    data = targets_graph(kind)
    small = made(data, "gecc")
    report = evaluate(
        small, data, models=["GCN", "MLP"], baselines=["random", "whole", "mean"], seeds=2, **SHORT
    )
    rows = {row.label: row for row in report.rows if row.model == "GCN"}
    assert {"random", "whole"} <= {*rows}
    assert ("mean" in rows) == (kind in ("number", "numbers"))
    assert all(np.isfinite(row.test_selected) for row in report.rows)
    beside = {"tasks": "micro-F1", "number": "R²", "numbers": "R²", "soft": "KL divergence"}
    assert beside.get(kind, "") in report.table()


@pytest.mark.parametrize("model", sorted(MODELS))
@pytest.mark.parametrize("kind", ["tasks", "number", "soft"])
def test_every_model_learns_them(model: str, kind: str) -> None:
    task = as_task(targets_graph(kind))
    found = NodeEvaluator(task, **SHORT).fit_whole(model, seeds=2)
    assert bool(torch.isfinite(found.test_selected).all())


def test_numbers_are_predicted_in_their_own_units() -> None:
    task = as_task(targets_graph("number"))
    evaluator = NodeEvaluator(task, epochs=150, hidden=32)
    said = evaluator.predict("MLP", task, task.train, seeds=1)[0]
    assert float(METRICS["r2"](said[None], task.y[task.train])) > 0.5
    fitted = evaluator.fit_whole("MLP", seeds=2)
    floor = evaluator.mean()
    assert floor is not None
    assert float(fitted.test_selected.mean()) < float(floor.test_selected)


def test_soft_labels_are_learnt_as_they_are() -> None:
    """Also by a small graph that has classes: both are of the same classes."""
    task = as_task(targets_graph("soft"), metric="kl")
    evaluator = NodeEvaluator(task, epochs=150, hidden=32)
    fitted = evaluator.fit_whole("MLP", seeds=2)
    nobody = METRICS["kl"](torch.zeros(1, len(task.test), 3), task.y[task.test])
    assert float(fitted.test_selected.mean()) < 0.3 * float(nobody)
    assert min(fitted.others["top1"]) > 0.7
    small = made(task, "random")
    small.y = small.y.argmax(1)
    assert float(evaluator.fit("MLP", small, seeds=1).test_selected) < 2
    small.y = torch.full((10,), 3)
    with pytest.raises(ValueError, match=r"of class 3; .* has classes 0\.\.2"):
        evaluator.fit("MLP", small, seeds=1)


def test_a_small_graph_may_have_rows_without_a_soft_label() -> None:
    """As a subgraph of a graph has them whose other nodes have none; not to train on, though."""
    data = targets_graph("soft")
    evaluator = NodeEvaluator(as_task(data), epochs=3, hidden=4)
    part = data.subgraph(torch.arange(30))
    known = evaluator.fit("GCN", part.clone(), seeds=1).val_last
    part.y[~part.train_mask] = torch.nan
    assert torch.equal(evaluator.fit("GCN", part.clone(), seeds=1).val_last, known)
    first = int(part.train_mask.nonzero()[1])
    part.y[first] = torch.nan
    wanted = rf"small graph's y is all NaN in row {first}, a training .* leave it out of train_mask"
    with pytest.raises(ValueError, match=wanted):
        evaluator.fit("GCN", part.clone(), seeds=1)
    del part.train_mask
    with pytest.raises(ValueError, match=r"all NaN in row .* give a train_mask without it"):
        evaluator.fit("GCN", part.clone(), seeds=1)
    part.y[4, 1:] = torch.inf
    with pytest.raises(ValueError, match=r"NaN or infinite: .*inf, inf\) in row 4; give finite"):
        evaluator.fit("GCN", part, seeds=1)


def test_scores_of_soft_labels_by_hand() -> None:
    y = torch.tensor([[0.5, 0.5, 0.0], [0.0, 0.0, 1.0]])
    out = torch.stack([y.clamp_min(1e-30).log(), torch.zeros(2, 3)])
    assert METRICS["top1"](out, y).tolist() == [1.0, 0.5]
    wanted = [0.0, (math.log(3 / 2) + math.log(3)) / 2]
    assert METRICS["kl"](out, y).tolist() == pytest.approx(wanted, abs=1e-6)


def test_validation_alone_chooses() -> None:
    """With other test labels every other number stays."""
    task = as_task(targets_graph("number"))
    y = task.y.clone()
    y[task.test] *= -3
    one, two = (
        NodeEvaluator(t, **SHORT).fit_whole("GCN", seeds=2) for t in (task, replace(task, y=y))
    )
    assert torch.equal(one.val_selected, two.val_selected)
    assert torch.equal(one.epoch_selected, two.epoch_selected)
    assert not torch.equal(one.test_selected, two.test_selected)


def test_a_score_is_larger_where_it_is_better() -> None:
    task = as_task(targets_graph("number"))
    random = random_subgraph(task, made(task, "gecc"), 0)
    assert NodeEvaluator(task, **SHORT).score(random, seeds=2) < 0  # RMSE with the sign changed
    assert random.num_nodes == 10


def test_what_cannot_be_scored_is_told() -> None:
    data = targets_graph("tasks")
    data.y[data.val_mask] = 0.0
    data.metric = "rocauc"
    with pytest.raises(ValueError, match="needs a task with both labels"):
        NodeEvaluator(data)
    data = targets_graph("number")
    data.y[data.val_mask] = 1.5
    data.metric = "r2"
    with pytest.raises(ValueError, match="R² needs a target that differs"):
        NodeEvaluator(data)
    with pytest.raises(ValueError, match="KernelRidge needs one class a node"):
        evaluate(made(data, "random"), targets_graph("number"), models=["KernelRidge"], seeds=1)


def test_graphs_with_numbers_have_the_mean_and_r2_beside() -> None:
    task = as_graph_task(GraphSet(0, 30, 5, 3, 6, labels="regression").data())
    evaluator = GraphEvaluator(task, steps=10, hidden=8)
    found, floor = evaluator.fit_whole("GCN", seeds=2), evaluator.mean()
    assert floor is not None
    assert {*found.others} == {*floor.others} == {"r2"}
    assert floor.others["r2"][0] <= 0 + 1e-9
