"""graphcondense import."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from graphcondense.cli.flags import Flags, make_parser, parse, summary_of
from graphcondense.cli.text import say
from graphcondense.cli.where import Where, where_of
from graphcondense.ops.types import Record


@dataclass(frozen=True, kw_only=True)
class Runs:
    """Where what is imported goes.

    Attributes:
        out: a folder, in which each set gets one of its own, such as OUT/cora_0.5_15; needed.
        overwrite: replace sets that are there.
    """

    out: str | None = None
    overwrite: bool = False


def command_import(argv: list[str]) -> object:
    """Read condensed graphs that GCond, GraphSlim or GC-Bench wrote, and save them as runs."""
    from graphcondense.data import import_condensed
    from graphcondense.saved.condensed import save

    parser = make_parser("import", summary_of(command_import))
    parser.add_words("path", "folder of feat_NAME.pt and its neighbours, or one such file")
    flags = Flags("files", import_condensed, skip=("path", "real"))
    parser.add(flags, Flags("real data, for labels and coresets", Where), Flags("output", Runs))
    args = parse(parser, argv)
    if args.out is None:
        raise ValueError("import: where to? give --out FOLDER, which is made")
    real = None if args.data is None else where_of(args).load("node")
    found = import_condensed(args.path, real=real, **flags.values(args))  # type: ignore[arg-type]
    out = Path(args.out)
    there = [name for name in found if (out / name / "condensed.safetensors").exists()]
    if there and not args.overwrite:
        raise ValueError(f"{out / there[0]} is there: name another folder, or give --overwrite")
    files: Record = {}
    for name, small in found.items():
        path = save(small, out / name / "condensed.safetensors")
        say(f"written: {path} ({small.num_nodes} nodes, {small.num_edges} edges)")
        files[name] = str(path)
    return files
