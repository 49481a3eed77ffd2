"""``benchmarks/claims.py``: what one observation is, and one family of claims."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from scipy import stats

from tests.scripts import benchmarks


@pytest.fixture(scope="module")
def claims() -> Iterator[ModuleType]:
    with benchmarks("claims") as (script,):
        yield script


def cell(name: str, model: str, seed: int, tests: list[float], **more: Any) -> dict[str, Any]:
    nodes = 0 if name == "whole" else 70
    mean = sum(tests) / len(tests)
    known = {"data": "cora", "split": 0, "nodes": nodes, "set": name, "model": model, "seed": seed}
    return {**known, "trainings": len(tests), "test_mean": mean, "tests": tests, **more}


def test_an_observation_is_a_condensation_and_of_the_whole_graph_a_training(
    claims: ModuleType,
) -> None:
    cells = [
        *(cell("quotient", "GCN", s, [0.8 + s / 100, 0.82 + s / 100]) for s in range(3)),
        *(cell("quotient", "GIN", s, [0.6, 0.62]) for s in (0, 1)),  # the third is missing
        *(cell("whole", model, 0, [0.5, 0.52, 0.54]) for model in ("GCN", "GIN")),
    ]
    both = ("GCN", "GIN")
    own = claims.row_of(cells, 70, "quotient", both, "a", "m")
    assert own.seeds == (0, 1)
    assert own.scores == (pytest.approx((0.71,)), pytest.approx((0.715,)))
    whole = claims.row_of(cells, 70, "whole", both, "b", "m")
    assert whole.seeds is None
    assert whole.scores == (pytest.approx((0.5, 0.52, 0.54)),)
    with pytest.raises(ValueError, match=r"c: not measured with GCN; run transfer\.py"):
        claims.row_of(cells, 70, "gecc", ("GCN",), "c", "m")


def test_trainings_that_were_not_kept_are_one_observation(claims: ModuleType) -> None:
    """Cells of older pages have a mean alone."""
    old = {k: v for k, v in cell("whole", "GCN", 0, [0.5, 0.6]).items() if k != "tests"}
    assert claims.row_of([old], 70, "whole", ("GCN",), "a", "m").scores == (pytest.approx((0.55,)),)


def test_splits_are_paired(claims: ModuleType) -> None:
    cells = [cell("whole", "GCN", 0, [0.5 + s / 10], split=s) for s in range(3)]
    cells += [cell("quotient", "GCN", s, [0.6 + s / 10], split=s) for s in range(3)]
    rows = [claims.row_of(cells, 70, name, ("GCN",), "a", "m") for name in ("whole", "quotient")]
    assert rows[0].seeds == rows[1].seeds == (0, 1000, 2000)


def test_all_claims_are_one_family(claims: ModuleType, tmp_path: Path) -> None:
    """Two claims: Holm doubles the smaller p, and the page counts what holds."""
    near, far = [0.701, 0.704, 0.699, 0.703], [0.60, 0.61, 0.605, 0.602]
    own = [0.70, 0.702, 0.703, 0.70]
    cells = [
        cell(name, "GCN", seed, [value, value])
        for name, values in (("quotient", own), ("random", far), ("gecc", near))
        for seed, value in enumerate(values)
    ]
    page = {"data": "cora", "plain_processor_seconds": 1.0, "rows": cells}
    (tmp_path / "transfer-cora.json").write_text(json.dumps(page))
    claimed = {("cora", 70): {"GCN": ("random", "gecc")}}
    found = claims.verdicts(tmp_path, claimed)
    assert [row.outcome for row in found.rows] == ["better", "equivalent"]
    assert found.rows[0].p == pytest.approx(2 * stats.ttest_rel(own, far).pvalue)
    text = claims.write(tmp_path, claimed)
    assert "Of 2 claims that `quotient` is better, **1** hold at 5% for all of them" in text
    assert (tmp_path / "claims.png").stat().st_size > 1000
    assert json.loads((tmp_path / "claims.json").read_text())["rows"][1]["outcome"] == "equivalent"
