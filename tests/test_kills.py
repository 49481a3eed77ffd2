"""Runs that are killed at random moments and gone on with end in the bits of one in one go.

``GRAPHCONDENSE_KILLS`` is the number of kills of each case, 3 by default.
"""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import graphcondense
from graphcondense.saved.condensed import graph_hash

pytestmark = pytest.mark.slow

KILLS = int(os.environ.get("GRAPHCONDENSE_KILLS", "3"))
LOOP = ["--validations", "2", "--checkpoint-seconds", "0.05"]
RUNS = {
    "gcond": ["gcond", "--epochs", "4", "--outer", "10", *LOOP],
    "experts": ["gcsr", "--num-experts", "3", "--steps", "20", *LOOP],
    "default": ["--candidates", "3"],
}


def start(folder: Path, *words: str) -> subprocess.Popen[str]:
    """A command, with its experts in ``folder``."""
    env = {**os.environ, "OMP_NUM_THREADS": "1", "GRAPHCONDENSE_CACHE": str(folder / "cache")}
    command = [sys.executable, "-m", "graphcondense", *words]
    pipe = subprocess.PIPE
    return subprocess.Popen(
        command, cwd=folder, env=env, stderr=pipe, stdout=subprocess.DEVNULL, text=True
    )


def finish(process: subprocess.Popen[str]) -> None:
    said = process.communicate(timeout=300)[1]
    assert process.returncode == 0, said


def condense(case: str, out: str) -> list[str]:
    words = [*RUNS[case], "--data", "digits", "--nodes", "20", "--no-progress", "--out", out]
    return ["condense", *words]


def goes_on(out: Path) -> list[str]:
    """What a user adds who looks into the folder."""
    some = (out / "checkpoint.pt").exists() or any(out.glob("candidates/*"))
    return ["--resume"] if some or (out / "condensed.safetensors").exists() else []


@pytest.mark.parametrize("case", RUNS)
def test_a_killed_run_ends_in_the_same_bits(tmp_path: Path, case: str) -> None:
    for name in ("whole", "cut"):
        (tmp_path / name).mkdir()
    began = time.monotonic()
    finish(start(tmp_path / "whole", *condense(case, "run")))
    took = time.monotonic() - began
    whole = graph_hash(graphcondense.load(tmp_path / "whole" / "run"))
    rng, out = random.Random(0), tmp_path / "cut" / "run"
    for _ in range(KILLS):
        process = start(tmp_path / "cut", *condense(case, "run"), *goes_on(out))
        time.sleep(took * rng.random())
        process.send_signal(signal.SIGKILL)
        process.communicate()
    finish(start(tmp_path / "cut", *condense(case, "run"), *goes_on(out)))
    assert graph_hash(graphcondense.load(out)) == whole
    left = {path.name for path in out.rglob("*") if path.is_file()}
    assert not {name for name in left if name == ".lock" or name.endswith(".part")}
    for line in (out / "metrics.jsonl").read_text().splitlines() if case != "default" else ():
        json.loads(line)


def test_a_killed_bench_leaves_no_cell_and_goes_on(tmp_path: Path) -> None:
    words = ["bench", "--data", "digits", "--nodes", "20", "--methods", "random,kcenter"]
    words += ["--condensations", "1", "--trainings", "1", "--epochs", "3", "--workers", "1"]
    rng, cells = random.Random(0), tmp_path / "runs" / "bench" / "digits-20"
    for _ in range(KILLS):
        before = {path: path.stat().st_mtime_ns for path in cells.glob("*.json")}
        process = start(tmp_path, *words)
        time.sleep(5 + 15 * rng.random())
        process.send_signal(signal.SIGKILL)
        process.communicate()
        deadline = time.monotonic() + 60
        while cells_of(tmp_path) and time.monotonic() < deadline:
            time.sleep(0.1)
        assert not cells_of(tmp_path)
        assert {p: p.stat().st_mtime_ns for p in before} == before
    finish(start(tmp_path, *words))
    assert {path.stem for path in cells.glob("*.json")} == {"random", "kcenter", "whole"}
    assert not list(cells.glob(".*"))


def cells_of(folder: Path) -> list[str]:
    """The processes of cells that work below a folder."""
    found = []
    for path in Path("/proc").glob("[0-9]*"):
        try:
            words = (path / "cmdline").read_bytes().decode().split("\0")
            if "--cell" in words and (path / "cwd").resolve() == folder.resolve():
                found.append(path.name)
        except OSError:
            continue
    return found
