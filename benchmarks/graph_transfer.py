"""How sets of graphs transfer: condensed once, trained on by GCN, GIN and GraphSAGE.

A cell is one data set, set and number of graphs a class, as in ``graphs.py``, whose splits and
presets it shares. Run it on an otherwise idle machine:

    OMP_NUM_THREADS=1 python benchmarks/graph_transfer.py --root DATA --out docs/results

Finished cells are kept in ``--out`` and not run again; ``--page`` writes what is there:
``graph-transfer.md``, the tables, and ``graph-transfer.json``.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import cells
import graphs

DATA = ("ogbg-molbace", "ogbg-molbbbp", "NCI1")
BUDGETS = (1, 10, 50)
MODELS = ("GCN", "GIN", "SAGE")
SETS: dict[str, tuple[str, dict[str, Any]]] = {
    "exchange": ("exchange", {}),
    "exchange, soft labels": ("exchange", {"labels": "soft"}),
    "doscond from exchange": ("doscond", {"init": "exchange"}),
    "doscond": ("doscond", {}),
    "random": ("random", {}),
}
"""Method and settings of each row."""
WHOLE = "whole"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--root", default=None, help="folder of the data sets")
    parser.add_argument("--data", nargs="+", default=list(DATA))
    parser.add_argument("--per-class", nargs="+", type=int, default=list(BUDGETS))
    parser.add_argument("--sets", nargs="+", default=[*SETS, WHOLE], choices=[*SETS, WHOLE])
    parser.add_argument("--seeds", type=int, default=3, help="condensation seeds")
    parser.add_argument("--trainings", type=int, default=5, help="training seeds of each result")
    parser.add_argument("--workers", type=int, default=2, help="processes at a time")
    parser.add_argument("--out", type=Path, default=Path("docs/results"))
    parser.add_argument("--page", action="store_true", help="only write the table")
    parser.add_argument("--one", nargs=5, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.one:
        one(args, *args.one)
        return
    here = [__file__, "--out", str(args.out), "--trainings", str(args.trainings)]
    here += ["--root", args.root] if args.root else []
    for data in args.data if not args.page else ():
        for name in args.sets:
            for budget in args.per_class if name != WHOLE else [0]:
                path = cell_path(args.out, data, name, budget)
                words = [data, name, str(budget)]
                cells.run(path, here, words, seeds=args.seeds, workers=args.workers)
    write_page(args.out)


def cell_path(out: Path, data: str, name: str, per_class: int) -> Path:
    words = name.replace(",", "").replace(" ", "-")
    return out / "cells" / "graph-transfer" / f"{data}-{words}-{per_class}.json"


def one(
    args: argparse.Namespace, data: str, name: str, per_class: str, seed: str, path: str
) -> None:
    """Condense once and train every model on it."""
    import graphcondense
    from graphcondense.evaluate.graphs import GraphEvaluator

    split = {} if data.startswith("ogbg") else {"seed": int(seed)}
    task = graphcondense.data.load(data, root=args.root, **split)
    evaluator, small, began = GraphEvaluator(task), task, time.process_time()
    if name == WHOLE:
        evaluator = evaluator.replace(steps=graphs.WHOLE_STEPS)
    else:
        method, options = SETS[name]
        small = graphs.condensed(task, method, int(per_class), int(seed), **options)
    spent = time.process_time() - began
    fits = {model: evaluator.fit(model, small, seeds=args.trainings) for model in MODELS}
    found = {
        "processor_seconds": 0.0 if name == WHOLE else spent,
        "bytes": task.graphs.select(task.train).bytes
        if name == WHOLE
        else small.condensed["bytes"],
        "metric": task.metric,
        "test_graphs": len(task.test),
        "trainings": args.trainings,
        "test": [value for fit in fits.values() for value in fit.test_selected.tolist()],
        "models": {
            model: {"test": fit.test_selected.tolist(), "val": fit.val_selected.tolist()}
            for model, fit in fits.items()
        },
    }
    Path(path).write_text(json.dumps(found))


def write_page(out: Path) -> None:
    """``graph-transfer.md`` and ``graph-transfer.json``, from the cells."""
    rows: list[dict[str, Any]] = []
    parts = [
        "# Transfer of sets of graphs\n\nWritten by `benchmarks/graph_transfer.py`; do not edit.\n"
    ]
    for data in DATA:
        found = {
            (name, budget): cell
            for name in (*SETS, WHOLE)
            for budget in ((0,) if name == WHOLE else BUDGETS)
            if (cell := cells.read(cell_path(out, data, name, budget)))
        }
        for budget in BUDGETS:
            if ("exchange", budget) not in found:
                continue
            known = {name: cell for (name, at), cell in found.items() if at in (0, budget)}
            parts.append(table(data, budget, known))
            rows += [row(data, budget, name, cell) for name, cell in known.items()]
    (out / "graph-transfer.md").write_text("\n".join(parts))
    (out / "graph-transfer.json").write_text(
        json.dumps({"kind": "GraphTransfer", "rows": rows}, indent=1)
    )


def row(data: str, budget: int, name: str, cell: cells.Cell) -> dict[str, Any]:
    """What was measured of one set: means and standard deviations over all of its seeds and
    trainings, as shares."""
    tests = {m: [v for seed in cell["seeds"] for v in seed["models"][m]["test"]] for m in MODELS}
    first = cell["seeds"][0]
    return {
        **{"data": data, "per_class": budget, "set": name, "metric": first["metric"]},
        **{"seeds": len(cell["seeds"]), "trainings": first["trainings"]},
        "seconds": statistics.mean(seed["processor_seconds"] for seed in cell["seeds"]),
        "models": {
            m: [statistics.mean(v), statistics.stdev(v) if len(v) > 1 else None]
            for m, v in tests.items()
        },
    }


def table(data: str, budget: int, known: Mapping[str, cells.Cell]) -> str:
    """One budget of one data set: a row a set, a column a model."""
    first = next(iter(known.values()))["seeds"][0]
    metric = {"rocauc": "ROC-AUC", "accuracy": "accuracy"}[first["metric"]]
    small = [name for name in known if name != WHOLE]
    best = {m: max(small, key=lambda n: statistics.mean(of(known[n], m, "test"))) for m in MODELS}
    lines = [
        f"**{data}, {budget} a class**: test {metric} in % of {first['test_graphs']} graphs, after "
        "the update with the best validation score; the mean validation score in brackets\n",
        f"| trained on | {' | '.join(MODELS)} | mean | runs | s to condense | KiB |",
        "|---" * (len(MODELS) + 5) + "|",
    ]
    for name, cell in known.items():
        shown = [f"**{scores(cell, m)}**" if best[m] == name else scores(cell, m) for m in MODELS]
        mean = statistics.mean(statistics.mean(of(cell, m, "test")) for m in MODELS)
        costs = [cells.mean(cell, "processor_seconds", 1), cells.mean(cell, "bytes", 1024)]
        runs = f"{len(cell['seeds'])} x {cell['seeds'][0]['trainings']}"
        lines.append(f"| {' | '.join([name, *shown, f'{mean:.1f}', runs, *costs])} |")
    return "\n".join([*lines, ""])


def of(cell: cells.Cell, model: str, key: str) -> list[float]:
    """All trainings of a model on all seeds' sets, in per cent."""
    return [100 * value for seed in cell["seeds"] for value in seed["models"][model][key]]


def scores(cell: cells.Cell, model: str) -> str:
    tests, vals = of(cell, model, "test"), of(cell, model, "val")
    spread = f" ± {statistics.stdev(tests):.1f}" if len(tests) > 1 else ""
    return f"{statistics.mean(tests):.1f}{spread} ({statistics.mean(vals):.1f})"


if __name__ == "__main__":
    main()
