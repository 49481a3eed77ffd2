"""Tasks of Ray: one whose worker is killed begins again, one that raises fails alone."""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from jsonargparse import Namespace

from graphcondense.cli import main
from graphcondense.cli.bench.cluster import check_machines
from graphcondense.ops.fleet import TRIES, Done, Fleet
from graphcondense.version import __version__

PLUGIN = """
import os
import signal
from dataclasses import asdict
from pathlib import Path
from typing import ClassVar
from graphcondense.core.method import Method
from graphcondense.methods import find_method

Random = find_method("random", "node")[0]

class Killed(Random):
    name: ClassVar[str] = "killed"

    def solve(self, real, rng):
        mark = Path({mark!r})
        mark.write_text(mark.read_text() + "x")
        if mark.read_text() == "x":
            os.kill(os.getpid(), signal.SIGKILL)
        return Random(**asdict(self)).solve(real, rng)

class Raises(Random):
    name: ClassVar[str] = "raises"

    def solve(self, real, rng):
        raise ValueError("no such luck")
"""


def test_without_ray_the_extra_is_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(ImportError, match=r'pip install "graphcondense\[ray\]"'), Fleet():
        raise AssertionError
    words = ["bench", "--data", "digits", "--nodes", "20"]
    assert main([*words, "--workers", "ray"]) == 2
    assert 'pip install "graphcondense[ray]"' in capsys.readouterr().err
    assert main([*words, "--workers", "2", "--ray-address", "auto"]) == 2
    assert "--ray-address auto is for --workers ray" in capsys.readouterr().err
    assert main([*words, "--workers", "two"]) == 2
    assert "two" in capsys.readouterr().err


def test_a_worker_has_the_gpu_that_ray_gives(capsys: pytest.CaptureFixture[str]) -> None:
    words = ["bench", "--data", "digits", "--nodes", "20", "--workers", "ray"]
    assert main([*words, "--device", "cuda:1"]) == 2
    assert "--device cuda:1: Ray gives each worker a GPU" in capsys.readouterr().err


def test_an_address_where_nobody_is() -> None:
    pytest.importorskip("ray")
    with pytest.raises(ConnectionError, match=r"no Ray cluster answers at 127\.0\.0\.1:1: "):
        Fleet("127.0.0.1:1").__enter__()


class Elsewhere:
    """A fleet of two machines, one of which says what it is told to."""

    def __init__(self, says: Done[tuple[str, list[str]]]) -> None:
        self.says = says

    def on_each_machine(self, function: Any, item: Any) -> dict[str, Done[Any]]:
        return {"here": Done(function(item)), "there": self.says}


@pytest.mark.parametrize(
    ("says", "said"),
    [
        (
            Done((__version__, ["/x/.seen"])),
            "machine there does not see /x/.seen: all .* shared",
        ),
        (Done(("0.0.1", [])), "machine there has graphcondense 0.0.1, not "),
        (Done(why="ModuleNotFoundError: no"), "machine there cannot run a cell .ModuleNotFound"),
    ],
)
def test_machines_are_checked_first(
    says: Any, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    fleet: Any = Elsewhere(says)
    with pytest.raises(ValueError, match=said):
        check_machines(fleet, Namespace(out="runs/bench", root=None))
    assert not list(Path("runs/bench").iterdir())
    fleet.says = Done((__version__, []))
    check_machines(fleet, Namespace(out="runs/bench", root=None))


@pytest.fixture
def alone(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("ray")
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    return None


def made_task() -> Callable[[tuple[str, str]], str]:
    """A task that goes to its workers as it is: they do not have this file."""

    def task(item: tuple[str, str]) -> str:
        mark, what = Path(item[0]), item[1]
        tries = len(mark.read_text()) if mark.exists() else 0
        mark.write_text("x" * (tries + 1))
        if what == "always killed" or (what == "killed once" and not tries):
            os.kill(os.getpid(), signal.SIGKILL)
        if what == "raises":
            raise KeyError("a word")
        return f"{what} {os.environ['OMP_NUM_THREADS']}"

    return task


@pytest.mark.slow
def test_tasks_of_every_fate(alone: None, tmp_path: Path) -> None:
    task = made_task()
    whats = ["fine", "killed once", "raises", "always killed"]
    items = {what: (str(tmp_path / what), what) for what in whats}
    begun: list[str] = []
    again: list[str] = []
    with Fleet() as fleet:
        assert fleet.slots == len(os.sched_getaffinity(0))
        machines = fleet.on_each_machine(task, (str(tmp_path / "m"), "fine"))
        assert [(done.value, done.why) for done in machines.values()] == [("fine 1", "")]
        found = dict(
            fleet.each(task, items, begins=begun.append, again=lambda key, why: again.append(key))
        )
    assert begun == whats
    assert sorted(again) == ["always killed"] * (TRIES - 1) + ["killed once"]
    assert found["fine"].value == "fine 1"
    assert found["killed once"].value == "killed once 1"
    assert (found["raises"].value, found["raises"].why) == (None, "KeyError: 'a word'")
    assert found["always killed"].why.startswith("its worker was killed")


@pytest.mark.slow(seconds=90)
def test_a_table_with_a_killed_worker(
    alone: None,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """The cells are those of processes, the killed one is there, and the failed one is told."""
    monkeypatch.chdir(tmp_path)
    mark, plugin = tmp_path / "mark", tmp_path / "plugin.py"
    mark.write_text("")
    plugin.write_text(PLUGIN.format(mark=str(mark)))
    words = ["bench", "--data", "digits", "--nodes", "20", "--condensations", "1"]
    words += ["--trainings", "1", "--epochs", "5", "--plugin", str(plugin), "--methods"]
    assert main([*words, "random,killed,raises", "--workers", "ray"]) == 2
    said = capsys.readouterr().err
    assert "digits-20 killed: its worker was killed (WorkerCrashedError); begins again" in said
    assert "digits-20 raises: failed after" in said
    assert (
        "1 of 4 cells failed; the same command runs them again: raises: error: no such luck" in said
    )
    assert mark.read_text() == "xx"
    folder = tmp_path / "runs/bench/digits-20"
    assert sorted(path.name for path in folder.iterdir()) == [
        "killed.json",
        "random.json",
        "whole.json",
    ]
    assert not [path for path in folder.parent.iterdir() if path.name.startswith(".seen")]
    assert main([*words, "random,killed", "--workers", "2", "--out", "plain"]) == 0
    for name in ("killed", "random", "whole"):
        ray, plain = (
            json.loads((tmp_path / place / "digits-20" / f"{name}.json").read_text())
            for place in ("runs/bench", "plain")
        )
        assert ray.keys() == plain.keys()
        for key in ("command", "budget", "cost", "mean"):
            assert ray[key] == plain[key]
        rows = [
            [{k: v for k, v in row.items() if "second" not in k} for row in cell["report"]["rows"]]
            for cell in (ray, plain)
        ]
        assert rows[0] == rows[1]
