"""Curves of a run, rankings of a report, and the popularity of items."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from graphcondense.evaluate.metrics import SCORES, Score
from graphcondense.ops.figures import COLOURS, INK, MARKERS, bars, new_figure, plain, saved
from graphcondense.ops.json import read_json_lines
from graphcondense.pictures.layout import Places

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from scipy.sparse import csr_matrix

    from graphcondense.evaluate.report import Report


def draw_curve(
    metrics: str | Path | Sequence[Mapping[str, float]],
    path: str | Path | None = None,
    score: Score = SCORES["accuracy"],
) -> Figure:
    """Draw the loss (log scale) and, below it, the validation score over the steps.

    Args:
        metrics: a run's ``metrics.jsonl``, or its rows: ``step``, ``loss``, now and then
            ``validation``. What is no finite number is left out.
        score: what the validation score is; errors, which a run holds as negative numbers, are
            drawn as they are called.
    """
    if isinstance(metrics, str | Path):
        metrics = read_json_lines(Path(metrics))
    metrics = [row for row in metrics if math.isfinite(row["loss"])]
    scored = [row for row in metrics if math.isfinite(row.get("validation", math.nan))]
    figure = new_figure(6.4, 4.6 if scored else 3.2)
    ratios = [3, 2] if scored else [1]
    axes = figure.subplots(len(ratios), sharex=True, squeeze=False, height_ratios=ratios)[:, 0]
    _draw_loss(axes[0], metrics)
    if scored:
        best = max(scored, key=lambda row: row["validation"])
        steps = [row["step"] for row in scored]
        sign = 1 if score.larger_is_better else -1
        values = [sign * score.scale * row["validation"] for row in scored]
        top = sign * best["validation"]
        axes[1].plot(steps, values, "o-", color=COLOURS[2], ms=4, lw=1.5)
        axes[1].plot(best["step"], score.scale * top, "o", ms=10, mfc="none", mec=COLOURS[3])
        unit = " %" if score.share else ""
        axes[1].set_title(
            f"best {score.text(top)}{unit} at step {best['step']:,}",
            loc="right",
            fontsize=9,
            color=COLOURS[3],
        )
        axes[1].set_ylabel(
            f"validation {score.unit}".removesuffix(" (lower is better)"), fontsize=9
        )
        axes[1].margins(y=0.2)
    axes[-1].set_xlabel("step")
    for ax in axes:
        plain(ax)
    return saved(figure, path)


def _draw_loss(ax: Axes, metrics: Sequence[Mapping[str, float]]) -> None:
    steps = np.array([row["step"] for row in metrics])
    loss = np.array([row["loss"] for row in metrics])
    smooth = rolling(loss, max(1, len(loss) // 50)).mean()
    ax.plot(steps, loss, color=COLOURS[0], alpha=0.3, lw=0.8)
    ax.plot(steps, smooth, color=COLOURS[0], lw=1.8)
    if len(loss) and loss.min() > 0:
        ax.set_yscale("log")
    ax.set_ylabel("loss")


def rolling(values: Sequence[float] | Places, half: int) -> Any:
    """Windows of pandas around each value, up to ``half`` values on either side.

    >>> rolling([0.0, 3.0, 6.0], 1).mean().tolist()
    [1.5, 3.0, 4.5]
    """
    import pandas as pd

    return pd.Series(values, dtype=float).rolling(2 * half + 1, center=True, min_periods=1)


def draw_ranking(report: Report, path: str | Path | None = None) -> Figure:
    """Draw test scores of what was trained on, best first, with bars of one standard deviation.

    Args:
        report: what was compared; the order is that of its first model.
    """
    score, models = report.score, report.models
    rows = {(row.label, row.model): row for row in report.rows}
    scored = [
        (rows[label, models[0]].test_selected, label)
        for label in report.labels
        if (label, models[0]) in rows and math.isfinite(rows[label, models[0]].test_selected)
    ]
    labels = [label for _, label in sorted(scored, reverse=score.larger_is_better)]
    figure = new_figure(6.4, 1.4 + 0.27 * len(labels))
    axes = figure.subplots()
    for i, model in enumerate(models):
        shift = (i - (len(models) - 1) / 2) * 0.5 / len(models)
        drawn = [
            (at, rows[label, model]) for at, label in enumerate(labels) if (label, model) in rows
        ]
        axes.errorbar(
            [score.scale * row.test_selected for _, row in drawn],
            [at + shift for at, _ in drawn],
            xerr=bars((row.test_selected_std for _, row in drawn), score.scale),
            fmt=MARKERS[i % len(MARKERS)],
            color=COLOURS[i % len(COLOURS)],
            label=model,
            capsize=3,
            ms=5,
        )
    axes.set_yticks(range(len(labels)), labels)
    axes.set_ylim(len(labels) - 0.5, -0.5)
    axes.set_xlabel(f"test {score.unit}")
    figure.suptitle(f"{report.data}{report.on_test}", fontsize=10)
    if len(models) > 1:
        figure.legend(loc="outside lower center", ncols=min(len(models), 6), frameon=False)
    plain(axes, "x")
    return saved(figure, path)


def draw_items(small: csr_matrix, real: csr_matrix, path: str | Path | None = None) -> Figure:
    """Draw the popularity of items among condensed users against that among real ones.

    An item's popularity is its share of all weights. Items stand in the order of the real one, on
    logarithmic axes; items without any weight are left out of their curve.

    Args:
        small, real: users by items, scipy sparse ``[n, items]`` and ``[users, items]``.

    Raises:
        ValueError: different numbers of items.
    """
    from scipy.stats import spearmanr

    if small.shape[1] != real.shape[1]:
        raise ValueError(f"{small.shape[1]} condensed items but {real.shape[1]} real ones")
    ours, theirs = (np.asarray(m.sum(0), dtype=np.float64).ravel() for m in (small, real))
    order = np.argsort(-theirs, kind="stable")
    ours, theirs = ours[order] / ours.sum(), theirs[order] / theirs.sum()
    rank = np.arange(1, len(order) + 1)
    figure = new_figure(6.4, 3.6)
    ax = figure.subplots()
    for share, label, style in (
        (ours, f"{small.shape[0]:,} condensed users", {"ls": "", "marker": ".", "ms": 3}),
        (theirs, f"{real.shape[0]:,} real users", {"lw": 1.8}),
    ):
        some, colour = share > 0, COLOURS[0 if share is theirs else 2]
        ax.plot(rank[some], 100 * share[some], color=colour, label=label, **style)
    ax.set(xscale="log", yscale="log", xlabel="item, by popularity among real users")
    ax.set_ylabel("share of all weights, %")
    same = float(spearmanr(ours, theirs).statistic) if len(order) > 1 else 1.0
    tail = 100 * ours[len(order) // 10 :].sum(), 100 * theirs[len(order) // 10 :].sum()
    ax.set_title(
        f"rank correlation {same:.2f}; beyond the top tenth {tail[0]:.0f} % (real {tail[1]:.0f} %)",
        loc="right",
        fontsize=9,
        color=INK,
    )
    ax.legend(fontsize=8, frameon=False)
    plain(ax)
    return saved(figure, path)
