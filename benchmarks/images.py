"""The tables of images: every method beside random, herding, k-center and the whole.

    OMP_NUM_THREADS=1 python benchmarks/images.py
    OMP_NUM_THREADS=1 python benchmarks/images.py --data fashion-mnist --root DATA \\
        --methods dc dsa dm --per-class 1 --hidden 64 --cell-seconds 1500

A cell is one method at one number of images a class: it condenses, trains the evaluator's ConvNet
on the result with several seeds, and takes the time of all of that. Learning ends after
``--cell-seconds``, and then the best set by validation so far is what is evaluated; the table marks
such cells. Each cell is one process of one thread, two cells at a time. Finished cells are kept in
``--out`` and not run again; delete the folder to start over.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import cells
from cells import Cell, largest, pooled, scores

FLOORS = ("random", "herding", "kcenter")
SECONDS = {"digits": 12.0, "fashion-mnist": 1500.0}
"""Of learning, a cell."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--root", default=None, help="folder of the data sets")
    parser.add_argument("--data", default="digits")
    parser.add_argument("--per-class", nargs="+", type=int, default=[1, 10])
    parser.add_argument("--methods", nargs="+", default=None, help="by default every one")
    parser.add_argument("--seeds", type=int, default=1, help="condensation seeds")
    parser.add_argument("--trainings", type=int, default=5, help="training seeds of each result")
    parser.add_argument("--hidden", type=int, default=32, help="channels of the evaluator")
    parser.add_argument("--augment", default="none", help="of the evaluator, such as color_crop")
    parser.add_argument("--whole-steps", type=int, default=1000)
    parser.add_argument("--cell-seconds", type=float, default=None, help="of learning, a cell")
    parser.add_argument("--set", nargs="*", default=[], help="fields of methods, such as epochs=50")
    parser.add_argument("--workers", type=int, default=2, help="cells at a time")
    parser.add_argument("--out", type=Path, default=Path("docs/results"))
    parser.add_argument("--one", nargs=4, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.cell_seconds is None:
        args.cell_seconds = SECONDS.get(args.data, 600.0)
    if args.one:
        one(args, *args.one)
        return
    args.methods = args.methods or every_method()
    began = time.perf_counter()
    plan = [(m, k) for k in args.per_class for m in args.methods if m != "whole"]
    plan += [("whole", 0)] if "whole" in args.methods else []
    with ThreadPoolExecutor(args.workers) as pool:
        list(pool.map(lambda cell: run_cell(args, *cell), plan))
    print(f"{len(plan)} cells, {time.perf_counter() - began:.0f} s")
    write_page(args)


def every_method() -> list[str]:
    """All registered methods for images, the floors first, and the whole."""
    import graphcondense

    names = sorted({row["name"] for row in graphcondense.methods("image")})
    return [*FLOORS, *(name for name in names if name not in FLOORS), "whole"]


def cell_path(args: argparse.Namespace, method: str, per_class: int) -> Path:
    return args.out / "cells" / "images" / f"{args.data}-{method}-{per_class}.json"


def run_cell(args: argparse.Namespace, method: str, per_class: int) -> None:
    here = [__file__, "--data", args.data, *(["--root", args.root] if args.root else [])]
    for name in ("trainings", "hidden", "augment", "whole_steps", "cell_seconds"):
        here += [f"--{name.replace('_', '-')}", str(getattr(args, name))]
    here += ["--set", *args.set] if args.set else []
    seeds = 1 if method == "whole" else args.seeds
    cells.run(cell_path(args, method, per_class), here, [method, str(per_class)], seeds=seeds)


def one(args: argparse.Namespace, method: str, per_class: str, seed: str, path: str) -> None:
    """Condense once and evaluate."""
    import graphcondense
    from graphcondense.data.image_sets import load_images
    from graphcondense.evaluate.cost import peak_memory_bytes, size_of
    from graphcondense.evaluate.image_predictors import PREDICTORS, fit_ridge
    from graphcondense.evaluate.images import ImageEvaluator
    from graphcondense.methods import find_method

    began = time.perf_counter()
    task = load_images(args.data, args.root)
    evaluator = ImageEvaluator(
        task, hidden=args.hidden, augment=args.augment, whole_steps=args.whole_steps
    )
    small: Any = task
    seconds, loops = 0.0, False
    if method != "whole":
        cls = find_method(method, "image")[0]
        own = dict(word.split("=", 1) for word in args.set)
        known = {name: json.loads(text) for name, text in own.items() if hasattr(cls, name)}
        loops = cls(per_class=int(per_class), **known).iterates
        small = graphcondense.condense(
            task,
            method,
            per_class=int(per_class),
            seed=int(seed),
            seconds=args.cell_seconds if loops else None,
            progress=False,
            **known,
        )
        seconds = small.condensed["seconds"]
    result = evaluator.fit("convnet", small, seeds=args.trainings)
    size = size_of(small)
    found = {
        "images": size.nodes,
        "bytes": size.bytes,
        "condense_seconds": seconds,
        "cut": loops and seconds >= args.cell_seconds,
        "fit_seconds": result.seconds,
        "seconds": time.perf_counter() - began,
        "peak_memory_bytes_with_evaluation": peak_memory_bytes(),
        "protocol": f"ConvNet of {args.hidden} channels after its last epoch, {args.trainings} "
        f"trainings, augmentation {args.augment}; learning ends after {args.cell_seconds:g} s",
        "test": result.test_last.tolist(),
        "test_selected": result.test_selected.tolist(),
        "val": result.val_last.tolist(),
    }
    if size.nodes <= 5000:
        for name, predictor in PREDICTORS.items():
            found[name] = fit_ridge(predictor, small, task).test_last.tolist()
    Path(path).write_text(json.dumps(found))


def write_page(args: argparse.Namespace) -> None:
    """``images.md``, a table a data set, from all cells there are."""
    folder = args.out / "cells" / "images"
    parts = [table(data, own) for data, own in read_cells(folder).items()]
    head = "# Images\n\nWritten by `benchmarks/images.py`; do not edit.\n\n"
    (args.out / "images.md").write_text(head + "\n".join(parts))


def read_cells(folder: Path) -> dict[str, dict[tuple[str, int], Cell]]:
    """Cells by data set, then by method and images a class."""
    out: dict[str, dict[tuple[str, int], Cell]] = {}
    for path in sorted(folder.glob("*.json")):
        data, method, per_class = path.stem.rsplit("-", 2)
        out.setdefault(data, {})[method, int(per_class)] = json.loads(path.read_text())
    return out


def table(data: str, found: dict[tuple[str, int], Cell]) -> str:
    """The Markdown table of one data set: a row a method, a column a budget."""
    budgets = sorted({k for _, k in found if k})
    names = dict.fromkeys(method for method, _ in found)
    order = [m for m in FLOORS if m in names]
    order += [m for m in names if m not in (*FLOORS, "whole")]
    best = {
        k: max(
            (m for m in order if (m, k) in found),
            key=lambda m: statistics.mean(pooled(found[m, k], "test")),
            default="",
        )
        for k in budgets
    }
    protocols = dict.fromkeys(seed["protocol"] for c in found.values() for seed in c["seeds"])
    took = sum(cell["seconds"] for cell in found.values())
    lines = [
        f"**{data}**: test accuracy in %, {' or '.join(protocols)} (cells marked † reached that). "
        f"All cells: {took:,.0f} s, one thread each.\n",
        "| trained on | "
        + " | ".join(f"{k} a class | NTK ridge * | random ridge *" for k in budgets)
        + " | KiB | s to condense | s a cell | peak MiB |",
        "|---" * (3 * len(budgets) + 5) + "|",
    ]
    for method in order:
        own = [found.get((method, k)) for k in budgets]
        known = [cell for cell in own if cell]
        shown: list[str] = []
        for k, cell in zip(budgets, own, strict=True):
            shown += ["-", "-", "-"] if cell is None else score(cell, best[k] == method)
        lines.append(f"| {' | '.join([method, *shown, *costs(known)])} |")
    if ("whole", 0) in found:
        whole = found["whole", 0]
        shown = [*score(whole, False), *["same", "same", "same"] * (len(budgets) - 1)]
        lines.append(f"| {' | '.join(['whole', *shown, *costs([whole])])} |")
    lines += [
        "",
        "\\* kernel ridge regression with the NTK of a fully connected network (KIP's own), and on",
        "the features of random convolutional networks (RFAD's own); no network is trained: not to",
        "be compared with the ConvNet's column.",
    ]
    return "\n".join(lines) + "\n"


def score(cell: Cell, bold: bool) -> list[str]:
    """The ConvNet's score and the kernels'."""
    text = f"**{scores(cell)}**" if bold else scores(cell)
    text += " †" if any(seed["cut"] for seed in cell["seeds"]) else ""
    found = cell["seeds"][0]
    return [text, *(scores(cell, k) if k in found else "-" for k in ("ntkridge", "randomridge"))]


def costs(known: list[Cell]) -> list[str]:
    """Size, time and memory, one number a budget."""

    def mean(cell: Cell, key: str, unit: float) -> str:
        value = statistics.mean(seed[key] for seed in cell["seeds"]) / unit
        return f"{value:,.1f}" if value < 100 else f"{value:,.0f}"

    rows = (
        [mean(c, "bytes", 1024) for c in known],
        [mean(c, "condense_seconds", 1) for c in known],
        [format(c["seconds"], ".0f") for c in known],
        [largest(c) for c in known],
    )
    return [" / ".join(row) for row in rows]


if __name__ == "__main__":
    main()
