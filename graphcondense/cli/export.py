"""graphcondense export."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from graphcondense.cli.flags import Flags, make_parser, parse, summary_of
from graphcondense.cli.text import say
from graphcondense.ops.sizes import said
from graphcondense.ops.types import Record


@dataclass(frozen=True, kw_only=True)
class Target:
    """Where the folder goes.

    Attributes:
        out: the folder; by default "hub" in that of the run.
    """

    out: str | None = None


def command_export(argv: list[str]) -> object:
    """Write a run as a folder that others read without this package: Parquet, card, Croissant."""
    from graphcondense.data.hub import OTHERS, export, written_in
    from graphcondense.saved.condensed import load

    parser = make_parser("export", summary_of(command_export))
    parser.add_words("run", "folder of a run, or its .safetensors file")
    flags = Flags("export", export, skip=("small", "folder"))
    parser.add(flags, Flags("output", Target))
    args = parse(parser, argv)
    options: Record = flags.values(args)
    run = Path(args.run)
    to = args.out or (run if run.is_dir() else run.parent) / "hub"
    folder = export(load(run), to, **options)
    names = sorted((*written_in(folder), *OTHERS))  # others may be in the folder
    files = {name: (folder / name).stat().st_size for name in names}
    for name, size in files.items():
        say(f"written: {folder / name} ({said(size)})")
    return {"folder": str(folder), "bytes": files}
