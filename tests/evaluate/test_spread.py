"""Levels of a spread, by hand and against statsmodels' mixed model; reports over splits."""

from __future__ import annotations

import json
import warnings
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from graphcondense import cli
from graphcondense.cli.bench.over import sections
from graphcondense.evaluate.comparison import compare
from graphcondense.evaluate.over import over_splits
from graphcondense.evaluate.report import Report
from graphcondense.evaluate.spread import spread_of
from tests.evaluate.test_comparison import report, row


def drawn(splits: int, sets: int, trainings: int, seed: int = 0) -> Any:
    rng = np.random.default_rng(seed)
    shape = (splits, sets, trainings)
    top, middle = rng.normal(0, 0.03, (splits, 1, 1)), rng.normal(0, 0.02, (splits, sets, 1))
    return (0.7 + top + middle + rng.normal(0, 0.01, shape)).tolist()


def test_by_hand() -> None:
    """Two splits of two sets of two trainings, in whole numbers.

    Trainings in a set: variance 2 each. Means of sets 2 and 6, 12 and 16: variance 8 in a split, of
    which 2 / 2 is the trainings'. Means of splits 4 and 14: variance 50, of which 8 / 2 is the
    sets'.
    """
    found = spread_of([[[1, 3], [5, 7]], [[11, 13], [15, 17]]])
    assert found.mean == 9
    assert found.trainings == pytest.approx(2**0.5)
    assert found.sets == pytest.approx(7**0.5)
    assert found.splits == pytest.approx(46**0.5)
    assert found.error == pytest.approx(5)


def test_against_the_mixed_model() -> None:
    """Restricted maximum likelihood of balanced scores has the same components and error."""
    from statsmodels.regression.mixed_linear_model import MixedLM

    scores = drawn(6, 4, 5)
    found = spread_of(scores)
    table = pd.DataFrame(
        [
            {"split": s, "set": f"{s} {c}", "y": 100 * y}
            for s, split in enumerate(scores)
            for c, own in enumerate(split)
            for y in own
        ]
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        fitted = MixedLM.from_formula(
            "y ~ 1", groups="split", re_formula="1", vc_formula={"set": "0 + C(set)"}, data=table
        ).fit(reml=True)
    assert found.trainings is not None
    assert found.sets is not None
    assert found.splits is not None
    assert (100 * found.trainings) ** 2 == pytest.approx(fitted.scale, rel=1e-3)
    assert (100 * found.sets) ** 2 == pytest.approx(float(fitted.vcomp[0]), rel=1e-2)
    assert (100 * found.splits) ** 2 == pytest.approx(float(fitted.cov_re.iloc[0, 0]), rel=1e-2)
    assert found.error is not None
    assert 100 * found.error == pytest.approx(float(fitted.bse_fe.iloc[0]), rel=1e-2)


def test_levels_of_one_are_none() -> None:
    single = spread_of([[[0.5]]])
    assert (single.mean, single.error, single.splits, single.sets, single.trainings) == (
        *(0.5, None, None, None, None),
    )
    trainings = spread_of([[[0.4, 0.6]]])
    assert trainings.error == pytest.approx(0.1)
    # One set a split: the sets' spread is the splits', and only what trainings add comes off.
    fixed = spread_of([[[0.4, 0.6]], [[0.8, 1.0]]])
    assert fixed.sets is None
    assert fixed.splits == pytest.approx((0.08 - 0.01) ** 0.5)


@pytest.mark.parametrize("scores", [[], [[]], [[[]]], [[[1.0]], [[1.0], [2.0]]], [[[1.0], [1, 2]]]])
def test_unequal_scores_are_refused(scores: Any) -> None:
    with pytest.raises(ValueError, match="must have as many sets"):
        spread_of(scores)


def of_split(name: str, *rows: Any) -> Report:
    return replace(report(*rows), digest=name)


def three_splits() -> list[Report]:
    a, b = drawn(3, 2, 2, 1), drawn(3, 2, 2, 2)
    return [of_split(f"s{i}", row("a", a[i]), row("b", b[i])) for i in range(3)]


def test_a_split_is_one_observation() -> None:
    reports = three_splits()
    whole = over_splits(reports)
    first = whole.rows[0]
    assert first.splits == ("s0", "s0", "s1", "s1", "s2", "s2")
    assert first.levels == spread_of(drawn(3, 2, 2, 1))
    found = compare(whole, [("a", "b")]).rows[0]
    assert found.observations == (3, 3)
    assert found.paired
    means = np.mean(drawn(3, 2, 2, 1), (1, 2)) - np.mean(drawn(3, 2, 2, 2), (1, 2))
    assert found.difference == pytest.approx(means.mean())
    assert "± splits" in whole.table()
    assert "a split being one observation" in whole.table()
    assert Report.from_dict(json.loads(whole.to_json())).rows == whole.rows
    assert "± splits" not in reports[0].table()


def test_the_spread_of_splits_is_that_of_all_their_trainings() -> None:
    def split(name: str, scores: list[float]) -> Report:
        std = float(np.std(scores, ddof=1)) if len(scores) > 1 else None
        known = replace(row("a", [scores]), test_selected_std=std, test_last_std=std)
        return of_split(name, replace(known, test_last=float(np.mean(scores))))

    several = over_splits([split("s0", [0.4, 0.5]), split("s1", [0.6, 0.9])]).rows[0]
    expected = pytest.approx(np.std([0.4, 0.5, 0.6, 0.9], ddof=1))
    assert several.test_selected_std == several.test_last_std == expected
    once = over_splits([split("s0", [0.4]), split("s1", [0.6])]).rows[0]
    assert once.test_selected_std == pytest.approx(np.std([0.4, 0.6], ddof=1))


def test_what_one_split_lacks_is_left_out() -> None:
    one, two, _ = three_splits()
    whole = over_splits([one, replace(two, rows=two.rows[:1])])
    assert whole.labels == ["a"]


def test_no_splits_of_one_data_set() -> None:
    one, two, _ = three_splits()
    with pytest.raises(ValueError, match="1 split: give reports on two"):
        over_splits([one])
    with pytest.raises(ValueError, match="splits are of one data set"):
        over_splits([one, replace(two, data="other")])
    with pytest.raises(ValueError, match="not kept one by one"):
        over_splits([one, replace(two, rows=tuple(replace(r, scores=()) for r in two.rows))])


def test_the_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Several splits are compared by split; several data sets only with a test of ranks."""
    monkeypatch.chdir(tmp_path)
    for i, one in enumerate(three_splits()):
        extra = row("c", drawn(3, 2, 2, 3)[i])
        own = replace(one, rows=(*one.rows, extra))
        own.to_json(f"{i}.json")
        replace(own, data="other", digest=f"o{i}").to_json(f"o{i}.json")
    assert cli.main(["compare", "0.json", "1.json", "2.json", "--plot", "c.png"]) == 0
    assert "3 / 3" in capsys.readouterr().out
    assert cli.main(["compare", "0.json", "o0.json"]) == 2
    assert "--test nemenyi" in capsys.readouterr().err
    words = ["compare", "0.json", "1.json", "o0.json", "--test", "nemenyi"]
    assert cli.main([*words, "--plot", "ranks.png", "--json", "ranks.json"]) == 0
    assert "3 sets ranked on 2 blocks" in capsys.readouterr().out
    assert json.loads(Path("ranks.json").read_text())["blocks"] == ["toy", "other"]
    assert Path("ranks.png").stat().st_size > 5000
    assert cli.main([*words, "--margin", "0.1"]) == 2
    assert "--margin 0.1 is of differences" in capsys.readouterr().err
    assert cli.main([*words, "--models", "GCN,GAT"]) == 2
    assert "ranks with one model" in capsys.readouterr().err


def test_the_page_of_several_tables(tmp_path: Path) -> None:
    """Splits of one table are told together, data sets are ranked; one table says neither."""
    tables: dict[str, list[Report]] = {}
    for i, one in enumerate(three_splits()):
        for data, name in (("toy", "toy-9"), ("other", "other-9")):
            extra = row("random", drawn(3, 2, 2, 3)[i])
            rows = [replace(one, data=data, digest=f"{data} {i}", rows=(r,)) for r in one.rows]
            tables[name + (f"-split-{i}" if i else "")] = [*rows, replace(rows[0], rows=(extra,))]
    page = tmp_path / "results.md"
    text = "\n".join(sections(tables, page))
    assert "## toy-9 over 3 splits" in text
    assert "| a | random | GCN |" in text
    assert "## Ranks over data sets, GCN" in text
    assert (tmp_path / "results" / "bench-ranks-GCN.png").stat().st_size > 5000
    assert sections({"toy-9": tables["toy-9"]}, page) == []
