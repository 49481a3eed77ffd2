"""What condensing and training cost: a small model of seconds and memory.

The seconds of a stage are a sum over terms: a coefficient, times an amount of work that follows
from the size of the graph, times the seconds that a unit of such work takes on this machine
(:mod:`graphcondense.uses.probe` measures that). Memory is a sum of coefficients times amounts. The
coefficients are in ``costs.json``, which ``python benchmarks/advise.py --fit`` makes from measured
runs on simulated graphs; no real graph is among them.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.resources import files
from typing import Any, Literal

Unit = Literal["step", "dense", "message", "stream"]
UNITS: tuple[Unit, ...] = ("step", "dense", "message", "stream")
"""An epoch on a graph of a few nodes; a multiplication in a product of matrices; an entry that goes
along an edge; an entry that is read and written."""

HIDDEN, EPOCHS = 256, 300
"""Of the plain GCN whose trainings are counted."""
PREDICTION = 0.5
"""Share of an epoch on the whole graph that a prediction of it takes: 0.50 on Cora, 0.49 on Amazon
Computers."""
DIMS = 256
"""Dimensions that ``quotient`` looks at."""
CACHED = 8 << 20
"""Entries along edges that caches hold, or so: further ones take longer."""
EDGES = 7
"""Directed edges of a node in a condensed graph of ``quotient``: 504 of 70 nodes on Cora, 248 of 60
on CiteSeer, 376 of 68 on Computers."""


@dataclass(frozen=True, kw_only=True)
class Shape:
    """The size of a graph, and of what is to be made of it.

    Attributes:
        nodes, edges: of the graph; an undirected edge counts twice.
        features, classes: of a node.
        filled: share of the features that are not zero.
        labelled: training nodes.
        condensed: nodes of the condensed graph.
    """

    nodes: int
    edges: int
    features: int
    classes: int
    filled: float = 1.0
    labelled: int
    condensed: int

    @property
    def entries(self) -> float:
        """Features that are not zero."""
        return self.nodes * self.features * self.filled

    @property
    def dims(self) -> int:
        """Dimensions of rows as ``quotient`` sees them."""
        return min(self.features, DIMS)

    @property
    def small(self) -> Shape:
        """The condensed graph itself."""
        n = self.condensed
        return Shape(
            nodes=n,
            edges=n * min(n, EDGES),
            features=self.features,
            classes=self.classes,
            labelled=n,
            condensed=n,
        )


TERMS: Mapping[str, tuple[Unit, Callable[[Shape], float]]] = {
    "fixed": ("step", lambda s: 1.0),
    "classes": ("step", lambda s: s.classes),
    # of a training
    "layers": ("dense", lambda s: HIDDEN * s.nodes * (s.features + s.classes)),
    "messages": ("message", lambda s: (s.edges + s.nodes) * (HIDDEN + s.classes)),
    "spilled": ("message", lambda s: max(0.0, HIDDEN * (s.edges + s.nodes) - CACHED)),
    "states": ("stream", lambda s: HIDDEN * s.nodes),
    "weights": ("stream", lambda s: HIDDEN * s.features),
    # of condensing
    "entries by dims": ("message", lambda s: s.entries * s.dims),
    "edges by dims": ("message", lambda s: (s.edges + s.nodes) * s.dims),
    "rows squared": ("dense", lambda s: s.nodes * s.dims**2),
    "rows by clusters": ("dense", lambda s: s.nodes * s.dims * s.condensed / s.classes),
    "answers": ("dense", lambda s: s.nodes * s.dims * s.classes),
    "pairs": ("dense", lambda s: s.condensed**2 * s.dims),
    "small squared": ("dense", lambda s: s.condensed * s.dims**2),
    "cubed": ("dense", lambda s: float(s.dims**3)),
    "judged": ("dense", lambda s: HIDDEN * s.condensed * s.features),
    "judged in few": ("dense", lambda s: HIDDEN * s.condensed * s.dims),
    "soft": ("stream", lambda s: s.nodes * s.classes),
    "rows": ("stream", lambda s: s.nodes * s.dims),
    "all features": ("stream", lambda s: s.nodes * s.features),
    "entries": ("stream", lambda s: s.entries),
    "wide": ("stream", lambda s: s.entries if s.features > DIMS else 0.0),
    "links": ("stream", lambda s: s.edges),
    "edges by features": ("message", lambda s: (s.edges + s.nodes) * s.features * s.filled),
    "labelled by clusters": (
        "dense",
        lambda s: s.labelled * s.features * s.condensed / s.classes,
    ),
    "labelled": ("stream", lambda s: s.labelled * s.features),
    "labelled squared": ("dense", lambda s: s.labelled**2 * s.features / s.classes),
    "fuzzy": (
        "dense",
        lambda s: s.labelled * s.condensed * min(s.features, s.labelled / s.classes) / s.classes,
    ),
}
"""By name, the unit and the amount."""

STAGES: Mapping[str, tuple[str, ...]] = {
    "epoch": ("fixed", "layers", "messages", "spilled", "states", "weights"),
    "quotient": (
        *("fixed", "classes", "entries by dims", "edges by dims", "rows squared", "answers"),
        *("rows by clusters", "pairs", "small squared", "cubed", "soft", "rows", "all features"),
        *("judged", "judged in few", "weights"),
    ),
    "gecc": (
        *("fixed", "classes", "edges by features", "labelled by clusters", "labelled", "entries"),
        *("all features", "links", "labelled squared", "fuzzy"),
    ),
}
"""Terms of the seconds of a stage; an epoch is one of a plain GCN, of the whole graph or of a
condensed one."""

HELD: Mapping[str, tuple[str, ...]] = {
    "epoch": ("fixed", "all features", "messages", "states", "weights"),
    "quotient": ("fixed", "rows", "soft", "all features", "entries", "wide", "links"),
    "gecc": ("fixed", "all features", "entries", "links", "labelled"),
}
"""Terms of the bytes that a stage takes beyond the graph."""


@dataclass(frozen=True)
class Costs:
    """The coefficients.

    Attributes:
        command: what made them.
        seconds, bytes: by stage and term.
    """

    command: str
    seconds: Mapping[str, Mapping[str, float]]
    bytes: Mapping[str, Mapping[str, float]]

    def seconds_of(self, stage: str, shape: Shape, units: Mapping[Unit, float]) -> float:
        """Processor seconds.

        Args:
            stage: of :data:`STAGES`.
            shape: of the graph; of a training the one that is trained on.
            units: seconds of a unit of each kind of work on this machine.
        """
        found = 0.0
        for name, coefficient in self.seconds[stage].items():
            unit, amount = TERMS[name]
            found += coefficient * amount(shape) * units[unit]
        return found

    def bytes_of(self, stage: str, shape: Shape) -> float:
        """Bytes beyond the graph, at the peak."""
        held = self.bytes[stage].items()
        return sum(coefficient * TERMS[name][1](shape) for name, coefficient in held)


@functools.cache
def costs() -> Costs:
    """The coefficients that come with the package."""
    text = files("graphcondense.measured").joinpath("costs.json").read_text(encoding="utf-8")
    found: dict[str, Any] = json.loads(text)
    return Costs(found["command"], found["seconds"], found["bytes"])
