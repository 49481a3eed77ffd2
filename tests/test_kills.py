"""Runs that are killed at random moments end in the bits of one in one go.

The code is that of ``benchmarks/reliability/kills.py``, which kills far more often.
"""

from __future__ import annotations

import os
import random
import resource
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from types import ModuleType

import pytest

import graphcondense
from graphcondense.core import clock
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


@pytest.mark.parametrize("method", ["gcond", "quotient"])
def test_what_killed_processes_took_is_in_the_record(
    kills: ModuleType, method: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As the operating system counts it: seconds of the processor, and of the clock on the wall."""
    monkeypatch.setattr(clock, "EVERY", 0.02)
    loop = {"epochs": 40, "outer": 4, "validations": 0, "checkpoint_seconds": 0.2}
    options = loop if method == "gcond" else {}
    make = kills.condensed(kills.graph, method, nodes=20, progress=False, **options)
    case = kills.Case(method, make, resumes=bool(options))
    kills.ready()
    _, took = kills.undisturbed(case)
    for attempt in range(10):  # a run that had ended before its moment came was not killed
        folder, before = tmp_path / str(attempt), _of_children()
        began, ends = time.monotonic(), []
        for share in (0.3, 0.5):
            number = kills.forked(partial(make, folder, kills.goes_on(case, folder)))
            ends.append(kills.killed_after(number, share * took))
        if all(map(os.WIFSIGNALED, ends)):
            break
    else:
        pytest.fail(f"no run of {took:.2f} s was killed twice")
    killed = _of_children() - before
    number = kills.forked(partial(make, folder, kills.goes_on(case, folder)))
    assert os.waitpid(number, 0)[1] == 0
    passed, spent = time.monotonic() - began, _of_children() - before
    record = graphcondense.load(folder / "run").condensed
    lost = record.get("lost", {"seconds": 0.0, "processor_seconds": 0.0})
    if not case.resumes:  # all that the killed ones took
        assert lost["processor_seconds"] > 0.5 * killed
    # A fork's own work is the operating system's; what came after the last note nobody knows.
    assert 0.75 * spent - 0.1 <= record["processor_seconds"] <= spent
    assert 0.4 * passed <= record["seconds"] <= passed
    assert lost["seconds"] <= record["seconds"]


def _of_children() -> float:
    """Processor seconds of all processes that were started and have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


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
