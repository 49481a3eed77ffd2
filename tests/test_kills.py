"""Runs that are killed at random moments end in the bits of one in one go.

The code is that of ``benchmarks/reliability/kills.py``, which kills far more often.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

from tests.scripts import benchmarks


@pytest.fixture(scope="module")
def kills() -> Iterator[ModuleType]:
    with benchmarks("reliability.kills") as (found,):
        yield found


@pytest.mark.parametrize(
    "at", [pytest.param(at, marks=() if at in (0, 3) else pytest.mark.slow) for at in range(8)]
)
def test_a_killed_run_ends_in_the_same_bits(kills: ModuleType, at: int) -> None:
    assert len(kills.CASES) == 8
    case = kills.CASES[at]
    want, took = kills.undisturbed(case)
    counted = kills.Kills(2)
    for seed in range(20):  # a run that had ended before its moment came was not killed
        assert kills.killed(case, want, took, random.Random(seed), counted) == ""
        if counted.met:
            break
    assert counted.met


@pytest.mark.slow(seconds=110)
def test_a_killed_bench_leaves_no_cell_and_runs_none_twice(kills: ModuleType) -> None:
    want, took = kills.bench_undisturbed()
    assert want.keys() == {"random", "kcenter", "whole"}
    assert kills.killed_bench(want, took, random.Random(0), kills.Kills(1)) == ""


def test_a_lock_that_a_kill_left_beside_a_finished_cell_goes(tmp_path: Path) -> None:
    """Also where nothing is left to run; that of an unfinished cell stays with its owner."""
    from argparse import Namespace

    from graphcondense.cli.bench import run_all

    for name in ("a.json", ".a.lock", ".b.lock"):
        (tmp_path / name).write_text("")
    assert run_all(Namespace(workers=1), [], tmp_path, ["a"]) == ({}, False)
    assert sorted(path.name for path in tmp_path.iterdir()) == [".b.lock", "a.json"]
