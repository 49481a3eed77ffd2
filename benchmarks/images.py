"""The tables of images: every method beside random, herding, k-center and the whole.

    OMP_NUM_THREADS=1 python benchmarks/images.py
    OMP_NUM_THREADS=1 python benchmarks/images.py --data fashion-mnist --root DATA \\
        --methods dc dsa dm --per-class 1 --hidden 64 --cell-seconds 1500

A cell is one method at one number of images a class: it condenses, trains the evaluator's ConvNet
on the result with several seeds, and takes the time of all of that. Learning ends after
``--cell-seconds``, and then the best set by validation so far is what is evaluated; the table marks
such cells. Each cell is one process of one thread, two cells at a time. Finished cells are kept in
``--out``/cells and not run again; delete that folder to start over. The page also has the rows of
``--out``/images.json, which earlier runs wrote, where there is no cell.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import cells
from cells import Cell, keep_rows, kept_rows, pooled

from graphcondense.ops.files import write_whole

FLOORS = ("random", "herding", "kcenter")
KERNELS = ("ntkridge", "randomridge")
"""Predictors that train no network."""
SECONDS = {"digits": 12.0, "fashion-mnist": 1500.0}
"""Of learning, a cell."""

Row = dict[str, Any]
"""What the page says of a cell."""


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
    folder: Path = args.out / "cells" / "images"
    return folder / f"{args.data}-{method}-{per_class}.json"


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
    """``images.json``, a row a cell, and ``images.md``, a table a data set."""
    rows = {key_of(row): row for row in [*kept(args.out), *rows_of(args.out / "cells" / "images")]}
    found = [rows[key] for key in sorted(rows)]
    keep_rows(args.out / "images.json", found)
    write_whole(args.out / "images.md", page(found))


def key_of(row: Row) -> tuple[str, str, int]:
    return row["data"], row["method"], row["per_class"]


def kept(out: Path) -> list[Row]:
    """Rows of earlier runs."""
    return kept_rows(out / "images.json")


def rows_of(folder: Path) -> Iterator[Row]:
    """What the cells in a folder come to."""
    for path in sorted(folder.glob("*.json")):
        data, method, per_class = path.stem.rsplit("-", 2)
        cell = json.loads(path.read_text())
        yield {"data": data, "method": method, "per_class": int(per_class), **summed_up(cell)}


def summed_up(cell: Cell) -> Row:
    """Scores in per cent, over all trainings of all seeds; means of bytes and seconds."""
    seeds, test = cell["seeds"], pooled(cell, "test")
    kernels = [key for key in KERNELS if key in seeds[0]]
    return {
        "test": statistics.mean(test),
        "test_std": statistics.stdev(test) if len(test) > 1 else None,
        **{key: statistics.mean(pooled(cell, key)) for key in kernels},
        "cut": any(seed["cut"] for seed in seeds),
        "kib": statistics.mean(seed["bytes"] for seed in seeds) / 1024,
        "condense_seconds": statistics.mean(seed["condense_seconds"] for seed in seeds),
        "seconds": cell["seconds"],
        "peak_mib": max(seed["peak_memory_bytes_with_evaluation"] for seed in seeds) / 2**20,
        "protocol": " or ".join(dict.fromkeys(seed["protocol"] for seed in seeds)),
    }


def page(rows: Sequence[Row]) -> str:
    """All tables."""
    names = dict.fromkeys(row["data"] for row in rows)
    parts = [table(name, [row for row in rows if row["data"] == name]) for name in names]
    return "# Images\n\nWritten by `benchmarks/images.py`; do not edit.\n\n" + "\n".join(parts)


def table(data: str, rows: Sequence[Row]) -> str:
    """The Markdown table of one data set: a row a method, a column a budget."""
    found = {(row["method"], row["per_class"]): row for row in rows}
    budgets = sorted({k for _, k in found if k})
    names = dict.fromkeys(method for method, _ in found)
    order = [m for m in FLOORS if m in names]
    order += [m for m in names if m not in (*FLOORS, "whole")]
    best = {k: max(shown(found[m, k]) for m in order if (m, k) in found) for k in budgets}
    protocols = dict.fromkeys(row["protocol"] for row in rows)
    took = sum(row["seconds"] for row in rows)
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
        told: list[str] = []
        for k, row in zip(budgets, own, strict=True):
            told += ["-", "-", "-"] if row is None else score(row, shown(row) == best[k])
        lines.append(f"| {' | '.join([method, *told, *costs([row for row in own if row])])} |")
    if ("whole", 0) in found:
        whole = found["whole", 0]
        told = [*score(whole, False), *["same", "same", "same"] * (len(budgets) - 1)]
        lines.append(f"| {' | '.join(['whole', *told, *costs([whole])])} |")
    lines += [
        "",
        "\\* kernel ridge regression with the NTK of a fully connected network (KIP's own), and on",
        "the features of random convolutional networks (RFAD's own); no network is trained: not to",
        "be compared with the ConvNet's column.",
    ]
    return "\n".join(lines) + "\n"


def shown(row: Row) -> float:
    """The score in the digits that the table has."""
    return round(float(row["test"]), 1)


def score(row: Row, bold: bool) -> list[str]:
    """The ConvNet's score and the kernels'."""
    spread = "" if row["test_std"] is None else f" ± {row['test_std']:.1f}"
    text = f"{row['test']:.1f}{spread}"
    text = f"**{text}**" if bold else text
    text += " †" if row["cut"] else ""
    return [text, *(f"{row[key]:.1f}" if key in row else "-" for key in KERNELS)]


def costs(known: Sequence[Row]) -> list[str]:
    """Size, time and memory, one number a budget."""

    def short(value: float) -> str:
        return f"{value:,.1f}" if value < 100 else f"{value:,.0f}"

    columns = (
        [short(row["kib"]) for row in known],
        [short(row["condense_seconds"]) for row in known],
        [f"{row['seconds']:,.0f}" for row in known],
        [f"{row['peak_mib']:,.0f}" for row in known],
    )
    return [" / ".join(column) for column in columns]


if __name__ == "__main__":
    main()
