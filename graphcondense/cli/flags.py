"""Flags from the signatures of functions and dataclasses.

No flag restates a parameter: its name, type, default and words are those of the function or
dataclass that it is handed to (:class:`Flags`). What a command alone has, such as where its files
go, is a field of a dataclass beside the command.
"""

from __future__ import annotations

import functools
import inspect
import re
import typing
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, NoReturn

import docstring_parser
import yaml
from jsonargparse import ActionYesNo, ArgumentError, ArgumentParser, Namespace, set_loader

from graphcondense.cli.help import asks_help
from graphcondense.cli.hints import by_commas, hints_of, sequences, typed
from graphcondense.ops.names import meant, near
from graphcondense.ops.yaml import read_typed


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
        found = next((known[hint] for hint in hints if hint in known), "")
        off = type(None) in hints and self.default is not None
        return f"{found} or none" if found and off else found

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
        kinds = [typing.get_args(h)[0] for h in sequences(self.hint)]
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
            commas = by_commas(hint) and not hasattr(thing, "variants")
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
                    else {"type": typed(option.hint, option.commas)}
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
        hint = meant(unknown[1], known, "--help lists all")
        raise ValueError(f"unknown flag {unknown[1]}; {hint}")
    wrong = re.match(r'Parser key "(\w+)":.*[Vv]alue: (.*)$', text)
    option = options.get(wrong[1]) if wrong else None
    if not wrong or not option:
        raise ValueError(text)
    flag = option.flags[0]
    if option.metavar.startswith("{"):
        choices = option.metavar.strip("{}").split(",")
        hint = "".join(f"; did you mean {flag} {one}?" for one in near(wrong[2], choices, 1))
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
