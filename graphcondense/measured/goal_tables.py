"""Rankings by goals, as tables."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from graphcondense.measured.figures import spanned
from graphcondense.measured.goals import GOALS, NOT_MEASURED, Cell, Ranked
from graphcondense.ops.tables import Table


def ranking_tables(rows: Sequence[Ranked]) -> dict[str, tuple[Table, list[str]]]:
    """A table for each kind of data, and lines below it: what was measured on, and what was not."""
    found = {}
    for kind in dict.fromkeys(row["kind"] for row in rows):
        own = [row for row in rows if row["kind"] == kind]
        ranked = [row for row in own if row["rank"] is not None]
        left: dict[str, list[str]] = {}
        for row in own:
            if row["rank"] is None:
                left.setdefault(row["why"], []).append(row["method"])
        goal = GOALS[own[0]["goal"]]
        head = ["", "method", *goal.figures, "cells", "seeds", "measured on"]
        counts = [len({(c["data"], c["budget"]) for c in row["cells"]}) for row in ranked]
        lines = [
            [
                str(row["rank"]),
                row["method"],
                *(_text(row["figures"][name]) for name in goal.figures),
                str(count),
                _seeds(row["cells"]),
                ", ".join(dict.fromkeys(cell["data"] for cell in row["cells"])),
            ]
            for row, count in zip(ranked, counts, strict=True)
        ]
        words = [name for name in goal.figures if any(_is_text(row, name) for row in ranked)]
        lefts = [name in ("method", "measured on", *words) for name in head]
        notes = [f"Ranked {goal.by}. Scores in per cent; seeds are condensations x trainings."]
        if any(2 * count < max(counts) for count in counts):
            notes[0] += " Methods measured in less than half as many cells as others come last."
        if ranked:
            budgets = dict.fromkeys(
                (c["data"], c["budget"], m) for r in ranked for c in r["cells"] for m in c["models"]
            )
            notes.append(f"Measured on: {_listed(budgets)}.")
        notes += [f"Not ranked, {why}: {', '.join(names)}." for why, names in left.items()]
        found[kind] = (Table(head, lines, lefts), notes)
    return found


def _is_text(row: Ranked, name: str) -> bool:
    value = row["figures"][name]
    return isinstance(value, str) and not value[:1].isdigit()


def _listed(budgets: Iterable[tuple[str, str, str]]) -> str:
    models: dict[tuple[str, str], list[str]] = {}
    for data, budget, model in budgets:
        models.setdefault((data, budget), []).append(model)
    of: dict[tuple[str, ...], list[str]] = {}
    for (data, budget), names in sorted(models.items()):
        of.setdefault(tuple(sorted(set(names))), []).append(f"{data} {budget}")
    return "; ".join(f"{', '.join(cells)} with {', '.join(names)}" for names, cells in of.items())


def _seeds(cells: Sequence[Cell]) -> str:
    return f"{spanned([c['sets'] for c in cells])} x {spanned([c['trainings'] for c in cells])}"


def _text(value: float | str | None) -> str:
    if value is None:
        return NOT_MEASURED
    return f"{value:.1f}" if isinstance(value, float) else str(value)
