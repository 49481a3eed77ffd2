"""graphcondense evaluate."""

from __future__ import annotations

import sys
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

from graphcondense.cli.flags import add_fields, field_docs, make_parser, summary_of
from graphcondense.cli.folders import PARTIAL
from graphcondense.cli.runs import keeping, open_runs
from graphcondense.cli.text import is_main, note, say

if TYPE_CHECKING:
    from jsonargparse import ArgumentParser


@dataclass(frozen=True, kw_only=True)
class Trained:
    """How a condensed graph, or set of graphs, is evaluated.

    Attributes:
        models: names with commas between, or "all".
        seeds: trainings of every model; by default 10, on sets of graphs 5.
        baselines: of "random" and "whole", with a comma between, or "none".
        random_draws: how many random graphs, or sets of graphs.
        equal_bytes: beside them, real examples by random choice (of nodes also by herding), as many
            as fit into the bytes of the first condensed set.
    """

    models: str = "all"
    seeds: int | None = None
    baselines: str = "random,whole"
    random_draws: int = 3
    equal_bytes: bool = False


def command_evaluate(argv: list[str]) -> None:
    """Train other models on condensed graphs and score them on the real data."""
    from graphcondense.evaluate import evaluate
    from graphcondense.evaluate.report import bench_of

    parser = make_parser("evaluate", summary_of(command_evaluate))
    add_fields(parser, "evaluation", Trained)
    names = _add_training(parser)
    run = open_runs(parser, argv, kinds=("node", "graph"))
    args = run.args
    training = {name: args[name] for name in names if args[name] is not None}
    _check_training(training, run.task)
    bench = bench_of(run.task, args.device, **training)
    models = bench.all if args.models == "all" else tuple(args.models.split(","))
    seeds = bench.seeds if args.seeds is None else args.seeds
    graphs = bench.sets(run.graphs)
    sets = [own[0] for own in graphs.values()]
    sets += [run.task] if "whole" in args.baselines else []
    expected = [
        size
        for model in models
        for small in sets
        if (size := bench.memory_bytes(bench.kind(model), small, seeds)) is not None
    ]
    if expected:
        note(f"memory: training is expected to add at most {max(expected) / 2**20:,.0f} MiB")
    store = run.folder and run.folder / PARTIAL
    with keeping(store):
        report = evaluate(
            graphs,
            run.task,
            models=models,
            seeds=seeds,
            baselines=[] if args.baselines == "none" else args.baselines.split(","),
            random_draws=args.random_draws,
            equal_bytes=args.equal_bytes,
            store=store,
            device=args.device,
            progress=sys.stderr.isatty(),
            **training,
        )
    run.write(report, "evaluation")
    if run.folder and is_main():
        say(f"written: {report.plot_transfer(run.folder / 'transfer.png')}")
        if any(ledger.condensation_seconds is not None for ledger in report.ledgers.values()):
            say(f"written: {report.plot_break_even(run.folder / 'break-even.png')}")


def _add_training(parser: ArgumentParser) -> list[str]:
    """Flags for both kinds of training, none of which is set; returns their names."""
    from graphcondense.evaluate.fit import Training
    from graphcondense.evaluate.graph_fit import GraphTraining

    shared = [f.name for f in fields(Training)]
    extra = [f.name for f in fields(GraphTraining) if f.name not in shared]
    helps = _helps(Training)
    for f in fields(GraphTraining):
        if f.name in shared:
            helps[f.name] += f"; on sets of graphs {f.default}"
    add_fields(parser, "training", Training, helps=helps)
    helps = _helps(GraphTraining)
    title = "training on sets of graphs, besides (for epochs there are steps)"
    add_fields(parser, title, GraphTraining, only=extra, helps=helps)
    parser.set_defaults(dict.fromkeys((*shared, *extra)))
    return [*shared, *extra]


def _helps(training: type[Any]) -> dict[str, str]:
    """The help of each setting, with its default where it has one."""
    docs = field_docs(training)
    given = {f.name: f.default for f in fields(training)}
    return {
        name: text if given[name] is None else f"{text.rstrip('.')}; by default {given[name]}"
        for name, text in docs.items()
    }


def _check_training(training: dict[str, Any], task: Any) -> None:
    """Raise a ValueError for a setting that this kind of data does not have."""
    from graphcondense.data.graph_task import GraphTask
    from graphcondense.evaluate.fit import Training
    from graphcondense.evaluate.graph_fit import GraphTraining

    of_graphs = isinstance(task, GraphTask)
    known = {f.name for f in fields(GraphTraining if of_graphs else Training)}
    for name in training.keys() - known:
        flag, what = name.replace("_", "-"), "a set of graphs" if of_graphs else "one graph"
        more = ": give --steps" if name == "epochs" else ""
        raise ValueError(f"--{flag} is no setting of training on {what}, such as {task.name}{more}")
