"""Figures without pyplot: no global state, no window, the same file every time.

Colours are told apart in every common form of colour blindness, and markers tell beyond seven.
"""

from __future__ import annotations

import base64
import io
import math
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from graphcondense.ops.files import as_whole

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Okabe & Ito's palette.
COLOURS = ("#0072B2", "#E69F00", "#009E73", "#D55E00", "#CC79A7", "#56B4E9", "#000000")
MARKERS = "osD^vPX"
INK, FAINT = "#333333", "#999999"
# Without the date and the program's version the same picture is the same file.
UNDATED = {".png": {"Software": None}, ".svg": {"Date": None}, ".pdf": {"CreationDate": None}}


def new_figure(width: float, height: float) -> Figure:
    """An empty figure of so many inches."""
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), layout="constrained")


def plain(axes: Axes, grid: Literal["both", "x", "y"] = "both") -> None:
    """Take the frame's upper and right side away and draw a faint grid along an axis."""
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(axis=grid, alpha=0.25)


def bars(stds: Iterable[float | None], scale: float = 100) -> list[float]:
    """Lengths of error bars, ``scale`` times the standard deviations; none is drawn where there is
    none (NaN, as matplotlib has it), where 0 would be a spread of nothing.

    >>> bars([0.01, None])
    [1.0, nan]
    """
    return [math.nan if std is None else scale * std for std in stds]


def saved(figure: Figure, path: str | Path | None) -> Figure:
    """The figure, also written to ``path`` if one is given.

    Args:
        figure: what was drawn.
        path: a file of any format that matplotlib writes, PNG where its name has no ending; its
            folder is made.
    """
    if path is not None:
        path = ended(path)
        path.parent.mkdir(parents=True, exist_ok=True)
        form = path.suffix[1:].lower()
        with as_whole(path) as draft:
            figure.savefig(draft, format=form, dpi=150, metadata=UNDATED.get(f".{form}"))
    return figure


def ended(path: str | Path) -> Path:
    """The file of a picture, which is a PNG where its name has no ending; a folder as it is.

    >>> ended("a/out").as_posix(), ended("out.svg").as_posix()
    ('a/out.png', 'out.svg')
    """
    path = Path(path)
    return path if path.suffix or path.is_dir() else path.with_name(f"{path.name.rstrip('.')}.png")


def refuse_format(path: str | Path, name: str) -> None:
    """Raise a ValueError for a picture that ``name`` asks for in a form that there is not."""
    from matplotlib.backend_bases import FigureCanvasBase

    known = FigureCanvasBase.get_supported_filetypes()
    if Path(path).suffix.lstrip(".").lower() not in known:
        raise ValueError(
            f"{name} {path}: a picture's name ends in {', '.join(f'.{one}' for one in known)}"
        )


def address(png: bytes) -> str:
    """A PNG as an address that holds it whole.

    >>> address(b"png")
    'data:image/png;base64,cG5n'
    """
    return "data:image/png;base64," + base64.b64encode(png).decode()


def address_of(figure: Figure, dpi: int = 110) -> str:
    """A figure as an address that holds it whole, for ``<img src=...>``."""
    written = io.BytesIO()
    figure.savefig(written, format="png", dpi=dpi, metadata=UNDATED[".png"])
    return address(written.getvalue())
