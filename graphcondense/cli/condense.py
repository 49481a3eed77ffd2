"""graphcondense condense."""

from __future__ import annotations

import argparse
import shlex
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from graphcondense.cli.flags import (
    Where,
    add_fields,
    asked_for,
    kind_of,
    make_parser,
    named_in,
    parse,
    summary_of,
)
from graphcondense.cli.folders import BUDGETS, config_flags, draw, prepare, read_config, size
from graphcondense.cli.runs import check_device
from graphcondense.cli.text import note, say, summary

if TYPE_CHECKING:
    from jsonargparse import ArgumentParser, Namespace

    from graphcondense.core.method import Method
    from graphcondense.ops.budget import Budget


@dataclass(frozen=True, kw_only=True)
class Start:
    """Where values come from.

    Attributes:
        preset: a section of the method's preset file; "auto" takes the one that is called like the
            data set, if there is one; "none" takes none. Flags win over it.
        config: the config.yaml of an earlier run, to repeat it. Flags win over it.
        overwrite: start anew in a folder that has a run.
    """

    preset: str = "auto"
    config: str | None = None
    overwrite: bool = False


def command_condense(argv: list[str]) -> None:
    """Condense a data set with one method, into a run folder."""
    from graphcondense.methods import find_method, methods

    early = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    early.add_argument("--config", nargs="?")
    early.add_argument("--data", nargs="?")
    flags, asked = early.parse_known_args(argv)[0], bool({"-h", "--help"} & set(argv))
    path = flags.config
    config = read_config(Path(path)) if path else {}
    named = bool(argv) and not argv[0].startswith("-")
    method = argv[0].lower() if named else config.get("method")
    if method is None:
        known = ", ".join(dict.fromkeys(row["name"] for row in methods()))
        usage = f"usage: graphcondense condense METHOD --data NAME|FILE ...\nmethods: {known}"
        if asked:
            print(f"{usage}\n\ngraphcondense condense METHOD --help lists a method's flags.")
            return
        raise ValueError(f"name a method first\n{usage}")
    if config and method != config["method"]:
        raise ValueError(f"{path} is of method {config['method']}, not {method}")
    forms = forms_of(method)
    data_name = flags.data or config.get("origin", {}).get("data")
    if data_name is None and not asked:
        Where().named()
    if data_name is None and len(forms) > 1:
        print(help_of_forms(forms, method))
        return
    cls, variant = find_method(method, _form(forms, data_name))
    where, data = _data_of(cls, method, argv[named:], config)
    args = _condense_args(cls, variant, method, argv[named:], config, data.name)

    names = {f.name for f in fields(Where)} | {f.name for f in fields(Start)}
    options = {k: v for k, v in vars(args).items() if k not in names}
    folder = Path(args.out or f"runs/{where.stem}-{method}-{size(options)}-seed{args.seed}")
    if args.resume and args.overwrite:
        raise ValueError("--resume goes on and --overwrite starts over: give one of them")
    if not args.resume:
        prepare(folder, args.overwrite)
    options |= {"out": folder, "preset": args.preset}
    small = _run(data, method, options, asdict(where), argv)
    say(summary(small))
    pictures = draw(small, folder, data)
    say(f"\n{folder}: {', '.join(sorted(p.name for p in folder.iterdir() if p.is_file()))}")
    if pictures:
        say(f"next: graphcondense evaluate {shlex.quote(str(folder))}")


def forms_of(method: str) -> dict[str, type[Method]]:
    """The forms of a method by the kind of data they are for.

    Raises:
        ValueError: an unknown method, with the nearest known ones.

    >>> sorted(forms_of("k-center")), sorted(forms_of("gcond-x"))
    (['graph', 'image', 'node'], ['node'])
    """
    from graphcondense.methods import all_methods, find_method

    find_method(method)
    wanted = method.lower().replace("_", "-")
    return {
        kind: cls for (name, kind), cls in all_methods().items() if wanted in (name, *cls.variants)
    }


def _form(forms: Mapping[str, type[Method]], data: str | None) -> str:
    """Which form is meant: the one for the data's kind.

    A name may stand for a graph and for images (the digits): then it is what the method is for.
    """
    if data is None:
        return next(iter(forms))
    kind = kind_of(data)
    return "image" if kind not in forms and "image" in forms else kind


def _data_of(
    cls: type[Method], method: str, argv: list[str], config: Mapping[str, Any]
) -> tuple[Where, Any]:
    """The data that the flags name, opened; the other flags are checked on the way."""
    parser = condense_parser(cls, method)
    names = [f.name for f in fields(Where)]
    parser.set_defaults({k: v for k, v in config_flags(config).items() if k in names})
    args = parse(parser, argv)
    check_device(args.device)
    where = Where(**{name: args[name] for name in names})
    return where, where.load(cls.kind)


def _condense_args(
    cls: type[Method],
    variant: Mapping[str, Any],
    method: str,
    argv: list[str],
    config: Mapping[str, Any],
    data: str = "",
) -> Namespace:
    """All flags; the preset of the data called ``data`` and the config give the defaults.

    The method's fields are complete afterwards; ``preset`` is the section's name, for the record.
    """
    from graphcondense.run import presets, section_of

    parser = condense_parser(cls, method)
    parser.set_defaults(dict(variant))
    asked = parse(parser, argv).preset
    if config and asked != "auto":
        raise ValueError(
            f"--preset {asked}: the config has every field; give --preset or --config alone"
        )
    section = config.get("preset") if config else section_of(cls, asked, data)
    if section and asked == "auto" and not config:
        say(f"preset {section!r} of {cls.name}, because of the data; --preset none leaves it")
    fields_of = presets(cls)[section] if section and not config else {}
    defaults = {**variant, **fields_of, **config_flags(config)}
    if unknown := defaults.keys() - vars(parse(parser, argv)).keys():
        raise ValueError(f"{method} has no option {', '.join(sorted(unknown))}")
    # A budget on the command line stands for any other that a preset or config names.
    if named_in(argv) & set(BUDGETS):
        defaults = {k: v for k, v in defaults.items() if k not in BUDGETS}
    parser.set_defaults(defaults)
    args = parse(parser, argv)
    args.preset = section or "none"
    return args


def condense_parser(cls: type[Method], method: str) -> ArgumentParser:
    """The flags of one method: the fields of its dataclass, and those of a run."""
    parser = make_parser(f"condense {method}", f"{summary_of(cls)}\n{cls.paper}")
    _add_common(parser, cls)
    add_fields(parser, f"{cls.name} itself", cls, only=_own_fields(cls))
    return parser


def help_of_forms(forms: Mapping[str, type[Method]], method: str) -> str:
    """The help of a method with several forms: what they share once, then each form's flags."""
    from graphcondense.ops.budget import Budget

    parser = make_parser(
        f"condense {method}",
        f"{method} has a form for {' and for '.join(KINDS[kind] for kind in forms)}: --data picks.",
    )
    _add_common(parser, Budget)
    parts = [parser.format_help()]
    for kind, cls in forms.items():
        own = make_parser("", f"{summary_of(cls)}\n{cls.paper}", add_help=False)
        own.usage = argparse.SUPPRESS
        add_fields(own, f"{cls.name} for {KINDS[kind]}", cls, only=_own_fields(cls))
        parts.append(own.format_help())
    return "\n".join(parts)


KINDS = {
    "node": "one graph with labelled nodes",
    "graph": "a set of labelled graphs",
    "image": "images",
    "rows": "users by items",
}
"""Kinds of data in words."""


def _add_common(parser: ArgumentParser, method: type[Budget]) -> None:
    """The flags that all methods have; the defaults of the budget are the method's."""
    from graphcondense.run import Run

    add_fields(parser, "data", Where)
    budget = _budget_fields()
    add_fields(parser, "budget (one of nodes, ratio, per-class, bytes)", method, only=budget)
    add_fields(parser, "run", Run, helps={"out": "folder of the run; by default below runs/"})
    add_fields(parser, "preset and config", Start)


def _own_fields(cls: type[Method]) -> list[str]:
    """The fields of a method that are no budget."""
    return [f.name for f in fields(cls) if f.name not in _budget_fields()]


def _budget_fields() -> list[str]:
    from graphcondense.ops.budget import Budget

    return [f.name for f in fields(Budget)]


def _run(
    data: Any, method: str, options: dict[str, Any], origin: dict[str, Any], argv: list[str]
) -> Any:
    """:func:`graphcondense.condense`, which says how to go on when it is interrupted."""
    import graphcondense
    from graphcondense.run import Run

    try:
        asked = asked_for(Run, options, argv)
        return graphcondense.condense(data, method, origin=origin, **asked)
    except KeyboardInterrupt:
        on = ["--resume"] if (options["out"] / "checkpoint.pt").exists() else []
        todo = "go on" if on else "start over"
        again = [word for word in argv if word not in ("--resume", "--overwrite")]
        note(f"to {todo}: {shlex.join(['graphcondense', 'condense', *again, *on])}")
        raise
