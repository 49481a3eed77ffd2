"""For which models a method was measured to work, on cards, pages, in show and in evaluations."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import graphcondense
from graphcondense.cli import main
from graphcondense.data import as_task
from graphcondense.evaluate import Report
from graphcondense.measured.figures import Measurement
from graphcondense.measured.works import (
    collapsed,
    collapses,
    lines_of,
    model_rows,
    own_lines,
    warnings_of,
)
from tests.cases import toy_graph


def test_what_a_collapse_is(known: list[Measurement]) -> None:
    """Deviations are 1.5: poor's 58 is 2 below random's 60. Quick's 50 with a GAT is 25 below."""
    found = {(m.label, m.model) for m in known if m.what == "score" and collapsed(m)}
    few = {(label, model) for label, model in found if label != "random"}
    assert few == {("poor", "GCN"), ("quick", "GAT")}
    assert ("random", "GCN") in found, "20 points below the whole data"
    assert not collapses(58.6, 60, None, spread=1.5)
    assert not collapses(59.1, 60, None), "less than a point"
    assert collapses(58.9, 60, None)
    assert not collapses(65, None, 80)
    assert collapses(64.9, None, 80)
    assert not collapses(1, None, None)


def test_lines_and_warnings(known: list[Measurement]) -> None:
    assert lines_of("quick", "node", known) == [
        "quick was measured on first (10 nodes); share of the whole data's score that it keeps, "
        "where it never collapsed: GCN 88 %, SAGE 86 %",
        "quick is known to collapse with GAT: 50.0 ± 1.5 on first, 10 nodes (random 40.0, whole "
        "75.0); in 1 of 1 measured cell",
    ]
    assert model_rows("good", "node", known) == [
        ("GCN", "82 to 98 %", "first (10 nodes); second (10 nodes)", "-"),
        ("SAGE", "94 %", "first (10 nodes)", "-"),
        ("GAT", "96 %", "first (10 nodes)", "-"),
    ]
    assert warnings_of("quick", "node", ["GCN", "GIN"], known) == []
    assert warnings_of("QUICK", "node", known=known)[0].startswith("QUICK is known to collapse")
    [little] = [m for m in known if (m.label, m.model, m.what) == ("poor", "GCN", "score")]
    assert warnings_of("poor", "node", ["GCN"], [replace(little, whole=70.0)])[0].startswith(
        "poor is known to fall below random examples with GCN: "
    )
    assert lines_of("mine", "node", known) == ["mine: not measured"]
    assert lines_of("quick", "graph", known) == ["quick: not measured"], "of another kind of data"


def test_a_set_that_was_measured_itself() -> None:
    def row(label: str, score: float, std: float | None = 0.01) -> dict[str, object]:
        return {"label": label, "model": "GAT", "test_selected": score, "test_selected_std": std}

    floors = [row("random, 10 nodes", 0.5), row("whole", 0.6)]
    assert own_lines([row("a", 0.47), *floors], "a", "random, 10 nodes") == [
        "measured on this set: GAT 47.0 (78 % of whole)",
        "this set was seen to fall below random examples with GAT: 47.0 (random 50.0, whole 60.0)",
    ]
    assert own_lines([row("a", 0.4), row("whole", 0.6)], "a")[1].startswith(
        "this set was seen to collapse with GAT"
    )
    assert len(own_lines([row("a", 0.47, 0.04), *floors], "a", "random, 10 nodes")) == 1
    assert own_lines([row("a", float("nan")), *floors], "a") == []
    assert own_lines(floors, "a") == []


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs") / "averaging"
    graphcondense.condense(toy_graph(), "averaging", nodes=9, out=folder, progress=False)
    return folder


def test_the_card(run: Path) -> None:
    card = (run / "condensed.md").read_text()
    assert "## For which models" in card
    assert "| GCN | " in card
    for text in warnings_of("averaging", "node"):
        assert f"**Warning:** {text}." in card
    assert "known to collapse with SAGE" in card
    assert "more than 15 points below" in card


def test_a_card_of_an_unmeasured_method(tmp_path: Path) -> None:
    small = graphcondense.condense(toy_graph(), "averaging", nodes=9, progress=False)
    small.condensed["method"] = "mine"
    path = graphcondense.save(small, tmp_path)
    assert "`mine`: not measured." in path.with_suffix(".md").read_text()
    del small.condensed["method"]
    path = graphcondense.save(small, tmp_path)
    assert "For which models" not in path.with_suffix(".md").read_text(), "made by hand"


def test_evaluations_say_so(run: Path) -> None:
    small = graphcondense.load(run)
    task = as_task(toy_graph())
    options: dict[str, Any] = {"seeds": 1, "epochs": 2, "plain_epochs": 0, "baselines": ()}
    report = graphcondense.evaluate(small, task, models=("GCN", "SAGE"), **options)
    [line] = report.remarks
    assert line.startswith("averaging is known to collapse with SAGE: ")
    assert line in report.table()
    again = Report.from_dict(json.loads(report.to_json()))
    assert again.remarks == report.remarks
    assert again.with_rows_of(report).remarks == report.remarks
    old = {k: v for k, v in json.loads(report.to_json()).items() if k != "remarks"}
    assert Report.from_dict(old).remarks == ()
    small.condensed["method"] = "mine"
    assert graphcondense.evaluate(small, task, models=("SAGE",), **options).remarks == ()


def test_show_and_the_page(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """First what was measured on the set itself, then what is known of the method."""
    assert main(["show", str(run)]) == 0
    before = capsys.readouterr().out
    assert "measured on this set" not in before
    assert "averaging is known to collapse with SAGE" in before
    small, task = graphcondense.load(run), as_task(toy_graph())
    options: dict[str, Any] = {"seeds": 2, "epochs": 5, "plain_epochs": 0, "random_draws": 1}
    report = graphcondense.evaluate({"averaging": small}, task, models=("GCN", "MLP"), **options)
    report.to_json(run / "evaluation.json")
    assert main(["show", str(run), "--json"]) == 0
    first, *others = json.loads(capsys.readouterr().out)["models"]
    mean = 100 * next(r.test_selected for r in report.rows if r.label == "averaging")
    assert first.startswith(f"measured on this set: GCN {mean:.1f} (")
    assert any(text.startswith("averaging was measured on ") for text in others)
    page = graphcondense.report.write_report(run).read_text()
    part = page.partition('<section id="works"')[2].partition("</section>")[0]
    own, table = part.index("measured on this set: GCN"), part.index("of whole")
    assert own < part.index("not measured on this very set") < part.index("collapses on")
    assert table > 0
    assert "Warning: averaging is known to collapse with SAGE" in part
