"""``benchmarks/images.py``: a cell of a method with a loop, and of one without."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from graphcondense.evaluate import image_predictors
from tests.scripts import BENCHMARKS, benchmarks

RESULTS = BENCHMARKS.parent / "docs" / "results"


@pytest.mark.parametrize(("method", "cut"), [("random", False), ("dm", True)])
def test_learning_alone_ends_after_the_seconds_of_a_cell(
    method: str, cut: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(image_predictors, "PREDICTORS", {})
    words = ["--trainings", "1", "--hidden", "4", "--cell-seconds", "1e-6"]
    cell = ["--one", method, "1", "0", str(tmp_path / "cell.json")]
    monkeypatch.setattr(sys, "argv", ["images.py", *words, *cell])
    with benchmarks("images") as (script,):
        script.main()
    found = json.loads((tmp_path / "cell.json").read_text())
    assert found["images"] == 10
    assert len(found["test"]) == 1
    assert found["cut"] is cut


def seed_of(*test: float, **more: object) -> dict[str, object]:
    told = {"bytes": 2048, "condense_seconds": 3.0, "cut": False, "protocol": "a net"}
    peak = {"peak_memory_bytes_with_evaluation": 5 * 2**20}
    return {**told, **peak, "test": list(test), "ntkridge": [0.25], **more}


def test_rows_of_earlier_runs_stay_on_the_page(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where their cells are gone; a newer cell takes the place of its row."""
    cells = tmp_path / "cells" / "images"
    cells.mkdir(parents=True)
    there = {"dm-1": seed_of(0.5, 0.7), "random-1": seed_of(0.4), "whole-0": seed_of(0.9)}
    for name, seed in there.items():
        (cells / f"digits-{name}.json").write_text(json.dumps({"seconds": 9.0, "seeds": [seed]}))
    with benchmarks("images") as (script,):
        monkeypatch.setattr(script, "run_cell", lambda *told: None)
        monkeypatch.setattr(sys, "argv", ["images.py", "--out", str(tmp_path)])
        script.main()
        first = (tmp_path / "images.md").read_text()
        for path in cells.iterdir():
            path.unlink()
        script.main()
        assert (tmp_path / "images.md").read_text() == first
        newer = {"seconds": 4.0, "seeds": [seed_of(0.8, cut=True), seed_of(0.6, cut=False)]}
        (cells / "digits-dm-1.json").write_text(json.dumps(newer))
        (cells / "digits-dm-10.json").write_text(json.dumps(newer))
        script.main()
    rows = [line for line in first.splitlines() if line.startswith("| ")]
    assert rows[1:] == [
        "| random | 40.0 | 25.0 | - | 2.0 | 3.0 | 9 | 5 |",
        "| dm | **60.0 ± 14.1** | 25.0 | - | 2.0 | 3.0 | 9 | 5 |",
        "| whole | 90.0 | 25.0 | - | 2.0 | 3.0 | 9 | 5 |",
    ]
    rows = [line for line in (tmp_path / "images.md").read_text().splitlines() if "| dm" in line]
    both = "**70.0 ± 14.1** † | 25.0 | -"
    assert rows == [f"| dm | {both} | {both} | 2.0 / 2.0 | 3.0 / 3.0 | 4 / 4 | 5 / 5 |"]


def test_the_committed_page_is_fresh() -> None:
    with benchmarks("images") as (script,):
        page = script.page(script.kept(RESULTS))
    assert (RESULTS / "images.md").read_text() == page
