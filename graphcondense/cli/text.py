"""What commands print."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Mapping, Sequence
from typing import Any

from graphcondense.ops.tables import Table


def summary(small: Any) -> str:
    """A condensed set beside the whole one, as a table."""
    from graphcondense.report.runs import WHOLE_IS, unit_of

    record = small.condensed
    share = f"share of {WHOLE_IS[unit_of(small)]}"
    data, validation = record["data"], record["validation"]
    rows = [
        {
            "": name,
            "whole": f"{data[name]:,}",
            "condensed": f"{record[name]:,}",
            share: f"{100 * record[name] / data[name]:.2f} %" if data[name] else "-",
        }
        for name in ("graphs", "nodes", "edges", "users", "interactions", "bytes")
        if name in data and name in record
    ]
    preset = f", preset {record['preset']}" if record.get("preset") else ""
    score = f"{validation['score']:.4f} at step {validation['step']}" if validation else "none"
    if validation and validation.get("start_kept"):
        score += f": the untouched start; no score over {record['steps']:,} updates was above it"
    return "\n".join(
        [
            f"{data['name']}, condensed by {record['method']}{preset}, seed {record['seed']}",
            table(rows),
            f"seconds     {record['seconds']:.1f}",
            f"memory      {_mib(record.get('memory_estimate_bytes'))} expected beside the program",
            f"validation  {score}",
        ]
    )


def _mib(size: int | None) -> str:
    return "-" if size is None else f"{size / 2**20:,.0f} MiB"


def table(rows: Sequence[Mapping[str, object]]) -> str:
    """Rows with the same keys as aligned text; numbers to the right.

    >>> print(table([{"name": "a", "size": 10}, {"name": "bb", "size": 1234}]))
    name   size
    ----  -----
    a        10
    bb    1,234
    """
    head = list(rows[0])
    cells = [[_cell(row[key]) for key in head] for row in rows]
    columns = zip(*cells, strict=True)
    left = [not all(re.match(r"\d|-$", cell) for cell in column) for column in columns]
    return Table(head, cells, left).text()


def _cell(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if value is None:
        return "-"
    return f"{value:,}" if isinstance(value, int) else str(value)


def is_main() -> bool:
    """Whether this process is the one that prints and draws; under ``torchrun`` rank 0 is."""
    return os.environ.get("RANK", "0") == "0"


def say(text: str) -> None:
    """Print a result, once for all processes."""
    if is_main():
        print(text, flush=True)


def note(text: str) -> None:
    """Print on stderr, where it does not mix with results."""
    print(text, file=sys.stderr, flush=True)
