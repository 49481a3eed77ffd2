"""One report of several: on splits of one data set."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from graphcondense.evaluate.report import Report, Row, checked_reports


def over_splits(reports: Sequence[Report]) -> Report:
    """One report of several on different splits of the same data.

    A row has the scores of all splits, and says of which split each is: its levels are told apart
    (:attr:`~graphcondense.evaluate.report.Row.levels`), and a comparison counts a split as one
    observation. Sizes and times are means. What not every split has been scored on is left out.

    Args:
        reports: on one split each, at least two; several on the same split are one (
            :meth:`~graphcondense.evaluate.report.Report.with_rows_of`).

    Raises:
        TypeError: something that is no report.
        ValueError: no second split; other data, another score, other settings of a model, or a
            report that did not keep its scores one by one.
    """
    by: dict[str, list[Report]] = {}
    for report in checked_reports(reports, "over_splits(reports)"):
        by.setdefault(report.digest, []).append(report)
    if len(by) < 2:
        raise ValueError(f"{len(by)} split: give reports on two or more splits of the same data")
    whole = [own[0].with_rows_of(*own[1:]) for own in by.values()]
    first = whole[0]
    for other in whole[1:]:
        if (other.data, other.metric) != (first.data, first.metric):
            raise ValueError(
                f"reports on {first.data} ({first.metric}) and on {other.data} ({other.metric}): "
                "splits are of one data set"
            )
        for name, theirs in other.settings.items():
            if first.settings.get(name, theirs) != theirs:
                raise ValueError(f"{name} was trained with {first.settings[name]} and {theirs}")
    rows = []
    for row in first.rows:
        found = [
            next((r for r in one.rows if (r.label, r.model) == (row.label, row.model)), None)
            for one in whole
        ]
        every = [r for r in found if r is not None]
        if len(every) == len(whole):
            rows.append(_joined(every, list(by)))
    tested = {one.test_examples for one in whole}
    return replace(
        first,
        digest=f"{len(by)} splits: {', '.join(by)}",
        rows=tuple(rows),
        ledgers={},
        test_examples=tested.pop() if len(tested) == 1 else None,
        test_unlabelled=max(one.test_unlabelled for one in whole),
        remarks=tuple(dict.fromkeys(text for one in whole for text in one.remarks)),
    )


def _joined(rows: Sequence[Row], splits: Sequence[str]) -> Row:
    """The rows of one set and model, one a split."""
    if old := [row.label for row in rows if not row.scores]:
        raise ValueError(f"the scores of {old[0]!r} are not kept one by one: evaluate it again")

    def mean(name: str) -> float:
        return sum(float(getattr(row, name)) for row in rows) / len(rows)

    clocks = ("seconds", "seconds_training", "processor_seconds", "val_selected", "epoch_selected")
    scores = tuple(scores for row in rows for scores in row.scores)
    means: dict[str, Any] = {name: mean(name) for name in (*clocks, "test_selected", "test_last")}
    sizes: dict[str, Any] = {name: round(mean(name)) for name in ("nodes", "edges", "bytes")}
    joined = replace(
        rows[0],
        **means,
        **sizes,
        graphs=sum(row.graphs for row in rows),
        test_last_std=_pooled([(_trainings(r), r.test_last, r.test_last_std) for r in rows]),
        test_selected_std=_pooled(
            [(_trainings(r), r.test_selected, r.test_selected_std) for r in rows]
        ),
        others={k: sum(row.others[k] for row in rows) / len(rows) for k in rows[0].others},
        test_error=None,
        scores=scores,
        seeds=None,
        splits=tuple(name for row, name in zip(rows, splits, strict=True) for _ in row.scores),
    )
    levels = joined.levels
    return replace(
        joined,
        spread_graphs=levels.sets if levels else None,
        spread_trainings=levels.trainings if levels else None,
    )


def _trainings(row: Row) -> int:
    return row.graphs * row.trainings


def _pooled(found: Sequence[tuple[int, float, float | None]]) -> float | None:
    """Sample standard deviation of all values, from count, mean and deviation of each part; of a
    part of one value the deviation is ``None``.

    >>> _pooled([(1, 1.0, None), (1, 3.0, None)]), _pooled([(1, 1.0, None)])
    (1.4142135623730951, None)
    """
    count = sum(n for n, _, _ in found)
    mean = sum(n * m for n, m, _ in found) / count
    squares = sum((n - 1) * (s or 0.0) ** 2 + n * (m - mean) ** 2 for n, m, s in found)
    return math.sqrt(squares / (count - 1)) if count > 1 else None
