"""graphcondense evaluate."""

from __future__ import annotations

import sys
from dataclasses import dataclass, fields

from graphcondense.cli.flags import add_fields, make_parser, summary_of
from graphcondense.cli.folders import PARTIAL
from graphcondense.cli.runs import keeping, open_runs
from graphcondense.cli.text import is_main, note, say


@dataclass(frozen=True, kw_only=True)
class Trained:
    """How a condensed graph is evaluated.

    Attributes:
        models: names with commas between, or "all".
        seeds: trainings of every model.
        baselines: of "random" and "whole", with a comma between, or "none".
        random_draws: how many random graphs.
        equal_bytes: beside them, real nodes by random choice and by herding, as many as fit into
            the bytes of the first graph.
    """

    models: str = "all"
    seeds: int = 10
    baselines: str = "random,whole"
    random_draws: int = 3
    equal_bytes: bool = False


def command_evaluate(argv: list[str]) -> None:
    """Train other models on condensed graphs and score them on the real one."""
    from graphcondense.evaluate import Evaluator, Training, evaluate
    from graphcondense.evaluate.predictors import predictor_named
    from graphcondense.evaluate.report import ALL

    parser = make_parser("evaluate", summary_of(command_evaluate))
    add_fields(parser, "evaluation", Trained)
    add_fields(parser, "training", Training)
    run = open_runs(parser, argv)
    args = run.args
    models = ALL if args.models == "all" else args.models.split(",")
    training = {f.name: args[f.name] for f in fields(Training) if args[f.name] is not None}
    evaluator = Evaluator(run.task, device=args.device, **training)
    sets = [graphs[0] for graphs in run.graphs.values()]
    sets += [run.task] if "whole" in args.baselines else []
    expected = [
        evaluator.memory_bytes(model, small, seeds=args.seeds)
        for model in models
        if not predictor_named(model)
        for small in sets
    ]
    if expected:
        note(f"memory: training is expected to add at most {max(expected) / 2**20:,.0f} MiB")
    store = run.folder and run.folder / PARTIAL
    with keeping(store):
        report = evaluate(
            run.graphs,
            run.task,
            models=models,
            seeds=args.seeds,
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
