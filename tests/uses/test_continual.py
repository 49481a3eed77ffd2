"""Classes that arrive in groups: what is visible when, and the measures."""

from __future__ import annotations

import copy
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import scipy.sparse as sp
import torch
from torch_geometric.data import Data

import graphcondense
from graphcondense import cli
from graphcondense.data.node_reading import as_task
from graphcondense.data.task import NodeTask
from graphcondense.evaluate.floors import random_subgraph
from graphcondense.evaluate.nodes import NodeEvaluator
from graphcondense.uses.continual import _groups, forgetting, learn_continually, union
from graphcondense.uses.continual_results import STRATEGIES, Continual
from tests.cases import tensors, toy_graph

FAST: dict[str, Any] = {"epochs": 30, "hidden": 16, "seeds": 2, "progress": False}


def rows_of(task: NodeTask, per_class: int = 2) -> Data:
    """A few training nodes as a condensed graph."""
    like = Data(
        x=torch.zeros(per_class * task.num_classes, task.num_features),
        y=torch.arange(task.num_classes).repeat(per_class),
    )
    part = random_subgraph(task, like, 7)
    return Data(x=torch.as_tensor(part.x), y=part.y)


class Spy:
    """Condenses and keeps what it was shown."""

    def __init__(self, soft: bool = False) -> None:
        self.seen: list[tuple[NodeTask, int]] = []
        self.soft = soft

    def __call__(self, task: NodeTask, seed: int) -> Data:
        self.seen.append((task, seed))
        small = rows_of(task)
        if self.soft:
            small.y = torch.nn.functional.one_hot(small.y, task.num_classes).float()
        return small


@pytest.fixture(scope="module")
def found() -> Continual:
    return learn_continually(toy_graph(n=160, classes=4), Spy(), draws=2, **FAST)


def test_only_the_current_group_is_condensed() -> None:
    data, spy = toy_graph(n=160, classes=6), Spy()
    order = [4, 1, 0, 5, 2, 3]
    quick = {**FAST, "epochs": 2, "strategies": ["condensed-only"]}
    learn_continually(data, spy, order=order, draws=2, seed=5, **quick)
    assert [seed for _, seed in spy.seen] == [5, 6] * 3
    task = as_task(data)
    for i, (own, _) in enumerate(spy.seen):
        group = order[2 * (i // 2) : 2 * (i // 2) + 2]
        nodes = torch.cat([(data.y == c).nonzero().flatten() for c in group]).sort().values
        assert torch.equal(torch.as_tensor(own.x), data.x[nodes])
        assert (own.adj != task.adj[nodes.numpy()][:, nodes.numpy()]).nnz == 0
        assert own.num_classes == 2
        assert not len(own.test)
        known = torch.cat([own.train, own.val])
        assert torch.equal(torch.tensor(group)[own.y[known]], data.y[nodes][known])
        hidden = torch.ones(own.num_nodes, dtype=torch.bool)
        hidden[known] = False
        assert hidden.any()
        assert bool((own.y[hidden] == -1).all())


def test_rows_and_summaries_agree(found: Continual) -> None:
    assert [(row.strategy, row.step) for row in found.rows] == [
        (name, step) for step in (1, 2) for name in STRATEGIES
    ]
    for summary in found.summaries:
        rows = [row for row in found.rows if row.strategy == summary.strategy]
        assert [len(row.groups) for row in rows] == [1, 2]
        assert summary.average == pytest.approx(sum(row.accuracy for row in rows) / 2)
        assert summary.final == pytest.approx(rows[-1].accuracy)
        # One earlier group and two steps: the mean over trainings is a difference of means.
        lost = rows[0].groups[0] - rows[1].groups[0]
        assert summary.forgetting == pytest.approx(lost, abs=1e-6)
        many = not summary.strategy.startswith(("joint", "none"))
        assert rows[-1].trainings == (4 if many else 2)


def test_memory_holds_what_it_says(found: Continual) -> None:
    memory = {(row.strategy, row.step): row.memory_nodes for row in found.rows}
    counted = [name for name in STRATEGIES if not name.startswith("bytes")]
    assert {name: (memory[name, 1], memory[name, 2]) for name in counted} == {
        "joint": (0, 0),
        "condensed": (0, 4),
        "condensed-only": (4, 8),
        "random": (0, 4),
        "random-only": (4, 8),
        "none": (0, 0),
    }
    nodes = {row.strategy: row.nodes for row in found.rows if row.step == 2}
    assert {name: nodes[name] for name in counted} == {
        "joint": 160,
        "condensed": 84,
        "condensed-only": 8,
        "random": 84,
        "random-only": 8,
        "none": 80,
    }
    stored = {row.strategy: row.memory_bytes for row in found.rows if row.step == 2}
    # A condensed graph as PyG stores it, without an adjacency; the others beside one.
    least = 0.5 * stored["condensed-only"]
    assert least < stored["bytes-only"] <= stored["random-only"]


def test_without_memory_the_past_is_gone(found: Continual) -> None:
    final = {summary.strategy: summary.final for summary in found.summaries}
    assert final["joint"] > final["none"] + 0.2
    assert found.summary("none").forgetting > 0.8
    assert found.summary("joint").forgetting < 0.3
    last = [row for row in found.rows if row.strategy == "none"][-1]
    assert last.groups[0] == 0


def test_first_step_is_the_same_without_a_memory(found: Continual) -> None:
    first = {row.strategy: row.accuracy for row in found.rows if row.step == 1}
    assert first["joint"] == first["none"]
    assert first["condensed"] == first["random"] == pytest.approx(first["joint"])


def test_soft_labels_do_as_hard_ones(found: Continual) -> None:
    soft = learn_continually(toy_graph(n=160, classes=4), Spy(soft=True), draws=2, **FAST)
    for a, b in zip(soft.rows, found.rows, strict=True):
        assert a.accuracy == pytest.approx(b.accuracy, abs=0.03)


def test_same_seed_same_result_and_nothing_changed(found: Continual) -> None:
    data = toy_graph(n=160, classes=4)
    before = copy.deepcopy(data)
    torch.manual_seed(3)
    state = torch.get_rng_state()
    again = learn_continually(data, Spy(), draws=2, **FAST)
    assert torch.equal(state, torch.get_rng_state())
    assert all(torch.equal(a, b) for a, b in zip(tensors(before), tensors(data), strict=True))
    for a, b in zip(again.rows, found.rows, strict=True):
        assert replace(a, seconds=0, seconds_condensing=0) == replace(
            b, seconds=0, seconds_condensing=0
        )


def test_test_labels_choose_nothing() -> None:
    data, spies = toy_graph(n=160, classes=4), [Spy(), Spy()]
    other = copy.deepcopy(data)
    # Within a group: which group a node arrives with is part of the problem.
    swap = torch.tensor([1, 0, 3, 2])
    other.y = torch.where(data.test_mask, swap[data.y], data.y)
    a, b = (
        learn_continually(d, s, strategies=["none"], **FAST)
        for d, s in zip((data, other), spies, strict=True)
    )
    for row, flipped in zip(a.rows, b.rows, strict=True):  # two classes a group: right is wrong
        assert row.groups[-1] == pytest.approx(1 - flipped.groups[-1], abs=1e-6)
    learn_continually(data, spies[0], strategies=["condensed"], **FAST)
    learn_continually(other, spies[1], strategies=["condensed"], **FAST)
    for (mine, _), (theirs, _) in zip(spies[0].seen, spies[1].seen, strict=True):
        assert torch.equal(mine.y, theirs.y)


def test_forgetting_by_hand() -> None:
    a = [[0.8], [0.9, 0.7], [0.6, 0.9, 0.5], [0.5, 0.6, 0.6, 1.0]]
    # best before the last step: 0.9, 0.9, 0.5
    assert forgetting(a) == pytest.approx(((0.9 - 0.5) + (0.9 - 0.6) + (0.5 - 0.6)) / 3)


def test_union_is_block_diagonal() -> None:
    task = as_task(toy_graph(n=30))
    first, second = (task.subgraph(torch.tensor(part)) for part in ([0, 1, 2, 3], [9, 8, 7]))
    soft = replace(second, y=torch.tensor([[0.3, 0.7], [1.0, 0.0], [0.0, 1.0]]))
    both = union([replace(first, x=sp.csr_matrix(first.x.numpy())), soft], 4)
    dense = both.adj.toarray()
    assert (dense[:4, :4] == first.adj.toarray()).all()
    assert (dense[4:, 4:] == second.adj.toarray()).all()
    assert not dense[:4, 4:].any()
    assert not dense[4:, :4].any()
    assert torch.equal(both.train, torch.cat([first.train, second.train + 4]))
    assert torch.equal(both.y[:4].argmax(1), first.y)
    assert torch.equal(both.y[4:, :2], soft.y)
    assert not both.y[4:, 2:].any()
    assert (both.x.toarray()[4:] == second.x.numpy()).all()


def test_groups() -> None:
    assert _groups(7, None, None, None) == ((0, 1, 2), (3, 4), (5, 6))
    assert _groups(7, 2, None, [6, 5, 4, 3, 2, 1, 0]) == ((6, 5, 4, 3), (2, 1, 0))
    assert _groups(10, None, 3, None) == ((0, 1, 2, 3), (4, 5, 6), (7, 8, 9))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"steps": 2, "classes_per_step": 2}, "give one of them"),
        ({"classes_per_step": 1}, "at least 2 classes"),
        ({"steps": 3}, "4 classes in 3 steps"),
        ({"order": [0, 1, 2, 2]}, r"\[0, 1, 2, 2\]"),
        ({"strategies": ["replay"]}, "unknown strategy 'replay'"),
        ({"strategies": []}, "strategies is empty"),
        ({"seeds": []}, "seeds is empty"),
        ({"draws": 0}, "draws=0"),
    ],
)
def test_wrong_arguments_are_named(options: dict[str, Any], message: str) -> None:
    spy = Spy()
    with pytest.raises(ValueError, match=message):
        learn_continually(toy_graph(n=160, classes=4), spy, **{**FAST, **options})
    assert not spy.seen


def test_a_group_without_validation_nodes_is_named() -> None:
    data = toy_graph(n=160, classes=4)
    data.val_mask &= data.y < 2
    with pytest.raises(ValueError, match=r"classes \(2, 3\) have no node in the val split"):
        learn_continually(data, Spy(), **FAST)
    with pytest.raises(TypeError, match="unknown option"):
        learn_continually(toy_graph(n=160, classes=4), Spy(), wrong=1)


def test_printed_saved_and_drawn(found: Continual, tmp_path: Any) -> None:
    text = found.table()
    assert "classes 0 1 | 2 3" in text
    assert all(name in text for name in STRATEGIES)
    assert json.loads(found.to_json(tmp_path / "a.json"))["kind"] == "Continual"
    assert len(found.to_frame()) == 16
    assert found.to_latex().count(r"\\") == 17
    found.plot(tmp_path / "a.png")
    assert (tmp_path / "a.png").read_bytes()[:4] == b"\x89PNG"


def test_command(
    tmp_path: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    words = ["--data", "digits", "--method", "kcenter", "--per-class", "2", "--seeds", "1"]
    quick = ["--epochs", "3", "--hidden", "8", "--steps", "2", "--strategies", "condensed,none"]
    assert cli.main(["continual", *words, *quick]) == 0
    folder = tmp_path / "runs/continual-digits-kcenter"
    names = ["continual.json", "continual.png", "graphs"]
    assert sorted(path.name for path in folder.iterdir()) == names
    content = json.loads((folder / "continual.json").read_text())
    assert [row["memory_nodes"] for row in content["rows"]] == [0, 0, 10, 0]
    assert content["method"] == "kcenter"
    assert "1 memory by kcenter x 1 training" in content["title"]
    capsys.readouterr()
    assert cli.main(["continual", *words, "--method", "kcentre"]) == 2
    assert "kcenter" in capsys.readouterr().err
    assert cli.main(["continual", *words, "--options", '{"hopps": 1}']) == 2
    assert "did you mean hops" in capsys.readouterr().err
    for option, said in {"per_class": "--per-class 3", "preset": "--preset 3"}.items():
        assert cli.main(["continual", *words, "--options", f'{{"{option}": 3}}']) == 2
        assert f"give {said} instead" in capsys.readouterr().err


def without_seconds(found: Any) -> list[dict[str, Any]]:
    rows = found["rows"] if isinstance(found, dict) else json.loads(found.to_json())["rows"]
    return [{k: v for k, v in row.items() if "seconds" not in k} for row in rows]


class Trainings:
    """Counts what is trained, and is interrupted in the place of one of them."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.done, self.stop_at = 0, -1
        predict = NodeEvaluator.predict

        def counted(*args: Any, **options: Any) -> Any:
            if self.done == self.stop_at:
                raise KeyboardInterrupt
            self.done += 1
            return predict(*args, **options)

        monkeypatch.setattr(NodeEvaluator, "predict", counted)


def test_finished_trainings_are_not_repeated(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Wherever an interrupt comes, the rest gives what all at once give."""
    data, file, trainings = (
        toy_graph(n=160, classes=4),
        tmp_path / "a.jsonl",
        Trainings(monkeypatch),
    )
    how: dict[str, Any] = {**FAST, "epochs": 2, "strategies": ["joint", "condensed", "none"]}
    whole = learn_continually(data, Spy(), **how)
    assert trainings.done == 4  # one of the first step, where all are alike, and three
    for stop in range(4):
        trainings.done, trainings.stop_at = 0, stop
        with pytest.raises(KeyboardInterrupt):
            learn_continually(data, Spy(), store=file, **how)
        trainings.stop_at = -1
        again = learn_continually(data, Spy(), store=file, **how)
        assert trainings.done == 4
        assert without_seconds(again) == without_seconds(whole)
        assert json.loads(again.to_json())["summaries"][0]["final"] == whole.summaries[0].final
        assert not file.exists()


@pytest.mark.parametrize(
    "other", [{"epochs": 3}, {"model": "SGC"}, {"order": [1, 0, 3, 2]}, {"seeds": 1}]
)
def test_trainings_of_other_settings_are_not_taken_up(
    other: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data, trainings = toy_graph(n=160, classes=4), Trainings(monkeypatch)
    how: dict[str, Any] = {**FAST, "epochs": 2, "strategies": ["none"], "store": tmp_path / "a"}
    trainings.stop_at = 1
    with pytest.raises(KeyboardInterrupt):
        learn_continually(data, Spy(), **how)
    trainings.done, trainings.stop_at = 0, -1
    with pytest.warns(UserWarning, match="1 of another evaluation"):
        learn_continually(data, Spy(), **{**how, **other})
    assert trainings.done == 2


def test_an_interrupted_command_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Graphs that are condensed and trainings that are done stay, and what it took is told of
    both."""
    monkeypatch.chdir(tmp_path)
    trainings, made = Trainings(monkeypatch), []
    condense = graphcondense.condense
    monkeypatch.setattr(
        graphcondense, "condense", lambda *args, **how: made.append(1) or condense(*args, **how)
    )
    words = ["continual", "--data", "digits", "--method", "kcenter", "--per-class", "2"]
    words += ["--seeds", "1", "--epochs", "2", "--hidden", "8", "--steps", "2"]
    words += ["--strategies", "condensed,none"]
    assert cli.main([*words, "--out", "whole"]) == 0
    assert (trainings.done, len(made)) == (3, 2)
    trainings.done, trainings.stop_at = 0, 2
    capsys.readouterr()
    assert cli.main([*words, "--out", "two"]) == 130
    said = capsys.readouterr().err
    places = [str(Path("two", name)) for name in ("graphs", "continual.partial.jsonl")]
    assert f"what is finished is in {' and '.join(places)}: the same command goes on" in said
    names = sorted(path.name for path in (tmp_path / "two").iterdir())
    assert names == ["continual.partial.jsonl", "graphs"]
    made.clear()
    trainings.stop_at = -1
    assert cli.main([*words, "--out", "two"]) == 0
    assert (trainings.done, made) == (3, [])
    whole, two = (
        json.loads(Path(f"{name}/continual.json").read_text()) for name in ("whole", "two")
    )
    assert without_seconds(two) == without_seconds(whole)
    assert all(r["seconds_condensing"] > 0 for r in two["rows"] if r["strategy"] == "condensed")
    assert not (tmp_path / "two/continual.partial.jsonl").exists()


SMALL = ["continual", "--data", "digits", "--method", "kcenter", "--seeds", "1", "--epochs", "2"]
SMALL += ["--hidden", "8", "--steps", "2", "--strategies"]


def test_a_folder_keeps_graphs_of_several_settings(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Sizes of the memory are compared in one folder; what is the same is taken up, but what
    another version made."""
    monkeypatch.chdir(tmp_path)
    made: list[object] = []
    condense = graphcondense.condense
    monkeypatch.setattr(
        graphcondense, "condense", lambda *args, **how: made.append(1) or condense(*args, **how)
    )
    for more, new in (
        (["--per-class", "2"], 2),
        (["--per-class", "3"], 2),
        (["--per-class", "2", "--options", '{"hops": 1}'], 2),
        (["--per-class", "2"], 0),
        (["--per-class", "3", "--epochs", "3"], 0),
    ):
        made.clear()
        assert cli.main([*SMALL, "condensed", *more]) == 0, more
        assert len(made) == new, more
    graphs = tmp_path / "runs/continual-digits-kcenter/graphs"
    assert len(list(graphs.iterdir())) == 6
    monkeypatch.setattr("graphcondense.version.__version__", "0.0.9")
    assert cli.main([*SMALL, "condensed", "--per-class", "2"]) == 0
    assert (len(made), len(list(graphs.iterdir()))) == (2, 8)


def test_an_interrupt_before_anything_is_finished_promises_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Trainings(monkeypatch).stop_at = 0
    assert cli.main([*SMALL, "none", "--out", "zz"]) == 130
    said = capsys.readouterr().err
    assert "interrupted" in said
    assert "finished" not in said
    assert not Path("zz").exists()
