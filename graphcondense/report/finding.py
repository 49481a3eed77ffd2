"""What was found and how sure it is, in sentences that stand on top of the page."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from graphcondense.ops.names import with_article
from graphcondense.report.merge import Group, baselines, is_floor, size_of
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

BESIDE = {"random": "as many random examples", "whole": "all of the data"}


class Measured(NamedTuple):
    """One test score and what is known of its spread."""

    name: str
    mean: float
    row: Values


class Finding(NamedTuple):
    """What was found: a sentence, and below it what it is compared with and how sure it is."""

    sentence: str
    details: list[str]


def findings(runs: Sequence[Run], groups: Sequence[Group]) -> list[Finding]:
    """One for each real data set and way of training; never empty."""
    return [found for g in groups if (found := _of_group(g, runs))] or [_unmeasured(runs)]


def _unmeasured(runs: Sequence[Run]) -> Finding:
    what = "this set is" if len(runs) == 1 else "these sets are"
    text = f"Nothing has been scored on test data yet, so how good {what} is not known."
    known = any(number(run.validation, "score") is not None for run in runs)
    return Finding(text, ["Validation scores chose what is shown: they are no test."] * known)


def _of_group(group: Group, runs: Sequence[Run]) -> Finding | None:
    """Which set is best, by how much beside random examples and all data, and how sure that is."""
    labels = [name for name in group.labels if name != "whole" and not is_floor(name)]
    models = [m for m in group.models if any(_measured(group, name, m) for name in labels)]
    if not models:
        return None
    model = next((name for name in ("GCN", "ConvNet") if name in models), models[0])
    found = [own for name in labels if (own := _measured(group, name, model))]
    found.sort(key=lambda own: own.mean, reverse=group.score.larger_is_better)
    best, *others = found
    spread = deviation(best.row, "test_selected", group.tested)
    value = scored(group.score, best.mean, spread)
    value += f" {group.score.name}" if group.score.share else ""
    value += f" {group.on_test}" if group.on_test else ""
    one = with_article(model)
    sentence = (
        f"{one[0].upper()}{one[1:]} trained on what {best.name} condensed from {group.data} "
        f"scores {value}."
    )
    if others:
        sentence = (
            f"Of {len(found)} sets condensed from {group.data}, that of {best.name} is the best "
            f"for {one}: {value}."
        )
    run = next((run for run in runs if group.runs.get(run.label) == best.name), None)
    size = size_of(best.row, group) if run is None else run.stored
    details = [
        _compared(group, best, Measured(BESIDE[what], mean, row))
        for what, row in baselines(group, size, model)
        if (mean := number(row, "test_selected")) is not None
    ]
    details += [_compared(group, best, others[0])] if others else []
    return Finding(sentence, [*details, _certainty(best.row)])


def _certainty(row: Values) -> str:
    """Over how many condensations and trainings the best score is a mean."""
    count, each = count_of(row, "graphs"), count_of(row, "trainings")
    text = f"Mean of {plural(count, 'condensation')} with {plural(each, 'training')} each"
    if count == 1:
        return f"{text}: how much another seed of condensing would change is not known."
    return f"{text}."


def _measured(group: Group, label: str, model: str) -> Measured | None:
    row = group.rows.get((label, model), {})
    mean = number(row, "test_selected")
    return None if mean is None else Measured(label, mean, row)


def _compared(group: Group, best: Measured, other: Measured) -> str:
    """The difference of two scores, and whether it exceeds all that is known of their spread."""
    score = group.score
    gap = best.mean - other.mean
    ahead = "better" if (gap > 0) == score.larger_is_better else "worse"
    unit = " points" if score.share else f" {score.name}"
    what = f"{other.name} ({score.text(other.mean)})"
    text = f"{score.text(abs(gap))}{unit} {ahead} than {what}"
    if trainings(best.row) < 2 or trainings(other.row) < 2:
        return f"{text}; the spread of a single training is not known."
    spread = max(
        number(best.row, "test_selected_std") or 0.0,
        number(other.row, "test_selected_std") or 0.0,
        number(best.row, "test_error") or 0.0,
    )
    if abs(gap) > spread:
        return f"{text}: more than the spread ({score.text(spread)})."
    return (
        f"Not told apart from {what}: the difference is within the spread ({score.text(spread)})."
    )
