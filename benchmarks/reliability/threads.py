"""One thread and two: how many methods make other bits, without and with ``deterministic``."""

from __future__ import annotations

import time
from typing import Any

from reliability import Chosen, Row, keep, kept
from tests.drawn import all_cases
from tests.in_threads import hashed, large

TITLE = "Threads: the same bits with one and with two"
TEST = "tests/core/test_threads.py::test_bits_are_the_same_for_one_thread_and_two"


def run(seconds: float, examples: int, root: str, chosen: Chosen) -> dict[str, Any]:
    """A row a method; those that are there are left out."""
    del examples, root
    began, there = time.monotonic(), {row["what"] for row in kept("threads")}
    for (name, kind), case in all_cases().items():
        what = f"{name} ({kind})"
        if what in there or not chosen(what) or time.monotonic() - began > seconds:
            continue
        data = large(kind)
        try:
            one, _ = timed(case, data, 1, deterministic=False)
        except ValueError as error:  # such as no frequent trees in drawn graphs
            said = f"refuses these data: {str(error)[:60]}"
            keep("threads", [Row(what=what, tried=0, failed=0, said=said, test=TEST)])
            continue
        two, free = timed(case, data, 2, deterministic=False)
        found = [timed(case, data, count, deterministic=True) for count in (1, 2)]
        fixed, price = [bits for bits, _ in found], found[1][1]
        said = "without it " + ("the same bits" if one == two else "other bits")
        said += f"; on two threads {free:.2f} s without it, {price:.2f} s with it"
        failed = int(len(set(fixed)) > 1)
        keep("threads", [Row(what=what, tried=1, failed=failed, said=said, test=TEST)])
    return {"rows": []}


def timed(case: Any, data: Any, count: int, deterministic: bool) -> tuple[str, float]:
    """The hash of what a method makes, and seconds of the clock on the wall."""
    began = time.perf_counter()
    found = hashed(case, data, count, deterministic=deterministic)
    return found, time.perf_counter() - began
