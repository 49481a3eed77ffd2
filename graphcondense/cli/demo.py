"""graphcondense demo."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from graphcondense.cli.flags import Where, add_fields, make_parser, parse, summary_of
from graphcondense.cli.folders import draw, prepare
from graphcondense.cli.text import is_main, say, summary


@dataclass(frozen=True, kw_only=True)
class Demo:
    """The demonstration.

    Attributes:
        out: folder for its files.
        seed: of all randomness.
    """

    out: str = "runs/demo"
    seed: int = 0


def command_demo(argv: list[str]) -> None:
    """Condense scikit-learn's digits and compare, offline, in a minute of one core."""
    import time

    import graphcondense
    from graphcondense.evaluate import evaluate
    from graphcondense.pictures import draw_pixels

    parser = make_parser("demo", summary_of(command_demo))
    add_fields(parser, "options", Demo)
    args = parse(parser, argv)
    began = time.perf_counter()
    folder, where = Path(args.out), Where(data="digits")
    prepare(folder, overwrite=args.out == Demo.out)
    task = where.load()
    say(f"{task.num_nodes:,} handwritten digits, each joined to its 10 nearest, become 50 nodes.")
    options = {**DEMO, "seed": args.seed, "out": folder}
    small = graphcondense.condense(task, "gcond-x", origin=asdict(where), **options)
    report = evaluate({"gcond-x": small}, task, **DEMO_EVALUATION)
    say(f"{summary(small)}\n\n{report.table()}\n")
    if is_main():
        report.to_json(folder / "evaluation.json")
        report.plot(folder / "evaluation.png")
    pictures = [*draw(small, folder), folder / "evaluation.png"]
    if is_main():
        draw_pixels(small, (8, 8), folder / "graph.png")  # digits as digits
    say(f"{time.perf_counter() - began:.0f} s in all. Pictures: {', '.join(map(str, pictures))}")
    say("next: graphcondense condense gcond-x --data cora --nodes 70")


DEMO: dict[str, Any] = {"nodes": 50}
"""How the demonstration runs GCond-X: by its defaults."""

DEMO_EVALUATION: dict[str, Any] = {
    "models": ("GCN", "SGC", "MLP"),
    "seeds": 3,
    "epochs": 200,
    "progress": False,
}
"""How it compares."""
