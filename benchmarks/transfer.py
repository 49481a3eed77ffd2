"""The transfer tables: condensed by some, trained on by every model, beside fair controls.

    OMP_NUM_THREADS=1 python benchmarks/transfer.py --root DATA

A cell is one model trained on one set: data x split x nodes x set x condensation seed x model. Each
is a file in ``--out``/cells/transfer and is not run again, so that a killed run loses one cell at
most. Tables also hold cells of ``--out``/transfer-DATA.json, which an earlier page wrote. Delete
both to start over (``*/*-quotient*`` in the folder once the method has changed). The
first seed of everything comes first, then the second, so that a run that is stopped early has an
even picture. Processes with other ``--data`` may run side by side; ``--workers ray`` does all sets
of one split, budget and seed in one worker, since they are made of each other. ``--page`` writes
tables from what is there; ``--nas`` ranks architectures.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
import traceback
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from itertools import product
from pathlib import Path
from typing import Any

import controls
import nodes
import transfer_nas
import transfer_page
from cells import add_workers, each, end

BUDGETS = {
    "cora": (35, 70, 140),
    "citeseer": (30, 60, 120),
    "computers": (68, 137),
    "physics": (172, 345),
    "debian": (320, 640),
}
SEEDED = ("computers", "physics")
"""Data without a published split: split ``s`` is drawn with seed ``s``."""
LABELLED = {"physics": 60}
"""Further nodes of each class that are labelled by label propagation, since budgets are above its
100 labelled nodes. Our own method and its controls are not given them."""
VAL_EVERY = {"computers": 5, "physics": 5, "debian": 5}
"""Data on whose real graph a forward pass takes long are validated after every fifth epoch."""
OWN = transfer_page.OWN
SETS = (
    *(OWN, "random", "whole", "random+soft", "random-rows+soft", "gecc", "random-rows"),
    *("quotient-hard", "quotient-shuffled", "quotient-features", "clustering", "kcenter+soft"),
    *("kcenter", "herding", "gcdm", "gdem", "gc-sntk", "gcond", "whole+soft"),
)
"""What is most wanted first: methods by their names, floors, and controls."""
WHOLE = transfer_page.WHOLE
"""Sets that no budget and no condensation seed change: one cell a split."""


@dataclass(frozen=True)
class Cell:
    """One model trained on one set; ``nodes`` is 0 where no budget plays a part."""

    data: str
    split: int
    nodes: int
    set: str
    seed: int
    model: str

    def folder(self, out: Path) -> Path:
        """Where its set is."""
        name = f"{self.split}-{self.nodes}-{self.set}-{self.seed}"
        return out / "cells" / "transfer" / self.data / name

    def file(self, out: Path, trainings: int) -> Path:
        return self.folder(out) / f"{self.model}-{trainings}.json"


def main() -> None:
    args, failed = parsed(), list[str]()
    if not args.page:
        for said in each(
            partial(run, args),
            {f"{cell}": cell for cell in cells(args) if not finished(args, cell)},
            workers=args.workers,
            seconds=args.seconds,
            failed=failed,
            # Their sets are made of each other.
            together=lambda cell: (cell.data, cell.split, cell.nodes, cell.seed),
        ):
            print(said, end="", file=sys.stderr, flush=True)
        if args.nas:
            transfer_nas.run(args.root, args.out, seeds=args.seeds)
    transfer_page.write(args.out, BUDGETS)
    end(failed)


def parsed(words: Sequence[str] | None = None) -> argparse.Namespace:
    """The command line."""
    from graphcondense.nn.batched import MODELS

    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--root", default=None, help="folder of the data sets")
    parser.add_argument("--data", nargs="*", default=list(BUDGETS), choices=list(BUDGETS))
    parser.add_argument("--nodes", nargs="+", type=int, default=None, help="of the usual budgets")
    parser.add_argument("--sets", nargs="+", default=list(SETS))
    parser.add_argument("--models", nargs="+", default=list(MODELS), choices=list(MODELS))
    parser.add_argument("--seeds", type=int, default=5, help="condensation seeds")
    parser.add_argument("--splits", type=int, default=5, help="of Computers and Physics")
    parser.add_argument("--trainings", type=int, default=10, help="training seeds of each cell")
    parser.add_argument(
        "--whole-trainings",
        type=int,
        default=None,
        help="of cells of the whole graph, which take by far the longest; default as --trainings",
    )
    parser.add_argument("--memory", type=float, default=4.0, help="GiB that trainings may take")
    add_workers(parser)
    parser.add_argument("--out", type=Path, default=Path("docs/results"))
    parser.add_argument("--page", action="store_true", help="only write tables from what is there")
    parser.add_argument("--nas", action="store_true", help="also rank architectures, on Cora")
    args = parser.parse_args(words)
    if args.nodes and not any(n in BUDGETS[data] for data in args.data for n in args.nodes):
        parser.error(f"--nodes {args.nodes}: the budgets are {BUDGETS}")
    return args


def trainings_of(args: argparse.Namespace) -> tuple[int, int]:
    """Of a small set, and of the whole graph."""
    return args.trainings, args.whole_trainings or args.trainings


def cells(args: argparse.Namespace) -> Iterator[Cell]:
    """All cells, in the order in which they are run, each once.

    In a round every data set has one split and one condensation seed; the first rounds have
    different splits. Within a round sets come in the order of ``--sets``, each with all data and
    models, so that rows of a table are whole.
    """
    done = set()
    for number, name in product(range(args.splits * args.seeds), args.sets):
        for data in args.data:
            turn, split = divmod(number, args.splits if data in SEEDED else 1)
            if turn >= args.seeds:
                continue
            fixed, seed = name in WHOLE, (split + turn) % args.seeds
            for budget, model in product(BUDGETS[data], args.models):
                if args.nodes and budget not in args.nodes:
                    continue
                of_set = (0, name, 0) if fixed else (budget, name, seed)
                cell = Cell(data, split, *of_set, model)
                if cell not in done:
                    done.add(cell)
                    yield cell


def path_of(args: argparse.Namespace, cell: Cell) -> Path:
    """A cell's file."""
    return cell.file(args.out, trainings_of(args)[cell.set in WHOLE])


def finished(args: argparse.Namespace, cell: Cell) -> bool:
    """Whether the cell is there, or its set could not be made."""
    return path_of(args, cell).exists() or (cell.folder(args.out) / "failed.json").exists()


def run(args: argparse.Namespace, cell: Cell) -> str:
    """Train and score, unless it is finished; a set that cannot be made is a result, and the
    traceback is returned."""
    from graphcondense.evaluate.cost import graph_hash, size_of

    if finished(args, cell):
        return ""
    trainings = trainings_of(args)[cell.set in WHOLE]
    where = (args.root, cell.data, cell.split)
    task, evaluator = real(*where), evaluator_of(*where, cell.model)
    plain_seconds(args.out, cell, task)
    try:
        small, seconds = the_set(args, cell, task)
    except (ValueError, RuntimeError, MemoryError) as error:
        why = f"{error}".splitlines() or [type(error).__name__]
        write(cell.folder(args.out) / "failed.json", {"error": why[0]})  # delete it to try again
        return f"{cell} failed\n{traceback.format_exc()}"
    fits = fitted(evaluator, cell.model, small, trainings, args.memory)
    tests, lasts = ([v for f in fits for v in getattr(f, k).tolist()] for k in SCORES)
    spent = sum(f.processor_seconds for f in fits)
    size = size_of(small)
    row = {
        "data": cell.data,
        "split": cell.split,
        "nodes": cell.nodes,
        "set": cell.set,
        "seed": cell.seed,
        "model": cell.model,
        "predictor": evaluator.about(evaluator.model_of(cell.model))[0],
        "trainings": trainings,
        "val_every": VAL_EVERY.get(cell.data, 1),
        "test_mean": statistics.fmean(tests),
        "test_std": statistics.stdev(tests) if trainings > 1 else None,
        "last_mean": statistics.fmean(lasts),
        "val": statistics.fmean(v for f in fits for v in f.val_selected.tolist()),
        "epoch": statistics.fmean(v for f in fits for v in f.epoch_selected.tolist()),
        "tests": tests,
        "lasts": lasts,
        "chosen": " | ".join(dict.fromkeys(f.chosen for f in fits if f.chosen)),
        "seconds": seconds,
        "training_seconds": spent / trainings,
        "test_nodes": len(task.test),
        "set_nodes": size.nodes,
        "edges": size.edges,
        "bytes": size.bytes,
        "labelled_further": LABELLED.get(cell.data, 0) if condensed_by(cell) else 0,
        "digest": task.digest,
        "set_hash": graph_hash(small) if cell.set not in WHOLE else "",
    }
    write(path_of(args, cell), row)
    return f"{cell}: {row['test_mean']:.3f}, {spent:.0f} s\n"


SCORES = ("test_selected", "test_last")


def fitted(evaluator: Any, model: str, small: Any, trainings: int, memory: float) -> list[Any]:
    """All trainings, as many at once as so many GiB hold; no training knows of the others."""
    at_once = trainings
    while at_once > 1 and evaluator.memory_bytes(model, small, seeds=at_once) > memory * 2**30:
        at_once -= 1
    groups = [range(i, min(i + at_once, trainings)) for i in range(0, trainings, at_once)]
    return [evaluator.fit(model, small, seeds=list(group)) for group in groups]


@lru_cache(maxsize=3)
def real(root: str | None, data: str, split: int) -> Any:
    """The checked real graph."""
    import graphcondense
    from graphcondense.data import as_task

    return as_task(graphcondense.data.load(data, root=root, seed=split))


@lru_cache(maxsize=1)
def evaluator_of(root: str | None, data: str, split: int, model: str) -> Any:
    """One for all sets that a model is trained on: what it prepares of the real graph is large."""
    from graphcondense.evaluate import NodeEvaluator

    return NodeEvaluator(real(root, data, split), val_every=VAL_EVERY.get(data, 1))


@lru_cache(maxsize=2)
def lesson(root: str | None, data: str, split: int, seed: int) -> Any:
    return controls.lesson(real(root, data, split), seed)


def condensed_by(cell: Cell) -> bool:
    """Whether the cell's set is that of a method other than ours."""
    return cell.set not in (OWN, *WHOLE, *controls.CONTROLS)


def the_set(args: argparse.Namespace, cell: Cell, task: Any) -> tuple[Any, float]:
    """The cell's set, made if it is not there, and the processor seconds that making it took."""
    import graphcondense

    if cell.set == "whole":
        return task, 0.0
    folder = cell.folder(args.out)
    cost = folder / "cost.json"
    kept = cell.set not in WHOLE  # the whole graph is made anew
    if kept and cost.exists():
        return graphcondense.load(folder), json.loads(cost.read_text())["processor_seconds"]
    print(f"make {folder.name} of {cell.data}", file=sys.stderr, flush=True)
    if cell.set in controls.CONTROLS:
        small, seconds = control(args, cell, task)
    else:
        more = LABELLED.get(cell.data) if condensed_by(cell) else None
        small = nodes.condensed(task, cell.set, cell.nodes, cell.seed, pseudo_labels=more)
        seconds = small.condensed["processor_seconds"]
    if kept:
        graphcondense.save(small, folder)
    write(cost, {"processor_seconds": seconds})
    return small, seconds


def control(args: argparse.Namespace, cell: Cell, task: Any) -> tuple[Any, float]:
    """A control; what it takes is the teacher's time, or quotient's where it starts from its graph.

    The floor ``random`` of a control has no further labels: at most all labelled nodes.
    """
    taught = lesson(args.root, cell.data, cell.split, cell.seed)
    if cell.set in WHOLE:
        return controls.whole_with(task, taught.soft), taught.seconds
    own = Cell(cell.data, cell.split, cell.nodes, OWN, cell.seed, cell.model)
    small, seconds = the_set(args, own, task)
    random = nodes.condensed(task, "random", min(cell.nodes, len(task.train)), cell.seed)
    start = controls.Start(task, small, random, taught, cell.seed)
    began = time.process_time()
    made = controls.CONTROLS[cell.set](start)
    spent = time.process_time() - began
    if cell.set.startswith(f"{OWN}-"):
        return made, seconds + spent
    return made, spent + (taught.seconds if "+soft" in cell.set else 0)


def plain_seconds(out: Path, cell: Cell, task: Any) -> None:
    """Processor seconds of one training of a plain GCN on the whole graph, once a data set."""
    from graphcondense.evaluate.cost import plain_training_seconds

    path = out / "cells" / "transfer" / cell.data / "plain.json"
    if not path.exists():
        seconds = plain_training_seconds(task, measured=5, clock=time.process_time)
        write(path, {"processor_seconds": seconds})


def write(path: Path, value: object) -> None:
    from graphcondense.ops.files import write_whole

    path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(path, json.dumps(value, indent=1))


if __name__ == "__main__":
    import transfer

    transfer.main()  # of a module that workers import, too
