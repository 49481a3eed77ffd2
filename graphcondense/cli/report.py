"""graphcondense report."""

from __future__ import annotations

from dataclasses import dataclass

from graphcondense.cli.flags import add_fields, make_parser, parse, summary_of
from graphcondense.cli.text import is_main, say


@dataclass(frozen=True, kw_only=True)
class Page:
    """Where the page goes.

    Attributes:
        out: file of the page; by default report.html in the first run's folder.
    """

    out: str | None = None


def command_report(argv: list[str]) -> None:
    """Write one HTML page about runs and all that was measured on them."""
    parser = make_parser("report", summary_of(command_report))
    parser.add_argument("runs", nargs="+", help="folders of the runs")
    add_fields(parser, "output", Page)
    args = parse(parser, argv)
    if not is_main():
        return
    from graphcondense.report import write_report

    path = write_report(args.runs, args.out)
    say(f"written: {path} ({path.stat().st_size / 1024:,.0f} KiB)")
