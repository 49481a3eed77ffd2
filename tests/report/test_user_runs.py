"""Runs of users by items have a page, in Python and on the command line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import graphcondense
from graphcondense.cli import main
from graphcondense.evaluate import evaluate
from graphcondense.pictures import draw_items
from graphcondense.report import write_report
from graphcondense.report.merge import merge
from graphcondense.report.runs import read_runs
from tests.cases import toy_rows


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """A run that learnt and one that chose, the first with an evaluation of both."""
    folder = tmp_path_factory.mktemp("user-runs")
    data = toy_rows()
    options = {"nodes": 8, "progress": False}
    learnt = graphcondense.condense(
        data, "distill-cf", steps=3, validations=1, out=folder / "dcf", **options
    )
    chosen = graphcondense.condense(data, "head", out=folder / "head", **options)
    task = graphcondense.data.as_interactions(data)
    draw_items(learnt.csr, task.train, folder / "dcf" / "items.png")
    sets = {"distill-cf": learnt, "head": chosen}
    report = evaluate(sets, task, models="InfiniteAE,Popularity", progress=False)
    report.to_json(folder / "dcf" / "evaluation.json")
    return [folder / "dcf", folder / "head"]


def test_the_page_of_users(runs: list[Path], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["report", *map(str, runs)]) == 0
    page = (runs[0] / "report.html").read_text()
    assert str(write_report(runs)) in capsys.readouterr().out
    count = json.loads((runs[0] / "evaluation.json").read_text())["test_examples"]
    for said in (
        "test NDCG@10, InfiniteAE",
        f"on {count} test users",
        "random, 8 users",
        "8 users by 40 items",
        "There is no picture (items.png)",
        "in the training part",
        "% of interactions in the training part",
        "Condensed users",
        "validation HR@",
    ):
        assert said in page, said
    assert page.count('src="data:image/png;base64,') == 1
    for wrong in ("accurac", "nodes to", "after the last epoch"):
        assert wrong not in page.partition("<main")[2].partition("<script")[0]
    assert (runs[0] / "report.html").read_bytes() == write_report(runs).read_bytes()


def test_users_are_no_graph(runs: list[Path], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["evaluate", str(runs[0]), "--data", "digits"]) == 2
    assert "holds users by items, but digits is one graph" in capsys.readouterr().err


def test_users_are_read_as_such(runs: list[Path]) -> None:
    learnt, chosen = read_runs(runs)
    assert (learnt.unit, learnt.size, learnt.tested) == ("users", "8 users", True)
    assert learnt.score.name.startswith("HR@")
    (group,) = merge([learnt, chosen])
    assert group.best(learnt) == ("distill-cf", "InfiniteAE")
    assert group.best(chosen) == ("head", "InfiniteAE")
    (alone,) = read_runs(runs[1:])
    assert "head" in write_report(alone.path).read_text()
