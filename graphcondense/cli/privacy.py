"""graphcondense privacy."""

from __future__ import annotations

import sys
from dataclasses import dataclass, fields
from typing import Literal

from graphcondense.cli.flags import add_fields, make_parser, summary_of
from graphcondense.cli.runs import open_runs


@dataclass(frozen=True, kw_only=True)
class Attacked:
    """What is attacked, and how.

    Attributes:
        model: name of the attacked model.
        seeds: its trainings on every graph.
        attack: the attacker's model.
        folds: of the attacker's cross-validation.
        random_draws: random subgraphs beside; 0 leaves them out.
        seed: of drawn nodes and folds.
    """

    model: str = "GCN"
    seeds: int = 10
    attack: Literal["logistic", "forest"] = "logistic"
    folds: int = 5
    random_draws: int = 3
    seed: int = 0


def command_privacy(argv: list[str]) -> None:
    """Attack models trained on condensed graphs: which real nodes were trained on?"""
    from graphcondense.evaluate.nodes import Training
    from graphcondense.uses.privacy import membership_inference

    parser = make_parser("privacy", summary_of(command_privacy))
    add_fields(parser, "attack", Attacked)
    add_fields(parser, "training", Training)
    run = open_runs(parser, argv)
    chosen = {f.name: run.args[f.name] for cls in (Attacked, Training) for f in fields(cls)}
    found = membership_inference(
        run.graphs, run.task, device=run.args.device, progress=sys.stderr.isatty(), **chosen
    )
    run.write(found, "privacy")
