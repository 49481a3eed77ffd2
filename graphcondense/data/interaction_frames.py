"""Users by items in a table: which columns have what, and the pairs that its rows are."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from graphcondense.data.by_part import CALLED
from graphcondense.data.interactions import SPLITS, Array
from graphcondense.data.labels import few
from graphcondense.ops.arrays import real_numbers

if TYPE_CHECKING:
    from pandas import DataFrame


class Pairs(NamedTuple):
    """Pairs of a user and an item.

    Attributes:
        users, items: rows and columns ``[n]``.
        values: of each a rating or a count ``[n]``, 1 where nothing is said.
        shape: users and items there are.
        ids: what rows and columns are called; ``None`` where they are numbers from 0.
        rated: whether the values came with the data.
    """

    users: Array
    items: Array
    values: Array
    shape: tuple[int, int]
    ids: tuple[Array | None, Array | None]
    rated: bool


_COLUMNS = {
    "user": ("user", "user_id", "userid", "uid"),
    "item": ("item", "item_id", "itemid", "movie_id", "movieid", "iid"),
    "rating": ("rating", "ratings", "value", "score"),
}

_WHETHER = ("label", "click", "clicked", "is_click", "like", "liked", "is_like", "target")
"""Columns that say whether a row is an interaction, where they have a 0."""


_LISTS = (
    "has a list in each row, which is not read: make a row of each user and item (pandas: "
    "explode), or leave it out where every pair has a row of its own"
)


def known_columns(names: Iterable[Hashable]) -> dict[str, Hashable | None]:
    """Which column of a table has the users, the items and the ratings; ``None``: no column.

    Raises:
        ValueError: two columns are called as one of these may be; a column has lists of such.

    >>> known_columns(["userId", "movieId", "timestamp"])
    {'user': 'userId', 'item': 'movieId', 'rating': None}
    """
    found: dict[str, Hashable | None] = {}
    parted = [(str(name).lower().partition(":"), name) for name in names]
    for (word, _, kind), name in parted:  # RecBole's item_id_list:token_seq
        one = word.strip().removesuffix("_list")
        listed = one != word.strip() or kind.strip().endswith("_seq")
        if listed and any(one in spellings for spellings in _COLUMNS.values()):
            raise ValueError(f"the column {name!r} {_LISTS}")
    spelled = [(word.strip(), name) for (word, _, _), name in parted]
    for what, spellings in _COLUMNS.items():
        of = [name for word, name in spelled if word in spellings]
        if what == "rating":  # a score or value beside it is something else
            of = [name for word, name in spelled if word == what] or of
        if len(of) > 1:
            raise ValueError(
                f"the columns {of[0]!r} and {of[1]!r} may both have the {what}s: rename or leave "
                "out one of them"
            )
        found[what] = of[0] if of else None
    return found


def frame_pairs(frame: DataFrame) -> Pairs:
    """The pairs of a frame; a ValueError for one that cannot be read, or would be misread."""
    found = _columns(frame)
    users, user_rows = _numbered(frame, found["user"])
    items, item_rows = _numbered(frame, found["item"])
    _refuse_split(frame)
    rating = found["rating"]
    values = np.ones(len(frame)) if rating is None else _ratings(frame, rating)
    shape = len(users), len(items)
    return Pairs(user_rows, item_rows, values, shape, (users, items), rating is not None)


def _columns(frame: DataFrame) -> dict[str, Hashable | None]:
    """The :func:`known_columns` of a frame of which users and items can be read."""
    if not hasattr(frame, "iloc"):
        raise ValueError(
            f"a {type(frame).__name__} of {type(frame).__module__} is no pandas "
            "DataFrame; pass frame.to_pandas()"
        )
    found = known_columns(frame.columns)
    for what in ("user", "item"):
        column = found[what]
        if column is None:
            raise ValueError(
                f"the frame has no column {what!r}; it has {few(frame.columns)}: rename the one "
                f"that has the {what}s"
            )
        if bool(frame[column].isna().any()):
            raise ValueError(f"the column {column!r} has a missing value; drop such rows")
        if len(frame) and isinstance(frame[column].iloc[0], list | set | np.ndarray):
            raise ValueError(f"the column {column!r} {_LISTS}")
    _refuse_unread(frame, found["rating"] is not None)
    return found


def _ratings(frame: DataFrame, column: Hashable) -> Array:
    """A column as float64."""
    real_numbers(frame[column], f"the column {column!r}")
    try:
        values: Array = frame[column].to_numpy(np.float64)
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"the column {column!r} is no column of numbers ({str(error)[:80]}); convert or drop it"
        ) from error
    return values


def _refuse_split(frame: DataFrame) -> None:
    """Raise a ValueError where a column says which part each row is of."""
    for name in frame.columns:
        if str(name).lower() != "split":
            continue
        try:
            said = set(frame[name].dropna().unique().tolist()[: len(CALLED) + 1])
        except TypeError as error:
            raise ValueError(
                f"the column {name!r} has values that name no part ({error}): drop it, or give "
                "frames by part, {'train': ..., 'val': ..., 'test': ...}"
            ) from error
        if said and said <= CALLED:
            raise ValueError(
                f"the column {name!r} says which rows are {few(sorted(said))}: give frames by "
                f"part, {{'train': frame[frame[{str(name)!r}] == 'train'], ...}}, or drop it"
            )


def _refuse_unread(frame: DataFrame, rated: bool) -> None:
    """Raise a ValueError where a column that is not read says of some rows that they are no
    interactions, and no column is a rating."""
    for name in () if rated else frame.columns:
        word, values = str(name).lower().partition(":")[0].strip(), frame[name]
        if word in _WHETHER and values.dtype.kind in "biuf" and bool((values == 0).any()):
            raise ValueError(
                f"the column {name!r} is not read, and is 0 in {int((values == 0).sum()):,} of "
                f"{len(frame):,} rows: leave out those that are no interactions, "
                f"frame[frame[{str(name)!r}] > 0], or call it rating and give min_rating="
            )


def in_one_frame(parts: Mapping[str, DataFrame]) -> tuple[DataFrame, Array]:
    """Frames of several parts as one of ``user``, ``item`` and perhaps ``rating``, and the part of
    each row: 0 train, 1 validation, 2 test.

    Raises:
        ValueError: a frame that cannot be read, by its part and its own names of columns, or that
            alone has ratings.
    """
    import pandas as pd

    kept, codes = [], []
    for name, frame in parts.items():
        try:
            found = _columns(frame)
            if found["rating"] is not None:
                _ratings(frame, found["rating"])
        except ValueError as error:
            raise ValueError(f"{name}: {error}") from error
        columns = {of: what for what, of in found.items() if of is not None}
        kept.append(frame[list(columns)].rename(columns=columns))
        codes.append(np.full(len(frame), SPLITS.index(name)))
    if len({"rating" in frame for frame in kept}) > 1:
        raise ValueError("some of the frames have a column 'rating', others have none")
    return pd.concat(kept, ignore_index=True), np.concatenate(codes)


def _numbered(frame: DataFrame, column: Hashable) -> tuple[Array, Array]:
    """The different ids of a column, in order, and which of them each row has."""
    values = frame[column]
    try:
        if not hasattr(values, "cat"):
            return np.unique(values.to_numpy(), return_inverse=True)
        # Categories are far fewer than rows; those that no row has are no users or items.
        ids, place = np.unique(values.cat.categories.to_numpy(), return_inverse=True)
        kept, rows = np.unique(place[values.cat.codes.to_numpy()], return_inverse=True)
        return ids[kept], rows
    except TypeError as error:
        raise ValueError(
            f"the column {column!r} has ids of several types, such as text and numbers; make all "
            "text: .astype(str)"
        ) from error
