"""The table of graph-level methods: scores, time and memory under one protocol.

A cell is one data set, method and number of graphs a class: it condenses with every seed, trains
the evaluator on each result with several seeds, and takes the time of all of that. Every
condensation seed is a process of its own, two at a time, one thread each. OGB sets have their
scaffold split; TUDatasets have a stratified one of their own for every condensation seed. Run it on
an otherwise idle machine:

    OMP_NUM_THREADS=1 python benchmarks/graphs.py --root DATA --out docs/results

Finished cells are kept in ``--out`` and not run again; delete the folder to start over.
"""

from __future__ import annotations

import argparse
import json
import statistics
from pathlib import Path
from typing import Any

import cells
from cells import largest, mean, pooled, scores

DATA = ("ogbg-molbace", "ogbg-molbbbp", "NCI1", "MUTAG")
BUDGETS = (1, 10, 50)
METHODS = ("exchange", "doscond", "random", "herding", "kcenter", "dm", "kidd", "mirage", "whole")
MANY = 10
"""Graphs a class from which on the preset of the data is taken, where the method has one."""
WHOLE_STEPS = 500
"""Updates on the whole set, in batches; a condensed one takes the evaluator's own number."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--root", default=None, help="folder of the data sets")
    parser.add_argument("--data", nargs="+", default=list(DATA))
    parser.add_argument("--per-class", nargs="+", type=int, default=list(BUDGETS))
    parser.add_argument("--methods", nargs="+", default=list(METHODS))
    parser.add_argument("--seeds", type=int, default=3, help="condensation seeds")
    parser.add_argument("--trainings", type=int, default=5, help="training seeds of each result")
    parser.add_argument("--workers", type=int, default=2, help="processes at a time")
    parser.add_argument("--out", type=Path, default=Path("docs/results"))
    parser.add_argument("--one", nargs=5, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.one:
        one(args, *args.one)
        return
    for data in args.data:
        for method in args.methods:
            for per_class in args.per_class if method != "whole" else [0]:
                run_cell(args, data, method, per_class)
    write_page(args)


def cell_path(out: Path, data: str, method: str, per_class: int) -> Path:
    return out / "cells" / "graphs" / f"{data}-{method}-{per_class}.json"


def run_cell(args: argparse.Namespace, data: str, method: str, per_class: int) -> None:
    """All seeds of a cell, and how long they took together."""
    here = [__file__, "--out", str(args.out), "--trainings", str(args.trainings)]
    here += ["--root", args.root] if args.root else []
    path = cell_path(args.out, data, method, per_class)
    words = [data, method, str(per_class)]
    cells.run(path, here, words, seeds=args.seeds, workers=args.workers)


def one(
    args: argparse.Namespace, data: str, method: str, per_class: str, seed: str, path: str
) -> None:
    """Condense once and evaluate."""
    import graphcondense
    from graphcondense.evaluate.cost import peak_memory_bytes
    from graphcondense.evaluate.graphs import GraphEvaluator

    split = {} if data.startswith("ogbg") else {"seed": int(seed)}
    task = graphcondense.data.load(data, root=args.root, **split)
    graphs = int(per_class)
    evaluator = GraphEvaluator(task)
    size: dict[str, int] = {"graphs": len(task.train), "nodes": 0, "edges": 0, "bytes": 0}
    seconds = 0.0
    small: Any = task
    if method == "whole":
        evaluator = evaluator.replace(steps=WHOLE_STEPS)
        held = task.graphs.select(task.train)
        size = {**size, "nodes": len(held.x), "edges": held.edge_index.shape[1]}
        size["bytes"] = held.bytes
    else:
        small = condensed(task, method, graphs, int(seed))
        seconds = small.condensed["seconds"]
        size = {k: small.condensed[k] for k in size}
    peak = peak_memory_bytes()
    result = evaluator.fit("GCN", small, seeds=args.trainings)
    found = {
        **size,
        "condense_seconds": seconds,
        "fit_seconds": result.seconds,
        "peak_memory_bytes": peak,
        "peak_memory_bytes_with_evaluation": peak_memory_bytes(),
        "test": result.test_selected.tolist(),
        "test_last": result.test_last.tolist(),
        "val": result.val_selected.tolist(),
        "metric": task.metric,
    }
    Path(path).write_text(json.dumps(found))


def condensed(task: Any, method: str, per_class: int, seed: int, **options: Any) -> Any:
    """The set of a cell; a class of fewer graphs than that gives all it has."""
    import torch

    import graphcondense

    fewest = int(torch.bincount(task.groups[task.train]).min())
    return graphcondense.condense(
        task,
        method,
        # They were chosen for many graphs a class.
        preset="auto" if per_class >= MANY else "none",
        per_class=min(per_class, fewest),
        seed=seed,
        progress=False,
        **options,
    )


def write_page(args: argparse.Namespace) -> None:
    """``graphs.md``, from the cells."""
    parts = []
    for data in args.data:
        known = {
            (method, k): json.loads(path.read_text())
            for method in args.methods
            for k in (args.per_class if method != "whole" else [0])
            if (path := cell_path(args.out, data, method, k)).exists()
        }
        if known:
            parts.append(table(data, args.per_class, args.methods, known))
    head = "# Graph-level results\n\nWritten by `benchmarks/graphs.py`; do not edit.\n\n"
    (args.out / "graphs.md").write_text(head + "\n".join(parts))


def table(
    data: str, budgets: list[int], methods: list[str], found: dict[tuple[str, int], dict[str, Any]]
) -> str:
    """The Markdown table of one data set: a row a method, a column a budget."""
    first = next(iter(found.values()))["seeds"][0]
    metric = {"rocauc": "ROC-AUC", "accuracy": "accuracy"}[first["metric"]]
    best = {
        k: max(
            (m for m in methods if m != "whole" and (m, k) in found),
            key=lambda m: statistics.mean(pooled(found[m, k], "test")),
            default="",
        )
        for k in budgets
    }
    heads = [f"{k} a class" for k in budgets]
    lines = [
        f"**{data}**: test {metric} in %, GCN\n",
        f"| trained on | {' | '.join(heads)} | KiB | s to condense | s a cell | peak MiB |",
        "|---" * (len(budgets) + 5) + "|",
    ]
    for method in methods:
        own = [
            found.get((method, k)) for k in ([0] * len(budgets) if method == "whole" else budgets)
        ]
        known = [cell for cell in own if cell]
        if not known:
            continue
        shown = [
            "-" if cell is None else f"**{scores(cell)}**" if best[k] == method else scores(cell)
            for k, cell in zip(budgets, own, strict=True)
        ]
        if method == "whole":
            shown, known = [scores(known[0])] + ["same"] * (len(budgets) - 1), known[:1]
        costs = (
            [mean(c, "bytes", 1024) for c in known],
            [mean(c, "condense_seconds", 1) for c in known],
            [format(c["seconds"], ".0f") for c in known],
            [largest(c) for c in known],
        )
        lines.append(f"| {' | '.join([method, *shown, *map(' / '.join, costs)])} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
