"""How columns of a table are read: what kind each is, and an encoding that training rows fit."""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterable, Sequence
from decimal import Decimal
from numbers import Real
from typing import TYPE_CHECKING, Any

import numpy as np
import scipy.sparse as sp

from graphcondense.data.columns import DAY, MISSING, RARE, Column, ColumnKind, Columns
from graphcondense.data.labels import few
from graphcondense.ops.arrays import Array

if TYPE_CHECKING:
    import pandas as pd


MOST_CATEGORIES = 100
"""Categories of a column, at most; rarer ones share a column."""

TERMS = 1000
"""Terms of a text column, at most: the most frequent ones of training rows."""


FEW_TEXTS, WORDS = 20, 3
"""Strings are text where more than so many, and more than half of the training rows, differ, and
have so many words on average."""

LARGEST = 1e100
"""A number of a column, at most: squares of larger ones leave what float64 holds."""


def kinds_of(
    frame: pd.DataFrame, train: Array, text: Sequence[str] = (), categorical: Sequence[str] = ()
) -> dict[str, ColumnKind]:
    """What each column is.

    Args:
        frame: the columns.
        train: training rows.
        text, categorical: names of columns that somebody says are so.

    Raises:
        ValueError: a column that is none of these, strings that may be a name or a text, or a
            column of text that has numbers or dates.
    """
    from pandas.api import types

    out: dict[str, ColumnKind] = {}
    for name in frame.columns:
        column = frame[name]
        if name in text:
            if types.is_numeric_dtype(column.dtype) or types.is_datetime64_any_dtype(column.dtype):
                raise ValueError(
                    f"text={name!r}: column {name!r} has {column.dtype}, no text: leave it out of "
                    f"text=, or say categorical={name!r} if it is a code"
                )
            out[name] = "text"
        elif name in categorical or isinstance(column.dtype, _categorical()):
            out[name] = "category"
        elif types.is_bool_dtype(column.dtype):
            out[name] = "boolean"
        elif types.is_complex_dtype(column.dtype):
            raise ValueError(f"column {name!r} has complex numbers; give their parts as columns")
        elif types.is_numeric_dtype(column.dtype):
            out[name] = "number"
        elif types.is_datetime64_any_dtype(column.dtype) or hasattr(column.dtype, "freq"):
            out[name] = "date"
        else:
            out[name] = _kind_of_objects(column, name, train)
    return out


def _categorical() -> type:
    import pandas as pd

    kind: type = pd.CategoricalDtype
    return kind


def are_numbers(values: Iterable[object]) -> bool:
    """Whether all values are real numbers, such as a database gives; truth values are none.

    >>> are_numbers([1, np.float32(0.5), Decimal("0.1")]), are_numbers([1, True]), are_numbers("12")
    (True, False, False)
    """
    return all(isinstance(v, Real | Decimal) and not isinstance(v, bool) for v in values)


def as_float(value: Any) -> float:
    """A number as a float; infinity, which is then refused, where it is beyond what floats hold."""
    try:
        return float(value)
    except OverflowError:
        return math.inf


def _kind_of_objects(column: pd.Series, name: str, train: Array) -> ColumnKind:
    known = column[column.notna()]
    kinds = {type(value) for value in known}
    if kinds and kinds <= {bool, np.bool_}:
        return "boolean"
    if kinds and are_numbers(known):
        return "number"
    if not kinds <= {str}:
        import datetime

        if all(issubclass(kind, datetime.date) for kind in kinds):
            return "date"
        raise ValueError(
            f"column {name!r} has values of type {few(sorted(k.__name__ for k in kinds))}, which "
            f"are no features; leave it out, drop=[{name!r}], or make numbers, text, truth values "
            "or dates of it"
        )
    trained = column.iloc[train].dropna()
    different = trained.nunique()
    if different <= max(FEW_TEXTS, len(trained) / 2):
        return "category"
    if trained.str.split().str.len().mean() >= WORDS:
        return "text"
    raise ValueError(
        f"column {name!r} has {different:,} different values in {len(trained):,} training rows: "
        f"say what it is, id={name!r}, text={name!r}, categorical=[{name!r}] or drop=[{name!r}]"
    )


def fitted(
    frame: pd.DataFrame,
    train: Array,
    *,
    text: Sequence[str] = (),
    categorical: Sequence[str] = (),
    min_frequency: int = 1,
    terms: int = TERMS,
) -> tuple[Array | sp.csr_matrix, Columns]:
    """Features ``[n, d]`` float32 of the columns of a table, fitted on training rows alone, and how
    they were made.

    Args:
        frame: the columns.
        train: training rows, int64.
        text, categorical: names of columns that are so; the others by their types.
        min_frequency: training rows that a category needs for a column of its own.
        terms: of a text column, at most.

    Raises:
        ValueError: a column that is no feature, and what to do with it; or none of them is one.
    """
    import pandas as pd
    from sklearn.compose import ColumnTransformer

    kinds = kinds_of(frame, train, text, categorical)
    # By place: names of people may hold anything.
    table = pd.DataFrame({f"c{i}": _plain(frame[n], k) for i, (n, k) in enumerate(kinds.items())})
    steps: list[tuple[str, Any, Any]] = []
    made: list[tuple[str, str, ColumnKind, bool, bool]] = []
    left: dict[str, str] = {}
    for cell, (name, kind) in zip(table.columns, kinds.items(), strict=True):
        known = table[cell].iloc[train].dropna()
        if not len(known):
            left[name] = "no training row has a value"
            continue
        hole = len(known) < len(train)
        missing = kind not in ("category", "text") and hole
        valued = kind == "text" or known.nunique() > 1 or (kind == "category" and hole)
        if not valued and not missing:
            left[name] = f"all training rows have {str(known.iloc[0])[:40]}"
            continue
        made.append((name, cell, kind, valued, missing))
        if kind == "text":
            _check_words(known, name)
        if valued:  # TF-IDF reads a list of texts, all others a table of one column
            cells = cell if kind == "text" else [cell]
            steps.append((f"{cell} value", _step(kind, min_frequency, terms), cells))
        if missing:
            steps.append((f"{cell} missing", _indicator(), [cell]))
    if not made:
        told = "; ".join(f"{name!r}: {why}" for name, why in left.items())
        raise ValueError(
            f"no column of the nodes is a feature{f' ({told})' if told else ''}: give columns "
            "that differ, or say features='degree' or features='positional'"
        )
    transformer = ColumnTransformer(steps, sparse_threshold=0.3)
    with warnings.catch_warnings():
        # What no training row has is counted in `unseen`.
        warnings.filterwarnings("ignore", "Found unknown categories")
        transformer.fit(table.iloc[train])
        x = transformer.transform(table)
    parts = transformer.named_transformers_
    columns = tuple(
        _described(name, kind, valued, missing, parts.get(f"{cell} value"), table[cell], train)
        for name, cell, kind, valued, missing in made
    )
    out = x.tocsr().astype(np.float32) if sp.issparse(x) else np.asarray(x, np.float32)
    return out, Columns(columns, left)


def _plain(column: pd.Series, kind: ColumnKind) -> pd.Series:
    """A column in one type: float64 with NaN, or text with ``None`` (of texts empty)."""
    import pandas as pd

    if kind in ("text", "category"):
        empty = "" if kind == "text" else None
        cells = zip(column, column.notna(), strict=True)
        whole = kind == "category" and _whole(column)  # where holes have made them floats
        texts = [str(int(v) if whole else v) if here else empty for v, here in cells]
        return pd.Series(texts, index=column.index, dtype=object)
    if kind == "date":
        days = _days(column)
        return pd.Series(days, index=column.index)
    values = column.astype(object).where(column.notna(), np.nan)
    if column.dtype == object:
        values = values.map(as_float)
    values = values.astype(np.float64)
    if np.isinf(values).any():
        at = values.index[np.flatnonzero(np.isinf(values))[0]]
        raise ValueError(f"column {column.name!r} is infinite in row {at!r}; give a number, or NaN")
    if (large := np.flatnonzero(values.abs() > LARGEST)).size:
        at = values.index[large[0]]
        raise ValueError(
            f"column {column.name!r} is {values[at]:g} in row {at!r}, and numbers may be "
            f"{LARGEST:g} at most: put it right, make it empty (no value), or leave the column "
            f"out, drop=[{column.name!r}]"
        )
    return values


def _whole(column: pd.Series) -> bool:
    """Whether all values are floats that are whole numbers."""
    from pandas.api import types

    known = column[column.notna()]
    if not types.is_float_dtype(column.dtype):
        return False
    numbers = known.to_numpy(np.float64)
    return bool((np.isfinite(numbers) & (numbers == np.round(numbers))).all())


def _days(column: pd.Series) -> Array:
    """Dates as days since 1970, NaN where there is none."""
    import pandas as pd

    fix = f"make it empty (no value), or leave the column out, drop=[{column.name!r}]"
    stamps = stamps_of(column, f"column {column.name!r}", fix)
    seconds = (stamps - pd.Timestamp(0, tz="UTC")).dt.total_seconds()
    out: Array = seconds.to_numpy(np.float64) / DAY
    return out


def stamps_of(column: pd.Series, what: str, fix: str) -> pd.Series:
    """Dates as time stamps of UTC with nanoseconds, NaT where there is none.

    Args:
        column: dates and times, or text of which every value is an ISO date.
        what: the column is called so in messages.
        fix: what can be done but to put a value right.

    Raises:
        ValueError: naming a value that is none, or that is out of their range, and the fix.
    """
    import pandas as pd

    if hasattr(column.dtype, "freq"):
        column = column.dt.to_timestamp()
    text = any(isinstance(value, str) for value in column[column.notna()])
    try:
        stamps = pd.to_datetime(column, utc=True, format="ISO8601" if text else None)
        return stamps.astype("datetime64[ns, UTC]")
    except (TypeError, ValueError, OverflowError) as error:
        value = next((v for v in column[column.notna()] if not _is_stamp(v)), column.iloc[0])
        raise ValueError(
            f"{what} has {str(value)[:40]!r}, which is no date from 1678 to 2261 "
            f"({str(error)[:80]}): put it right, {fix}"
        ) from error


def _is_stamp(value: Any) -> bool:
    import pandas as pd

    try:
        pd.Timestamp(value).as_unit("ns")
    except (TypeError, ValueError, OverflowError):
        return False
    return True


def _step(kind: ColumnKind, min_frequency: int, terms: int) -> Any:
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.impute import SimpleImputer
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder, StandardScaler

    if kind == "text":
        return TfidfVectorizer(max_features=terms, dtype=np.float64)
    if kind == "category":
        return OneHotEncoder(
            handle_unknown="infrequent_if_exist",
            min_frequency=min_frequency if min_frequency > 1 else None,
            max_categories=MOST_CATEGORIES,
        )
    if kind == "boolean":
        return make_pipeline(SimpleImputer(strategy="most_frequent"))
    return make_pipeline(SimpleImputer(strategy="mean"), StandardScaler())


def _indicator() -> Any:
    from sklearn.impute import MissingIndicator

    return MissingIndicator(features="all")


def _check_words(texts: pd.Series, name: str) -> None:
    from sklearn.feature_extraction.text import TfidfVectorizer

    try:
        TfidfVectorizer(max_features=1).fit(texts)
    except ValueError as error:
        raise ValueError(
            f"text column {name!r} has no words in the training rows ({error}); leave it out, "
            f"drop=[{name!r}]"
        ) from error


def _described(
    name: str,
    kind: ColumnKind,
    valued: bool,
    missing: bool,
    step: Any,
    plain: pd.Series,
    train: Array,
) -> Column:
    """What was fitted, in plain values."""
    if kind == "text":
        terms = tuple(map(str, step.get_feature_names_out()))
        return Column(name, kind, values=terms, weights=tuple(map(float, step.idf_)))
    if kind == "category":
        return _categories(name, step, plain, train)
    if not valued:
        return Column(name, kind, mean=float(plain.iloc[train].mean()), valued=False, missing=True)
    if kind == "boolean":
        return Column(name, kind, mean=float(step[0].statistics_[0]), missing=missing)
    scaler = step[-1]
    return Column(name, kind, float(scaler.mean_[0]), float(scaler.scale_[0]), missing=missing)


def _categories(name: str, step: Any, plain: pd.Series, train: Array) -> Column:
    rare = step.infrequent_categories_[0]
    rare = set() if rare is None else set(rare.tolist())
    seen = step.categories_[0].tolist()
    values = [MISSING if value is None else str(value) for value in seen if value not in rare]
    known = set(seen)
    unseen = sum(value not in known for value in plain.tolist())
    return Column(name, "category", values=(*values, *([RARE] if rare else [])), unseen=unseen)
