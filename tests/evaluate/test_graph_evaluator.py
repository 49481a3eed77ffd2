"""Training on a few graphs, validating on the real ones."""

from __future__ import annotations

import math
from dataclasses import replace
from importlib import import_module

import numpy as np
import pytest
import torch
from sklearn.metrics import roc_auc_score
from torch import Tensor
from torch.func import functional_call
from torch_geometric.data import Data

from graphcondense.core.pools import initialise
from graphcondense.data.graph_reading import as_graph_task
from graphcondense.data.graph_task import GraphTask
from graphcondense.evaluate import evaluate
from graphcondense.evaluate.graphs import GraphEvaluator, GraphTraining
from graphcondense.kinds import problem_of
from graphcondense.nn.graph_layouts import SparseGraphs
from graphcondense.nn.graphs import GRAPH_MODELS
from graphcondense.saved.condensed_graphs import CondensedGraphs

fit_module = import_module("graphcondense.evaluate.graphs")
FAST = {"steps": 6, "hidden": 8, "num_layers": 2, "val_every": 2, "lr": 0.01}
SPLITS = {name: torch.arange(60)[i::3] for i, name in enumerate(("train", "val", "test"))}


def toy(kind: str = "classes") -> GraphTask:
    """60 graphs, some of one node, some without edges; features tell the label."""
    rng = torch.Generator().manual_seed(0)
    graphs = []
    for i in range(60):
        n = i % 7 + 1
        m = 0 if i % 5 == 0 or n == 1 else 2 * n
        label = (i // 3) % 2
        y = {
            "classes": torch.tensor([label]),
            "binary": torch.tensor([[float(label), float(i % 4 < 2), 1.0 - label]]),
            "regression": torch.tensor([[100.0 + 10 * label + n, float(n)]]),
        }[kind]
        if kind != "classes" and i % 4 == 1:
            y[0, 1] = torch.nan
        x = torch.randn(n, 4, generator=rng) + 2 * label
        edges = torch.randint(n, (2, m), generator=rng)
        attr = torch.randn(m, 3, generator=rng)
        graphs.append(Data(x=x, edge_index=edges, edge_attr=attr, y=y))
    return as_graph_task(graphs, SPLITS, name="toy")


def few(task: GraphTask, count: int = 6) -> CondensedGraphs:
    return CondensedGraphs(task.batch(task.train[:count]))


def equal(a: object, b: object) -> bool:
    names = ("val_selected", "epoch_selected", "test_selected", "val_last", "test_last")
    return all(torch.equal(getattr(a, n), getattr(b, n)) for n in names)


@pytest.mark.parametrize("model", GRAPH_MODELS)
@pytest.mark.parametrize("kind", ["classes", "binary", "regression"])
def test_each_model_on_each_kind_of_label(kind, model):
    task = toy(kind)
    evaluator = GraphEvaluator(task, **FAST)
    state = torch.get_rng_state()
    result = evaluator.fit(model, few(task), seeds=3)
    assert torch.equal(state, torch.get_rng_state())
    assert equal(result, GraphEvaluator(task, **FAST).fit(model, few(task), seeds=3))
    assert bool(torch.isfinite(result.test_selected).all())
    assert len(set(result.val_last.tolist())) > 1 or kind == "classes"
    gain = result.val_selected - result.val_last
    assert bool(((gain if task.larger_is_better else -gain) >= 0).all())
    whole = evaluator.fit_whole(model, seeds=2)
    assert whole.test_selected.shape == (2,)


@pytest.mark.parametrize("dropout", [0.0, 0.5])
@pytest.mark.parametrize("kind", ["binary", "regression"])
def test_a_seed_does_not_depend_on_the_others(kind, dropout):
    task = toy(kind)
    evaluator = GraphEvaluator(task, dropout=dropout, **FAST)
    together = evaluator.train("GIN", few(task), seeds=(0, 4, 7))
    alone = evaluator.train("GIN", few(task), seeds=[4])
    for name, value in together.last.items():
        torch.testing.assert_close(value[1], alone.last[name][0], atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(together.val_last[1:2], alone.val_last, atol=1e-4, rtol=1e-3)


@pytest.mark.parametrize("model", GRAPH_MODELS)
def test_it_learns(model):
    task = toy()
    result = GraphEvaluator(task, steps=60, hidden=16, lr=0.01).fit(model, task, seeds=2)
    assert float(result.test_selected.min()) > 0.8
    errors = GraphEvaluator(toy("regression"), steps=150, hidden=16, lr=0.01)
    found = errors.fit_whole(model, seeds=2)
    assert float(found.test_selected.max()) < 4.5  # the spread of the targets is above 5
    assert torch.equal(found.val_selected <= found.val_last, torch.tensor([True, True]))


@pytest.mark.parametrize("kind", ["binary", "regression"])
def test_training_is_adam_by_hand(kind):
    """Adam with L2 decay and half a cosine, loss and validation in a plain loop, float64."""
    task = toy(kind)
    steps, lr, decay, seed = 7, 0.05, 0.1, 3
    evaluator = GraphEvaluator(
        task, steps=steps, hidden=8, num_layers=2, lr=lr, weight_decay=decay, val_every=3
    )
    evaluator._like = torch.empty(0, dtype=torch.double)
    found = evaluator.train("GIN", few(task), seeds=[seed])

    net = GRAPH_MODELS["GIN"](4, 8, task.num_outputs, 2).double()
    weights = initialise(net, torch.Generator().manual_seed(seed))
    small, real = few(task).set, task.batch(task.val)
    mean = task.graphs.y[task.train].double().nanmean(0)
    std = (task.graphs.y[task.train].double() - mean).square().nanmean(0).sqrt()

    def out(w: dict[str, Tensor], graphs) -> Tensor:
        x = graphs.x.double()
        return functional_call(net, w, (x, SparseGraphs.of(graphs, x)))

    def loss(w: dict[str, Tensor]) -> Tensor:
        known = ~small.y.isnan()
        if kind == "binary":
            chance = torch.where(small.y == 1, 1.0, -1.0) * out(w, small)
            return -chance.sigmoid().log()[known].mean()
        y = (small.y - mean) / std
        return (out(w, small)[known] - y[known]).square().mean()

    def score(w: dict[str, Tensor]) -> float:
        if kind == "binary":
            pairs = [
                (y[~y.isnan()], o[~y.isnan()].detach())
                for y, o in zip(real.y.T, out(w, real).T, strict=True)
            ]
            return sum(roc_auc_score(*pair) for pair in pairs) / len(pairs)
        errors = out(w, real) * std + mean - real.y
        return float(errors.square().nanmean(0).sqrt().mean())

    first = {k: torch.zeros_like(v) for k, v in weights.items()}
    second = {k: torch.zeros_like(v) for k, v in weights.items()}
    scores, kept = {}, {}
    for step in range(1, steps + 1):
        rate = lr * (1 + math.cos(math.pi * (step - 1) / steps)) / 2
        weights = {k: v.detach().requires_grad_() for k, v in weights.items()}
        slopes = torch.autograd.grad(loss(weights), list(weights.values()))
        for (name, value), slope in zip(list(weights.items()), slopes, strict=True):
            slope = slope + decay * value.detach()
            first[name] = 0.9 * first[name] + 0.1 * slope
            second[name] = 0.999 * second[name] + 0.001 * slope**2
            up, down = first[name] / (1 - 0.9**step), second[name] / (1 - 0.999**step)
            weights[name] = value.detach() - rate * up / (down.sqrt() + 1e-8)
        if step in (3, 6, 7):
            scores[step], kept[step] = score(weights), dict(weights)
    assert len(set(scores.values())) > 1
    pick = max if task.larger_is_better else min
    assert float(found.val_selected[0]) == pytest.approx(pick(scores.values()), rel=1e-6)
    assert float(found.val_last[0]) == pytest.approx(scores[7], rel=1e-6)
    chosen = int(found.epoch_selected[0])
    assert scores[chosen] == pick(scores.values())
    for name, value in found.last.items():
        assert torch.allclose(value[0], weights[name], rtol=1e-5, atol=1e-6)
        assert torch.allclose(found.selected[name][0], kept[chosen][name], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("kind", ["classes", "binary", "regression"])
def test_test_labels_reach_nothing_but_test_scores(kind):
    task = toy(kind)
    y = task.graphs.y.clone()
    y[task.test] = y[task.test].flip(0)
    other = replace(task, graphs=replace(task.graphs, y=y))
    honest, garbage = (GraphEvaluator(t, **FAST).fit("GCN", few(task), seeds=3)
                       for t in (task, other))  # fmt: skip
    for name in ("val_selected", "epoch_selected", "val_last"):
        assert torch.equal(getattr(honest, name), getattr(garbage, name)), name
    assert not torch.equal(honest.test_selected, garbage.test_selected)
    scores = [GraphEvaluator(t, **FAST).score(few(task)) for t in (task, other)]
    assert scores[0] == scores[1]


def test_test_graphs_are_predicted_once_at_the_end(monkeypatch):
    seen = []
    predict = GraphEvaluator._predict

    def spy(self: GraphEvaluator, net: object, weights: object, split: str) -> Tensor:
        seen.append(split)
        return predict(self, net, weights, split)

    monkeypatch.setattr(GraphEvaluator, "_predict", spy)
    evaluator = GraphEvaluator(toy(), **FAST)
    evaluator.score(few(toy()))
    assert seen == ["val"] * 3
    seen.clear()
    evaluator.fit("GCN", few(toy()), seeds=2)
    assert seen == ["val"] * 3 + ["test", "test"]


@pytest.mark.parametrize("kind", ["binary", "regression"])
def test_the_best_step_is_selected(kind, monkeypatch):
    """Scores are dictated; the selected weights must be those of the chosen step."""
    task = toy(kind)
    script = torch.tensor([[0.1, 0.5], [0.4, 0.6], [0.2, 0.2]], dtype=torch.double)
    script = script if task.larger_is_better else -script
    weights, read = [], []
    predict = GraphEvaluator._predict

    def spy(self: GraphEvaluator, net: object, given: dict[str, Tensor], split: str) -> Tensor:
        kept = next(iter(given.values())).detach().clone()
        (weights if split == "val" else read).append(kept)
        return predict(self, net, given, split)

    monkeypatch.setattr(GraphEvaluator, "_predict", spy)
    monkeypatch.setattr(fit_module, "scores_of", lambda name, out, y: script[len(weights) - 1])
    result = GraphEvaluator(task, **FAST).fit("GCN", few(task), seeds=2)
    assert result.epoch_selected.tolist() == [4, 4]
    assert torch.equal(result.val_selected, script[1].float())
    assert torch.equal(read[0], weights[1])
    assert torch.equal(read[1], weights[2])


def test_score_is_higher_for_better():
    task = toy("regression")
    evaluator = GraphEvaluator(task, **FAST)
    found = evaluator.fit("GCN", few(task), seeds=3)
    assert evaluator.score(few(task)) == pytest.approx(-float(found.val_selected.mean()))


def test_predictions_are_in_the_targets_own_units():
    task = toy("regression")
    evaluator = GraphEvaluator(task, **FAST)
    curve = evaluator.train("GCN", few(task), seeds=2)
    out = evaluator._predict(curve.model, curve.last, "val")
    assert out.shape == (2, 20, 2)
    assert 90 < float(out[..., 0].mean()) < 130


@pytest.mark.parametrize("readout", ["mean", "sum", "attention"])
@pytest.mark.parametrize("virtual_node", [False, True])
@pytest.mark.parametrize("edge_features", [False, True])
def test_all_forms_of_a_network(edge_features, virtual_node, readout):
    task = toy("binary")
    options = {"edge_features": edge_features, "virtual_node": virtual_node, "readout": readout}
    evaluator = GraphEvaluator(task, **options, **FAST)
    for model in GRAPH_MODELS:
        assert bool(torch.isfinite(evaluator.fit(model, few(task), seeds=2).test_last).all())
    other = GraphEvaluator(task, **FAST).fit("GIN", few(task), seeds=2)
    same = equal(evaluator.fit("GIN", few(task), seeds=2), other)
    assert same == (not edge_features and not virtual_node and readout == "mean")


def test_batches_of_a_large_set(monkeypatch):
    task = toy()
    monkeypatch.setattr(fit_module, "NODES", 20)
    monkeypatch.setattr(fit_module, "PREDICT", 10)
    batched = GraphEvaluator(task, batch_size=8, **FAST)
    sizes = [len(part.y) for part, _ in zip(batched._steps(task.batch(task.train)), range(6))]  # noqa: B905
    assert sizes == [8, 8, 8, 8, 8, 8]  # the rest of 4 is left to the next round
    found = batched.fit("GCN", task, seeds=2)
    assert equal(found, batched.fit("GCN", task, seeds=2))
    curve = batched.train("GAT", task, seeds=2)
    parts = batched._predict(curve.model, curve.last, "test")
    monkeypatch.setattr(fit_module, "PREDICT", 10_000)
    whole = GraphEvaluator(task, **FAST)._predict(curve.model, curve.last, "test")
    torch.testing.assert_close(parts, whole)


def test_kinds_of_small_sets():
    task = toy()
    evaluator, small = GraphEvaluator(task, **FAST), few(task)
    found = [
        evaluator.fit("GCN", one, seeds=2)
        for one in (small, small.set, small.set.graphs(), task.graphs.select(task.train[:6]))
    ]
    assert all(equal(found[0], other) for other in found[1:])


def test_raw_categories_and_encoded_ones_train_the_same():
    graphs = [Data(x=torch.tensor([[i % 2, 3 + i % 3]]).repeat(3, 1), y=i % 2) for i in range(30)]
    task = as_graph_task(graphs)
    assert task.num_features == 5
    evaluator = GraphEvaluator(task, **FAST)
    raw, encoded = task.graphs.select(task.train[:6]), task.batch(task.train[:6])
    assert equal(evaluator.fit("GIN", raw), evaluator.fit("GIN", encoded))


def test_nodes_count_by_weight():
    task, small = toy(), few(toy()).set
    evaluator = GraphEvaluator(task, **FAST)
    heavy = replace(small, node_weight=torch.rand(len(small.x)) + 0.1)
    ones = replace(small, node_weight=torch.ones(len(small.x)))
    mine, other, same = (
        evaluator.train("GCN", g).last["head.weight"] for g in (small, heavy, ones)
    )
    assert torch.equal(mine, same)
    assert not torch.allclose(mine, other)


def test_another_setting_shares_the_real_graphs():
    evaluator = GraphEvaluator(toy(), **FAST)
    other = evaluator.replace(steps=2)
    assert (evaluator.training.steps, other.training.steps) == (6, 2)
    assert other.real is evaluator.real
    with pytest.raises(ValueError, match="steps=0 must be at least 1"):
        evaluator.replace(steps=0)


def test_expected_memory_grows_with_the_work():
    task = toy()
    evaluator = GraphEvaluator(task, **FAST)
    small = evaluator.memory_bytes("GCN", few(task), seeds=2)
    assert small > 0
    assert evaluator.memory_bytes("GCN", few(task), seeds=20) > 5 * small
    assert evaluator.memory_bytes("GAT", task) > evaluator.memory_bytes("GCN", task)


def wrong(**fields: object) -> object:
    return replace(few(toy()).set, **fields)


@pytest.mark.parametrize(
    ("small", "message"),
    [
        (lambda: [], "no graphs"),
        (lambda: 3, "got int"),
        (lambda: toy().graphs.graph(0), "put a single graph into a list"),
        (lambda: wrong(x=torch.ones(len(few(toy()).set.x), 9)), "9 node features.*has 4"),
        (lambda: wrong(y=torch.full((6,), 2)), r"graph of class 2; toy has classes 0\.\.1"),
        (lambda: wrong(y=torch.full((6,), -1)), "graph without a label"),
        (lambda: wrong(y=torch.zeros(6, 1)), "one class a graph"),
        (lambda: wrong(edge_attr=None), "condense with edge_features=True"),
    ],
)
def test_wrong_small_sets_are_named(small, message):
    with pytest.raises(ValueError, match=message):
        GraphEvaluator(toy(), edge_features=True, **FAST).fit("GCN", small())


@pytest.mark.parametrize(
    ("y", "message"),
    [
        (torch.zeros(6, 2), r"needs \[graphs, 3\]"),
        (torch.full((6, 3), torch.nan), "all NaN"),
        (torch.full((6, 3), 0.5), "label 0.5; toy has labels 0, 1 and NaN"),
    ],
)
def test_wrong_labels_of_tasks_are_named(y, message):
    task = toy("binary")
    with pytest.raises(ValueError, match=message):
        GraphEvaluator(task, **FAST).fit("GCN", replace(few(task).set, y=y))


def test_soft_labels_of_small_sets_may_be_rounded():
    task, rounded = toy(), torch.tensor([[0.13, 0.88]]).repeat(6, 1)
    evaluator = GraphEvaluator(task, **FAST)
    evaluator.fit("GCN", replace(few(task).set, y=rounded))
    with pytest.raises(ValueError, match=r"the soft label \(0\.13, 0\.9\).* but for rounding"):
        evaluator.fit("GCN", replace(few(task).set, y=rounded + torch.tensor([0, 0.02])))


def test_wrong_settings_are_named():
    task, none = toy("binary"), torch.empty(0, dtype=torch.long)
    with pytest.raises(ValueError, match=r"no validation graphs.*give the split 'val'"):
        GraphEvaluator(replace(task, val=none))
    with pytest.raises(ValueError, match=r"no test graphs.*give the split 'test'"):
        GraphEvaluator(replace(task, test=none), **FAST).fit("GCN", few(task))
    y = task.graphs.y.clone()
    y[task.test] = 1.0
    ones = replace(task, graphs=replace(task.graphs, y=y))
    with pytest.raises(ValueError, match="20 test graphs have only the label 1"):
        GraphEvaluator(ones, **FAST).fit("GCN", few(task))
    with pytest.raises(ValueError, match="unknown graph-level model 'GCM'; known are GCN, GIN"):
        GraphEvaluator(task, **FAST).fit("GCM", few(task))
    with pytest.raises(TypeError, match="unknown option epochs; known are steps"):
        GraphEvaluator(task, epochs=3)
    with pytest.raises(ValueError, match="seeds is empty"):
        GraphEvaluator(task, **FAST).fit("GCN", few(task), seeds=[])
    bare = replace(task, graphs=replace(task.graphs, edge_attr=None))
    with pytest.raises(ValueError, match="edge_features=True, but toy has no edge features"):
        GraphEvaluator(bare, edge_features=True)
    for option in ({"dropout": 1.0}, {"readout": "max"}, {"hidden": 0}, {"val_every": 0}):
        with pytest.raises(ValueError, match=next(iter(option))):
            GraphTraining(**option)


@pytest.mark.parametrize("metric", ["rmse", "mae"])
def test_the_mean_of_the_training_targets_stands_beside_regression(metric):
    task = replace(toy("regression"), metric=metric)
    options = {"models": ["GCN", "GIN"], "seeds": 1, "random_draws": 1, "plain_epochs": 0}
    report = evaluate(few(task), task, **options, progress=False, steps=2, hidden=4)
    rows = [row for row in report.rows if row.label == "mean"]
    assert [row.model for row in rows] == ["GCN", "GIN"]
    y = task.graphs.y.double().numpy()
    errors = {s: y[getattr(task, s)] - np.nanmean(y[task.train], 0) for s in ("val", "test")}
    by_hand = {
        "rmse": lambda e: np.sqrt(np.nanmean(e**2, 0)).mean(),
        "mae": lambda e: np.nanmean(abs(e), 0).mean(),
    }[metric]
    for row in rows:
        assert row.test_selected == row.test_last == pytest.approx(by_hand(errors["test"]))
        assert row.val_selected == pytest.approx(by_hand(errors["val"]))
        assert (row.set_graphs, row.nodes, row.bytes, row.seconds) == (0, 0, 0, 0)
    assert str(report).count("mean") >= 2
    options |= {"baselines": (), "random_draws": 0}
    lone = evaluate(few(task), task, **options, progress=False, steps=2, hidden=4)
    assert lone.labels == ["condensed"]


def test_classes_have_no_mean():
    options = {"models": ["GCN"], "seeds": 1, "random_draws": 1, "plain_epochs": 0}
    report = evaluate(few(toy()), toy(), **options, progress=False, steps=2, hidden=4)
    assert report.labels == ["condensed", "random", "whole"]


@pytest.mark.parametrize("kind", ["classes", "binary", "regression"])
def test_graphs_without_a_label_are_left_out_of_scores(kind):
    """Half of the validation and test graphs lose their labels; the others' scores are reported."""
    task = toy(kind)
    graphs = task.graphs.graphs()
    for part in (task.val, task.test):
        for i in part[:10].tolist():
            none = torch.nan if kind != "classes" else -1
            graphs[i].y = torch.full_like(graphs[i].y, none)
    holey = as_graph_task(graphs, SPLITS, name="toy", label_kind=kind)
    assert dict(holey.unlabelled) == {"train": 0, "val": 10, "test": 10}
    known = replace(task, val=task.val[10:], test=task.test[10:])
    a, b = (GraphEvaluator(t, **FAST).fit("GCN", few(task), seeds=2) for t in (holey, known))
    assert equal(a, b)
    assert (
        problem_of(holey, torch.device("cpu"), "inductive").describe()["unlabelled"]["test"] == 10
    )
    assert "unlabelled" not in problem_of(task, torch.device("cpu"), "inductive").describe()


def test_labels_of_a_small_list_are_read_as_those_of_the_real_graphs():
    """Three targets that happen to be 0, 1 and 2 are no classes where the real ones are numbers."""
    task = as_graph_task(
        [Data(x=torch.rand(2, 3), y=torch.tensor([[i / 7]])) for i in range(60)], SPLITS
    )
    small = [Data(x=torch.rand(2, 3), y=torch.tensor([[float(i % 3)]])) for i in range(6)]
    assert GraphEvaluator(task, **FAST).fit("GIN", small, seeds=1).test_last.isfinite().all()
    options = {"models": ["GIN"], "seeds": 1, "baselines": (), "plain_epochs": 0}
    assert evaluate(small, task, **options, progress=False, steps=2, hidden=4).labels
