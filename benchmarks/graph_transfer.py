"""How sets of graphs transfer: condensed once, trained on by GCN, GIN and GraphSAGE.

A cell is one data set, set and number of graphs a class, as in ``graphs.py``, whose splits and
presets it shares. Run it on an otherwise idle machine:

    OMP_NUM_THREADS=1 python benchmarks/graph_transfer.py --root DATA --out docs/results

Finished cells are kept in ``--out`` and not run again; ``--page`` writes what is there:
``graph-transfer.md``, the tables, and ``graph-transfer.json``, whose rows of other machines' cells
are kept.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Mapping, Sequence
from itertools import product
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
    """``graph-transfer.md`` and ``graph-transfer.json``, from the cells and what an earlier page
    kept of cells of other machines."""
    kept = out / "graph-transfer.json"
    rows = {key(r): r for r in json.loads(kept.read_text())["rows"]} if kept.exists() else {}
    for data, name, budget in product(DATA, (*SETS, WHOLE), BUDGETS):
        cell = cells.read(cell_path(out, data, name, 0 if name == WHOLE else budget))
        if cell:
            new = row(data, budget, name, cell)
            rows[key(new)] = new
    parts = [
        "# Transfer of sets of graphs\n\nWritten by `benchmarks/graph_transfer.py`; do not edit.\n"
    ]
    shown: list[dict[str, Any]] = []
    for data, budget in product(DATA, BUDGETS):
        known = [rows[k] for name in (*SETS, WHOLE) if (k := (data, budget, name)) in rows]
        if any(one["set"] != WHOLE for one in known):
            parts.append(table(known))
            shown += known
    (out / "graph-transfer.md").write_text("\n".join(parts))
    kept.write_text(json.dumps({"kind": "GraphTransfer", "rows": shown}, indent=1) + "\n")


def key(row: Mapping[str, Any]) -> tuple[str, int, str]:
    """What a row is of."""
    return row["data"], row["per_class"], row["set"]


def row(data: str, budget: int, name: str, cell: cells.Cell) -> dict[str, Any]:
    """What was measured of one set: means and standard deviations over all of its seeds and
    trainings, as shares."""

    def of(model: str, which: str) -> list[float]:
        return [value for seed in cell["seeds"] for value in seed["models"][model][which]]

    def mean(which: str) -> float:
        return statistics.mean(seed[which] for seed in cell["seeds"])

    first = cell["seeds"][0]
    tests = {m: of(m, "test") for m in MODELS}
    return {
        **{"data": data, "per_class": budget, "set": name, "metric": first["metric"]},
        **{"seeds": len(cell["seeds"]), "trainings": first["trainings"]},
        "seconds": mean("processor_seconds"),
        "models": {
            m: [statistics.mean(v), statistics.stdev(v) if len(v) > 1 else None]
            for m, v in tests.items()
        },
        "val": {m: round(statistics.mean(of(m, "val")), 4) for m in MODELS},
        **{"bytes": round(mean("bytes")), "test_graphs": first["test_graphs"]},
    }


def table(rows: Sequence[Mapping[str, Any]]) -> str:
    """One budget of one data set: a line a set, a column a model."""
    first = rows[0]
    metric = {"rocauc": "ROC-AUC", "accuracy": "accuracy"}[first["metric"]]
    small = [one for one in rows if one["set"] != WHOLE]
    best = {m: max(one["models"][m][0] for one in small) for m in MODELS}
    lines = [
        f"**{first['data']}, {first['per_class']} a class**: test {metric} in % of "
        f"{first['test_graphs']} graphs, after the update with the best validation score; the mean "
        "validation score in brackets\n",
        f"| trained on | {' | '.join(MODELS)} | mean | runs | s to condense | KiB |",
        "|---" * (len(MODELS) + 5) + "|",
    ]
    for one in rows:
        texts = [
            f"**{text}**" if one in small and one["models"][m][0] == best[m] else text
            for m in MODELS
            if (text := scores(one, m))
        ]
        mean = 100 * statistics.mean(one["models"][m][0] for m in MODELS)
        runs = f"{one['seeds']} x {one['trainings']}"
        costs = [f"{one['seconds']:,.0f}", f"{one['bytes'] / 1024:,.0f}"]
        lines.append(f"| {' | '.join([one['set'], *texts, f'{mean:.1f}', runs, *costs])} |")
    return "\n".join([*lines, ""])


def scores(row: Mapping[str, Any], model: str) -> str:
    """A model's test score with its deviation, and the validation score, in per cent."""
    mean, deviation = row["models"][model]
    spread = "" if deviation is None else f" ± {100 * deviation:.1f}"
    return f"{100 * mean:.1f}{spread} ({100 * row['val'][model]:.1f})"


if __name__ == "__main__":
    main()
