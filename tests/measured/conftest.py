"""The script that makes the figures, and figures written by hand."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType

import pytest

from graphcondense.measured.figures import SCORE, Line, Lines, Measurement, measurements_of
from tests import cases

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def script() -> ModuleType:
    return cases.script(ROOT / "benchmarks" / "measured.py")


def line(label: str, seconds: float, edges: int = 0, **scores: float) -> Line:
    found: Line = {
        "label": label,
        "sets": 2,
        "trainings": 5,
        "edges": edges,
        "scores": {model: [mean, 1.5] for model, mean in scores.items()},
    }
    if seconds >= 0:
        found["seconds"] = seconds
    return found


def table(data: str, *lines: Line, what: str = SCORE, kind: str = "node") -> Lines:
    return {
        "source": f"{data}-{what}",
        "kind": kind,
        "data": data,
        "budget": "10 nodes",
        "what": what,
        "metric": "accuracy",
        "models": list(dict.fromkeys(model for one in lines for model in one["scores"])),
        "others": [],
        "lines": list(lines),
    }


@pytest.fixture
def known() -> list[Measurement]:
    """Two data sets: on the first all methods, on the second one."""
    first = table(
        "first",
        line("quick", 1, GCN=70, SAGE=60, GAT=50),
        line("good", 30, 40, GCN=78, SAGE=66, GAT=72),
        line("poor", 0, 4, GCN=58, SAGE=66, GAT=72),
        line("random", 0, 2, GCN=60, SAGE=50, GAT=40),
        line("whole", -1, 90, GCN=80, SAGE=70, GAT=75),
    )
    second = table(
        "second",
        line("good", 20, 30, GCN=41),
        line("random", 0, GCN=40),
        line("whole", -1, GCN=50),
    )
    attack = table("first", line("quick", -1, GCN=52), line("whole", -1, GCN=80), what="attack")
    tau = table("first", line("good", -1, search=44), what="kendall")
    return measurements_of([first, second, attack, tau])
