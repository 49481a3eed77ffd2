"""Small faults put into the arithmetic on purpose: how many of them the tests notice."""

from __future__ import annotations

import re
import tempfile
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import mutants  # beside this folder, as is the other
import mutations

from reliability import OUT, Chosen, Row, keep, kept, read

TITLE = "Mutants: faults put in on purpose, and whether a test fails"
TEST = "tests/test_mutants.py::test_which_faults_tests_notice"
WORK = Path(tempfile.gettempdir()) / "graphcondense-mutants"


def run(seconds: float, examples: int, root: str, chosen: Chosen) -> dict[str, Any]:
    """A row a sample; another run draws the sample of the next seed. Failed: survived.

    And a row for the survivors of each earlier sample, those that change any result, as the tests
    are now: how many survive still. That says what tests were written for, and is no sample. It is
    kept once all of them are tried.
    """
    del root
    until = time.monotonic() + seconds
    trial, more = mutants.Trial(work=WORK), {}
    seed = next_seed(kept("mutants"))
    if chosen(f"seed {seed}"):
        sample = trial.run(examples, seed, until)
        more[f"survivors of seed {seed}"] = tried(f"seed {seed}", sample)
    there = {row["what"] for row in kept("mutants")}
    for of, told in survivors(OUT / "mutants.json").items():
        if (what := f"survivors of {of}, again") not in there and chosen(what):
            left = [*filter(None, (mutations.again(trial.root, one) for one in told))]
            verdicts, gone = [*trial.verdicts(left, until)], len(told) - len(left)
            if len(verdicts) < len(left):
                print(f"{what}: time for {len(verdicts)} of {len(left)}, nothing is kept")
                continue
            row, _ = row_of(what, verdicts, f"; {gone} of {len(told)} lines are no more")
            keep("mutants", [row])
    return {"rows": [], **more}


def tried(what: str, verdicts: Iterable[mutants.Verdict]) -> list[str]:
    """The row of some mutants, kept after each of them; returns what survived."""
    found, lived = list[mutants.Verdict](), list[str]()
    for verdict in verdicts:
        found.append(verdict)
        row, lived = row_of(what, found)
        keep("mutants", [row])
    return lived


def row_of(
    what: str, verdicts: Sequence[mutants.Verdict], besides: str = ""
) -> tuple[Row, list[str]]:
    """The row of some mutants, and what survived."""
    fates = Counter(one.fate for one in verdicts)
    lived = [
        f"{one.path}:{one.line}: {one.before} -> {one.after}"
        for one in (verdict.mutant for verdict in verdicts if verdict.fate == "survived")
    ]
    said = (
        f"{fates['killed']} killed, {fates['timed out']} timed out, {len(lived)} survived: "
        f"{mutants.score(verdicts):.1f} % noticed"
    )
    said = f"{said if verdicts else 'none is left to try'}{besides}"
    return Row(what=what, tried=len(verdicts), failed=len(lived), said=said, test=TEST), lived


def survivors(path: Path) -> dict[str, list[str]]:
    """What survived of each sample, ``"seed 3"``, but for what is known to change no result."""
    more = read(path).get("more", {}) if path.exists() else {}
    found = {}
    for name, told in more.items():
        if match := re.fullmatch(r"survivors of (seed \d+)", name):
            alike = more.get(f"{name} that change no result, and why", {})
            found[match[1]] = [one for one in told if one not in alike]
    return found


def next_seed(rows: Sequence[Row]) -> int:
    """A seed that no row is of, so that no test was written for what survived of its sample."""
    named = [int(seed) for row in rows for seed in re.findall(r"seed (\d+)", row["what"])]
    return max(named, default=-1) + 1
