"""graphcondense methods, datasets and show."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from graphcondense.cli.flags import Where, add_fields, make_parser, parse, summary_of
from graphcondense.cli.folders import read_config
from graphcondense.cli.text import summary, table


@dataclass(frozen=True, kw_only=True)
class Listed:
    """What is listed, and how.

    Attributes:
        kind: only methods for this kind of data.
        json: as JSON.
        markdown: as Markdown, the table that README has.
    """

    kind: str | None = None
    json: bool = False
    markdown: bool = False


def command_methods(argv: list[str]) -> None:
    """List the methods."""
    from graphcondense.methods import markdown, methods

    parser = make_parser("methods", summary_of(command_methods))
    add_fields(parser, "options", Listed)
    args = parse(parser, argv)
    known = sorted({row["kind"] for row in methods()})
    if args.kind not in (None, *known):
        raise ValueError(f"no methods for data of kind {args.kind!r}; there are {', '.join(known)}")
    rows = methods(args.kind)
    if args.markdown:
        print(markdown(rows))
    else:
        print(json.dumps(rows, indent=2) if args.json else table(rows))


def command_datasets(argv: list[str]) -> None:
    """List the data sets, and which of them are on this machine."""
    from graphcondense.data import datasets

    parser = make_parser("datasets", summary_of(command_datasets))
    add_fields(parser, "options", Where, only=["root"])
    add_fields(parser, "output", Listed, only=["json"])
    args = parse(parser, argv)
    rows = datasets(root=args.root)
    print(json.dumps(rows, indent=2) if args.json else table(rows))


def command_show(argv: list[str]) -> None:
    """Say what a run folder holds."""
    import graphcondense

    parser = make_parser("show", summary_of(command_show))
    parser.add_argument("run", help="folder of the run")
    folder = Path(parse(parser, argv).run)
    if not folder.is_dir():
        raise ValueError(f"there is no folder {folder}")
    metrics = folder / "metrics.jsonl"
    last = metrics.read_text().splitlines()[-1:] if metrics.is_file() else []
    if (folder / "condensed.safetensors").is_file():
        print(summary(graphcondense.load(folder)))
    elif (folder / "config.yaml").is_file():
        print(f"{read_config(folder / 'config.yaml')['method']}, not finished")
    else:
        raise ValueError(f"{folder} holds no run")
    for line in last:
        row = json.loads(line)
        print("last step: " + ", ".join(f"{k} {v:.6g}" for k, v in row.items()))
    for path in sorted(p for p in folder.iterdir() if p.is_file()):
        print(f"  {path.stat().st_size:>12,}  {path}")
