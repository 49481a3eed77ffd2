"""Cells of a benchmark's table: condensed and evaluated in processes of their own, kept on disk, or
in this process, or by the workers of a Ray cluster."""

from __future__ import annotations

import argparse
import functools
import json
import os
import statistics
import subprocess
import sys
import time
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

T = TypeVar("T")
A = TypeVar("A")
Cell = dict[str, Any]
"""``seconds``, and ``seeds``: what the process of each condensation seed wrote."""


def run(
    path: Path,
    command: Sequence[str],
    words: Sequence[str],
    *,
    seeds: int,
    workers: int = 1,
) -> None:
    """Run the seeds of a cell that are not there, and keep all with the time they took together.

    Every seed is one process, of one thread: ``python COMMAND --one WORDS SEED FILE``, which writes
    its numbers as JSON into the file. A seed that fails leaves ``{"error": ...}``, its last line.

    Args:
        path: the cell's file.
        command: a script and its flags.
        words: what the cell is.
        seeds: how many.
        workers: processes at a time.
    """
    kept = read(path) or {"seconds": 0.0, "seeds": []}
    missing = range(len(kept["seeds"]), seeds)
    if not missing:
        return
    began = time.perf_counter()
    path.parent.mkdir(parents=True, exist_ok=True)

    def seed(number: int) -> dict[str, Any]:
        part = path.with_suffix(f".{number}.part")
        one = [sys.executable, "-W", "ignore", *command, "--one", *words, str(number), str(part)]
        env = {**os.environ, "OMP_NUM_THREADS": "1"}
        done = subprocess.run(one, env=env, stderr=subprocess.PIPE, text=True)
        if done.returncode:
            print(done.stderr, file=sys.stderr)
            return {"error": (done.stderr.strip().splitlines() or ["no message"])[-1]}
        found: dict[str, Any] = json.loads(part.read_text())
        part.unlink()
        return found

    with ThreadPoolExecutor(workers) as pool:
        found = [*kept["seeds"], *pool.map(seed, missing)]
    cell = {"seconds": kept["seconds"] + time.perf_counter() - began, "seeds": found}
    failed = [one["error"] for one in found if "error" in one]
    if not failed:
        path.write_text(json.dumps(cell, indent=1))
    text = f"failed, {failed[0]}" if failed else scores(cell)
    print(f"{path.stem}: {text}, {cell['seconds']:.0f} s", file=sys.stderr, flush=True)


def add_workers(parser: argparse.ArgumentParser) -> None:
    """The flags of :func:`each`."""
    parser.add_argument("--seconds", type=float, default=float("inf"), help="start no cell later")
    parser.add_argument(
        "--workers",
        choices=["1", "ray"],
        default="1",
        help="cells in turn, or on all machines of a Ray cluster (RAY_ADDRESS), else on the cores "
        "of this one; they share the folders",
    )


def each(
    function: Callable[[A], T],
    items: Mapping[str, A],
    *,
    workers: str,
    seconds: float,
    failed: list[str],
    together: Callable[[A], object] = id,
) -> Iterator[T]:
    """What ``function`` gives for every item, as they end; an item that fails is told.

    Args:
        function: of a module that the workers can import, not of ``__main__``.
        items: in the order in which they begin.
        workers: ``"1"`` for this process, ``"ray"`` for :class:`graphcondense.ops.fleet.Fleet`.
        seconds: no item begins later than so many from now.
        failed: gets the keys of those that fail.
        together: what is the same for items that one worker does in turn, such as a folder that
            they share; what they give comes when the last of them ends.
    """
    groups: dict[str, dict[str, A]] = {}
    for key, item in items.items():
        group = key if workers == "1" else f"{together(item)}"
        groups.setdefault(group, {})[key] = item
    task = functools.partial(_in_turn, os.getcwd(), time.time() + seconds, function)
    late = 0
    for ended in map(task, groups.values()) if workers == "1" else _on_ray(task, groups):
        for key, values, why in ended:
            late += values == [] and not why
            if why:
                failed.append(key)
                print(f"{key} failed: {why}", file=sys.stderr, flush=True)
            yield from values
    if late:
        print(f"no time for {late} further cells", file=sys.stderr, flush=True)


def end(failed: Sequence[str]) -> None:
    """End with status 1 where cells failed."""
    if failed:
        sys.exit(f"cells that failed: {len(failed)}")


Ended = tuple[str, Sequence[T], str]
"""The key of an item, its value if there is one, and why it failed, else nothing."""


def _in_turn(
    here: str, until: float, function: Callable[[A], T], items: Mapping[str, A]
) -> list[Ended[T]]:
    """An item that it is too late to begin has no value."""
    os.chdir(here)
    ended: list[Ended[T]] = []
    for key, item in items.items():
        try:
            ended.append((key, [function(item)] if time.time() < until else [], ""))
        except Exception:  # the others go on
            ended.append((key, [], traceback.format_exc()))
    return ended


def _on_ray(
    task: Callable[[Mapping[str, A]], list[Ended[T]]], groups: Mapping[str, Mapping[str, A]]
) -> Iterator[list[Ended[T]]]:
    from graphcondense.ops.fleet import Fleet

    with Fleet() as fleet:
        for group, done in fleet.each(task, groups):
            yield done.value or [(key, [], done.why) for key in groups[group]]


def read(path: Path) -> Cell | None:
    """A finished cell."""
    return json.loads(path.read_text()) if path.exists() else None


def kept_rows(path: Path) -> list[dict[str, Any]]:
    """The rows of a table that earlier commands wrote."""
    rows: list[dict[str, Any]] = json.loads(path.read_text())["rows"] if path.exists() else []
    return rows


def keep_rows(path: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    """Write them, all or none; the folder is made."""
    from graphcondense.ops.files import write_whole

    write_whole(path, json.dumps({"rows": rows}, indent=1) + "\n")


def pooled(cell: Cell, key: str) -> list[float]:
    """All trainings of all seeds, in per cent."""
    return [100 * value for seed in cell["seeds"] for value in seed[key]]


def scores(cell: Cell, key: str = "test") -> str:
    """Mean and standard deviation over all trainings."""
    values = pooled(cell, key)
    spread = f" ± {statistics.stdev(values):.1f}" if len(values) > 1 else ""
    return f"{statistics.mean(values):.1f}{spread}"


def mean(cell: Cell, key: str, unit: float) -> str:
    """Mean over the seeds."""
    return f"{statistics.mean(seed[key] for seed in cell['seeds']) / unit:,.0f}"


def largest(cell: Cell) -> str:
    """The peak memory of the worst seed, MiB."""
    return f"{max(s['peak_memory_bytes_with_evaluation'] for s in cell['seeds']) / 2**20:,.0f}"
