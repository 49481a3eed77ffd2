"""``benchmarks/parallel.py``: what is compared with what, and the page."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from tests.scripts import benchmarks


@pytest.fixture(scope="module")
def parallel() -> Iterator[ModuleType]:
    with benchmarks("parallel") as (found,):
        yield found


def test_the_slowest_process_counts(
    parallel: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Three runs of each, in turn; medians, and how far sets are apart."""
    asked = []

    def timed(processes: int, how: Any) -> list[dict[str, float]]:
        number = sum(one == (processes, how["validations"]) for one in asked)
        asked.append((processes, how["validations"]))
        if processes == 1:
            return [{"seconds": (10.0, 99.0, 9.0)[number], "sum": 2.0}]
        return [{"seconds": (4.0, 1.0, 3.0)[number], "sum": 2.0}, {"seconds": 5.0, "sum": 1.0}]

    monkeypatch.setattr(parallel, "timed", timed)
    args = argparse.Namespace(
        data="toy", root=tmp_path, method="gcond", nodes=6, epochs=2, processes=2, repeats=3
    )
    rows = parallel.measured(args)
    assert asked == [(1, 0), (2, 0)] * 3 + [(1, 5), (2, 5)] * 3
    assert [row["seconds"] for row in rows] == [(10.0, 5.0, 1.0)] * 2
    assert [row["apart"] for row in rows] == [0.5] * 2
    page = parallel.page({"rows": rows, "measured": "2026-01-02, abc"})
    assert "| `gcond`, toy, 6 nodes, 2 epochs | unscored | 2 | 10.00 | 5.00 | 100 % |" in page
    assert "| 5 scores |" in page


@pytest.mark.parametrize("wrong", ["--processes 1", "--repeats 0", "--epochs 0"])
def test_what_cannot_be_compared(
    parallel: ModuleType, wrong: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.argv", ["parallel.py", *wrong.split()])
    with pytest.raises(SystemExit):
        parallel.main()
