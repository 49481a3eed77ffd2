"""graphcondense compare."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from graphcondense.cli.flags import Flags, make_parser, parse, summary_of
from graphcondense.cli.runs import Output, write_result
from graphcondense.ops.types import Record

if TYPE_CHECKING:
    from graphcondense.evaluate.ranks import Ranks, Test
    from graphcondense.evaluate.report import Report


def command_compare(argv: list[str]) -> object:
    """Say which of the evaluated sets is better than another, or that it cannot be told."""
    from graphcondense.evaluate.comparison import compare
    from graphcondense.evaluate.report import Report

    parser = make_parser("compare", summary_of(command_compare))
    words = (
        "folders of evaluated runs, or files that evaluate wrote; on the same real data, on "
        "several splits of them, or, with --test, on several data sets"
    )
    parser.add_words("reports", words, "+")
    tests = Flags("tests", compare, only=("models", "alpha", "margin"))
    parser.add(tests, Flags("ranks", Ranking), Flags("output", Output, only=("plot",)))
    args = parse(parser, argv)
    paths = [Path(path) for path in args.reports]
    files = [path / "evaluation.json" if path.is_dir() else path for path in paths]
    if missing := [file for file in files if not file.is_file()]:
        raise ValueError(
            f"there is no {missing[0]}: graphcondense evaluate writes it, of all runs that it is "
            "given into the folder of the first"
        )
    reports = [Report.read(file) for file in files]
    folder = paths[0] if paths[0].is_dir() else None
    options: Record = tests.values(args)
    if args.test is not None:
        return write_result(ranked(reports, args.test, options), args, folder, "ranks")
    comparison = compare(joined(reports), **options)
    return write_result(comparison, args, folder, "comparison")


@dataclass(frozen=True, kw_only=True)
class Ranking:
    """Many sets at once.

    Attributes:
        test: rank the sets over data sets, or over condensation seeds of one, and tell which
            differ: "nemenyi" by mean ranks, "wilcoxon" pair by pair (Holm). By default every pair
            is compared on its own scores.
    """

    test: Literal["nemenyi", "wilcoxon"] | None = None


def joined(reports: Sequence[Report]) -> Report:
    """One report of those on one split, or on several splits of one data set.

    Raises:
        ValueError: reports on several data sets.
    """
    from graphcondense.evaluate.over import over_splits

    first, *others = reports
    if len(names := dict.fromkeys(report.data for report in reports)) > 1:
        raise ValueError(
            f"reports on {' and '.join(names)}: --test nemenyi or --test wilcoxon ranks sets over "
            "several data sets"
        )
    if len({report.digest for report in reports}) > 1:
        return over_splits(reports)
    return first.with_rows_of(*others)


def ranked(reports: Sequence[Report], test: Test, options: Record) -> Ranks:
    """The ranks of sets, and which of them differ.

    Raises:
        ValueError: a margin, which no ranks have, or more models than one.
    """
    from graphcondense.evaluate.ranks import rank_reports
    from graphcondense.ops.fields import listed

    if options["margin"] is not None:
        raise ValueError(f"--margin {options['margin']} is of differences; --test {test} ranks")
    models = None if options["models"] is None else listed(options["models"], "models")
    if models is not None and len(models) != 1:
        raise ValueError(f"--models {','.join(models)}: --test {test} ranks with one model")
    merged: dict[tuple[str, str], list[Report]] = {}
    for report in reports:
        merged.setdefault((report.data, report.digest), []).append(report)
    whole = [own[0].with_rows_of(*own[1:]) for own in merged.values()]
    model = None if models is None else models[0]
    return rank_reports(whole, model=model, alpha=options["alpha"], test=test)
