"""Many sets on many data: a published worked example, SciPy, by hand, and what is refused."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import stats

from graphcondense.evaluate.over import over_splits
from graphcondense.evaluate.ranks import critical_difference, rank, rank_reports
from tests.evaluate.test_comparison import report, row

# Demšar, "Statistical Comparisons of Classifiers over Multiple Data Sets" (JMLR 7, 2006), table 6:
# AUC of four forms of C4.5 on 14 data sets. Its ranks are those of unrounded numbers: of voting,
# 0.975 of C4.5+cf is above 0.975 of C4.5+m+cf.
TREES = {
    "C4.5": (
        *(0.763, 0.599, 0.954, 0.628, 0.882, 0.936, 0.661),
        *(0.583, 0.775, 1.000, 0.940, 0.619, 0.972, 0.957),
    ),
    "C4.5+m": (
        *(0.768, 0.591, 0.971, 0.661, 0.888, 0.931, 0.668),
        *(0.583, 0.838, 1.000, 0.962, 0.666, 0.981, 0.978),
    ),
    "C4.5+cf": (
        *(0.771, 0.590, 0.968, 0.654, 0.886, 0.916, 0.609),
        *(0.563, 0.866, 1.000, 0.965, 0.614, 0.9751, 0.946),
    ),
    "C4.5+m+cf": (
        *(0.798, 0.569, 0.967, 0.657, 0.898, 0.931, 0.685),
        *(0.625, 0.875, 1.000, 0.962, 0.669, 0.9750, 0.970),
    ),
}
SETS = [f"set {i}" for i in range(14)]


def test_demsars_trees() -> None:
    """Mean ranks 3.143, 2.000, 2.893 and 1.964; chi-squared 9.28 without a correction for ties; a
    critical difference of 1.25 at 0.05 and of 1.12 at 0.1, where C4.5 is worse than both forms
    with m, and nothing is told of C4.5+cf."""
    found = rank(TREES, SETS, alpha=0.1)
    ranks = {one.label: one.rank for one in found.rows}
    assert ranks == pytest.approx(
        {"C4.5": 3.143, "C4.5+m": 2.0, "C4.5+cf": 2.893, "C4.5+m+cf": 1.964}, abs=5e-4
    )
    k, n = 4, 14
    squares = sum(value**2 for value in ranks.values())
    plain = 12 * n / (k * (k + 1)) * (squares - k * (k + 1) ** 2 / 4)
    assert plain == pytest.approx(9.28, abs=5e-3)
    assert found.friedman >= plain, "ties are corrected for"
    assert found.distance == pytest.approx(1.12, abs=5e-3)
    assert critical_difference(4, 14) == pytest.approx(1.25, abs=5e-3)
    assert set(found.apart) == {("C4.5+m+cf", "C4.5"), ("C4.5+m", "C4.5")}
    assert found.groups == (("C4.5+m+cf", "C4.5+m", "C4.5+cf"), ("C4.5+cf", "C4.5"))
    assert [(r.better_than, r.worse_than) for r in found.rows] == [(1, 0), (1, 0), (0, 0), (0, 2)]


@pytest.mark.parametrize(
    ("sets", "alpha", "q"),
    [(2, 0.05, 1.960), (5, 0.05, 2.728), (10, 0.05, 3.164), (4, 0.1, 2.291), (10, 0.1, 2.920)],
)
def test_critical_values_of_the_paper(sets: int, alpha: float, q: float) -> None:
    """Table 5(a) of the same paper."""
    shown = critical_difference(sets, 6, alpha) / math.sqrt(sets * (sets + 1) / 36)
    assert shown == pytest.approx(q, abs=6e-4)


def test_against_scipy() -> None:
    rng = np.random.default_rng(0)
    scores = {name: rng.normal(i / 2, 1, 12).tolist() for i, name in enumerate("abcd")}
    found = rank(scores, SETS[:12], test="wilcoxon")
    whole = stats.friedmanchisquare(*scores.values())
    assert (found.friedman, found.p) == pytest.approx((whole.statistic, whole.pvalue))
    pairs = [(a, b) for a in "abcd" for b in "abcd" if a < b]
    single = sorted((float(stats.wilcoxon(scores[a], scores[b]).pvalue), a, b) for a, b in pairs)
    told: set[frozenset[str]] = set()
    for left, (p, a, b) in zip(range(6, 0, -1), single, strict=True):  # Holm by hand
        if p > 0.05 / left:
            break
        told.add(frozenset((a, b)))
    assert told, "the draw has pairs that differ"
    assert {frozenset(pair) for pair in found.apart} == told
    assert found.distance is None


def test_no_pair_without_a_difference_of_all() -> None:
    same = rank({key: [0.5, 0.6, 0.7] for key in "abc"}, ["x", "y", "z"])
    assert (same.friedman, same.p, same.apart) == (0.0, 1.0, ())
    assert same.groups == (("a", "b", "c"),)
    assert any("no difference is told" in note for note in same.notes())


def test_of_errors_less_is_better() -> None:
    found = rank({"a": [1.0, 2.0], "b": [2.0, 3.0], "c": [3.0, 4.0]}, ["x", "y"], metric="rmse")
    assert [one.label for one in found.rows] == ["a", "b", "c"]


def test_few_blocks_are_told() -> None:
    scores = {f"m{i:02}": [i + 0.0, i + 0.1, i + 0.2] for i in range(12)}
    found = rank(scores, ["x", "y", "z"], test="wilcoxon")
    assert found.apart == ()
    assert any("cannot tell any of 66 pairs apart" in note for note in found.notes())


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"test": "sign"}, "choose one of nemenyi, wilcoxon"),
        ({"alpha": 1.0}, "alpha=1.0 must be between"),
        ({"metric": "luck"}, "metric='luck'"),
        ({"scores": {"a": [1.0], "b": [2.0]}}, "2 sets: ranks are for three"),
        ({"blocks": ["x"]}, "1 blocks"),
        ({"scores": {"a": [1.0], "b": [2.0, 1.0], "c": [2.0, 1.0]}}, "'a' has 1 scores"),
        ({"scores": {key: [math.nan, 1.0] for key in "abc"}}, "'a' is no number"),
    ],
)
def test_refused(change: dict[str, Any], words: str) -> None:
    given: dict[str, Any] = {"scores": {key: [1.0, 2.0] for key in "abc"}, "blocks": ["x", "y"]}
    given |= change
    scores, blocks = given.pop("scores"), given.pop("blocks")
    with pytest.raises(ValueError, match=words):
        rank(scores, blocks, **given)


def three(shift: float = 0.0) -> tuple[Any, ...]:
    return tuple(
        row(name, [[level + shift], [level + shift + 0.01]])
        for name, level in (("a", 0.5), ("b", 0.6), ("c", 0.7))
    )


def test_reports_of_several_data_sets() -> None:
    """Of two splits of one data set the mean counts, once."""
    one, other = report(*three()), replace(report(*three(0.2)), data="other", digest="2")
    split = replace(report(*three(0.1)), digest="3")
    found = rank_reports([one, split, other])
    assert found.blocks == ("toy", "other")
    best = found.rows[0]
    assert best.label == "c"
    assert best.score == pytest.approx(np.mean([np.mean([0.705, 0.805]), 0.905]))


def test_one_data_set_is_ranked_over_seeds() -> None:
    found = rank_reports([report(*three())])
    assert len(found.blocks) == 2
    assert [one.rank for one in found.rows] == [1, 2, 3]
    with pytest.raises(ValueError, match="not all reports have model 'GAT'; all have GCN"):
        rank_reports([report(*three())], model="GAT")


def test_sets_that_have_no_scores_everywhere_are_named() -> None:
    """A report of each data set with sets of its own has none in common: it says which has what."""
    other = replace(report(row("d", [[0.5]]), row("a", [[0.5]])), data="other", digest="2")
    with pytest.raises(ValueError, match=r"1 sets have .* all data sets \(toy, other\)") as caught:
        rank_reports([report(*three()), other])
    assert "'b' has toy; 'c' has toy; 'd' has other" in str(caught.value)
    floor = row("random", [[0.5], [0.6]], seeds=None)
    with pytest.raises(ValueError, match="2 sets have scores on all condensations") as caught:
        rank_reports([report(*three()[:2], floor)])
    assert "'random' has none that is known" in str(caught.value)


def test_the_picture_names_every_set(tmp_path: Path) -> None:
    figure = rank(TREES, SETS, alpha=0.1).plot(tmp_path / "ranks.png")
    said = " ".join(text.get_text() for text in figure.axes[0].texts)
    assert all(f"{name} (" in said for name in TREES)
    assert "critical difference 1.12" in said
    assert (tmp_path / "ranks.png").stat().st_size > 5000


@pytest.mark.parametrize("take", [rank_reports, over_splits])
@pytest.mark.parametrize("given", [[3], 3, "report", [None]])
def test_what_is_no_report_is_refused_by_name(take: Any, given: Any) -> None:
    with pytest.raises(TypeError, match=r"\(reports\): give a list of reports"):
        take(given)


@pytest.mark.parametrize("pairs", ["gcond", 3, ["gcond"], [("a", "b", "c")]])
def test_what_are_no_pairs_is_refused_by_name(pairs: Any) -> None:
    with pytest.raises(ValueError, match=r"pairs.*: give pairs of sets, such as"):
        report(row("a", [[80.0]]), row("b", [[81.0]])).compare(pairs)
