"""What every evaluation returns: a table, JSON, LaTeX, a data frame and a picture."""

from __future__ import annotations

import json
import math
import statistics
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from graphcondense.ops.figures import COLOURS, MARKERS, new_figure, plain, saved
from graphcondense.ops.files import write_whole
from graphcondense.ops.html import render
from graphcondense.ops.tables import Table
from graphcondense.ops.types import Record

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from torch import Tensor

__all__ = ["COLOURS", "MARKERS", "Column", "Result", "Scored", "aligned", "dash", "percent"]

FEW = 100
"""Below so many test examples a score is coarse, and reports say so."""


class Column(NamedTuple):
    """One column of a printed table: its heading and how it shows a row."""

    head: str
    text: Callable[[Any], str]


class Result:
    """Base of the frozen dataclasses that evaluations return.

    A subclass has ``rows``, dataclasses of plain values, says in ``columns`` how to print them, and
    draws itself in :meth:`draw`. Accuracies are shares in ``[0, 1]``, printed in per cent.
    """

    rows: tuple[Any, ...]

    @property
    def columns(self) -> Sequence[Column]:
        """The columns of the printed table."""
        raise NotImplementedError

    @property
    def left(self) -> int:
        """How many leading columns are names, which stand to the left."""
        return 1

    @property
    def size(self) -> tuple[float, float]:
        """Of the picture, in inches."""
        return 6.4, 3.6

    def title(self) -> str:
        """One line above the table: what was measured, and how."""
        raise NotImplementedError

    def notes(self) -> list[str]:
        """Lines below the table."""
        return []

    def draw(self, axes: Axes) -> None:
        """Draw the result on matplotlib's ``axes``."""
        raise NotImplementedError

    def cells(self) -> Table:
        """The printed table: the headings, and a line for each row."""
        head = [column.head for column in self.columns]
        rows = [[column.text(row) for column in self.columns] for row in self.rows]
        return Table(head, rows, self.left)

    def table(self) -> str:
        """Everything as aligned plain text."""
        return "\n".join([self.title(), self.cells().text(), *self.notes()])

    def _repr_html_(self) -> str:
        """Everything as notebooks show it."""
        table = self.cells().html(sortable=False)
        return render("result.html", title=self.title(), table=table, notes=self.notes())

    def to_latex(self) -> str:
        """The table as LaTeX, in ``booktabs`` style."""
        return f"% {' '.join(self.title().split())}\n{self.cells().latex()}"

    def to_frame(self) -> pd.DataFrame:
        """The rows as a pandas data frame, unrounded."""
        import pandas as pd

        return pd.DataFrame([asdict(row) for row in self.rows])

    def to_dict(self) -> Record:
        """All fields as plain values, ready for JSON."""
        return asdict(self)  # type: ignore[call-overload,no-any-return]

    def to_json(self, path: str | Path | None = None) -> str:
        """The fields, the table and the notes as JSON text, also written to ``path`` if given; NaN
        becomes ``null``."""
        shown = self.cells()
        content = {
            "kind": type(self).__name__,
            "title": self.title(),
            **self.to_dict(),
            "table": [list(shown.head), *shown.cells],
            "notes": self.notes(),
        }
        text = json.dumps(_finite(content), indent=2, allow_nan=False)
        if path is not None:
            write_whole(path, text + "\n")
        return text

    def plot(self, path: str | Path | None = None) -> Figure:
        """Draw the result, also into the file ``path``, of any format that matplotlib writes."""
        figure = new_figure(*self.size)
        axes = figure.subplots()
        plain(axes, "y")
        self.draw(axes)
        return saved(figure, path)


@dataclass(frozen=True, kw_only=True)
class Scored(Result):
    """A result with test scores: it says on how many examples.

    Attributes:
        test_examples: how many are scored; ``None`` in files of older versions.
        test_unlabelled: how many were left out, as they have no label.
    """

    test_examples: int | None = None
    test_unlabelled: int = 0

    @property
    def examples(self) -> str:
        """What test examples are called."""
        return "nodes"

    @property
    def on_test(self) -> str:
        """How many test examples there are, for titles."""
        words = on_test(self.test_examples, self.test_unlabelled, self.examples)
        return f" {words}" if words else ""

    @property
    def about_test(self) -> list[str]:
        """That the test set is small, or that labels are missing."""
        return about_test(self.test_examples, self.test_unlabelled, self.examples)


def on_test(count: int | None, unlabelled: int, examples: str) -> str:
    """How many test examples there are, in words; empty where that is not known."""
    if count is None:
        return ""
    left = f" ({unlabelled:,} unlabelled left out)" if unlabelled else ""
    return f"on {count:,} test {examples}{left}"


def aligned(cells: Sequence[Sequence[str]], left: int) -> list[str]:
    """A heading and rows as lines of text, ``left`` columns to the left, others to the right."""
    head, *body = cells
    return Table(head, body, left).text().splitlines()


def std_of(values: Tensor) -> float | None:
    """Sample standard deviation along the first dimension, the mean over any others; ``None``
    for a single value."""
    return float(values.std(0).mean()) if len(values) > 1 else None


def deviation(values: Sequence[float]) -> float | None:
    """Sample standard deviation; ``None`` for a single value, and where one is NaN, for which
    Python's ``statistics`` has no answer.

    >>> deviation([1.0, 3.0]), deviation([1.0]), deviation([1.0, math.nan])
    (1.4142135623730951, None, None)
    """
    known = len(values) > 1 and all(map(math.isfinite, values))
    return statistics.stdev(values) if known else None


def points(
    axes: Axes,
    i: int,
    x: Sequence[float],
    y: Sequence[float],
    spread: Sequence[float],
    **style: Any,
) -> None:
    """Points with bars, in the ``i``-th colour and marker; ``style`` as matplotlib has it."""
    colour, marker = COLOURS[i % len(COLOURS)], MARKERS[i % len(MARKERS)]
    axes.errorbar(x, y, spread, **{"fmt": marker, "color": colour, "capsize": 3, **style})


def dash(value: float | str | None, how: str = "", scale: float = 1) -> str:
    """A value as ``how`` writes it, times ``scale``; a dash for none, and for NaN.

    >>> dash(None), dash(0.5), dash(1.234, ".1f"), dash(0.5, ".1f", 100)
    ('-', '0.5', '1.2', '50.0')
    """
    if value is None or value != value:
        return "-"
    return format(value if isinstance(value, str) else scale * value, how)


def percent(value: float | None, spread: float | None = None) -> str:
    """
    A spread of exactly 0 is none that could be told: one training, or all alike on few examples.

    >>> percent(0.8123), percent(0.8123, 0.01), percent(0.8123, 0.0), percent(None)
    ('81.2', '81.2 ± 1.0', '81.2', '-')
    """
    if value is None or math.isnan(value):
        return "-"
    return f"{100 * value:.1f}" + (f" ± {100 * spread:.1f}" if spread else "")


def sampling_error(share: float, examples: int) -> float:
    """Standard error of a share of right answers, as another test set of that size would show it.

    Two right and two wrong answers are added to those there are (Agresti & Coull, 1998).

    >>> round(sampling_error(0.8, 1000), 4), round(sampling_error(1.0, 13), 3)
    (0.0127, 0.078)
    """
    share = (share * examples + 2) / (examples + 4)
    return math.sqrt(share * (1 - share) / (examples + 4))


def shown_spread(std: float | None, trainings: int, examples: int | None) -> float | None:
    """A standard deviation between trainings as it may stand behind a score.

    ``None`` for a single training, or one whose score is no number; and for 0 on fewer than
    :data:`FEW` test examples (``None`` if not known), where all trainings may err alike.

    >>> shown_spread(0.0, 1, 1000), shown_spread(0.0, 5, 13), shown_spread(0.0, 5, 1000)
    (None, None, 0.0)
    """
    if std is None or not math.isfinite(std):
        return None
    alike = not std and examples is not None and examples < FEW
    return None if trainings < 2 or alike else std


def about_test(examples: int | None, unlabelled: int, called: str) -> list[str]:
    """What is to be said of a test set, of ``"nodes"`` or what they are ``called``: that it is
    small, that labels are missing."""
    out = []
    if examples is not None and examples < FEW:
        out.append(
            f"warning: only {examples} test {called}: scores are coarse, each weighs "
            f"{100 / max(examples, 1):.1f} %"
        )
    if unlabelled:
        out.append(f"{unlabelled:,} test {called} have no label and are left out of every score")
    return out


def _finite(value: object) -> object:
    if isinstance(value, dict):
        return {str(key): _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
