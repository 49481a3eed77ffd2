"""Membership inference: it finds what leaks, and nothing where nothing does."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
import torch
from torch_geometric.data import Data

from graphcondense import cli
from graphcondense.data import as_task
from graphcondense.evaluate import NodeEvaluator, random_subgraph
from graphcondense.uses import privacy as module
from graphcondense.uses.privacy import (
    attack_auc,
    attack_features,
    membership_inference,
    pair_up,
)

FAST = {"epochs": 3, "hidden": 8, "seeds": 2, "folds": 2, "random_draws": 1}


def real(val: int = 60, seed: int = 0) -> Data:
    """Classes 0, 1, 2 in turn: 30 training nodes, then ``val``, then test nodes."""
    generator = torch.Generator().manual_seed(seed)
    y, node = torch.arange(150) % 3, torch.arange(150)
    return Data(
        x=torch.eye(3, 6)[y] + 0.5 * torch.randn(150, 6, generator=generator),
        y=y,
        edge_index=torch.randint(150, (2, 300), generator=generator),
        train_mask=node < 30,
        val_mask=(node >= 30) & (node < 30 + val),
        test_mask=node >= 30 + val,
    )


def small() -> Data:
    edges = torch.empty(2, 0, dtype=torch.long)
    return Data(x=torch.eye(3, 6).repeat(4, 1), y=torch.arange(3).repeat(4), edge_index=edges)


# --- the attack ------------------------------------------------------------------------------


def test_features_by_loops():
    generator = torch.Generator().manual_seed(0)
    logits, y = torch.randn(5, 4, generator=generator), torch.tensor([0, 3, 1, 1, 2])
    found = attack_features(logits, y)
    for node in range(5):
        weights = [math.exp(float(v)) for v in logits[node]]
        p = [w / sum(weights) for w in weights]
        entropy = -sum(q * math.log(q) for q in p)
        wanted = [*sorted(p, reverse=True), entropy, -math.log(p[int(y[node])])]
        np.testing.assert_allclose(found[node], wanted, rtol=1e-6)


@pytest.mark.parametrize("attack", ["logistic", "forest"])
def test_leaky_logits_are_told_apart_and_alike_ones_are_not(attack):
    generator = torch.Generator().manual_seed(0)
    y = torch.randint(3, (200,), generator=generator)
    member = np.arange(200) < 100
    logits = torch.randn(200, 3, generator=generator)
    alike = attack_auc(logits, y, member, attack=attack)
    assert all(abs(area - 0.5) < 0.1 for area in alike)
    sure = torch.eye(3)[y] * 4
    leaky = attack_auc(torch.where(torch.tensor(member)[:, None], sure, logits), y, member)
    assert leaky[0] > 0.95
    assert leaky[1] > 0.9
    # The other way round: less sure of members. The learnt attack finds that, the loss does not.
    shy = torch.where(torch.tensor(member)[:, None], logits * 0.01, sure)
    learnt, loss = attack_auc(shy, y, member, attack=attack)
    assert learnt > 0.99
    assert loss < 0.01


def test_area_of_the_loss_by_loops():
    generator = torch.Generator().manual_seed(1)
    logits, y = torch.randn(12, 3, generator=generator), torch.arange(12) % 3
    member = np.arange(12) < 6
    loss = torch.nn.functional.cross_entropy(logits, y, reduction="none").tolist()
    wins = sum(loss[i] < loss[j] for i in range(6) for j in range(6, 12))
    assert attack_auc(logits, y, member, folds=2)[1] == pytest.approx(wins / 36)


# --- members and non-members -----------------------------------------------------------------


def test_pairs_are_of_the_same_classes():
    task = as_task(real(val=105))  # 15 test nodes, 5 a class
    members, others = pair_up(task, task.train, 0)
    assert len(members) == len(others) == 15
    assert set(members.tolist()) <= set(task.train.tolist())
    assert set(others.tolist()) == set(task.test.tolist())
    assert torch.equal(task.y[members], task.y[others])
    again, _ = pair_up(task, task.train, 0)
    assert torch.equal(members, again)
    assert not torch.equal(members, pair_up(task, task.train, 1)[0])


def test_members_of_a_random_subgraph_are_its_nodes():
    task = as_task(real())
    nodes = module._random_nodes(task, small(), 5)
    graph = random_subgraph(task, small(), 5)
    assert torch.equal(graph.x, task.x[nodes])
    assert torch.equal(graph.y, task.y[nodes])
    assert (graph.adj != task.subgraph(nodes).adj).nnz == 0


def test_control_trains_on_no_member():
    task = as_task(real())
    swapped = module._swapped(task, 0)
    assert torch.bincount(task.y[swapped.train]).tolist() == [10, 10, 10]
    both = torch.cat([swapped.train, swapped.val])
    assert sorted(both.tolist()) == task.val.tolist()
    assert module._swapped(as_task(real(val=30)), 0) is None


# --- the whole -------------------------------------------------------------------------------


def test_rows(tmp_path):
    result = membership_inference({"ours": [small(), small()]}, real(), **FAST)
    found = [(row.label, row.graphs, row.trainings, row.members) for row in result.rows]
    assert found == [
        ("ours", 2, 2, 30),
        ("random", 1, 2, 12),
        ("whole", 1, 2, 30),
        ("control", 1, 2, 30),
    ]
    assert all(0 <= row.auc <= 1 and 0 <= row.test <= 1 for row in result.rows)
    assert result.rows[0].test == pytest.approx(
        NodeEvaluator(real(), epochs=3, hidden=8).fit("GCN", small(), seeds=2).test_selected.mean()
    )
    assert "control: trained on validation nodes" in result.table()
    assert json.loads(result.to_json())["settings"]["epochs"] == 3
    result.plot(tmp_path / "p.png")
    assert (tmp_path / "p.png").read_bytes()[:4] == b"\x89PNG"
    assert membership_inference({"ours": [small(), small()]}, real(), **FAST) == result


def test_a_single_training_has_no_spread(tmp_path):
    result = membership_inference(small(), real(), **{**FAST, "seeds": 1})
    row = result.rows[0]
    assert (row.test_std, row.auc_std, row.loss_auc_std) == (None, None, None)
    assert json.loads(result.to_json())["rows"][0]["auc_std"] is None
    result.plot(tmp_path / "p.png")
    assert (tmp_path / "p.png").stat().st_size > 1000


def test_without_enough_validation_nodes_there_is_no_control():
    result = membership_inference(small(), real(val=15), **FAST)
    assert [row.label for row in result.rows] == ["condensed", "random", "whole"]
    assert "control: left out" in result.table()


def test_dictated_predictions(monkeypatch):
    """Only whoever trains on the real training nodes remembers them."""
    task = as_task(real())

    def predict(self, model, graph, nodes, *, seeds):
        del model
        remembered = getattr(graph, "train", torch.empty(0, dtype=torch.long))
        known = torch.isin(nodes, remembered) if graph is self.real else torch.zeros(len(nodes))
        noise = torch.randn(len(nodes), 3, generator=torch.Generator().manual_seed(0))
        logits = torch.where(known.bool()[:, None], 9 * torch.eye(3)[task.y[nodes]], noise)
        return logits.expand(seeds, -1, -1)

    monkeypatch.setattr(NodeEvaluator, "predict", predict)
    rows = {r.label: r for r in membership_inference(small(), task, **FAST).rows}
    assert rows["whole"].auc == rows["whole"].loss_auc == rows["whole"].member_accuracy == 1
    for label in ("condensed", "random", "control"):
        assert abs(rows[label].loss_auc - 0.5) < 0.25
        assert rows[label].member_accuracy < 0.7


def test_test_labels_reach_no_training(monkeypatch):
    said = []
    predict = NodeEvaluator.predict

    def listen(self, model, graph, nodes, **how):
        logits = predict(self, model, graph, nodes, **how)
        said.append(dict(zip(nodes.tolist(), logits.unbind(1), strict=True)))
        return logits

    monkeypatch.setattr(NodeEvaluator, "predict", listen)
    other = real()
    other.y[other.test_mask] = other.y[other.test_mask].roll(7)
    membership_inference(small(), real(), **FAST)
    membership_inference(small(), other, **FAST)
    half = len(said) // 2
    for one, two in zip(said[:half], said[half:], strict=True):
        assert all(torch.equal(one[node], two[node]) for node in one.keys() & two.keys())


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"attack": "svm"}, "unknown attack 'svm'; known are logistic, forest"),
        ({"model": "GCM"}, "GCN"),
        ({"folds": 1}, "folds=1"),
        ({"folds": 13}, "12 members .* too few for 13 folds"),
        ({"small": {"control": small()}}, "'control' names a baseline"),
        ({"small": Data(x=torch.ones(3, 4), y=torch.arange(3))}, r"4 features.*6"),
    ],
)
def test_errors(arguments, message):
    with pytest.raises(ValueError, match=message):
        membership_inference(arguments.pop("small", small()), real(), **{**FAST, **arguments})
    data = real()
    data.test_mask[:] = False
    with pytest.raises(ValueError, match="test"):
        membership_inference(small(), data, **FAST)
    with pytest.raises(TypeError, match="widht"):
        membership_inference(small(), real(), widht=3)


def test_command(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    words = ["--data", "digits", "--nodes", "20", "--validations", "0", "--no-progress"]
    assert cli.main(["condense", "kcenter", *words, "--out", "run"]) == 0
    quick = ["--seeds", "1", "--epochs", "2", "--hidden", "8", "--random-draws", "1"]
    assert cli.main(["privacy", "run", *quick, "--folds", "3"]) == 0
    assert "attack AUC %" in capsys.readouterr().out
    content = json.loads((tmp_path / "run/privacy.json").read_text())
    assert [r["label"] for r in content["rows"]][:3] == ["kcenter", "random", "whole"]
    assert (tmp_path / "run/privacy.png").exists()
    assert cli.main(["privacy", "run", "--folds", "1"]) == 2
    assert "error: folds=1" in capsys.readouterr().err
