"""``benchmarks/images.py``: a cell of a method with a loop, and of one without."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from graphcondense.evaluate import image_predictors
from tests.scripts import benchmarks


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
