"""graphcondense serve."""

from __future__ import annotations

import sys
from dataclasses import dataclass, fields

from graphcondense.cli.flags import add_fields, make_parser, summary_of
from graphcondense.cli.runs import open_runs


@dataclass(frozen=True, kw_only=True)
class Served:
    """What is served, and how.

    Attributes:
        model: name of the served model.
        seeds: trainings on every graph.
        batch: new nodes at once.
        ks: synthetic nodes a known node may belong to, with commas between, to choose from.
        hops: propagation before real and synthetic nodes are compared.
        repeats: how often a batch is timed.
        seed: of the random subgraph beside.
    """

    model: str = "GCN"
    seeds: int = 5
    batch: int = 1000
    ks: str = "1,2,5,10"
    hops: int = 2
    repeats: int = 10
    seed: int = 0


def command_serve(argv: list[str]) -> None:
    """Serve unseen nodes on condensed graphs: accuracy, memory and latency."""
    from graphcondense.evaluate.nodes import Training
    from graphcondense.uses.serve import measure_serving

    parser = make_parser("serve", summary_of(command_serve))
    add_fields(parser, "serving", Served)
    add_fields(parser, "training", Training)
    run = open_runs(parser, argv)
    chosen = {f.name: run.args[f.name] for cls in (Served, Training) for f in fields(cls)}
    try:
        chosen["ks"] = [int(word) for word in chosen["ks"].split(",")]
    except ValueError as error:
        raise ValueError(f"--ks {chosen['ks']}: whole numbers with commas between") from error
    found = measure_serving(
        run.graphs, run.task, device=run.args.device, progress=sys.stderr.isatty(), **chosen
    )
    run.write(found, "serving")
