"""Values of records and JSON files, which nobody has checked: narrowed, and written for readers."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from typing import TypeAlias, TypeGuard

from graphcondense.evaluate.metrics import Score
from graphcondense.evaluate.result import shown_spread

Values: TypeAlias = Mapping[str, object]
"""What a JSON object holds."""

DASH = "\N{EN DASH}"


def is_number(value: object) -> TypeGuard[int | float]:
    """
    >>> is_number(1), is_number(None), is_number(True), is_number(float("nan"))
    (True, False, False, False)
    """
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def number(values: Values, key: str) -> float | None:
    """A value, if it is a number."""
    value = values.get(key)
    return float(value) if is_number(value) else None


def count_of(values: Values, key: str, default: int = 1) -> int:
    """A number of things; ``default`` where there is none."""
    return int(number(values, key) or default)


def mapping(value: object) -> Values:
    """A mapping that a file should hold here; an empty one where it holds something else."""
    return value if isinstance(value, Mapping) else {}


def trainings(row: Values) -> int:
    """Over how many trainings a row is a mean."""
    return count_of(row, "graphs") * count_of(row, "trainings")


def deviation(row: Values, score: str, tested: int | None = None) -> float | None:
    """Standard deviation of a score over all trainings, where it says something; see
    :func:`~graphcondense.evaluate.result.shown_spread`."""
    return shown_spread(number(row, f"{score}_std"), trainings(row), tested)


def flat(values: Values, prefix: str = "") -> Iterator[tuple[str, object]]:
    """
    >>> list(flat({"a": 1, "b": {"c": [2]}}))
    [('a', 1), ('b.c', [2])]
    """
    for name, value in values.items():
        if isinstance(value, Mapping):
            yield from flat(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value


def written(value: object) -> str:
    """
    >>> written(0.00123456), written(12000.0), written(None), written([1, 2]), written(True)
    ('0.001235', '12,000', '–', '1, 2', 'yes')
    """
    if value is None:
        return DASH
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        return f"{value:,.0f}" if 1000 <= abs(value) < 1e9 else f"{value:.4g}"
    if isinstance(value, list) and not any(isinstance(item, list | dict) for item in value):
        return ", ".join(map(written, value))
    text = value if isinstance(value, str) else json.dumps(value)
    return text if len(text) <= 300 else f"{text[:297]}..."


def scored(score: Score, value: float | None, spread: float | None = None) -> str:
    """A score with its unit.

    >>> from graphcondense.evaluate.metrics import SCORES
    >>> scored(SCORES["accuracy"], 0.8, 0.01), scored(SCORES["rmse"], 12345.6, 0.4)
    ('80.0 % ± 1.0', '12,345.6 RMSE ± 0.4')
    """
    return "".join(scored_apart(score, value, spread))


def scored_apart(score: Score, value: float | None, spread: float | None) -> tuple[str, str]:
    """A score with its unit, and what stands behind it: its standard deviation, or nothing."""
    if value is None:
        return DASH, ""
    text, beside = score.pair(value, spread)
    unit = " %" if score.share else f" {score.name}"
    return f"{text}{unit}", f" ± {beside}" if beside else ""


def share(value: float) -> str:
    """
    >>> share(0.02585), share(0.00004), share(1.0)
    ('2.6 %', '0.004 %', '100 %')
    """
    percent = 100 * value
    return f"{percent:.0f} %" if percent >= 99.95 or not percent else f"{percent:.2g} %"


def plural(count: int, what: str) -> str:
    """
    >>> plural(1, "graph"), plural(2, "set of graphs")
    ('1 graph', '2 sets of graphs')
    """
    first, *rest = what.split(" ", 1)
    return " ".join([f"{count:,} {first}" + ("" if count == 1 else "s"), *rest])
