"""graphcondense methods, datasets, show and completion."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from jsonargparse import Namespace

from graphcondense.cli.flags import Flags, make_parser, parse, summary_of
from graphcondense.cli.help import completion, method_key, method_rows
from graphcondense.cli.text import say, summary, table
from graphcondense.cli.where import Where
from graphcondense.ops.markdown import escaped
from graphcondense.ops.names import near

Row = TypeVar("Row", bound=Mapping[str, object])


@dataclass(frozen=True, kw_only=True)
class Listed:
    """What is listed, and how.

    Attributes:
        kind: only methods for this kind of data.
        markdown: as Markdown, the table that README has.
        goal: rank methods and their variants by what was measured of them: fast, accuracy,
            transfer (a set that trains every architecture), structure (a graph with edges that
            models use), privacy or coarsen (nodes that stand for groups of real ones).
        data: with --goal: only what was measured on this data set.
    """

    kind: str | None = None
    markdown: bool = False
    goal: str | None = None
    data: str | None = None


def command_methods(argv: list[str]) -> object:
    """List the methods, or those that are named."""
    parser = make_parser("methods", summary_of(command_methods))
    parser.add_words("names", "names or variants of methods; by default all", "*")
    parser.add(Flags("options", Listed))
    args = parse(parser, argv)
    rows = method_rows()
    known = sorted({row["kind"] for row in rows})
    if args.kind not in (None, *known):
        raise ValueError(f"no methods for data of kind {args.kind!r}; there are {', '.join(known)}")
    rows = [row for row in rows if args.kind in (None, row["kind"])]
    if args.goal is not None:
        return _ranked(args)
    if args.data is not None:
        raise ValueError(f"--data {args.data} narrows a goal: give --goal, such as --goal transfer")
    rows = _named(rows, args.names, "method", ("name", "variants"))
    if args.markdown:
        from graphcondense.methods import markdown

        say(markdown(rows))
    else:
        say(table(rows))
    return rows


def _ranked(args: Namespace) -> object:
    """Print methods by what was measured for a goal."""
    from graphcondense.measured.goal_tables import ranking_tables
    from graphcondense.methods import methods

    rows = methods(args.kind, goal=args.goal, data=args.data)
    rows = _named(rows, args.names, "method", ("method",))
    tables = ranking_tables(rows)
    for kind, (ranked, notes) in tables.items():
        title = f"{args.goal}, {kind} data"
        lines = [f"### {title}\n" if args.markdown else f"{title}:"]
        if ranked.rows:
            lines += [ranked.markdown() if args.markdown else ranked.text(), ""]
        say("\n".join([*lines, *(map(escaped, notes) if args.markdown else notes), ""]))
    return rows


def command_datasets(argv: list[str]) -> object:
    """List the data sets, or those that are named, and which of them are on this machine."""
    from graphcondense.data import datasets

    parser = make_parser("datasets", summary_of(command_datasets))
    parser.add_words("names", "names of data sets, or kinds such as hetero; by default all", "*")
    parser.add(Flags("options", Where, only=("root",)))
    args = parse(parser, argv)
    rows = _named(datasets(root=args.root), args.names, "data set", ("name", "kind"))
    say(table(rows))
    return rows


def _named(
    rows: Sequence[Row], names: Sequence[str], what: str, columns: Collection[str]
) -> list[Row]:
    """The rows that are called so in one of some columns, whose cells may hold several names.

    Raises:
        ValueError: a name that none has, with the nearest ones.
    """
    names_of = [
        {method_key(name) for column in columns for name in str(row[column]).split(", ")}
        for row in rows
    ]
    for name in names:
        if not any(method_key(name) in known for known in names_of):
            every = sorted(set().union(*names_of) - {""})
            alike = near(method_key(name), every, like=0.4) or every
            raise ValueError(f"no {what} here is called {name!r}; did you mean {', '.join(alike)}?")
    wanted = {method_key(name) for name in names}
    return [row for row, known in zip(rows, names_of, strict=True) if not names or wanted & known]


def command_show(argv: list[str]) -> object:
    """Say what a run folder holds."""
    import graphcondense
    from graphcondense.ops.json import read_json_lines
    from graphcondense.report.merge import merge
    from graphcondense.report.runs import read_config, read_runs, validation_score
    from graphcondense.report.scene import shown
    from graphcondense.report.sections import known_of
    from graphcondense.saved.card import DAMAGED
    from graphcondense.saved.condensed import believed, those_below

    parser = make_parser("show", summary_of(command_show))
    parser.add_words("run", "folder of the run")
    folder = Path(parse(parser, argv).run)
    if not folder.is_dir():
        raise ValueError(f"there is no folder {folder}")
    metrics = folder / "metrics.jsonl"
    last = read_json_lines(metrics)[-1:] if metrics.is_file() else []
    step = last[0] if last else {}
    record, score, known, checksum = None, None, list[str](), ""
    if (folder / "condensed.safetensors").is_file():
        small = graphcondense.load(folder)
        record, score = small.condensed, validation_score(small)
        runs = read_runs([folder])
        known = known_of(runs[0], merge(runs))
        say(summary(small))
        if DAMAGED in record:
            say(f"damaged     {record[DAMAGED]}")
        if checksum := believed(folder):
            say(f"checksum    {checksum}")
    elif (folder / "config.yaml").is_file():
        say(f"{read_config(folder / 'config.yaml')['method']}, not finished")
    else:
        raise ValueError(f"{folder} holds no run{those_below(folder)}")
    if step:
        texts = {name: f"{value:.6g}" for name, value in step.items()}
        if score and "validation" in step:
            texts["validation"] = score.text(shown(score, step["validation"]))
        say("last step: " + ", ".join(f"{name} {text}" for name, text in texts.items()))
    for line in known:
        say(line)
    files = sorted(p for p in folder.iterdir() if p.is_file())
    for path in files:
        say(f"  {path.stat().st_size:>12,}  {path}")
    return {
        "folder": str(folder),
        "finished": record is not None,
        "condensed": record,
        "believed": checksum,
        "last_step": step,
        "models": known,
        "files": {path.name: path.stat().st_size for path in files},
    }


def command_completion(argv: list[str]) -> object:
    """Print what makes a shell complete commands, methods and flags."""
    parser = make_parser("completion", summary_of(command_completion))
    how = 'bash, zsh, fish or tcsh; in bash: eval "$(graphcondense completion bash)"'
    parser.add_words("shell", how)
    script = completion(parse(parser, argv).shell)
    say(script)
    return {"script": script}
