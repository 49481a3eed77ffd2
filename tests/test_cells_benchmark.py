"""``benchmarks/cells.py``: seeds that a cell lacks are run, and no others."""

from __future__ import annotations

import math
import os
import re
import sys
from pathlib import Path

import pytest

from tests.scripts import BENCHMARKS, benchmarks

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
    items = {"nine": 9.0, "bad": -1.0, "four": 4.0}
    with benchmarks("cells") as (cells,):
        found = list(cells.each(math.sqrt, items, workers=workers, seconds=1e6))
    assert sorted(found) == [2.0, 3.0]
    assert re.search("bad failed: .*math domain error", capsys.readouterr().err, re.DOTALL)


def test_no_cell_begins_too_late(capsys: pytest.CaptureFixture[str]) -> None:
    with benchmarks("cells") as (cells,):
        assert list(cells.each(math.sqrt, {"four": 4.0}, workers="1", seconds=-1.0)) == []
    assert capsys.readouterr().err == "no time for 1 further cells\n"
