"""``benchmarks/cells.py``: seeds that a cell lacks are run, and no others."""

from __future__ import annotations

import math
import os
import re
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from tests.scripts import BENCHMARKS, InTurn, benchmarks

SCRIPT = """import json, pathlib, sys
*_, seed, path = sys.argv
assert "bad" not in sys.argv or seed == "0", "no"
pathlib.Path(path).write_text(json.dumps({"test": [int(seed) / 100]}))
"""


def test_seeds_are_added_to_a_cell(tmp_path: Path) -> None:
    script, cell = tmp_path / "script.py", tmp_path / "cells" / "one.json"
    script.write_text(SCRIPT)
    with benchmarks("cells") as (cells,):
        for seeds in (1, 3, 2):
            cells.run(cell, [str(script)], ["word"], seeds=seeds)
            script.write_text(SCRIPT.replace("int(seed)", "10 * int(seed)"))  # seed 0 is kept
        found = cells.read(cell)
    assert found is not None
    assert [one["test"] for one in found["seeds"]] == [[0.0], [0.1], [0.2]]
    assert [path.name for path in cell.parent.iterdir()] == ["one.json"]


def test_a_seed_that_fails_leaves_the_cell_as_it_was(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    script, cell = tmp_path / "script.py", tmp_path / "one.json"
    script.write_text(SCRIPT)
    with benchmarks("cells") as (cells,):
        for seeds in (1, 2):
            cells.run(cell, [str(script)], ["bad"], seeds=seeds)
        found = cells.read(cell)
    assert found is not None
    assert len(found["seeds"]) == 1
    assert "failed, AssertionError: no" in capsys.readouterr().err


@pytest.mark.parametrize("workers", ["1", pytest.param("ray", marks=pytest.mark.slow)])
def test_cells_in_turn_and_on_ray(
    workers: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each gives its row, and one that fails is told."""
    if workers == "ray":
        pytest.importorskip("ray")
        # Workers import what they are handed, by the path that the driver was started with.
        monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(BENCHMARKS), *sys.path]))
    items, failed = {"nine": 9.0, "bad": -1.0, "four": 4.0}, list[str]()
    own = {"workers": workers, "seconds": 1e6, "failed": failed, "together": math.isfinite}
    with benchmarks("cells") as (cells,):
        found = list(cells.each(math.sqrt, items, **own))
        with pytest.raises(SystemExit, match="cells that failed: 1"):
            cells.end(failed)
        cells.end([])
    assert found == [3.0, 2.0]
    assert failed == ["bad"]
    assert re.search("bad failed: .*math domain error", capsys.readouterr().err, re.DOTALL)


def test_no_cell_begins_too_late(capsys: pytest.CaptureFixture[str]) -> None:
    failed = list[str]()
    own: dict[str, Any] = {"workers": "1", "seconds": -1.0, "failed": failed}
    with benchmarks("cells") as (cells,):
        assert list(cells.each(math.sqrt, {"four": 4.0}, **own)) == []
    assert capsys.readouterr().err == "no time for 1 further cells\n"
    assert failed == []


def test_cells_that_share_something_are_one_worker_s(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The time is looked at before each of them, and each is counted, also of a worker that is
    killed."""
    fleet, failed = InTurn(), list[str]()
    monkeypatch.setattr("graphcondense.ops.fleet.Fleet", lambda: fleet)
    items = {"bad": -1.0, "a": 0.01, "b": 0.6, "c": 0.0, "d": 0.0, "killed": 9.0, "with it": 9.0}
    own: dict[str, Any] = {"workers": "ray", "seconds": 0.5, "failed": failed}
    with benchmarks("cells") as (cells,):
        found = list(cells.each(nap, items, **own, together=lambda item: item == 9.0))
    assert fleet.tasks == [["bad", "a", "b", "c", "d"], ["killed", "with it"]]
    assert found == [0.01, 0.6]
    assert failed == ["bad", "killed", "with it"]
    err = capsys.readouterr().err
    assert "with it failed: its worker was killed" in err
    assert "no time for 2 further cells" in err


def nap(seconds: float) -> float:
    time.sleep(seconds)
    return seconds
