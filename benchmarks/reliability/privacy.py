"""Membership inference against models that were trained on condensed sets, with and without
differential privacy."""

from __future__ import annotations

import math
from typing import Any

from reliability import Row, measured

TITLE = "Privacy: who was among the training nodes, guessed from a model"
ATTACK = "tests/uses/test_privacy.py::test_rows"
PRIVATE = "tests/domains/test_private.py::test_more_privacy_is_more_noise"


SETS: dict[str, tuple[str, ...]] = {
    "cora": ("--methods", "quotient", "gecc", "gcdm", "gcond-x", "doscond-x", "--nodes", "7"),
    "debian": ("--methods", "quotient", "gecc", "--nodes", "40"),
}
"""Data with 140 training nodes and with 6,141, one condensed node a class; and which methods."""


def run(seconds: float, examples: int, root: str) -> dict[str, Any]:
    """A row a method and an epsilon. Failed: more is guessed than epsilon allows."""
    del seconds, examples  # what benchmarks/privacy.py measures is what it is
    rows = []
    for data, own in SETS.items():
        found = measured(
            f"epsilon/privacy-{data}.json", root, "privacy.py", "--data", data, *own,
            *("--epsilons", "1", "4", "10", "--epochs", "100", "--trainings", "2"),
            *("--val-every", "25", "--out", "docs/results/epsilon"),
        )  # fmt: skip
        rows += rows_of(found)
    return {"rows": rows}


def most(epsilon: float) -> float:
    """The largest area under the curve that an attack on an ``epsilon``-private release can have.

    True positives are at most ``e^epsilon`` times false ones, and so are the other two: the curve
    lies below the lines from (0, 0) and (1, 1) that meet at ``1 / (1 + e^epsilon)`` (Kairouz, Oh
    and Viswanath, arXiv 1311.0776; delta is left out).

    >>> round(most(1.0), 3)
    0.731
    """
    return 1 / (1 + math.exp(-epsilon))


def rows_of(found: dict[str, Any]) -> list[Row]:
    rows = []
    for row in found["rows"]:
        _, private, epsilon = row["label"].partition(", epsilon ")
        said = f"area {100 * row['auc']:.1f} %, accuracy {100 * row['test']:.1f} %"
        failed = 0
        if private:
            allowed = most(float(epsilon))
            failed = int(row["auc"] > allowed)
            said += f"; at most {100 * allowed:.1f} % can be"
        rows.append(Row(
            what=f"{row['label']} ({found['data']}, {found['nodes']} nodes)",
            tried=row["graphs"] * row["trainings"], failed=failed, said=said,
            test=PRIVATE if private else ATTACK, measured=found["measured"],
        ))  # fmt: skip
    return rows
