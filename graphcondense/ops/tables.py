"""One table, shown in every form: aligned text, Markdown, LaTeX and HTML."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from graphcondense.ops.html import render
from graphcondense.ops.markdown import escaped

if TYPE_CHECKING:
    import pandas as pd
    from markupsafe import Markup


def measure(value: float, sign: str = "") -> str:
    """A value in units that may be of any size: an error of prices, or of masses of atoms.

    It has three decimals, or as many more as three digits of it need; none from 10,000 on; and a
    power of ten where there would be many zeros.

    Args:
        value: what is written.
        sign: ``"+"`` for one before values above zero, too.

    >>> measure(1.2345), measure(0.25, sign="+"), measure(-0.0), measure(0.0016), measure(0.0912)
    ('1.234', '+0.250', '0.000', '0.00160', '0.0912')
    >>> measure(1292420736.1), measure(1e300), measure(1.25e-9), measure(float("nan"))
    ('1,292,420,736', '1e+300', '1.25e-09', 'nan')
    """
    how = ".3g" if _in_powers(value) else f",.{_decimals(value)}f"
    return f"{value:{sign}z{how}}"  # z: no minus before a zero


def measured(value: float, spread: float) -> tuple[str, str]:
    """A value as :func:`measure` has it, and its standard deviation.

    Both have as many decimals as the first digit of the spread needs, if those are more, unless one
    of the two has a power of ten. What rounding alone leaves of equal numbers is written as zero.

    >>> measured(0.912, 0.0123), measured(0.0016, 0.0002), measured(12345.6, 0.4)
    (('0.912', '0.012'), ('0.00160', '0.00020'), ('12,345.6', '0.4'))
    >>> measured(1.2345, 2e-8), measured(1.2345, 2e-16), measured(0.0, 1e-9), measured(2e-9, 0.5)
    (('1.234', '2e-08'), ('1.234', '0.000'), ('0.000', '1e-09'), ('2e-09', '0.500'))
    """
    if spread <= 1e-12 * abs(value):
        spread = 0.0
    if _in_powers(value) or _in_powers(spread):
        return measure(value), measure(spread)
    how = f",.{max(_decimals(value), -_power(spread))}f"
    return f"{value:z{how}}", f"{spread:{how}}"


def _in_powers(value: float) -> bool:
    """Whether it is written with a power of ten."""
    return value != 0 and math.isfinite(value) and not 1e-4 <= abs(value) < 1e15


def _decimals(value: float) -> int:
    """Of a value that stands alone."""
    return 0 if abs(value) >= 10_000 else max(3, 2 - _power(value))


def _power(value: float) -> int:
    """Of ten, that of the first digit; 0 of what has none."""
    return math.floor(math.log10(abs(value))) if value and math.isfinite(value) else 0


@dataclass(frozen=True)
class Cell:
    """A cell of an HTML table.

    Attributes:
        text: what it shows; ``Markup`` is not escaped.
        value: the number by which it sorts; ``None`` sorts last.
    """

    text: str
    value: float | None = None


@dataclass(frozen=True)
class Table:
    """Headings and rows of text.

    Attributes:
        head: the headings, one a column.
        rows: the cells; only HTML shows more of a :class:`Cell` than its text.
        left: how many leading columns are names, which stand to the left; or for each column
            whether it does.
        caption: one line about the table, in HTML alone.

    >>> table = Table(("name", "size"), [("a", "10"), ("bb", "1,234")])
    >>> print(table.text())
    name   size
    ----  -----
    a        10
    bb    1,234
    >>> print(table.markdown())
    | name | size |
    |---|---|
    | a | 10 |
    | bb | 1,234 |
    """

    head: Sequence[str]
    rows: Sequence[Sequence[str | Cell]]
    left: int | Sequence[bool] = 1
    caption: str = field(default="", kw_only=True)

    @property
    def lefts(self) -> list[bool]:
        """For each column whether it stands to the left."""
        if isinstance(self.left, int):
            return [i < self.left for i in range(len(self.head))]
        return list(self.left)

    @property
    def cells(self) -> list[list[str]]:
        """The rows as text."""
        return [[c.text if isinstance(c, Cell) else c for c in row] for row in self.rows]

    def text(self) -> str:
        """Aligned plain text."""
        cells = self.cells
        widths = [max(map(len, column)) for column in zip(self.head, *cells, strict=True)]
        rule = ["-" * width for width in widths]
        return "\n".join(
            "  ".join(
                cell.ljust(width) if left else cell.rjust(width)
                for cell, width, left in zip(line, widths, self.lefts, strict=True)
            ).rstrip()
            for line in (self.head, rule, *cells)
        )

    def markdown(self) -> str:
        """A table of GitHub's Markdown; cells are escaped unless they are ``Marked``."""
        lines = (map(escaped, line) for line in (self.head, *self.cells))
        head, *body = [f"| {' | '.join(line)} |" for line in lines]
        return "\n".join([head, "|---" * len(self.head) + "|", *body])

    def frame(self) -> pd.DataFrame:
        """A data frame of what is shown."""
        import pandas as pd

        return pd.DataFrame(self.cells, columns=list(self.head))

    def latex(self) -> str:
        """LaTeX in ``booktabs`` style; special characters are escaped."""
        columns = "".join("l" if left else "r" for left in self.lefts)
        text: str = self.frame().to_latex(index=False, escape=True, column_format=columns)
        return text.rstrip("\n").replace("±", r"$\pm$")

    def html(self, **more: object) -> Markup:
        """A table of HTML, by the template ``table.html``.

        Args:
            **more: what the template takes beside the table, see there.
        """
        rows = [[c if isinstance(c, Cell) else Cell(c) for c in row] for row in self.rows]
        return render("table.html", table=self, rows=rows, **more)
