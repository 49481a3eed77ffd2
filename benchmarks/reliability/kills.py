"""Runs that are killed at random moments and started again end in the bits of one in one go.

A run is a process that is forked, so that the kill meets the work and not the imports; a row of
``bench`` is the command itself. A try is one kill that met a process at work: a folder is killed
once to three times, then the run may end, and what had ended before its moment came does not
count. It has failed where the end has other bits, a part of a file or a lock is left, a finished
run that was to be replaced cannot be opened in between, or a restart refuses to go on.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cache, partial
from pathlib import Path
from typing import Any

import when  # beside this folder

from reliability import Chosen, Row, keep, kept

TITLE = "Kills"
NAME = "kills"
TEST = "tests/test_kills.py::test_a_killed_run_ends_in_the_same_bits"
BENCH_TEST = "tests/test_kills.py::test_a_killed_bench_leaves_no_cell_and_runs_none_twice"


@dataclass(frozen=True)
class Case:
    """What is run, and with which data.

    Attributes:
        what: a row's name.
        make: from the folder of a try to the condensed set; ``resume`` goes on with what is there.
        before: what is done once in the folder, before the first process.
        resumes: whether there is anything on the way that a next process can go on with.
    """

    what: str
    make: Callable[[Path, bool], Any]
    before: Callable[[Path], object] = field(default=lambda folder: None)
    resumes: bool = True


LOOP = {"validations": 1, "checkpoint_seconds": 0.02, "progress": False}


@cache
def graph(nodes: int = 300) -> Any:
    """The first of scikit-learn's digits, as a graph of nearest neighbours."""
    import torch

    import graphcondense

    return graphcondense.data.load("digits").subgraph(torch.arange(nodes))


@cache
def images() -> Any:
    import graphcondense

    real = graphcondense.data.load_images("digits")
    return real.images[:300], real.labels[:300]


def condensed(data: Any, method: str, **options: Any) -> Callable[[Path, bool], Any]:
    """A run of a method in the folder ``run`` of a try; what it caches is in the try's folder."""

    def make(folder: Path, resume: bool) -> Any:
        import graphcondense

        own = {key: value(folder) if callable(value) else value for key, value in options.items()}
        out = folder / "run"
        return graphcondense.condense(data(), method, out=out, resume=resume, **own)

    return make


def updated(folder: Path, resume: bool) -> Any:
    """A condensed set of the smaller graph is brought to the larger one."""
    import graphcondense

    small = graphcondense.load(folder / "small")
    return graphcondense.update(small, graph(), nodes=25, out=folder / "run", progress=False)


def smaller(folder: Path) -> None:
    import graphcondense

    graphcondense.condense(graph(250), "quotient", nodes=20, out=folder / "small", progress=False)


GCOND = condensed(graph, "gcond", nodes=20, epochs=3, outer=4, **LOOP)
CASES = (
    Case("gcond-x with a folder for propagated features", condensed(
        graph, "gcond-x", nodes=20, epochs=2, outer=3, cache=lambda folder: str(folder / "cache"),
        **{**LOOP, "validations": 0},
    )),
    Case("mtt of images, with its experts", condensed(
        images, "mtt", per_class=1, model="mlp", hidden_channels=8, num_experts=2, expert_epochs=3,
        max_start=1, ahead=1, student_steps=3, steps=6,
        experts=lambda folder: str(folder / "experts"), **{**LOOP, "validations": 0},
    )),
    Case("sfgc of nodes, with its experts", condensed(
        graph, "sfgc", nodes=10, model="sgc", num_experts=2, expert_epochs=4, max_start=1, ahead=1,
        student_steps=3, steps=6, experts=lambda folder: str(folder / "experts"),
        **{**LOOP, "validations": 0},
    )),
    Case("update of quotient", updated, smaller, resumes=False),
    Case("gcond", GCOND),
    Case("gcond in the place of a finished run", GCOND, lambda folder: condensed(
        graph, "random", nodes=20, progress=False,
    )(folder, False)),
    Case("quotient", condensed(graph, "quotient", nodes=20, progress=False), resumes=False),
    Case("quotient, the best of 2 candidates", condensed(
        graph, "quotient", nodes=20, candidates=2, progress=False,
    )),
)  # fmt: skip


def forked(work: Callable[[], object]) -> int:
    """Start a process that does some work and ends with 0, or with 1 where that fails."""
    number = os.fork()
    if number:
        return number
    try:
        with (
            open(os.devnull, "w") as nowhere,
            contextlib.redirect_stderr(nowhere),
            contextlib.redirect_stdout(nowhere),
        ):
            work()
        os._exit(0)
    except BaseException as error:
        print(f"{type(error).__name__}: {error}", file=sys.stderr, flush=True)
        os._exit(1)


def opened(folder: Path) -> str:
    """The hash of the set in a run's folder."""
    import graphcondense
    from graphcondense.saved.content import graph_hash

    found: str = graph_hash(graphcondense.load(folder / "run"))
    return found


def goes_on(case: Case, folder: Path) -> bool:
    """What a user says who looks into the folder: whether to resume."""
    from graphcondense.run.folder import begun, current

    return case.resumes and begun(current(folder / "run"))


@cache
def ready() -> None:
    """Import and open what all processes that are forked need."""
    images()
    with tempfile.TemporaryDirectory() as place:
        smaller(Path(place))


@cache
def undisturbed(case: Case) -> tuple[str, float]:
    """The hash of the end in one go, and the processor seconds it took."""
    ready()
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        case.before(folder)
        _, ended, used = os.wait4(forked(lambda: case.make(folder, False)), 0)
        if ended:
            raise RuntimeError(f"{case.what} does not run")
        return opened(folder), used.ru_utime + used.ru_stime


def killed_after(number: int, seconds: float) -> int:
    """Kill a process that was started here after so many processor seconds; how it ended."""
    import psutil

    process = psutil.Process(number)
    while not (ended := os.waitpid(number, os.WNOHANG))[0]:
        times = process.cpu_times()
        if times.user + times.system >= seconds:
            os.kill(number, signal.SIGKILL)
            return os.waitpid(number, 0)[1]
        time.sleep(0.003)
    return ended[1]


@dataclass
class Kills:
    """How often a try may kill, and how often a process was at work when it did."""

    wanted: int
    met: int = 0


def killed(case: Case, want: str, took: float, rng: random.Random, kills: Kills) -> str:
    """Kill a run in a new folder so many times, then let it end; what was wrong, or nothing."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        case.before(folder)
        old = opened(folder) if (folder / "run").exists() else None
        moments = []
        for _ in range(kills.wanted):
            number = forked(lambda: case.make(folder, goes_on(case, folder)))
            moments.append(round(took * rng.random(), 3))
            ended = killed_after(number, moments[-1])
            kills.met += os.WIFSIGNALED(ended)
            if os.WIFEXITED(ended) and os.WEXITSTATUS(ended):
                return f"killed after {moments} s: a restart failed"
            if old is not None and opened(folder) not in (old, want):
                return f"killed after {moments} s: the finished run is gone"
        done = (folder / "run" / "condensed.safetensors").exists() and opened(folder) == want
        resume = case.resumes and (goes_on(case, folder) or done)
        if os.waitpid(forked(lambda: case.make(folder, resume)), 0)[1]:
            return f"killed after {moments} s: the last restart failed"
        if opened(folder) != want:
            return f"killed after {moments} s: other bits"
        left = [str(path.relative_to(folder)) for path in folder.rglob("*") if unwanted(path)]
        return f"killed after {moments} s: left {', '.join(left)}" if left else ""


def unwanted(path: Path) -> bool:
    """Whether a file is no part of a finished run."""
    names = (".lock", "clock.json", ".new", ".whole", "checkpoint.pt", "candidates")
    return path.name in names or path.suffix in (".part", ".tmp")


BENCH = (
    *(
        "bench",
        "--data",
        "digits",
        "--nodes",
        "20",
        "--methods",
        "random,kcenter",
        "--models",
        "SGC",
    ),
    *("--condensations", "1", "--trainings", "1", "--epochs", "3", "--workers", "1"),
)


def benched(folder: Path) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "graphcondense", *BENCH]
    nothing = subprocess.DEVNULL
    env = {**os.environ, "OMP_NUM_THREADS": "1"}
    return subprocess.Popen(command, cwd=folder, env=env, stdout=nothing, stderr=nothing)


def cells_that_run(folder: Path) -> Iterator[str]:
    """The processes of cells that work below a folder."""
    for path in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            words = (path / "cmdline").read_bytes().split(b"\0")
            if b"--cell" in words and (path / "cwd").resolve() == folder.resolve():
                yield path.name


def scores(folder: Path) -> dict[str, Any]:
    """What the cells of a table measured, by name; seconds differ from run to run."""
    cells = sorted((folder / "runs" / "bench").glob("*/*.json"))
    return {
        path.stem: [
            (row["model"], row["val_selected"], row["test_selected"])
            for row in json.loads(path.read_text())["report"]["rows"]
        ]
        for path in cells
    }


def killed_bench(want: dict[str, Any], took: float, rng: random.Random, kills: Kills) -> str:
    """The same of ``bench``: no cell runs on, and none that is finished runs again."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        for _ in range(kills.wanted):
            before = times(folder)
            process = benched(folder)
            time.sleep(took * rng.random())
            process.kill()
            kills.met += process.wait() == -signal.SIGKILL
            deadline = time.monotonic() + 10
            while [*cells_that_run(folder)] and time.monotonic() < deadline:
                time.sleep(0.05)
            if [*cells_that_run(folder)]:
                return "a cell runs on"
            if {path: when for path, when in times(folder).items() if path in before} != before:
                return "a finished cell ran again"
        before = times(folder)
        if benched(folder).wait():
            return "the restart failed"
        if {path: when for path, when in times(folder).items() if path in before} != before:
            return "a finished cell ran again"
        left = [path.name for path in folder.rglob(".*")]
        if left:
            return f"left {', '.join(left)}"
        return "" if scores(folder) == want else "other scores"


def times(folder: Path) -> dict[Path, int]:
    """When each finished cell was written."""
    return {path: path.stat().st_mtime_ns for path in folder.glob("runs/bench/*/*.json")}


@cache
def bench_undisturbed() -> tuple[dict[str, Any], float]:
    with tempfile.TemporaryDirectory() as place:
        began = time.monotonic()
        if benched(Path(place)).wait():
            raise RuntimeError("bench does not run")
        return scores(Path(place)), time.monotonic() - began


def _killed(case: Case, rng: random.Random, kills: Kills) -> str:
    return killed(case, *undisturbed(case), rng, kills)


def _killed_bench(rng: random.Random, kills: Kills) -> str:
    return killed_bench(*bench_undisturbed(), rng, kills)


def added(row: Row, met: int, wrong: str, stamp: str) -> Row:
    """The row with further kills, of a day and commit, and what was wrong with the last, if
    anything."""
    before = row.get("counts") or ({row["measured"]: row["tried"]} if row["tried"] else {})
    counts = {**before, stamp: before.get(stamp, 0) + met}
    return Row(
        what=row["what"], tried=row["tried"] + met, failed=row["failed"] + bool(wrong),
        said=wrong or row["said"], test=row["test"], measured=stamp,
        counts={of: count for of, count in counts.items() if count},
    )  # fmt: skip


def run(seconds: float, examples: int, root: str, chosen: Chosen) -> dict[str, Any]:
    """The cases take turns; counts are added to those that are there."""
    deadline = time.monotonic() + seconds
    rows = {row["what"]: row for row in kept(NAME)}
    tries: dict[str, tuple[str, Callable[[random.Random, Kills], str]]] = {
        case.what: (TEST, partial(_killed, case)) for case in CASES
    }
    tries["bench"] = BENCH_TEST, _killed_bench
    tries = {what: found for what, found in tries.items() if chosen(what)}
    begun = {what: rows[what]["tried"] if what in rows else 0 for what in tries}
    for turn in itertools.count():
        waiting = [
            what for what in tries if rows.get(what, {"tried": 0})["tried"] - begun[what] < examples
        ]
        if not waiting or time.monotonic() >= deadline:
            break
        # A kill of bench takes as long as fifty others: it comes when those are done.
        for what in [what for what in waiting if what != "bench"] or waiting:
            test, attempt = tries[what]
            row = rows.setdefault(what, Row(what=what, tried=0, failed=0, said="", test=test))
            rng = random.Random(f"{what} {begun[what]} {turn}")
            kills = Kills(3 if what == "bench" else rng.choice((1, 2)))
            try:
                wrong = attempt(rng, kills)
            except (ValueError, OSError) as error:  # what cannot be opened any more
                wrong = f"{type(error).__name__}: {error}"
            rows[what] = row = added(row, kills.met, wrong, when.stamp())
            keep(NAME, [row])
            if time.monotonic() >= deadline:
                break
    return {"rows": [rows[what] for what in tries if what in rows]}
