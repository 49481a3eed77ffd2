"""Columns of a table, by the names that users give."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from graphcondense.data.labels import few
from graphcondense.ops.names import meant

if TYPE_CHECKING:
    import pandas as pd


def names_of(value: object, what: str) -> tuple[str, ...]:
    """One name, or a list of names, as a tuple.

    Args:
        value: what was given.
        what: the option, for the error.

    Raises:
        ValueError: it is neither.
    """
    if isinstance(value, str):
        return (value,)
    if isinstance(value, list | tuple) and all(isinstance(v, str) for v in value):
        return tuple(value)
    raise ValueError(f"{what}={value!r} must be the name of a column, or a list of names")


def check_column(frame: pd.DataFrame, name: str) -> None:
    """Raise a ValueError, with the nearest columns, unless the table of nodes has this one."""
    if name not in frame.columns:
        raise ValueError(f"nodes has no column {name!r}{or_near(name, list(frame.columns))}")


def or_near(name: str, known: Sequence[str]) -> str:
    """What may have been meant by a name, or what there is, as the end of a message."""
    return f"; {meant(name, known, f'there are {few(known, 12)}')}"
