"""Data of every shape: a valid small set or a ``ValueError``, and nothing else."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from typing import Any

from hypothesis import HealthCheck, Phase, given, settings

from reliability import Chosen, Row, keep, kept
from tests.drawn import ASKED, DRAWN, BrokenError, all_cases, outcome

TITLE = "Every graph: a valid small set or a clear refusal"
TEST = "tests/test_every_graph.py::test_a_valid_small_set_or_a_refusal"


def run(seconds: float, examples: int, root: str, chosen: Chosen) -> dict[str, Any]:
    """A row a method; those that are there with as many examples are left out."""
    del root
    began, there = time.monotonic(), {row["what"]: row["tried"] for row in kept("graphs")}
    quickest_first = sorted(all_cases().items(), key=lambda found: found[1].iterates)
    for (name, kind), case in quickest_first:
        what = f"{name} ({kind})"
        if kind not in DRAWN or there.get(what, 0) >= examples or not chosen(what):
            continue
        if time.monotonic() - began > seconds:
            break
        counts: Counter[str] = Counter()
        broken: list[str] = []
        trial(case, examples, began + seconds, counts, broken)()
        said = f"{counts['made']:,} made, {counts['refused']:,} refused"
        if broken:
            said += f"; {broken[0]}"
        total = sum(counts.values()) + len(broken)
        if not broken and total <= there.get(what, 0):
            continue  # the time was up before more was tried than before
        keep("graphs", [Row(what=what, tried=total, failed=len(broken), said=said, test=TEST)])
    return {"rows": []}


def trial(
    case: Any, examples: int, until: float, counts: Counter[str], broken: list[str]
) -> Callable[[], None]:
    """Draws data for a method, and counts what becomes of them, until a time of the clock."""

    @settings(
        max_examples=examples,
        database=None,
        derandomize=True,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(plan=DRAWN[case.kind], asked=ASKED)
    def tried(plan: Any, asked: Any) -> None:
        if time.monotonic() > until:
            return
        try:
            counts[outcome(case, plan, asked)] += 1
        except BrokenError as error:
            broken.append(str(error))

    return tried
