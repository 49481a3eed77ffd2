"""The table of users by items: recommenders trained on all users and on a few.

A cell is a set of users and a recommender: condense with every seed (kept, for the other
recommenders), choose the ridge on the validation items of all users, read their test items once.
Every seed of a cell is a process of its own, two at a time, one thread each. Run it on an otherwise
idle machine; all of it takes an hour or so on two cores:

    OMP_NUM_THREADS=1 python benchmarks/recommend.py --root DATA --out docs/results

Finished cells are kept in ``--out`` and not run again, of more ``--seeds`` only those that a cell
lacks; delete the folder to start over. LightGCN takes most of the time: up to 2,000 steps a set.
"""

from __future__ import annotations

import argparse
import json
import statistics
from pathlib import Path
from typing import Any

import cells

DATA = "ml-1m"
USERS = 500
METHODS = ("all", "distill-cf", "svp", "random", "head")
MODELS = ("InfiniteAE", "EASE", "MF", "LightGCN", "Popularity")
SHOWN = ("NDCG@10", "HR@10", "PSP@10", "HR@100", "NDCG@100", "AUC")
DETERMINISTIC = ("all", "head")
"""Sets that no seed changes."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--root", default=None, help="folder of the data sets")
    parser.add_argument("--data", default=DATA)
    parser.add_argument("--users", type=int, default=USERS, help="condensed users")
    parser.add_argument("--methods", nargs="+", default=list(METHODS))
    parser.add_argument("--models", nargs="+", default=list(MODELS))
    parser.add_argument("--seeds", type=int, default=3, help="condensation seeds")
    parser.add_argument("--trainings", type=int, default=1, help="training seeds of each result")
    parser.add_argument("--workers", type=int, default=2, help="processes at a time")
    parser.add_argument("--out", type=Path, default=Path("docs/results"))
    parser.add_argument("--one", nargs=4, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.one:
        one(args, *args.one)
        return
    here = [__file__, "--out", str(args.out), "--data", args.data, "--users", str(args.users)]
    here += ["--trainings", str(args.trainings), *(["--root", args.root] if args.root else [])]
    for method in args.methods:
        for model in args.models:
            seeds = 1 if method in DETERMINISTIC else args.seeds
            path = cell_path(args, method, model)
            cells.run(path, here, [method, model], seeds=seeds, workers=args.workers)
    write_page(args)


def folder(args: argparse.Namespace) -> Path:
    return Path(args.out) / "cells" / "recommend"


def cell_path(args: argparse.Namespace, method: str, model: str) -> Path:
    users = "all" if method == "all" else f"{method}-{args.users}"
    return folder(args) / f"{args.data}-{users}-{model}.json"


def one(args: argparse.Namespace, method: str, model: str, seed: str, path: str) -> None:
    """Condense once, unless that is done, and evaluate."""
    import graphcondense
    from graphcondense.evaluate.cost import peak_memory_bytes, size_of
    from graphcondense.evaluate.rows import RowsEvaluator

    task = graphcondense.data.load(args.data, root=args.root)
    small: Any = task
    seconds, peak = 0.0, 0
    if method != "all":
        kept = folder(args) / "sets" / f"{args.data}-{method}-{args.users}-{seed}.safetensors"
        if not kept.exists():
            small = graphcondense.condense(
                task,
                method,
                nodes=args.users,
                seed=int(seed),
                progress=False,
            )
            small.condensed["peak_memory_bytes"] = peak_memory_bytes()
            graphcondense.save(small, kept)
        small = graphcondense.load(kept)
        seconds = small.condensed["seconds"]
        peak = small.condensed["peak_memory_bytes"]
    evaluator = RowsEvaluator(task)
    result = evaluator.fit(model, small, seeds=args.trainings)
    ridge = float(result.chosen.split()[1].strip(",")) if result.chosen else None
    once = result
    if evaluator.model_of(model).ridge_trains:  # else a second training would tell nothing
        once = evaluator.replace(ridge=ridge).fit(model, small, seeds=1)
    size = size_of(small)
    found = {
        "users": size.nodes,
        "interactions": size.edges,
        "bytes": size.bytes,
        "condense_seconds": seconds,
        "condense_peak_memory_bytes": peak,
        "fit_seconds": result.seconds,
        "once_seconds": once.seconds,
        "peak_memory_bytes_with_evaluation": max(peak, peak_memory_bytes()),
        "chosen": result.chosen,
        "test": result.test_selected.tolist(),
        "val": result.val_selected.tolist(),
        "others": dict(result.others),
    }
    Path(path).write_text(json.dumps(found))


def write_page(args: argparse.Namespace) -> None:
    """``recommend.md``, from the cells."""
    known = {
        (method, model): cell
        for method in args.methods
        for model in args.models
        if (cell := cells.read(cell_path(args, method, model)))
    }
    if not known:
        return
    text = table(args.data, known)
    print(text)
    head = "# Recommenders\n\nWritten by `benchmarks/recommend.py`; do not edit.\n\n"
    args.out.mkdir(parents=True, exist_ok=True)
    (args.out / "recommend.md").write_text(head + text)


def table(data: str, found: dict[tuple[str, str], cells.Cell]) -> str:
    """The Markdown table: a row a set and recommender, a column a score."""
    lines = [
        f"**{data}**: test scores in %, ridge chosen on validation\n",
        f"| trained on | users | recommender | {' | '.join(SHOWN)} | ridge | KiB | s to condense | "
        "s to fit and predict | peak MiB |",
        "|---|---:|---|" + "---:|" * (len(SHOWN) + 5),
    ]
    for (method, model), cell in found.items():
        first = cell["seeds"][0]
        shown = [cells.scores(cell)] + [other(cell, name) for name in SHOWN[1:]]
        ridges = dict.fromkeys(s["chosen"].removeprefix("ridge ") or "-" for s in cell["seeds"])
        costs = [
            " / ".join(ridges),
            cells.mean(cell, "bytes", 1024),
            cells.mean(cell, "condense_seconds", 1) if method != "all" else "-",
            cells.mean(cell, "once_seconds", 1),
            cells.largest(cell),
        ]
        names = [method, f"{first['users']:,}", model]
        lines.append(f"| {' | '.join([*names, *shown, *costs])} |")
    return "\n".join(lines) + "\n"


def other(cell: cells.Cell, name: str) -> str:
    values = [100 * value for seed in cell["seeds"] for value in seed["others"][name]]
    return f"{statistics.mean(values):.1f}"


if __name__ == "__main__":
    main()
