"""Which lines of the package the fast tests run."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections import defaultdict
from pathlib import Path
from typing import Any

from reliability import HERE, Row

TITLE = "Lines that the fast tests run"
TEST = "tests/test_suite.py::test_lines_of_programs_that_tests_start_are_counted"


def run(seconds: float, examples: int, root: str) -> dict[str, Any]:
    """A row a folder. Failed: lines that nothing ran."""
    del seconds, examples, root  # the suite is what it is
    report, status = measure(HERE, ["-m", "not slow"])
    rows = rows_of(report)
    if status:
        rows[0]["said"] += "; some tests failed"
    missing = {
        path: found["missing_lines"] for path, found in report["files"].items()
        if found["missing_lines"]
    }  # fmt: skip
    return {"rows": rows, "missing": missing}


def measure(folder: Path, arguments: list[str]) -> tuple[dict[str, Any], int]:
    """Coverage's report of a run of pytest in a folder, and how pytest ended."""
    with tempfile.TemporaryDirectory() as work:
        out = Path(work) / "report.json"
        ran = subprocess.run(
            [sys.executable, "-m", "pytest", "--cov", f"--cov-report=json:{out}", *arguments],
            cwd=folder,
            check=False,
        )
        report: dict[str, Any] = json.loads(out.read_text())
    return report, ran.returncode


def rows_of(report: dict[str, Any]) -> list[Row]:
    """All lines, then those of each folder of the package."""
    counts: dict[str, list[int]] = defaultdict(lambda: [0, 0])
    for path, found in report["files"].items():
        folder = (
            "/".join(Path(path).parts[:2]) if len(Path(path).parts) > 2 else Path(path).parts[0]
        )
        for key in ("all", folder):
            counts[key][0] += found["summary"]["num_statements"]
            counts[key][1] += found["summary"]["missing_lines"]
    rows = []
    for key in sorted(counts, key=lambda one: (one != "all", one)):
        lines, missing = counts[key]
        said = f"{100 * (lines - missing) / max(1, lines):.1f} % of lines run"
        rows.append(Row(what=key, tried=lines, failed=missing, said=said, test=TEST))
    return rows
