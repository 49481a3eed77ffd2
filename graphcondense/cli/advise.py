"""graphcondense advise."""

from __future__ import annotations

from typing import TYPE_CHECKING

from graphcondense.cli.flags import Flags, make_parser, parse, summary_of
from graphcondense.cli.runs import Output, need_one_graph, write_result
from graphcondense.cli.where import data_flags, where_of

if TYPE_CHECKING:
    from graphcondense.ops.types import Record


def command_advise(argv: list[str]) -> object:
    """Say whether condensing a graph saves time or memory here, and how; nothing is condensed."""
    from graphcondense.uses.advice import advise

    parser = make_parser("advise", summary_of(command_advise))
    sizes = Flags("sizes, in place of data", advise, only=SIZES)
    plan = Flags("plan", advise, skip=("data", *SIZES))
    named, _ = data_flags()  # of a table its sizes are enough, and --edges is their number
    parser.add(named, sizes, plan, Flags("output", Output, only=("plot",)))
    args = parse(parser, argv)
    options: Record = {**sizes.values(args), **plan.values(args)}
    data: object = None
    if args.data is not None:
        where = where_of(args, named)
        need_one_graph(where, "advise")
        data = where.load("node")
    return write_result(advise(data, **options), args, None, "advice")


SIZES = ("nodes", "edges", "features", "classes", "filled", "labelled")
