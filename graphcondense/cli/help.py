"""Help, the table of methods and shell completion, without importing torch.

Flags come from the signatures of functions and dataclasses that need torch, which takes seconds to
import. So what they say is written once into ``index.json``, beside this file; a test compares it
with the code. After a change of a method, a flag or a docstring::

    python -m graphcondense.cli.index

Where methods of others are installed or named with ``--plugin``, the index is not used.
"""

from __future__ import annotations

import argparse
import contextlib
import functools
import importlib
import json
import re
import shutil
import sys
from collections.abc import Callable, Mapping, Sequence
from importlib.metadata import entry_points
from pathlib import Path
from typing import TypedDict

INDEX = Path(__file__).with_name("index.json")
COMMANDS = {
    "demo": "demo",
    "advise": "advise",
    "condense": "condense",
    "evaluate": "evaluate",
    "compare": "compare",
    "bench": "bench",
    "properties": "measure",
    "privacy": "measure",
    "robustness": "robustness",
    "serve": "measure",
    "nas": "measure",
    "tune": "measure",
    "continual": "continual",
    "report": "report",
    "export": "export",
    "import": "importing",
    "zoo": "zoo",
    "methods": "listing",
    "datasets": "listing",
    "show": "listing",
    "completion": "listing",
}
"""Every command, and the module of this package that has it."""

Flag = tuple[list[str], str, str]
"""As typed, what stands for the value (nothing for a switch), and the help."""


class Group(TypedDict):
    """Flags under one heading."""

    title: str
    flags: list[Flag]


class Part(TypedDict):
    """The help of one parser; ``usage`` is empty where only a form of a method is listed."""

    usage: str
    about: str
    words: list[str]
    groups: list[int]


class Index(TypedDict):
    """What ``index.json`` holds.

    Attributes:
        commands: the first line on each command.
        methods: the rows of :func:`graphcondense.methods`.
        kinds: kind of data of every data set, by its name.
        groups: all groups of flags; most are shared.
        pages: the parts of every help, by the words that it is asked for with.
    """

    commands: dict[str, str]
    methods: list[dict[str, str]]
    kinds: dict[str, str]
    groups: list[Group]
    pages: dict[str, list[Part]]


def find_command(name: str) -> Callable[[list[str]], object]:
    """The function behind a command; imports its module."""
    module = importlib.import_module(f"graphcondense.cli.{COMMANDS[name]}")
    if COMMANDS[name] == "measure":
        return functools.partial(module.command_measure, name)
    found: Callable[[list[str]], object] = getattr(module, f"command_{name}")
    return found


@functools.cache
def read_index() -> Index:
    """The packaged index."""
    found: Index = json.loads(INDEX.read_text(encoding="utf-8"))
    return found


@functools.cache
def has_plugins() -> bool:
    """Whether packages of others enter methods."""
    return bool(entry_points(group="graphcondense.methods"))


def method_rows() -> list[dict[str, str]]:
    """The rows of :func:`graphcondense.methods`, from the index while no method is imported."""
    if "graphcondense.methods" not in sys.modules and not has_plugins():
        return read_index()["methods"]
    from graphcondense.methods import methods

    return methods()


def glance(words: Sequence[str], *flags: str) -> argparse.Namespace:
    """The values of a few flags, before the others are known; ``""`` for one without a value."""
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False, exit_on_error=False)
    for flag in flags:
        parser.add_argument(flag, nargs="?", const="")
    return parser.parse_known_args(list(words))[0]


def asks_help(words: Sequence[str]) -> bool:
    """Whether help is asked for."""
    return bool({"-h", "--help"} & set(words))


def overview() -> str:
    """What ``graphcondense --help`` prints."""
    lines = [
        "usage: graphcondense COMMAND ...",
        "",
        "Condense a large data set into a tiny synthetic one that trains the same models.",
        "",
        "commands:",
        *(f"  {name:<10} {about}" for name, about in read_index()["commands"].items()),
        "",
        "graphcondense COMMAND --help says more. Start with: graphcondense demo",
        "Every command takes --quiet, --json and --plugin FILE (a method of your own).",
    ]
    return "\n".join(lines)


def page_of(words: Sequence[str]) -> str | None:
    """The help that is asked for, from the index; ``None`` where that does not say.

    >>> page_of(["condense", "gcond", "--help"]).splitlines()[0][:40]
    'usage: graphcondense condense gcond [-h]'
    """
    index, command = read_index(), words[0]
    asked = glance(words[1:], "--data", "--config", "--method")
    key = command
    if asked.config:
        return None
    if command == "condense" and not words[1].startswith("-"):
        key = f"condense {method_key(words[1])}"
        if asked.data:
            kind = index["kinds"].get(data_key(asked.data), "")
            key = next((k for k in (f"{key} {kind}", key) if kind and k in index["pages"]), "")
    if command == "robustness" and asked.method:
        key = f"robustness {method_key(asked.method)}"
    parts = index["pages"].get(key)
    return None if parts is None else render(parts, index["groups"])


def method_key(name: str) -> str:
    """What two spellings of a method's name have in common."""
    return name.lower().replace("_", "-")


def data_key(name: str) -> str:
    """As :func:`graphcondense.data.known.name_key`, which is behind heavy imports."""
    return re.sub(r"[-_\s]", "", name.lower())


def render(parts: Sequence[Part], groups: Sequence[Group]) -> str:
    """Help in the form that Python's own parser gives it."""
    out = []
    width = min(shutil.get_terminal_size().columns, 100) - 2
    form = functools.partial(argparse.HelpFormatter, width=width)
    for part in parts:
        usage = None if part["usage"] else argparse.SUPPRESS
        parser = argparse.ArgumentParser(
            part["usage"], usage, part["about"], add_help=False, formatter_class=form
        )
        _fill(parser, part, groups)
        out.append(parser.format_help())
    return "\n".join(out).rstrip()


def _fill(
    parser: argparse.ArgumentParser, part: Part, groups: Sequence[Group], hints: bool = False
) -> None:
    """Add the words and flags of a part; with ``hints`` the choices that a shell completes."""
    if part["words"]:
        name, words, nargs = part["words"]
        parser.add_argument(name, help=words.replace("%", "%%"), nargs=nargs or None)
    for group in (groups[number] for number in part["groups"]):
        section = parser.add_argument_group(group["title"])
        for names, metavar, words in group["flags"]:
            words = words.replace("%", "%%")
            with contextlib.suppress(argparse.ArgumentError):  # two methods have a flag
                if not metavar:
                    section.add_argument(*names, action="store_true", help=words)
                elif hints and metavar.startswith("{"):
                    choices = metavar.strip("{}").split(",")
                    section.add_argument(*names, choices=choices, help=words)
                else:
                    section.add_argument(*names, metavar=metavar, help=words)


def completion(shell: str) -> str:
    """The script that a shell completes commands, methods and flags with; shtab writes it.

    Raises:
        ValueError: another shell.
    """
    import shtab

    if shell not in shtab.SUPPORTED_SHELLS:
        known = ", ".join(shtab.SUPPORTED_SHELLS)
        raise ValueError(f"no completion for {shell!r}; there is one for {known}")
    index = read_index()
    parser = argparse.ArgumentParser("graphcondense")
    commands = parser.add_subparsers()
    for name, about in index["commands"].items():
        command = commands.add_parser(name, help=about.replace("%", "%%"))
        pages = [key for key in index["pages"] if key == name or key.startswith(f"{name} ")]
        for page in pages:
            for part in index["pages"][page]:
                bare: Part = {**part, "words": part["words"] if name != "condense" else []}
                _fill(command, bare, index["groups"], hints=True)
            if name not in ("condense", "robustness"):
                break
        if name == "condense":
            command.add_argument("method", choices=spelled(index["methods"]))
    script: str = shtab.complete(parser, shell=shell)
    return script


def spelled(rows: Sequence[Mapping[str, str]]) -> list[str]:
    """The names and variants of methods."""
    names = [name for row in rows for name in (row["name"], *row["variants"].split(", "))]
    return sorted(set(names) - {""})
