"""Heterogeneous graphs whose nodes have several labels, or numbers: read, condensed, evaluated."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch_geometric.data import HeteroData

import graphcondense
from graphcondense.data.hetero_reading import as_hetero
from graphcondense.data.hetero_task import HeteroTask
from graphcondense.domains.hetero import HeteroSource
from graphcondense.domains.hetero_teachers import HeteroTeacher
from graphcondense.evaluate.hetero import HeteroEvaluator
from graphcondense.methods import all_methods
from tests.cases import toy_hetero
from tests.targets import KINDS, LABELS, labels_of

METHODS = sorted(name for name, kind in all_methods() if kind == "hetero")
QUICK = {"epochs": 30, "hidden": 16, "dropout": 0.0, "lr": 0.02}


def targets_hetero(kind: str, holes: float = 0.0) -> HeteroData:
    """The toy graph with labels that follow the features of papers."""
    data, rng = toy_hetero(), torch.Generator().manual_seed(5)
    data["paper"].y = labels_of(data["paper"].x, kind, 0.5, holes, rng)
    data["paper"].label_kind = LABELS[kind]
    return data


@pytest.mark.parametrize(
    ("kind", "label_kind", "metric", "groups"),
    [
        ("tasks", "binary", "rocauc", 1),
        ("task", "binary", "rocauc", 2),
        ("numbers", "regression", "rmse", 1),
        ("number", "regression", "rmse", 5),
        ("soft", "soft", "top1", 3),
    ],
)
def test_what_labels_are(kind: str, label_kind: str, metric: str, groups: int) -> None:
    task = as_hetero(targets_hetero(kind))
    assert (task.label_kind, task.metric, task.num_groups) == (label_kind, metric, groups)
    assert task.y.dtype == torch.float32
    assert task.y.shape == (120, task.num_classes)
    counted = {"binary": "tasks", "regression": "targets", "soft": "classes"}[label_kind]
    assert f"{task.num_classes} {counted} of 'paper'" in repr(task)
    metrics = {"binary": "f1", "regression": "r2", "soft": "kl"}
    other = as_hetero(targets_hetero(kind), metric=metrics[label_kind])
    assert other.metric != metric
    assert other.digest != task.digest


def test_kinds_by_looks_and_as_they_are_said() -> None:
    data = targets_hetero("numbers")
    del data["paper"].label_kind
    assert as_hetero(data).label_kind == "regression"
    data.label_kind, data.metric = "regression", "mae"  # of the whole graph
    assert as_hetero(data).metric == "mae"
    data["paper"].metric = "r2"  # of the type
    assert as_hetero(data).metric == "r2"
    whole = targets_hetero("tasks")
    assert as_hetero(whole, label_kind="regression").label_kind == "regression"


@pytest.mark.parametrize(
    ("change", "options", "message"),
    [
        (lambda d: d["paper"].y.add_(0.5), {}, "label y that is not 0, 1 or NaN"),
        (lambda d: d["paper"].y[:, 0].zero_(), {}, "task 0 has no training paper node of class 1"),
        (lambda d: d["paper"].y[:, 1].fill_(torch.nan), {}, "task 1 has no label in the training"),
        (lambda d: d["paper"].y.fill_(torch.inf), {}, "infinite target"),
        (lambda d: d["paper"].update({"y": d["paper"].y[:9]}), {}, "120 nodes but .* 9 labels"),
        (lambda d: None, {"metric": "r2"}, "metric='r2' does not fit the labels"),
        (lambda d: None, {"metric": "best"}, "metric='best': choose one of"),
        (lambda d: d["paper"].update({"label_kind": "sort"}), {}, "label_kind='sort'"),
        (
            lambda d: d["paper"].update({"label_kind": "regression", "y": torch.ones(120, 1)}),
            {},
            "target 0 is 1 for all training paper nodes",
        ),
    ],
)
def test_labels_that_cannot_be(
    change: Callable[[HeteroData], object], options: dict[str, Any], message: str
) -> None:
    data = targets_hetero("tasks")
    change(data)
    with pytest.raises(ValueError, match=message):
        as_hetero(data, **options)


def test_a_checked_task_keeps_its_labels() -> None:
    task = as_hetero(targets_hetero("tasks"))
    assert as_hetero(task, label_kind="binary") is task
    with pytest.raises(ValueError, match=r"has its kind of labels .*dataclasses\.replace"):
        as_hetero(task, label_kind="regression")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", METHODS)
def test_every_method_takes_them(name: str, kind: str, tmp_path: Path) -> None:
    data = targets_hetero(kind, holes=0.2)
    small = graphcondense.condense(data, name, nodes=14, progress=False, seed=3)
    y, task = small["paper"].y, as_hetero(data)
    assert y.shape == (14, task.num_classes)
    assert y.dtype == torch.float32
    about = small.condensed["data"]
    assert (about[task.counted_as], about["label_kind"]) == (task.num_classes, task.label_kind)
    if name == "quotient":
        assert not y.isnan().any()
    if task.label_kind == "soft":
        torch.testing.assert_close(y.sum(1), torch.ones(14))
    if task.label_kind == "binary":
        known = y[~y.isnan()]
        assert bool(((known >= 0) & (known <= 1)).all())
    again = graphcondense.load(graphcondense.save(small, tmp_path))
    torch.testing.assert_close(again["paper"].y, y, equal_nan=True)
    found = HeteroEvaluator(data, epochs=2, hidden=8).fit("RGCN", again, seeds=1)
    assert bool(found.test_selected.isfinite().all())


@pytest.mark.parametrize("name", METHODS)
@pytest.mark.parametrize("kind", ["tasks", "number", "soft"])
def test_hidden_labels_are_unreachable(name: str, kind: str) -> None:
    data, other = targets_hetero(kind), targets_hetero(kind)
    hidden = ~(data["paper"].train_mask | data["paper"].val_mask)
    y = other["paper"].y[hidden]
    other["paper"].y[hidden] = {"tasks": 1 - y, "number": 9 * y, "soft": y.flip(1)}[kind]
    one, two = (graphcondense.condense(d, name, nodes=12, progress=False) for d in (data, other))
    assert one.condensed["hash"] == two.condensed["hash"]
    assert one.condensed["data"]["digest"] == two.condensed["data"]["digest"]


def r2_of(task: HeteroTask, said: np.ndarray) -> float:
    wanted = task.y[task.test].numpy()
    error = np.square(said[task.test.numpy()] - wanted).sum(0)
    return float((1 - error / np.square(wanted - wanted.mean(0)).sum(0)).mean())


def test_what_the_teacher_says() -> None:
    """In standardised units; known targets stay, holes are filled."""
    task = as_hetero(targets_hetero("numbers", holes=0.2))
    source = HeteroSource(task.blind(True))
    taught = HeteroTeacher().teach(source, np.random.default_rng(0))
    known = ~task.y[task.train].isnan()
    given = source.targets[known].numpy()
    np.testing.assert_allclose(taught.soft[task.train.numpy()][known.numpy()], given)
    assert np.isfinite(taught.soft).all()
    whole = as_hetero(targets_hetero("numbers"))
    source = HeteroSource(whole.blind(True))
    taught = HeteroTeacher().teach(source, np.random.default_rng(0))
    said = whole.unscaled(torch.from_numpy(taught.soft)).numpy()
    assert r2_of(whole, said) > 0.3
    assert 0 < taught.score < 1  # squared error beside a variance of one
    tasks = as_hetero(targets_hetero("tasks"))
    taught = HeteroTeacher().teach(HeteroSource(tasks.blind(True)), np.random.default_rng(0))
    assert taught.threshold is not None
    assert ((taught.soft >= 0) & (taught.soft <= 1)).all()
    soft = as_hetero(targets_hetero("soft", holes=0.2))
    said = HeteroTeacher().teach(HeteroSource(soft.blind(True)), np.random.default_rng(0)).soft
    np.testing.assert_allclose(said[soft.train.numpy()], soft.y[soft.train], rtol=1e-6)
    np.testing.assert_allclose(said.sum(1), 1, rtol=1e-5)
    assert (said.argmax(1) == soft.y.nan_to_num().argmax(1).numpy())[soft.test.numpy()].mean() > 0.7
    right = (taught.soft[tasks.test.numpy()] > 0.5) == tasks.y[tasks.test].numpy()
    assert right.mean() > 0.8


def test_a_quotients_labels_are_means_in_their_own_units() -> None:
    data = targets_hetero("number")
    data["paper"].train_mask[:] = True
    for split in ("val", "test"):
        data["paper"][f"{split}_mask"][:] = False
    small = graphcondense.condense(data, "quotient", nodes=12, dims=8, penalty=0, progress=False)
    group, y = small["paper"].assignment, data["paper"].y
    mean = torch.stack([y[group == i].mean(0) for i in range(12)])
    torch.testing.assert_close(small["paper"].y, mean)
    assert small.condensed["remarks"]["teacher"] == "none: every node has a label"


def test_tasks_are_learnt_and_scored() -> None:
    data = targets_hetero("tasks")
    for model in ("RGCN", "HGT", "HAN", "PathMLP", "MLP"):
        evaluator = HeteroEvaluator(as_hetero(data, metric="f1"), **QUICK)
        assert evaluator.metric == "f1"
        found = evaluator.fit_whole(model, seeds=1)
        assert float(found.test_selected) > 0.7
        assert set(found.others) == {"macro-f1", "rocauc", "ap"}


def test_numbers_are_learnt_and_scored_in_their_own_units() -> None:
    data = targets_hetero("number")
    evaluator = HeteroEvaluator(data, **QUICK)
    found, mean = evaluator.fit_whole("RGCN", seeds=[1]), evaluator.mean()
    assert mean is not None
    assert set(found.others) == {"r2"}
    assert float(found.test_selected) < 0.7 * float(mean.test_selected)  # RMSE: less is better
    assert found.others["r2"][0] > 0.5
    task = as_hetero(data)
    spread = (task.y[task.test] - task.y[task.train].mean(0)).square().mean().sqrt()
    assert float(mean.test_selected) == pytest.approx(float(spread), rel=1e-4)
    trained = evaluator.train("RGCN", as_hetero(data), seeds=[1])
    val = trained.val_selected
    assert float(val) <= float(trained.val_last)


def test_the_best_epoch_of_an_error_is_the_smallest() -> None:
    task = as_hetero(targets_hetero("number"))
    quick = {**QUICK, "val_every": 1}
    rmse = HeteroEvaluator(task, **quick).train("MLP", task, seeds=1)
    r2 = HeteroEvaluator(replace(task, metric="r2"), **quick).train("MLP", task, seeds=1)
    assert torch.equal(rmse.epoch_selected, r2.epoch_selected)


def test_random_nodes_follow_groups() -> None:
    data = targets_hetero("number")
    small = graphcondense.condense(data, "quotient", nodes=15, dims=8, progress=False)
    evaluator, task = HeteroEvaluator(data, **QUICK), as_hetero(data)
    floor = evaluator.random(small, 0)
    counts = torch.bincount(task.group_of(small["paper"].y), minlength=5)
    room = torch.bincount(task.groups[task.train], minlength=5)
    assert torch.equal(
        torch.bincount(task.group_of(floor.y), minlength=5), torch.minimum(counts, room)
    )


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda s: s["paper"].update({"y": torch.zeros(12, 2)}), r"needs \[nodes, 3\]"),
        (lambda s: s["paper"].y.fill_(torch.nan), "no node of the small graph has a label"),
        (lambda s: s["paper"].y.fill_(1.5), r"the label 1\.5"),
    ],
)
def test_small_graphs_that_cannot_be(
    change: Callable[[Any], object], message: str, tmp_path: Path
) -> None:
    data = targets_hetero("tasks")
    small = graphcondense.condense(data, "random", nodes=12, progress=False)
    change(small)
    with pytest.raises(ValueError, match=message):
        HeteroEvaluator(data, **QUICK).fit("MLP", small, seeds=1)
    if message[:3] != "no ":
        with pytest.raises(ValueError, match=r"y has"):
            graphcondense.save(small, tmp_path)


def test_reports_and_what_numbers_do_not_have() -> None:
    data = targets_hetero("number")
    small = graphcondense.condense(data, "random", nodes=12, progress=False)
    report = graphcondense.evaluate(small, data, models=["MLP"], seeds=1, epochs=5, hidden=8)
    assert "RMSE" in report.table()
    with pytest.raises(ValueError, match="sharpness=2 is of labels that are classes"):
        graphcondense.condense(data, "quotient", nodes=12, sharpness=2.0, progress=False)
    with pytest.raises(ValueError, match="labels='hard' is for classes"):
        graphcondense.condense(data, "quotient", nodes=12, labels="hard", progress=False)
