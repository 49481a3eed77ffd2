"""Labels from the columns of a table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from graphcondense.data.column_fitting import are_numbers, as_float
from graphcondense.data.frame_columns import check_column, names_of
from graphcondense.data.labels import counts_up, few
from graphcondense.data.targets import LabelKind, are_probabilities
from graphcondense.ops.arrays import Array

if TYPE_CHECKING:
    import pandas as pd


def targets_of(frame: pd.DataFrame, target: object) -> tuple[str, ...]:
    if target is None:
        raise ValueError(f"target is missing: name a column of nodes; {few(frame.columns, 12)}")
    names = names_of(target, "target")
    if not names:
        raise ValueError("target=[] names no column")
    for name in names:
        check_column(frame, name)
    if len(set(names)) < len(names):
        raise ValueError(f"target={target!r} names a column twice")
    return names


def asked_targets(target: object) -> tuple[str, ...]:
    """The targets, before it is known that there are such columns."""
    return () if target is None else names_of(target, "target")


def target_values(
    frame: pd.DataFrame,
    targets: Sequence[str],
    label_kind: LabelKind | None,
    index: pd.Index,
) -> tuple[Tensor, LabelKind, list[str]]:
    """Labels, what they are, and the names of classes or tasks.

    Text, categories, truth values and other things that repeat are classes, numbers with fractions
    regression targets; whole numbers are classes where they count up as such, else ``label_kind``
    has to say. So it has of times, which may be either. Several columns are several tasks: binary
    where all are 0, 1 or truth values, else regression.
    """
    from pandas.api import types

    if len(targets) > 1:
        return _several(frame, targets, label_kind, index)
    (name,) = targets
    if label_kind == "soft":
        raise ValueError(
            f"target {name!r} is one column, and soft labels are a column of probabilities for "
            "each class: name all of them as targets; of one probability p a second column is "
            "1 - p, and a column of classes is label_kind='classes'"
        )
    column = frame[name]
    known = column[column.notna()]
    if not len(known):
        raise ValueError(f"target {name!r} has no value in any row")
    _check_values(known, name, label_kind)
    numbers = _real(known)
    if types.is_numeric_dtype(numbers.dtype) and numbers.nunique() == 1:
        raise _constant(name, known.iloc[0])
    kind = label_kind or _looks(numbers, name)
    if kind == "classes":
        values = _order(column, known)
        if len(values) < 2:
            raise _constant(name, values[0])
        said = label_kind is not None or _is_category(column)
        if not said and len(values) == len(known) > 2:
            raise ValueError(
                f"target {name!r} has another value in each of the {len(known):,} rows that have "
                f"one, such as {str(values[0])[:40]!r}: name a column whose values repeat, or say "
                "label_kind='classes' if these are classes"
            )
        codes = {value: i for i, value in enumerate(values)}
        y = [codes[v] if here else -1 for v, here in zip(column, column.notna(), strict=True)]
        return torch.tensor(y), "classes", [str(_plain_name(value)) for value in values]
    return torch.from_numpy(_numbers(column, name, index)[:, None]), kind, [name]


def _check_values(
    known: pd.Series, name: str, label_kind: LabelKind | None, alone: bool = True
) -> None:
    """Raise a ValueError for values that are neither classes nor numbers, such as lists, or that
    are not what ``label_kind`` says; a category may be anything. A target that is ``alone`` may be
    one of classes."""
    from pandas.api import types

    if _is_category(known):
        return
    if types.is_numeric_dtype(known.dtype) and not types.is_complex_dtype(known.dtype):
        return
    for value in (value for value in known if not isinstance(value, PLAIN)):
        what = f"target {name!r} has values of type {type(value).__name__}, such as "
        what += f"{str(value)[:40]!r}"
        if not _hashable(value):
            raise ValueError(f"{what}: make one number of each, or a class, by .astype(str)")
        way = next((way for kind, way in TO_NUMBERS.items() if isinstance(value, kind)), None)
        if label_kind in (None, "classes") and (label_kind or way is None):
            continue
        instead = "" if way is None else f", as by {way.format(column=f'nodes[{name!r}]')}"
        other = "say label_kind='classes'" if alone else "name this target alone"
        raise ValueError(
            f"{what}: make numbers of them{instead}, or, if these are classes, {other}"
        )


PLAIN = (str, bool, int, float, np.bool_, np.integer, np.floating, Decimal, Fraction)
"""What a value of a target may be, whether a class or a number."""

TO_NUMBERS: Mapping[type, str] = {
    date: "pandas.to_datetime({column}).dt.year",
    np.datetime64: "pandas.to_datetime({column}).dt.year",
    timedelta: "pandas.to_timedelta({column}).dt.total_seconds()",
    np.timedelta64: "pandas.to_timedelta({column}).dt.total_seconds()",
    complex: "numpy.real({column})",
}
"""Of what may be meant as classes or as numbers, how a column of it becomes numbers."""


def _is_category(column: pd.Series) -> bool:
    import pandas as pd

    return isinstance(column.dtype, pd.CategoricalDtype)


def _real(column: pd.Series) -> pd.Series:
    """A column of objects all of which are numbers, such as ``Decimal`` or what a database gives,
    as numbers; all else as it is."""
    if column.dtype != object:
        return column
    column = column.infer_objects()
    if column.dtype == object and are_numbers(column):
        return column.map(as_float)
    return column


def _hashable(value: object) -> bool:
    try:
        hash(value)
    except TypeError:  # also of a tuple that holds a list
        return False
    return True


def _constant(name: str, value: object) -> ValueError:
    return ValueError(
        f"target {name!r} is {str(value)[:40]!r} in every row that has a value: nothing can be "
        "learnt of a constant"
    )


def _order(column: pd.Series, known: pd.Series) -> list[Any]:
    """The different values, as a category has them in order, else sorted."""
    if _is_category(column):
        there = set(known)
        return [value for value in column.cat.categories if value in there]
    values = list(dict.fromkeys(known))  # as a column gives them: of times, no numbers
    try:
        return sorted(values)
    except TypeError:
        return sorted(values, key=lambda value: (type(value).__name__, str(value)))


def _plain_name(value: Any) -> Any:
    """Whole numbers without a point."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _looks(known: pd.Series, name: str) -> LabelKind:
    from pandas.api import types

    if types.is_bool_dtype(known.dtype) or not types.is_numeric_dtype(known.dtype):
        return "classes"
    numbers = torch.tensor(known.to_numpy(np.float64))
    if not bool((numbers == numbers.round()).all()):
        return "regression"
    if counts_up(numbers):
        return "classes"
    raise ValueError(
        f"target {name!r} has {known.nunique():,} different whole numbers: say what they are, "
        "label_kind='classes' or label_kind='regression'"
    )


def _several(
    frame: pd.DataFrame,
    targets: Sequence[str],
    label_kind: LabelKind | None,
    index: pd.Index,
) -> tuple[Tensor, LabelKind, list[str]]:
    if label_kind == "classes":
        raise ValueError(
            f"target has {len(targets)} columns, which are several tasks, and classes are one "
            "column: name one of them, or say label_kind='binary', 'regression' or, of "
            "probabilities, 'soft'"
        )
    for name in targets:
        _check_values(
            frame[name][frame[name].notna()], name, label_kind or "regression", alone=False
        )
    y = torch.from_numpy(np.stack([_numbers(frame[n], n, index) for n in targets], 1))
    binary = bool(((y == 0) | (y == 1) | y.isnan()).all())
    if label_kind == "binary" and not binary:
        raise ValueError(f"targets {few(targets)} have values other than 0, 1 and none")
    if label_kind is None and not binary and are_probabilities(y):
        raise ValueError(
            f"targets {few(targets)} add up to one in every row: if they are probabilities of "
            "classes say label_kind='soft', if they are numbers label_kind='regression'"
        )
    return y, label_kind or ("binary" if binary else "regression"), list(targets)


def _numbers(column: pd.Series, name: str, index: pd.Index) -> Array:
    """Numbers ``[n]`` float32, NaN for none."""
    import pandas as pd

    plain = _real(column.astype(object).where(column.notna(), np.nan))
    values = pd.to_numeric(plain, errors="coerce")
    bad = np.flatnonzero(values.isna().to_numpy() & column.notna().to_numpy())
    if len(bad):
        raise ValueError(
            f"target {name!r} is {str(column.iloc[bad[0]])[:40]!r} at node {index[bad[0]]!r}, "
            "which is no number; text is a target of classes, one column alone"
        )
    large = np.flatnonzero(values.abs().to_numpy() > np.finfo(np.float32).max)
    if len(large):
        value, node = values.iloc[large[0]], index[large[0]]
        raise ValueError(
            f"target {name!r} is {value:g} at node {node!r}, beyond what float32 holds "
            f"({np.finfo(np.float32).max:.1g}): put it right, or give the target in another unit"
        )
    out: Array = values.to_numpy(np.float64).astype(np.float32)
    return out


def check_examples(
    y: Tensor, kind: LabelKind, names: Sequence[str], train: Tensor, targets: Sequence[str]
) -> None:
    """Raise a ValueError, with the names of people, unless the training rows have every class."""
    if kind != "classes":
        return
    found = torch.unique(y[train])
    absent = [name for i, name in enumerate(names) if i not in found.tolist()]
    if len(absent) == len(names) - 1:
        raise ValueError(
            f"target {targets[0]!r} is {names[int(found[0])]!r} in all training rows: nothing can "
            "be learnt of a constant; draw another split"
        )
    if absent:
        raise ValueError(
            f"class {few(map(repr, absent))} of target {targets[0]!r} has no training node; draw "
            "another split, or set the target of its rows to none"
        )
