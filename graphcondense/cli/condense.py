"""graphcondense condense."""

from __future__ import annotations

import os
import shlex
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jsonargparse import Namespace

from graphcondense.cli.flags import (
    Common,
    Flags,
    HelpAsked,
    Parser,
    asked_for,
    make_parser,
    named_in,
    parse,
    summary_of,
)
from graphcondense.cli.folders import BUDGETS, Config, config_flags, draw, refuse_used, size
from graphcondense.cli.help import asks_help, data_key, glance
from graphcondense.cli.runs import check_device
from graphcondense.cli.tables import files_of, refuse_changed
from graphcondense.cli.text import CONSOLE, is_main, say, summary, tell, warn
from graphcondense.cli.where import Where, data_flags, origin_flags, where_of
from graphcondense.run.folder import begun, current, has_ended

if TYPE_CHECKING:
    from graphcondense.core.method import Method
    from graphcondense.ops.budget import Budget
    from graphcondense.ops.types import JsonValue, Record

TORCHRUN = "torchrun --nproc-per-node N"


@dataclass(frozen=True, kw_only=True)
class Start:
    """Where values come from.

    Attributes:
        config: the config.yaml of an earlier run, to repeat it. Flags win over it.
        overwrite: start anew in a folder that has a run; a finished one stays until the new one is.
    """

    config: str | None = None
    overwrite: bool = False


def command_condense(argv: list[str]) -> object:
    """Condense a data set with one method, into a run folder."""
    argv = joined(joined(argv, "--sizes"), "--nodes")
    flags, asked = glance(argv, "--config", "--data", "--table"), asks_help(argv)
    path = flags.config
    config: Config = {}
    if path:
        from graphcondense.report.runs import read_config

        config = read_config(Path(path))
        config_flags(config, argv)  # what no run writes is refused before data are looked for
    named = bool(argv) and not argv[0].startswith("-")
    method = argv[0].lower() if named else config.get("method")
    told = _named_by(flags.data, flags.table, config.get("origin", {}))
    known = told.data is not None or told.table is not None
    if method is None:
        if asked:
            raise HelpAsked(unnamed_parser())
        if not known:
            raise ValueError(f"name a method first, or data: they have a default one\n{_usage()}")
        method = default_for(told.kind)
    if config and method != config["method"]:
        raise ValueError(f"{path} is of method {config['method']}, not {method}")
    from graphcondense.methods import find_method
    from graphcondense.run.options import Run

    forms = forms_of(method)
    if not known and not asked:
        told.named()
    if not known and len(forms) > 1:
        raise HelpAsked(*parsers_of_forms(forms, method))
    kind = _form(forms, told.kind if known else None)
    cls, variant = find_method(method, kind)
    where, data = _data_of(kind, method, argv[named:], config)
    args = _condense_args(cls, variant, method, argv[named:], config, data.name)

    several = Flags("run", Run, only=("sizes",))  # the parser has it as it was written
    left = {f.name for part in (Where, Start, Common) for f in fields(part)}
    options = {k: v for k, v in vars(args).items() if k not in left}
    options |= several.values(args)
    folder = Path(args.out or f"runs/{where.stem}-{method}-{size(options)}-seed{args.seed}")
    if args.resume and args.overwrite:
        raise ValueError("--resume goes on and --overwrite starts over: give one of them")
    sizes = sorted({*(options["sizes"] or ())})
    folders = [folder / str(n) for n in sizes] or [folder]
    for one in folders if not args.resume else ():
        refuse_used(one, args.overwrite)
    options |= {"out": folder, "preset": args.preset}
    if CONSOLE.quiet:
        options["progress"] = False
    if args.resume and has_ended(folder, sizes):
        tell(f"{folder} is finished: there is nothing to resume")
    _tell_other_kinds(where.named(), kind, forms)
    made = _run(data, method, options, where.origin(), argv)
    if not is_main():  # another machine may not have the folder
        return None
    found = [
        _shown(small, here, data)
        for small, here in zip(made.values() if sizes else [made], folders, strict=True)
    ]
    tell(f"next: graphcondense evaluate {shlex.join(map(str, folders))}")
    return found if sizes else found[0]


def _shown(small: Any, folder: Path, data: object) -> Record:
    """Say what was made and draw it into its folder; what ``--json`` prints of it."""
    say(summary(small))
    draw(small, folder, data)
    files = sorted(p.name for p in folder.iterdir() if p.is_file())
    tell(f"\n{folder}: {', '.join(files)}")
    return {"folder": str(folder), "files": files, "condensed": small.condensed}


def _named_by(data: str | None, table: str | None, origin: Mapping[str, Any]) -> Where:
    """Which data are named: by flags, which win, else by the config of a run."""
    if data or table:
        return Where(data=data, table=table)
    return Where(data=origin.get("data"), table=origin.get("table"))


def default_for(kind: str) -> str:
    """The default method for data of a kind.

    >>> default_for("node"), default_for("graph")
    ('quotient', 'exchange')
    """
    from graphcondense.kinds import kind_named
    from graphcondense.run import default_method

    return default_method(kind_named(kind))


def joined(argv: Sequence[str], flag: str) -> list[str]:
    """The words after a flag, up to the next one, as one word with commas between.

    >>> joined(["--sizes", "35", "70", "--seed", "1"], "--sizes")
    ['--sizes=35,70', '--seed', '1']
    """
    out: list[str] = []
    for word in argv:
        last = out[-1] if out else ""
        if (last == flag and word[:1] != "-") or (last.startswith(f"{flag}=") and word[:1] != "-"):
            out[-1] += f"{'=' if last == flag else ','}{word}"
        else:
            out.append(word)
    return out


def _usage() -> str:
    from graphcondense.cli.help import method_rows

    known = ", ".join(dict.fromkeys(row["name"] for row in method_rows()))
    return f"usage: graphcondense condense [METHOD] --data NAME|FILE ...\nmethods: {known}"


def unnamed_parser() -> Parser:
    """The help where no method is named."""
    parser = make_parser(
        "condense",
        f"{summary_of(command_condense)} graphcondense condense METHOD --help lists a method's "
        f"flags. The {_usage().splitlines()[1]}",
    )
    parser.add_words("METHOD", "one of the methods; by default that of the kind of data", "?")
    return parser


def forms_of(method: str) -> dict[str, type[Method]]:
    """The forms of a method by the kind of data they are for.

    Raises:
        ValueError: an unknown method, with the nearest known ones.

    >>> sorted(forms_of("k-center")), sorted(forms_of("gcond-x"))
    (['graph', 'hetero', 'image', 'link', 'node'], ['node'])
    """
    from graphcondense.methods import all_methods, find_method

    find_method(method)
    wanted = method.lower().replace("_", "-")
    return {
        kind: cls for (name, kind), cls in all_methods().items() if wanted in (name, *cls.variants)
    }


def _form(forms: Mapping[str, type[Method]], kind: str | None) -> str:
    """The form for data of this kind; without data the first.

    Some names stand for a graph and for images; then it is what the method is for.
    """
    if kind is None:
        return next(iter(forms))
    return "image" if kind not in forms and "image" in forms else kind


def _tell_other_kinds(data: str, kind: str, forms: Collection[str]) -> None:
    """Say as what a name is taken that stands for data of another kind of the method, too."""
    from graphcondense.data.kind import data_kind, data_kinds

    for other in data_kinds().values():
        rows = other.table if other.name in forms and other.name != kind else ()
        for row in rows:
            if data_key(data) in row.spellings():
                tell(
                    f"{data} is taken as {data_kind(kind).words}; for {other.words} give "
                    f"--data {row.name}"
                )


def _data_of(kind: str, method: str, argv: list[str], config: Config) -> tuple[Where, Any]:
    """The data of this kind that the flags name, opened; the other flags are checked on the way."""
    from graphcondense.methods import find_method
    from graphcondense.run.options import Run
    from graphcondense.run.refusals import refuse_whole

    cls, variant = find_method(method, kind)
    parser = condense_parser(cls, method, variant)
    parser.set_defaults(origin_flags(config.get("origin", {}), argv))
    args = parse(parser, argv)
    check_device(args.device)
    where = where_of(args)
    where.check()
    if where.table is not None and not named_in(argv) & {"table", "edges"}:
        refuse_changed(where, files_of(config))
    if args.memory is not None:
        refuse_whole(cls, method, Run(memory=args.memory))
    return where, where.load(kind, args.memory)


def _condense_args(
    cls: type[Method],
    variant: Mapping[str, object],
    method: str,
    argv: list[str],
    config: Config,
    data: str = "",
) -> Namespace:
    """All flags of a method, see :func:`parse_with_preset`."""
    parser = condense_parser(cls, method, variant)
    asked = parse(parser, argv).preset
    if config and asked != "auto":
        raise ValueError(
            f"--preset {asked}: the config has every field; give --preset or --config alone"
        )
    return parse_with_preset(parser, argv, cls, variant, data, config)


def parse_with_preset(
    parser: Parser,
    argv: list[str],
    cls: type[Method],
    variant: Mapping[str, object],
    data: str,
    config: Config | None = None,
) -> Namespace:
    """Flags whose defaults are of the preset of the data called ``data``, or of a config.

    The method's fields are complete afterwards; ``preset`` is the section's name, for the record.
    """
    from graphcondense.run import presets, section_of

    asked = parse(parser, argv).preset
    section = config.get("preset") if config else section_of(cls, asked, data)
    given = config_flags(config, argv) if config else presets(cls)[section] if section else {}
    defaults = {**variant, **given}
    if unknown := defaults.keys() - vars(parse(parser, argv)).keys():
        raise ValueError(f"{cls.name} has no option {', '.join(sorted(unknown))}")
    # A budget on the command line stands for any other that a preset or config names.
    budgets = {*BUDGETS, "sizes"}
    if named_in(argv) & budgets:
        defaults = {k: v for k, v in defaults.items() if k not in budgets}
    parser.set_defaults(defaults)
    args = parse(parser, argv)
    args.preset = preset_of_data(section, "config" if config else asked, cls.name)
    return args


def condense_parser(
    cls: type[Method], method: str, variant: Mapping[str, object] | None = None
) -> Parser:
    """The flags of one method: the fields of its dataclass, and those of a run."""
    parser = make_parser(f"condense {method}", f"{summary_of(cls)}\n{cls.paper}")
    parser.add(*_shared_flags(cls, variant), method_flags(cls, variant))
    return parser


def parsers_of_forms(forms: Mapping[str, type[Method]], method: str) -> list[Parser]:
    """For the help of a method with several forms: what they share once, then each form's flags."""
    from graphcondense.data.kind import data_kind
    from graphcondense.ops.budget import Budget

    words = " and for ".join(data_kind(kind).words for kind in forms)
    shared = make_parser(f"condense {method}", f"{method} has a form for {words}: --data picks.")
    shared.add(*_shared_flags(Budget))
    parsers = [shared]
    for kind, cls in forms.items():
        part = make_parser("", f"{summary_of(cls)}\n{cls.paper}")
        part.flag_groups = []
        part.add(method_flags(cls, title=f"{cls.name} for {data_kind(kind).words}"))
        parsers.append(part)
    return parsers


def _shared_flags(
    method: type[Budget], variant: Mapping[str, object] | None = None
) -> tuple[Flags, ...]:
    """The flags that all methods have; the defaults of the budget are the method's."""
    from graphcondense.run import condense
    from graphcondense.run.options import Run

    return (
        *data_flags(),
        budget_flags(method, variant),
        Flags("run", Run, words={"out": "folder of the run; by default below runs/"}),
        Flags("preset", condense, only=("preset",)),
        Flags("config", Start),
    )


def budget_flags(
    method: type[Budget],
    variant: Mapping[str, object] | None = None,
    words: Mapping[str, str] | None = None,
    unset: bool = False,
) -> Flags:
    """How large the condensed set is, with the defaults of a method or ``unset``, and words of its
    own."""
    title = "budget (one of nodes, ratio, per-class, bytes)"
    return Flags(title, method, only=_budget_fields(), defaults=variant, words=words, unset=unset)


def method_flags(
    cls: type[Method], variant: Mapping[str, object] | None = None, title: str | None = None
) -> Flags:
    """The fields of a method that are no budget."""
    return Flags(title or f"{cls.name} itself", cls, skip=_budget_fields(), defaults=variant)


def _budget_fields() -> list[str]:
    from graphcondense.ops.budget import Budget

    return [f.name for f in fields(Budget)]


def _run(
    data: object, method: str, options: Config, origin: Mapping[str, JsonValue], argv: list[str]
) -> Any:
    """:func:`graphcondense.condense`, which says how to go on when it is interrupted."""
    import graphcondense
    from graphcondense.run.options import Run

    try:
        asked: Record = asked_for(Run, options, argv)
        return graphcondense.condense(data, method, origin=origin, **asked)
    except KeyboardInterrupt:
        folder: Path = options["out"]
        goes_on = begun(current(folder))
        on = ["--resume"] if goes_on else ["--overwrite"] * ("--overwrite" in argv)
        todo = "go on" if goes_on else "start over"
        again = [word for word in argv if word not in ("--resume", "--overwrite")]
        if is_main():
            program = f"{TORCHRUN} -m " if "WORLD_SIZE" in os.environ else ""
            warn(f"to {todo}: {program}{shlex.join(['graphcondense', 'condense', *again, *on])}")
        raise


def preset_of_data(section: str | None, asked: str | None, method: str) -> str:
    """The name of a preset's section, or "none"; one that the data chose is told."""
    if section and asked == "auto":
        tell(f"preset {section!r} of {method}, because of the data; --preset none leaves it")
    return section or "none"
