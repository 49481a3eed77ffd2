"""What was found and how sure it is, in sentences that stand on top of the page."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from graphcondense.report.merge import Group, baselines, baselines_of, is_floor
from graphcondense.report.runs import Run
from graphcondense.report.values import (
    Values,
    count_of,
    deviation,
    number,
    plural,
    scored,
    trainings,
)


class Measured(NamedTuple):
    """One test score and what is known of its spread."""

    name: str
    mean: float
    row: Values


def findings(runs: Sequence[Run], groups: Sequence[Group]) -> list[str]:
    """A few sentences for each real data set and way of training; never empty."""
    said = [" ".join(_of_group(group, runs)) for group in groups]
    return [text for text in said if text] or [_unmeasured(runs)]


def _unmeasured(runs: Sequence[Run]) -> str:
    text = "Nothing has been scored on test data yet, so nothing is known of how good "
    text += "these sets are." if len(runs) > 1 else "this set is."
    known = [run for run in runs if number(run.validation, "score") is not None]
    if known:
        text += " Validation chose what is shown; its scores are no test."
    return text


def _of_group(group: Group, runs: Sequence[Run]) -> Iterator[str]:
    """Which set is best, by how much beside random examples and all data, and how sure that is."""
    labels = [name for name in group.labels if name != "whole" and not is_floor(name)]
    models = [m for m in group.models if any(_measured(group, name, m) for name in labels)]
    if not models:
        return
    model = next((name for name in ("GCN", "ConvNet") if name in models), models[0])
    found = [one for name in labels if (one := _measured(group, name, model))]
    found.sort(key=lambda one: one.mean, reverse=group.score.larger_is_better)
    best, *others = found
    count, each = count_of(best.row, "graphs"), count_of(best.row, "trainings")
    error = number(best.row, "test_error")
    spread = deviation(best.row, "test_selected", group.tested)
    where = f" {group.on_test}" if group.on_test else ""
    how = f"mean of {plural(count, 'condensation')} with {plural(each, 'training')} each"
    about = f"; {how}" + ("" if error is None else f", test set's error {group.score.text(error)}")
    lead = f"{model} trained on what {best.name} condensed from {group.data}"
    if others:
        lead = f"Of {len(found)} sets, that of {best.name} is the best for {model} on {group.data}:"
    verb = "it" if others else ""
    yield " ".join(
        f"{lead} {verb} scores {scored(group.score, best.mean, spread)} "
        f"{group.score.name if group.score.share else ''}{where}{about}.".split()
    )
    run = next((run for run in runs if group.runs.get(run.label) == best.name), None)
    beside = baselines_of(group, best.row, model) if run is None else baselines(group, run, model)
    for what, row in beside:
        if (mean := number(row, "test_selected")) is not None:
            name = "as many random examples" if what == "random" else "all of the data"
            yield _compared(group, best, Measured(name, mean, row))
    if others:
        yield _compared(group, best, others[0])
    if count == 1:
        yield "One condensation was scored: how much another seed changes is not known."


def _measured(group: Group, label: str, model: str) -> Measured | None:
    row = group.rows.get((label, model), {})
    mean = number(row, "test_selected")
    return None if mean is None else Measured(label, mean, row)


def _compared(group: Group, best: Measured, other: Measured) -> str:
    """The difference of two scores, and whether it exceeds all that is known of their spread."""
    score = group.score
    gap = best.mean - other.mean
    ahead = (gap > 0) == score.larger_is_better
    unit = "points" if score.share else score.name
    size = f"{score.text(abs(gap))} {unit} {'better' if ahead else 'worse'} than {other.name}"
    text = f"That is {size} ({score.text(other.mean)})"
    if trainings(best.row) < 2 or trainings(other.row) < 2:
        return f"{text}; with a single training the spread is not known."
    spread = max(
        number(best.row, "test_selected_std") or 0.0,
        number(other.row, "test_selected_std") or 0.0,
        number(best.row, "test_error") or 0.0,
    )
    if abs(gap) > spread:
        return f"{text}, more than the spread ({score.text(spread)})."
    return f"{text}, within the spread ({score.text(spread)}): the two cannot be told apart."
