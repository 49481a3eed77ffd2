"""Every method for one graph, with its one default setting, on eight data sets.

    nice python benchmarks/defaults.py --root DATA --seconds 3000

No preset of a data set and no option is used: what a method's class says is what it gets. A cell is
data x split x method x condensation seed; seeds and splits go together, so that every split has one
condensation. All cells are lines of ``--out``/defaults.json, which is also where a run that was
stopped goes on: a cell that is there is not run again, unless ``--again`` names its method, which
has changed. Cheap methods come first, and the first
split of all data before the second. A method that takes more than ``--limit`` processor seconds is
a cell that says so. ``--workers ray`` runs cells side by side, those of one condensed graph
in turn. ``--page`` writes the page from what is there.

``--wide`` evaluates the same condensed graphs with other widths and numbers of epochs.
"""

from __future__ import annotations

import argparse
import json
import shutil
import signal
import statistics
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from itertools import product
from pathlib import Path
from types import FrameType
from typing import Any

from cells import add_workers, each, end
from sets import SETS, opened

MODEL = "GCN"
USUAL = (256, 300)
"""Hidden units and epochs of the evaluator."""
SETTINGS = ((64, 150), (64, 300), (256, 150), USUAL)
SENSITIVE = ("cora", "citeseer", "digits")
"""Data on which all of them are tried."""
COSTS = ("selection", "closed form", "one loop", "two loops", "experts")
"""Of a method, cheapest first."""


class TooLongError(RuntimeError):
    """A cell took more processor seconds than it may."""


@dataclass(frozen=True)
class Cell:
    """One method on one split; ``hidden`` and ``epochs`` are the evaluator's."""

    data: str
    split: int
    set: str
    hidden: int
    epochs: int


def main() -> None:
    args = parsed()
    rows, failed = Rows(args.out / "defaults.json"), list[str]()
    if args.again:
        rows.drop(args.data, args.again, args.files)
    if not args.page:
        todo = {f"{cell}": cell for cell in cells(args) if not rows.has(cell)}
        for row in each(
            partial(run, args),
            todo,
            workers=args.workers,
            seconds=args.seconds,
            failed=failed,
            together=lambda cell: folder_of(args.files, cell.data, cell.split, cell.set),
        ):
            rows.add(row)
    from defaults_page import write

    write(rows.rows, args.out)
    end(failed)


def parsed(words: Sequence[str] | None = None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--root", default=None, help="folder of the data sets")
    parser.add_argument("--data", nargs="+", default=list(SETS), choices=list(SETS))
    parser.add_argument("--methods", nargs="+", default=None, help="by default all for one graph")
    parser.add_argument("--again", nargs="+", default=[], help="methods to run anew: they changed")
    parser.add_argument("--splits", type=int, default=5, help="of every data set")
    parser.add_argument("--limit", type=float, default=120, help="processor seconds of condensing")
    add_workers(parser)
    parser.add_argument("--out", type=Path, default=Path("docs/results"))
    parser.add_argument("--files", type=Path, default=Path("docs/results/cells/defaults"))
    parser.add_argument("--wide", action="store_true", help="other widths and epochs, split 0")
    parser.add_argument("--page", action="store_true", help="only write the page")
    return parser.parse_args(words)


def names(args: argparse.Namespace) -> list[str]:
    """The methods, cheapest first."""
    from graphcondense.methods import all_methods

    known = {name: cls for (name, kind), cls in all_methods().items() if kind == "node"}
    wanted = args.methods or list(known)
    return sorted(wanted, key=lambda name: COSTS.index(known[name].cost))


def cells(args: argparse.Namespace) -> Iterator[Cell]:
    """All cells, in the order in which they are run."""
    from graphcondense.methods import all_methods

    cost = {name: cls.cost for (name, kind), cls in all_methods().items() if kind == "node"}
    methods = names(args)
    if args.wide:
        for name, data, setting in product(methods, SENSITIVE, SETTINGS):
            if data in args.data:
                yield Cell(data, 0, name, *setting)
        return
    cheap = [name for name in methods if COSTS.index(cost[name]) < 2]
    dear = [name for name in methods if name not in cheap]
    # Three splits of what takes a second say more than one of what takes minutes.
    for own, splits in ((cheap, (0,)), (dear, (0,)), (cheap, (1, 2)), (dear, (1, 2))):
        yield from _cells(args.data, own, splits, args.splits)
    yield from _cells(args.data, methods, range(3, args.splits), args.splits)


def _cells(
    data: Sequence[str], methods: Sequence[str], splits: Sequence[int], most: int
) -> Iterator[Cell]:
    for split, one, name in product(splits, data, methods):
        if split < most:
            yield Cell(one, split, name, *USUAL)


def folder_of(files: Path, data: str, split: int, name: str) -> Path:
    """Where what a method made of a split is kept."""
    return files / f"{data}-{split}-{name}"


class Rows:
    """Finished cells in one file, which is written whole after each of them."""

    def __init__(self, path: Path) -> None:
        self.path = path
        content = json.loads(path.read_text()) if path.exists() else {"rows": []}
        self.rows: list[dict[str, Any]] = content["rows"]

    def has(self, cell: Cell) -> bool:
        """Whether a cell is finished."""
        return any(all(row[k] == v for k, v in vars(cell).items()) for row in self.rows)

    def drop(self, data: Sequence[str], methods: Sequence[str], files: Path) -> None:
        """Forget the cells of some methods, and what they made of the data."""
        for row in self.rows:
            if row["data"] in data and row["set"] in methods:
                folder = folder_of(files, row["data"], row["split"], row["set"])
                shutil.rmtree(folder, ignore_errors=True)
        self.rows = [r for r in self.rows if r["data"] not in data or r["set"] not in methods]

    def add(self, row: dict[str, Any]) -> None:
        """Keep a row."""
        from graphcondense.ops.files import write_whole

        self.rows.append(row)
        lines = ",\n".join(json.dumps(row) for row in self.rows)
        self.path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(self.path, f'{{"kind": "defaults", "rows": [\n{lines}\n]}}\n')


@contextmanager
def at_most(seconds: float) -> Iterator[None]:
    """Raise :class:`TooLongError` inside after so many processor seconds.

    Libraries may turn an exception that comes in the middle of their own work into another one, or
    drop it: so it comes again, and whatever ends the block after the first is taken for it.
    """
    words, came = f"more than {seconds:g} processor seconds", False

    def stop(number: int, frame: FrameType | None) -> None:
        nonlocal came
        came = True
        raise TooLongError(words)

    before = signal.signal(signal.SIGPROF, stop)
    signal.setitimer(signal.ITIMER_PROF, seconds, 1.0)
    try:
        yield
        if came:
            raise TooLongError(words)
    except Exception as error:
        if came and not isinstance(error, TooLongError):
            raise TooLongError(words) from error
        raise
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)


HELD: dict[tuple[str, int], Any] = {}
"""The last real graph that was opened."""


def task_of(args: argparse.Namespace, data: str, split: int) -> Any:
    """The checked real graph."""
    if (data, split) not in HELD:
        HELD.clear()
        HELD[data, split] = opened(data, args.root, split, args.files)
    return HELD[data, split]


def run(args: argparse.Namespace, cell: Cell) -> dict[str, Any]:
    """The row of a cell: a method that fails, or takes too long, says why."""
    import graphcondense
    from graphcondense.version import __version__

    task, one = task_of(args, cell.data, cell.split), SETS[cell.data]
    row: dict[str, Any] = {**vars(cell), "nodes": one.nodes, "version": __version__}
    folder = folder_of(args.files, cell.data, cell.split, cell.set)
    began = time.process_time()
    try:
        if folder.exists():
            small = graphcondense.load(folder)
        else:
            with at_most(args.limit):
                small = graphcondense.condense(
                    task, cell.set, nodes=one.nodes, seed=cell.split, preset="none", progress=False
                )
            graphcondense.save(small, folder)
        row |= scored(task, small, cell.hidden, cell.epochs, one.val_every, one.trainings)
        row["seconds"] = round(small.condensed["processor_seconds"], 2)
    except (ValueError, RuntimeError, MemoryError, FloatingPointError) as error:
        row["error"] = (f"{error}".splitlines() or [type(error).__name__])[0][:200]
    said = row.get("error") or f"{100 * statistics.fmean(row['tests']):.1f}"
    print(f"{cell}: {said}, {time.process_time() - began:.0f} s", file=sys.stderr, flush=True)
    return row


def scored(
    task: Any, small: Any, hidden: int, epochs: int, val_every: int, trainings: int
) -> Mapping[str, Any]:
    """Test scores of every training at the chosen epoch and at the last, and sizes."""
    from graphcondense.evaluate import NodeEvaluator
    from graphcondense.evaluate.cost import size_of

    evaluator = NodeEvaluator(task, hidden=hidden, epochs=epochs, val_every=val_every)
    found, size = evaluator.fit(MODEL, small, seeds=trainings), size_of(small)
    return {
        "model": MODEL,
        "tests": [round(v, 5) for v in found.test_selected.tolist()],
        "lasts": [round(v, 5) for v in found.test_last.tolist()],
        "test_nodes": len(task.test),
        "set_nodes": size.nodes,
        "edges": size.edges,
        "bytes": size.bytes,
        "val_every": val_every,
        "digest": task.digest,
        "training_seconds": round(found.processor_seconds / trainings, 2),
    }


if __name__ == "__main__":
    import defaults

    defaults.main()  # of a module that workers import, too
