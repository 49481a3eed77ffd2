"""Searching architectures and training settings on small graphs."""

from __future__ import annotations

import copy
import json
import math
import sys
from collections.abc import Iterator
from dataclasses import asdict, fields, replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch_geometric.data import Data

from graphcondense import cli
from graphcondense.evaluate.nodes import NodeEvaluator
from graphcondense.evaluate.result import dash, percent
from graphcondense.nn.batched import MODELS
from graphcondense.ops.fleet import Done, Fleet
from graphcondense.uses.architectures import Architecture, Space
from graphcondense.uses.explore import explore, knobs
from graphcondense.uses.ranking import Candidate, rank
from graphcondense.uses.search import ArchitectureSearch, search_architectures
from graphcondense.uses.tuning import Ranges, TrainingSearch, search_training
from tests.cases import tensors, toy_graph

optuna = pytest.importorskip("optuna")

SPACE = Space(
    model=("GCN", "SGC", "MLP"), num_layers=(1, 2), hidden=(8, 16), activation=("relu", "tanh")
)
FAST: dict[str, Any] = {"epochs": 6, "val_every": 2, "seeds": 2, "progress": False}
SEARCH: dict[str, Any] = {**FAST, "space": SPACE, "trials": 8, "random_draws": 2}
RANGES = Ranges(hidden=(8, 16), epochs=(4, 8))
TUNE: dict[str, Any] = {
    **{k: v for k, v in FAST.items() if k != "epochs"},
    "ranges": RANGES,
    "trials": 4,
    "final_seeds": 2,
    "baselines": ("random", "whole"),
}


def small(shift: float = 0.0) -> Data:
    graph = Data(
        x=1.5 * torch.eye(3, 12) + shift,
        y=torch.arange(3),
        edge_index=torch.empty(2, 0, dtype=torch.long),
    )
    graph.condensed = {"seconds": 2.0}
    return graph


def without_seconds(result: Any) -> Any:
    """All that must repeat."""

    def strip(value: Any) -> Any:
        if isinstance(value, dict):
            text = ("table", "notes")  # the same numbers as they are printed, times among them
            kept = {k: v for k, v in value.items() if "seconds" not in k and k not in text}
            return {k: strip(v) for k, v in kept.items()}
        return [strip(v) for v in value] if isinstance(value, list) else value

    return strip(json.loads(result.to_json()))


@pytest.fixture(scope="module")
def found() -> ArchitectureSearch:
    return search_architectures([small(), small(0.1)], toy_graph(), **SEARCH)


@pytest.fixture(scope="module")
def tuned() -> TrainingSearch:
    return search_training(small(), toy_graph(), **TUNE)


# --- the space -------------------------------------------------------------------------------


def test_no_architecture_has_two_names() -> None:
    every = SPACE.every()
    assert len(every) == len(set(every))
    # GCN and MLP: one without a hidden layer, and 2 widths x 2 activations x 2 dropouts; SGC: 2.
    assert len(every) == 2 * (1 + 8) + 2
    assert Architecture("SGC", 2, None, None, None) in every
    assert Architecture("MLP", 1, None, None, None) in every


@pytest.mark.parametrize("layers", [1, 2])
@pytest.mark.parametrize("name", sorted(MODELS))
def test_what_changes_nothing_is_not_searched(name: str, layers: int) -> None:
    """Two networks that the space calls one train alike, and two that it tells apart do not."""
    data = toy_graph(n=60)
    matters = knobs(name, layers)

    def predictions(**options: Any) -> Any:
        settings = {"hidden": 8, "activation": "elu", "dropout": 0.0, **options}
        evaluator = NodeEvaluator(data, epochs=2, num_layers=layers, **settings)
        return evaluator.predict(name, data, torch.arange(60), seeds=1)

    one = predictions()
    other: list[tuple[bool, dict[str, Any]]] = [
        (matters.hidden, {"hidden": 16}),
        (matters.activation, {"activation": "tanh"}),
        (matters.dropout, {"dropout": 0.5}),
    ]
    for told_apart, options in other:
        assert torch.equal(one, predictions(**options)) != told_apart


@pytest.mark.parametrize("sampler", ["random", "tpe", "grid"])
def test_nothing_is_measured_twice(sampler: str) -> None:
    calls: list[Architecture] = []

    def measure(point: Architecture) -> tuple[float, dict[str, Any]]:
        calls.append(point)
        return float(point.num_layers), {"score": point.num_layers}

    every = SPACE.every()
    found = explore(
        SPACE.suggest,
        measure,
        name="all",
        trials=len(every),
        sampler=sampler,
        seed=0,
        storage=None,
        every=every,
        params=lambda point: {"model": point.model, **point.options()},
    )
    assert sorted(map(str, calls)) == sorted(map(str, every))
    assert [point for point, _ in found] == calls


def searched(measure: Any, **options: Any) -> list[Any]:
    """A search of the space with a seed."""

    def params(point: Architecture) -> dict[str, Any]:
        return {"model": point.model, **point.options()}

    return explore(SPACE.suggest, measure, name="x", seed=4, params=params, **options)


@pytest.mark.parametrize("sampler", ["random", "tpe", "grid"])
@pytest.mark.parametrize("cut", [0, 7])
def test_interrupted_search_equals_one_in_one_go(sampler: str, cut: int, tmp_path: Path) -> None:
    every = SPACE.every()
    stop = [cut]

    def measure(point: Architecture) -> tuple[float, dict[str, Any]]:
        if not stop[0]:
            stop[0] = -1
            raise KeyboardInterrupt
        stop[0] -= 1
        return len(str(point)) + 0.1 * point.num_layers, {"name": str(point)}

    def run(storage: Path | None, trials: int = 14) -> list[Any]:
        return searched(measure, trials=trials, sampler=sampler, storage=storage, every=every)

    file = tmp_path / "new" / "search.log"
    with pytest.raises(KeyboardInterrupt):
        run(file)
    parts = run(file)
    whole = run(None)
    assert parts == whole
    assert run(None, trials=9) == whole[:9]  # a longer search begins with a shorter one's trials
    stop[0] = 0  # everything is there: nothing is measured, nothing can be interrupted
    assert run(file) == whole


class Backwards(Fleet):
    """Ends tasks in the opposite order, and after ``cut`` of them Ctrl-C comes."""

    cut: int | None = None

    def each(self, function: Any, items: Any, **_: Any) -> Iterator[tuple[str, Done[Any]]]:
        for at, key in enumerate(reversed(list(items))):
            if at == self.cut:
                raise KeyboardInterrupt
            yield key, Done(function(items[key]))


@pytest.mark.parametrize("sampler", ["random", "grid"])
def test_a_search_side_by_side_equals_one_in_turn(sampler: str, tmp_path: Path) -> None:
    every, calls = SPACE.every(), []

    def measure(point: Architecture) -> tuple[float, dict[str, Any]]:
        calls.append(point)
        return len(str(point)) + 0.1 * point.num_layers, {"name": str(point)}

    def run(fleet: Fleet | None, storage: Path | None = None, trials: int = 12) -> list[Any]:
        asked: dict[str, Any] = {"sampler": sampler, "storage": storage, "every": every}
        return searched(measure, trials=trials, fleet=fleet, **asked)

    whole = run(None)
    calls.clear()
    assert run(Backwards()) == whole
    assert len(calls) == len(set(calls)) == 12
    file, fleet = tmp_path / "search.log", Backwards()
    assert run(fleet, file, trials=6) == whole[:6]
    fleet.cut = 4
    with pytest.raises(KeyboardInterrupt):
        run(fleet, file)
    assert run(None, file) == whole  # and another engine goes on with it


def test_workers_are_checked() -> None:
    who: Any = "thread"
    with pytest.raises(ValueError, match="workers='thread' is not known"):
        search_architectures(small(), toy_graph(), workers=who)
    with pytest.raises(ValueError, match="ray_address='auto' is for workers=\"ray\""):
        search_training(small(), toy_graph(), ray_address="auto")
    with pytest.raises(ValueError, match='use sampler="random", or leave out workers'):
        search_training(small(), toy_graph(), workers="ray")


@pytest.mark.slow(seconds=50)
def test_searches_on_ray(
    found: ArchitectureSearch, tuned: TrainingSearch, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("ray")
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    on_ray = search_architectures([small(), small(0.1)], toy_graph(), workers="ray", **SEARCH)
    assert without_seconds(on_ray) == without_seconds(found)
    options = {**TUNE, "sampler": "random"}
    there = search_training(small(), toy_graph(), workers="ray", **options)
    assert without_seconds(there) == without_seconds(
        search_training(small(), toy_graph(), **options)
    )


# --- rankings --------------------------------------------------------------------------------


def candidate(condensed: list[float], whole: float | None, test: float | None) -> Candidate:
    return Candidate(
        **asdict(Architecture("GCN", 2, 16, "relu", 0.5)),
        val_condensed=tuple(condensed),
        val_random=(),
        val_whole=whole,
        test_whole=test,
        seconds_condensed=0.5,
        seconds_random=None,
        seconds_whole=2.0,
    )


def test_ranking_of_dictated_scores() -> None:
    # Ranks on the whole graph 1 2 3 4 5; the first graph has 2 1 3 4 5, the second 5 4 3 2 1.
    first, second = [0.2, 0.1, 0.3, 0.4, 0.5], [0.5, 0.4, 0.3, 0.2, 0.1]
    whole, test = [0.5, 0.6, 0.7, 0.8, 0.9], [0.52, 0.66, 0.71, 0.83, 0.81]
    rows = [
        candidate(list(pair), w, t)
        for pair, w, t in zip(zip(first, second, strict=True), whole, test, strict=True)
    ]
    found = rank("condensed", rows, 3.0)
    # Spearman 1 - 6 sum d^2 / (n (n^2 - 1)) = 1 - 6 * 2 / 120; one of ten pairs is discordant.
    assert found.spearman == pytest.approx((0.9 - 1) / 2)
    assert found.spearman_std == pytest.approx(1.9 / math.sqrt(2))
    assert found.kendall == pytest.approx((0.8 - 1) / 2)
    # Test accuracies swap the last two: d = 1 1 0 1 1, two discordant pairs, and one concordant.
    assert found.spearman_test == pytest.approx((0.8 - 0.9) / 2)
    assert found.kendall_test == pytest.approx((0.6 - 0.8) / 2)
    assert found.chosen == (4, 0)
    assert found.chosen_test == pytest.approx((0.81 + 0.52) / 2)
    assert found.regret == pytest.approx(((0.81 - 0.81) + (0.81 - 0.52)) / 2)
    assert found.regret_val == pytest.approx((0 + 0.4) / 2)
    assert found.seconds == pytest.approx(2.5)
    assert found.condensation_seconds == 3.0
    own = rank("whole", rows, 0.0)
    assert (own.spearman, own.kendall, own.regret) == (pytest.approx(1), pytest.approx(1), 0)


def test_the_first_of_equals_is_chosen_and_a_constant_ranks_nothing() -> None:
    rows = [candidate([0.5], w, w) for w in (0.1, 0.3, 0.2)]
    found = rank("condensed", rows, None)
    assert found.chosen == (0,)
    assert found.spearman is not None
    assert math.isnan(found.spearman)
    assert found.spearman_std is None
    assert found.regret == pytest.approx(0.2)
    rows = [candidate([0.5, w], w, w) for w in (0.1, 0.3, 0.2)]
    found = rank("condensed", rows, None)
    assert math.isnan(found.kendall or 0)
    assert found.kendall_std is None
    assert dash(found.spearman, ".2f") == percent(found.spearman) == "-"


def test_search_on_graphs(found: ArchitectureSearch) -> None:
    assert len({replace_scores(row) for row in found.rows}) == len(found.rows) == 8
    assert [(r.label, r.graphs) for r in found.rankings] == [
        ("condensed", 2),
        ("random", 2),
        ("whole", 1),
    ]
    evaluator = NodeEvaluator(toy_graph(), epochs=6, val_every=2)
    row = next(row for row in found.rows if row.hidden)
    own = evaluator.replace(
        hidden=row.hidden,
        num_layers=row.num_layers,
        activation=row.activation,
        dropout=row.dropout,
    )
    assert row.val_condensed == (
        own.score(small(), row.model, seeds=2),
        own.score(small(0.1), row.model, seeds=2),
    )
    whole = own.fit_whole(row.model, seeds=2)
    assert row.val_whole == float(whole.val_selected.mean())
    assert row.test_whole == float(whole.test_selected.mean())
    assert found.ranking("whole").regret == 0
    assert found.ranking("condensed").condensation_seconds == 2.0
    assert found.space["size"] == 20


def replace_scores(row: Candidate) -> Architecture:
    return Architecture(**{f.name: getattr(row, f.name) for f in fields(Architecture)})


def test_same_seed_same_search(found: ArchitectureSearch) -> None:
    data, graphs = toy_graph(), [small(), small(0.1)]
    before = copy.deepcopy(data)
    torch.manual_seed(5)
    state = torch.get_rng_state()
    again = search_architectures(graphs, data, **SEARCH)
    assert torch.equal(state, torch.get_rng_state())
    assert all(torch.equal(a, b) for a, b in zip(tensors(before), tensors(data), strict=True))
    assert without_seconds(again) == without_seconds(found)
    other = search_architectures(graphs, data, **{**SEARCH, "seed": 1, "trials": 3})
    assert [replace_scores(row) for row in other.rows] != [
        replace_scores(row) for row in found.rows[:3]
    ]


def test_test_labels_change_test_numbers_only(found: ArchitectureSearch) -> None:
    data = toy_graph()
    data.y = torch.where(data.test_mask, (data.y + 1) % 3, data.y)
    other = search_architectures([small(), small(0.1)], data, **SEARCH)
    changed = 0
    for mine, theirs in zip(other.rows, found.rows, strict=True):
        changed += mine.test_whole != theirs.test_whole
        times = {f.name: 0 for f in fields(Candidate) if "seconds" in f.name}
        assert replace(mine, test_whole=None, **times) == replace(theirs, test_whole=None, **times)
    assert changed
    for mine, theirs in zip(other.rankings, found.rankings, strict=True):
        assert mine.chosen == theirs.chosen
        assert mine.spearman == theirs.spearman


def test_search_goes_on_from_its_storage(
    found: ArchitectureSearch, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    storage = f"sqlite:///{tmp_path / 'search.db'}"
    real, calls = NodeEvaluator.fit_whole, [0]

    def interrupted(self: NodeEvaluator, *args: Any, **options: Any) -> Any:
        calls[0] += 1
        if calls[0] == 4:
            raise KeyboardInterrupt
        return real(self, *args, **options)

    monkeypatch.setattr(NodeEvaluator, "fit_whole", interrupted)
    graphs = [small(), small(0.1)]
    with pytest.raises(KeyboardInterrupt):
        search_architectures(graphs, toy_graph(), storage=storage, **SEARCH)
    again = search_architectures(graphs, toy_graph(), storage=storage, **SEARCH)
    assert calls[0] == 8 + 1  # one for each architecture, and the interrupted one
    assert without_seconds(again) == without_seconds(found)
    # Other settings do not take these trials for theirs.
    search_architectures(graphs, toy_graph(), storage=storage, **{**SEARCH, "epochs": 4})
    assert calls[0] == 8 + 1 + 8


def test_without_the_whole_graph_only_the_chosen_is_trained_on_it() -> None:
    found = search_architectures(
        small(), toy_graph(), **{**SEARCH, "baselines": [], "random_draws": 0}
    )
    assert [r.label for r in found.rankings] == ["condensed"]
    ranking = found.rankings[0]
    assert (ranking.spearman, ranking.regret) == (None, None)
    trained = [i for i, row in enumerate(found.rows) if row.test_whole is not None]
    assert trained == [*ranking.chosen]
    assert "Spearman" in found.table()


def test_printed_saved_and_drawn(
    found: ArchitectureSearch, tuned: TrainingSearch, tmp_path: Path
) -> None:
    text = found.table()
    for word in ("8 of 20 architectures (random)", "chosen on condensed: ", "regret test"):
        assert word in text
    assert "defaults" in tuned.table()
    for result in (found, tuned):
        assert json.loads(result.to_json(tmp_path / "a.json"))["data"] == "data"
        assert len(result.to_frame()) == len(result.rows)
        assert r"\toprule" in result.to_latex()
        result.plot(tmp_path / "a.png")
        assert (tmp_path / "a.png").read_bytes()[:4] == b"\x89PNG"
    alone = search_architectures(
        small(), toy_graph(), **{**SEARCH, "baselines": [], "random_draws": 0}
    )
    alone.plot(tmp_path / "b.png")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"trials": 1}, "trials=1 must be at least 2"),
        ({"trials": 21}, "the space has 20 architectures; ask for fewer"),
        ({"sampler": "grid"}, "trials=8, but the space has 20 .* takes all"),
        ({"sampler": "cma"}, "unknown sampler 'cma'"),
        ({"baselines": ["herding"]}, "unknown baseline 'herding'"),
        ({"hidden": 16}, "hidden=16: it is searched"),
        ({"random_draws": -1}, "random_draws"),
        ({"seeds": []}, "seeds is empty"),
    ],
)
def test_wrong_arguments_are_named(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        search_architectures(small(), toy_graph(), **{**SEARCH, **options})


def test_wrong_spaces_graphs_and_ranges_are_named() -> None:
    with pytest.raises(ValueError, match="GCN"):
        Space(model=("GCM",))
    with pytest.raises(ValueError, match=r"hidden=\(8, 8\): give values, each once"):
        Space(hidden=(8, 8))
    with pytest.raises(ValueError, match="unknown activation 'rely'"):
        Space(activation=("rely",))
    with pytest.raises(ValueError, match="lr="):
        Ranges(lr=(0.1, 0.01))
    with pytest.raises(ValueError, match="dropout="):
        Ranges(dropout=(0.0, 1.0))
    with pytest.raises(ValueError, match="no condensed graph"):
        search_architectures([], toy_graph(), **SEARCH)
    with pytest.raises(ValueError, match=r"5 features.*12"):
        search_training(Data(x=torch.ones(3, 5), y=torch.arange(3)), toy_graph(), **TUNE)
    with pytest.raises(ValueError, match=r"lr=0.1: it is searched"):
        search_training(small(), toy_graph(), lr=0.1, **TUNE)
    with pytest.raises(TypeError, match="unknown option"):
        search_training(small(), toy_graph(), wrong=1, **TUNE)


def test_missing_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "optuna", None)
    for search, options in ((search_architectures, SEARCH), (search_training, TUNE)):
        with pytest.raises(ImportError, match=r'pip install "graphcondense\[sweep\]"'):
            search(small(), toy_graph(), **options)


# --- training settings -----------------------------------------------------------------------


def test_training_search(tuned: TrainingSearch) -> None:
    assert [row.label for row in tuned.rows] == ["defaults", "condensed", "random", "whole"]
    defaults, condensed, random, whole = tuned.rows
    assert (defaults.lr, defaults.hidden, defaults.epochs, defaults.trials) == (0.01, 256, 300, 0)
    assert condensed.condensation_seconds == 2.0
    assert random.condensation_seconds == whole.condensation_seconds == 0.0
    for row in (condensed, random, whole):
        assert row.trials == len(row.scores) == 4
        assert row.val_search == max(row.scores)
        assert 1e-3 <= (row.lr or 0) <= 0.1
        assert row.hidden in (8, 16)
        assert row.epochs in (4, 6, 8)
    assert len(condensed.scores) > 1
    own = NodeEvaluator(
        toy_graph(),
        lr=whole.lr,
        weight_decay=whole.weight_decay,
        dropout=whole.dropout,
        hidden=whole.hidden,
        epochs=whole.epochs,
        val_every=2,
    ).fit_whole("GCN", seeds=2)
    assert whole.test == float(own.test_selected.mean())
    assert whole.val == whole.val_search  # the same seeds, the same graph


def test_training_search_goes_on_and_repeats(tuned: TrainingSearch, tmp_path: Path) -> None:
    file = tmp_path / "tune.log"
    search_training(small(), toy_graph(), storage=file, **{**TUNE, "trials": 2})
    again = search_training(small(), toy_graph(), storage=file, **TUNE)
    assert without_seconds(again) == without_seconds(tuned)


def test_training_search_of_a_model_without_a_hidden_layer() -> None:
    found = search_training(
        small(), toy_graph(), model="sgc", **{**TUNE, "baselines": (), "trials": 2}
    )
    assert found.model == "SGC"
    assert all((row.hidden, row.dropout) == (None, None) for row in found.rows)
    assert "SGC" in found.table()


def test_training_search_chooses_without_test_labels(tuned: TrainingSearch) -> None:
    data = toy_graph()
    data.y = torch.where(data.test_mask, (data.y + 1) % 3, data.y)
    other = search_training(small(), data, **TUNE)
    names = ("lr", "weight_decay", "dropout", "hidden", "epochs", "scores", "val")
    for mine, theirs in zip(other.rows, tuned.rows, strict=True):
        assert all(getattr(mine, name) == getattr(theirs, name) for name in names)
    assert [row.test for row in other.rows] != [row.test for row in tuned.rows]


# --- the command line ------------------------------------------------------------------------


def test_commands(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    tiny = ["--data", "digits", "--nodes", "20", "--no-progress"]
    assert cli.main(["condense", "random", *tiny, "--out", "run"]) == 0
    words = ["run", "--seeds", "1", "--trials", "2"]
    nas = [
        "nas",
        *words,
        "--epochs",
        "2",
        "--models",
        "SGC,MLP",
        "--layers",
        "1",
        "--random-draws=1",
    ]
    assert cli.main(nas) == 0
    assert cli.main(nas) == 0  # from its log
    assert json.loads(Path("run/nas.json").read_text())["space"]["size"] == 2
    tune = ["tune", *words, "--final-seeds", "1", "--model", "SGC", "--val-every", "100"]
    assert cli.main(tune) == 0
    assert len(json.loads(Path("run/tune.json").read_text())["rows"]) == 3
    for name in ("nas.log", "nas.png", "tune.log", "tune.png"):
        assert (tmp_path / "run" / name).is_file()
    capsys.readouterr()
    assert cli.main([*nas, "--widths", "8,x"]) == 2
    assert "--widths 8,x: give numbers" in capsys.readouterr().err
    monkeypatch.setitem(sys.modules, "optuna", None)
    assert cli.main(nas) == 2
    assert 'pip install "graphcondense[sweep]"' in capsys.readouterr().err


def test_settings_at_the_edge_of_their_ranges_say_so(tuned: TrainingSearch) -> None:
    """Of searches, not of the defaults; a range of one value is none, and no dropout is no edge."""
    ranges = {
        "lr": (0.01, 0.1), "weight_decay": (1e-4, 1e-4), "dropout": (0.0, 0.5),
        "hidden": (32, 8, 16), "epochs": (5, 20),
    }  # fmt: skip
    told = {"lr": 0.0995, "weight_decay": 1e-4, "dropout": 0.0, "hidden": 8, "epochs": 10}
    default, *searched = tuned.rows
    rows = (replace(default, **told), *(replace(row, **told) for row in searched))
    said = replace(tuned, rows=rows, ranges=ranges).notes()[1:]
    assert [words for words in said if words.startswith("condensed")] == [
        "condensed: lr 0.0995 (edge of the grid 0.01..0.1)",
        "condensed: hidden 8 (edge of the grid 8..32)",
    ]
    assert not any(words.startswith("defaults") for words in said)
    assert tuned.ranges.keys() == asdict(RANGES).keys()


def test_one_seed_is_told_as_one(found: ArchitectureSearch, tuned: TrainingSearch) -> None:
    assert "means over 1 seed," in replace(found, seeds=(0,)).title()
    assert ", 1 seed a trial" in replace(tuned, seeds=(0,)).title()
