"""graphcondense evaluate."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from graphcondense.cli.flags import Flags, make_parser, summary_of
from graphcondense.cli.runs import add_runs, keeping, open_runs
from graphcondense.cli.text import is_main, note, shows_progress, tell
from graphcondense.ops.sizes import said
from graphcondense.run.folder import PARTIAL

if TYPE_CHECKING:
    from graphcondense.cli.runs import Opened
    from graphcondense.ops.types import Record

FILLED = ("small", "data", "condensation_seconds", "store", "device", "progress")
"""Parameters that the command fills in."""


def command_evaluate(argv: list[str]) -> object:
    """Train other models on condensed graphs or images and score them on the real data."""
    from graphcondense.evaluate import evaluate

    parser = make_parser("evaluate", summary_of(command_evaluate))
    flags, trainings = Flags("evaluation", evaluate, skip=FILLED), training_flags()
    parser.add(flags, *trainings)
    add_runs(parser)
    kinds = ("node", "graph", "image", "rows", "hetero", "link")
    run = open_runs(parser, argv, "evaluation", kinds, warned=True)
    given: Record = flags.values(run.args)
    training: Record = {}
    for group in trainings:
        training |= group.values(run.args)
    check_training(training, run.task)
    _note_memory(run, given, training)
    store = run.folder and run.folder / PARTIAL
    with keeping(store):
        report = evaluate(
            run.graphs,
            run.task,
            store=store,
            device=run.args.device,
            progress=shows_progress(),
            **given,
            **training,
        )
    found = run.write(report, "evaluation")
    if run.folder and is_main():
        report.plot_transfer(run.folder / "transfer.png")
        tell(f"written: {run.folder / 'transfer.png'}")
        if any(ledger.condensation_seconds is not None for ledger in report.ledgers.values()):
            report.plot_break_even(run.folder / "break-even.png")
            tell(f"written: {run.folder / 'break-even.png'}")
    return found


def _note_memory(run: Opened, given: Mapping[str, Any], training: Mapping[str, object]) -> None:
    """Say before any training how much memory the largest is expected to add."""
    from graphcondense.evaluate import evaluator_of
    from graphcondense.ops.fields import listed

    evaluator = evaluator_of(run.task, device=run.args.device, **training)
    models = given["models"]
    if models == "all":
        models = evaluator.all
    names = evaluator.usual if models is None else listed(models, "models")
    seeds = evaluator.seeds if given["seeds"] is None else given["seeds"]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the evaluation says it
        sets = [graphs[0] for graphs in evaluator.sets(run.graphs).values()]
    sets += [run.task] if "whole" in given["baselines"] else []
    sizes = [evaluator.contestant(name).memory_bytes(one, seeds) for name in names for one in sets]
    if expected := max((size for size in sizes if size is not None), default=None):
        note(f"memory: training is expected to add at most {said(expected)}")


def training_flags() -> list[Flags]:
    """The settings of all kinds of training, none of which is set; a shared one is listed once."""
    from graphcondense.data.kind import data_kinds
    from graphcondense.evaluate.evaluator import EVALUATORS

    groups: list[Flags] = []
    named: set[str] = set()
    for kind in data_kinds().values():
        training = type(EVALUATORS[kind.name].usual_training)
        flags = Flags(f"training on {kind.words}", training, skip=named, unset=True)
        named |= {option.name for option in flags.options}
        groups.append(flags)
    return groups


def check_training(
    training: Mapping[str, object], task: Any, instead: str = "give --steps"
) -> None:
    """Raise a ValueError for a setting that this kind of data does not have.

    Args:
        training: the settings that were given.
        task: the data.
        instead: what to do where they count no epochs.
    """
    from graphcondense.data.kind import data_kind, kind_of_data
    from graphcondense.evaluate.evaluator import EVALUATORS

    kind = data_kind(kind_of_data(task))
    known = Flags("", type(EVALUATORS[kind.name].usual_training)).options
    for name in training.keys() - {option.name for option in known}:
        flag = name.replace("_", "-")
        more = f": {instead}" if name == "epochs" else ""
        where = f"{kind.words}, such as {task.name}"
        raise ValueError(f"--{flag} is no setting of training on {where}{more}")
