"""The table of node-level methods: accuracy, time and memory under one protocol.

Every method runs in a process of its own (so that peak memory is its own), with every condensation
seed in turn; then one evaluator scores all results. Run it on an otherwise idle machine:

    OMP_NUM_THREADS=1 python benchmarks/nodes.py --root DATA --out docs/results

Finished cells are kept in ``--out`` and not run again; delete the folder to start over.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

# A method, or METHOD@NETWORK for another matching network than its default.
BUDGETS = {"cora": 70, "citeseer": 60}
METHODS = ("gcond", "gcond-x", "doscond", "doscond-x", "random", "herding", "kcenter")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--root", default=None, help="folder of the data sets")
    parser.add_argument("--data", nargs="+", default=list(BUDGETS), choices=list(BUDGETS))
    parser.add_argument("--methods", nargs="+", default=list(METHODS))
    parser.add_argument("--seeds", type=int, default=3, help="condensation seeds")
    parser.add_argument("--trainings", type=int, default=10, help="training seeds of each result")
    parser.add_argument("--models", nargs="+", default=["GCN"], help="evaluators")
    parser.add_argument("--out", type=Path, default=Path("docs/results"))
    parser.add_argument("--cell", nargs=3, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.cell:
        condense_one(args, *args.cell)
        return
    for data in args.data:
        condense_all(args, data)
        score_all(args, data)
    write_page(args)


def cell_folder(out: Path, data: str, method: str, seed: int | str) -> Path:
    return out / "cells" / f"{data}-{BUDGETS[data]}-{method}-{seed}"


def condense_all(args: argparse.Namespace, data: str) -> None:
    """One process a cell: its peak memory is that of condensing alone."""
    for method in args.methods:
        for seed in range(args.seeds):
            if (cell_folder(args.out, data, method, seed) / "cost.json").exists():
                continue
            print(f"condense {data} {method} seed {seed}", file=sys.stderr)
            here = [sys.executable, __file__, "--out", str(args.out)]
            root = ["--root", args.root] if args.root else []
            subprocess.run([*here, *root, "--cell", data, method, str(seed)], check=True)


def condense_one(args: argparse.Namespace, data: str, method: str, seed: str) -> None:
    import graphcondense
    from graphcondense.evaluate.cost import peak_memory_bytes

    real = graphcondense.data.load(data, root=args.root)
    folder = cell_folder(args.out, data, method, seed)
    small = condensed(real, method, BUDGETS[data], int(seed))
    graphcondense.save(small, folder)
    seconds = small.condensed["processor_seconds"]
    cost = {"processor_seconds": seconds, "peak_memory_bytes": peak_memory_bytes()}
    (folder / "cost.json").write_text(json.dumps(cost))


def condensed(real: object, method: str, nodes: int, seed: int, **options: object) -> Any:
    """What a method, or METHOD@NETWORK, makes of a graph by its default settings."""
    import graphcondense

    name, _, network = method.partition("@")
    options |= {"model": network} if network else {}
    return graphcondense.condense(real, name, nodes=nodes, seed=seed, progress=False, **options)


def score_all(args: argparse.Namespace, data: str) -> None:
    """Every method's graphs under one evaluator, the whole graph beside them."""
    target = args.out / f"{data}-{BUDGETS[data]}.json"
    import graphcondense
    from graphcondense.evaluate import evaluate
    from graphcondense.evaluate.cost import plain_training_seconds

    real = graphcondense.data.load(data, root=args.root)
    folders = {
        m: [cell_folder(args.out, data, m, s) for s in range(args.seeds)] for m in args.methods
    }
    report = evaluate(
        {m: [graphcondense.load(f) for f in own] for m, own in folders.items()},
        real,
        models=args.models,
        seeds=args.trainings,
        baselines=("whole",),
        plain_epochs=0,
    )
    costs = {
        m: [json.loads((f / "cost.json").read_text()) for f in own] for m, own in folders.items()
    }
    report.to_json(target)
    saved = json.loads(target.read_text())
    plain = plain_training_seconds(real, measured=20, clock=time.process_time)
    extra = {"costs": costs, "plain_processor_seconds": plain}
    target.write_text(json.dumps({**saved, **extra}, indent=1))
    print(report.table())


def write_page(args: argparse.Namespace) -> None:
    """``nodes.md``, from the JSON files."""
    parts = ["# Node-level results\n", "Written by `benchmarks/nodes.py`; do not edit.\n"]
    for data, nodes in BUDGETS.items():
        if (path := args.out / f"{data}-{nodes}.json").exists():
            parts.append(table(data, json.loads(path.read_text())))
    (args.out / "nodes.md").write_text("\n".join(parts))


def line(cells: Iterable[str]) -> str:
    """One row of a Markdown table."""
    return f"| {' | '.join(cells)} |"


def table(data: str, saved: dict[str, Any]) -> str:
    """The Markdown table of one data set."""
    from graphcondense.evaluate.result import percent

    plain = saved["plain_processor_seconds"]
    head = ["trained on", "preset", "evaluator", "test %, best validation", "test %, last epoch"]
    head += ["seeds", "edges", "bytes", "processor seconds to condense"]
    head += ["of one whole-graph training", "peak MiB"]
    lines = [f"## {saved['data']}, {BUDGETS[data]} nodes\n", line(head), "|---" * len(head) + "|"]
    for row in saved["rows"]:
        cost = saved["costs"].get(row["label"], [])
        seconds = sorted(c["processor_seconds"] for c in cost)
        took = f"{seconds[0]:.1f} to {seconds[-1]:.1f}" if cost else "-"
        ratio = f"{sum(seconds) / len(seconds) / plain:.2f}" if cost else "-"
        memory = f"{max(c['peak_memory_bytes'] for c in cost) / 2**20:,.0f}" if cost else "-"
        scores = (percent(row[f"test_{w}"], row[f"test_{w}_std"]) for w in ("selected", "last"))
        sizes = (f"{row['graphs']} x {row['trainings']}", f"{row['edges']:,}", f"{row['bytes']:,}")
        lines.append(
            line(
                [
                    row["label"],
                    row["preset"] or "-",
                    row["model"],
                    *scores,
                    *sizes,
                    took,
                    ratio,
                    memory,
                ]
            )
        )
    lines.append(
        f"\nScores are on {saved['test_examples']:,} test nodes. One full-batch training of a "
        f"plain PyG GCN on the whole graph took {plain:.1f} processor seconds in the same run.\n"
    )
    return "\n".join(lines)


if __name__ == "__main__":
    main()
