"""graphcondense report."""

from __future__ import annotations

from graphcondense.cli.flags import Flags, make_parser, parse, summary_of
from graphcondense.cli.text import is_main, say
from graphcondense.ops.sizes import said


def command_report(argv: list[str]) -> object:
    """Write one HTML page about runs and all that was measured on them."""
    from graphcondense.report import write_report

    parser = make_parser("report", summary_of(command_report))
    parser.add_words("runs", "folders of the runs", "+")
    parser.add(Flags("output", write_report, only=("path",), renamed={"path": "out"}))
    args = parse(parser, argv)
    if not is_main():
        return None
    path = write_report(args.runs, args.out)
    say(f"written: {path} ({said(path.stat().st_size)})")
    return {"page": str(path), "bytes": path.stat().st_size}
