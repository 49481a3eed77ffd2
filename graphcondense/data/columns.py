"""Columns of a table as features: fitted on training rows, described in plain values, and back.

scikit-learn's ``ColumnTransformer`` makes the features; what it fitted is kept as numbers and text
(:class:`Columns`), which JSON holds and no file has to unpickle.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import scipy.sparse as sp

from graphcondense.ops.arrays import Array
from graphcondense.ops.fields import brief

if TYPE_CHECKING:
    import pandas as pd

ColumnKind = Literal["number", "boolean", "date", "category", "text"]


SHOWN = 5
"""Terms of a text that :meth:`Columns.inverse` names."""


MISSING, RARE = "(missing)", "(infrequent)"
"""What categories of cells without a value, and of rare values, are called."""

DAY = 86_400.0
"""Seconds."""


@dataclass(frozen=True)
class Column:
    """One column of a table as features.

    Attributes:
        name: as the table has it.
        kind: ``"number"`` (standardised), ``"boolean"`` (0 or 1), ``"date"`` (days since 1970,
            standardised), ``"category"`` (a 0/1 column a value) or ``"text"`` (TF-IDF).
        mean, scale: of training rows; a missing number is the mean, a missing truth value the more
            frequent one, which ``mean`` then is.
        values: categories, or terms, each with a column of its own; empty for the others.
        weights: of terms, the inverse document frequencies.
        valued: whether the column's own value is a feature; not where training rows have but one.
        missing: whether a 0/1 column says that a number, truth value or date is missing.
        unseen: of categories, how many other rows have one that no training row has; they are
            ``(infrequent)`` where there is such a column, else all zeros.
    """

    name: str
    kind: ColumnKind
    mean: float = 0.0
    scale: float = 1.0
    values: tuple[str, ...] = ()
    weights: tuple[float, ...] = ()
    valued: bool = True
    missing: bool = False
    unseen: int = 0

    @property
    def names(self) -> list[str]:
        """What its features are called."""
        if self.kind in ("category", "text"):
            mark = "=" if self.kind == "category" else ":"
            return [f"{self.name}{mark}{value}" for value in self.values]
        return [self.name] * self.valued + [f"{self.name} missing"] * self.missing

    def inverse(self, x: Array) -> pd.Series:
        """Readable values ``[n]`` of its features ``[n, width]``."""
        import pandas as pd

        if self.kind == "category":
            best = x.argmax(1)
            found = [self.values[i] if x[row, i] > 0 else None for row, i in enumerate(best)]
            return pd.Series([None if v == MISSING else v for v in found], dtype=object)
        if self.kind == "text":
            order = np.argsort(-x, axis=1, kind="stable")[:, :SHOWN]
            lines = [
                " ".join(self.values[i] for i in line if x[row, i] > 0)
                for row, line in enumerate(order)
            ]
            return pd.Series(lines, dtype=object)
        value = np.full(len(x), self.mean)
        if self.valued:
            value = x[:, 0].astype(np.float64) * self.scale + (
                self.mean if self.kind != "boolean" else 0.0
            )
        if self.missing:
            value[x[:, -1] > 0.5] = np.nan
        if self.kind == "date":
            return pd.to_datetime(pd.Series(value * DAY), unit="s")
        if self.kind == "boolean":
            truth = [None if np.isnan(v) else bool(v >= 0.5) for v in value]
            return pd.Series(truth, dtype="boolean")
        return pd.Series(value)


@dataclass(frozen=True)
class Columns:
    """How features were made of the columns of a table, in plain values.

    Attributes:
        columns: those that became features, in the order of the features.
        left_out: those that did not, and why.
    """

    columns: tuple[Column, ...]
    left_out: Mapping[str, str] = field(default_factory=dict)

    @property
    def names(self) -> list[str]:
        """What each feature is called ``[d]``."""
        return [name for column in self.columns for name in column.names]

    def inverse(self, x: object) -> pd.DataFrame:
        """Readable values of features, one row a node.

        Numbers are brought back into their own units, dates rounded to nothing, truth values are
        true from one half on; of categories the one with the largest value is named (``None``: no
        value, or one that no training row had), of a text its strongest terms. Rows that are means
        of several nodes, as condensed ones are, give means and the commonest values.

        Args:
            x: features ``[n, d]``, a tensor, an array or SciPy sparse, such as ``small.x``.

        Raises:
            ValueError: another number of features.

        >>> import pandas as pd
        >>> from graphcondense.data.column_fitting import fitted
        >>> rows = pd.DataFrame({"age": [30.0, 50.0], "city": ["Rome", "Oslo"]})
        >>> x, columns = fitted(rows, np.array([0, 1]))
        >>> columns.names
        ['age', 'city=Oslo', 'city=Rome']
        >>> columns.inverse(x).to_dict("list")
        {'age': [30.0, 50.0], 'city': ['Rome', 'Oslo']}
        """
        import pandas as pd

        dense = _array(x)
        if dense.ndim != 2 or dense.shape[1] != len(self.names):
            raise ValueError(
                f"features must be [n, {len(self.names)}], one for each of the columns' names, got "
                f"shape {dense.shape}"
            )
        out, at = {}, 0
        for column in self.columns:
            width = len(column.names)
            out[column.name] = column.inverse(dense[:, at : at + width])
            at += width
        return pd.DataFrame(out)

    def record(self) -> dict[str, Any]:
        """Plain values, which :meth:`of` reads."""
        listed = [asdict(column) for column in self.columns]
        for column in listed:
            column["values"], column["weights"] = list(column["values"]), list(column["weights"])
        return {"columns": listed, "left_out": dict(self.left_out)}

    @classmethod
    def of(cls, record: Mapping[str, Any]) -> Columns:
        """The columns that a condensed set's record tells of.

        Args:
            record: ``small.condensed``.

        Raises:
            ValueError: it is no record, or tells of no columns, or of what are none.

        >>> told = Columns((Column("age", "number", 40.0, 10.0),))
        >>> Columns.of({"data": {"columns": told.record()}}) == told
        True
        """
        if not isinstance(record, Mapping):
            raise ValueError(
                f"Columns.of({brief(record)}): give the record of a condensed set, small.condensed"
            )
        about = record.get("data")
        given = about.get("columns") if isinstance(about, Mapping) else None
        if not isinstance(given, Mapping):
            raise ValueError(
                "the record tells of no columns (record['data']['columns']): its features were "
                "given as numbers"
            )
        try:
            columns = tuple(
                Column(**{**c, "values": tuple(c["values"]), "weights": tuple(c["weights"])})
                for c in given["columns"]
            )
            return cls(columns, dict(given["left_out"]))
        except (TypeError, KeyError, ValueError) as error:
            raise ValueError(f"the record's columns cannot be read ({error!r})"[:300]) from error


def _array(x: Any) -> Array:
    if sp.issparse(x):
        return x.toarray()  # type: ignore[no-any-return]
    detached = x.detach().cpu() if hasattr(x, "detach") else x
    if hasattr(detached, "to_dense"):
        detached = detached.to_dense()
    return np.asarray(detached)
