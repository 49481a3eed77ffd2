"""Membership inference: it finds what leaks, and nothing where nothing does."""

from __future__ import annotations

import json
import math
import re
from pathlib import Path

import numpy as np
import pytest
import torch
from torch_geometric.data import Data

import graphcondense
from graphcondense import cli
from graphcondense.data import as_task
from graphcondense.evaluate import NodeEvaluator, random_subgraph
from graphcondense.evaluate.result import percent
from graphcondense.saved import condensed
from graphcondense.saved.condensed import renew_card
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


# --- the card --------------------------------------------------------------------------------


NOTHING = "nothing is known here of an attack on this graph alone"


def saved(folder, **record):
    """A graph with the record that runs write, as far as cards read it."""
    graph = small()
    graph.condensed = {"method": "gecc", "kind": "node", "data": {"name": "toy"}, **record}
    return graphcondense.save(graph, folder), graph


def test_the_card_says_what_was_found_or_that_nothing_was(tmp_path):
    path, graph = saved(tmp_path)
    card, before = path.with_suffix(".md"), path.read_bytes()
    assert f"{NOTHING}. `graphcondense privacy RUN --data DATA`, with this fol" in card.read_text()
    found = membership_inference({"gecc": graph}, real(), **FAST)
    assert found.keep(tmp_path) == tmp_path / "privacy.json"
    text = card.read_text()
    assert NOTHING not in text
    assert (
        "Membership inference on a GCN: logistic attack in 2 folds, 30 members and as many "
        "non-members, 2 trainings of 3 epochs (seeds 0, 1). An AUC of 50 % is a guess."
    ) in text
    row = found.rows[0]
    area, test = percent(row.auc, row.auc_std), percent(row.test, row.test_std)
    line = next(line for line in text.splitlines() if line.startswith("| gecc | 1 | 2 | 30 |"))
    assert f"| {area} |" in line
    assert line.endswith(f"| {test} |")
    assert all(f"| {label} | 1 | 2 |" in text for label in ("random", "whole", "control"))
    assert path.read_bytes() == before  # neither the file nor its hash
    # Saved once more it is told again, and another graph in its place has nothing of it.
    graphcondense.save(graph, path)
    assert card.read_text() == text
    graph.x = graph.x + 1
    graphcondense.save(graph, path)
    assert NOTHING in card.read_text()


def test_only_this_very_graph_alone_is_told(tmp_path):
    path, graph = saved(tmp_path)
    other = small()
    other.x = other.x + 1
    pooled = membership_inference({"gecc": [graph, other]}, real(), **FAST)
    with pytest.raises(ValueError, match=r"what was attacked is gecc \(.*, .*\): attack the saved"):
        pooled.keep(path)
    assert not (tmp_path / "privacy.json").exists()
    pooled.to_json(tmp_path / "privacy.json")
    renew_card(path)
    assert NOTHING in path.with_suffix(".md").read_text()
    # Beside another it is, and the other is not told.
    both = membership_inference({"ours": graph, "theirs": other}, real(), **FAST)
    both.keep(path)
    text = path.with_suffix(".md").read_text()
    assert "| ours | 1 |" in text
    assert "theirs" not in text


def test_a_single_file_is_told_how(tmp_path):
    path, graph = saved(tmp_path / "toy.safetensors")
    card = path.with_suffix(".md")
    assert "with `toy.safetensors` as RUN and the data" in card.read_text()
    found = membership_inference({"gecc": graph}, real(), **{**FAST, "seeds": 1})
    assert found.keep(path) == tmp_path / "toy.privacy.json"
    assert "1 training of 3 epochs (seed 0)" in card.read_text()
    # Another file of the folder has numbers of its own, and leaves these as they are.
    graph.x = graph.x + 1
    other = graphcondense.save(graph, tmp_path / "other.safetensors")
    membership_inference({"gecc": graph}, real(), **{**FAST, "seeds": 1}).keep(other)
    for one in (path, other):
        renew_card(one)
        assert "1 training of 3 epochs (seed 0)" in one.with_suffix(".md").read_text()


def test_numbers_outside_the_account_are_called_so(tmp_path):
    path, graph = saved(tmp_path, privacy={"epsilon": 4.0, "delta": 1e-5})
    card = path.with_suffix(".md")
    text = card.read_text()
    assert "gives away and keeps at other epsilons" in text
    assert all(f"| {epsilon} | cora, 7 nodes |" in text for epsilon in ("none", "10", "4", "1"))
    assert "outside the account" not in text
    membership_inference({"gecc": graph}, real(), **FAST).keep(path)
    assert "outside the account of epsilon" in card.read_text()
    plain, _ = saved(tmp_path / "plain")
    assert "other epsilons" not in plain.with_suffix(".md").read_text()


@pytest.mark.parametrize(
    "record", [{"kind": "link"}, {"data": {"label_kind": "soft"}}, {"kind": 3}]
)
def test_what_no_command_attacks_has_no_section(tmp_path, record):
    path, graph = saved(tmp_path)
    graph.y = torch.eye(3)[graph.y] if "data" in record else graph.y
    graph.condensed |= record
    graphcondense.save(graph, path)
    assert "Membership inference" not in path.with_suffix(".md").read_text()


@pytest.mark.parametrize(
    "change",
    [
        {"kind": "Serving"}, {"kind": []}, {"rows": 3}, {"rows": [3]}, {"rows": [[]]}, {"rows": []},
        {"rows": ["label"]}, {"table": []}, {"table": 7}, {"table": [["a"]] * 5}, {"notes": "text"},
        {"table": [3] * 5}, {"seeds": 3}, {"settings": []}, {"settings": {}}, {"model": None},
    ],
)  # fmt: skip
def test_a_file_that_is_none_of_the_command_is_not_told(tmp_path, change):
    path, graph = saved(tmp_path)
    file = membership_inference({"gecc": graph}, real(), **FAST).keep(path)
    content = json.loads(file.read_text())
    file.write_text(json.dumps({**content, **change}))
    renew_card(path)
    told = "Membership inference on a None" if "model" in change else NOTHING
    assert told in path.with_suffix(".md").read_text()
    for broken in ("", "[", "[]", "null", "[" * 10**5, "\x00"):
        file.write_text(broken)
        renew_card(path)
        assert NOTHING in path.with_suffix(".md").read_text()


def test_what_it_says_is_escaped(tmp_path):
    path, graph = saved(tmp_path)
    file = membership_inference({"gecc": graph}, real(), **FAST).keep(path)
    content = json.loads(file.read_text())
    content |= {"model": "<script>", "notes": ["a\n# b", "| c | <b>"]}
    content["table"][0][0] = "<img>|"
    file.write_text(json.dumps(content))
    renew_card(path)
    text = path.with_suffix(".md").read_text()
    assert not any(sign in text for sign in ("<script>", "<img>", "<b>", "\n# b"))


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
    card = tmp_path / "run/condensed.md"
    assert "| kcenter | 1 | 1 |" in card.read_text()
    assert "1 training of 2 epochs" in card.read_text()
    again = ["--overwrite", "--out", "run"]
    assert cli.main(["condense", "kcenter", *words, "--seed", "1", *again]) == 0
    assert NOTHING in card.read_text()
    assert cli.main(["privacy", "run", "--folds", "1"]) == 2
    assert "error: folds=1" in capsys.readouterr().err


def test_a_run_is_opened_once_for_its_numbers_and_its_card(tmp_path, monkeypatch):
    """Besides the look at which data it is of, and the reading itself."""
    monkeypatch.chdir(tmp_path)
    words = ["--data", "digits", "--nodes", "20", "--no-progress", "--quiet"]
    assert cli.main(["condense", "kcenter", *words, "--out", "run"]) == 0
    opened = []
    for one in (module, condensed):
        load = one.load
        monkeypatch.setattr(one, "load", lambda path, load=load: opened.append(1) or load(path))
    quick = ["--seeds", "1", "--epochs", "2", "--hidden", "8", "--random-draws", "0"]
    assert cli.main(["privacy", "run", *quick, "--folds", "3", "--quiet"]) == 0
    assert len(opened) == 3
    assert "| kcenter | 1 | 1 |" in Path("run/condensed.md").read_text()


def test_each_run_that_is_attacked_alone_is_told(tmp_path, monkeypatch, capsys):
    """Of a file in another folder, too, which the command that its card prints attacks."""
    (tmp_path / "away").mkdir()
    monkeypatch.chdir(tmp_path)
    words = ["--data", "digits", "--nodes", "20", "--no-progress", "--quiet"]
    for method, out in (("kcenter", "a"), ("random", "q"), ("random", "s")):
        seed = ["--seed", "1"] if out == "s" else []
        assert cli.main(["condense", method, *words, *seed, "--out", out]) == 0
    file = graphcondense.save(graphcondense.load("q"), tmp_path / "away/b.safetensors")
    quick = [*("--seeds", "1", "--epochs", "2", "--hidden", "8", "--random-draws", "1")]
    quick += ["--folds", "3", "--quiet"]
    # Two seeds of one method are one row, which is told of neither.
    assert cli.main(["privacy", "q", "s", *quick]) == 0
    assert all(NOTHING in Path(f"{run}/condensed.md").read_text() for run in "qs")
    assert not Path("s/privacy.json").exists()
    assert cli.main(["privacy", "a", "q", *quick]) == 0
    for run, label in (("a", "kcenter"), ("q", r"random \(run\)")):
        assert re.search(rf"\| {label} \| 1 \| 1 \|", Path(f"{run}/condensed.md").read_text())
    monkeypatch.chdir(tmp_path / "away")
    assert cli.main(["privacy", "b.safetensors", "--data", "digits", *quick]) == 0
    assert "| random (run) | 1 | 1 |" in file.with_suffix(".md").read_text()
    # A file that is named is the only one, and no card says what is not beside it.
    monkeypatch.chdir(tmp_path)
    assert cli.main(["privacy", "s", "--json", "out.json", *quick]) == 0
    assert not Path("s/privacy.json").exists()
    assert NOTHING in Path("s/condensed.md").read_text()
    Path("s/privacy.json").mkdir()
    assert cli.main(["privacy", "a", "s", *quick]) == 2
    assert "s/privacy.json" in capsys.readouterr().err
