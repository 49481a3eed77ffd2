"""The best of several runs by validation: a number of them, or as many as fit into the time."""

from __future__ import annotations

import warnings
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
import yaml

import graphcondense
from graphcondense import cli
from graphcondense.core.engine import Callback, State
from graphcondense.evaluate import evaluator_of
from graphcondense.kinds.graph import GraphProblem
from graphcondense.kinds.image import ImageProblem
from graphcondense.kinds.node import NodeProblem
from graphcondense.kinds.rows import RowsProblem
from graphcondense.run.candidates import best_of
from graphcondense.run.options import Run
from tests.cases import toy_graph, toy_graphs, toy_images, toy_rows

QUICK: dict[str, Any] = {"per_class": 1, "progress": False}
LOOP: dict[str, Any] = {"epochs": 4, "hidden_channels": 4, "validations": 2}


class Maker:
    """Makes records with given scores and seconds."""

    def __init__(self, scores: Any, seconds: Any) -> None:
        self.scores, self.seconds, self.seeds = iter(scores), iter(seconds), list[int]()

    def __call__(self, seed: int) -> Any:
        self.seeds.append(seed)
        record = {
            "validation": {"score": next(self.scores)},
            "seconds": next(self.seconds),
            "processor_seconds": 1.0,
            "hash": str(seed),
        }
        return SimpleNamespace(condensed=record, seed=seed)


def test_the_best_of_a_number_and_of_equals_the_first() -> None:
    make = Maker([0.5, 0.7, 0.7, 0.6], [1.0] * 4)
    best, told = best_of(make, 5, 4, None)
    assert make.seeds == [5, 6, 7, 8]
    assert best.seed == told["choice"]["seed"] == 6
    assert told["choice"]["scores"] == [0.5, 0.7, 0.7, 0.6]
    assert (told["seconds"], told["processor_seconds"]) == (4.0, 4.0)


@pytest.mark.parametrize(
    ("budget", "seconds", "number", "made"),
    [
        (10.0, [4, 4, 4, 4], None, 2),  # 2 s are left for one of 4
        (12.0, [4, 4, 4, 4], None, 3),  # it would just fit
        (10.0, [2, 5, 2, 2], None, 2),  # the longest so far counts
        (1.0, [20, 20], None, 1),  # one is always made
        (100.0, [1, 1, 1, 1], 2, 2),  # at most so many
        (3.0, [2, 2, 2], 9, 1),
    ],
)
def test_as_many_as_fit(budget: float, seconds: list[int], number: Any, made: int) -> None:
    make = Maker([0.1 * i for i in range(9)], seconds)
    _, told = best_of(make, 0, number, budget)
    assert len(make.seeds) == made == told["choice"]["candidates"]
    assert told["choice"]["asked"] == number
    assert told["choice"]["budget_seconds"] == budget


def test_a_score_that_is_no_number_is_the_worst() -> None:
    assert best_of(Maker([None, 0.1, None], [1.0] * 3), 0, 3, None)[0].seed == 1
    assert best_of(Maker([None, None], [1.0] * 2), 0, 2, None)[0].seed == 0


def test_seeds_stay_in_their_range() -> None:
    make = Maker([0.1, 0.2], [1.0] * 2)
    best_of(make, 2**63 - 1, 2, None)
    assert make.seeds == [2**63 - 1, 0]


class Given:
    """A validation that gives one value after the other."""

    def __init__(self, values: Any) -> None:
        self.values = iter(values)

    def __call__(self, export: Any) -> float:
        return float(next(self.values))


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (toy_graph, NodeProblem),
        (toy_graphs, GraphProblem),
        (toy_images, ImageProblem),
        (toy_rows, RowsProblem),
    ],
)
def test_of_every_kind_and_without_a_loop(
    data: Any, problem: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    score = Given([0.3, 0.8, 0.5])
    monkeypatch.setattr(problem, "score", lambda self: score)
    options: dict[str, Any] = {"size": 6, "progress": False}
    small = graphcondense.condense(data(), "random", seed=4, candidates=3, **options)
    record = small.condensed
    assert record["seed"] == 4
    assert record["choice"]["seeds"] == [4, 5, 6]
    assert record["choice"]["scores"] == [0.3, 0.8, 0.5]
    assert (record["choice"]["seed"], record["choice"]["distinct"]) == (5, 3)
    assert (record["validation"]["score"], record["validation"]["step"]) == (0.8, None)
    assert record["seconds"] == pytest.approx(sum(record["choice"]["seconds"]), abs=0.002)
    alone = graphcondense.condense(data(), "random", seed=5, **options).condensed
    assert alone["hash"] == record["hash"]
    assert "choice" not in alone


def test_seeds_that_share_candidates_are_told() -> None:
    """Three seeds that choose among nearly the same are one, and have no spread."""
    data = toy_graph()

    def sets(*seeds: int) -> list[Any]:
        options: dict[str, Any] = {**QUICK, "candidates": 4}
        return [graphcondense.condense(data, "random", seed=s, **options) for s in seeds]

    near, evaluator = sets(0, 1, 2), evaluator_of(data)
    assert len({small.condensed["hash"] for small in near}) < 3
    far = sets(0, 4)
    with pytest.warns(UserWarning, match=r"'condensed': .*seeds 0, 1, 2 .* 4 of them .* 4 apart"):
        evaluator.sets([*near, *sets(20)])
    taken = near[0].condensed["choice"]["seed"]
    alone = [graphcondense.condense(data, "random", seed=s, **QUICK) for s in (taken, 8)]
    assert alone[0].condensed["hash"] == near[0].condensed["hash"]
    with pytest.warns(UserWarning, match=rf"seeds 0, {taken} .* 1 of them .* 4 apart"):
        evaluator.sets([near[0], *alone])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        evaluator.sets(far)
        evaluator.sets([near[0], alone[1]])
        evaluator.sets({"one": near[0], "another": near[1]})


def test_of_sets_that_have_nothing_in_common_nothing_is_told() -> None:
    """Nor of a method that makes one set whatever the seed is."""
    data = toy_graph()

    def made(method: str, seed: int, nodes: int = 6, candidates: Any = 2, **more: Any) -> Any:
        options: dict[str, Any] = {"candidates": candidates, "progress": False, **more}
        return graphcondense.condense(data, method, nodes=nodes, seed=seed, **options)

    first, evaluator = made("random", 0), evaluator_of(data)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        evaluator.sets([first, made("averaging", 1)])
        evaluator.sets([first, made("random", 1, nodes=9)])
        other = made("random", 1)
        other.condensed["hyperparameters"] = {"of": "another run"}
        evaluator.sets([first, other])
        evaluator.sets([made("kcenter", 0), made("kcenter", 1)])
        evaluator.sets([made("kcenter", 0), made("kcenter", 1, candidates=None)])


ODD: list[Any] = [
    *({"choice": odd} for odd in ("best", [1], 3, None, {}, {"seeds": None}, {"seeds": [[1]]})),
    *({"choice": {"seeds": odd}} for odd in ("01", {0: 1}, [0, None], [0, "1"], [], [1, 2])),
    *({"seed": odd} for odd in (None, "0", [0], 0.5)),
    *({"data": odd} for odd in ("toy", None, [1])),
    *({"hyperparameters": odd} for odd in (3, {(1, 2): 3, 4: {5}, "a": 6})),
]


@pytest.mark.parametrize("odd", [*ODD, "seed", "data", "budget", "method"], ids=str)
def test_a_record_that_somebody_changed_is_no_error(odd: Any) -> None:
    data = toy_graph()
    one, other = (graphcondense.condense(data, "random", candidates=2, **QUICK) for _ in range(2))
    if isinstance(odd, str):
        del other.condensed[odd]
    else:
        other.condensed.update(odd)
    later = graphcondense.condense(data, "random", seed=1, **QUICK)
    later.condensed["seed"] = None
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        evaluator_of(data).sets([one, other])
        evaluator_of(data).sets([other, later])


def test_a_loop_is_run_with_its_own_validation() -> None:
    """The best state of each candidate is what competes; each is what a run alone gives."""
    small = graphcondense.condense(toy_graph(), "doscond-x", candidates=2, **QUICK, **LOOP)
    alone = [
        graphcondense.condense(toy_graph(), "doscond-x", seed=seed, **QUICK, **LOOP).condensed
        for seed in (0, 1)
    ]
    scores = [record["validation"]["score"] for record in alone]
    assert small.condensed["choice"]["scores"] == scores
    best = alone[scores.index(max(scores))]
    assert small.condensed["hash"] == best["hash"]
    assert small.condensed["validation"] == best["validation"]


def test_an_end_that_nothing_scored_on_the_way_is_scored() -> None:
    options = {**QUICK, **LOOP, "validations": 0, "candidates": 1}
    record = graphcondense.condense(toy_graph(), "doscond-x", **options).condensed
    assert record["validation"]["step"] == record["steps"] == 4
    assert record["validation"]["start_score"] is None
    assert record["choice"]["scores"] == [record["validation"]["score"]]


def test_validators_choose(monkeypatch: pytest.MonkeyPatch) -> None:
    from graphcondense.evaluate import NodeEvaluator

    values = {"GCN": iter([0.9, 0.5, 0.6]), "MLP": iter([0.1, 0.5, 0.4])}
    monkeypatch.setattr(NodeEvaluator, "score", lambda self, small, model: next(values[model]))
    judged: Any = {"validators": ("GCN", "MLP"), "validate_by": "worst", "candidates": 3}
    record = graphcondense.condense(toy_graph(), "random", **judged, **QUICK).condensed
    assert record["choice"]["scores"] == [0.1, 0.5, 0.4]
    assert record["validation"]["scores"] == {"GCN": 0.5, "MLP": 0.5}


def test_in_real_seconds() -> None:
    options = {**QUICK, "budget_seconds": 1.5}
    record = graphcondense.condense(toy_graph(), "random", **options).condensed
    choice = record["choice"]
    assert choice["candidates"] == len(choice["scores"]) >= 1
    assert record["seconds"] <= 1.5 or choice["candidates"] == 1
    assert max(choice["scores"]) == record["validation"]["score"]
    again = {**QUICK, "candidates": choice["candidates"]}
    assert (
        graphcondense.condense(toy_graph(), "random", **again).condensed["hash"] == (record["hash"])
    )


def test_where_seeds_change_nothing_it_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    record = graphcondense.condense(toy_graph(), "averaging", candidates=2, **QUICK).condensed
    assert record["choice"]["distinct"] == 1
    assert "averaging: all 2 candidates are the same set" in capsys.readouterr().err
    graphcondense.condense(toy_graph(), "random", candidates=2, **QUICK)
    assert not capsys.readouterr().err


# --- refusals ----------------------------------------------------------------------------------


def without_validation() -> Any:
    data = toy_graph()
    data.val_mask = torch.zeros(data.num_nodes, dtype=torch.bool)
    return data


@pytest.mark.parametrize(
    ("data", "method", "options", "said"),
    [
        (without_validation, "random", {"candidates": 2}, "candidates=2 .*no validation examples"),
        (without_validation, "random", {"budget_seconds": 5.0}, "budget_seconds=5.0 .*no valid"),
        (toy_graph, "doscond-x", {"candidates": 2, "seconds": 9.0}, "seconds=9.0 .*budget_seconds"),
        (toy_graph, "random", {"budget_seconds": 2.0, "seconds": 9.0}, "seconds=9.0 cannot act"),
        (toy_graph, "random", {"candidates": 2, "validations": 3}, "validations=3 .*no loop"),
        (toy_graph, "random", {"candidates": 2, "callbacks": [Callback()]}, "no loop is run"),
        (toy_graph, "random", {"candidates": 0}, "candidates=0 must be at least 1"),
        (toy_graph, "random", {"budget_seconds": 0.0}, "budget_seconds=0.0 must be above 0"),
        (toy_graph, "random", {"candidates": 2, "resume": True}, "resume needs out="),
    ],
)
def test_refused(data: Any, method: str, options: Any, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        graphcondense.condense(data(), method, **QUICK, **options)


def test_one_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(ValueError, match=r"candidates=2 cannot act: .* without torchrun"):
        graphcondense.condense(toy_graph(), "random", candidates=2, **QUICK)


def test_fields() -> None:
    assert not Run().chooses
    assert Run(candidates=1).chooses
    assert Run(budget_seconds=1).chooses


# --- the folder of a run -----------------------------------------------------------------------


class Interrupt(Callback):
    """Ctrl-C at a step of one of the candidates."""

    def __init__(self, candidate: int, step: int) -> None:
        self.left, self.at = candidate + 1, step

    def start(self, state: State) -> None:
        self.left -= 1

    def step(self, state: State) -> None:
        if not self.left and state.step == self.at:
            raise KeyboardInterrupt


def looped(folder: Path, **options: Any) -> Any:
    own = {**QUICK, **LOOP, "candidates": 3, "checkpoint_seconds": 0.0, "out": folder}
    return graphcondense.condense(toy_graph(), "doscond-x", **{**own, **options})


def test_the_folder_is_that_of_the_chosen(tmp_path: Path) -> None:
    small = looped(tmp_path)
    files = {path.name for path in tmp_path.iterdir()}
    assert files == {"condensed.safetensors", "condensed.md", "config.yaml", "metrics.jsonl"}
    assert graphcondense.load(tmp_path).condensed == small.condensed
    config = yaml.safe_load((tmp_path / "config.yaml").read_text())
    assert (config["seed"], config["candidates"], config["budget_seconds"]) == (0, 3, None)
    alone = tmp_path / "alone"
    taken = small.condensed["choice"]["seed"]
    graphcondense.condense(toy_graph(), "doscond-x", seed=taken, out=alone, **QUICK, **LOOP)
    lines = [(path / "metrics.jsonl").read_text().splitlines() for path in (tmp_path, alone)]
    told = [[line.split(', "seconds"')[0] for line in one] for one in lines]
    assert told[0] == told[1]


@pytest.mark.parametrize("at", [(0, 3), (1, 1), (2, 4)])
def test_resumed_is_uninterrupted(at: tuple[int, int], tmp_path: Path) -> None:
    whole = looped(tmp_path / "whole")
    folder = tmp_path / "stopped"
    with pytest.raises(KeyboardInterrupt):
        looped(folder, callbacks=[Interrupt(*at)])
    assert len(list(folder.glob("candidates/*/condensed.safetensors"))) == at[0]
    assert not (folder / "condensed.safetensors").exists()
    # Callbacks are part of a checkpoint.
    resumed = looped(folder, resume=True, callbacks=[Interrupt(9, 9)])
    assert resumed.condensed["hash"] == whole.condensed["hash"]
    for name in ("scores", "seeds", "seed", "distinct"):
        assert resumed.condensed["choice"][name] == whole.condensed["choice"][name]
    assert not (folder / "candidates").exists()
    assert looped(folder, resume=True).condensed == resumed.condensed


def test_finished_candidates_are_taken_up_without_a_loop(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own: dict[str, Any] = {**QUICK, "candidates": 3, "out": tmp_path}
    score = Given([0.3, 0.8])
    monkeypatch.setattr(NodeProblem, "score", lambda self: score)
    with pytest.raises(StopIteration):
        graphcondense.condense(toy_graph(), "random", **own)
    score = Given([0.5])
    record = graphcondense.condense(toy_graph(), "random", resume=True, **own).condensed
    assert record["choice"]["scores"] == [0.3, 0.8, 0.5]


def test_candidates_that_were_scored_otherwise_are_not_compared(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own: dict[str, Any] = {**QUICK, "candidates": 3, "out": tmp_path}
    with monkeypatch.context() as before:
        before.setattr(NodeProblem, "predictor", "GCN (60 epochs)")
        score = Given([0.3, 0.8])
        before.setattr(NodeProblem, "score", lambda self: score)
        with pytest.raises(StopIteration):
            graphcondense.condense(toy_graph(), "random", **own)
    with pytest.raises(ValueError, match=r"seed-0: scores are by GCN \(60 epochs\) there and"):
        graphcondense.condense(toy_graph(), "random", resume=True, **own)


def test_what_is_not_resumed_starts_over(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        looped(tmp_path, callbacks=[Interrupt(1, 1)])
    small = looped(tmp_path, candidates=1)
    assert small.condensed["choice"]["seeds"] == [0]
    assert not (tmp_path / "candidates").exists()


@pytest.mark.parametrize("other", [{"candidates": 2}, {"candidates": None}, {"seed": 1}])
def test_a_finished_choice_is_not_another(other: Any, tmp_path: Path) -> None:
    looped(tmp_path, candidates=1)
    with pytest.raises(ValueError, match="is of another run"):
        looped(tmp_path, resume=True, **{"candidates": 1, **other})


def test_a_run_without_candidates_is_not_gone_on_with(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        looped(tmp_path, candidates=None, callbacks=[Interrupt(0, 2)])
    with pytest.raises(ValueError, match="has a run without candidates; leave out candidates="):
        looped(tmp_path, resume=True)


def test_on_the_command_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    words = ["condense", "random", "--data", "digits", "--nodes", "10", "--no-progress"]
    words += ["--validators", "MLP"]
    assert cli.main([*words, "--candidates", "2", "--out", "one"]) == 0
    said = capsys.readouterr().out
    assert "candidates  2 (seeds 0 to 1), taken: seed " in said
    assert "validation  " in said
    assert " at step" not in said
    again = ["condense", "random", "--config", "one/config.yaml", "--no-progress"]
    assert cli.main([*again, "--out", "two"]) == 0
    one, two = (graphcondense.load(name).condensed for name in ("one", "two"))
    assert (one["hash"], one["choice"]["scores"]) == (two["hash"], two["choice"]["scores"])
    assert cli.main(["report", "one", "--out", "page.html"]) == 0
    assert "--candidates=2" in Path("page.html").read_text()
    (tmp_path / "three" / "candidates" / "seed-0").mkdir(parents=True)
    capsys.readouterr()
    assert cli.main([*words, "--candidates", "2", "--out", "three"]) == 2
    assert "an unfinished run; --resume goes on with it" in capsys.readouterr().err
    assert cli.main([*words, "--budget-seconds", "0.001", "--out", "three", "--overwrite"]) == 0
    assert graphcondense.load("three").condensed["choice"]["candidates"] == 1


def test_rounding_breaks_no_tie() -> None:
    """39 of 40 nodes in three networks, summed in another order."""

    def make(seed: int) -> Any:
        score = (0.97499996, 0.97500008, 0.97500008)[seed]
        record = {"validation": {"score": score}, "seconds": 1.0, "processor_seconds": 1.0}
        return SimpleNamespace(condensed={**record, "hash": str(seed)})

    assert best_of(make, 0, 3, None)[1]["choice"]["seed"] == 0
