"""One cell of a table: a method, condensed with every seed and then evaluated."""

from __future__ import annotations

import os
import signal
import threading
import time
from typing import TYPE_CHECKING

from jsonargparse import Namespace

from graphcondense.cli.bench.page import WHOLE
from graphcondense.cli.bench.table import budget_of, command_of, digests_of, training_of
from graphcondense.cli.where import where_of

if TYPE_CHECKING:
    from graphcondense.ops.types import Record


def end_with_parent(pipe: int) -> None:
    """End this process at once when the one that has the other end of a pipe has ended: the same
    cell may begin again right away."""

    def watch() -> None:
        os.read(pipe, 1)  # nothing is ever written: it returns when the other end is closed
        os._exit(128 + signal.SIGTERM)

    threading.Thread(target=watch, daemon=True).start()


def _floors(data: object) -> tuple[str, ...]:
    """What stands beside all cells: the whole data, and of targets that are numbers their mean."""
    numbers = getattr(data, "label_kind", None) == "regression"
    return (WHOLE, "mean") if numbers else (WHOLE,)


def run_cell(args: Namespace) -> Record:
    """Condense with every seed, then evaluate all results; this process is the cell's own."""
    import graphcondense
    from graphcondense.evaluate import evaluate
    from graphcondense.evaluate.any_kind import judge_of
    from graphcondense.evaluate.cost import peak_memory_bytes
    from graphcondense.methods import find_method

    where = where_of(args)
    kind, name = where.kind, args.methods
    data = where.load(kind)
    method = "random" if name == WHOLE else name
    budget = budget_of(args)
    sets, seconds = [], []
    for seed in range(1 if name == WHOLE else args.condensations):
        began = time.perf_counter()
        sets.append(
            graphcondense.condense(
                data,
                method,
                seed=seed,
                device=args.device,
                progress=False,
                pseudo_labels=args.pseudo_labels,
                **budget,
            )
        )
        seconds.append(round(time.perf_counter() - began, 3))
    peak = peak_memory_bytes()
    report = evaluate(
        {name if name != WHOLE else "random": sets},
        data,
        models=args.models or judge_of(data),
        seeds=args.trainings,
        baselines=_floors(data) if name == WHOLE else (),
        plain_epochs=20 if name == WHOLE else 0,
        device=args.device,
        progress=False,
        **training_of(args),
    ).to_dict()
    rows = [row for row in report["rows"] if (row["label"] == WHOLE) == (name == WHOLE)]
    plain = next(iter(report["ledgers"].values()))["plain_training_seconds"]
    mean = next((r["test_selected"] for r in report["rows"] if r["label"] == "mean"), None)
    return {
        "report": {**report, "rows": rows, "ledgers": {} if name == WHOLE else report["ledgers"]},
        "cost": "-" if name == WHOLE else find_method(method, kind)[0].cost,
        "seconds": None if name == WHOLE else seconds,
        "plain_training_seconds": plain if name == WHOLE else None,
        "mean": mean,
        "peak_memory_bytes": None if name == WHOLE else peak,
        "budget": budget,
        "workers": args.workers,
        "command": command_of(args),
        "data": digests_of(data),
    }
