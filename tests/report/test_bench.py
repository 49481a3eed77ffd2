"""The table of `graphcondense bench`: its order, its words, and what Ctrl-C leaves."""

from __future__ import annotations

import json
import os
import re
import signal
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from graphcondense.cli import INTERRUPTED, main
from graphcondense.cli.bench import _sizes
from graphcondense.cli.bench.page import write_page
from graphcondense.cli.bench.table import Grid, budget_of, check_same, command_of, digests_of
from graphcondense.cli.flags import Flags, make_parser, parse
from graphcondense.cli.where import data_flags
from graphcondense.data import as_task
from graphcondense.methods import all_methods
from graphcondense.run import build
from tests.data.test_frames import pairs, table


def cell(label: str, score: float, **more: Any) -> dict[str, Any]:
    """A finished cell, of one condensation and one training."""
    row = {
        "label": label,
        "model": "GCN",
        "predictor": "GNN",
        "edge_weights": "",
        "chosen": "",
        "graphs": 1,
        "trainings": 1,
        "test_selected": score,
        "test_selected_std": 0.0,
        "test_last": score,
        "test_last_std": 0.0,
        "val_selected": score,
        "epoch_selected": 3.0,
        "spread_graphs": None,
        "spread_trainings": None,
        "nodes": 20,
        "edges": 0,
        "bytes": 2048,
        "seconds": 1.0,
        "seconds_training": 0.5,
        "processor_seconds": 1.0,
    }
    about = {"data": "digits", "digest": "d", "settings": {}, "metric": "accuracy"}
    about |= {"test_examples": 40, "test_unlabelled": 3, "rows": [{**row, **more}]}
    whole = label == "whole"
    return {
        "report": about,
        "cost": "-",
        "seconds": None if whole else [2.0],
        "plain_training_seconds": 4.0 if whole else None,
        "peak_memory_bytes": None if whole else 2**20,
        "budget": {"nodes": 20},
        "workers": 1,
        "command": "OMP_NUM_THREADS=1 graphcondense bench --data digits --nodes 20 --root DATA",
    }


def put(folder: Path, *cells: dict[str, Any]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for one in cells:
        label = one["report"]["rows"][0]["label"]
        (folder / f"{label}.json").write_text(json.dumps(one))


def test_the_table_shows_presets_and_the_test_set(tmp_path: Path) -> None:
    cells = cell("gcond", 0.8, preset="cora"), cell("random", 0.7), cell("whole", 0.9)
    put(tmp_path / "out" / "digits-20", *cells)
    text = write_page(tmp_path / "out", tmp_path / "page.md", "digits-20")
    assert "digits (d) on 40 test nodes (3 unlabelled left out); " in text
    assert "Scores: test accuracy, %." in text
    assert "warning: only 40 test nodes: scores are coarse" in text
    assert "| trained on | preset | GCN | nodes |" in text
    assert "| gcond | cora | **80.0** | 20 |" in text  # one training has no spread
    assert "| random | - | 70.0 | 20 |" in text
    assert text.count("| gcond | cora |") == 2


def test_errors_of_any_size_are_told(tmp_path: Path) -> None:
    """A table in units of 10⁹ has them in its differences, too."""
    cells = [cell("gcond", 0), cell("random", 0), cell("whole", 0)]
    for one, score in zip(cells, (2e9, 3e9, 1e9), strict=True):
        one["report"]["metric"] = "rmse"
        scored = {"scores": [[score, score]], "seeds": None, "trainings": 2}
        one["report"]["rows"][0] |= {"test_selected": score, "val_selected": score, **scored}
    put(tmp_path / "out" / "digits-20", *cells)
    text = write_page(tmp_path / "out", tmp_path / "page.md", "digits-20")
    assert "**2,000,000,000**" in text
    assert " -1,000,000,000 |" in text
    assert "Scores: test RMSE (lower is better)." in text
    assert re.findall(r"^\| (gcond|random|whole) \|", text, re.MULTILINE)[:3] == [
        *("gcond", "random", "whole")  # the best first, the whole last
    ]
    assert " +1,000,000,000 |" in text


@pytest.mark.parametrize("score", [float("nan"), None])
def test_a_cell_without_a_score_comes_last_and_wins_nothing(
    tmp_path: Path, score: float | None
) -> None:
    put(tmp_path / "out" / "t", cell("a", float("nan"), val_selected=score), cell("b", 0.7))
    text = write_page(tmp_path / "out", tmp_path / "page.md", "t")
    assert re.findall(r"^\| ([ab]) \|", text, re.MULTILINE)[:2] == ["b", "a"]
    assert "**70.0**" in text
    assert "**nan" not in text


def test_a_broken_cell_is_named(tmp_path: Path) -> None:
    put(tmp_path / "out" / "t", cell("a", 0.5))
    (tmp_path / "out" / "t" / "b.json").write_text("{")
    with pytest.raises(ValueError, match=r"b\.json is no cell of graphcondense bench: delete it"):
        write_page(tmp_path / "out", tmp_path / "page.md", "t")


class Cell:
    """Stands in for a cell's process: ``random`` is done at once, the next one meets Ctrl-C."""

    def __init__(self, words: list[str], **options: Any) -> None:
        self.name = words[words.index("--methods", words.index("--cell") - 4) + 1]
        self.path, self.returncode = Path(words[words.index("--cell") + 1]), None
        self.ended = threading.Event()

    def communicate(self) -> tuple[None, str]:
        if self.name == "random":
            put(self.path.parent, cell("random", 0.7))
            self.returncode = 0
        else:
            os.kill(os.getpid(), signal.SIGINT)
            assert self.ended.wait(20)
        return None, ""

    def terminate(self) -> None:
        if self.returncode is None:
            self.returncode = -signal.SIGTERM
        self.ended.set()


@pytest.fixture
def ctrl_c_is_heard() -> Iterator[None]:
    """A shell starts what runs in its background with Ctrl-C ignored, tests among it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("ctrl_c_is_heard")
def test_ctrl_c_keeps_finished_cells_and_fails_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("graphcondense.cli.bench.processes.subprocess.Popen", Cell)
    words = ["bench", "--data", "digits", "--nodes", "20", "--workers", "1"]
    assert main([*words, "--methods", "gcond,random"]) == INTERRUPTED
    said = capsys.readouterr()
    assert "digits-20: 3 cells to run, 1 at a time: random, gcond, whole" in said.err
    assert "digits-20 random: begins, 1 of 3" in said.err
    assert "digits-20 gcond: begins, 2 of 3" in said.err
    assert "whole: begins" not in said.err
    assert "failed" not in said.err
    assert "1 of 3 cells are finished and kept in runs/bench/digits-20; to go on: " in said.err
    assert "graphcondense bench --data digits --nodes 20 --workers 1 --methods gcond,random" in (
        said.err
    )
    assert "| random | - | **70.0** |" in said.out  # the table of what is there
    assert [path.name for path in Path("runs/bench/digits-20").iterdir()] == ["random.json"]


def test_cells_of_other_data_are_refused(tmp_path: Path) -> None:
    """A table whose rows have changed, be it test labels alone, has no cells yet."""
    frame = table()
    edges = pairs(frame)

    def told(plan: Any) -> Any:
        return digests_of(as_task(nodes=frame.assign(plan=plan), edges=edges, target="plan"))

    before = told(frame["plan"])
    put(tmp_path, {**cell("random", 0.5), "command": "c", "data": before})
    check_same(tmp_path, "c", told(frame["plan"]))
    row = int(as_task(nodes=frame, edges=edges, target="plan").test[0])
    plan = frame["plan"].tolist()
    changed = [*plan[:row], "free" if plan[row] != "free" else "pro", *plan[row + 1 :]]
    with pytest.raises(ValueError, match=r"random\.json was run on other data: .* another --out"):
        check_same(tmp_path, "c", told(changed))
    with pytest.raises(ValueError, match=r"of test labels alone\)"):
        check_same(tmp_path, "c", {**before, "test_labels": "other"})
    put(tmp_path, {**cell("random", 0.5), "command": "c"})  # as older versions wrote them
    with pytest.raises(ValueError, match="their digest was d, and is "):
        check_same(tmp_path, "c", before)
    check_same(tmp_path, "c", {**before, "digest": "d"})


@pytest.mark.parametrize(
    ("words", "command"),
    [
        (
            "--table n.csv --edges e.csv --target a,b --no-directed --nodes 6",
            "--table n.csv --edges e.csv --target a,b --no-directed --nodes 6",
        ),
        ("--data acm --nodes paper=8,venue=2", "--data acm --nodes paper=8,venue=2 --root DATA"),
    ],
)
def test_the_command_can_be_given_again(words: str, command: str) -> None:
    parser = make_parser("bench", "")
    parser.add(*data_flags(), _sizes(), Flags("grid", Grid))
    found = command_of(parse(parser, words.split()))
    assert found == f"OMP_NUM_THREADS=1 graphcondense bench {command}"


def test_a_table_has_methods_as_they_are_by_default() -> None:
    """Each shares nodes between classes by its own rule, unless one is asked for."""
    parser = make_parser("bench", "")
    parser.add(*data_flags(), _sizes(), Flags("grid", Grid))
    plain = budget_of(parse(parser, ["--nodes", "9"]))
    assert plain == {"nodes": 9}
    for (name, kind), cls in all_methods().items():
        if kind in ("node", "hetero"):
            assert build(name, kind, **plain).rule == cls(nodes=9).rule
    assert build("quotient", "node", **plain).rule == "root"
    asked = budget_of(parse(parser, ["--ratio", "0.1", "--rule", "remainder", "--of", "all"]))
    assert asked == {"ratio": 0.1, "rule": "remainder", "of": "all"}
