"""graphcondense tune."""

from __future__ import annotations

import sys
from dataclasses import dataclass, fields
from typing import Literal

from graphcondense.cli.flags import add_fields, make_parser, summary_of
from graphcondense.cli.nas import baselines_of, one_method, resumable, storage_of
from graphcondense.cli.runs import open_runs

FIXED = ("num_layers", "activation", "val_every")
"""Training settings that are not searched."""


@dataclass(frozen=True, kw_only=True)
class Tune:
    """How training settings are searched.

    Attributes:
        model: what is trained.
        trials: settings that every search tries.
        seeds: trainings of every trial, all at once.
        final_seeds: trainings on the whole graph with what was found.
        sampler: how settings are drawn.
        baselines: further graphs to search on, of "random" and "whole", with a comma between, or
            "none".
        seed: of the sampler and the random graphs.
        storage: an Optuna URL or a file, with which the same command goes on after an interrupt; by
            default tune.log beside the run; "none" for none.
    """

    model: str = "GCN"
    trials: int = 30
    seeds: int = 3
    final_seeds: int = 10
    sampler: Literal["tpe", "random"] = "tpe"
    baselines: str = "random"
    seed: int = 0
    storage: str | None = None


def command_tune(argv: list[str]) -> None:
    """Search training settings on a condensed graph for training on the whole one."""
    parser = make_parser("tune", summary_of(command_tune))
    add_fields(parser, "search", Tune)
    from graphcondense.evaluate.nodes import Training

    add_fields(parser, "training", Training, only=FIXED)
    run = open_runs(parser, argv)
    from graphcondense.uses.tuning import search_training

    args = run.args
    options = {f.name: args[f.name] for f in fields(Tune)}
    result = resumable(
        search_training,
        one_method(run),
        run.task,
        device=args.device,
        progress=sys.stderr.isatty(),
        **{
            **options,
            "storage": storage_of(run, "tune"),
            "baselines": baselines_of(args.baselines),
        },
        **{name: args[name] for name in FIXED},
    )
    run.write(result, "tune")
