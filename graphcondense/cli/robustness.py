"""graphcondense robustness."""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from graphcondense.cli.flags import (
    Where,
    add_fields,
    asked_for,
    make_parser,
    numbers,
    parse,
    summary_of,
)
from graphcondense.cli.folders import BUDGETS, read_config
from graphcondense.cli.runs import Opened, Output, check_device, need_one_graph
from graphcondense.cli.text import is_main, say

if TYPE_CHECKING:
    from jsonargparse import ArgumentParser

    from graphcondense.core.method import Method

OWN = ("setting", "validations", "device")
"""Fields of a run that a condensation here takes."""


@dataclass(frozen=True, kw_only=True)
class Poisoned:
    """What is poisoned, how it is condensed, and how that is scored.

    Attributes:
        method: condensation method; its own flags follow.
        preset: a section of the method's preset file; "auto" takes the one that is called like the
            data set, if there is one; "none" takes none. Flags win over it.
        poisons: of "edges", "features" and "labels", with commas between.
        rates: how much of each, with commas between; 0 is the clean graph.
        graph_seeds: draws of every poison, each condensed.
        labels_of: whose labels are poisoned.
        evaluator: name of the model that is trained on the graphs.
        trainings: of the evaluator on every graph.
        train_epochs: of a training.
        train_hidden: width of the evaluator; by default its own.
        out: folder; condensed graphs in it are not condensed again.
    """

    method: str = "gcond-x"
    preset: str = "auto"
    poisons: str = "edges,features,labels"
    rates: str = "0,0.1,0.2,0.4"
    graph_seeds: int = 1
    labels_of: Literal["train", "train+val"] = "train"
    evaluator: str = "GCN"
    trainings: int = 5
    train_epochs: int = 300
    train_hidden: int | None = None
    out: str | None = None


def command_robustness(argv: list[str]) -> None:
    """Poison a data set, condense it, and score the result on the clean one."""
    from graphcondense.methods import find_method
    from graphcondense.ops.fields import listed
    from graphcondense.run import build, presets, section_of
    from graphcondense.uses.robustness import measure_robustness

    early = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    early.add_argument("--method", default=Poisoned.method)
    chosen, _ = early.parse_known_args(argv)
    cls, variant = find_method(chosen.method, "node")
    parser = robustness_parser(cls)
    args = parse(parser, argv)
    check_device(args.device)
    where = Where(**{f.name: args[f.name] for f in fields(Where)})
    need_one_graph(where, "robustness")
    task = where.load()
    section = section_of(cls, args.preset, task.name)
    if section and args.preset == "auto":
        say(f"preset {section!r} of {cls.name}, because of the data; --preset none leaves it")
    defaults = {**variant, **(presets(cls)[section] if section else {})}
    given = {word[2:].partition("=")[0].replace("-", "_") for word in argv}
    if given & set(BUDGETS):  # a budget on the command line stands for a preset's
        defaults = {k: v for k, v in defaults.items() if k not in BUDGETS}
    parser.set_defaults(defaults)
    args = parse(parser, argv)
    rates = numbers("rates", args.rates, float)
    name = args.method.lower()
    own = {f.name: args[f.name] for f in fields(cls)}
    method = build(name, "node", **own)
    folder = Path(args.out or f"runs/robustness-{where.stem}-{name}")
    run = {"preset": section or "none", **{key: args[key] for key in OWN}}
    found = measure_robustness(
        task,
        remembering(folder / "graphs", name, method, run, argv),
        poisons=listed(args.poisons, "poisons"),
        rates=rates,
        graph_seeds=args.graph_seeds,
        model=args.evaluator,
        seeds=args.trainings,
        labels_of=args.labels_of,
        label=name if name not in ("random", "whole") else f"{name} (method)",
        device=args.device,
        progress=sys.stderr.isatty(),
        epochs=args.train_epochs,
        hidden=args.train_hidden,
    )
    Opened(args, {}, task, folder).write(found, "robustness")


def robustness_parser(cls: type[Method]) -> ArgumentParser:
    """All flags, a method's own among them."""
    from graphcondense.run import Run

    parser = make_parser("robustness", summary_of(command_robustness))
    budget = [*BUDGETS, "of", "rule"]
    add_fields(parser, "data", Where)
    add_fields(parser, "poison and score", Poisoned)
    add_fields(parser, "budget (one of nodes, ratio, per-class, bytes)", cls, only=budget)
    add_fields(parser, "condensation", Run, only=[key for key in OWN if key != "device"])
    own = [f.name for f in fields(cls) if f.name not in budget]
    add_fields(parser, f"{cls.name} itself", cls, only=own)
    add_fields(parser, "output", Output)
    return parser


def remembering(
    folder: Path, name: str, method: Method, run: dict[str, Any], argv: Sequence[str] = ()
) -> Callable[[Any, int], Any]:
    """A condensation that keeps each graph in a folder of its own and takes up what is there."""
    import yaml

    import graphcondense
    from graphcondense.core.method import hyperparameters
    from graphcondense.ops.yaml import read_yaml
    from graphcondense.run import Run

    def condense(task: Any, seed: int) -> Any:
        here = folder / re.sub(r"[^\w.+-]+", "-", f"{task.name}-seed{seed}")
        wanted = {
            "method": name,
            "hyperparameters": hyperparameters(method),
            "seed": seed,
            "setting": run["setting"],
            "validations": run["validations"],
        }
        if (here / "condensed.safetensors").is_file():
            config = read_config(here / "config.yaml")
            there = {key: config.get(key) for key in wanted}
            same = there == read_yaml(yaml.safe_dump(wanted))
            if not same or config.get("data", {}).get("digest") != task.digest:
                raise ValueError(f"{here} has a run of other settings; --out names another folder")
            if is_main():
                say(f"taken up: {here}")
            return graphcondense.load(here)
        resume = (here / "checkpoint.pt").exists()
        # The method object is built once, so that its name (a variant's) goes into the record here.
        return graphcondense.condense(
            task,
            name,
            out=here,
            resume=resume,
            seed=seed,
            **hyperparameters(method),
            **asked_for(Run, run, argv),
        )

    return condense
