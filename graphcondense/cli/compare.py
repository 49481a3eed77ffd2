"""graphcondense compare."""

from __future__ import annotations

from pathlib import Path

from graphcondense.cli.flags import Flags, make_parser, parse, summary_of
from graphcondense.cli.runs import Output, write_result
from graphcondense.ops.types import Record


def command_compare(argv: list[str]) -> object:
    """Say which of the evaluated sets is better than another, or that it cannot be told."""
    from graphcondense.evaluate.comparison import compare
    from graphcondense.evaluate.report import Report

    parser = make_parser("compare", summary_of(command_compare))
    words = "folders of evaluated runs, or files that evaluate wrote; all on the same real data"
    parser.add_words("reports", words, "+")
    tests = Flags("tests", compare, only=("models", "alpha", "margin"))
    parser.add(tests, Flags("output", Output, only=("plot",)))
    args = parse(parser, argv)
    paths = [Path(path).expanduser() for path in args.reports]
    files = [path / "evaluation.json" if path.is_dir() else path for path in paths]
    if missing := [file for file in files if not file.is_file()]:
        raise ValueError(f"there is no {missing[0]}: graphcondense evaluate writes it")
    first, *others = map(Report.read, files)
    options: Record = tests.values(args)
    comparison = compare(first.with_rows_of(*others), **options)
    return write_result(comparison, args, paths[0] if paths[0].is_dir() else None, "comparison")
