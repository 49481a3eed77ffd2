"""Many sets on many data: mean ranks, and which of them differ (critical-difference pictures).

Friedman's test asks whether all are alike. Where it says that they are not, pairs are told apart
either by Nemenyi's critical difference ``CD = q sqrt(k (k + 1) / (6 N))`` of the mean ranks of
``k`` sets on ``N`` blocks (Demšar, "Statistical Comparisons of Classifiers over Multiple Data
Sets", JMLR 7, 2006, section 3.2.2), or by Wilcoxon's signed-rank test of every pair, corrected by
Holm, which does not depend on what else is in the table (Benavoli, Corani & Mangili, "Should We
Really Use Post-Hoc Tests Based on Mean-Ranks?", JMLR 17, 2016). The tests are SciPy's, Holm's
procedure is statsmodels'.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import numpy as np
import scipy  # its parts load when they are used: stats takes half a second

from graphcondense.evaluate.metrics import SCORES
from graphcondense.evaluate.report import Report, checked_reports
from graphcondense.evaluate.result import COLOURS, Column, Result

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Test = Literal["nemenyi", "wilcoxon"]
TESTS: tuple[Test, ...] = ("nemenyi", "wilcoxon")

LEAST = 3
"""Sets: of two, the pair is compared."""

FEW = 10
"""Blocks: with fewer, Friedman's chi-squared is coarse (Demšar, 2006, section 3.2.2)."""


@dataclass(frozen=True)
class Ranked:
    """One set on all blocks.

    Attributes:
        label: the set.
        rank: mean rank, 1 is the best; equal scores share the mean of their ranks.
        score: mean over the blocks.
        worse_than: how many sets are told to be better.
        better_than: how many are told to be worse.
    """

    label: str
    rank: float
    score: float
    worse_than: int
    better_than: int


@dataclass(frozen=True, kw_only=True)
class Ranks(Result):
    """What :func:`rank` found.

    Attributes:
        title_of: what was ranked, in words.
        metric: the score, one of :data:`~graphcondense.evaluate.metrics.SCORES`.
        blocks: names of what each set was scored on.
        test: how pairs are told apart.
        alpha: error rate of Friedman's test, and of all pairs together.
        friedman: Friedman's statistic, corrected for ties.
        p: of no difference between any of the sets.
        distance: Nemenyi's critical difference of two mean ranks; ``None`` of the other test.
        rows: the sets, best first.
        apart: pairs that are told apart, the better one first.
        groups: runs of sets in the order of ranks of which no two are told apart; what the thick
            lines of the picture join. Sets in none are told from both neighbours.
    """

    title_of: str
    metric: str
    blocks: tuple[str, ...]
    test: Test
    alpha: float
    friedman: float
    p: float
    distance: float | None
    rows: tuple[Ranked, ...]
    apart: tuple[tuple[str, str], ...]
    groups: tuple[tuple[str, ...], ...]

    @property
    def columns(self) -> tuple[Column, ...]:
        score = SCORES[self.metric]
        return (
            Column("set", lambda row: row.label),
            Column("mean rank", lambda row: f"{row.rank:.2f}"),
            Column(score.name, lambda row: score.text(row.score)),
            Column("better than", lambda row: f"{row.better_than}"),
            Column("worse than", lambda row: f"{row.worse_than}"),
        )

    def title(self) -> str:
        return f"{self.title_of}: {len(self.rows)} sets ranked on {len(self.blocks)} blocks"

    def notes(self) -> list[str]:
        out = [
            f"blocks: {', '.join(self.blocks)}",
            f"Friedman: {self.friedman:.2f}, p {self.p:.2g}"
            + ("" if self.p < self.alpha else "; no difference is told, so no pair is"),
        ]
        if self.distance is not None:
            out.append(
                f"Nemenyi: mean ranks {self.distance:.2f} apart differ, at {self.alpha:g} over all "
                "pairs"
            )
        else:
            pairs = len(self.rows) * (len(self.rows) - 1) // 2
            out.append(f"Wilcoxon: {pairs} pairs, at {self.alpha:g} over all of them (Holm)")
            least = 2.0 ** (1 - len(self.blocks)) * pairs
            if least >= self.alpha:
                out.append(
                    f"{len(self.blocks)} blocks cannot tell any of {pairs} pairs apart: the "
                    f"smallest p that there is, corrected, is {min(least, 1):.2g}"
                )
        if len(self.blocks) < FEW:
            out.append(
                f"few blocks ({len(self.blocks)}): the approximations are coarse below {FEW}"
            )
        return out

    @property
    def size(self) -> tuple[float, float]:
        lines = math.ceil(len(self.rows) / 2)
        return 8.0, 1.3 + 0.22 * lines + 0.12 * len(self.groups)

    def draw(self, axes: Axes) -> None:
        """Demšar's picture: an axis of mean ranks, best to the left, and thick lines that join what
        is not told apart."""
        count = len(self.rows)
        half = math.ceil(count / 2)
        low, high = 1.0, float(count)
        span = high - low
        axes.spines[:].set_visible(False)
        axes.grid(visible=False)
        axes.set_yticks([])
        axes.set_xticks([])
        step = max(1, round(span / 10))
        axes.plot([low, high], [0, 0], color="black", linewidth=1)
        for tick in range(1, count + 1):
            if (tick - 1) % step == 0 or tick == count:
                axes.plot([tick, tick], [0, 0.25], color="black", linewidth=1)
                axes.text(tick, 0.4, f"{tick}", ha="center", va="bottom", fontsize=8)
        places = {row.label: row.rank for row in self.rows}
        for i, group in enumerate(self.groups):
            ends = [places[name] for name in group]
            deep = -0.45 - 0.45 * i
            axes.plot(
                [min(ends) - 0.006 * span, max(ends) + 0.006 * span],
                [deep, deep],
                color=COLOURS[3],
                linewidth=3,
                solid_capstyle="butt",
            )
        top = -0.9 - 0.45 * len(self.groups)
        for i, row in enumerate(self.rows):
            left = i < half
            depth = top - 0.8 * (i if left else count - 1 - i)
            edge = low - 0.06 * span if left else high + 0.06 * span
            axes.plot([row.rank, row.rank, edge], [0, depth, depth], color="0.6", linewidth=0.8)
            axes.plot([row.rank], [0], "o", color=COLOURS[0], markersize=3, zorder=3)
            words = f"{row.label} ({row.rank:.1f})"
            side = -0.01 * span if left else 0.01 * span
            axes.text(
                *(edge + side, depth, words),
                ha="right" if left else "left",
                va="center",
                fontsize=8,
            )
        if self.distance is not None:
            end = min(low + self.distance, high)
            axes.plot([low, end], [1.9, 1.9], color="black", linewidth=2)
            shown = f"critical difference {self.distance:.2f}"
            axes.text(low, 2.1, shown, ha="left", va="bottom", fontsize=8)
        axes.set_xlim(low - 0.45 * span, high + 0.45 * span)
        axes.set_title(f"{self.title_of}; 1 is best", fontsize=9)


def rank(
    scores: Mapping[str, Sequence[float]],
    blocks: Sequence[str],
    *,
    metric: str = "accuracy",
    title: str = "scores",
    alpha: float = 0.05,
    test: Test = "nemenyi",
) -> Ranks:
    """Rank sets within every block, and tell which differ.

    Args:
        scores: by the name of a set, its score on every block. Blocks are to be independent, as
            data sets are; splits of one data set share nodes, and say more than there is.
        blocks: names of the blocks, at least two.
        metric: whether larger is better, and how scores are written.
        title: what is ranked, in words.
        alpha: error rate, in (0, 1).
        test: ``"nemenyi"``: differences of mean ranks, those of all sets; ``"wilcoxon"``: every
            pair alone, for which few blocks are too few where sets are many.

    Raises:
        ValueError: fewer than three sets or two blocks, a set without a score on every block, a
            score that is no number, an unknown test or metric, or an alpha out of its range.
    """
    if test not in TESTS:
        raise ValueError(f"test={test!r}: choose one of {', '.join(TESTS)}")
    if metric not in SCORES:
        raise ValueError(f"metric={metric!r}: choose one of {', '.join(SCORES)}")
    if not 0 < alpha < 1:
        raise ValueError(f"alpha={alpha} must be between 0 and 1, as 0.05")
    if len(scores) < LEAST:
        raise ValueError(f"{len(scores)} sets: ranks are for three or more; compare pairs instead")
    if len(blocks) < 2:
        raise ValueError(f"{len(blocks)} blocks: ranks need two or more, such as data sets")
    for label, own in scores.items():
        if len(own) != len(blocks):
            raise ValueError(f"{label!r} has {len(own)} scores, but there are {len(blocks)} blocks")
        if not all(map(math.isfinite, own)):
            raise ValueError(f"a score of {label!r} is no number: leave it or that block out")
    table = np.array(list(scores.values()), dtype=np.float64)  # [sets, blocks]
    sign = -1 if SCORES[metric].larger_is_better else 1
    ranks = scipy.stats.rankdata(sign * table, axis=0).mean(1)
    order = sorted(range(len(table)), key=lambda i: ranks[i])
    names = [list(scores)[i] for i in order]
    table, ranks = table[order], ranks[order]
    statistic, p = _friedman(table)
    distance = critical_difference(len(table), len(blocks), alpha) if test == "nemenyi" else None
    pairs = list(combinations(range(len(table)), 2))
    told = dict.fromkeys(pairs, False)
    if p < alpha:
        if distance is not None:
            told = {(i, j): bool(ranks[j] - ranks[i] > distance) for i, j in pairs}
        else:
            told = _wilcoxon(table, pairs, alpha)
    apart = tuple((names[i], names[j]) for (i, j), yes in told.items() if yes)
    rows = [
        Ranked(
            label=name,
            rank=float(ranks[i]),
            score=float(table[i].mean()),
            worse_than=sum(second == name for _, second in apart),
            better_than=sum(first == name for first, _ in apart),
        )
        for i, name in enumerate(names)
    ]
    return Ranks(
        title_of=title,
        metric=metric,
        blocks=tuple(blocks),
        test=test,
        alpha=alpha,
        friedman=statistic,
        p=p,
        distance=distance,
        rows=tuple(rows),
        apart=apart,
        groups=tuple(tuple(names[i:j]) for i, j in _runs(len(names), told)),
    )


def critical_difference(sets: int, blocks: int, alpha: float = 0.05) -> float:
    """Nemenyi's: mean ranks of ``sets`` on ``blocks`` that are further apart differ.

    ``q`` is the quantile of the studentised range over the square root of two.

    >>> round(critical_difference(4, 14), 2), round(critical_difference(5, 30, 0.1), 2)
    (1.25, 1.0)
    """
    q = float(scipy.stats.studentized_range.ppf(1 - alpha, sets, np.inf)) / math.sqrt(2)
    return q * math.sqrt(sets * (sets + 1) / (6 * blocks))


def _friedman(table: np.ndarray[Any, Any]) -> tuple[float, float]:
    if (table == table[:1]).all():  # SciPy would divide by no spread
        return 0.0, 1.0
    found = scipy.stats.friedmanchisquare(*table)
    return float(found.statistic), float(found.pvalue)


def _wilcoxon(
    table: np.ndarray[Any, Any], pairs: Sequence[tuple[int, int]], alpha: float
) -> dict[tuple[int, int], bool]:
    """Which pairs differ; of two that tie on every block none does."""
    from statsmodels.stats.multitest import multipletests

    found = [
        1.0
        if (table[i] == table[j]).all()
        else float(scipy.stats.wilcoxon(table[i], table[j]).pvalue)
        for i, j in pairs
    ]
    return dict(zip(pairs, multipletests(found, alpha, method="holm")[0].tolist(), strict=True))


def _runs(count: int, told: Mapping[tuple[int, int], bool]) -> list[tuple[int, int]]:
    """The longest runs ``[i, j)`` of at least two in which no pair is told apart.

    >>> _runs(4, {(0, 3): True})
    [(0, 3), (1, 4)]
    """
    out: list[tuple[int, int]] = []
    for i in range(count):
        j = i + 1
        while j < count and not any(told.get((k, j), False) for k in range(i, j)):
            j += 1
        if j - i > 1 and not (out and out[-1][1] >= j):
            out.append((i, j))
    return out


def rank_reports(
    reports: Sequence[Report],
    *,
    model: str | None = None,
    alpha: float = 0.05,
    test: Test = "nemenyi",
) -> Ranks:
    """Rank what was trained on over all data sets that reports are of.

    Of several reports on one data set (its splits, its budgets) the mean score counts. Reports on
    one data set alone are ranked over condensation seeds, which must be the same for all sets; that
    tells what more seeds of these data would say, and nothing of other data.

    Args:
        reports: of :func:`~graphcondense.evaluate`. Sets that not all of them have are left out.
        model: whose scores; by default the first that all reports have.
        alpha, test: as for :func:`rank`.

    Raises:
        TypeError: something that is no report.
        ValueError: as :func:`rank`; reports with different scores, or without a model in common.
    """
    reports = checked_reports(reports, "rank_reports(reports)")
    if not reports:
        raise ValueError("no report to rank")
    metrics = {report.metric for report in reports}
    if len(metrics) > 1:
        raise ValueError(f"reports with different scores: {', '.join(sorted(metrics))}")
    common = [m for m in reports[0].models if all(m in report.models for report in reports)]
    if model is None:
        if not common:
            raise ValueError("the reports have no model in common")
        model = common[0]
    elif model not in common:
        raise ValueError(f"not all reports have model {model!r}; all have {', '.join(common)}")
    names = list(dict.fromkeys(report.data for report in reports))
    if len(names) > 1:
        by, blocks = _by_data(reports, model), names
        each, what = "data sets", f"{model}, mean ranks over data sets"
    else:
        by, blocks = _by_seed(reports, model)
        each, what = "condensations", f"{names[0]}, {model}, mean ranks over condensations"
    found = {label: [own[b] for b in blocks] for label, own in by.items() if set(own) == {*blocks}}
    if blocks and len(found) < LEAST:
        lacking = (
            f"{label!r} has {', '.join(own) or 'none that is known'}"
            for label, own in by.items()
            if label not in found
        )
        raise ValueError(
            f"{len(found)} sets have scores on all {each} ({', '.join(blocks)}); ranks are for "
            f"three or more. {'; '.join(lacking) or 'There are no others'}"
        )
    metric = reports[0].metric
    return rank(found, blocks, metric=metric, title=what, alpha=alpha, test=test)


Scores: TypeAlias = dict[str, dict[str, float]]
"""By set and block; not every set has a score on every block."""


def _by_data(reports: Sequence[Report], model: str) -> Scores:
    """The mean score of each set on each of the data sets."""
    means: dict[str, dict[str, list[float]]] = {}
    for report in reports:
        for row in report.rows:
            if row.model == model:
                own = means.setdefault(row.label, {})
                own.setdefault(report.data, []).append(row.test_selected)
    return {
        label: {name: float(np.mean(scores)) for name, scores in by.items()}
        for label, by in means.items()
    }


def _by_seed(reports: Sequence[Report], model: str) -> tuple[Scores, list[str]]:
    """The mean score of each condensation; and what the condensations are called."""
    found: Scores = {}
    blocks: dict[str, None] = {}
    for report in reports:
        for row in report.rows:
            if row.model != model:
                continue
            own = found.setdefault(row.label, {})
            if row.seeds is None or len(row.scores) != len(row.seeds):
                continue
            for seed, scores in zip(row.seeds, row.scores, strict=True):
                name = f"{report.digest[:4]} seed {seed}"
                blocks[name] = None
                own[name] = float(np.mean(scores))
    return found, list(blocks)
