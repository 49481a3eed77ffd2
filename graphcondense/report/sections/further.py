"""What other commands measured on a run."""

from __future__ import annotations

import re
from collections.abc import Sequence

from markupsafe import Markup

from graphcondense.ops.tables import Cell
from graphcondense.report import scene
from graphcondense.report.runs import Result, Run
from graphcondense.report.sections.parts import Section, section, table
from graphcondense.report.values import Values, flat, is_number, mapping, written


def further(runs: Sequence[Run]) -> Section | None:
    """What other commands measured: any ``VERB.json`` with a kind and rows."""
    found = [_result(run, result, len(runs) > 1) for run in runs for result in run.results]
    return section("further", "Further results", results=found) if found else None


def _result(run: Run, result: Result, name_run: bool) -> Values:
    content = result.content
    kind = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", str(content["kind"])).lower()
    heading = result.name if kind in ("report", result.name) else f"{result.name}: {kind}"
    if name_run:
        heading += f" ({run.label})"
    known = ("kind", "rows", "title", "table", "notes")
    rest = flat({name: value for name, value in content.items() if name not in known})
    notes = content.get("notes")
    return {
        "heading": str(content.get("title") or heading),
        "facts": [(name, written(value)) for name, value in rest],
        "table": _shown_rows(content) or _any_rows(content),
        "notes": [str(note) for note in notes] if isinstance(notes, list) else [],
        "picture": None if result.picture is None else scene.picture_of(result.picture),
    }


def _shown_rows(content: Values) -> Markup | None:
    """The table as the command printed it, where the file has it."""
    found = content.get("table")
    lines = [line for line in found if isinstance(line, list)] if isinstance(found, list) else []
    if len({len(line) for line in lines}) != 1:
        return None
    head, *rows = [list(map(str, line)) for line in lines]
    return table(head, [[Cell(cell, _leading(cell)) for cell in row] for row in rows])


def _leading(text: str) -> float | None:
    """The number that a text begins with.

    >>> _leading("1,234.5 ± 2"), _leading("gcond")
    (1234.5, None)
    """
    found = re.match(r"-?[\d,]*\.?\d+(?:e-?\d+)?(?= |$)", text)
    return float(found[0].replace(",", "")) if found else None


def _any_rows(content: Values) -> Markup | None:
    rows = content["rows"]
    plain = [dict(flat(mapping(row))) for row in rows] if isinstance(rows, list) else []
    head = list(dict.fromkeys(name for row in plain for name in row))
    cells = [[_any_cell(row.get(name)) for name in head] for row in plain]
    return table([name.replace("_", " ") for name in head], cells) if head else None


def _any_cell(value: object) -> Cell:
    text = written(value)
    if is_number(value):
        return Cell(text, float(value))
    return Cell(text if len(text) <= 80 else f"{text[:77]}...")
