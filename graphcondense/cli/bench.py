"""graphcondense bench: a table of methods under one protocol."""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import io
import json
import os
import shlex
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from jsonargparse import Namespace

from graphcondense.cli.bench_over import SPLIT
from graphcondense.cli.bench_page import WHOLE, cells_in, report_of, write_page
from graphcondense.cli.condense import budget_flags, forms_of, joined
from graphcondense.cli.evaluate import check_training
from graphcondense.cli.flags import (
    Flags,
    Where,
    data_flags,
    field_docs,
    make_parser,
    parse,
    summary_of,
    where_of,
)
from graphcondense.cli.folders import BUDGETS, size
from graphcondense.cli.runs import check_device
from graphcondense.cli.text import note, say, warn
from graphcondense.ops.locks import alone_with

if TYPE_CHECKING:
    from graphcondense.ops.fleet import Fleet
    from graphcondense.ops.types import Record

STOPPED = (130, 143, -signal.SIGINT, -signal.SIGTERM)
"""What a process ends with that Ctrl-C or SIGTERM has reached."""


@dataclass(frozen=True, kw_only=True)
class Grid:
    """What is compared, and how.

    Attributes:
        methods: names with commas between; "all" is every method of this kind of data, its variants
            too. The whole data always stand beside them.
        models: evaluators, with commas between; "all" for all.
        condensations: condensation seeds of every method.
        trainings: training seeds of every evaluator on each result.
        epochs: of a training; by default the evaluator's own.
        val_every: epochs between two validations; by default the evaluator's own.
        pseudo_labels: nodes of each class that are labelled by label propagation before any method
            sees the graph, for budgets above the number of labelled nodes; evaluation does not see
            them. By default none.
        workers: methods at a time, each a process of one thread; by default one a core. Times of
            methods that ran side by side are longer; the page says how many did. "ray" runs them on
            all machines of a Ray cluster, or on the cores of this one (extra "ray").
        ray_address: of the Ray cluster; by default RAY_ADDRESS, and without it this machine alone.
            All machines must see the folder in which the command runs.
        device: where to condense and train.
        out: folder of the finished cells; a cell that is there is not run again.
        page: the results page, written from all cells in "out".
    """

    methods: str = "all"
    models: str = "GCN"
    condensations: int = 3
    trainings: int = 10
    epochs: int | None = None
    val_every: int | None = None
    pseudo_labels: int | None = None
    workers: int | Literal["ray"] | None = None
    ray_address: str | None = None
    device: str = "cpu"
    out: str = "runs/bench"
    page: str = "results.md"


def command_bench(argv: list[str]) -> object:
    """Run a table of methods under one protocol, and write the results page."""
    from graphcondense.ops.files import writable, write_whole

    asked, argv = argv, joined(argv, "--nodes")
    parser, sizes = make_parser("bench", summary_of(command_bench)), _sizes()
    parser.add(*data_flags(), sizes, Flags("grid", Grid))
    parser.add_argument("--cell", type=str, default=None, help=argparse.SUPPRESS)
    parser.add_argument("--parent", type=int, default=None, help=argparse.SUPPRESS)
    args = parse(parser, argv)
    if args.cell:
        if args.parent is not None:
            _end_with_parent(args.parent)
        write_whole(args.cell, json.dumps(run_cell(args), indent=1))
        return None
    if args.workers != "ray":
        check_device(args.device)  # with Ray the machine that looks on may have no GPU
    where = where_of(args)
    kind = where.kind
    names = method_names(args.methods, kind)
    budget = sizes.values(args)
    for flag in ("condensations", "trainings", "workers"):
        if isinstance(args[flag], int) and args[flag] < 1:
            raise ValueError(f"--{flag} {args[flag]} must be at least 1")
    page = Path(args.page)
    if page.is_dir() or args.page.endswith(("/", os.sep)):
        raise ValueError(f"--page {args.page} is a folder: name a file, {page / 'results.md'}")
    if args.ray_address is not None and args.workers != "ray":
        raise ValueError(f"--ray-address {args.ray_address} is for --workers ray")
    if args.workers == "ray":
        check_ray(str(args.device))
    if sum(budget[k] is not None for k in BUDGETS) != 1:
        raise ValueError("give exactly one of --nodes, --ratio, --per-class, --bytes")
    if isinstance(args.nodes, Mapping) and kind != "hetero":
        raise ValueError(
            f"--nodes {_shown(args.nodes)} is by type, and {where.named()} has nodes of one type: "
            "give a whole number"
        )
    data = where.load(kind)  # what is wrong with the data is said once, before any cell
    table = f"{where.stem}-{size(budget)}"
    if where.data_seed:
        table += f"{SPLIT}{where.data_seed}"
    cells = Path(args.out) / table
    check_same(cells, command_of(args), digests_of(data))
    check_options(args, data)
    writable(page.parent)
    failed, interrupted = run_all(args, argv, cells, in_order(names, kind))
    if cells.is_dir():
        say(write_page(Path(args.out), page, table))
    if interrupted:
        done = len(cells_in(cells))
        warn(
            f"{done} of {len(names) + 1} cells are finished and kept in {cells}; to "
            f"go on: {shlex.join(['graphcondense', 'bench', *asked])}"
        )
        raise KeyboardInterrupt
    if failed:
        raise ValueError(
            f"{len(failed)} of {len(names) + 1} cells failed; the same command runs them again: "
            + "; ".join(f"{name}: {why}" for name, why in failed.items())
        )
    return {"page": args.page, "cells": cells_in(cells)}


def check_ray(device: str) -> None:
    """Raise a ValueError unless Ray is there and chooses the device itself."""
    from graphcondense.ops.fleet import need_ray

    if device not in ("cpu", "cuda"):
        raise ValueError(f"--device {device}: Ray gives each worker a GPU; say --device cuda")
    try:
        need_ray()
    except ImportError as error:  # a missing extra is the user's to install
        raise ValueError(str(error)) from error


def method_names(text: str, kind: str) -> list[str]:
    """The methods that ``--methods`` names, checked.

    >>> method_names("all", "rows")
    ['distill-cf', 'head', 'random', 'svp']
    >>> "k-center" in method_names("all", "node"), "gcond-x" in method_names("all", "node")
    (False, True)
    """
    from graphcondense.methods import all_methods, find_method
    from graphcondense.ops.fields import listed

    if text == "all":
        known = [(name, cls) for (name, form), cls in all_methods().items() if form == kind]
        # A variant that changes no field is another spelling of the same method.
        return [
            n for name, cls in known for n in (name, *(v for v, f in cls.variants.items() if f))
        ]
    names = [name for name in listed(text, "methods") if name != WHOLE]
    for name in names:
        find_method(name, kind)
        if kind not in forms_of(name):
            raise ValueError(f"{name} has no form for {kind} data")
    return names


def in_order(names: Sequence[str], kind: str) -> list[str]:
    """Cells in the order in which they run: cheap methods first, the whole data last.

    >>> in_order(["gcsr", "gcond", "random"], "node")
    ['random', 'gcond', 'gcsr', 'whole']
    """
    from graphcondense.core.method import COSTS
    from graphcondense.methods import find_method

    known = list(COSTS)

    def place(name: str) -> int:
        cost = find_method(name, kind)[0].cost
        return known.index(cost) if cost in known else len(known)

    return [*sorted(names, key=place), WHOLE]


def _sizes() -> Flags:
    """The flags of the budget: those of a heterogeneous graph, which takes numbers by type, too."""
    from graphcondense.domains.hetero import HeteroMethod
    from graphcondense.ops.budget import Budget

    return budget_flags(HeteroMethod, words=field_docs(Budget))


def digests_of(data: Any) -> Record:
    """What tells data apart, of which a cell keeps a note.

    Test labels have a hash of their own: the digest of data is blind to them, and scores are not.
    """
    from graphcondense.evaluate import evaluator_of

    labels = evaluator_of(data).test_labels()
    return {"digest": data.digest, "test_labels": hashlib.sha256(labels.tobytes()).hexdigest()[:16]}


def check_options(args: Namespace, data: Any) -> None:
    """Raise a ValueError, before any cell, for what every one of them would refuse: a setting of
    training or a model that there is not, a budget that the data do not have."""
    import graphcondense
    from graphcondense.evaluate import evaluator_of
    from graphcondense.ops.fields import listed

    options = _training(args)
    check_training(options, data, "leave it out")
    evaluator = evaluator_of(data, **options)
    evaluator.check_training()
    for model in listed(args.models, "models") if args.models != "all" else ():
        evaluator.contestant(model)
    # The row of the whole data stands on one such set, too.
    how = {"pseudo_labels": args.pseudo_labels, "progress": False}
    graphcondense.condense(data, "random", **how, **_budget(args))


def _training(args: Namespace) -> Record:
    return {k: args[k] for k in ("epochs", "val_every") if args[k] is not None}


def _budget(args: Namespace) -> Record:
    return {k: args[k] for k in (*BUDGETS, "of", "rule") if args[k] is not None}


def check_same(cells: Path, command: str, data: Mapping[str, object]) -> None:
    """One table has one protocol, and is of one data set.

    Args:
        cells: the folder.
        command: as :func:`command_of` says it.
        data: as :func:`digests_of` says it.

    Raises:
        ValueError: cells in the folder were run by another command, or on other data.
    """
    for name, cell in cells_in(cells).items():
        told = cell.get("data", {"digest": cell["report"].get("digest")})
        if any(data.get(what) != value for what, value in told.items()):
            raise ValueError(
                f"{cells / name}.json was run on other data: they have changed since (their digest "
                f"was {told['digest']}, and is {data['digest']}"
                + (", of test labels alone)" if told["digest"] == data["digest"] else ")")
                + "; give another --out, or delete that folder"
            )
        if cell["command"] != command:
            raise ValueError(
                f"{cells / name}.json was run by\n  {cell['command']}\nand not by\n  {command}\n"
                "give another --out, or delete that folder"
            )


def run_all(
    args: Namespace, argv: Sequence[str], cells: Path, names: Sequence[str]
) -> tuple[dict[str, str], bool]:
    """Run the cells that are not there, several at a time, and say when each begins and ends.

    Returns:
        What failed, with the last line said; and whether Ctrl-C came: then cells that ran are
        ended and have not failed.
    """
    todo = [name for name in names if not (cells / f"{name}.json").exists()]
    if done := len(names) - len(todo):
        note(f"{done} of {len(names)} cells are there")
    log = CellLog(cells, todo)
    for lock in cells.glob(".*.lock"):  # of a process that was killed after a cell's end
        if log.path(lock.name[1:].removesuffix(".lock")).exists():
            lock.unlink(missing_ok=True)
    if not todo:
        return {}, False
    if args.workers == "ray":
        return log.failed, on_ray(args, argv, log)
    return log.failed, in_processes(args, argv, log)


class CellLog:
    """Says of each cell when it begins and how it ended.

    Args:
        cells: folder of the table.
        todo: names of the cells to run, in their order.

    Attributes:
        failed: why, by name.
    """

    def __init__(self, cells: Path, todo: Sequence[str]) -> None:
        self.cells, self.todo = cells, todo
        self.failed: dict[str, str] = {}
        self._began: dict[str, float] = {}

    def path(self, name: str) -> Path:
        """The file of a finished cell."""
        return self.cells / f"{name}.json"

    def start(self, workers: int) -> None:
        """Say what is to be done."""
        todo = self.todo
        note(f"{self.cells.name}: {len(todo)} cells to run, {workers} at a time: {', '.join(todo)}")

    def begins(self, name: str) -> None:
        """Say that a cell begins."""
        self._began[name] = time.perf_counter()
        at = self.todo.index(name) + 1
        note(f"{self.cells.name} {name}: begins, {at} of {len(self.todo)}")

    def ended(self, name: str, why: str = "") -> None:
        """Say what a cell's file has, or why it failed."""
        took = f"{time.perf_counter() - self._began[name]:.0f} s"
        if why:
            self.failed[name] = why
            warn(f"{self.cells.name} {name}: failed after {took}, {why}")
            return
        report = report_of(json.loads(self.path(name).read_text())["report"])
        row, score = report.rows[0], report.score
        first = f"{row.model} {score.text(row.test_selected)} ({score.unit})"
        note(f"{self.cells.name} {name}: {first}, {took}")


def cell_words(argv: Sequence[str], name: str, workers: int, path: Path) -> list[str]:
    """The words after ``graphcondense`` that run one cell."""
    words = ["--methods", name, "--workers", str(workers), "--cell", str(path)]
    return ["bench", *argv, *words]


def in_processes(args: Namespace, argv: Sequence[str], log: CellLog) -> bool:
    """Run cells as processes of this machine; whether Ctrl-C came."""
    single = str(args.device).startswith("cuda")
    workers = args.workers or (1 if single else max(1, len(os.sched_getaffinity(0))))
    log.start(workers)
    running: list[subprocess.Popen[str]] = []
    stop = threading.Event()
    # Cells read the one end, and learn of the end of this process, even a kill, from the other's.
    alive, mine = os.pipe()

    def one(name: str) -> None:
        log.cells.mkdir(parents=True, exist_ok=True)
        try:
            with alone_with(log.cells / f".{name}.lock", f"the cell {name} of {log.cells}"):
                for draft in log.cells.glob(f".{name}.json.*.tmp"):  # of a cell that was killed
                    draft.unlink()
                if not log.path(name).exists():  # another command may have made it since
                    run_one(name)
        except ValueError as error:
            log.failed[name] = str(error)

    def run_one(name: str) -> None:
        if stop.is_set():
            return
        log.begins(name)
        words = [*cell_words(argv, name, workers, log.path(name)), "--parent", str(alive)]
        process = subprocess.Popen(
            [sys.executable, "-W", "ignore", "-m", "graphcondense", *words],
            env={**os.environ, "OMP_NUM_THREADS": "1"},
            stdin=subprocess.DEVNULL,
            pass_fds=(alive,),
            stdout=subprocess.DEVNULL,  # a cell's result is its file
            stderr=subprocess.PIPE,
            text=True,
        )
        running.append(process)
        if stop.is_set():
            process.terminate()
        errors = process.communicate()[1]
        # Ctrl-C reaches every process of a terminal, this cell perhaps before this one.
        if process.returncode and (stop.is_set() or process.returncode in STOPPED):
            return
        log.ended(name, last_line(errors) if process.returncode else "")

    pool = ThreadPoolExecutor(workers)
    try:
        list(pool.map(one, log.todo))
    except KeyboardInterrupt:
        stop.set()
        for process in running:
            process.terminate()
    pool.shutdown(cancel_futures=True)
    os.close(mine)
    os.close(alive)
    with contextlib.suppress(OSError):  # a table without a cell leaves no folder
        log.cells.rmdir()
    return stop.is_set() or any(process.returncode in STOPPED for process in running)


def last_line(errors: str) -> str:
    """What a process said last."""
    return (errors.strip().splitlines() or ["no message"])[-1]


def on_ray(args: Namespace, argv: Sequence[str], log: CellLog) -> bool:
    """Run cells as tasks of Ray, each in a process of its own; whether Ctrl-C came.

    Files are written here, so that one that is there is whole. A cell whose worker is killed begins
    again.
    """
    from graphcondense.ops.files import write_whole
    from graphcondense.ops.fleet import Fleet

    def again(name: str, why: str) -> None:
        warn(f"{log.cells.name} {name}: {why}; begins again")

    try:
        with Fleet(args.ray_address, str(args.device) == "cuda", fresh=True) as fleet:
            check_machines(fleet, args)
            workers, here = fleet.slots, os.getcwd()
            log.start(workers)
            words = {n: (here, cell_words(argv, n, workers, Path("cell.json"))) for n in log.todo}
            for name, done in fleet.each(ray_cell, words, begins=log.begins, again=again):
                text, why = done.value or ("", done.why)
                if text:
                    write_whole(log.path(name), text)
                log.ended(name, why)
    except KeyboardInterrupt:
        return True
    return False


def ray_cell(task: tuple[str, Sequence[str]]) -> tuple[str, str]:
    """Run a cell in this process: the text of its file, or the last line of what went wrong.

    Args:
        task: the folder to run in, and the words after ``graphcondense``, of which the last is to
            be the cell's file.
    """
    from graphcondense.cli import main

    folder, words = task
    os.chdir(folder)
    errors = io.StringIO()
    with tempfile.TemporaryDirectory() as place, contextlib.redirect_stderr(errors):
        file = Path(place) / words[-1]
        status = main([*words[:-1], str(file)])
        return (file.read_text(), "") if status == 0 else ("", last_line(errors.getvalue()))


def check_machines(fleet: Fleet, args: Namespace) -> None:
    """Raise a ValueError unless all machines of a cluster see this folder, and run this version."""
    from graphcondense.ops.files import write_whole
    from graphcondense.version import __version__

    here = Path(os.getcwd())
    probe = here / args.out / f".seen-{socket.gethostname()}-{os.getpid()}"
    write_whole(probe, "")
    try:
        roots = [str(here / args.root)] if args.root else []
        found = fleet.on_each_machine(seen, [str(probe), *roots])
    finally:
        probe.unlink(missing_ok=True)
    for machine, done in found.items():
        if done.value is None:
            raise ValueError(
                f"machine {machine} cannot run a cell ({done.why}): install graphcondense "
                f"{__version__} there"
            )
        version, missing = done.value
        if version != __version__:
            raise ValueError(f"machine {machine} has graphcondense {version}, not {__version__}")
        if missing:
            raise ValueError(
                f"machine {machine} does not see {missing[0]}: all machines need a shared folder "
                "in which the command runs, for --out and --root"
            )


def seen(paths: Sequence[str]) -> tuple[str, list[str]]:
    """This machine's version of the package, and which paths it does not have."""
    from graphcondense.version import __version__

    return __version__, [path for path in paths if not os.path.exists(path)]


def _end_with_parent(pipe: int) -> None:
    """End this process at once when the one that has the other end of a pipe has ended: the same
    cell may begin again right away."""

    def watch() -> None:
        os.read(pipe, 1)  # nothing is ever written: it returns when the other end is closed
        os._exit(128 + signal.SIGTERM)

    threading.Thread(target=watch, daemon=True).start()


def run_cell(args: Namespace) -> Record:
    """Condense with every seed, then evaluate all results; this process is the cell's own."""
    import graphcondense
    from graphcondense.evaluate import evaluate
    from graphcondense.evaluate.cost import peak_memory_bytes
    from graphcondense.methods import find_method

    where = where_of(args)
    kind, name = where.kind, args.methods
    data = where.load(kind)
    method = "random" if name == WHOLE else name
    budget = _budget(args)
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
        models=args.models,
        seeds=args.trainings,
        baselines=(WHOLE, "mean") if name == WHOLE else (),
        plain_epochs=20 if name == WHOLE else 0,
        device=args.device,
        progress=False,
        **_training(args),
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


def command_of(args: Namespace) -> str:
    """The command that makes the table again, with a user's own folder of data.

    ``--methods`` is left out: a table may grow by several commands (:func:`_section` adds it).
    """
    from graphcondense.ops.budget import Budget

    plain = {f.name: f.default for f in (*fields(Where), *fields(Budget), *fields(Grid))}
    left = ("methods", "workers", "ray_address", "out", "page", "root")
    words = []
    for name, default in plain.items():
        if name not in left and args[name] != default:
            flag = name.replace("_", "-")
            switch = {True: [f"--{flag}"], False: [f"--no-{flag}"]}
            value = args[name]
            words += switch[value] if isinstance(value, bool) else [f"--{flag}", _shown(value)]
    root = [] if args.table is not None else ["--root", "DATA"]
    return f"OMP_NUM_THREADS=1 {shlex.join(['graphcondense', 'bench', *words, *root])}"


def _shown(value: object) -> str:
    """A value as its flag takes it.

    >>> _shown({"paper": 8, "venue": 2}), _shown(0.5)
    ('paper=8,venue=2', '0.5')
    """
    if isinstance(value, Mapping):
        return ",".join(f"{name}={n}" for name, n in value.items())
    return str(value)
