"""Architecture search: does a condensed graph rank architectures as the whole graph does?

The space and the settings are those of the table in the guide: 40 random architectures of 1,215,
three trainings each, 150 epochs, validated every five. Part of ``benchmarks/transfer.py --nas``.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import nodes
from nodes import line

DATA, BUDGET = "cora", 70
OWN, RANDOM, OTHER = "quotient", "random", "gecc"
ASKED = 0.15
"""Kendall's tau above that of random subgraphs."""


def run(root: str | None, out: Path, *, seeds: int, trials: int = 40) -> None:
    """Search on ``seeds`` graphs of each kind; write ``nas-quotient`` as JSON, picture and text.

    An interrupted search goes on where it was.
    """
    import graphcondense
    from graphcondense.uses.ranking import rank
    from graphcondense.uses.search import ArchitectureSearch, search_architectures

    real = graphcondense.data.load(DATA, root=root)
    cells = out / "cells"
    cells.mkdir(parents=True, exist_ok=True)

    def search(method: str, baselines: tuple[str, ...]) -> ArchitectureSearch:
        return search_architectures(
            [nodes.condensed(real, method, BUDGET, seed) for seed in range(seeds)],
            real,
            trials=trials,
            seeds=3,
            baselines=baselines,
            random_draws=seeds if "random" in baselines else None,
            storage=cells / "nas-quotient.log",
            progress=False,
            epochs=150,
            val_every=5,
        )

    own = search(OWN, ("random", "whole"))
    other = search(OTHER, ())
    # The same architectures in the same order, so that one whole graph serves both.
    rows = [
        replace(row, val_condensed=also.val_condensed, seconds_condensed=also.seconds_condensed)
        for row, also in zip(own.rows, other.rows, strict=True)
    ]
    took = other.ranking("condensed").condensation_seconds
    found = {
        OWN: own.ranking("condensed"),
        OTHER: rank("condensed", rows, took),
        RANDOM: own.ranking("random"),
        "whole": own.ranking("whole"),
    }
    own.to_json(out / "nas-quotient.json")
    own.plot(out / "nas-quotient.png")
    (out / "nas-quotient.md").write_text(text(found, trials))


def text(found: dict[str, Any], trials: int) -> str:
    """The section of the page; ``found`` has a ranking of each kind of graph."""
    head = ["searched on", "graphs", "Kendall's tau", "Spearman", "regret, test", "test of chosen"]
    head += ["seconds of a search", "seconds of condensing"]
    lines = [line(head), "|---" * len(head) + "|"]
    for name, ranking in found.items():
        lines.append(
            line(
                [
                    name,
                    str(ranking.graphs),
                    told(ranking.kendall, ranking.kendall_std),
                    told(ranking.spearman, ranking.spearman_std),
                    f"{100 * ranking.regret:.1f}",
                    f"{100 * ranking.chosen_test:.1f}",
                    f"{ranking.seconds:.0f}",
                    f"{ranking.condensation_seconds or 0:.1f}",
                ]
            )
        )
    ahead = found[OWN].kendall - found[RANDOM].kendall
    verdict = "reached" if ahead >= ASKED else f"not reached by {ASKED - ahead:.2f}"
    return "\n".join(
        [
            "## Architecture search\n",
            f"Cora, {BUDGET} nodes: {trials} of 1,215 architectures, 3 trainings of 150 epochs "
            "each. Correlations are with validation accuracies on the whole graph, means and "
            "standard deviations over graphs.\n",
            *lines,
            f"\nKendall's tau of `{OWN}` is {ahead:+.2f} from that of a random subgraph; asked "
            f"+{ASKED:.2f}: **{verdict}**.\n",
        ]
    )


def told(value: float | None, std: float | None) -> str:
    shown = "-" if value is None else f"{value:.2f}"
    return shown if std is None else f"{shown} ± {std:.2f}"
