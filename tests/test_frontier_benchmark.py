"""``benchmarks/frontier.py``: which rows it makes and keeps, and the tables."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from graphcondense.methods.quotient import Quotient
from tests.scripts import BENCHMARKS, benchmarks

RESULTS = BENCHMARKS.parent / "docs" / "results"


@pytest.fixture(scope="module")
def frontier() -> Iterator[ModuleType]:
    with benchmarks("frontier") as (module,):
        yield module


def row(frontier: ModuleType, setting: str, seed: int, **scores: float) -> dict[str, Any]:
    shown = dict.fromkeys(frontier.SHOWN, 60.0)
    told = {"data": "cora", "nodes": 70, "trainings": 1, "test_nodes": 1000, "seconds": 2.0}
    return {**told, "setting": setting, "seed": seed, "scores": {"GCN": 60.0, **shown, **scores}}


def test_every_setting_is_another_than_the_default(frontier: ModuleType) -> None:
    usual = {field.name: field.default for field in fields(Quotient)}
    ways = list(frontier.SETTINGS.values())
    assert ways[0] == {}
    assert all(way[name] != usual[name] for way in ways for name in way)
    assert all(ways.count(way) == 1 for way in ways)
    for way in ways:
        Quotient(nodes=70, **way)


def test_numbers_of_a_setting_by_hand(frontier: ModuleType) -> None:
    rows = [row(frontier, "means", 0, GCN=80, GIN=10), row(frontier, "means", 1, GCN=83, GIN=40)]
    found = frontier.settings_of(rows, "cora")
    assert list(found) == ["means"]
    own = found["means"]
    assert (own["GCN"], own["GIN"], own["worst"], own["runs"]) == (81.5, 25, 25, 2)
    assert own["mean"] == pytest.approx((81.5 + 25 + 5 * 60) / 7)
    assert own["GCN ±"] == pytest.approx(1.5 * 2**0.5)
    assert own["mean ±"] == pytest.approx(33 / 7 / 2**0.5)


def test_who_is_on_the_frontier(frontier: ModuleType) -> None:
    """A setting that another beats in both is not, nor one that is only level in one of them; of
    those that are level in both, all are."""
    found = {
        "a": {"GCN": 83.0, "mean": 80.0, "seconds": 2.0},
        "e": {"GCN": 83.0, "mean": 80.0, "seconds": 9.0},
        "b": {"GCN": 82.0, "mean": 81.0},
        "c": {"GCN": 82.0, "mean": 80.5},
        "d": {"GCN": 81.0, "mean": 79.0},
    }
    assert frontier.on_frontier(found) == {"a", "b", "e"}


@pytest.mark.parametrize(("words", "said"), [(["--page"], "no frontier.json"), ([], "have {1}")])
def test_what_cannot_act_is_refused(
    words: list[str],
    said: str,
    frontier: ModuleType,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
) -> None:
    """A page of nothing, and trainings beside rows of another number."""
    if not words:
        rows = [row(frontier, "means", 0)]
        (tmp_path / "frontier.json").write_text(json.dumps({"rows": rows}))
    told = ["frontier.py", *words, "--trainings", "5", "--out", str(tmp_path)]
    monkeypatch.setattr(sys, "argv", told)
    with pytest.raises(SystemExit):
        frontier.main()
    assert said in capsys.readouterr().err


def test_rows_that_are_there_are_not_made_again(
    frontier: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A setting that fails is told, and the others are kept and shown."""
    asked = []

    def made(job: tuple[str, str, str, int, int]) -> dict[str, Any]:
        asked.append(job)
        root, data, setting, seed, trainings = job
        assert (root, data, trainings) == ("data", "cora", 1)
        if setting == "means" and seed == 1:
            raise ValueError("no such set")
        return row(frontier, setting, seed, GCN=80.0 + seed)

    monkeypatch.setattr(frontier, "made", made)
    words = ["--root", "data", "--data", "cora", "--settings", "means", "as it is"]
    words += ["--out", str(tmp_path), "--seeds"]
    for seeds in (1, 2):
        monkeypatch.setattr(sys, "argv", ["frontier.py", *words, f"{seeds}"])
        if seeds == 1:
            frontier.main()
        else:
            with pytest.raises(SystemExit, match="cells that failed: 1"):
                frontier.main()
    assert [job[2:4] for job in asked] == [
        ("means", 0), ("as it is", 0), ("means", 1), ("as it is", 1),
    ]  # fmt: skip
    assert len(json.loads((tmp_path / "frontier.json").read_text())["rows"]) == 3
    lines = (tmp_path / "frontier.md").read_text().splitlines()
    assert "| as it is | yes | 80.5 ± 0.7 | 62.9 ± 0.1 | 60.0 |" in lines[-2]
    assert lines[-1].startswith("| means |  | 80.0 | 62.9 | 60.0 |")
    assert (tmp_path / "frontier.png").stat().st_size > 5000


def test_committed_tables_are_fresh(frontier: ModuleType) -> None:
    rows = frontier.kept(RESULTS)
    assert {row["data"] for row in rows} == {*frontier.BUDGETS}
    page = (RESULTS / "frontier.md").read_text()
    assert page == frontier.page(rows), "frontier.py --page --out docs/results"
