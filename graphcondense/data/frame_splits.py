"""Which rows of a table train, validate and test: by a column, masks, fractions, or time."""

from __future__ import annotations

import datetime
import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import torch
from torch import Tensor

from graphcondense.data.by_part import refuse_idle_seed
from graphcondense.data.column_fitting import are_numbers, as_float, stamps_of
from graphcondense.data.frame_columns import check_column
from graphcondense.data.tables import ISO_DATE
from graphcondense.data.targets import LabelKind, known_rows
from graphcondense.ops.arrays import Array
from graphcondense.ops.fields import brief, plain

if TYPE_CHECKING:
    import pandas as pd

Wanted: TypeAlias = "str | Sequence[float] | Mapping[str, object]"
"""A column of words, three shares, or a mask (or the name of its column) by split."""

FRACTIONS = (0.6, 0.2, 0.2)
"""Shares of rows with a label that train, validate and test, where nobody says."""

WORDS = {
    **dict.fromkeys(("train", "training"), "train"),
    **dict.fromkeys(("val", "valid", "validation", "dev"), "val"),
    **dict.fromkeys(("test", "testing"), "test"),
}
"""What a column may call the splits, in small letters."""

YEAR = r"[0-9]{4}"
"""How a year is written as text."""


def split_columns(frame: pd.DataFrame, split: Wanted) -> list[str]:
    """The columns that say splits, which are no features."""
    if isinstance(split, str):
        return [split]
    if isinstance(split, Mapping):
        return [value for value in split.values() if isinstance(value, str)]
    return []


def parted(
    frame: pd.DataFrame,
    y: Tensor,
    kind: LabelKind,
    split: Wanted,
    by: str | None,
    seed: int,
    index: pd.Index,
) -> dict[str, Tensor]:
    """Rows by ``"train"``, ``"val"`` and ``"test"``, int64, ascending and disjoint.

    Args:
        frame: the table.
        y: labels, as :func:`~graphcondense.data.frame_targets.target_values` has them.
        kind: what they are.
        split: see :data:`Wanted`.
        by: the column of time by whose order shares are dealt out.
        seed: draws shares; cannot act beside ``by`` or a split that is given.
        index: the ids of the rows.

    Raises:
        ValueError: a split that there is not, or that leaves no row to train.
    """
    given = isinstance(split, str | Mapping)
    if given and by is not None:
        raise ValueError(
            f"by={by!r} deals out shares, and split={brief(split)} says the splits: give one of "
            "them"
        )
    if seed and (given or by is not None):
        told = f"split={brief(split)} says the splits"
        refuse_idle_seed(seed, f"by={by!r} deals out shares" if by is not None else told)
    if isinstance(split, str):
        out = _by_words(frame, split)
    elif isinstance(split, Mapping):
        out = _by_masks(frame, split)
    else:
        shares = _shares(split)
        known = np.flatnonzero(known_rows(y, kind).numpy())
        if by is not None:
            out = by_time(frame[by], known, shares, index)
        else:
            groups = y.numpy()[known] if kind == "classes" else np.zeros(len(known), np.int64)
            out = drawn(known, groups, shares, seed)
    rows = {name: torch.from_numpy(np.sort(part).astype(np.int64)) for name, part in out.items()}
    if not len(rows["train"]):
        raise ValueError(f"split={brief(split)} leaves no row to train on")
    if not bool(known_rows(y[rows["train"]], kind).any()):
        raise ValueError("no training row has a target; draw another split, or give it targets")
    return rows


def _shares(split: object) -> tuple[float, float, float]:
    numbers: list[Any] = []
    if isinstance(split, torch.Tensor):
        split = split.numpy(force=True)
    if isinstance(split, Sequence | np.ndarray) and not isinstance(split, str):
        numbers = [plain(value) for value in split]
    right = len(numbers) == 3 and all(
        isinstance(v, int | float) and not isinstance(v, bool) and 0 <= v <= 1 for v in numbers
    )
    if not right or not numbers[0] or sum(numbers) > 1 + 1e-6:
        raise ValueError(
            f"split={brief(split)} must be three shares to train, validate and test that add up to "
            "one at most, such as (0.6, 0.2, 0.2), the name of a column, or a mask for each split"
        )
    train, val, test = map(float, numbers)
    return train, val, test


def _by_words(frame: pd.DataFrame, name: str) -> dict[str, Array]:
    check_column(frame, name)
    words = frame[name]
    out: dict[str, list[int]] = {"train": [], "val": [], "test": []}
    for row, (word, here) in enumerate(zip(words, words.notna(), strict=True)):
        if not here:
            continue
        part = WORDS.get(str(word).strip().lower())
        if part is None:
            raise ValueError(
                f"split column {name!r} has {str(word)[:40]!r} in row {row}; it may have train, "
                "val and test (and nothing: in no split)"
            )
        out[part].append(row)
    return {part: np.array(rows, np.int64) for part, rows in out.items()}


def _by_masks(frame: pd.DataFrame, split: Mapping[str, object]) -> dict[str, Array]:
    out = {part: np.zeros(0, np.int64) for part in ("train", "val", "test")}
    for word, given in split.items():
        part = WORDS.get(str(word).lower())
        if part is None:
            raise ValueError(f"split has {word!r}; its names are train, val and test")
        values: Any = given
        if isinstance(given, str):
            check_column(frame, given)
            values = frame[given]
        mask = np.asarray(values)
        whole = mask.dtype == bool or (mask.dtype.kind in "iu" and np.isin(mask, (0, 1)).all())
        if mask.shape != (len(frame),) or not whole:
            raise ValueError(
                f"split[{word!r}] must be a mask, true or false for each of {len(frame):,} rows, "
                f"or the name of such a column; got {mask.dtype} of shape {mask.shape}"
            )
        out[part] = np.flatnonzero(mask)
    for a, b in (("train", "val"), ("train", "test"), ("val", "test")):
        if len(both := np.intersect1d(out[a], out[b])):
            raise ValueError(f"split: row {both[0]} is in {a} and in {b}; splits must be disjoint")
    return out


def drawn(
    known: Array, groups: Array, shares: tuple[float, float, float], seed: int
) -> dict[str, Array]:
    """Shares of rows, drawn group by group.

    Each group ``[m]`` has its own shares of its rows, rounded down for validation and test, and one
    row to train at the least.

    >>> parts = drawn(np.arange(10), np.array([0, 1] * 5), (0.6, 0.2, 0.2), 0)
    >>> [len(part) for part in parts.values()]
    [6, 2, 2]
    """
    rng = np.random.default_rng(seed)
    train, val, test = shares
    out: dict[str, list[Array]] = {"train": [], "val": [], "test": []}
    for group in np.unique(groups):
        rows = rng.permutation(known[groups == group])
        n = len(rows)
        held = [int(share * n + 1e-9) for share in (val, test)]
        fit = n - sum(held) if abs(sum(shares) - 1) < 1e-9 else max(1, int(train * n + 1e-9))
        out["train"].append(rows[:fit])
        out["val"].append(rows[fit : fit + held[0]])
        out["test"].append(rows[fit + held[0] : fit + sum(held)])
    return {part: np.concatenate(rows) for part, rows in out.items()}


def by_time(
    column: pd.Series, known: Array, shares: tuple[float, float, float], index: pd.Index
) -> dict[str, Array]:
    """The earliest rows to train, the next to validate, the latest to test.

    Rows of the same time are never parted: a boundary is the time at which the share of rows up to
    and with it is nearest to what was asked.

    Args:
        column: the times ``[n]``: numbers, dates, durations, or categories that are ordered.
        known: rows with a label, of which shares are.
        shares: to train, validate and test.
        index: the ids of the rows.

    Raises:
        ValueError: a time that is missing, or no time at all; too few different ones.

    >>> import pandas as pd
    >>> years = pd.Series([2001, 2003, 2001, 2002, 2003])
    >>> parts = by_time(years, np.arange(5), (0.5, 0.2, 0.3), years.index)
    >>> {name: part.tolist() for name, part in parts.items()}
    {'train': [0, 2], 'val': [3], 'test': [1, 4]}
    """
    times = _times(column, index)[known]
    different, counts = np.unique(times, return_counts=True)
    wanted = [share > 0 for share in shares]
    if len(different) < sum(wanted):
        raise ValueError(
            f"column {column.name!r} has {len(different)} different times, and rows of one time "
            f"are never parted: {sum(wanted)} splits need as many; give a finer time, or a split "
            "of another kind"
        )
    upto, n = np.cumsum(counts), len(times)
    first = _boundary(upto, shares[0] * n, 0, len(different) - sum(wanted[1:]))
    second = first
    if wanted[1]:
        second = _boundary(upto, (shares[0] + shares[1]) * n, first + 1, len(different) - wanted[2])
    last = len(different) - 1
    if wanted[2] and sum(shares) < 1 - 1e-9:
        last = _boundary(upto, sum(shares) * n, second + 1, len(different))
    if not wanted[2]:
        last = second
    at = np.searchsorted(different, times)
    return {
        "train": known[at <= first],
        "val": known[(at > first) & (at <= second)],
        "test": known[(at > second) & (at <= last)],
    }


def _boundary(upto: Array, wanted: float, low: int, high: int) -> int:
    """Of the times ``low <= t < high`` the last of a split that shall end after ``wanted`` rows."""
    return low + int(np.abs(upto[low:high] - wanted).argmin())


def _times(column: pd.Series, index: pd.Index) -> Array:
    """Times as numbers ``[n]``."""
    import pandas as pd
    from pandas.api import types

    holes = column.isna()
    if holes.any():
        row = int(np.flatnonzero(holes)[0])
        raise ValueError(
            f"the time column {column.name!r} has no value in {int(holes.sum()):,} rows (first: "
            f"node {index[row]!r}); fill them, or leave these nodes out"
        )
    what = f"the time column {column.name!r}"
    if isinstance(column.dtype, pd.CategoricalDtype):
        if column.cat.ordered:  # whatever they are, their order is said
            return column.cat.codes.to_numpy(np.float64)  # type: ignore[no-any-return]
        column = column.astype(column.cat.categories.dtype)
    column = column.infer_objects()  # durations may stand in a column of objects
    if types.is_bool_dtype(column.dtype) or types.is_complex_dtype(column.dtype):
        raise ValueError(f"{what} is of type {column.dtype}: give dates, or numbers such as years")
    if column.dtype == object and are_numbers(column):
        column = column.map(as_float)
    if types.is_numeric_dtype(column.dtype):
        numbers: Array = column.to_numpy(np.float64)
        for row in np.flatnonzero(~np.isfinite(numbers))[:1]:
            raise ValueError(f"{what} is infinite at node {index[row]!r}: give a time")
        return numbers
    if types.is_timedelta64_dtype(column.dtype):  # since a start
        return column.astype("timedelta64[ns]").astype("int64").to_numpy()  # type: ignore[no-any-return]
    if types.is_object_dtype(column.dtype) or types.is_string_dtype(column.dtype):
        if all(isinstance(value, str) and re.fullmatch(YEAR, value) for value in column):
            return column.astype(np.float64).to_numpy()  # type: ignore[no-any-return]
        for row, value in enumerate(column):
            real = isinstance(value, datetime.date)
            if not real and not (isinstance(value, str) and re.fullmatch(ISO_DATE, value)):
                raise ValueError(
                    f"{what} has {str(value)[:40]!r} at node {index[row]!r}, which is no number "
                    "and no date as ISO 8601 writes it: others may be read with day and month the "
                    "wrong way round; write 2020-02-01, or give numbers (such as 20200201)"
                )
    stamps = stamps_of(column, what, "or give numbers, such as years")
    return stamps.astype("int64").to_numpy()  # type: ignore[no-any-return]
