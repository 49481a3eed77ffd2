"""What the page says of each run first."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping, Sequence

from markupsafe import Markup

from graphcondense.evaluate.result import about_test
from graphcondense.ops.tables import Cell
from graphcondense.report.merge import Group, baselines
from graphcondense.report.runs import Run
from graphcondense.report.sections.parts import (
    Key,
    Section,
    counted,
    score_cell,
    section,
    table,
    validation_of,
)
from graphcondense.report.values import (
    DASH,
    Values,
    deviation,
    is_number,
    mapping,
    number,
    scored,
    scored_apart,
    share,
    written,
)

ASKED = {"nodes": "{} nodes", "ratio": "ratio {}", "per_class": "{} a class", "bytes": "{} bytes"}
"""The forms of a budget."""
START_KEPT = "the untouched start, which validation preferred to all that was learnt"


def summary(runs: Sequence[Run], groups: Sequence[Group], key: Key) -> Section:
    """A card for each run, and for several runs a table."""
    missing = [run.folder for run in runs if run.tested and _scored(run, groups) is None]
    return section(
        "summary",
        "Summary",
        key=key,
        cards=[_card(run, groups, key) for run in runs],
        table=_summary_table(runs, groups, key) if len(runs) > 1 else None,
        missing=f"evaluate {shlex.join(missing)}" if missing else None,
    )


def _scored(run: Run, groups: Sequence[Group]) -> tuple[Group, str, str] | None:
    for group in groups:
        if found := group.best(run):
            return (group, *found)
    return None


def _card(run: Run, groups: Sequence[Group], key: Key) -> Values:
    """What the page says of one run first."""
    card: dict[str, object] = {
        "label": run.label,
        "budget": _budget_line(run),
        "facts": list(_facts(run)),
        "score": scored(run.score, validation_of(run)),
        "what": f"validation {run.score.name}",
    }
    if (found := _scored(run, groups)) is None:
        return {**card, "spread": "", "strip": None, "warnings": []}
    group, label, model = found
    row, score = group.rows[label, model], group.score
    spread = deviation(row, "test_selected", group.tested)
    text, beside = scored_apart(score, number(row, "test_selected"), spread)
    what = f"test {score.name}, {model}" + (f" (mean of {label})" if label != run.label else "")
    return {
        **card,
        "score": text,
        "what": f"{what}, {group.on_test}" if group.on_test else what,
        "spread": beside,
        "strip": _strip(
            row, dict(baselines(group, run.stored, model)), key.colour(run.label), group
        ),
        "warnings": about_test(group.tested, group.unlabelled, group.examples),
    }


def _budget_line(run: Run) -> str:
    budget = mapping(run.record.get("budget"))
    asked = mapping(budget.get("asked"))
    parts = [str(run.data.get("name", "data of no name"))]
    parts += [
        f"{form.format(written(asked[name]))} asked for"
        for name, form in ASKED.items()
        if name in asked
    ]
    if (of_all := number(budget, "of_labelled")) is not None:
        parts.append(f"{share(of_all)} of the {run.form.training}")
    return ", ".join(parts)


def _facts(run: Run) -> Iterator[tuple[str, str]]:
    for name in run.form.sizes:
        value, whole = run.record.get(name), run.data.get(name)
        if not is_number(value):
            continue
        of_all = ""
        if is_number(whole) and whole:
            of_all = f" ({share(value / whole)} of {whole:,} in {run.form.whole})"
        yield _called(name, run.unit), f"{value:,}{of_all}"
    yield "preset", run.preset
    seconds = number(run.record, "seconds")
    yield "seconds to condense", "not recorded" if seconds is None else f"{seconds:,.1f}"
    if run.validation:
        step = run.validation.get("step")
        at = f" at step {step:,}" if is_number(step) else ""
        if run.start_kept:
            at += f": {START_KEPT}"
        yield "validation", f"{scored(run.score, validation_of(run))}{at}"


def _called(name: str, unit: str) -> str:
    """The name of a size, which of images a record calls nodes."""
    return "images" if unit == "images" and name == "nodes" else name


def _strip(row: Values, beside: Mapping[str, Values], colour: str, group: Group) -> Values | None:
    """Random, this and whole on one line of scores, places in per cent; ``None`` without others."""
    score, mean = group.score, number(row, "test_selected")
    found = {name: number(other, "test_selected") for name, other in beside.items()}
    known = [value for value in found.values() if value is not None]
    if not known or mean is None:
        return None
    spread = deviation(row, "test_selected", group.tested) or 0.0
    low, high = min(*known, mean - spread), max(*known, mean + spread)
    margin = 0.06 * (high - low) or 0.01

    def x(value: float | None) -> str | None:
        if value is None:
            return None
        return f"{100 * (value - low + margin) / (high - low + 2 * margin):.2f}%"

    spreads = {k: deviation(other, "test_selected", group.tested) for k, other in beside.items()}
    texts = [f"{name} {scored(score, found[name], spreads[name])}" for name in beside]
    return {
        "label": f"{scored(score, mean)} on a line with {', '.join(texts)}",
        "colour": colour,
        "this": x(mean),
        "random": x(found.get("random")),
        "whole": x(found.get("whole")),
        "spread": (x(mean - spread), x(mean + spread)) if spread else None,
        "key": list(zip(beside, texts, strict=True)),
    }


def _summary_table(runs: Sequence[Run], groups: Sequence[Group], key: Key) -> Markup:
    scores = list(dict.fromkeys([*(run.score for run in runs), *(group.score for group in groups)]))
    unit = " %" if all(score.share for score in scores) else ""
    errors = any(
        number(row, "test_error") is not None for group in groups for row in group.rows.values()
    )
    sizes = list(dict.fromkeys(name for run in runs for name in run.form.sizes))
    units = {run.unit for run in runs}
    unit_of_all = units.pop() if len(units) == 1 else ""
    rows = []
    for run in runs:
        row: Values = {}
        beside: dict[str, Values] = {}
        score, tested, error = run.score, None, None
        if found := _scored(run, groups):
            group, label, model = found
            row, beside = group.rows[label, model], dict(baselines(group, run.stored, model))
            score, tested, error = group.score, group.tested, number(row, "test_error")
        seconds = number(run.record, "seconds")
        cells = {
            "run": key.cell(run.label),
            "data": Cell(str(run.data.get("name", DASH))),
            "preset": Cell(run.preset),
            **{_called(name, unit_of_all): counted(run.record.get(name)) for name in sizes},
            "seconds": Cell(DASH if seconds is None else f"{seconds:.1f}", seconds),
            f"validation{unit}": score_cell({"test_selected": validation_of(run)}, run.score),
            "model": Cell(str(row.get("model", DASH))),
        }
        for name in ("test", "random", "whole"):
            scores_of = row if name == "test" else beside.get(name, {})
            cells[f"{name}{unit}"] = score_cell(scores_of, score, tested)
        if errors:
            cells["± test"] = Cell(DASH if error is None else score.text(error), error)
        rows.append({**cells, "test examples": counted(tested)})
    names = " and ".join(dict.fromkeys(score.name for score in scores))
    what = "accuracies" if names == "accuracy" else f"scores ({names})"
    text = f"All runs; {what} are means ± standard deviations of trainings."
    if errors:
        text += " ± test: standard error of an accuracy on a test set of that size."
    starts = [run.label for run in runs if run.start_kept]
    if starts:
        text += f" Of {', '.join(starts)}: {START_KEPT}."
    return table(list(rows[0]), [list(cells.values()) for cells in rows], text)
