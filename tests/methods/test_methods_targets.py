"""Nodes with several labels, numbers as targets or a probability for each class: what every method
makes of them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

import graphcondense
from graphcondense.data.node_reading import as_task
from graphcondense.data.task import NodeTask
from graphcondense.domains.node_source import NodeSource
from graphcondense.methods import all_methods
from graphcondense.objectives.gradient import GradientMatching
from graphcondense.run import build
from tests.cases import tensors
from tests.targets import ABLE, KINDS, VARIANTS, made, targets_graph
from tests.toys import toy_graph


def bits(small: Any) -> list[tuple[Any, ...]]:
    return [(t.dtype, t.shape, t.contiguous().numpy().tobytes()) for t in tensors(small)]


def test_which_methods_there_are() -> None:
    wanted = {"quotient", "gcond", "doscond", "gcdm", "gecc", "averaging"}
    assert {*wanted, "random", "herding", "kcenter", "degree", "pagerank"} <= {*ABLE}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", [*ABLE, *VARIANTS])
def test_a_budget_is_met_twice_with_the_same_bits(name: str, kind: str, tmp_path: Path) -> None:
    data = targets_graph(kind)
    small = made(data, name, out=tmp_path / "run")
    assert bits(small) == bits(made(data, name))
    assert small.num_nodes == sum(small.condensed["budget"]["per_class"]) == 10
    assert small.y.shape == (10, data.y.shape[1])
    assert bool(torch.isfinite(small.x).all() and torch.isfinite(small.y).all())
    told = small.condensed["data"]
    assert told["label_kind"] == data.label_kind
    counted = "classes" if data.label_kind == "soft" else "tasks"
    assert told[counted] == data.y.shape[1]
    assert ("tasks" in told) == (counted == "tasks")
    if data.label_kind == "binary":
        assert 0 <= float(small.y.min()) <= float(small.y.max()) <= 1
    elif data.label_kind == "soft":
        assert float(small.y.min()) >= 0
        torch.testing.assert_close(small.y.sum(1), torch.ones(10))
        assert float(small.y.max(1).values.mean()) > 0.4  # not those of nobody, a third each
    else:  # in the targets' own units
        assert 0 < float(small.y.mean()) < 20
    assert bits(graphcondense.load(tmp_path / "run")) == bits(small)


@pytest.mark.parametrize("kind", ["tasks", "number", "soft"])
@pytest.mark.parametrize("name", ABLE)
@pytest.mark.parametrize("form", ["other", "holes"])
def test_no_label_of_a_test_node_is_read(name: str, kind: str, form: str) -> None:
    task = as_task(targets_graph(kind))
    poisoned = task.y.clone()
    hidden = poisoned[task.test]
    others = {"binary": 1 - hidden, "regression": -50 * hidden, "soft": hidden.flip(1)}
    poisoned[task.test] = others[task.label_kind]
    if form == "holes":
        poisoned[task.test[1:]] = torch.nan
    assert bits(made(replace(task, y=poisoned), name)) == bits(made(task, name))


@pytest.mark.parametrize("kind", ["tasks", "numbers", "soft"])
@pytest.mark.parametrize("name", ABLE)
def test_holes_stay_holes_alone(name: str, kind: str) -> None:
    """A hole is at most where a real node has one; a mean is over what is known."""
    data = targets_graph(kind, holes=0.2)
    small = made(data, name)
    assert bool(torch.isfinite(small.x).all())
    assert not bool(small.y.isinf().any())
    assert not bool(small.y.isnan().all(1).any())
    if name in ("quotient", "averaging", "gecc") or kind == "soft":
        assert bool(torch.isfinite(small.y).all())


@pytest.mark.parametrize("kind", KINDS)
def test_a_group_stands_for_a_class(kind: str) -> None:
    task = as_task(targets_graph(kind))
    source = NodeSource(task)
    groups = {"tasks": 1, "task": 2, "numbers": 1, "number": 5, "soft": 3}
    assert source.num_classes == groups[kind]
    assert int(source.counts.sum()) == len(task.train)
    assert int(source.counts.min()) > 0


def test_groups_are_classes_that_are_likeliest_of_a_training_node() -> None:
    """A class that is nobody's likeliest has no group: there would be nothing to share out to."""
    data = targets_graph("soft")
    y = torch.cat([data.y, torch.zeros(60, 1)], 1)[:, [0, 3, 1, 2]]  # class 1 is nobody's
    data.y = y
    source = NodeSource(as_task(data))
    assert (source.num_classes, source.num_outputs) == (3, 4)
    wanted = y[source.task.train].argmax(1)
    assert torch.equal(source.labels, wanted - (wanted > 1).long())
    small = made(data, "gecc", nodes=9)
    assert small.y.shape == (9, 4)
    assert float(small.y[:, 1].abs().max()) == 0


def test_soft_labels_can_be_sharpened_and_made_hard() -> None:
    data = targets_graph("soft")
    plain, sharp = (made(data, "quotient", sharpness=power) for power in (None, 4.0))
    assert float(sharp.y.max(1).values.mean()) > float(plain.y.max(1).values.mean())
    hard = made(data, "quotient", labels="hard")
    assert {*hard.y.unique().tolist()} == {0.0, 1.0}
    assert torch.equal(hard.y.sum(1), torch.ones(10))


@pytest.mark.parametrize("kind", KINDS)
def test_the_others_say_why_not_before_any_work(kind: str) -> None:
    data = targets_graph(kind)
    unable = [n for (n, k), cls in all_methods().items() if k == "node" and n not in ABLE]
    assert "cgc" in unable
    assert "gc-sntk" in unable
    for name in unable:
        with pytest.raises(ValueError, match=f"{name} condenses one class a node alone.*quotient"):
            graphcondense.condense(data, name, nodes=10, progress=False)


def test_what_goes_with_classes_alone_is_refused() -> None:
    for kind, way in (("number", "y > y.median"), ("tasks", "one column"), ("soft", "y.argmax")):
        for options in ({"epsilon": 3.0}, {"pseudo_labels": 2}):
            with pytest.raises(ValueError, match=f"needs one class a node.*{way}"):
                made(targets_graph(kind), "gecc", **options)
    data = targets_graph("number")
    with pytest.raises(ValueError, match="labels='hard' is for classes and binary tasks"):
        made(data, "quotient", labels="hard")
    with pytest.raises(ValueError, match="sharpness=2 is of labels that are classes or binary"):
        made(data, "quotient", sharpness=2.0)
    hard = made(targets_graph("tasks"), "quotient", labels="hard")
    assert {*hard.y.unique().tolist()} <= {0.0, 1.0}


@pytest.mark.parametrize("kind", [*KINDS, "classes"])
def test_a_record_tells_what_was_chosen_of_a_teacher(kind: str) -> None:
    data = toy_graph() if kind == "classes" else targets_graph(kind)
    told = graphcondense.condense(data, nodes=10, progress=False).condensed["remarks"]["teacher"]
    assert all(name in told for name in ("ridge=", "restart=", "hidden=", "hops="))


@pytest.mark.parametrize("name", ["quotient", "gecc"])
def test_a_graph_that_has_grown(name: str) -> None:
    data = targets_graph("number")
    task = as_task(data)
    before = task.subgraph(torch.arange(50))
    small = graphcondense.condense(before, name, nodes=10, progress=False)
    grown = graphcondense.update(small, task, progress=False)
    assert bool(torch.isfinite(grown.y).all())
    assert grown.num_nodes == 10
    other = as_task(targets_graph("numbers"))
    with pytest.raises(ValueError, match="has 1 tasks, the new data 3"):
        graphcondense.update(small, other, progress=False)


@pytest.mark.parametrize("holes", [0.0, 0.3])
@pytest.mark.parametrize("kind", KINDS)
def test_the_closed_form_is_autograds_gradient(kind: str, holes: float) -> None:
    task: NodeTask = as_task(targets_graph(kind, holes))
    source = NodeSource(task, dtype=torch.float64)
    method: Any = build("gcond-x", "node", nodes=10, num_layers=2, hidden_channels=7)
    rng = torch.Generator().manual_seed(0)
    parts = method.parts(source, rng)
    pool = parts.pool(parts.syn, parts.real, rng)
    learner = next(pool)

    def slope(path: Any) -> tuple[Tensor, Tensor]:
        loss = GradientMatching(path=path)(parts.syn, parts.real, learner, rng)
        (grad,) = torch.autograd.grad(loss, [parts.syn.x])
        return loss.detach(), grad

    for one, two in zip(slope("closed"), slope("autograd"), strict=True):
        torch.testing.assert_close(one.double(), two.double(), rtol=1e-9, atol=1e-9)


def test_soft_labels_of_nodes_in_no_split_are_nan_or_whole() -> None:
    """A row that is all NaN is none and harmless; one that is NaN in part is no label."""
    data = targets_graph("soft")
    data.train_mask[data.train_mask.nonzero().flatten()[-3:]] = False
    outside = ~(data.train_mask | data.val_mask | data.test_mask)
    assert int(outside.sum()) == 3
    usual = bits(made(data, "quotient"))
    data.y[outside] = torch.nan
    assert bits(made(data, "quotient")) == usual
    data.y[outside] = torch.tensor([torch.nan, 0.5, 0.5])
    with pytest.raises(ValueError, match=r"node \d+ has the soft label \(nan, 0.5, 0.5\)"):
        made(data, "quotient")
