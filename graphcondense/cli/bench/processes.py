"""Cells as processes of this machine, and what is said of each as it begins and ends."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from jsonargparse import Namespace

from graphcondense.cli.bench.page import report_of
from graphcondense.cli.text import note, warn
from graphcondense.ops.locks import alone_with

STOPPED = (130, 143, -signal.SIGINT, -signal.SIGTERM)
"""What a process ends with that Ctrl-C or SIGTERM has reached."""


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
