"""Flags from dataclasses, and which data a command works on."""

from __future__ import annotations

import difflib
import functools
import math
import re
import types
import typing
from collections.abc import Collection, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from jsonargparse import ArgumentParser, Namespace


@dataclass(frozen=True, kw_only=True)
class Where:
    """Which data.

    Attributes:
        data: name of a data set (see "graphcondense datasets") or a file that ends in .npz or .pt;
            of images also a folder of idx files, of users by items a MovieLens file or folder, or
            a file that ends in .inter (RecBole), .csv or .tsv.
        root: folder that has the data sets; by default $GRAPHCONDENSE_DATA, else
            ~/.cache/graphcondense.
        split: what trains, validates and tests; by default the published split, else a seeded one.
            One graph: "public", "full", "seeded" or "random". Sets of graphs: "scaffold" (OGB's
            own) or "stratified" (seeded, class by class). Users by items: "authors" (of a folder
            with index.npz) or "random" (80/10/10 % of each user's items).
        data_seed: draws the splits "seeded", "random" and "stratified".
        normalize: of features; "auto" does what papers do with this data set.
        label_kind: of a file of graphs whose labels may be one or the other, what they are.
    """

    data: str | None = None
    root: str | None = None
    split: (
        Literal["public", "full", "seeded", "random", "scaffold", "stratified", "authors"] | None
    ) = None
    data_seed: int = 0
    normalize: Literal["auto", "row", "standard", "none"] = "auto"
    label_kind: Literal["classes", "binary", "regression"] | None = None

    def load(self, kind: str | None = None) -> Any:
        """The data, as :func:`graphcondense.condense` takes them.

        Args:
            kind: ``"image"`` opens images, ``"rows"`` users by items; other kinds follow from the
                data.
        """
        from graphcondense.data import as_task, load, load_graphs
        from graphcondense.data.catalogue import kind_of_name
        from graphcondense.data.kind import data_kind

        name, split, seed = self.named(), self.split, self.data_seed
        if self.label_kind is not None:
            if self.normalize not in ("auto", "none") or kind_of_name(name) != "graph":
                raise ValueError(
                    f"--label-kind {self.label_kind} is for sets of graphs, which have no "
                    "--normalize"
                )
            label_kind = self.label_kind
            return load_graphs(name, self.root, split=split, seed=seed, label_kind=label_kind)
        kind = kind or kind_of_name(name)
        # "none" is what is done with data that know no other normalisation.
        takes = self.normalize != "none" or "normalize" in data_kind(kind).options
        normalize = self.normalize if takes else "auto"
        data = load(name, self.root, split=split, seed=seed, normalize=normalize, kind=kind)
        return as_task(data) if kind == "node" else data

    def named(self) -> str:
        """What ``--data`` says.

        Raises:
            ValueError: nothing.
        """
        if self.data is None:
            raise ValueError("which data? give --data NAME or --data FILE; names: datasets")
        return self.data

    @property
    def stem(self) -> str:
        """The data's name as a part of a file name."""
        path = Path(str(self.data))
        return (path.stem if path.suffix in (".npz", ".pt") else path.name).lower()


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


def make_parser(command: str, description: str, *, add_help: bool = True) -> ArgumentParser:
    """A parser that raises its errors, for :func:`main` to print."""
    import yaml
    from jsonargparse import ArgumentParser, set_loader

    from graphcondense.ops.yaml import read_typed

    set_loader("typed", read_typed, (yaml.YAMLError,))
    return ArgumentParser(
        prog=f"graphcondense {command}",
        description=description,
        exit_on_error=False,
        allow_abbrev=False,
        add_help=add_help,
        parser_mode="typed",
    )


def add_fields(
    parser: ArgumentParser,
    title: str,
    cls: type[Any],
    *,
    only: Collection[str] | None = None,
    helps: Mapping[str, str] | None = None,
) -> None:
    """A flag for every field of a dataclass, with the help that its docstrings have.

    Args:
        parser: where to add them.
        title: heading of the group.
        cls: the dataclass.
        only: names of fields; by default all.
        helps: help that differs from the docstrings'.
    """
    from jsonargparse import ActionYesNo

    group = parser.add_argument_group(title)
    hints, docs = typing.get_type_hints(cls), {**field_docs(cls), **(helps or {})}
    numbers = _plain_numbers()
    for field in fields(cls):
        if only is not None and field.name not in only:
            continue
        hint = hints[field.name]
        how: dict[str, Any] = {"type": _swapped(hint, numbers)}
        if hint is bool:
            how = {"action": ActionYesNo(no_prefix="no-")}
        flag = "--" + field.name.replace("_", "-")
        group.add_argument(flag, default=field.default, help=docs.get(field.name, ""), **how)


class _Shown(type):
    """The type of types that are printed by their name alone."""

    def __repr__(cls) -> str:
        return cls.__name__


@functools.cache
def _plain_numbers() -> dict[Any, Any]:
    """Types that jsonargparse reads as numbers are written everywhere: in decimal digits.

    It reads whole numbers as YAML 1.1 does, where ``1:30`` is 90 (base 60), ``010`` is 8 or 10,
    and ``0x10``, ``0b11`` and ``1_000`` are numbers. Here all of these are refused, and so are
    ``nan`` and ``inf``.
    """
    from jsonargparse.typing import register_type

    out: dict[Any, Any] = {}
    for kind, form, what in (
        (int, r"[-+]?(0|[1-9][0-9]*)", "an int in decimal digits, such as 30"),
        (float, r"[-+]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][-+]?[0-9]+)?", "a float, such as 0.5"),
    ):
        # A class of its own, since the library has its mind made up about int and float; its name
        # is what --help shows.
        marker = _Shown(kind.__name__, (), {})
        read = functools.partial(_read_number, kind, re.compile(form), what)
        register_type(marker, str, read, type_check=lambda value, _: False)
        out[kind] = marker
    return out


def _read_number(kind: Any, form: re.Pattern[str], what: str, value: Any) -> Any:
    """A number from a word, or as it is."""
    number = isinstance(value, int | float) and not isinstance(value, bool)
    right = number and (kind is float or isinstance(value, int))
    if right or (isinstance(value, str) and form.fullmatch(value)):
        found = kind(value)
        if math.isfinite(found):
            return found
    raise ValueError(f"Expected {what}. Got value: {value}")


def _swapped(hint: Any, numbers: Mapping[Any, Any]) -> Any:
    """A type with other types in the place of some."""
    args = typing.get_args(hint)
    if not args or typing.get_origin(hint) is Literal:
        return numbers.get(hint, hint)
    parts = tuple(part if part is Ellipsis else _swapped(part, numbers) for part in args)
    origin = typing.get_origin(hint)
    if origin in (typing.Union, types.UnionType):
        return typing.Union[parts]  # noqa: UP007
    return origin[parts]


def numbers(flag: str, text: str, kind: type[Any]) -> tuple[Any, ...]:
    """Numbers with commas between.

    >>> numbers("widths", "16,32", int)
    (16, 32)
    """
    try:
        return tuple(kind(part) for part in text.split(","))
    except ValueError as error:
        raise ValueError(f"--{flag} {text}: give numbers with commas between") from error


def field_docs(cls: type[Any]) -> dict[str, str]:
    """What the docstrings of a class and its parents say of its fields, as plain text."""
    import docstring_parser

    out: dict[str, str] = {}
    for base in reversed(cls.__mro__):
        for param in docstring_parser.parse(base.__dict__.get("__doc__") or "").params:
            text = re.sub(r":\w+:`~?(?:[\w.]+\.)?(\w+)`", r"\1", param.description or "")
            text = text.replace('``"', '"').replace('"``', '"').replace("``", "'")
            text = " ".join(text.split())
            out |= {name.strip(): text for name in param.arg_name.split(",")}
    return out


def parse(parser: ArgumentParser, argv: list[str]) -> Namespace:
    """Parse, with errors as a ``ValueError`` of one line.

    Raises:
        ValueError: an unknown flag, with the nearest known ones, or a value of the wrong type.
    """
    from jsonargparse import ArgumentError

    try:
        return parser.parse_args(argv)
    except ArgumentError as error:
        text = " ".join(str(error).split())
    if unknown := re.match(r"unrecognized arguments: (--[\w-]+)", text):
        known = re.findall(r"--[\w-]+", parser.format_usage())
        near = difflib.get_close_matches(unknown[1], known, n=3)
        hint = f"did you mean {', '.join(near)}?" if near else "--help lists all"
        raise ValueError(f"unknown flag {unknown[1]}; {hint}")
    text = text.replace("Not of type int: ", "").replace("Not of type float: ", "")
    flag = re.sub(r'^Parser key "(\w+)":', lambda m: f"--{m[1].replace('_', '-')}:", text)
    plain = re.sub(r"<class '(?:[\w.]+\.)?(\w+)'>|typing\.", r"\1", flag)
    union = r"Does not validate .* Subtypes: \[(.*)\] Errors: .* Given value: "
    raise ValueError(re.sub(union, r"Expected one of \1. Got value: ", plain))


def named_in(argv: Collection[str]) -> set[str]:
    """The fields whose flags stand on a command line.

    >>> sorted(named_in(["--per-class=2", "--seed", "1", "--no-progress"]))
    ['per_class', 'progress', 'seed']
    """
    flags = {word[2:].partition("=")[0] for word in argv if word.startswith("--")}
    return {flag.removeprefix("no-").replace("-", "_") for flag in flags}


def asked_for(cls: type[Any], values: Mapping[str, Any], argv: Collection[str]) -> dict[str, Any]:
    """``values`` without the fields of ``cls`` that nobody asked for: defaults not named."""
    named, defaults = named_in(argv), {f.name: f.default for f in fields(cls)}
    return {k: v for k, v in values.items() if k not in defaults or k in named or v != defaults[k]}


def summary_of(thing: Any) -> str:
    """The first line of a docstring."""
    return str(thing.__doc__).strip().splitlines()[0]
