"""One thread and two: how many methods make other bits, without and with ``deterministic``."""

from __future__ import annotations

import time
from typing import Any

from reliability import Row, keep, kept
from tests.drawn import all_cases
from tests.in_threads import hashed, large

TITLE = "Threads: the same bits with one and with two"
TEST = "tests/core/test_threads.py::test_bits_are_the_same_for_one_thread_and_two"


def run(seconds: float, examples: int, root: str) -> dict[str, Any]:
    """A row a method; those that are there are left out."""
    del examples, root
    began, there = time.monotonic(), {row["what"] for row in kept("threads")}
    for (name, kind), case in all_cases().items():
        what = f"{name} ({kind})"
        if what in there or time.monotonic() - began > seconds:
            continue
        data = large(kind)
        one, two = (hashed(case, data, count, deterministic=False) for count in (1, 2))
        fixed = [hashed(case, data, count, deterministic=True) for count in (1, 2)]
        said = "without: " + ("the same" if one == two else "others")
        failed = int(len(set(fixed)) > 1)
        keep("threads", [Row(what=what, tried=1, failed=failed, said=said, test=TEST)])
    return {"rows": []}
