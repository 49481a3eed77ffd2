"""``.ci/matrix``: oldest and newest versions, without and with each extra."""

from __future__ import annotations

import re
import subprocess
import time
from collections.abc import Iterable, Iterator
from typing import Any

from reliability import HERE, Chosen, Row, keep, kept

TITLE = "Versions and extras, in new environments"
TEST = "tests/test_habits.py::test_the_matrix_has_every_extra_oldest_and_newest"
SCRIPT = HERE / ".ci" / "matrix"


def run(seconds: float, examples: int, root: str, chosen: Chosen) -> dict[str, Any]:
    """A row an environment, with the steps that it took; those that are there are left out."""
    del examples, root
    began, there = time.monotonic(), {row["what"] for row in kept("matrix")}
    missing = [name for name in environments() if name not in there and chosen(name)]
    if missing:
        with subprocess.Popen(
            ["bash", str(SCRIPT), *missing], stdout=subprocess.PIPE, text=True
        ) as script:
            assert script.stdout
            for row in rows_of(echoed(script.stdout)):
                keep("matrix", [row])
                if time.monotonic() - began > seconds:
                    script.terminate()
    return {"rows": []}


def environments() -> list[str]:
    """Each set of versions without an extra first, as the others are put on top of it."""
    found = re.search(r'^EXTRAS="(.*)"$', SCRIPT.read_text(), re.MULTILINE)
    assert found
    extras = found[1].split()
    both = [name for one in ("oldest", "newest") for name in (one, *(f"{one}-{e}" for e in extras))]
    return [*both, "tested"]


def echoed(lines: Iterable[str]) -> Iterator[str]:
    """The same lines, which are also printed: they say what failed."""
    for line in lines:
        print(line, end="", flush=True)
        yield line


def rows_of(lines: Iterable[str]) -> Iterator[Row]:
    """What the script prints, an environment at a time."""
    row: Row | None = None
    for line in map(str.rstrip, lines):
        if header := re.match(r"== (\S+) \(", line):
            if row is not None:
                yield row
            row = Row(what=header[1], tried=0, failed=0, said="", test=TEST)
            if header[1] == "done":
                return
        elif row is not None and (step := re.match(r"(passed|failed): (.*)", line)):
            row["tried"] += 1
            row["failed"] += step[1] == "failed"
            if step[1] == "failed":
                row["said"] += f"{'; ' if row['said'] else ''}failed: {step[2]}"
        elif row is not None and (versions := re.match(r"versions: (.*)", line)):
            row["said"] += f"{'; ' if row['said'] else ''}{versions[1]}"
