"""What a method must not see is poisoned: the condensed set has to have the same bits."""

from __future__ import annotations

import time
from typing import Any

from reliability import Chosen, Row, keep, kept
from tests.drawn import all_cases
from tests.leaks import leaks

TITLE = "Leaks: what a method must not see, poisoned"
TEST = "tests/test_leaks.py::test_what_must_not_matter_does_not"


def run(seconds: float, examples: int, root: str, chosen: Chosen) -> dict[str, Any]:
    """A row a method; those that are there are left out."""
    del examples, root  # the product is what it is
    began, there = time.monotonic(), {row["what"] for row in kept("leaks")}
    for (name, kind), case in all_cases().items():
        what = f"{name} ({kind})"
        if what in there or not chosen(what) or time.monotonic() - began > seconds:
            continue
        tried, found = leaks(case, apart=True)
        said = "; ".join(found[:3]) or "same bits"
        keep("leaks", [Row(what=what, tried=tried, failed=len(found), said=said, test=TEST)])
    return {"rows": []}
