"""graphcondense continual."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from graphcondense.cli.condense import preset_of_data
from graphcondense.cli.flags import Flags, make_parser, parse, summary_of
from graphcondense.cli.folders import Config
from graphcondense.cli.robustness import remembering
from graphcondense.cli.runs import (
    Opened,
    Output,
    check_device,
    keeping,
    need_one_graph,
    refuse_places,
)
from graphcondense.cli.text import shows_progress
from graphcondense.cli.where import data_flags, where_of

if TYPE_CHECKING:
    from graphcondense.ops.types import Record


@dataclass(frozen=True, kw_only=True)
class Memory:
    """What condenses the earlier classes.

    Attributes:
        method: what condenses a group when it arrives.
        per_class: nodes of a class to remember.
        options: further fields of the method, such as '{"epochs": 50}'.
        out: folder for the results, by default runs/continual-DATA-METHOD; condensed graphs in it
            are not condensed again by the same settings, and finished trainings of an interrupted
            command not repeated.
    """

    method: str = "doscond-x"
    per_class: int = 5
    options: Config | None = None
    out: str | None = None


def command_continual(argv: list[str]) -> object:
    """Let classes arrive in groups, and remember the earlier ones as condensed graphs."""
    from graphcondense.evaluate.node_training import Training
    from graphcondense.methods import find_method
    from graphcondense.run import build, condense, section_of
    from graphcondense.uses import learn_continually

    parser = make_parser("continual", summary_of(command_continual))
    filled = ("data", "condense", "device", "progress", "store")
    arrivals = Flags("arrivals", learn_continually, skip=filled)
    training = Flags("training", Training)
    parser.add(*data_flags(), Flags("memory", Memory))
    parser.add(Flags("preset", condense, only=("preset",)), arrivals, training)
    parser.add(Flags("output", Output))
    args = parse(parser, argv)
    check_device(args.device)
    where = where_of(args)
    need_one_graph(where, "continual")

    folder = Path(args.out or f"runs/continual-{where.stem}-{args.method}")
    refuse_places(args, folder, "continual")
    for flag, name in (("--per-class", "per_class"), ("--preset", "preset")):
        if name in (args.options or {}):
            raise ValueError(f"--options has {name!r}: give {flag} {args.options[name]} instead")
    options: Record = {"per_class": args.per_class, **(args.options or {})}
    cls = find_method(args.method, "node")[0]
    build(args.method, "node", **options)  # a wrong name or field ends here
    task: Any = where.load()
    preset = preset_of_data(section_of(cls, args.preset, task.name), args.preset, cls.name)
    method = build(args.method, "node", preset=preset, **options)
    run = {"preset": preset, "device": args.device, "progress": False}
    graphs, store = folder / "graphs", folder / "continual.partial.jsonl"
    remember = remembering(graphs, args.method.lower(), method, run)
    given: Record = {**arrivals.values(args), **training.values(args)}
    with keeping(graphs, store):
        result = learn_continually(
            task,
            remember,
            device=args.device,
            progress=shows_progress(),
            store=store,
            **given,
        )
    return Opened(args, {}, task, folder).write(result, "continual")
