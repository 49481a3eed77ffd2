"""graphcondense evaluate."""

from __future__ import annotations

import sys
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from graphcondense.cli.flags import Where, add_fields, make_parser, parse, summary_of
from graphcondense.cli.folders import read_config
from graphcondense.cli.text import note, say


@dataclass(frozen=True, kw_only=True)
class Trained:
    """How a condensed graph is evaluated.

    Attributes:
        models: names with commas between, or "all".
        seeds: trainings of every model.
        baselines: of "random" and "whole", with a comma between, or "none".
        random_draws: how many random graphs.
        device: such as "cpu" or "cuda".
        json: file for the numbers; by default evaluation.json in the run's folder.
        plot: file for the picture; by default evaluation.png in the run's folder.
    """

    models: str = "all"
    seeds: int = 10
    baselines: str = "random,whole"
    random_draws: int = 3
    device: str | None = None
    json: str | None = None
    plot: str | None = None


def command_evaluate(argv: list[str]) -> None:
    """Train other models on condensed graphs and score them on the real one."""
    import graphcondense
    from graphcondense.data import as_task
    from graphcondense.evaluate import Training, evaluate
    from graphcondense.evaluate.report import BASELINES
    from graphcondense.nn.batched import MODELS

    parser = make_parser("evaluate", summary_of(command_evaluate))
    parser.add_argument(
        "runs", nargs="+", help="run folders or .safetensors files; several are several seeds"
    )
    add_fields(parser, "data (by default the first run's)", Where)
    add_fields(parser, "evaluation", Trained)
    add_fields(parser, "training", Training)
    first = parse(parser, argv).runs[0]
    small = graphcondense.load(first)
    config = Path(first) / "config.yaml"
    origin = read_config(config).get("origin", {}) if config.is_file() else {}
    parser.set_defaults({"data": small.condensed.get("data", {}).get("name"), **origin})
    args = parse(parser, argv)

    graphs: dict[str, list[Any]] = {}
    loaded = [small, *map(graphcondense.load, args.runs[1:])]
    sizes = {graph.num_nodes for graph in loaded}
    for graph in loaded:
        label = graph.condensed.get("method", "condensed")
        label += f" {graph.num_nodes}" if len(sizes) > 1 else ""
        graphs.setdefault(f"{label} (run)" if label in BASELINES else label, []).append(graph)
    task = as_task(Where(**{f.name: args[f.name] for f in fields(Where)}).load())
    if {g.condensed.get("data", {}).get("digest") for g in loaded} != {task.digest}:
        note("note: not condensed from this very graph and split")
    report = evaluate(
        graphs,
        task,
        models=list(MODELS) if args.models == "all" else args.models.split(","),
        seeds=args.seeds,
        baselines=[] if args.baselines == "none" else args.baselines.split(","),
        random_draws=args.random_draws,
        device=args.device,
        progress=sys.stderr.isatty(),
        **{f.name: args[f.name] for f in fields(Training)},
    )
    say(report.table())
    folder = Path(first) if Path(first).is_dir() else None
    for file, write, name in (
        (args.json, report.to_json, "evaluation.json"),
        (args.plot, report.plot, "evaluation.png"),
    ):
        if path := file or (folder and folder / name):
            Path(path).parent.mkdir(parents=True, exist_ok=True)
            write(path)
            say(f"written: {path}")
