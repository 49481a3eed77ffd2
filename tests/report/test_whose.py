"""What was measured is shown under the run it was measured on, and under no other."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from graphcondense.cli.text import summary
from graphcondense.report import write_report
from graphcondense.report.merge import merge
from graphcondense.report.runs import read_runs
from graphcondense.report.scene import cost_chart
from tests.report.test_page import read

Make = Callable[..., Path]


def text_of(page: Path) -> str:
    return " ".join(" ".join(read(page).texts).partition("Summary")[2].split())


def change(run: Path, how: Callable[[dict[str, Any]], None]) -> None:
    """Rewrite the evaluation of a run."""
    path = run / "evaluation.json"
    content = json.loads(path.read_text())
    how(content)
    path.write_text(json.dumps(content))


@pytest.fixture
def equal(tmp_path: Path, make_run: Make) -> list[Path]:
    """Two runs of one seed and of equal tensors, with other seconds and scores."""
    return [
        make_run(tmp_path / "a", tensors=0, score=0.8, record={"seconds": 12.5}),
        make_run(tmp_path / "b", tensors=0, score=0.6, record={"seconds": 99.5}),
    ]


def test_two_runs_of_equal_tensors_keep_their_own_scores_and_seconds(equal: list[Path]) -> None:
    runs = read_runs(equal)
    assert runs[0].record["hash"] == runs[1].record["hash"]
    (group,) = merge(runs)
    assert [run.label for run in runs] == ["a", "b"]
    assert [group.rows[name, "GCN"]["test_selected"] for name in ("a", "b")] == [0.8, 0.6]
    assert {k: v["condensation_seconds"] for k, v in group.ledgers.items()} == {"a": 10, "b": 97}
    assert [group.best(run) for run in runs] == [("a", "GCN"), ("b", "GCN")]
    chart = cost_chart(group, "cost")
    assert chart is not None
    assert [line["points"][0][1] for line in chart["lines"][:2]] == [11, 98]
    text = text_of(write_report(equal))
    assert re.search(r" a cora, 30 nodes asked for.{0,40}80\.0 % ± 1\.1 test accuracy, GCN", text)
    assert re.search(r" b cora, 30 nodes asked for.{0,40}60\.0 % ± 1\.1 test accuracy, GCN", text)


def test_a_run_that_was_not_evaluated_borrows_no_score_of_its_twin(equal: list[Path]) -> None:
    (equal[1] / "evaluation.json").unlink()
    runs = read_runs(equal)
    (group,) = merge(runs)
    assert [group.best(run) for run in runs] == [("a", "GCN"), None]
    assert "graphcondense evaluate b " in text_of(write_report(equal))


def test_a_measurement_beside_another_run_that_two_may_own_is_told(
    equal: list[Path], tmp_path: Path, make_run: Make
) -> None:
    """``evaluate c a`` writes into c; which of the twins it was, the file does not say."""
    third = make_run(tmp_path / "c", "doscond", seed=5)
    found = json.loads((equal[0] / "evaluation.json").read_text())
    for run in equal:
        (run / "evaluation.json").unlink()

    def add(content: dict[str, Any]) -> None:
        content["rows"] += [row for row in found["rows"] if row["label"] == "gcond"]
        content["ledgers"] |= found["ledgers"]

    change(third, add)
    folders = [third, *equal]
    runs = read_runs(folders)
    (group,) = merge(runs)
    assert [group.best(run) for run in runs] == [("c", "GCN"), None, None]
    (note,) = group.notes
    assert "gcond, measured in c, has the hash" in note
    assert "a and b: it is shown under none of them" in note
    assert note in text_of(write_report(folders))
    # With one of them on the page there is nothing to confuse.
    runs = read_runs([third, equal[1]])
    (group,) = merge(runs)
    assert [group.best(run) for run in runs] == [("doscond", "GCN"), ("gcond", "GCN")]
    assert not group.notes


def test_equal_tensors_by_two_methods_in_one_evaluation(tmp_path: Path, make_run: Make) -> None:
    """The label says which of two measured sets of one hash is whose."""
    first = make_run(tmp_path / "a", "random", tensors=0, evaluated=False)
    other = make_run(tmp_path / "b", "herding", tensors=0, score=0.7)
    found = json.loads((other / "evaluation.json").read_text())
    (other / "evaluation.json").unlink()
    twin = [{**r, "label": "mine"} for r in found["rows"] if r["label"] == "herding"]
    for row in twin:
        row["test_selected"] = 0.5
    found["rows"] += twin
    found["ledgers"]["mine"] = {**found["ledgers"]["herding"], "condensation_seconds": 1.0}
    (first / "evaluation.json").write_text(json.dumps(found))
    runs = read_runs([first, other])
    (group,) = merge(runs)
    assert group.best(runs[1]) == ("herding", "GCN")
    assert group.rows["herding", "GCN"]["test_selected"] == 0.7


def test_a_label_like_a_runs_name_is_not_its_score(tmp_path: Path, make_run: Make) -> None:
    """A set that is no run on the page is called like one that is."""
    first = make_run(tmp_path / "a", "doscond")
    gone = make_run(tmp_path / "gone", "gcond", seed=7, score=0.9)
    found = json.loads((gone / "evaluation.json").read_text())

    def add(content: dict[str, Any]) -> None:
        content["rows"] += [row for row in found["rows"] if row["label"] == "gcond"]
        content["ledgers"] |= found["ledgers"]

    change(first, add)
    other = make_run(tmp_path / "b", "gcond", seed=8, evaluated=False)
    runs = read_runs([first, other])
    (group,) = merge(runs)
    assert group.best(runs[1]) is None
    assert group.labels[:2] == ["doscond", "gcond (in doscond)"]


def test_means_over_other_sets_stand_apart(tmp_path: Path, make_run: Make) -> None:
    """Two evaluations of two sets each are two rows, and speak for the runs they are of."""
    folders = [make_run(tmp_path / f"s{i}", seed=i, score=0.8 - i / 10) for i in range(4)]
    for i in (0, 2):
        hashes = [run.record["hash"] for run in read_runs(folders[i : i + 2])]

        def mean(content: dict[str, Any], hashes: list[str] = hashes) -> None:
            for row in content["rows"]:
                row["graphs"] = 2 if row["label"] == "gcond" else row["graphs"]
            content["ledgers"]["gcond"]["graphs"] = hashes

        change(folders[i], mean)
        (folders[i + 1] / "evaluation.json").unlink()
    runs = read_runs(folders)
    (group,) = merge(runs)
    first, second = "gcond (2 graphs)", "gcond (2 graphs) (in gcond, seed 2)"
    found = [group.best(run) for run in runs]
    assert found == [(first, "GCN")] * 2 + [(second, "GCN")] * 2
    scores = [group.rows[name, "GCN"]["test_selected"] for name in (first, second)]
    assert scores == pytest.approx([0.8, 0.6])


def test_real_examples_of_other_bytes_stand_apart(tmp_path: Path, make_run: Make) -> None:
    folders = [make_run(tmp_path / f"{n}", nodes=n) for n in (30, 60)]
    for nodes, run in zip((400, 900), folders, strict=True):

        def add(content: dict[str, Any], nodes: int = nodes) -> None:
            row = {**content["rows"][0], "label": "random, same bytes", "nodes": nodes}
            content["rows"].append(row)

        change(run, add)
    (group,) = merge(read_runs(folders))
    for nodes in (400, 900):
        assert (f"random, {nodes} nodes, same bytes", "GCN") in group.rows


# --- what else a page says of a run ----------------------------------------------------------


def test_a_kept_start_is_said(tmp_path: Path, make_run: Make) -> None:
    said = "the untouched start, which validation preferred to all that was learnt"
    kept = {"score": 0.7, "step": 0, "predictor": "GCN"}
    old = make_run(tmp_path / "old", "gcdm", record={"validation": kept})
    new = make_run(tmp_path / "new", "gcond", record={"validation": {**kept, "start_kept": False}})
    text = text_of(write_report([old, new]))
    assert text.count(said) == 2  # on the card and below the table
    assert f"Of gcdm: {said}" in text
    assert said not in text_of(write_report(new))


def test_tables_show_the_preset(tmp_path: Path, make_run: Make) -> None:
    runs = [
        make_run(tmp_path / "a", "gcond", record={"preset": "arxiv"}),
        make_run(tmp_path / "b", "doscond", record={"preset": None}),
        make_run(tmp_path / "c", "gcdm"),
    ]
    page = write_report(runs)
    for word in ("<td>arxiv</td>", "<td>none</td>", "<dt>preset</dt><dd>arxiv</dd>"):
        assert word in page.read_text()


def test_the_size_of_the_test_set_is_said_and_a_small_one_warned_of(
    tmp_path: Path, make_run: Make
) -> None:
    run = make_run(tmp_path / "a")

    def few(content: dict[str, Any]) -> None:
        content |= {"test_examples": 13, "test_unlabelled": 4}
        for row in content["rows"]:
            row |= {"test_selected_std": 0.0, "test_error": 0.1}

    change(run, few)
    text = text_of(write_report(run))
    assert "80.0 % test accuracy, GCN, on 13 test nodes (4 unlabelled left out)" in text
    assert "± 0.0" not in write_report(run).read_text()
    assert "warning: only 13 test nodes: scores are coarse, each weighs 7.7 %" in text
    assert "4 test nodes have no label and are left out of every score" in text
    assert "on 13 test nodes (4 unlabelled left out): standard error 10.0" in (
        write_report(run).read_text()
    )


def test_a_set_that_loses_to_random_does_not_pay(tmp_path: Path, make_run: Make) -> None:
    run = make_run(tmp_path / "a")

    def worse(content: dict[str, Any]) -> None:
        for row in content["rows"]:
            if row["label"] == "random":
                row["test_selected"] = 0.795

    change(run, worse)
    (group,) = merge(read_runs([run]))
    chart = cost_chart(group, "cost")
    assert chart is not None
    assert not any(line.get("marks") for line in chart["lines"])
    text = text_of(write_report(run))
    assert "does not pay: not better than random" in text
    assert "more than the largest of both deviations and the test set's error" in text


def test_costs_on_the_page_are_of_one_clock(tmp_path: Path, make_run: Make) -> None:
    runs = [make_run(tmp_path / f"{i}", seed=i) for i in range(2)]
    spent = {
        "condensation_processor_seconds": 4.0,
        "condensed_processor_seconds": 1.0,
        "whole_processor_seconds": 2.0,
    }
    for run in runs:
        change(run, lambda content: content["ledgers"]["gcond"].update(spent))
    (group,) = merge(read_runs(runs))
    chart = cost_chart(group, "cost")
    assert chart is not None
    assert chart["y"] == "processor seconds in all"
    assert [line["points"][0][1] for line in chart["lines"]] == [5.0, 5.0, 2.0]  # no plain PyG
    assert "after 5 trainings, by processor seconds" in text_of(write_report(runs))
    # One that has none: wall seconds for all lines.
    change(runs[0], lambda c: c["ledgers"]["gcond"].pop("condensation_processor_seconds"))
    (group,) = merge(read_runs(runs))
    chart = cost_chart(group, "cost")
    assert chart is not None
    assert chart["y"] == "wall seconds in all"
    assert [line["points"][0][1] for line in chart["lines"]] == [11, 11, 3, 20]


def test_shares_name_what_they_are_of(tmp_path: Path, make_run: Make) -> None:
    text = text_of(write_report(make_run(tmp_path / "a")))
    assert "30 (1.1 % of 2,708 in the whole graph)" in text
    assert "50 % of the labelled nodes" in text
    assert "% of nodes in the whole graph" in text
    (run,) = read_runs([tmp_path / "a"])
    assert "share of the whole graph" in summary(run.small)
