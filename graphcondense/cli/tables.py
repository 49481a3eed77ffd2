"""A table of nodes and a list of edges named on the command line."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from graphcondense.data import NodeTask


@dataclass(frozen=True, kw_only=True)
class Table:
    """A table of nodes beside a list of edges, as :func:`graphcondense.data.as_task` reads them.

    Attributes:
        table: file with a row for each node (.csv, .tsv or .parquet; names of columns first).
        edges: file with a row for each edge: ids of source and target, perhaps a column weight.
        target: the column to predict; several with commas between are several tasks.
        id: the column of ids; by default nodes are called 0, 1, ... in the order of rows.
        ends: the columns of edges that are source, target and perhaps the weight; by default the
            first two.
        text: columns that are text.
        categorical: columns that are categories though they look like numbers or text.
        drop: columns to leave out.
        by: a column of numbers or ISO dates (2020-02-01); the earliest rows train, the latest test.
        shares: of rows that train, validate and test; by default 0.6,0.2,0.2, drawn by --data-seed.
        split_column: a column of the words train, val and test.
        min_frequency: training rows that a category needs for a column of its own.
        terms: words of a text column, at most.
        directed: leave edges one-way; --no-directed adds each edge the other way, too.
        features: where there is no column but ids and targets, what features are made of.
    """

    table: str | None = None
    edges: str | None = None
    target: tuple[str, ...] | None = None
    id: str | None = None
    ends: tuple[str, ...] | None = None
    text: tuple[str, ...] | None = None
    categorical: tuple[str, ...] | None = None
    drop: tuple[str, ...] | None = None
    by: str | None = None
    shares: tuple[float, ...] | None = None
    split_column: str | None = None
    min_frequency: int | None = None
    terms: int | None = None
    directed: bool = True
    features: Literal["degree", "positional", "random-walk"] | None = None

    def check(self) -> None:
        """Raise a ValueError for flags that are not enough, or that cannot act."""
        given = [f.name for f in fields(Table) if getattr(self, f.name) != f.default]
        if self.table is None and given:
            flag = "--no-directed" if given[0] == "directed" else f"--{_flag(given[0])}"
            raise ValueError(f"{flag} is for a table of nodes: give it as --table FILE")
        if self.table is None:
            return
        for name, what in (("edges", "FILE"), ("target", "COLUMN")):
            if getattr(self, name) is None:
                raise ValueError(
                    f"--table {self.table} needs --{name} {what}; as in --table nodes.csv --edges "
                    "edges.csv --target price --id name"
                )
        if self.shares is not None and self.split_column is not None:
            raise ValueError("--shares and --split-column both say the splits: give one of them")

    def read(self, label_kind: Any, seed: int) -> NodeTask:
        """The checked graph.

        Raises:
            ValueError: whatever is wrong, as flags call it.
        """
        from graphcondense.data import as_task

        rest = ("id", "ends", "text", "categorical", "drop", "by", "min_frequency", "terms")
        options: dict[str, Any] = {name: getattr(self, name) for name in rest}
        options["split"] = self.split_column or self.shares
        options = {name: value for name, value in options.items() if value is not None}
        target = self.target
        try:
            return as_task(
                nodes=self.table,
                edges=self.edges,
                target=target[0] if target is not None and len(target) == 1 else target,
                label_kind=label_kind,
                features=self.features,
                directed=self.directed,
                seed=seed,
                **options,
            )
        except ValueError as error:
            raise type(error)(_as_flags(str(error))) from error


def _flag(name: str) -> str:
    return name.replace("_", "-")


OTHERWISE = {
    "label_kind=": "--label-kind ",
    "split=": "--shares or --split-column ",
    "seed=": "--data-seed ",
}
"""How arguments of Python are called on the command line, where it is not their name."""


def _as_flags(text: str) -> str:
    """An error that names arguments, with the flags that stand for them.

    >>> _as_flags("say label_kind='classes', or with id= which")
    "say --label-kind 'classes', or with --id which"
    """
    for name, flag in OTHERWISE.items():
        text = text.replace(name, flag)
    names = "|".join(f.name for f in fields(Table))
    return re.sub(
        rf"(?<![\w-])({names})=(\S?)",
        lambda m: f"--{_flag(m[1])}" + (f" {m[2]}" if m[2].strip() else m[2]),
        text,
    )


def files_of(record: Mapping[str, Any]) -> dict[str, Any]:
    """What a record or a config, which may say anything, says of the files of a table."""
    data = record.get("data")
    files = data.get("files") if isinstance(data, Mapping) else None
    if not isinstance(files, Mapping):
        return {}
    return {what: told for what, told in files.items() if isinstance(told, Mapping)}


def refuse_changed(table: Table, files: Mapping[str, Any]) -> None:
    """Raise a ValueError where a file is not the one that a run was condensed from.

    Args:
        table: the flags, as the run's config has them.
        files: what the run's record says of the files, by ``nodes`` and ``edges``.
    """
    from graphcondense.data.tables import same_file

    for what, flag, given in (("nodes", "table", table.table), ("edges", "edges", table.edges)):
        told = files.get(what)
        if given is None or told is None:
            continue
        path = Path(given).expanduser()
        if not path.is_file():
            raise ValueError(
                f"there is no file {path}, from which this run was condensed: name where it is, "
                f"--{flag} FILE"
            )
        if not same_file(told, path):
            raise ValueError(
                f"{path} has changed since this run was condensed from it (its SHA-256 was "
                f"{str(told.get('sha256'))[:16]}...): put it back, condense anew, or name --table "
                "and --edges to score on what they are now"
            )
