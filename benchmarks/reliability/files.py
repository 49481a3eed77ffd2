"""Files of every format that the package reads, broken at random: refused in words, or harmless."""

from __future__ import annotations

import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

from reliability import Chosen, Row, keep, kept
from tests.formats import FORMATS
from tests.fuzz import ends

TITLE = "Broken files: refused in words, or opened as they were"
TEST = "tests/test_files_that_lie.py::test_some_broken_files"


def run(seconds: float, examples: int, root: str, chosen: Chosen) -> dict[str, Any]:
    """A row a format; those that are there with as many files are left out. Failed: another error
    than a ``ValueError`` that names the file, other content in silence, 5 s or 1 GB."""
    del root
    began, there = time.monotonic(), {row["what"]: row["tried"] for row in kept("files")}
    for form in FORMATS:
        if there.get(form.name, 0) >= examples or not chosen(form.name):
            continue
        if time.monotonic() - began > seconds:
            break
        with tempfile.TemporaryDirectory() as folder:
            found = ends(form, Path(folder), examples)
        counts = Counter(end for _, end in found)
        said = (
            f"{counts.pop('refused', 0):,} refused, {counts.pop('same', 0):,} opened as they were"
        )
        if other := counts.pop("other", 0):
            said += f", {other:,} good files that say something else"
        if counts:
            said += f"; {next(iter(counts))}"
        failed = counts.total()
        keep("files", [Row(what=form.name, tried=len(found), failed=failed, said=said, test=TEST)])
    return {"rows": []}
