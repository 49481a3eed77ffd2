"""graphcondense robustness."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from graphcondense.cli.condense import budget_flags, method_flags, parse_with_preset
from graphcondense.cli.flags import Flags, Parser, asked_for, make_parser, parse, summary_of
from graphcondense.cli.help import glance
from graphcondense.cli.runs import (
    Opened,
    Output,
    check_device,
    keeping,
    need_one_graph,
    refuse_places,
)
from graphcondense.cli.text import shows_progress, tell
from graphcondense.cli.where import data_flags, where_of

if TYPE_CHECKING:
    from graphcondense.core.method import Method
    from graphcondense.data.task import NodeTask
    from graphcondense.ops.types import Record

SETTINGS = ("setting", "validations")
"""Fields of a run that a condensation here takes."""


@dataclass(frozen=True, kw_only=True)
class Poisoned:
    """What is condensed, and where it is kept.

    Attributes:
        method: condensation method; its own flags follow.
        out: folder, by default runs/robustness-DATA-METHOD; condensed graphs in it are not
            condensed again by the same settings.
    """

    method: str = "gcond-x"
    out: str | None = None


def poison_flags() -> list[Flags]:
    """The flags of the function behind: what a method has too is called otherwise."""
    from graphcondense.evaluate.node_training import Training
    from graphcondense.uses import measure_robustness

    filled = ("data", "condense", "label", "device", "progress")
    renamed = {"model": "evaluator", "seeds": "trainings"}
    return [
        Flags("poison and score", measure_robustness, skip=filled, renamed=renamed),
        Flags("training of the evaluator", Training, prefix="train_"),
    ]


def command_robustness(argv: list[str]) -> object:
    """Poison a data set, condense it, and score the result on the clean one."""
    from graphcondense.methods import find_method
    from graphcondense.run import build
    from graphcondense.uses import measure_robustness

    cls, variant = find_method(glance(argv, "--method").method or Poisoned.method, "node")
    parser = robustness_parser(cls, variant)
    args = parse(parser, argv)
    check_device(args.device)
    where = where_of(args)
    need_one_graph(where, "robustness")
    name = args.method.lower()
    folder = Path(args.out or f"runs/robustness-{where.stem}-{name}")
    refuse_places(args, folder, "robustness")
    task: Any = where.load()
    args = parse_with_preset(parser, argv, cls, variant, task.name)
    given: Record = {}
    for group in poison_flags():
        given |= group.values(args)
    options: Record = {**budget_flags(cls).values(args), **method_flags(cls).values(args)}
    method = build(name, "node", **options)
    run = {key: args[key] for key in ("preset", "device", *SETTINGS)}
    kept = folder / "graphs"
    with keeping(kept):
        found = measure_robustness(
            task,
            remembering(kept, name, method, run, argv),
            label=name if name not in ("random", "whole") else f"{name} (method)",
            device=args.device,
            progress=shows_progress(),
            **given,
        )
    return Opened(args, {}, task, folder).write(found, "robustness")


def robustness_parser(cls: type[Method], variant: Mapping[str, object] | None = None) -> Parser:
    """All flags, a method's own among them."""
    from graphcondense.run import condense
    from graphcondense.run.options import Run

    parser = make_parser("robustness", summary_of(command_robustness))
    parser.add(*data_flags(), Flags("method", Poisoned), *poison_flags())
    parser.add(budget_flags(cls, variant), Flags("condensation", Run, only=SETTINGS))
    parser.add(Flags("preset", condense, only=("preset",)), method_flags(cls, variant))
    parser.add(Flags("output", Output))
    return parser


def remembering(
    folder: Path,
    name: str,
    method: Method,
    run: Mapping[str, object],
    argv: Sequence[str] = (),
) -> Callable[[NodeTask, int], object]:
    """A condensation that keeps each graph in a folder of its own, and takes up what is there.

    The folder is named after the data, the seed, and a hash of all that decides the graph: other
    settings, another version or another device make another graph beside it.

    ``run`` are further arguments of :func:`graphcondense.condense`.
    """
    import torch

    import graphcondense
    from graphcondense.core.method import hyperparameters
    from graphcondense.run.folder import begun, is_finished
    from graphcondense.run.options import Run, device_of
    from graphcondense.version import __version__

    given: Record = asked_for(Run, run, argv)
    made_by = {
        "method": name,
        "hyperparameters": hyperparameters(method),
        **{key: run[key] for key in SETTINGS if key in run},
        "version": __version__,
        "torch": str(torch.__version__),
        "device": str(device_of(Run(device=given.get("device")))),
    }

    def condense(task: NodeTask, seed: int) -> object:
        text = json.dumps({**made_by, "seed": seed, "data": task.digest}, sort_keys=True)
        hashed = hashlib.sha256(text.encode()).hexdigest()[:16]
        here = folder / re.sub(r"[^\w.+-]+", "-", f"{task.name}-seed{seed}-{hashed}")
        if is_finished(here):
            tell(f"taken up: {here}")
            return graphcondense.load(here)
        # The method object is built once, so that its name (a variant's) goes into the record here.
        return graphcondense.condense(
            task, name, out=here, resume=begun(here), seed=seed, **hyperparameters(method), **given
        )

    return condense
