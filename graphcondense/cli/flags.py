"""Flags from the signatures of functions and dataclasses, and which data a command works on.

No flag restates a parameter: its name, type, default and words are those of the function or
dataclass that it is handed to (:class:`Flags`). What a command alone has, such as where its files
go, is a field of a dataclass beside the command.
"""

from __future__ import annotations

import difflib
import functools
import inspect
import math
import re
import types
import typing
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NoReturn, TypeAlias

import docstring_parser
import yaml
from jsonargparse import ActionYesNo, ArgumentError, ArgumentParser, Namespace, set_loader
from jsonargparse.typing import register_type

from graphcondense.cli.help import asks_help
from graphcondense.cli.tables import Table
from graphcondense.ops.yaml import read_typed

if TYPE_CHECKING:
    from graphcondense.data import GraphTask, HeteroTask, ImageTask, InteractionTask, NodeTask
    from graphcondense.ops.types import JsonValue

    Task: TypeAlias = NodeTask | GraphTask | ImageTask | InteractionTask | HeteroTask


@dataclass(frozen=True, kw_only=True)
class Where(Table):
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
    label_kind: Literal["classes", "binary", "regression"] | None = None

    def load(self, kind: str | None = None, memory: int | str | None = None) -> Task:
        """The data, as :func:`graphcondense.condense` takes them.

        Args:
            kind: ``"image"`` opens images, ``"rows"`` users by items; other kinds follow from the
                data.
            memory: a limit, see :class:`graphcondense.run.options.Run`.
        """
        from graphcondense.data import as_task, load, load_graphs, mapped_task
        from graphcondense.data.catalogue import kind_of_name
        from graphcondense.data.kind import data_kind

        self.check()
        if self.table is not None:
            self._check_beside(memory)
            return self.read(self.label_kind, self.data_seed)
        name, split, seed = self.named(), self.split, self.data_seed
        if self.label_kind is not None:
            found, label_kind = kind_of_name(name), self.label_kind
            if found not in ("graph", "node"):
                raise ValueError(
                    f"--label-kind {label_kind} is for sets of graphs and for one graph with "
                    f"labelled nodes, {name} is {data_kind(found).words}: leave it out"
                )
            if found == "graph":
                if self.normalize not in ("auto", "none"):
                    raise ValueError(
                        f"--label-kind {label_kind}: sets of graphs have no --normalize; leave it "
                        "out"
                    )
                return load_graphs(name, self.root, split=split, seed=seed, label_kind=label_kind)
            if memory is not None:
                raise ValueError(
                    f"--label-kind {label_kind} does not go with --memory: set data.label_kind in "
                    "the file"
                )
            normalize = self.normalize
            data = load(name, self.root, split=split, seed=seed, normalize=normalize)
            return as_task(data, label_kind=label_kind)
        if kind is None:
            kind = kind_of_name(name)
        elif not Path(name).suffix:
            kind_of_name(name)  # where no kind knows it, the message names the nearest of all
        # "none" is what is done with data that know no other normalisation.
        takes = self.normalize != "none" or "normalize" in data_kind(kind).options
        normalize = self.normalize if takes else "auto"
        data = load(name, self.root, split=split, seed=seed, normalize=normalize, kind=kind)
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


@dataclass(frozen=True, kw_only=True)
class Common:
    """The command line itself.

    Attributes:
        quiet: print nothing but the result: no progress, no remarks.
        json: print the result as one JSON document, all else on stderr; with a file that ends in
            .json it is written there, beside what is printed.
        plugin: a Python file of yours that defines a method, which is then used like any other. It
            is run as it is: name only files that you trust.
    """

    quiet: bool = False
    json: str | None = None
    plugin: str | None = None


@dataclass(frozen=True)
class Option:
    """One flag.

    Attributes:
        dest: its name with underscores, and where the parser puts it.
        name: of the parameter that it is handed to.
        hint: type of that parameter.
        default: of the parser; a sequence is text with commas.
        words: the help.
        commas: whether it is a sequence that is written with commas.
        every: what ``all`` stands for, of such a sequence.
    """

    dest: str
    name: str
    hint: object
    default: object
    words: str
    commas: bool = False
    every: object = None

    @property
    def flags(self) -> list[str]:
        """As typed: ``--lr-x``, or ``--anneal`` and ``--no-anneal``."""
        flag = self.dest.replace("_", "-")
        return [f"--{flag}", f"--no-{flag}"] if self.switch else [f"--{flag}"]

    @property
    def switch(self) -> bool:
        """Whether it is a yes or no."""
        return self.hint is bool

    @property
    def metavar(self) -> str:
        """What stands for the value: its name, or the choices; nothing for a switch."""
        args = [hint for hint in typing.get_args(self.hint) if hint is not type(None)]
        for hint in (self.hint, *(args if len(args) == 1 else ())):
            if typing.get_origin(hint) is Literal:
                return "{" + ",".join(map(str, typing.get_args(hint))) + "}"
        return "" if self.switch else self.dest.upper()

    @property
    def kind(self) -> str:
        """The type in words."""
        if self.commas:
            return "values with commas between"
        known = {int: "a whole number", float: "a number"}
        hints = [self.hint, *typing.get_args(self.hint)]
        if str in hints:
            return ""
        return next((known[hint] for hint in hints if hint in known), "")

    @property
    def help(self) -> str:
        """The words, the type and the default."""
        default = "yes" if self.default is True else self.default
        plain = self.default is None or self.default is False
        more = ", ".join(filter(None, [self.kind, "" if plain else f"default {default}"]))
        return f"{self.words} ({more})" if more else self.words

    def read(self, value: object) -> object:
        """The parameter's value from the parser's.

        Raises:
            ValueError: members that are no numbers, an empty name, or one that is named twice.
        """
        if not self.commas or not isinstance(value, str):
            return value
        if value == "all" and self.every is not None:
            return self.every
        if value == "none" and self.name == "baselines":
            return ()
        kinds = [typing.get_args(h)[0] for h in _sequences(self.hint)]
        if kinds and kinds[0] in (int, float):
            try:
                return tuple(kinds[0](part) for part in value.strip("[]").split(","))
            except ValueError as error:
                message = f"{self.flags[0]} {value}: give numbers with commas between"
                raise ValueError(message) from error
        from graphcondense.ops.fields import listed

        return tuple(listed(value, self.dest))


class Flags:
    """The parameters of a function, or the fields of a dataclass, as flags of one group.

    Args:
        title: heading of the group.
        thing: the function or dataclass; keyword parameters alone.
        only: names of parameters; by default all.
        skip: names of parameters that the command fills in itself.
        renamed: flags that are called otherwise than their parameters.
        prefix: before every flag's name.
        defaults: that differ from the signature's, such as those of a method's variant.
        words: help that differs from the docstring's.
        unset: leave every flag ``None`` that is not given, so that :meth:`values` has it not.
    """

    def __init__(
        self,
        title: str,
        thing: Callable[..., object],
        *,
        only: Collection[str] | None = None,
        skip: Collection[str] = (),
        renamed: Mapping[str, str] | None = None,
        prefix: str = "",
        defaults: Mapping[str, object] | None = None,
        words: Mapping[str, str] | None = None,
        unset: bool = False,
    ) -> None:
        self.title, self.thing, self.unset = title, thing, unset
        hints, docs = hints_of(thing), {**field_docs(thing), **(words or {})}
        self.options: list[Option] = []
        for name, parameter in inspect.signature(thing).parameters.items():
            left = name in (skip if only is None else [])
            if left or (only is not None and name not in only) or parameter.kind not in NAMED:
                continue
            hint, every = hints[name], (defaults or {}).get(name, parameter.default)
            # A method's own sequences are written as lists, as its config has them.
            commas = _by_commas(hint) and not hasattr(thing, "variants")
            default = every
            if commas and isinstance(every, tuple | list):
                default = ",".join(f"{v:g}" if isinstance(v, float) else str(v) for v in every)
            help_text = docs.get(name, "")
            if unset and every is not None and "by default" not in help_text:
                shown = ("yes" if every else "no") if hint is bool else default
                help_text = f"{help_text.rstrip('.')}; by default {shown}"
            dest = (renamed or {}).get(name, prefix + name)
            given = None if unset else default
            self.options.append(Option(dest, name, hint, given, help_text, commas, every))

    def values(self, args: Namespace) -> dict[str, object]:
        """The parameters, from what was parsed."""
        given = {option.name: option.read(args[option.dest]) for option in self.options}
        return {k: v for k, v in given.items() if not (self.unset and v is None)}


NAMED = (inspect.Parameter.KEYWORD_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)


class Parser(ArgumentParser):
    """A parser that raises its errors, for :func:`~graphcondense.cli.main` to print.

    Attributes:
        flag_groups: the flags, for the help.
        words: of what is given without a flag: its name, its help, and how many; or nothing.
    """

    flag_groups: list[Flags]
    words: tuple[str, ...]

    def add(self, *groups: Flags) -> None:
        """Add flags."""
        for flags in groups:
            self.flag_groups.append(flags)
            group = self.add_argument_group(flags.title)
            for option in flags.options:
                how = (
                    {"action": ActionYesNo(no_prefix="no-")}
                    if option.switch
                    else {"type": _typed(option.hint, option.commas)}
                )
                flag, words = option.flags[0], option.words
                group.add_argument(flag, default=option.default, help=words, **how)

    def add_words(self, name: str, words: str, nargs: str = "") -> None:
        """Add what is given without a flag: one, or as many as ``nargs`` says."""
        self.words = name, words, nargs
        self.add_argument(name, help=words, nargs=nargs or None)


COMMON = "all commands"
"""Heading of the flags that all have."""


class HelpAsked(Exception):  # noqa: N818 - no error
    """``--help`` was given: the parsers whose flags are to be shown."""

    def __init__(self, *parsers: Parser) -> None:
        super().__init__()
        self.parsers = parsers


def make_parser(command: str, description: str) -> Parser:
    """A parser with the flags that all commands have."""
    set_loader("typed", read_typed, (yaml.YAMLError,))
    parser = Parser(
        prog=f"graphcondense {command}".strip(),
        description=description,
        exit_on_error=False,
        allow_abbrev=False,
        add_help=False,
        parser_mode="typed",
    )
    parser.flag_groups, parser.words = [], ()
    parser.add(Flags(COMMON, Common))
    return parser


def parse(parser: Parser, argv: Sequence[str]) -> Namespace:
    """Parse, with errors as a ``ValueError`` of one line.

    Raises:
        HelpAsked: ``--help`` is among the words.
        ValueError: an unknown flag, with the nearest known ones, a value of the wrong type, or an
            empty one, as an unset variable of a shell gives.
    """
    if asks_help(argv):
        raise HelpAsked(parser)
    try:
        args = parser.parse_args(list(argv))
    except ArgumentError as error:
        _explain(parser, " ".join(str(error).split()))
    for name, *_ in [parser.words] if parser.words else ():
        given = args[name]
        if "" in (given if isinstance(given, list) else [given]):
            raise ValueError(f"{name} '' is empty; --help says what it takes")
    for option in (option for flags in parser.flag_groups for option in flags.options):
        if args[option.dest] == "" != option.default:
            raise ValueError(f"{option.flags[0]} '' is empty: give a value, or leave the flag out")
    return args


def _explain(parser: Parser, text: str) -> NoReturn:
    """Raise the parser's error as one that says what is wrong and how to put it right."""
    options = {option.dest: option for flags in parser.flag_groups for option in flags.options}
    if unknown := re.match(r"unrecognized arguments: (--[\w-]+)", text):
        known = [flag for option in options.values() for flag in option.flags]
        near = difflib.get_close_matches(unknown[1], known, n=3)
        hint = f"did you mean {', '.join(near)}?" if near else "--help lists all"
        raise ValueError(f"unknown flag {unknown[1]}; {hint}")
    wrong = re.match(r'Parser key "(\w+)":.*[Vv]alue: (.*)$', text)
    option = options.get(wrong[1]) if wrong else None
    if not wrong or not option:
        raise ValueError(text)
    flag = option.flags[0]
    if option.metavar.startswith("{"):
        choices = option.metavar.strip("{}").split(",")
        near = difflib.get_close_matches(wrong[2], choices, n=1)
        hint = f"; did you mean {flag} {near[0]}?" if near else ""
        raise ValueError(f"{flag}: {wrong[2]} is none of {', '.join(choices)}{hint}")
    example = {"a whole number": "30", "a number": "0.5"}.get(option.kind)
    if example is None:
        raise ValueError(f"{flag}: {wrong[2]} is not what it takes: {option.words}")
    if option.hint not in (int, float) and "tuple" in str(option.hint):
        raise ValueError(f"{flag}: {wrong[2]} is no list of numbers; such as {flag} [1, {example}]")
    if dict[str, int] in typing.get_args(option.hint):
        raise ValueError(
            f"{flag}: {wrong[2]} is neither {option.kind} in decimal digits nor one by name; give "
            f"{flag} {example}, or {flag} paper={example} author=10, each name once"
        )
    raise ValueError(
        f"{flag}: {wrong[2]} is not {option.kind} in decimal digits; give one such as "
        f"{flag} {example}"
    )


class _Shown(type):
    """The type of types that are printed by their name alone."""

    def __repr__(cls) -> str:
        return cls.__name__


@functools.cache
def _plain_numbers() -> dict[object, type]:
    """Types that jsonargparse reads as numbers are written everywhere: in decimal digits.

    It reads whole numbers as YAML 1.1 does, where ``1:30`` is 90 (base 60), ``010`` is 8 or 10,
    and ``0x10``, ``0b11`` and ``1_000`` are numbers. Here all of these are refused, and so are
    ``nan`` and ``inf``.
    """
    out: dict[object, type] = {}
    for kind, form in (
        (int, r"[-+]?(0|[1-9][0-9]*)"),
        (float, r"[-+]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][-+]?[0-9]+)?"),
    ):
        # A class of its own, since the library has its mind made up about int and float.
        marker = _Shown(kind.__name__, (), {})
        read = functools.partial(_read_number, kind, re.compile(form))
        register_type(marker, str, read, type_check=lambda value, _: False)
        out[kind] = marker
    marker = _Shown("NAME=NUMBER", (), {})
    register_type(marker, str, _read_by_name, type_check=lambda value, _: False)
    out[dict[str, int]] = marker
    return out


def _read_by_name(value: object) -> dict[str, int]:
    """Whole numbers by name, written ``paper=600,author=200``, or as a config has them."""
    if isinstance(value, Mapping):
        return dict(value)
    pairs = [part.partition("=") for part in str(value).split(",")]
    names = [name.strip() for name, _, _ in pairs]
    form = re.compile(r"0|[1-9][0-9]*")
    if not all(names) or not all(form.fullmatch(number.strip()) for _, _, number in pairs):
        raise ValueError(f"Got value: {value}")
    if len(set(names)) < len(names):
        raise ValueError(f"Got value: {value}")
    return {name: int(number) for name, (_, _, number) in zip(names, pairs, strict=True)}


def _read_number(kind: type[int] | type[float], form: re.Pattern[str], value: object) -> float:
    """A number from a word, or as it is."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise ValueError(f"Got value: {value}")
    right = form.fullmatch(value) if isinstance(value, str) else kind(value) == value
    if not right or not math.isfinite(found := kind(value)):
        raise ValueError(f"Got value: {value}")
    return found


def _sequences(hint: object) -> list[object]:
    """The sequence types in a type."""
    parts = [hint, *typing.get_args(hint)]
    return [part for part in parts if typing.get_origin(part) in (Sequence, tuple)]


def _by_commas(hint: object) -> bool:
    """Whether a parameter is written with commas: a sequence where one value is no shorthand."""
    shorthand = typing.get_origin(hint) in UNIONS and {int, float} & set(typing.get_args(hint))
    return bool(_sequences(hint)) and not shorthand


def _typed(hint: object, commas: bool) -> object:
    """What the parser reads for a parameter.

    Text where text is allowed or commas are; a count where seeds may be listed, too.
    """
    if isinstance(hint, str):  # an alias that names classes of models beside their names
        return str
    origin, args = typing.get_origin(hint), typing.get_args(hint)
    if hint == dict[str, int]:
        return _plain_numbers()[hint]
    if commas:
        return str if origin not in UNIONS or type(None) not in args else str | None
    if not args or origin is Literal:
        return _plain_numbers().get(hint, hint)
    if origin in UNIONS:
        kept = [arg for arg in args if not _sequences(arg)] or list(args)
        if str in args:
            kept = [arg for arg in args if arg in (str, type(None))]
        return typing.Union[tuple(_typed(arg, False) for arg in kept)]  # noqa: UP007
    parts = [part if part is Ellipsis else _typed(part, False) for part in args]
    return types.GenericAlias(typing.cast(type, origin), tuple(parts))


UNIONS = (typing.Union, types.UnionType)


def hints_of(thing: Callable[..., object]) -> dict[str, object]:
    """The types of a function's parameters, or of a dataclass's fields."""
    if is_dataclass(thing):
        return dict(typing.get_type_hints(thing))
    parameters = inspect.signature(thing, eval_str=True).parameters
    return {name: _bare(parameter.annotation) for name, parameter in parameters.items()}


def _bare(hint: object) -> object:
    """A type without what is said of it beside."""
    return typing.get_args(hint)[0] if typing.get_origin(hint) is typing.Annotated else hint


@functools.cache
def field_docs(thing: Callable[..., object]) -> dict[str, str]:
    """What the docstrings of a function, or of a class and its parents, say of its parameters."""
    out: dict[str, str] = {}
    for base in reversed(getattr(thing, "__mro__", (thing,))):
        text_of = base.__dict__.get("__doc__") if isinstance(base, type) else base.__doc__
        for param in docstring_parser.parse(text_of or "").params:
            text = re.sub(r":\w+:`~?(?:[\w.]+\.)?(\w+)`", r"\1", param.description or "")
            text = text.replace('``"', '"').replace('"``', '"').replace("``", "'")
            text = " ".join(text.split())
            out |= {name.strip(): text for name in param.arg_name.split(",")}
    return out


def named_in(argv: Collection[str]) -> set[str]:
    """The fields whose flags stand on a command line.

    >>> sorted(named_in(["--per-class=2", "--seed", "1", "--no-progress"]))
    ['per_class', 'progress', 'seed']
    """
    flags = {word[2:].partition("=")[0] for word in argv if word.startswith("--")}
    return {flag.removeprefix("no-").replace("-", "_") for flag in flags}


def asked_for(
    cls: type[object], values: Mapping[str, object], argv: Collection[str]
) -> dict[str, object]:
    """``values`` without the fields of ``cls`` that nobody asked for: defaults not named."""
    named = named_in(argv)
    defaults = {k: p.default for k, p in inspect.signature(cls).parameters.items()}
    return {k: v for k, v in values.items() if k not in defaults or k in named or v != defaults[k]}


def summary_of(thing: object) -> str:
    """The first line of a docstring."""
    return str(thing.__doc__).strip().splitlines()[0]


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
