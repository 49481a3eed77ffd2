"""The sentence on top of the page: what was found, and how sure it is."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from graphcondense.report import write_report
from graphcondense.report.finding import findings
from graphcondense.report.merge import merge
from graphcondense.report.runs import read_runs

Make = Callable[..., Path]


def change(run: Path, **row: Any) -> None:
    path = run / "evaluation.json"
    content = json.loads(path.read_text())
    for one in content["rows"]:
        one |= row
    content |= {"test_examples": 1000, "test_unlabelled": 0}
    path.write_text(json.dumps(content))


def found(*folders: Path) -> tuple[str, list[str]]:
    runs = read_runs(folders)
    (one,) = findings(runs, merge(runs))
    return one.sentence, one.details


def test_the_best_set_is_named_with_its_score_and_what_it_beats(
    tmp_path: Path, make_run: Make
) -> None:
    runs = [make_run(tmp_path / "a"), make_run(tmp_path / "b", "doscond", seed=1, score=0.75)]
    for run in runs:
        change(run)
    sentence, details = found(*runs)
    assert sentence == (
        "Of 2 sets condensed from cora, that of gcond is the best for a GCN: 80.0 % ± 1.1 accuracy "
        "on 1,000 test nodes."
    )
    assert details[0] == (
        "10.0 points better than as many random examples (70.0): more than the spread (1.1)."
    )
    assert details[1] == "2.0 points worse than all of the data (82.0): more than the spread (1.1)."
    assert details[2].startswith("5.0 points better than doscond (75.0)")
    assert details[3].startswith("Mean of 1 condensation with 4 trainings each: how much another")
    page = write_report(runs, tmp_path / "page.html").read_text()
    assert sentence in page.partition("<main")[0]
    assert "Scored on 1,000 test nodes; condensed 20" in page
    assert "graphcondense 0.1.0, torch 2.9" in page


@pytest.mark.parametrize(
    ("row", "said"),
    [
        (
            {"test_selected_std": 0.2},
            "Not told apart from as many random examples (70.0): the diff",
        ),
        ({"test_error": 0.15}, "within the spread (15.0)"),
        ({"trainings": 1, "graphs": 1}, "the spread of a single training is not known"),
    ],
)
def test_what_the_spread_hides_is_not_claimed(
    tmp_path: Path, make_run: Make, row: dict[str, float], said: str
) -> None:
    run = make_run(tmp_path / "a")
    change(run, **row)
    _, details = found(run)
    assert said in details[0]
    assert "more than the spread" not in " ".join(details)


def test_nothing_is_claimed_without_a_test_score(tmp_path: Path, make_run: Make) -> None:
    sentence, details = found(make_run(tmp_path / "a", evaluated=False))
    assert sentence.startswith("Nothing has been scored on test data yet")
    assert details == ["Validation scores chose what is shown: they are no test."]


def test_an_error_is_better_the_smaller(tmp_path: Path, make_run: Make) -> None:
    run = make_run(tmp_path / "a")
    change(run)
    path = run / "evaluation.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "metric": "rmse"}))
    sentence, details = found(run)
    assert "scores 0.800 RMSE ± 0.011 on 1,000 test nodes" in sentence
    assert details[0].startswith("0.100 RMSE worse than as many random examples (0.700)")


def test_settings_fold_away_and_versions_are_told(tmp_path: Path, make_run: Make) -> None:
    page = write_report(make_run(tmp_path / "a")).read_text()
    assert page.count("<details>") == page.count("</details>") >= 5
    assert "<details open" not in page
    assert page.index("<details>") < page.index("<summary>Hyper-parameters")


def test_results_show_the_table_that_was_printed(tmp_path: Path, make_run: Make) -> None:
    """Scores are per cent there, and shares in the rows beside them."""
    run = make_run(tmp_path / "a")
    lines = [["trained on", "test %"], ["gcond", "80.1 ± 0.2"], ["whole", "-"]]
    content = {"kind": "Report", "rows": [{"test": 0.801}], "table": lines, "notes": ["a note"]}
    (run / "privacy.json").write_text(json.dumps(content))
    page = write_report(run).read_text()
    assert 'data-value="80.1">80.1 ± 0.2</td>' in page
    assert "a note" in page
    assert "0.801" not in page
