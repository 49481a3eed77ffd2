"""``benchmarks/cells.py``: seeds that a cell lacks are run, and no others."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.scripts import benchmarks

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
