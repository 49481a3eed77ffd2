"""graphcondense condense."""

from __future__ import annotations

import argparse
import shlex
from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from graphcondense.cli.flags import Where, add_fields, make_parser, parse, summary_of
from graphcondense.cli.folders import BUDGETS, config_flags, draw, prepare, read_config, size
from graphcondense.cli.text import note, say, summary

if TYPE_CHECKING:
    from jsonargparse import ArgumentParser, Namespace

    from graphcondense.core.method import Method


@dataclass(frozen=True, kw_only=True)
class Start:
    """Where values come from.

    Attributes:
        preset: a section of the method's preset file; by default the one that is called like the
            data set, if there is one; "none" for none. Flags win over it.
        config: the config.yaml of an earlier run, to repeat it. Flags win over it.
        overwrite: start anew in a folder that has a run.
    """

    preset: str | None = None
    config: str | None = None
    overwrite: bool = False


def command_condense(argv: list[str]) -> None:
    """Condense a data set with one method, into a run folder."""
    from graphcondense.core.method import find_method, methods

    early = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    early.add_argument("--config")
    path = early.parse_known_args(argv)[0].config
    config = read_config(Path(path)) if path else {}
    named = bool(argv) and not argv[0].startswith("-")
    method = argv[0].lower() if named else config.get("method")
    if method is None:
        known = ", ".join(dict.fromkeys(row["name"] for row in methods()))
        usage = f"usage: graphcondense condense METHOD --data NAME|FILE ...\nmethods: {known}"
        if {"-h", "--help"} & set(argv):
            print(f"{usage}\n\ngraphcondense condense METHOD --help lists a method's flags.")
            return
        raise ValueError(f"name a method first\n{usage}")
    if config and method != config["method"]:
        raise ValueError(f"{path} is of method {config['method']}, not {method}")
    cls, variant = find_method(method)
    args = _condense_args(cls, variant, method, argv[named:], config)

    names = {f.name for f in fields(Where)} | {f.name for f in fields(Start)}
    options = {k: v for k, v in vars(args).items() if k not in names}
    where = Where(**{f.name: args[f.name] for f in fields(Where)})
    folder = Path(args.out or f"runs/{where.stem}-{method}-{size(options)}-seed{args.seed}")
    if args.resume and args.overwrite:
        raise ValueError("--resume goes on and --overwrite starts over: give one of them")
    data = where.load(cls.domain)
    if not args.resume:
        prepare(folder, args.overwrite)
    repeat = [word for word in argv if word not in ("--resume", "--overwrite")]
    small = _run(data, method, {**options, "out": folder}, asdict(where), repeat)
    say(summary(small))
    pictures = draw(small, folder)
    say(f"\n{folder}: {', '.join(sorted(p.name for p in folder.iterdir() if p.is_file()))}")
    if pictures and cls.domain == "node":
        say(f"next: graphcondense evaluate {shlex.quote(str(folder))}")


def _condense_args(
    cls: type[Method],
    variant: Mapping[str, Any],
    method: str,
    argv: list[str],
    config: Mapping[str, Any],
) -> Namespace:
    """All flags; a first parse finds the data, whose preset the second has as defaults."""
    from graphcondense.run import presets

    parser = condense_parser(cls, method)
    parser.set_defaults(dict(variant))
    args = parse(parser, argv)
    sections = presets(cls)
    section = args.preset
    if section is None and args.data and not config:
        section = preset_of(sections, args.data)
        if section:
            say(f"preset {section!r} of {cls.name}, because of the data; --preset none leaves it")
    if section not in (None, "none", *sections):
        raise ValueError(
            f"{cls.name} has no preset {section!r}; it has {', '.join(sections) or 'none'}"
        )
    defaults = {**variant, **sections.get(section or "none", {}), **config_flags(config)}
    if unknown := defaults.keys() - vars(args).keys():
        raise ValueError(f"{method} has no option {', '.join(sorted(unknown))}")
    # A budget on the command line stands for any other that a preset or config names.
    given = {word[2:].partition("=")[0].replace("-", "_") for word in argv}
    if given & set(BUDGETS):
        defaults = {k: v for k, v in defaults.items() if k not in BUDGETS}
    parser.set_defaults(defaults)
    return parse(parser, argv)


def condense_parser(cls: type[Method], method: str) -> ArgumentParser:
    """The flags of one method: the fields of its dataclass, and those of a run."""
    from graphcondense.ops.budget import Budget
    from graphcondense.run import Run

    parser = make_parser(f"condense {method}", f"{summary_of(cls)}\n{cls.paper}")
    budget = [f.name for f in fields(Budget)]
    add_fields(parser, "data", Where)
    add_fields(parser, "budget (one of nodes, ratio, per-class, bytes)", cls, only=budget)
    add_fields(parser, "run", Run, helps={"out": "folder of the run; by default below runs/"})
    add_fields(parser, "preset and config", Start)
    own = [f.name for f in fields(cls) if f.name not in budget]
    add_fields(parser, f"{cls.name} itself", cls, only=own)
    return parser


def preset_of(sections: Collection[str], data: str) -> str | None:
    """The section that is called like the data set, by any of its names."""
    from graphcondense.data.nodes import KNOWN, name_key

    wanted = name_key(data)
    names = next((k.spellings() for k in KNOWN if wanted in k.spellings()), {wanted})
    return next((section for section in sections if name_key(section) in names), None)


def _run(
    data: Any, method: str, options: dict[str, Any], origin: dict[str, Any], argv: list[str]
) -> Any:
    """:func:`graphcondense.condense`, which says how to go on when it is interrupted."""
    import graphcondense

    try:
        return graphcondense.condense(data, method, origin=origin, **options)
    except KeyboardInterrupt:
        on = ["--resume"] if (options["out"] / "checkpoint.pt").exists() else []
        todo = "go on" if on else "start over"
        note(f"to {todo}: {shlex.join(['graphcondense', 'condense', *argv, *on])}")
        raise
