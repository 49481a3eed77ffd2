"""Small faults put into the arithmetic on purpose: how many of them the tests notice."""

from __future__ import annotations

import re
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import mutants  # beside this folder

from reliability import Row, keep, kept

TITLE = "Mutants: faults put in on purpose, and whether a test fails"
TEST = "tests/test_mutants.py::test_which_faults_tests_notice"
WORK = Path(tempfile.gettempdir()) / "graphcondense-mutants"


def run(seconds: float, examples: int, root: str) -> dict[str, Any]:
    """A row a sample; another run draws the sample of the next seed. Failed: survived."""
    del root
    until, seed = time.monotonic() + seconds, next_seed(kept("mutants"))
    fates: Counter[str] = Counter()
    survivors = []
    for verdict in mutants.Trial(work=WORK).run(examples, seed, until):
        fates[verdict.fate] += 1
        one = verdict.mutant
        if verdict.fate == "survived":
            survivors.append(f"{one.path}:{one.line}: {one.before} -> {one.after}")
        total, lived = fates.total(), fates["survived"]
        said = (
            f"{fates['killed']} killed, {fates['timed out']} timed out, {lived} survived: "
            f"{100 * (total - lived) / total:.1f} % noticed"
        )
        keep("mutants", [Row(what=f"seed {seed}", tried=total, failed=lived, said=said, test=TEST)])
    return {"rows": [], f"survivors of seed {seed}": survivors}


def next_seed(rows: Sequence[Row]) -> int:
    """A seed that no row is of, so that no test was written for what survived of its sample."""
    named = [int(seed) for row in rows for seed in re.findall(r"seed (\d+)", row["what"])]
    return max(named, default=-1) + 1
