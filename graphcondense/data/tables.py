"""Files of a table of nodes and of a list of edges, read as they were written.

Ids are text, so that ``007`` and ``7`` are two nodes and both files mean the same by them.
"""

from __future__ import annotations

import contextlib
import csv
import datetime as dt
import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeGuard

import torch

from graphcondense.data.known import either
from graphcondense.data.labels import few
from graphcondense.ops.extras import need
from graphcondense.ops.memory import free_bytes
from graphcondense.ops.sizes import said

if TYPE_CHECKING:
    import pandas as pd

SEPARATED = {".csv": ",", ".tsv": "\t"}
"""What stands between the columns of a file of text, by its ending."""

ENDINGS = (*SEPARATED, ".parquet")

TIMES = 6
"""Memory that reading takes, in sizes of a file of text. Of a Parquet file it is three times what
its columns take when they are not compressed."""

HOLES = ["", "NA", "N/A", "n/a", "#N/A", "NaN", "nan", "-nan", "NULL", "null", "None", "<NA>"]
"""What stands for no value in a file of text; of ids only an empty place does."""

ISO_DATE = r"\d{4}-\d{2}-\d{2}([ T]\d{2}:\d{2}(:\d{2}(\.\d+)?)?(Z|[+-]\d{2}:?\d{2})?)?"
"""How a date is written in a file of text."""


@dataclass(frozen=True)
class TableFile:
    """A file that a table was read from.

    Attributes:
        name: of the file, without its folder.
        sha256: of its bytes, as ``sha256sum`` prints it.
    """

    name: str
    sha256: str

    @classmethod
    def of(cls, path: Path) -> TableFile:
        """The file as it is now."""
        with path.open("rb") as file:
            return cls(path.name, hashlib.file_digest(file, "sha256").hexdigest())

    def record(self) -> dict[str, str]:
        """What a record says of it."""
        return {"file": self.name, "sha256": self.sha256}


def is_file(table: object) -> TypeGuard[str | Path]:
    """Whether a table is named by the path of its file."""
    return isinstance(table, str | Path)


def read_nodes(
    path: str | Path,
    ids: str | None,
    drop: Sequence[str],
    texts: Sequence[str] = (),
    targets: Sequence[str] = (),
) -> pd.DataFrame:
    """A table of nodes from a file.

    Args:
        path: a file that ends in one of :data:`ENDINGS`, with the names of its columns first.
        ids: the column of ids; ``None``: nodes are called ``0``, ``1``, ... in the order of rows
            (of a Parquet file that keeps the index of a frame, by that).
        drop: columns that are left out, which may be empty.
        texts: columns that are text as it stands in the file, such as categories ``01`` and ``1``.
        targets: columns that are so where a value has a zero in front, as no number is written.

    Raises:
        ValueError: whatever is wrong with the file, naming it, the column and the fix.
    """
    file = checked_file(path)
    frame = _read(file, [] if ids is None else [ids], texts, targets)
    if not len(frame):
        raise ValueError(f"{file} has no rows below the names of its columns; give one a node")
    for name in frame.columns:
        if name not in drop and not frame[name].notna().any():
            raise ValueError(
                f"{file}: column {str(name)!r} has no value in any row: fill it, or leave it out "
                f"with drop={str(name)!r}"
            )
    if ids is None:
        frame.index = frame.index.map(str)
    return frame


def read_edges(path: str | Path, ends: Sequence[str], nodes: pd.Index) -> pd.DataFrame:
    """A list of edges from a file: see :func:`read_nodes`.

    Args:
        path: the file.
        ends: the columns of source and target, and perhaps of the weight; by default the first two.
        nodes: the ids of the nodes, to tell a first line that is an edge.

    Raises:
        ValueError: as :func:`read_nodes`; a first line that names two nodes.
    """
    file = checked_file(path)
    names = _names(file)
    if len(names) < 2:
        # A Parquet file has nothing between its columns.
        own = SEPARATED.get(file.suffix.lower())
        hint = f"; {_between(file, ' ', own)}" if own and " " in names[0] else ""
        raise ValueError(
            f"{file} has one column, {names[0][:60]!r}, and two are needed, source and target{hint}"
        )
    wanted = list(ends or names)[:2]
    for name in ends:
        if name not in names:
            raise ValueError(f"{file} has no column {name!r}; there are {few(names, 12)}")
    if file.suffix.lower() in SEPARATED and not ends and set(names[:2]) <= set(map(str, nodes)):
        raise ValueError(
            f"{file}: its first line, {','.join(names[:2])!r}, is an edge: put the names of the "
            "columns above it, such as source,target"
        )
    return _read(file, wanted)


def checked_file(path: str | Path) -> Path:
    """The path of a table's file, which is there and can be held in memory.

    Raises:
        ValueError: it is not there, is of another kind, empty, or too large.
    """
    file = Path(path).expanduser()
    if file.suffix.lower() not in ENDINGS:
        raise ValueError(
            f"{file} is no table: its name must end in {either(list(ENDINGS))}; save it as one, "
            "or read it yourself and give the frame"
        )
    if not file.is_file():
        raise ValueError(f"there is no file {file}; name one that is there")
    if not file.stat().st_size:
        raise ValueError(f"{file} is empty: give a table with the names of its columns first")
    expected, free = _expected_bytes(file), free_bytes(torch.device("cpu"))
    if expected > free:
        raise ValueError(
            f"{file} has {said(file.stat().st_size)}, and reading it takes about "
            f"{said(expected)} of memory, of which {said(free)} are free: keep the columns that "
            "are needed in a smaller file, or give arrays and memory= "
            "(docs/guide/nodes.md, a graph beyond memory)"
        )
    return file


def _expected_bytes(file: Path) -> int:
    if file.suffix.lower() in SEPARATED:
        return TIMES * file.stat().st_size
    found = _parquet(file).metadata
    return 3 * sum(int(found.row_group(i).total_byte_size) for i in range(found.num_row_groups))


def _parquet(file: Path) -> Any:
    """An opened Parquet file."""
    parquet = need("pyarrow.parquet", "hub", f"the Parquet file {file}")
    try:
        return parquet.ParquetFile(file)
    except Exception as error:  # whatever a library of others makes of a file that lies
        raise ValueError(f"{file} is no Parquet file ({str(error)[:120]})") from error


def read_head(file: Path, separator: str) -> list[str]:
    """The names of the columns of a file of text, in its first line.

    Raises:
        ValueError: names or separators that mean something else, or a first row that is longer
            than the names: pandas would take its first column for an index.
    """
    with _lines(file, separator) as lines:
        _, names = next(lines, (0, []))
        _check_names(file, names, separator)
        number, row = next(lines, (0, names))
        if len(row) > len(names):
            _check_row(file, names, number, row)
    return names


def _names(file: Path) -> list[str]:
    """The names of the columns."""
    if file.suffix.lower() in SEPARATED:
        return _check_lines(file)
    return [str(name) for name in _parquet(file).schema_arrow.names]


def _read(
    file: Path, ids: Sequence[str], texts: Sequence[str] = (), targets: Sequence[str] = ()
) -> pd.DataFrame:
    """The file as a frame, whose columns of ids are text, ``None`` for none; for the others see
    :func:`read_nodes`."""
    import pandas as pd
    from pandas.api import types

    if file.suffix.lower() in SEPARATED:
        names = _check_lines(file)
        as_text = [name for name in ids if name in names]
        as_it_stands = [name for name in texts if name in names]
        frame = _read_text(file, as_text, [*as_text, *as_it_stands], names)
        numbers = [
            name
            for name in targets
            if name in names and types.is_numeric_dtype(frame[name].dtype) and name not in as_text
        ]
        if numbers:
            raw = _read_text(file, (), numbers, numbers)
            for name in numbers:
                if raw[name].dropna().astype(str).str.match(r"\s*[-+]?0\d").any():
                    frame[name] = raw[name]
        for name in as_text:
            text = frame[name].astype(object).str.strip()
            frame[name] = text.where(text != "", None)
        return _with_dates(frame, [*ids, *texts])
    _parquet(file)
    try:
        frame = pd.read_parquet(file)
    except Exception as error:  # as above
        raise ValueError(f"{file} cannot be read ({str(error)[:120]})") from error
    frame.columns = [str(name) for name in frame.columns]
    for name in (name for name in ids if name in frame.columns):
        here = frame[name].notna()
        frame[name] = frame[name].astype(object).where(here, None).map(str, na_action="ignore")
    return frame


def _read_text(
    file: Path, ids: Sequence[str], texts: Sequence[str], names: Sequence[str]
) -> pd.DataFrame:
    """The columns ``names`` of a file of text, those of ``texts`` as they stand there."""
    import pandas as pd

    try:
        return pd.read_csv(
            file,
            sep=SEPARATED[file.suffix.lower()],
            encoding="utf-8-sig",
            usecols=list(names),
            dtype=dict.fromkeys(texts, str),
            keep_default_na=False,
            na_values={name: [""] if name in ids else HOLES for name in names},
            index_col=False,
            low_memory=False,
        )
    except (ValueError, OverflowError) as error:
        raise ValueError(f"{file} cannot be read ({str(error)[:120]})") from error


def _between(file: Path, found: str, own: str) -> str:
    what = {",": "a comma", "\t": "a tab"}.get(own, repr(own))
    return (
        f"{found!r} stands between its columns, and such a file has {what} there: save it so, or "
        f"give pandas.read_csv({file.name!r}, sep={found!r})"
    )


@contextlib.contextmanager
def _lines(file: Path, separator: str) -> Iterator[Iterator[tuple[int, list[str]]]]:
    """The lines of a file of text that are not empty, and their numbers, in a ``with`` block; those
    that cannot be read end it with a ValueError."""
    try:
        with file.open(encoding="utf-8-sig", newline="") as text:
            rows = csv.reader(text, delimiter=separator)
            yield ((rows.line_num, row) for row in rows if row)
    except UnicodeDecodeError as error:
        raise ValueError(f"{file} is not written in UTF-8 ({error.reason}); save it so") from error
    except csv.Error as error:
        raise ValueError(f"{file} cannot be read as lines of values ({error})") from error


def _check_lines(file: Path) -> list[str]:
    """The names of the columns of a file of text, each of whose lines has a value for every one.

    pandas fills short lines with holes, gives two columns of one name other names, and reads lines
    that are all one longer with the first column as an index: none of it is what was meant.
    """
    separator = SEPARATED[file.suffix.lower()]
    with _lines(file, separator) as lines:
        _, names = next(lines, (0, []))
        _check_names(file, names, separator)
        for number, row in lines:
            _check_row(file, names, number, row)
    return names


def _check_row(file: Path, names: Sequence[str], number: int, row: Sequence[str]) -> None:
    if len(row) != len(names):
        raise ValueError(
            f"{file}: line {number} has {len(row)} values, and there are {len(names)} columns "
            f"({few(names, 6)}): put it right, with quotes around a value that has a separator in "
            "it"
        )


def _check_names(file: Path, names: Sequence[str], separator: str) -> None:
    if not names:
        raise ValueError(f"{file} has no line; the names of its columns come first")
    others = [sep for sep in (";", "\t", "|", ",") if sep != separator and sep in names[0]]
    if len(names) == 1 and (other := next(iter(others), None)):
        raise ValueError(
            f"{file} has one column, {names[0][:60]!r}, and {_between(file, other, separator)}"
        )
    for i, name in enumerate(names):
        if not name.strip():
            raise ValueError(
                f"{file}: column {i + 1} has no name in the first line; give it one, as pandas' "
                "to_csv does with index_label='id' (or no such column, with index=False)"
            )
        if name in names[:i]:
            raise ValueError(f"{file} has two columns called {name!r}; rename one of them")


def _with_dates(frame: pd.DataFrame, ids: Sequence[str]) -> pd.DataFrame:
    """Columns of text of which every value is a date are dates."""
    import pandas as pd
    from pandas.api import types

    for name in (name for name in frame.columns if name not in ids):
        column = frame[name]
        if types.is_numeric_dtype(column.dtype):
            continue
        known = column[column.notna()]
        if not len(known) or not known.astype(str).str.fullmatch(ISO_DATE).all():
            continue
        try:
            frame[name] = pd.to_datetime(column, format="ISO8601", utc=True).dt.tz_localize(None)
        except pd.errors.OutOfBoundsDatetime:  # such as 9999-12-31 before pandas 3: still dates
            cells = zip(column, column.notna(), strict=True)
            dates = [dt.datetime.fromisoformat(v) if here else None for v, here in cells]
            frame[name] = pd.Series(dates, index=column.index, dtype=object)
        except (ValueError, OverflowError):  # such as 2023-13-45, which stays text
            continue
    return frame


def same_file(told: Mapping[str, object], path: Path) -> bool:
    """Whether a file has the bytes that a record tells of (:meth:`TableFile.record`)."""
    return TableFile.of(path).sha256 == told.get("sha256")
