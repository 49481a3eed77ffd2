"""Verdicts on pairs of sets: published worked examples, by hand, and what may not be said."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

import graphcondense
from graphcondense import cli
from graphcondense.evaluate.comparison import Comparison, Verdict, compare
from graphcondense.evaluate.report import Report, Row

SIZES: dict[str, Any] = {
    "predictor": "GNN",
    "edge_weights": "",
    "chosen": "",
    "test_selected_std": 0.0,
    "test_last": 0.5,
    "test_last_std": 0.0,
    "val_selected": 0.5,
    "epoch_selected": 1.0,
    "spread_graphs": None,
    "spread_trainings": None,
    "nodes": 1,
    "edges": 0,
    "bytes": 4,
    "seconds": 1.0,
    "seconds_training": 1.0,
    "processor_seconds": 1.0,
}


def row(label: str, scores: Any, seeds: Any = "range", graphs: int | None = None) -> Row:
    """A row with the scores ``[sets, trainings]``; seeds count up from 0."""
    lines = tuple(map(tuple, scores))
    return Row(
        label=label,
        model="GCN",
        graphs=graphs or len(lines),
        trainings=len(lines[0]),
        test_selected=float(np.mean(lines)),
        scores=lines,
        seeds=tuple(range(len(lines))) if seeds == "range" else seeds,
        **SIZES,
    )


def report(*rows: Row, metric: str = "accuracy") -> Report:
    return Report("toy", "digest", {}, rows, {}, metric)


def one(*rows: Row, **options: Any) -> Verdict:
    metric = options.pop("metric", "accuracy")
    found = compare(report(*rows, metric=metric), [(rows[0].label, rows[1].label)], **options)
    return found.rows[0]


# Student, "The probable error of a mean" (Biometrika 6, 1908): additional hours of sleep of ten
# patients by two drugs. Difference 1.58, t = 4.0621 with nine degrees of freedom, p = 0.00283,
# interval 0.7001 to 2.4599; unpaired by Welch t = 1.8608, 17.776 degrees, p = 0.07939.
FIRST = [0.7, -1.6, -0.2, -1.2, -0.1, 3.4, 3.7, 0.8, 0.0, 2.0]
SECOND = [1.9, 0.8, 1.1, 0.1, -0.1, 4.4, 5.5, 1.6, 4.6, 3.4]


def test_students_sleep_paired() -> None:
    found = one(row("b", [[v] for v in SECOND]), row("a", [[v] for v in FIRST]))
    assert found.paired
    assert found.difference == pytest.approx(1.58)
    assert found.p == pytest.approx(0.00283, abs=5e-6)
    assert (found.low, found.high) == pytest.approx((0.7001, 2.4599), abs=5e-5)
    assert found.outcome == "better"
    assert found.more == 0


def test_students_sleep_by_welch() -> None:
    """Without seeds nothing says which belongs to which."""
    found = one(row("b", [[v] for v in SECOND], None), row("a", [[v] for v in FIRST], None))
    assert not found.paired
    assert found.p == pytest.approx(0.07939, abs=5e-6)
    assert found.outcome == "undecided"
    assert found.more is not None
    assert found.more > 0


def test_holm_by_hand() -> None:
    """The smallest of three is times three, the next times two, and none below the one before."""
    rng = np.random.default_rng(0)
    base = rng.normal(0.5, 0.01, 6)
    others = [base + shift + rng.normal(0, 0.01, 6) for shift in (0.01, 0.02, 0.04)]
    rows = [row(name, v[:, None]) for name, v in zip("abc", others, strict=True)]
    rows.append(row("z", base[:, None]))
    pairs = [(name, "z") for name in "abc"]
    together = compare(report(*rows), pairs).rows
    alone = [compare(report(*rows), [pair]).rows[0] for pair in pairs]
    order = sorted(range(3), key=lambda i: alone[i].p or 0)
    least = 0.0
    for place, i in enumerate(order):
        least = max(least, min(1.0, (alone[i].p or 0) * (3 - place)))
        assert together[i].p == pytest.approx(least)


def test_small_differences_that_are_told_to_be_small() -> None:
    rng = np.random.default_rng(1)
    scores = rng.normal(0.8, 0.002, (8, 3))
    near = scores + 0.0005 * rng.normal(size=(8, 3))
    assert one(row("a", scores), row("b", near)).outcome == "equivalent"
    assert one(row("a", scores), row("b", near), margin=1e-6).outcome == "undecided"
    wide = rng.normal(0.8, 0.05, (8, 3))
    assert one(row("a", scores), row("b", wide)).outcome == "undecided"


@pytest.mark.parametrize(("metric", "outcome"), [("accuracy", "better"), ("rmse", "worse")])
def test_better_is_what_the_score_calls_better(metric: str, outcome: str) -> None:
    rng = np.random.default_rng(2)
    high, low = (rng.normal(level, 0.01, (5, 2)) for level in (0.9, 0.5))
    assert one(row("a", high), row("b", low), metric=metric).outcome == outcome


def test_trainings_on_one_set_say_nothing_of_the_next() -> None:
    """Ten trainings are ten observations of the whole data, and none of a method with one seed."""
    rng = np.random.default_rng(3)
    whole = row("whole", rng.normal(0.5, 0.01, (1, 10)), None)
    method = row("a", rng.normal(0.9, 0.01, (1, 10)))
    found = one(method, whole)
    assert (found.outcome, found.p) == ("undecided", None)
    assert "a is of one condensation seed" in found.why
    three = row("a", rng.normal(0.9, 0.01, (3, 10)))
    assert one(three, whole).observations == (3, 10)
    assert one(three, whole).outcome == "better"


def test_a_method_without_a_seed_is_one_set_however_often_it_is_asked() -> None:
    rng = np.random.default_rng(4)
    scores = rng.normal(0.9, 0.01, (1, 5))
    other = row("b", rng.normal(0.5, 0.01, (4, 5)))
    found = one(row("a", scores, None, graphs=3), other)
    assert found.observations == (5, 4)
    assert not found.paired
    assert found.outcome == "better"
    found = one(row("a", scores, (0,), graphs=3), other)  # a copy of one condensation is no other
    assert (found.outcome, found.p) == ("undecided", None)
    assert "one condensation seed" in found.why
    rounded = row("a", np.concatenate([scores, scores + 1e-4]), (0, 0))
    found = one(rounded, other)
    assert (found.outcome, found.observations) == ("undecided", (1, 4))
    assert "one condensation seed" in found.why


@pytest.mark.parametrize(
    ("scores", "why"),
    [([[0.5]], "trained on once"), ([[0.5] * 3] * 3, "no spread"), ([[math.nan]] * 3, "no number")],
)
def test_what_cannot_be_told_has_a_reason(scores: Any, why: str) -> None:
    found = one(row("a", scores, None), row("b", scores, None))
    assert (found.outcome, found.p, found.more) == ("undecided", None, None)
    assert why in found.why
    assert why in compare(report(row("a", scores, None), row("b", scores, None))).table()


@settings(deadline=None, max_examples=6)
@given(st.integers(2, 6), st.integers(2, 6), st.floats(-0.2, 0.2), st.integers(0, 99))
def test_swapped_pairs_say_the_opposite(m: int, n: int, shift: float, seed: int) -> None:
    rng = np.random.default_rng(seed)
    a, b = row("a", rng.normal(0.5, 0.03, (m, 2))), row("b", rng.normal(0.5 + shift, 0.03, (n, 2)))
    here, there = one(a, b), one(b, a)
    opposite = {"better": "worse", "worse": "better"}
    assert there.outcome == opposite.get(here.outcome, here.outcome)
    assert there.difference == pytest.approx(-here.difference)
    assert there.p == pytest.approx(here.p)
    assert here.low is not None
    assert here.high is not None
    assert here.low <= here.difference <= here.high


def test_seeds_that_are_missing() -> None:
    """A difference of one deviation takes 9.94 pairs at 0.05 and a power of 0.8 (Cohen, Statistical
    Power Analysis, 1988, and statsmodels' documentation of TTestPower)."""
    apart = np.array([1.0, -1.0, 0.5, -0.5])
    apart = 0.01 * (1.0 + apart / apart.std(ddof=1))
    found = one(row("a", 0.5 + apart[:, None]), row("b", np.full((4, 1), 0.5)))
    assert found.more == 10 - 4
    # With four pairs t is not central by twice the difference in deviations.
    bound = stats.t.ppf(0.975, 3)
    assert found.detectable is not None
    seen = stats.nct.sf(bound, 3, 2 * found.detectable / 0.01)
    assert seen == pytest.approx(0.8, abs=1e-4)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"pairs": [("a", "c")]}, "no set 'c' in the report; it has a, b"),
        ({"pairs": [("a", "a")]}, "'a' against itself"),
        ({"models": "GIN"}, "no model 'GIN' in the report; it has GCN"),
        ({"alpha": 0.0}, "alpha=0.0 must be between 0 and 1"),
        ({"margin": math.nan}, "margin=nan must be above 0"),
    ],
)
def test_bad_values_are_named(options: Any, said: str) -> None:
    rows = (row("a", [[0.5], [0.6]]), row("b", [[0.5], [0.7]]))
    with pytest.raises(ValueError, match="|".join([said.replace("(", r"\(")])):
        compare(report(*rows), **options)


def test_reports_without_single_scores_are_refused() -> None:
    old = Report.from_dict({**report(row("a", [[0.5]]), row("b", [[0.5]])).to_dict()})
    blank = [{k: v for k, v in line.items() if k != "scores"} for line in old.to_dict()["rows"]]
    with pytest.raises(ValueError, match="scores of 'a' are not kept one by one"):
        compare(Report.from_dict({**old.to_dict(), "rows": blank}))


def test_from_sets_to_a_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    """The command reads what evaluate wrote; observations are condensations."""
    monkeypatch.chdir(tmp_path)
    data = graphcondense.data.load("digits")
    sets = {
        name: [
            graphcondense.condense(data, name, nodes=20, seed=seed, progress=False)
            for seed in range(2)
        ]
        for name in ("averaging", "random")
    }
    named = {"averaging": sets["averaging"][:1] * 2, "drawn": sets["random"]}
    found = graphcondense.evaluate(
        named, data, models="MLP", seeds=2, epochs=4, baselines=(), plain_epochs=0, progress=False
    )
    assert found.rows[0].graphs == 2
    assert len(found.rows[0].scores) == 1  # the same set twice is one
    assert found.rows[0].seeds == (0,)
    assert {row.outcome for row in found.compare().rows} == {"undecided"}
    copy = sets["averaging"][0].clone()
    copy.condensed = {**copy.condensed, "seed": 1}  # another seed made the same
    several = {"averaging": [sets["averaging"][0], copy]}
    options = {"seeds": 2, "epochs": 2, "baselines": (), "plain_epochs": 0, "progress": False}
    assert graphcondense.evaluate(several, data, models="MLP", **options).rows[0].seeds is None
    assert found.rows[1].seeds == (0, 1)
    assert found.rows[1].test_selected == pytest.approx(np.mean(found.rows[1].scores))
    found.to_json("evaluation.json")
    again = Report.read("evaluation.json")
    assert again.rows == found.rows
    assert cli.main(["compare", "evaluation.json", "--json", "c.json", "--plot", "c.png"]) == 0
    assert "averaging  drawn    MLP" in capsys.readouterr().out
    assert json.loads(Path("c.json").read_text())["rows"][0]["observations"] == [2, 2]
    assert Path("c.png").stat().st_size > 4000
    assert isinstance(found.compare(), Comparison)
    assert cli.main(["compare", "nothing"]) == 2
    assert "there is no nothing: graphcondense evaluate writes it" in capsys.readouterr().err


@pytest.mark.filterwarnings("error")
def test_one_side_may_have_no_spread() -> None:
    """Then Welch's test is the other side's against a number, and SciPy warns nobody."""
    told = one(row("a", [[0.80], [0.82], [0.83]]), row("whole", [[0.9, 0.9]], seeds=None))
    by_hand = stats.ttest_1samp([0.80, 0.82, 0.83], 0.9)
    assert told.p == pytest.approx(by_hand.pvalue)
    assert told.outcome == "worse"


@pytest.mark.parametrize(("metric", "called"), [("accuracy", "nodes"), ("mrr", "links")])
def test_what_was_tested_has_its_name(metric: str, called: str) -> None:
    told = report(row("a", [[0.5]]), row("b", [[0.4]]), metric=metric)
    told = replace(told, test_examples=528)
    found = compare(told, [("a", "b")])
    assert found.title().endswith(f"on 528 test {called}")
    assert found.title().endswith(told.on_test)
    assert found.examples == found.to_dict()["examples"] == called


@pytest.mark.parametrize(
    ("size", "texts"),
    [(1e9, ("2,500,000,000", "-1,500,000,000")), (1e-9, ("2.5e-09", "-1.5e-09"))],
)
def test_errors_of_any_size_are_told(size: float, texts: tuple[str, str]) -> None:
    """In the table, the picture, the verdicts; the page of a bench says them with these."""
    scores = [row("a", [[size]]), row("b", [[2.5 * size]])]
    told = report(*scores, metric="rmse")
    assert texts[0] in told.table()
    assert texts[0] in {text.get_text() for text in told.plot_transfer().axes[0].texts}
    assert texts[1] in compare(told, [("a", "b")]).table()
