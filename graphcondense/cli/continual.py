"""graphcondense continual."""

from __future__ import annotations

import sys
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from graphcondense.cli.flags import Where, add_fields, make_parser, parse, summary_of
from graphcondense.cli.runs import Opened, Output, check_device, need_one_graph
from graphcondense.cli.text import say


@dataclass(frozen=True, kw_only=True)
class Arrivals:
    """How classes arrive and what is remembered of them.

    Attributes:
        method: what condenses a group when it arrives.
        preset: a section of the method's preset file; "auto" takes the one that is called like the
            data set, if there is one; "none" takes none.
        per_class: nodes of a class to remember.
        options: further fields of the method, such as '{"epochs": 50}'.
        steps: number of groups of classes; by default as many as have two classes each.
        classes_per_step: classes of a group, instead of steps.
        strategies: what to train on, names with commas between, or "all".
        model: what to train.
        seeds: trainings on every memory.
        draws: memories of every kind.
        seed: of the first memory.
        out: folder for the results; by default runs/continual-DATA-METHOD.
    """

    method: str = "doscond-x"
    preset: str = "auto"
    per_class: int = 5
    options: dict[str, Any] | None = None
    steps: int | None = None
    classes_per_step: int | None = None
    strategies: str = "all"
    model: str = "GCN"
    seeds: int = 5
    draws: int = 1
    seed: int = 0
    out: str | None = None


def command_continual(argv: list[str]) -> None:
    """Let classes arrive in groups, and remember the earlier ones as condensed graphs."""
    from graphcondense.evaluate.nodes import Training

    parser = make_parser("continual", summary_of(command_continual))
    add_fields(parser, "data", Where)
    add_fields(parser, "arrivals and memory", Arrivals)
    add_fields(parser, "training", Training)
    add_fields(parser, "output", Output)
    args = parse(parser, argv)
    check_device(args.device)
    where = Where(**{f.name: args[f.name] for f in fields(Where)})
    need_one_graph(where, "continual")

    import graphcondense
    from graphcondense.methods import find_method
    from graphcondense.ops.fields import listed
    from graphcondense.run import build, section_of
    from graphcondense.uses.continual import STRATEGIES, learn_continually

    own = {"per_class": args.per_class, **(args.options or {})}
    cls = find_method(args.method, "node")[0]
    build(args.method, "node", **own)  # a wrong name or field ends here
    task = where.load()
    section = section_of(cls, args.preset, task.name)
    if section and args.preset == "auto":
        say(f"preset {section!r} of {cls.name}, because of the data; --preset none leaves it")
    own["preset"] = section or "none"

    def condense(group: Any, seed: int) -> Any:
        return graphcondense.condense(
            group, args.method, seed=seed, device=args.device, progress=False, **own
        )

    every = args.strategies == "all"
    strategies = list(STRATEGIES) if every else listed(args.strategies, "strategies")
    result = learn_continually(
        task,
        condense,
        steps=args.steps,
        classes_per_step=args.classes_per_step,
        strategies=strategies,
        model=args.model,
        seeds=args.seeds,
        draws=args.draws,
        seed=args.seed,
        device=args.device,
        progress=sys.stderr.isatty(),
        **{f.name: args[f.name] for f in fields(Training)},
    )
    folder = Path(args.out or f"runs/continual-{where.stem}-{args.method}")
    folder.mkdir(parents=True, exist_ok=True)
    Opened(args, {}, task, folder).write(result, "continual")
