"""Which data a command works on, and the flags that say so."""

from __future__ import annotations

import typing
from collections.abc import Collection, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from jsonargparse import Namespace

from graphcondense.cli.flags import Flags, named_in
from graphcondense.cli.tables import Table

if TYPE_CHECKING:
    from graphcondense.data import (
        GraphTask,
        HeteroTask,
        ImageTask,
        InteractionTask,
        LinkTask,
        NodeTask,
    )
    from graphcondense.ops.types import JsonValue

    Task: TypeAlias = NodeTask | GraphTask | ImageTask | InteractionTask | HeteroTask | LinkTask


@dataclass(frozen=True, kw_only=True)
class Where(Table):
    """Which data.

    Attributes:
        data: name of a data set (see "graphcondense datasets") or a file that ends in .npz or .pt;
            of images also a folder of idx files, or of a folder of pictures for each class, of
            users by items a MovieLens file or folder, or a file that ends in .inter (RecBole),
            .csv or .tsv.
        root: folder that has the data sets; by default $GRAPHCONDENSE_DATA, else
            ~/.cache/graphcondense.
        split: what trains, validates and tests; by default the published split, else a seeded one.
            One graph: "public", "full", "seeded" or "random". Sets of graphs: "scaffold" (OGB's
            own) or "stratified" (seeded, class by class). Users by items: "authors" (of a folder
            with index.npz, or with files by part) or "random" (80/10/10 % of each user's items).
        data_seed: draws the splits "seeded", "random" and "stratified".
        normalize: of features; "auto" does what papers do with this data set.
        label_kind: of a file of graphs, or of one graph with labelled nodes, whose labels may be
            one or the other, what they are.
    """

    data: str | None = None
    root: str | None = None
    split: (
        Literal["public", "full", "seeded", "random", "scaffold", "stratified", "authors"] | None
    ) = None
    data_seed: int = 0
    normalize: Literal["auto", "row", "standard", "none"] = "auto"
    label_kind: Literal["classes", "binary", "regression", "soft"] | None = None

    def load(self, kind: str | None = None, memory: int | str | None = None) -> Task:
        """The data, as :func:`graphcondense.condense` takes them.

        Args:
            kind: ``"image"`` opens images, ``"rows"`` users by items; other kinds follow from the
                data.
            memory: a limit, see :class:`graphcondense.run.options.Run`.
        """
        from graphcondense.data import as_task, load, mapped_task
        from graphcondense.data.catalogue import kind_of_name
        from graphcondense.data.kind import data_kind, data_kinds
        from graphcondense.data.known import either

        self.check()
        if self.table is not None:
            self._check_beside(memory)
            return self.read(self.label_kind, self.data_seed)
        name, split, seed = self.named(), self.split, self.data_seed
        if self.label_kind is not None:
            found = data_kind(kind_of_name(name))
            if "label_kind" not in found.options:
                able = [k.words for k in data_kinds().values() if "label_kind" in k.options]
                raise ValueError(
                    f"--label-kind {self.label_kind} is for {either(able)}, {name} is "
                    f"{found.words}: leave it out"
                )
        if kind is None:
            kind = kind_of_name(name)
        elif not Path(name).suffix:
            kind_of_name(name)  # where no kind knows it, the message names the nearest of all
        # "none" is what is done with data that know no other normalisation.
        takes = self.normalize != "none" or "normalize" in data_kind(kind).options
        normalize = self.normalize if takes else "auto"
        data = load(
            *(name, self.root),
            split=split,
            seed=seed,
            normalize=normalize,
            kind=kind,
            label_kind=self.label_kind,
        )
        if kind != "node":
            return data
        return as_task(data) if memory is None else mapped_task(data, memory)

    def named(self) -> str:
        """What ``--data`` or ``--table`` says.

        Raises:
            ValueError: nothing.
        """
        if self.table is not None:
            return self.table
        if self.data is None:
            raise ValueError(
                "which data? give --data NAME or --data FILE, or --table FILE with --edges FILE "
                "and --target COLUMN; names: datasets"
            )
        return self.data

    @property
    def kind(self) -> str:
        """The kind of data that is named, such as ``"node"``."""
        return "node" if self.table is not None else kind_of(self.named())

    @property
    def stem(self) -> str:
        """The data's name as a part of a file name."""
        path = Path(self.named())
        plain = self.table is not None or path.suffix in (".npz", ".pt")
        return (path.stem if plain else path.name).lower()

    def origin(self) -> dict[str, JsonValue]:
        """Where the data come from, as flags say it, for a run's config."""
        given = {f.name: getattr(self, f.name) for f in fields(Where)}
        usual = {f.name: f.default for f in fields(Table)}
        return {
            name: ",".join(map(str, value)) if isinstance(value, tuple) else value
            for name, value in given.items()
            if name not in usual or value != usual[name]
        }

    def _check_beside(self, memory: int | str | None) -> None:
        """Raise a ValueError for what cannot act on a table."""
        given = {
            "--data": (self.data, "both name data: give one"),
            "--split": (self.split, "give --shares 0.6,0.2,0.2, --split-column or --by"),
            "--root": (self.root, "a table is named by its path: leave it out"),
            "--normalize": (
                None if self.normalize == "auto" else self.normalize,
                "columns of a table are standardised: leave it out",
            ),
            "--memory": (memory, "a table is held in memory: leave it out"),
        }
        for flag, (value, hint) in given.items():
            if value is not None:
                raise ValueError(f"{flag} {value} does not go with --table {self.table}; {hint}")


def kind_of(data: str) -> str:
    """Whether a name or file stands for one labelled graph, a set, images, or users by items.

    A name that nothing has counts as one graph: opening it says which names are near.

    >>> kind_of("cora"), kind_of("molbace"), kind_of("fashion-mnist"), kind_of("ml-1m")
    ('node', 'graph', 'image', 'rows')
    """
    from graphcondense.data.catalogue import kind_of_name

    try:
        return kind_of_name(data)
    except ValueError:
        return "node"


def where_of(args: Namespace, group: Flags | None = None) -> Where:
    """Which data the flags name, all of them or those of a group."""
    values: dict[str, Any] = (group or Flags("", Where)).values(args)
    return Where(**values)


def data_flags(title: str = "data") -> tuple[Flags, ...]:
    """The flags of every command that takes data."""
    table = [f.name for f in fields(Table)]
    words = "a table of nodes beside a list of edges, in place of --data"
    return Flags(title, Where, skip=table), Flags(words, Where, only=table)


def origin_flags(origin: Mapping[str, object], argv: Collection[str]) -> dict[str, object]:
    """What a run's config says of its data, without what the command line says otherwise: another
    set, or another table, comes with flags of its own.

    Raises:
        ValueError: a value that such a flag cannot have.
    """
    from graphcondense.ops.fields import checked

    hints = typing.get_type_hints(Where)
    told = {name: value for name, value in origin.items() if name in hints}
    asked = named_in(argv)
    if "table" in asked:
        told.pop("data", None)
    if "data" in asked:
        told = {k: v for k, v in told.items() if k not in {f.name for f in fields(Table)}}
    for name, value in told.items():
        if name in asked:
            continue  # the command line's is taken
        text = isinstance(value, str) and "tuple" in str(hints[name])  # read as a flag's is
        try:
            told[name] = value if text else checked(name, value, hints[name])
        except ValueError as error:
            raise ValueError(f"the origin of a config: {error}") from error
    return told
