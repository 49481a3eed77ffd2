"""Exchange: what holds for every method on graphs, and what is its own."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

import graphcondense
from graphcondense.data.graph_reading import as_graph_task
from graphcondense.domains.exchange import Exchange, chosen_graphs, views_of
from graphcondense.domains.graph import GraphSource
from graphcondense.domains.graph_teachers import GraphTeacher
from graphcondense.evaluate import GraphEvaluator
from graphcondense.methods.doscond import DosCondGraphs
from tests.cases import GraphCase, toy_graphs

FAST = {"steps": 5, "hidden": 8}


class TestExchange(GraphCase):
    name = "exchange"
    options = {"draws": 5, "tries": 5}
    iterates = False


class TestSoft:
    """With a teacher's labels."""

    @pytest.fixture(scope="class")
    @classmethod
    def small(cls) -> Any:
        options = {"draws": 5, "tries": 5, "labels": "soft", "progress": False}
        return graphcondense.condense(toy_graphs(), "exchange", per_class=2, **options)

    def test_labels_are_probabilities_of_the_own_class_most(self, small: Any) -> None:
        y = small.set.y
        assert y.shape == (6, 3)
        assert torch.allclose(y.sum(1), torch.ones(6))
        assert y.argmax(1).tolist() == [0, 0, 1, 1, 2, 2]
        assert bool((y.max(1).values < 1).any()), "a teacher is hardly ever quite sure"
        assert small.condensed["budget"]["per_class"] == [2, 2, 2]
        assert small[0].y.shape == (1, 3)

    def test_saved_loaded_drawn_and_evaluated(self, small: Any, tmp_path: Path) -> None:
        graphcondense.save(small, tmp_path / "set.safetensors")
        again = graphcondense.load(tmp_path / "set.safetensors")
        assert torch.equal(again.set.y, small.set.y)
        small.plot(tmp_path / "set.png")
        task = as_graph_task(toy_graphs())
        for model in ("GCN", "GraphKernelRidge"):
            report = graphcondense.evaluate(again, task, models=[model], seeds=2, **FAST)
            assert "nan" not in str(report)

    def test_networks_learn_the_probabilities(self, small: Any) -> None:
        """Two sets that differ in their soft labels alone train different networks."""
        task = as_graph_task(toy_graphs())
        evaluator = GraphEvaluator(task, **FAST)
        sure = replace(small.set, y=torch.eye(3)[small.set.y.argmax(1)])
        named = replace(small.set, y=small.set.y.argmax(1))
        soft, one_hot, hard = (
            evaluator.trained(evaluator.model_of("GCN"), s, (0,), False).last["head.bias"]
            for s in (small.set, sure, named)
        )
        assert torch.allclose(one_hot, hard, atol=1e-6)
        assert not torch.allclose(soft, hard, atol=1e-5)

    def test_bytes_count_them(self) -> None:
        from graphcondense.methods.exchange import ExchangeGraphs

        real = GraphSource(as_graph_task(toy_graphs()))
        hard, soft = (
            ExchangeGraphs(per_class=1, labels=labels).example_bytes(real)
            for labels in ("hard", "soft")
        )
        assert soft - hard == 3 * 4 - 8

    def test_holes_of_tasks_stay(self) -> None:
        graphs = toy_graphs()
        for i, graph in enumerate(graphs):
            hole = torch.nan if i % 4 == 0 else float(i % 2)
            graph.y = torch.tensor([[float(i % 3 == 0), hole]])
        small = graphcondense.condense(graphs, "exchange", per_class=20, labels="soft", tries=3)
        y = small.set.y
        assert bool(y[:, 1].isnan().any())
        assert not bool(y[:, 0].isnan().any())
        known = y[~y.isnan()]
        assert float(known.min()) >= 0
        assert float(known.max()) <= 1
        graphcondense.evaluate(small, graphs, models=["GCN"], seeds=1, **FAST)


@pytest.mark.parametrize(
    ("y", "message"),
    [
        (torch.full((6, 3), 0.5), r"graph 0 .* soft label \(0.5, 0.5, 0.5\).*sum is 1"),
        (torch.tensor([[1.5, -0.5, 0.0]] * 6), "none below 0"),
        (torch.full((6, 3), torch.nan), "soft label"),
        (torch.full((6, 2), 0.5), "one class a graph"),
    ],
)
def test_wrong_soft_labels_are_named(y: Tensor, message: str) -> None:
    task = as_graph_task(toy_graphs())
    small = graphcondense.condense(task, "random", per_class=2).set
    with pytest.raises(ValueError, match=message):
        GraphEvaluator(task, **FAST).fit("GCN", replace(small, y=y))


def test_probabilities_of_tasks_are_held_to_their_range() -> None:
    graphs = toy_graphs()
    for i, graph in enumerate(graphs):
        graph.y = torch.tensor([[float(i % 2)]])
    task = as_graph_task(graphs)
    small = graphcondense.condense(task, "random", per_class=2).set
    evaluator = GraphEvaluator(task, **FAST)
    with pytest.raises(ValueError, match=r"the label 1\.5.*probabilities between"):
        evaluator.fit("GCN", replace(small, y=torch.full((4, 1), 1.5)))
    evaluator.fit("GCN", replace(small, y=torch.tensor([[0.1], [0.2], [0.8], [0.9]])))


def source() -> GraphSource:
    return GraphSource(as_graph_task(toy_graphs()))


def rng(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def views() -> tuple[GraphSource, Tensor, Tensor, list[Any]]:
    real = source()
    index = torch.cat(real.members)
    y = torch.nn.functional.one_hot(real.task.graphs.y[index], 3).double() - 1 / 3
    return real, index, y, views_of(real, index, y, rng())


def test_errors_are_those_of_ridge_regression_at_its_best_scale() -> None:
    real, index, y, seen = views()
    group = real.task.groups[index]
    weight = (1 / torch.bincount(group).double())[group]
    weight /= weight.sum()
    choices = torch.tensor([[0, 20, 40, 3], [1, 2, 25, 44]]) % len(index)
    wanted = torch.zeros(2, dtype=torch.double)
    for view in seen:
        kernel = view.kernel.double()
        for b, choice in enumerate(choices):
            inner = kernel[choice][:, choice]
            inner = inner + 0.1 * inner.diagonal().mean() * torch.eye(4)
            out = kernel[:, choice] @ torch.linalg.solve(inner, y[choice])
            along, spread = (weight[:, None] * out * y).sum(), (weight[:, None] * out**2).sum()
            out = out * (along / spread).clamp_min(0)
            wanted[b] += (weight[:, None] * (out - y).square()).sum()
            wanted[b] -= (weight[:, None] * y.square()).sum()
    found = Exchange().errors(seen, choices, y)
    torch.testing.assert_close(found, wanted, rtol=1e-4, atol=1e-4)


def test_a_choice_that_predicts_the_contrary_is_worth_nothing() -> None:
    _, _, y, seen = views()
    choices = torch.tensor([[0, 20, 40, 3]]) % len(y)
    assert float(Exchange().errors(seen, choices, y)) < 0
    assert float(Exchange().errors(seen, choices, -y)) == 0


def test_exchanges_lower_the_error() -> None:
    real, _, y, seen = views()
    places = list(torch.arange(len(y)).split([len(m) for m in real.members]))
    errors = [
        float(
            Exchange(draws=5, sweeps=sweeps).errors(
                seen,
                Exchange(draws=5, sweeps=sweeps).choose(seen, places, [2, 2, 2], y, rng())[None],
                y,
            )
        )
        for sweeps in (0, 1, 5)
    ]
    assert errors[2] <= errors[1] < errors[0]


def test_a_graph_is_never_judged_by_its_own_label() -> None:
    teacher, real = GraphTeacher(), source()
    index = torch.cat(real.members)
    kernel = teacher.kernel(real, index)
    y = torch.nn.functional.one_hot(real.task.graphs.y[index], 3).double()
    before = teacher.scores(kernel, y, rng())
    y[7] = y[7].roll(1)
    change = (teacher.scores(kernel, y, rng()) - before).abs().amax(1)
    assert float(change[7]) == 0
    assert float(change.max()) > 1e-3


def test_members_alone_are_chosen_and_once() -> None:
    real = source()
    members = [own[:5] for own in real.members]
    chosen = chosen_graphs(real, members, [3, 2, 5], rng())
    assert len(chosen.index.unique()) == 10
    for own, picked in zip(members, chosen.index.split([3, 2, 5]), strict=True):
        assert bool(torch.isin(picked, own).all())


def test_few_of_many_are_looked_at() -> None:
    """With fewer graphs than may be looked at, the others cannot be chosen."""
    real = source()
    seen = {
        int(i)
        for seed in range(3)
        for i in chosen_graphs(real, real.members, [2, 2, 2], rng(seed), most=6).index
    }
    assert len(seen) > 6, "each seed looks at others"


def test_learners_may_start_there() -> None:
    real = source()
    start = DosCondGraphs(per_class=2, init="exchange").start(real, rng()).export()
    chosen = chosen_graphs(real, real.members, [2, 2, 2], rng()).index
    assert torch.equal(start.x, real.task.batch(chosen).x)
