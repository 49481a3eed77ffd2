"""How a condensed graph ranks architectures, held against the whole graph."""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from scipy import stats

from graphcondense.evaluate.result import dash, deviation
from graphcondense.ops.types import Floats
from graphcondense.uses.architectures import Architecture


@dataclass(frozen=True)
class Candidate(Architecture):
    """One architecture and its scores. Accuracies in ``[0, 1]``, means over training seeds.

    Attributes:
        val_condensed, val_random: validation accuracy, one number a graph.
        val_whole, test_whole: trained on the whole graph; ``None`` if it was not.
        seconds_condensed, seconds_random, seconds_whole: of all its trainings on one graph.
    """

    val_condensed: tuple[float, ...]
    val_random: tuple[float, ...]
    seconds_condensed: float
    seconds_random: float | None
    val_whole: float | None = None
    test_whole: float | None = None
    seconds_whole: float | None = None


@dataclass(frozen=True)
class Ranking:
    """How one kind of graph ranks architectures. Means over graphs, each one a search of its own.

    Attributes:
        label, graphs: ``"condensed"``, ``"random"`` or ``"whole"``, and how many.
        spearman, kendall: Spearman's rank correlation and Kendall's tau-b of validation accuracies
            with the whole graph's, NaN where a graph or the whole one finds all architectures
            alike; the deviation is between graphs, ``None`` for one and beside NaN.
        spearman_test, kendall_test: with the whole graph's *test* accuracies.
        regret: test accuracy, after training on the whole graph, of the architecture that the whole
            graph's validation prefers minus that of the one chosen here; may be negative.
        regret_val: the same of validation accuracy; never negative.
        chosen: what each graph prefers, as indices of rows; the earlier of equals.
        chosen_test: test accuracy of the chosen ones, trained on the whole graph.
        seconds: one search on one graph.
        condensation_seconds: of one graph; ``None`` if not known, 0 where nothing is condensed.
    """

    label: str
    graphs: int
    spearman: float | None
    spearman_std: float | None
    kendall: float | None
    kendall_std: float | None
    spearman_test: float | None
    kendall_test: float | None
    regret: float | None
    regret_val: float | None
    chosen: tuple[int, ...]
    chosen_test: float
    seconds: float
    condensation_seconds: float | None


def rank(label: str, rows: Sequence[Candidate], condensation_seconds: float | None) -> Ranking:
    """How the graphs called ``label`` rank the architectures in ``rows``."""
    scores = scores_of(rows, label)
    picks = chosen(scores)
    tests = [rows[i].test_whole for i in picks]
    if any(test is None for test in tests):
        raise ValueError(f"the choice of {label} has not been trained on the whole graph")
    pairs = [(row.val_whole, row.test_whole) for row in rows]
    names = [f.name for f in fields(Ranking) if f.type == "float | None"]
    agreement: dict[str, float | None] = dict.fromkeys(names)
    if all(v is not None and t is not None for v, t in pairs):
        val, test = np.array(pairs, dtype=float).T
        for name, statistic in (("spearman", stats.spearmanr), ("kendall", stats.kendalltau)):
            each = [correlation(statistic, score, val) for score in scores]
            agreement[name] = statistics.fmean(each)
            agreement[f"{name}_std"] = deviation(each)
            of_test = [correlation(statistic, score, test) for score in scores]
            agreement[f"{name}_test"] = statistics.fmean(of_test)
        best = int(val.argmax())
        agreement["regret"] = float(np.mean([test[best] - test[i] for i in picks]))
        agreement["regret_val"] = float(np.mean([val[best] - val[i] for i in picks]))
    return Ranking(
        label=label,
        graphs=len(scores),
        chosen=picks,
        chosen_test=statistics.fmean(test for test in tests if test is not None),
        seconds=math.fsum(getattr(row, f"seconds_{label}") for row in rows),
        **{**agreement, "condensation_seconds": condensation_seconds},
    )


def chosen(scores: Floats) -> tuple[int, ...]:
    """For each graph, a row of ``scores [graphs, n]``, what it prefers; the first of equals."""
    return tuple(int(i) for i in scores.argmax(1))


def scores_of(rows: Sequence[Candidate], label: str) -> Floats:
    """Validation accuracies ``[graphs, n]``."""
    values = np.array([getattr(row, f"val_{label}") for row in rows], dtype=float)
    return values.reshape(len(rows), -1).T


def correlation(statistic: Callable[[Floats, Floats], Any], a: Floats, b: Floats) -> float:
    """NaN where one side is constant: it ranks nothing."""
    if len(np.unique(a)) < 2 or len(np.unique(b)) < 2:
        return math.nan
    return float(statistic(a, b).statistic)


def ratio(ranking: Ranking, whole: Ranking | None) -> float | None:
    """Seconds of a search, condensation included, as a share of the search on the whole graph."""
    if whole is None or ranking.condensation_seconds is None:
        return None
    return (ranking.seconds + ranking.condensation_seconds) / whole.seconds


def spread(value: float | None, std: float | None = None) -> str:
    return dash(value, ".2f") + ("" if std is None else f" ± {std:.2f}")
