"""Architectures that the user names score the sets on the way, in the place of the usual one."""

from __future__ import annotations

import pkgutil
import re
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml

import graphcondense
from graphcondense import cli
from graphcondense.core.panel import Panel
from graphcondense.data.node_reading import as_task
from graphcondense.evaluate import NodeEvaluator
from graphcondense.report.runs import validation_score
from graphcondense.run.options import Run
from tests.cases import StopAfter, toy_graph, toy_graphs, toy_images, toy_rows, trained

QUICK: dict[str, Any] = {"per_class": 1, "progress": False}
NODES: dict[str, Any] = {"epochs": 4, "hidden_channels": 4, "validations": 2}
LOOPS: dict[str, Any] = {
    "node": (toy_graph, "doscond-x", NODES),
    "graph": (toy_graphs, "doscond", {"steps": 2, "hidden_channels": 4, "validations": 1}),
    "image": (toy_images, "dm", {"epochs": 2, "hidden_channels": 4, "validations": 1}),
    "rows": (toy_rows, "distill-cf", {"steps": 2, "nodes": 4, "per_class": None}),
}
NAMES = {
    "node": ("GCN", "MLP"),
    "graph": ("GIN", "SAGE"),
    "image": ("ConvNet", "MLP"),
    "rows": ("EASE", "Popularity"),
}


@pytest.fixture(autouse=True)
def short_validation(monkeypatch: pytest.MonkeyPatch) -> None:
    """Less of it where it takes seconds: scores are compared, never judged."""
    for name, less in (
        ("graphs:GraphEvaluator", {"steps": 5}),
        ("images:ImageEvaluator", {"epochs": 5}),
    ):
        name = f"graphcondense.evaluate.{name}"
        short = partial(trained, pkgutil.resolve_name(name), less)
        monkeypatch.setattr(name.replace(":", "."), short)


def run(kind: str = "node", **options: Any) -> Any:
    data, method, own = LOOPS[kind]
    return graphcondense.condense(data(), method, **{**QUICK, **own, **options})


def found(small: Any) -> dict[str, Any]:
    out: dict[str, Any] = small.condensed["validation"]
    return out


class Fixed:
    """An evaluator whose scores are given."""

    all, judge_seeds = ("A", "B", "C"), 3

    def predictor_named(self, name: object) -> None:
        return None

    def model_of(self, model: str) -> str:
        return model

    def name_of(self, model: str) -> str:
        return model

    def score(self, small: object, model: Any = None) -> float:
        return {"A": 0.9, "B": 0.4, "C": 0.5}[model]


def test_mean_and_worst_by_hand() -> None:
    mean, worst = (Panel(Fixed(), ("A", "B", "C"), by) for by in ("mean", "worst"))
    assert mean(None) == pytest.approx(0.6)
    assert worst(None) == 0.4
    assert mean.scores == worst.scores == {"A": 0.9, "B": 0.4, "C": 0.5}
    assert (mean.words, worst.words[:5]) == ("mean of A, B, C (seeds each: 3)", "worst")


@pytest.mark.parametrize("setting", ["transductive", "inductive"])
def test_scores_are_the_evaluators(setting: str) -> None:
    """Those of the set that is returned; in the inductive setting without the test nodes."""
    small = run(validators=NAMES["node"], setting=setting)
    task = as_task(toy_graph())
    if setting == "inductive":
        task = task.subgraph(torch.cat([task.train, task.val]).sort().values)
    by_hand = NodeEvaluator(task, epochs=40, val_every=4)
    scores = found(small)["scores"]
    assert scores == {name: by_hand.score(small, name) for name in NAMES["node"]}
    assert found(small)["score"] == pytest.approx(sum(scores.values()) / 2)
    assert found(small)["predictor"] == "mean of GCN, MLP (seeds each: 3), 40 epochs"


@pytest.mark.parametrize("kind", LOOPS)
def test_every_kind_of_data(kind: str) -> None:
    small = run(kind, validators=NAMES[kind], validate_by="worst")
    told = found(small)
    assert tuple(told["scores"]) == NAMES[kind]
    assert (told["score"], told["by"]) == (min(told["scores"].values()), "worst")
    assert told["predictor"].startswith(f"worst of {', '.join(NAMES[kind])} (seeds each: ")
    named = {"rows": "HR@10"}.get(kind, "accuracy")
    assert validation_score(small).name == named


def test_a_regression_is_negated_as_it_was() -> None:
    graphs = toy_graphs()
    for i, graph in enumerate(graphs):
        graph.y = torch.tensor([[0.1 * (i % 7)]])
    options = {"steps": 2, "hidden_channels": 4, "validations": 1}
    small = graphcondense.condense(graphs, "doscond", validators="GCN", **QUICK, **options)
    assert found(small)["scores"]["GCN"] == found(small)["score"] < 0


def test_the_usual_architecture_by_name_gives_the_usual_bits() -> None:
    usual, named = run(), run(validators="gcn")
    assert usual.condensed["hash"] == named.condensed["hash"]
    assert found(usual)["score"] == found(named)["score"]
    assert "scores" not in found(usual)
    assert found(usual)["predictor"] == "GCN (2 layers, 256 hidden, 40 epochs, 3 seeds)"


def test_a_choice_follows_the_judges(monkeypatch: pytest.MonkeyPatch) -> None:
    """The start is best for one, the first update for the other, and between them the last."""
    values = {"GCN": [0.9, 0.1, 0.6], "MLP": [0.1, 0.9, 0.6]}
    asked: dict[str, int] = {"GCN": 0, "MLP": 0}

    def score(self: Any, small: Any, model: Any = None, **_: Any) -> float:
        asked[model] += 1
        return values[model][asked[model] - 1]

    monkeypatch.setattr(NodeEvaluator, "score", score)
    for names, by, step in (
        ("GCN", "mean", 0),
        ("MLP", "mean", 2),
        ("GCN, MLP", "mean", 4),
        ("MLP,GCN", "worst", 4),
    ):
        asked.update(GCN=0, MLP=0)
        assert found(run(validators=names, validate_by=by))["step"] == step, names


def test_named_architectures_stand_for_a_methods_own_predictor() -> None:
    options = {"validations": 1, "validators": "GCN"}
    small = graphcondense.condense(toy_graph(), "gc-sntk-x", epochs=2, **QUICK, **options)
    assert found(small)["predictor"] == "GCN (seeds each: 3), 40 epochs"


@pytest.mark.parametrize(
    ("kind", "names", "said"),
    [
        ("node", "GCM", "unknown model 'GCM': did you mean .*GCN"),
        ("node", ("SAGE", "GATT"), "unknown model 'GATT': did you mean GAT"),
        ("node", "KernelRidge", "KernelRidge is no network .*there are GCN, SGC"),
        ("graph", "GIM", "unknown graph-level model 'GIM'.*did you mean GIN"),
        ("image", "convnt", "unknown model 'convnt'.*did you mean ConvNet"),
        ("rows", "EAS", "unknown recommender 'EAS'.*did you mean EASE"),
        ("node", ("GCN", "gcn"), "names 'GCN' twice"),
        ("node", (), r"validators=\(\) must have at least one name"),
        ("node", "GCN,", "has an empty name"),
        ("node", 3, "validators=3 is not"),
    ],
)
def test_wrong_names_are_refused_before_any_work(
    kind: str, names: Any, said: str, tmp_path: Path
) -> None:
    out = tmp_path / "run"
    with pytest.raises(ValueError, match=said):
        run(kind, validators=names, out=out)
    assert not out.exists()


def without_validation() -> Any:
    data = toy_graph()
    data.val_mask = torch.zeros(data.num_nodes, dtype=torch.bool)
    return data


@pytest.mark.parametrize(
    ("method", "data", "options", "said"),
    [
        ("random", toy_graph, {"validators": "GCN"}, "nothing is scored on the way .random"),
        ("doscond-x", toy_graph, {"validators": "GCN", "validations": 0}, "with validations=0"),
        ("doscond-x", without_validation, {"validators": "GCN"}, "no validation examples"),
        ("doscond-x", toy_graph, {"validate_by": "worst"}, "validators= names no architectures"),
        ("random", toy_graph, {"validation_nodes": 5}, "nothing is scored on the way .random"),
        ("doscond-x", toy_graph, {"validation_nodes": 5, "validations": 0}, "with validations=0"),
        ("doscond-x", without_validation, {"validation_nodes": 5}, "no validation examples"),
        ("doscond-x", toy_graph, {"validation_nodes": 10**6}, "the data have"),
    ],
)
def test_what_cannot_act_is_refused(method: str, data: Any, options: Any, said: str) -> None:
    with pytest.raises(ValueError, match=rf"cannot act: .*{said}.*leave it out"):
        graphcondense.condense(data(), method, **QUICK, **options)


def test_a_sample_is_for_nodes_alone() -> None:
    with pytest.raises(ValueError, match=r"validation_nodes=5 cannot act: .*all validation"):
        run("image", validation_nodes=5)


@pytest.mark.parametrize("setting", ["transductive", "inductive"])
def test_scores_of_a_sample_are_the_evaluators_on_it(setting: str) -> None:
    """The sample follows from the seed, and the record tells of it."""
    small = run(validation_nodes=7, setting=setting, seed=3)
    assert found(small)["nodes"] == 7
    task = as_task(toy_graph())
    drawn = torch.randperm(len(task.val), generator=torch.Generator().manual_seed(3))[:7]
    seen = torch.cat([task.train, task.val]).sort().values
    task = replace(task, val=task.val[drawn.sort().values])
    task = task.subgraph(seen) if setting == "inductive" else task
    by_hand = NodeEvaluator(task, epochs=40, val_every=4).score(small)
    assert found(small)["score"] == by_hand


def test_of_many_validation_nodes_a_sample_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """The number of all of them reads all."""
    monkeypatch.setattr("graphcondense.data.task.STEADY", 7)
    usual, asked = run(seed=3), run(seed=3, validation_nodes=7)
    assert found(usual)["nodes"] == 7
    assert found(usual)["score"] == found(asked)["score"]
    number = len(as_task(toy_graph()).val)
    whole = run(seed=3, validation_nodes=number)
    monkeypatch.undo()
    assert found(whole)["nodes"] == number
    assert "nodes" not in found(run(seed=3))
    assert found(whole)["score"] == found(run(seed=3))["score"]


def test_nothing_is_sampled_where_nothing_is_scored(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("graphcondense.data.task.STEADY", 7)
    out = tmp_path / "run"
    graphcondense.condense(toy_graph(), "random", nodes=6, progress=False, out=out)
    assert yaml.safe_load((out / "config.yaml").read_text())["validation_nodes"] is None


def test_candidates_share_a_sample() -> None:
    """So that their scores compare."""
    small = run(validation_nodes=7, candidates=2)
    task = as_task(toy_graph())
    drawn = torch.randperm(len(task.val), generator=torch.Generator().manual_seed(0))[:7]
    task = replace(task, val=task.val[drawn.sort().values])
    by_hand = NodeEvaluator(task, epochs=40, val_every=4).score(small)
    assert found(small)["score"] == by_hand


def test_a_sample_on_the_command_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    words = ["condense", "doscond-x", "--data", "digits", "--nodes", "10", "--validations", "1"]
    words += ["--validation-nodes", "20", "--epochs", "1", "--validators", "MLP", "--out", "one"]
    assert cli.main(words) == 0
    assert yaml.safe_load(Path("one/config.yaml").read_text())["validation_nodes"] == 20


def test_an_update_is_not_scored() -> None:
    small = graphcondense.condense(toy_graph(), "gecc", **QUICK)
    for option in (
        {"validation_nodes": 5},
        {"validators": "GCN"},
        {"candidates": 2},
        {"budget_seconds": 1.0},
    ):
        with pytest.raises(ValueError, match="cannot act: an update is one set"):
            graphcondense.update(small, toy_graph(), progress=False, **option)  # type: ignore[arg-type]


@pytest.mark.parametrize("by", ["median", None])
def test_another_way_is_none(by: Any) -> None:
    with pytest.raises(ValueError, match="validate_by"):
        Run(validators="GCN", validate_by=by)


# --- what a resumed run is held to -------------------------------------------------------------


def stopped(folder: Path, **options: Any) -> None:
    stop = {"checkpoint_seconds": 0.0, "callbacks": [StopAfter(3)]}
    with pytest.raises(KeyboardInterrupt):
        run(out=folder, **options, **stop)


def test_resumed_with_the_same_judges(tmp_path: Path) -> None:
    judged = {"validators": ["MLP", "GCN"], "validate_by": "worst"}
    whole = run(**judged)
    stopped(tmp_path, **judged)
    resumed = run(out=tmp_path, resume=True, **judged)
    assert resumed.condensed["hash"] == whole.condensed["hash"]
    assert found(resumed) == found(whole)
    assert run(out=tmp_path, resume=True, **judged).condensed == resumed.condensed  # it has ended


@pytest.mark.parametrize("judged", [{}, {"validators": ["MLP", "GCN"]}])
def test_scores_of_another_kind_are_not_gone_on_with(judged: Any, tmp_path: Path) -> None:
    """A version that trained for longer on the way left this checkpoint, or one that says less."""
    stopped(tmp_path, **judged)
    path = tmp_path / "checkpoint.pt"
    saved = torch.load(path, weights_only=True)
    told = saved["made"]["scored_by"]
    assert "40 epochs" in told
    before = told.replace("40", "60")
    for there in (before, None):
        saved["made"]["scored_by"] = there
        torch.save(saved, path)
        named = re.escape(before) if there else "what it does not say"
        with pytest.raises(ValueError, match=f"by {named} there and by .*40 epochs.*start over"):
            run(out=tmp_path, resume=True, **judged)
    assert run(out=tmp_path, **judged).condensed["hash"] == run(**judged).condensed["hash"]


def test_a_run_without_scores_goes_on_whatever_scores(tmp_path: Path) -> None:
    stopped(tmp_path, validations=0)
    path = tmp_path / "checkpoint.pt"
    saved = torch.load(path, weights_only=True)
    del saved["made"]["scored_by"]
    torch.save(saved, path)
    run(out=tmp_path, resume=True, validations=0)


@pytest.mark.parametrize("ended", [False, True])
@pytest.mark.parametrize("other", [{}, {"validators": "GCN"}, {"validate_by": "mean"}])
def test_resumed_with_others_is_refused(ended: bool, other: Any, tmp_path: Path) -> None:
    judged = {"validators": ["MLP", "GCN"], "validate_by": "worst"}
    if ended:
        run(out=tmp_path, **judged)
    else:
        stopped(tmp_path, **judged)
    with pytest.raises(ValueError, match="is of another run: validat"):
        run(out=tmp_path, resume=True, **({**judged, **other} if other else {}))


def test_what_an_earlier_version_stopped_goes_on(tmp_path: Path) -> None:
    """It had no such options, and says nothing of them."""
    whole = run()
    stopped(tmp_path)
    path = tmp_path / "checkpoint.pt"
    saved = torch.load(path, weights_only=True)
    for name in ("validators", "candidates", "budget_seconds"):
        del saved["identity"][name]
    torch.save(saved, path)
    assert run(out=tmp_path, resume=True).condensed["hash"] == whole.condensed["hash"]


def test_on_the_command_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    words = ["condense", "doscond-x", "--data", "digits", "--nodes", "10", "--no-progress"]
    words += ["--epochs=2", "--validations=1", "--hidden-channels=4"]
    assert cli.main([*words, "--validators", "sgc, MLP", "--out", "one"]) == 0
    said = capsys.readouterr().out
    assert "validation" in said
    assert ", SGC " in said
    assert yaml.safe_load(Path("one/config.yaml").read_text())["validators"] == "SGC,MLP"
    again = ["condense", "doscond-x", "--config", "one/config.yaml", "--no-progress"]
    assert cli.main([*again, "--out", "two"]) == 0
    one, two = (graphcondense.load(name).condensed for name in ("one", "two"))
    assert (one["hash"], one["validation"]) == (two["hash"], two["validation"])
    assert cli.main(["report", "one", "--out", "page.html"]) == 0
    assert "--validators=SGC,MLP" in Path("page.html").read_text()
    assert cli.main([*words, "--validators", "SGD", "--out", "three"]) == 2
    assert "did you mean" in capsys.readouterr().err
    assert not Path("three/config.yaml").exists()
