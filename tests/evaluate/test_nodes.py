"""Training on a small graph, validating on the real one."""

from __future__ import annotations

from dataclasses import replace
from importlib import import_module

import numpy as np
import pytest
import torch
import torch_geometric.nn as pyg
from torch import Tensor

from graphcondense.evaluate import NodeEvaluator, fit, fit_whole, random_subgraph, score
from graphcondense.evaluate.stacked import state_of
from graphcondense.nn.batched import APPNP, MODELS

fit_module = import_module("graphcondense.evaluate.nodes")  # the package's `fit` is the function
FAST = {"epochs": 8, "hidden": 16}


def same(a: Tensor, b: Tensor) -> bool:
    return torch.equal(a, b)


@pytest.mark.parametrize("model", MODELS)
def test_seeds_at_once_equal_seeds_alone(model, real, small):
    together = fit(model, small, real, seeds=(0, 4, 7), **FAST)
    alone = fit(model, small, real, seeds=[4], **FAST)
    for name in ("val_selected", "val_last", "test_last"):  # up to one node in thirty: rounding
        mine, theirs = getattr(together, name)[1:2], getattr(alone, name)
        torch.testing.assert_close(mine, theirs, atol=0.034, rtol=0)


@pytest.mark.parametrize("model", ["GCN", "GAT"])
def test_test_labels_reach_nothing_but_test_scores(model, real, small):
    y = real.y.clone()
    y[real.test] = torch.randint(3, (30,), generator=torch.Generator().manual_seed(1))
    honest = fit(model, small, real, seeds=3, **FAST)
    garbage = fit(model, small, replace(real, y=y), seeds=3, **FAST)
    for name in ("val_selected", "epoch_selected", "val_last"):
        assert same(getattr(honest, name), getattr(garbage, name)), name
    assert not same(honest.test_selected, garbage.test_selected)
    assert score(small, real, **FAST) == score(small, replace(real, y=y), **FAST)


def test_score_never_predicts_a_test_node(real, small, monkeypatch):
    seen = []
    predict = NodeEvaluator._accuracy

    def spy(self, model, weights, split):
        seen.append(split)
        return predict(self, model, weights, split)

    monkeypatch.setattr(NodeEvaluator, "_accuracy", spy)
    score(small, real, **FAST)
    assert seen == ["val"] * 8
    seen.clear()
    fit("GCN", small, real, seeds=2, **FAST)
    assert seen == ["val"] * 8 + ["test", "test"]


def test_the_first_best_epoch_is_selected(real, small, monkeypatch):
    """Validation scores are dictated; the selected weights must be those of the chosen epoch."""
    script = torch.tensor([[0.1, 0.5], [0.4, 0.5], [0.4, 0.2]])
    weights: list[Tensor] = []
    read: list[Tensor] = []

    def dictated(self, model, given, split):
        given = state_of(model) if given is None else given
        snapshot = next(iter(given.values())).detach().clone()
        (weights if split == "val" else read).append(snapshot)
        return script[len(weights) - 1] if split == "val" else torch.zeros(2)

    monkeypatch.setattr(NodeEvaluator, "_accuracy", dictated)
    result = fit("GCN", small, real, seeds=2, epochs=3, hidden=4)
    assert result.epoch_selected.tolist() == [2, 1]
    torch.testing.assert_close(result.val_selected, torch.tensor([0.4, 0.5]))
    torch.testing.assert_close(result.val_last, script[2])
    assert same(read[0][0], weights[1][0])
    assert same(read[0][1], weights[0][1])
    assert same(read[1], weights[2])


def test_val_every_always_includes_the_last_epoch(real, small):
    result = fit("SGC", small, real, seeds=2, epochs=7, val_every=5)
    assert set(result.epoch_selected.tolist()) <= {5, 7}


def test_of_many_validation_nodes_a_sample_chooses_the_epoch(real, small, monkeypatch):
    """The chosen epoch and the last are scored on all of them; which one is chosen is by hand."""
    every = NodeEvaluator(real, **FAST)
    drawn = real.steady(7)
    alone = NodeEvaluator(replace(real, val=drawn), **FAST).train("GCN", small, seeds=3)
    some = every.replace(validation_nodes=7).train("GCN", small, seeds=3)
    assert same(some.epoch_selected, alone.epoch_selected)
    for name in some.selected:
        assert same(some.selected[name], alone.selected[name])
    right = some.logits(real.x_array, real.adj, real.val.numpy()).argmax(-1) == real.y[real.val]
    torch.testing.assert_close(some.val_selected, right.float().mean(1))
    whole = every.train("GCN", small, seeds=3)
    assert same(some.val_last, whole.val_last)
    monkeypatch.setattr("graphcondense.data.task.STEADY", 7)
    usual = NodeEvaluator(real, **FAST)
    assert same(usual.train("GCN", small, seeds=3).epoch_selected, some.epoch_selected)
    assert usual.contestant("GCN").settings["validation_nodes"] == 7
    assert "validation_nodes" not in every.contestant("GCN").settings
    assert same(
        every.replace(validation_nodes=len(real.val)).train("GCN", small, seeds=3).epoch_selected,
        whole.epoch_selected,
    )


@pytest.mark.parametrize("model", MODELS)
def test_restricting_to_what_training_nodes_reach_changes_nothing(model, real):
    kind = MODELS[model]
    like = torch.empty(0)
    net = kind(10, 16, 3, seeds=(0, 1)).eval()
    rows = np.arange(90)
    full = net(*kind.prepare(real.x_array, real.adj, rows, 2, like))[:, real.train]
    part = net(*kind.prepare(real.x_array, real.adj, real.train.numpy(), 2, like))
    torch.testing.assert_close(full, part)


def test_appnp_steps_and_their_composition_agree(real, monkeypatch):
    net = APPNP(10, 16, 3, seeds=(0, 1)).eval()
    like = torch.empty(0)
    rows = real.val.numpy()[:5]
    composed = net.prepare(real.x_array, real.adj, rows, 2, like)
    monkeypatch.setattr(APPNP, "one_step", 0)
    chain = net.prepare(real.x_array, real.adj, rows, 2, like)
    assert (len(composed[1]), len(chain[1])) == (1, 10)
    torch.testing.assert_close(net(*composed), net(*chain))


def test_groups_of_seeds_change_nothing(real, small, monkeypatch):
    at_once = fit("GCN", small, real, seeds=5, **FAST)
    monkeypatch.setattr(fit_module, "STATE", 2 * 90 * 16)
    grouped = fit("GCN", small, real, seeds=5, **FAST)
    assert same(at_once.test_selected, grouped.test_selected)


def test_soft_labels_equal_hard_ones(real, small):
    hard = fit("GCN", small, real, seeds=2, **FAST)
    small.y = torch.nn.functional.one_hot(small.y, 3).float()
    assert same(hard.val_last, fit("GCN", small, real, seeds=2, **FAST).val_last)


def test_only_training_nodes_are_learnt_from(real, small):
    small.train_mask = torch.tensor([True] * 5 + [False])
    garbage = small.clone()
    garbage.y[5] = -1
    a, b = (fit("GCN", graph, real, seeds=2, **FAST) for graph in (small, garbage))
    assert same(a.val_last, b.val_last)


def test_edge_weights_matter_and_inputs_stay(real, small):
    before = small.clone()
    weighted = fit("GCN", small, real, seeds=1, epochs=3, hidden=8)
    assert all(same(small[name], before[name]) for name in before.keys())  # noqa: SIM118
    adj = fit_module.read_labelled(small, real)[1]
    assert adj[0, 3] == 0.5
    assert adj[1, 4] == 2
    assert weighted.model == "GCN"


def test_random_baseline_has_the_same_class_counts(real, small):
    subgraph = random_subgraph(real, small, seed=3)
    assert torch.bincount(subgraph.y).tolist() == [2, 2, 2]
    assert len(subgraph.train) == 6
    assert len(subgraph.val) == len(subgraph.test) == 0
    rows = [int((real.x == row).all(1).nonzero()) for row in subgraph.x]
    assert set(rows) <= set(real.train.tolist())
    assert (subgraph.adj != real.adj[rows][:, rows]).nnz == 0
    assert not torch.equal(subgraph.x, random_subgraph(real, small, seed=4).x)


def test_the_evaluator_prepares_the_real_graph_once(real, small, monkeypatch):
    calls = []
    prepare = MODELS["GCN"].prepare.__func__

    def counted(cls, x, adj, rows, *rest, **more):
        calls.append(len(rows))
        return prepare(cls, x, adj, rows, *rest, **more)

    monkeypatch.setattr(MODELS["GCN"], "prepare", classmethod(counted))
    evaluator = NodeEvaluator(real, **FAST)
    first, second = evaluator.score(small), evaluator.score(small)
    assert first == second
    assert sorted(calls) == [6, 6, 30]  # twice the small graph, once the validation nodes


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"x": torch.ones(6, 9)}, r"9 features.*10"),
        ({"x": torch.full((6, 10), float("nan"))}, "NaN"),
        ({"y": torch.tensor([0, 1, 2, 3, 1, 2])}, r"class 3.*0\.\.2"),
        ({"y": torch.ones(6, 4)}, r"4 classes.*3"),
        ({"y": torch.tensor([0, 1])}, r"6 nodes but .*y has 2 labels"),
        ({"y": None}, "x and y"),
        ({"edge_index": torch.tensor([[0], [6]]), "edge_weight": None}, r"0\.\.5"),
        ({"edge_weight": torch.tensor([1.0, 1.0, 1.0, -2.0])}, "-2"),
        ({"train_mask": torch.zeros(6, dtype=torch.bool)}, "no training nodes"),
    ],
)
def test_a_wrong_small_graph_is_named(real, small, change, message):
    for name, value in change.items():
        small[name] = value
    with pytest.raises(ValueError, match=message):
        fit("GCN", small, real, **FAST)


def test_wrong_arguments_are_named(real, small):
    with pytest.raises(
        ValueError, match="no validation nodes; the epoch is chosen on them, so set"
    ):
        NodeEvaluator(replace(real, val=real.val[:0]))
    with pytest.raises(ValueError, match="no test nodes; set test_mask before evaluating"):
        fit("GCN", small, replace(real, test=real.test[:0]))
    with pytest.raises(ValueError, match="GCN"):
        fit("GNC", small, real)
    with pytest.raises(TypeError, match="hiden"):
        fit("GCN", small, real, hiden=4)
    with pytest.raises(ValueError, match="epochs"):
        fit("GCN", small, real, epochs=0)
    with pytest.raises(ValueError, match="empty"):
        fit("GCN", small, real, seeds=0)
    with pytest.raises(ValueError, match=r"validation_nodes=1000 cannot act: the data have 30 "):
        fit("GCN", small, real, validation_nodes=1000)


def test_whole_cora_is_learnt(data_root):
    """The yardstick on real data, cut short: 81 % needs few epochs with 256 hidden units."""
    import torch_geometric.transforms as T
    from torch_geometric.datasets import Planetoid

    cora = Planetoid(str(data_root / "pyg"), "Cora", transform=T.NormalizeFeatures())
    result = fit_whole("GCN", cora, seeds=3, epochs=20)
    assert 0.79 < float(result.test_selected.mean()) < 0.835


@pytest.mark.parametrize(
    "seeds", [np.int64(2), np.arange(2), torch.arange(2), torch.tensor(2), range(2), [0, 1]]
)
def test_seeds_in_any_form(seeds, real, small):
    mine, plain = (fit("GCN", small, real, seeds=s, epochs=1, hidden=4) for s in (seeds, (0, 1)))
    assert mine.seeds == (0, 1)
    assert same(mine.test_last, plain.test_last)


@pytest.mark.parametrize(
    ("seeds", "words"),
    [
        (2.0, r"seeds=2.0: give how many"),
        (True, "seeds=True: give how many"),
        ("3", "seeds='3': give how many"),
        ([0.5], "give how many, or the seeds as integers"),
        ([2**63], "a seed is below"),
        (-2, "seeds is empty"),
    ],
)
def test_what_are_no_seeds(seeds, words, real, small):
    with pytest.raises(ValueError, match=words):
        fit("GCN", small, real, seeds=seeds, epochs=1, hidden=4)


def test_large_and_negative_seeds_serve_every_model(real, small):
    for model in ("GCN", pyg.GCN):
        seeds = (2**40, -1, 2**63 - 1)
        assert fit(model, small, real, seeds=seeds, epochs=1, hidden=4).seeds == seeds


def test_predicted_nodes_may_be_a_mask_a_list_or_an_array(real, small):
    evaluator = NodeEvaluator(real, epochs=1, hidden=4)
    mask = torch.zeros(90, dtype=torch.bool).index_fill(0, torch.tensor([3, 5]), True)
    forms = [torch.tensor([3, 5]), [3, 5], np.array([3, 5]), mask, mask.numpy()]
    first, *others = (evaluator.predict("GCN", small, nodes, seeds=1) for nodes in forms)
    assert first.shape == (1, 2, 3)
    assert all(same(first, other) for other in others)
    assert evaluator.predict("GCN", small, [], seeds=1).shape == (1, 0, 3)
    for nodes, words in (
        (torch.arange(100_000), r"nodes must be in 0..89, got 99999$"),
        ([-1], "got -1"),
        (torch.tensor([0.5]), r"indices \[r\] or a mask \[90\], got torch.float32"),
        (mask[:9], r"a mask \[90\], got torch.bool of shape \[9\]"),
    ):
        with pytest.raises(ValueError, match=words):
            evaluator.predict("GCN", small, nodes, seeds=1)


def test_what_is_no_model_says_what_is(real, small):
    for model, words in (
        (["GCN"], "a model is a name or a class, got list"),
        (pyg.GCN(10, 8, 2, 3), "got GCN: .*a network of its own is built for every seed"),
        (pyg.GCNConv, r"GCNConv\(in_channels=.*hidden_channels.*wrap it in a function"),
    ):
        with pytest.raises(ValueError, match=words) as told:
            fit(model, small, real, seeds=1, epochs=1, hidden=4)
        assert len(str(told.value)) < 500
