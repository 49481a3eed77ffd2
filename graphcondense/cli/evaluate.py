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
    """How a condensed graph, set of graphs, or set of images is evaluated.

    Attributes:
        models: names with commas between, or "all".
        seeds: trainings of every model; by default 10, on sets of graphs or images 5, of users 3.
        baselines: of "random", "whole" and, of regression alone, "mean" (of the training targets),
            with commas between, or "none".
        random_draws: how many random graphs, or sets of graphs or images.
        equal_bytes: beside them, real examples by random choice (of nodes also by herding), as many
            as fit into the bytes of the first condensed set.
    """

    models: str = "all"
    seeds: int | None = None
    baselines: str = "random,whole,mean"
    random_draws: int = 3
    equal_bytes: bool = False


def command_evaluate(argv: list[str]) -> None:
    """Train other models on condensed graphs or images and score them on the real data."""
    from graphcondense.evaluate import evaluate
    from graphcondense.evaluate.report import bench_of
    from graphcondense.ops.fields import listed

    parser = make_parser("evaluate", summary_of(command_evaluate))
    add_fields(parser, "evaluation", Trained)
    names = _add_training(parser)
    run = open_runs(parser, argv, kinds=("node", "graph", "image", "rows"))
    args = run.args
    baselines = [] if args.baselines == "none" else listed(args.baselines, "baselines")
    training = {name: args[name] for name in names if args[name] is not None}
    _check_training(training, run.task)
    bench = bench_of(run.task, args.device, **training)
    models = bench.all if args.models == "all" else tuple(listed(args.models, "models"))
    seeds = bench.seeds if args.seeds is None else args.seeds
    graphs = bench.sets(run.graphs)
    sets = [own[0] for own in graphs.values()]
    sets += [run.task] if "whole" in baselines else []
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
            baselines=baselines,
            random_draws=args.random_draws,
            equal_bytes=args.equal_bytes,
            store=store,
            device=args.device,
            progress=sys.stderr.isatty(),
            **training,
        )
    run.write(report, "evaluation")
    if run.folder and is_main():
        report.plot_transfer(run.folder / "transfer.png")
        say(f"written: {run.folder / 'transfer.png'}")
        if any(ledger.condensation_seconds is not None for ledger in report.ledgers.values()):
            report.plot_break_even(run.folder / "break-even.png")
            say(f"written: {run.folder / 'break-even.png'}")


def _trainings() -> list[tuple[str, str, type[Any]]]:
    """Kinds of training: what the data are, a title for the help, and the settings."""
    from graphcondense.evaluate.graphs import GraphTraining
    from graphcondense.evaluate.images import ImageTraining
    from graphcondense.evaluate.nodes import Training
    from graphcondense.evaluate.rows import RowsTraining

    return [
        ("one graph", "training", Training),
        (
            "a set of graphs",
            "training on sets of graphs, besides (for epochs there are steps)",
            GraphTraining,
        ),
        ("images", "training on images, besides", ImageTraining),
        ("users by items", "recommenders on users by items", RowsTraining),
    ]


def _add_training(parser: ArgumentParser) -> list[str]:
    """Flags for all kinds of training, none of which is set; returns their names."""
    kinds = _trainings()
    helps, given, names = {}, {}, []
    for what, _, training in kinds:
        of = "sets of graphs" if what == "a set of graphs" else what
        for name, text in _helps(training).items():
            default = training.__dataclass_fields__[name].default
            if name not in helps:
                helps[name], given[name] = text, [default]
            elif default not in given[name]:
                given[name].append(default)
                said = "the model's own" if default is None else default
                helps[name] += f"; on {of} {said}"
    for _, title, training in kinds:
        own = [f.name for f in fields(training) if f.name not in names]
        add_fields(parser, title, training, only=own, helps=helps)
        names += own
    parser.set_defaults(dict.fromkeys(names))
    return names


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
    from graphcondense.data import GraphTask, ImageTask, InteractionTask

    others = (GraphTask, ImageTask, InteractionTask)
    kind = next((i for i, one in enumerate(others, 1) if isinstance(task, one)), 0)
    what, _, known = _trainings()[kind]
    for name in training.keys() - {f.name for f in fields(known)}:
        flag = name.replace("_", "-")
        more = ": give --steps" if name == "epochs" else ""
        raise ValueError(f"--{flag} is no setting of training on {what}, such as {task.name}{more}")
