"""Scripts in two processes, as torchrun starts them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).parents[1]


def env() -> dict[str, str]:
    """Of a process that a test starts: that of now, as the suite may say in it which test runs."""
    return {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}


LAUNCHER = """
import json
import shutil
import sys

import tests.cases
from torch.distributed.elastic.multiprocessing.errors import ChildFailedError
from torch.distributed.run import main

script, folder, *runs = sys.argv[1:]
words = ["--standalone", "--nproc-per-node=2", "--run-path", "--start-method=fork", script]
for number, more in enumerate(map(json.loads, runs)):
    try:
        main([*words, *more])
        end = "fine"
    except ChildFailedError:
        end = "failed"
    print(f"ends: {end}", file=sys.stderr, flush=True)
    shutil.copytree(folder, f"{folder}-{number}")
"""
"""torchrun once for each list of words; its processes have the packages from here, which take
longer to import than what a test does."""


WRAPPED = """
import runpy
import sys
import traceback

try:
    runpy.run_path({path!r}, run_name="__main__")
except BaseException:
    traceback.print_exc()
    sys.stderr.flush()
    raise SystemExit(1) from None
"""
"""A script ends as a program does. Of a function torchrun would take an interrupt for an end
without a result, and keep the traceback to itself."""


def torchrun(script: str, folder: Path, *runs: Sequence[object]) -> list[tuple[bool, str]]:
    """Run a script in two processes, once for each list of words, one run after the other.

    Args:
        script: its text.
        folder: where it may write; what is there after run ``i`` is copied to ``FOLDER-i``.
        runs: the words that it gets each time.

    Returns:
        For each run whether it succeeded, and what was said on stderr.
    """
    folder.mkdir()
    path, launcher = folder.with_name("script.py"), folder.with_name("launcher.py")
    path.write_text(script)
    wrapped = folder.with_name("wrapped.py")
    wrapped.write_text(WRAPPED.format(path=str(path)))
    launcher.write_text(LAUNCHER)
    words = [json.dumps([str(word) for word in run]) for run in runs]
    done = subprocess.run(
        [sys.executable, str(launcher), str(wrapped), str(folder), *words],
        env=env(), cwd=ROOT, capture_output=True, text=True, timeout=500,
    )  # fmt: skip
    parts = done.stderr.split("ends: ")
    ends = [part.partition("\n")[0] for part in parts[1:]]
    assert len(ends) == len(runs), done.stderr
    return [(end == "fine", said) for end, said in zip(ends, parts[:-1], strict=True)]
