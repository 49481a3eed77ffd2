"""Whether one set is better than another, or whether that cannot be told: tests, not stars.

What counts as one observation is a *condensation*: the mean score of the models trained on one
condensed set, since trainings on one set say nothing of the next seed's set. Of what has no seed
(the whole data, a method that gives the same set every time) it is a training. Of reports on
several splits of the data (:func:`~graphcondense.evaluate.over.over_splits`) it is a split: sets
of one split share its labels.

Two rows whose observations share their seeds are compared pair by pair (Student's paired t-test),
others by Welch's. Both tests of all pairs are corrected together by Holm's procedure (Holm, Scand.
J. Statist. 6, 1979): for a difference, and for its being smaller than a margin (two one-sided
tests, Schuirmann, J. Pharmacokinet. Biopharm. 15, 1987). The tests are SciPy's, Holm's procedure
and powers are statsmodels'.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal, Protocol

import numpy as np
import scipy  # its parts load when they are used: stats takes half a second

from graphcondense.evaluate.metrics import SCORES, Score
from graphcondense.evaluate.result import COLOURS, Column, Scored, dash
from graphcondense.ops.fields import listed

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Outcome = Literal["better", "worse", "equivalent", "undecided"]

BASELINES = ("random", "whole", "mean")

MOST = 1e6
"""Observations: a difference that would take more is not told by more seeds."""

POWER = 0.8
"""At which a detectable difference, and seeds that are missing, are told."""


class Trained(Protocol):
    """What is read of a row of a report, see :class:`~graphcondense.evaluate.report.Row`."""

    @property
    def label(self) -> str: ...
    @property
    def model(self) -> str: ...
    @property
    def graphs(self) -> int: ...
    @property
    def test_selected(self) -> float: ...
    @property
    def scores(self) -> tuple[tuple[float, ...], ...]: ...
    @property
    def seeds(self) -> tuple[int, ...] | None: ...
    @property
    def splits(self) -> tuple[str, ...] | None: ...


class Evaluated(Protocol):
    """What is read of a report, see :class:`~graphcondense.evaluate.report.Report`."""

    @property
    def examples(self) -> str:
        """What test examples are called."""
        ...

    @property
    def data(self) -> str: ...
    @property
    def metric(self) -> str: ...
    @property
    def rows(self) -> Sequence[Trained]: ...
    @property
    def labels(self) -> list[str]: ...
    @property
    def models(self) -> list[str]: ...
    @property
    def test_examples(self) -> int | None: ...
    @property
    def test_unlabelled(self) -> int: ...


@dataclass(frozen=True)
class Verdict:
    """One model trained on two sets. Differences are of the score itself, shares in ``[0, 1]``.

    Attributes:
        first, second: the sets; the verdict is on the first.
        model: what was trained on both.
        outcome: ``"better"`` or ``"worse"`` where the difference is told from none,
            ``"equivalent"`` where it is told to be smaller than the margin, else ``"undecided"``.
        difference: mean score of the first less that of the second.
        observations: of the first and of the second.
        paired: whether they were compared pair by pair.
        low, high: confidence interval of the difference, at ``1 - alpha``, not corrected.
        p: of no difference, corrected by Holm.
        p_margin: of a difference as large as the margin, corrected by Holm.
        detectable: smallest difference that so many observations with this spread show four times
            out of five, at ``alpha`` over the number of pairs.
        more: further observations of each that the difference seen would need; 0 where it is told.
        why: what kept a test from being made.
    """

    first: str
    second: str
    model: str
    outcome: Outcome
    difference: float
    observations: tuple[int, int]
    paired: bool
    low: float | None = None
    high: float | None = None
    p: float | None = None
    p_margin: float | None = None
    detectable: float | None = None
    more: int | None = None
    why: str = ""


@dataclass(frozen=True, kw_only=True)
class Comparison(Scored):
    """What :func:`compare` found.

    Attributes:
        data: name of the real data.
        metric: the score, one of :data:`~graphcondense.evaluate.metrics.SCORES`.
        alpha: error rate of all verdicts together.
        margin: difference below which two sets are called equivalent.
        rows: one a pair of sets and a model.
        examples: what test examples are called.
    """

    data: str
    metric: str
    alpha: float
    margin: float
    rows: tuple[Verdict, ...]
    examples: str = "nodes"

    @property
    def score(self) -> Score:
        """How the score is called and written."""
        return SCORES[self.metric]

    @property
    def left(self) -> int:
        return 4

    @property
    def columns(self) -> tuple[Column, ...]:
        def points(value: float | None, sign: str = "") -> str:
            if value is None or value != value:
                return dash(None)
            return self.score.number(value, sign=sign)

        def interval(row: Verdict) -> str:
            return (
                f"{points(row.low, '+')} to {points(row.high, '+')}" if row.low is not None else "-"
            )

        return (
            Column("set", lambda row: row.first),
            Column("against", lambda row: row.second),
            Column("model", lambda row: row.model),
            Column("verdict", lambda row: row.outcome),
            Column("difference", lambda row: points(row.difference, "+")),
            Column(f"{100 * (1 - self.alpha):g} % interval", interval),
            Column("p (Holm)", lambda row: dash(row.p, ".2g")),
            Column("p (margin)", lambda row: dash(row.p_margin, ".2g")),
            Column("observations", lambda row: " / ".join(map(str, row.observations))),
            Column("test", lambda row: "-" if row.why else "paired" if row.paired else "Welch"),
            Column("detectable", lambda row: points(row.detectable)),
            Column("more seeds", lambda row: dash(row.more)),
        )

    def title(self) -> str:
        unit = self.score.unit if self.score.share else f"{self.score.name}, lower is better"
        return f"{self.data}, differences in {unit}{self.on_test}"

    @property
    def meaning(self) -> str:
        """What the verdicts mean."""
        return (
            f"better, worse: a difference at {self.alpha:g} over all {len(self.rows)} pairs; "
            f"equivalent: smaller than {self.score.text(self.margin)}; undecided: neither can be "
            "told"
        )

    def notes(self) -> list[str]:
        why = dict.fromkeys(
            f"{row.first} against {row.second}: {row.why}" for row in self.rows if row.why
        )
        return [
            *self.about_test,
            self.meaning,
            f"detectable: seen in {POWER:.0%} of cases with these seeds; more seeds: what the "
            "difference seen would take",
            *why,
        ]

    @property
    def size(self) -> tuple[float, float]:
        longest = max((len(name) for name in self._names), default=0)
        return 3.6 + 0.08 * longest, 1.2 + 0.3 * max(len(self.rows), 3)

    @property
    def _names(self) -> list[str]:
        """What stands beside the points of the picture."""
        return [f"{r.first} - {r.second}, {r.model}: {r.outcome}" for r in self.rows]

    def draw(self, axes: Axes) -> None:
        """Differences with their intervals, the margin in grey."""
        scale = self.score.scale
        colours = dict(zip(("better", "worse", "equivalent", "undecided"), COLOURS, strict=False))
        axes.axvspan(-scale * self.margin, scale * self.margin, color="0.9", zorder=0)
        axes.axvline(0, color="0.5", linewidth=1)
        for place, row in enumerate(self.rows):
            colour = colours[row.outcome]
            if row.low is not None and row.high is not None:
                axes.plot([scale * row.low, scale * row.high], [place, place], color=colour)
            axes.plot([scale * row.difference], [place], "o", color=colour)
        axes.set_yticks(range(len(self.rows)), self._names)
        axes.invert_yaxis()
        axes.set_xlabel(f"difference in {self.score.unit}")


def compare(
    report: Evaluated,
    pairs: Iterable[tuple[str, str]] | None = None,
    *,
    models: str | Sequence[str] | None = None,
    alpha: float = 0.05,
    margin: float | None = None,
) -> Comparison:
    """Say of pairs of sets which is better with each model, or that it cannot be told.

    Args:
        report: what :func:`~graphcondense.evaluate` found.
        pairs: pairs of names of ``report``; by default each condensed set against each baseline,
            and the condensed sets among themselves.
        models: of the report, by default all.
        alpha: error rate of all verdicts together, in (0, 1).
        margin: difference below which two sets are equivalent, in the score's own unit; by default
            a point of what is shown in per cent, else a twentieth of the larger mean.

    Raises:
        ValueError: an unknown set or model, a pair of one set with itself, a value out of its
            range, or a report of an older version, which did not keep single scores.
    """
    if not 0 < alpha < 1:
        raise ValueError(f"alpha={alpha} must be between 0 and 1, as 0.05")
    if margin is not None and not 0 < margin < math.inf:
        raise ValueError(f"margin={margin} must be above 0, in the unit of {report.metric}")
    labels = report.labels
    if pairs is None:
        ours = [label for label in labels if label not in BASELINES]
        floors = [label for label in labels if label in BASELINES and label != "mean"]
        pairs = [(a, b) for i, a in enumerate(ours) for b in (*ours[i + 1 :], *floors)]
    pairs = _checked_pairs(pairs)
    names = report.models if models is None else listed(models, "models")
    for name, known in ((n, labels) for pair in pairs for n in pair):
        if name not in known:
            raise ValueError(f"no set {name!r} in the report; it has {', '.join(known)}")
    for name in names:
        if name not in report.models:
            raise ValueError(f"no model {name!r} in the report; it has {', '.join(report.models)}")
    if same := [a for a, b in pairs if a == b]:
        raise ValueError(f"{same[0]!r} against itself: give two sets")
    found = {(row.label, row.model): row for row in report.rows}
    if old := [row.label for row in report.rows if not row.scores]:
        raise ValueError(f"the scores of {old[0]!r} are not kept one by one: evaluate it again")
    asked = [(found[a, m], found[b, m]) for a, b in pairs for m in names]
    if margin is None:
        largest = max((abs(row.test_selected) for pair in asked for row in pair), default=0.0)
        margin = 0.01 if SCORES[report.metric].share else 0.05 * largest or 1.0
    rows = [_pair(a, b, margin, alpha, len(asked)) for a, b in asked]
    return Comparison(
        data=report.data,
        metric=report.metric,
        alpha=alpha,
        margin=margin,
        rows=tuple(_decided(rows, alpha, SCORES[report.metric])),
        examples=report.examples,
        test_examples=report.test_examples,
        test_unlabelled=report.test_unlabelled,
    )


def _checked_pairs(given: object) -> list[tuple[str, str]]:
    what = "give pairs of sets, such as [('gcond', 'random')]"
    if isinstance(given, str) or not isinstance(given, Iterable):
        raise ValueError(f"pairs={given!r:.60}: {what}")
    pairs = list(given)
    if odd := [pair for pair in pairs if not isinstance(pair, list | tuple) or len(pair) != 2]:
        raise ValueError(f"pairs has {odd[0]!r:.60}: {what}")
    return [(first, second) for first, second in pairs]


def _observed(row: Trained) -> tuple[np.ndarray[Any, np.dtype[np.float64]], str]:
    """What counts as one observation each, and why nothing can be said where that is so."""
    by = row.seeds if row.splits is None else row.splits
    if row.splits is not None or (by is not None and len(row.scores) > 1):
        # Sets of one seed, such as one set and its rounded copy, are no two condensations.
        means: dict[object, list[np.float64]] = {}
        for name, scores in zip(by or (), row.scores, strict=True):
            means.setdefault(name, []).append(np.mean(scores, dtype=np.float64))
        own = np.array([np.mean(found) for found in means.values()])
        what = "condensation seed" if row.splits is None else "split"
        return own, "" if len(own) > 1 else f"{row.label} is of one {what}"
    sets = np.array(row.scores, dtype=np.float64)
    if len(sets) > 1:
        return sets.mean(1), ""
    single = sets[0]
    if len(single) < 2:
        return single, f"{row.label} was trained on once"
    if row.seeds is not None:  # however often this one set was given
        return single, f"{row.label} is of one condensation seed"
    return single, ""


def _keys(row: Trained) -> tuple[object, ...] | None:
    """By what observations are paired: their splits, or else their seeds."""
    by = row.seeds if row.splits is None else row.splits
    return None if by is None else tuple(dict.fromkeys(by))


def _pair(first: Trained, second: Trained, margin: float, alpha: float, pairs: int) -> Verdict:
    """The two tests of one pair, not corrected yet."""
    (a, why), (b, other) = _observed(first), _observed(second)
    difference = float(a.mean() - b.mean())
    own, theirs = _keys(first), _keys(second)
    paired = len(a) == len(b) and own == theirs and own is not None
    blank = Verdict(
        first=first.label,
        second=second.label,
        model=first.model,
        outcome="undecided",
        difference=difference,
        observations=(len(a), len(b)),
        paired=paired,
        why=why or other,
    )
    if blank.why:
        return blank
    if not all(np.isfinite(values).all() for values in (a, b)):
        return replace(blank, why="a score is no number")
    spread = float((a - b).std(ddof=1)) if paired else _pooled(a, b)
    if not spread > 1e-12:
        return replace(blank, why="no spread: the scores do not depend on a seed")
    with warnings.catch_warnings():
        # One side may have no spread, as trainings have that err alike: the other's counts then.
        warnings.filterwarnings("ignore", "Precision loss occurred", RuntimeWarning)
        if paired:
            test = scipy.stats.ttest_rel(a, b)
            above = scipy.stats.ttest_rel(a + margin, b, alternative="greater")
            below = scipy.stats.ttest_rel(a - margin, b, alternative="less")
        else:
            test = scipy.stats.ttest_ind(a, b, equal_var=False)
            above = scipy.stats.ttest_ind(a + margin, b, equal_var=False, alternative="greater")
            below = scipy.stats.ttest_ind(a - margin, b, equal_var=False, alternative="less")
    low, high = test.confidence_interval(1 - alpha)
    detectable, needed = _power(difference / spread, (len(a), len(b)), paired, alpha / pairs)
    return replace(
        blank,
        low=float(low),
        high=float(high),
        p=float(test.pvalue),
        p_margin=float(max(above.pvalue, below.pvalue)),
        detectable=None if detectable is None else spread * detectable,
        more=None if needed is None else max(0, math.ceil(needed - 1e-9) - len(a)),
    )


def _pooled(a: np.ndarray[Any, Any], b: np.ndarray[Any, Any]) -> float:
    return math.sqrt((float(a.var(ddof=1)) + float(b.var(ddof=1))) / 2)


def _power(
    effect: float, observations: tuple[int, int], paired: bool, alpha: float
) -> tuple[float | None, float | None]:
    """The smallest effect, in standard deviations, that so many observations show at
    :data:`POWER`; and the observations of the first that ``effect`` takes."""
    from statsmodels.stats.power import TTestIndPower, TTestPower

    first, second = observations
    shares = {} if paired else {"ratio": second / first}
    power = (TTestPower() if paired else TTestIndPower()).power

    def missing(size: float, effect: float) -> float:
        # A difference of the other sign is none that was seen.
        seen = float(power(effect, size, alpha / 2, alternative="larger", **shares))
        # SciPy's noncentral t is NaN for some large effects, where the power is one.
        return POWER - (1.0 if math.isnan(seen) else seen)

    def zero(of: Callable[[float], float], low: float, high: float) -> float | None:
        """Where a falling function that may start below zero crosses it, if it does."""
        if not of(low) > 0:
            return low
        return float(scipy.optimize.brentq(of, low, high, xtol=1e-6)) if of(high) < 0 else None

    smallest = zero(lambda effect: missing(first, effect), 1e-6, 1e3)
    return smallest, zero(lambda size: missing(size, abs(effect)), 2.0, MOST)


def _decided(rows: Sequence[Verdict], alpha: float, score: Score) -> list[Verdict]:
    """Holm's procedure over both tests of all pairs, and what follows."""
    from statsmodels.stats.multitest import multipletests

    tested = [row for row in rows if row.p is not None]
    corrected = {
        name: iter(multipletests([getattr(row, name) for row in tested], method="holm")[1])
        if tested
        else iter(())
        for name in ("p", "p_margin")
    }
    out = []
    for row in rows:
        if row.p is not None:
            p, p_margin = float(next(corrected["p"])), float(next(corrected["p_margin"]))
            outcome: Outcome = "undecided"
            if p < alpha:
                outcome = "better" if (row.difference > 0) == score.larger_is_better else "worse"
            elif p_margin < alpha:
                outcome = "equivalent"
            more = row.more
            if outcome in ("better", "worse"):
                more = 0
            elif more is not None:
                more = max(1, more)
            row = replace(row, outcome=outcome, p=p, p_margin=p_margin, more=more)
        out.append(row)
    return out
