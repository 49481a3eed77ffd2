"""The measured figures that come with the package.

``measured.json`` is made from the results in ``docs/`` by ``python benchmarks/measured.py``: a
table for each command that measured something, a line for each set that was trained on. It says
nothing of what has not been measured.

>>> found = [m for m in measurements() if m.named == "gcond" and m.model == "GAT"]
>>> {(m.data, m.budget) for m in found} >= {("cora", "70 nodes"), ("citeseer", "60 nodes")}
True
"""

from __future__ import annotations

import functools
import json
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass
from importlib.resources import files
from typing import NotRequired, TypedDict

SCORE, KENDALL, ATTACK = "score", "kendall", "attack"
"""What is measured: a test score; Kendall's tau of a search among architectures; the area under the
ROC curve of a membership inference."""
PRIVATE_ATTACK, PRIVATE_SCORE = "attack at epsilon", "score at epsilon"
"""The area and the test score of methods under differential privacy, beside themselves without."""
RANDOM, WHOLE = "random", "whole"
"""What stands beside methods in a table: as many random examples, and all of the data."""


class Line(TypedDict):
    """A set that was trained on, in a table of the file.

    Attributes:
        label: the method or its variant; what differs from its defaults follows after a space.
        sets: condensations.
        trainings: on each of them.
        seconds: to condense, the mean over condensations; missing where it was not measured.
        edges: of the condensed graph; missing where it was not measured.
        scores: mean and standard deviation in per cent by model; ``null`` for no spread.
    """

    label: str
    sets: int
    trainings: int
    seconds: NotRequired[float]
    edges: NotRequired[int]
    scores: dict[str, list[float | None]]


class Lines(TypedDict):
    """A table of the file.

    Attributes:
        source: the file in ``docs/`` that it is from.
        kind: of data, as methods have it.
        data: name of the data set.
        budget: in words.
        what: :data:`SCORE`, :data:`KENDALL`, :data:`ATTACK`, :data:`PRIVATE_ATTACK` or
            :data:`PRIVATE_SCORE`.
        metric: of the score.
        models: in order, the main one first.
        others: those of them that are no network.
        lines: what was trained on.
    """

    source: str
    kind: str
    data: str
    budget: str
    what: str
    metric: str
    models: list[str]
    others: list[str]
    lines: list[Line]


@dataclass(frozen=True, kw_only=True)
class Measurement:
    """One model trained on one condensed set. All figures are in per cent, larger is better but for
    attacks.

    Attributes:
        label: what was trained on: ``method``, and after a space what differs from its defaults.
        kind: of data: ``"node"``, ``"graph"``, ``"image"`` or ``"rows"``.
        data: name of the data set.
        budget: in words, such as ``"70 nodes"`` or ``"10 a class"``.
        what: as :class:`Lines` has it.
        metric: of the score, such as ``"accuracy"``.
        model: what was trained.
        main: whether it is the first model of its table.
        network: whether it is a network, and not such as label propagation.
        mean: over all trainings.
        std: over all trainings; ``None`` where it is not known.
        sets: condensations.
        trainings: on each of them.
        seconds: to condense; ``None`` where it was not measured.
        edges: of the condensed graph; ``None`` where it was not measured.
        random: the mean of random examples in the same table, ``None`` where there are none.
        random_std: and its standard deviation.
        whole: the mean of all data in the same table.
        beside: how many sets the table has.
        source: the file in ``docs/`` that it is from.
    """

    label: str
    kind: str
    data: str
    budget: str
    what: str
    metric: str
    model: str
    main: bool
    network: bool
    mean: float
    std: float | None
    sets: int
    trainings: int
    seconds: float | None
    edges: int | None
    random: float | None
    random_std: float | None
    whole: float | None
    beside: int
    source: str

    @property
    def named(self) -> str:
        """The method or variant."""
        return self.label.partition(" ")[0]

    @property
    def cell(self) -> tuple[str, str]:
        """Data and budget."""
        return self.data, self.budget

    @property
    def where(self) -> str:
        """Data and budget in words."""
        return f"{self.data}, {self.budget}"

    @property
    def behind(self) -> float | None:
        """Points above the whole data, below zero mostly; ``None`` where they were not measured."""
        return None if self.whole is None else self.mean - self.whole

    @property
    def text(self) -> str:
        """The mean and its spread.

        >>> next(m for m in measurements() if m.label == "gcond").text.count("±")
        1
        """
        return f"{self.mean:.1f}" + ("" if self.std is None else f" ± {self.std:.1f}")


@functools.cache
def measurements() -> tuple[Measurement, ...]:
    """All that is in the package's file."""
    path = files(__package__) / "measured.json"
    tables: list[Lines] = json.loads(path.read_text(encoding="utf-8"))
    return tuple(measurements_of(tables))


def measurements_of(tables: Iterable[Lines]) -> list[Measurement]:
    """Each figure of some tables by itself."""
    found = []
    for table in tables:
        scores = {line["label"]: line["scores"] for line in table["lines"]}

        def beside(
            floor: str, model: str, scores: dict[str, dict[str, list[float | None]]] = scores
        ) -> list[float | None]:
            return scores.get(floor, {}).get(model, [None, None])

        for line in table["lines"]:
            if line["label"] == WHOLE:
                continue
            for model, (mean, std) in line["scores"].items():
                if mean is None:
                    continue
                found.append(
                    Measurement(
                        label=line["label"],
                        kind=table["kind"],
                        data=table["data"],
                        budget=table["budget"],
                        what=table["what"],
                        metric=table["metric"],
                        model=model,
                        main=model == table["models"][0],
                        network=model not in table["others"],
                        mean=mean,
                        std=std,
                        sets=line["sets"],
                        trainings=line["trainings"],
                        seconds=line.get("seconds"),
                        edges=line.get("edges"),
                        random=beside(RANDOM, model)[0],
                        random_std=beside(RANDOM, model)[1],
                        whole=beside(WHOLE, model)[0],
                        beside=len(table["lines"]),
                        source=table["source"],
                    )
                )
    return found


def best_known(found: Iterable[Measurement]) -> list[Measurement]:
    """Of several measurements of the same thing that of most trainings; of equals the one beside
    most other sets, so that what is compared is of one table as far as can be."""
    best: dict[Hashable, Measurement] = {}
    for one in found:
        key = (one.what, one.kind, one.label, one.cell, one.model)
        if key not in best or _weight(one) > _weight(best[key]):
            best[key] = one
    return list(best.values())


def _weight(one: Measurement) -> tuple[int, int, str]:
    return one.sets * one.trainings, one.beside, one.source


def spanned(values: Sequence[int]) -> str:
    """A count that may differ.

    >>> spanned([3, 3]), spanned([1, 3])
    ('3', '1 to 3')
    """
    low, high = min(values), max(values)
    return f"{low}" if low == high else f"{low} to {high}"
