"""For which models a set works."""

from __future__ import annotations

from collections.abc import Sequence

from graphcondense.measured.works import (
    COLLAPSE,
    HEAD,
    kind_of_record,
    lines_of,
    model_rows,
    own_lines,
    warnings_of,
)
from graphcondense.ops.tables import Cell
from graphcondense.report.merge import Group, is_network
from graphcondense.report.runs import Run
from graphcondense.report.sections.parts import Key, Section, section, table


def works(runs: Sequence[Run], groups: Sequence[Group], key: Key) -> Section:
    """For which models each set works: first what was measured on it, then what was measured of
    its method."""
    found = []
    for run in runs:
        rows = model_rows(run.method, kind_of_record(run.record))
        found.append(
            {
                "label": run.label,
                "method": run.method,
                "own": own_measured(run, groups),
                "table": table(HEAD, [[Cell(text) for text in row] for row in rows])
                if rows
                else None,
                "warnings": warnings_of(run.method, kind_of_record(run.record)),
            }
        )
    return section("works", "For which models", key=key, runs=found, rule=COLLAPSE)


def own_measured(run: Run, groups: Sequence[Group]) -> list[str]:
    """What evaluations say of a set itself: its score with each network, and where it collapses;
    nothing for one that was not evaluated, and for scores that are no share."""
    lines = []
    for group in groups:
        label = group.runs.get(run.label)
        if label is None or not group.score.share:
            continue
        rows = [
            {**row, "label": name, "model": model}
            for (name, model), row in group.rows.items()
            if is_network(row)
        ]
        lines += own_lines(rows, label, f"random, {run.stored}")
    return lines


def known_of(run: Run, groups: Sequence[Group]) -> list[str]:
    """The same as lines of text: what was measured on this set, then of its method."""
    return [*own_measured(run, groups), *lines_of(run.method, kind_of_record(run.record))]
