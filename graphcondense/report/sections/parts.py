"""What all sections of the page share."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Sequence
from typing import TypeAlias

from markupsafe import Markup

from graphcondense.evaluate.metrics import Score
from graphcondense.ops.html import render
from graphcondense.ops.tables import Cell, Table
from graphcondense.report import scene
from graphcondense.report.runs import Run
from graphcondense.report.values import DASH, Values, deviation, is_number, number

SYMBOL = Markup(
    '<svg class="symbol {}" viewBox="-1.5 -1.5 3 3" aria-hidden="true"><path d="{}"></path></svg>'
)
NO_SYMBOL = Markup('<span class="symbol"></span>')

Section: TypeAlias = Values
"""A part of the page: ``name``, the anchor that the menu leads to, ``title`` and ``body``."""


def section(name: str, title: str, **values: object) -> Section:
    """The section that the template of this name makes of some values."""
    return {"name": name, "title": title, "body": render(f"{name}.html", **values)}


class Key:
    """One colour and marker for everything that is called the same, on the whole page."""

    def __init__(self, labels: Iterable[str]) -> None:
        self.index: dict[str, int] = {}
        for label in labels:
            self.index.setdefault(label, len(self.index))

    def __contains__(self, label: str) -> bool:
        return label in self.index

    def colour(self, label: str) -> str:
        """The class that has the colour; that of ink for what has none."""
        return f"c{self.index[label] % 7}" if label in self.index else "cink"

    def symbol(self, label: str) -> Markup:
        """The marker as a small picture, in its colour."""
        at = self.index.get(label)
        if at is None:
            return NO_SYMBOL
        return SYMBOL.format(self.colour(label), scene.SHAPES[at % len(scene.SHAPES)])

    def cell(self, label: str) -> Cell:
        """The marker and the name."""
        return Cell(self.symbol(label) + label)


def table(head: Sequence[str], rows: Sequence[Sequence[Cell]], caption: str = "") -> Markup:
    """A table that sorts by its headings, in a box of its own that scrolls.

    Numbers stand to the right: columns of which a cell has a value, but for those of words.
    """
    columns = zip(*rows, strict=True) if rows else [()] * len(head)
    lefts = [
        name == "pays" or all(cell.value is None for cell in column)
        for name, column in zip(head, columns, strict=True)
    ]
    table = Table(head, rows, lefts, caption=caption)
    return render("scroll.html", label=caption or head[0], table=table.html(sortable=True))


def evaluation_of(runs: Sequence[Run]) -> str:
    return "evaluate " + shlex.join(run.folder for run in runs if run.tested)


def counted(value: object) -> Cell:
    return Cell(f"{value:,}", value) if is_number(value) else Cell(DASH)


def validation_of(run: Run) -> float | None:
    value = number(run.validation, "score")
    return None if value is None else scene.shown(run.score, value)


def score_cell(row: Values, score: Score, tested: int | None = None) -> Cell:
    mean, spread = number(row, "test_selected"), deviation(row, "test_selected", tested)
    return Cell(DASH if mean is None else score.text(mean, spread), mean)
