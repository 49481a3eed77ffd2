"""graphcondense demo."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from graphcondense.cli.flags import Flags, make_parser, parse, summary_of
from graphcondense.cli.folders import Config, refuse_used
from graphcondense.cli.text import CONSOLE, is_main, say, summary, tell
from graphcondense.cli.where import Where

if TYPE_CHECKING:
    from typing import Any


@dataclass(frozen=True, kw_only=True)
class Demo:
    """The demonstration.

    Attributes:
        out: folder for its files.
    """

    out: str = "runs/demo"


def command_demo(argv: list[str]) -> object:
    """Condense scikit-learn's digits and compare, offline, in half a minute of one core."""
    import graphcondense
    from graphcondense.evaluate import evaluate
    from graphcondense.pictures import draw_pixels
    from graphcondense.run.options import Run

    parser = make_parser("demo", summary_of(command_demo))
    parser.add(Flags("options", Demo), Flags("run", Run, only=("seed",)))
    args = parse(parser, argv)
    began = time.perf_counter()
    folder, where = Path(args.out), Where(data="digits")
    refuse_used(folder, overwrite=args.out == Demo.out)
    task: Any = where.load()
    tell(f"{task.num_nodes:,} handwritten digits, each joined to its 10 nearest, become 50 nodes.")
    options = {**DEMO, "seed": args.seed, "out": folder, "progress": not CONSOLE.quiet}
    small = graphcondense.condense(task, origin=where.origin(), **options)
    report = evaluate({small.condensed["method"]: small}, task, **DEMO_EVALUATION)
    say(f"{summary(small)}\n\n{report.table()}\n")
    if is_main():
        report.to_json(folder / "evaluation.json")
        report.plot(folder / "evaluation.png")
    pictures = [folder / "graph.png", folder / "evaluation.png"]
    if is_main():
        draw_pixels(small, (8, 8), pictures[0])  # digits as digits
    tell(f"{time.perf_counter() - began:.0f} s in all. Pictures: {', '.join(map(str, pictures))}")
    tell("next: graphcondense condense --data cora --nodes 70")
    return json.loads(report.to_json())


DEMO: Config = {"nodes": 50}
"""How the demonstration runs the default method: by its defaults."""

DEMO_EVALUATION: Config = {
    "models": ("GCN", "SGC", "MLP"),
    "seeds": 3,
    "epochs": 100,
    "progress": False,
}
"""How it compares."""
