"""Folders of runs: one process at a time, and a finished run stays until its successor is whole."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

import graphcondense
from graphcondense import cli
from graphcondense.cli import INTERRUPTED, TERMINATED
from graphcondense.core.callbacks import Checkpoint
from graphcondense.core.engine import State
from graphcondense.methods.random import RandomNodes
from graphcondense.ops.locks import alone_in
from graphcondense.run import folder as run_folder
from graphcondense.run import work
from graphcondense.saved.content import graph_hash
from tests.toys import toy_graph

PICK = ["--data", "digits", "--nodes", "20"]


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def condense(*words: str) -> int:
    return cli.main(["condense", "random", *PICK, "--out", "run", *words])


def names(folder: str) -> set[str]:
    return {path.name for path in Path(folder).iterdir()}


def held_by_another(folder: str) -> subprocess.Popen[str]:
    """Another process that works in a folder."""
    Path(folder).mkdir(exist_ok=True)
    code = (
        "import pathlib, sys; from graphcondense.ops.locks import alone_in\n"
        "with alone_in(pathlib.Path(sys.argv[1])): print('held', flush=True); sys.stdin.read()"
    )
    pipe = subprocess.PIPE
    process = subprocess.Popen(
        [sys.executable, "-c", code, folder], stdin=pipe, stdout=pipe, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    return process


def test_two_processes_do_not_share_a_folder(capsys: pytest.CaptureFixture[str]) -> None:
    assert condense() == 0
    before = names("run")
    other = held_by_another("run")
    try:
        assert condense("--seed", "1", "--overwrite") == 2
        assert f"in use by process {other.pid} on " in capsys.readouterr().err
        assert condense("--seed", "1") == 2  # which is told before what lies there
        assert f"in use by process {other.pid} on " in capsys.readouterr().err
        data = graphcondense.data.load("digits")
        with pytest.raises(ValueError, match="in use by process"):
            graphcondense.condense(data, "random", nodes=20, out="run")
    finally:
        other.kill()
        other.communicate()
    assert names("run") == before | {".lock"}
    assert condense("--seed", "1", "--overwrite") == 0  # the other one is gone
    assert names("run") == before


def test_a_folder_that_was_made_for_nothing_is_not_kept() -> None:
    data = graphcondense.data.load("digits")
    with pytest.raises(ValueError, match="below one for each"):
        graphcondense.condense(data, "random", nodes=3, out="a/b")
    assert not Path("a").exists()


def contents(folder: str) -> dict[str, bytes]:
    """Files of a folder and below."""
    return {str(p): p.read_bytes() for p in Path(folder).rglob("*") if p.is_file()}


@pytest.mark.parametrize("error", [ValueError("no"), KeyboardInterrupt()])
@pytest.mark.parametrize("way", ["command", "python"])
def test_a_finished_run_stays_until_the_new_one_is_whole(
    monkeypatch: pytest.MonkeyPatch, error: BaseException, way: str
) -> None:
    data = graphcondense.data.load("digits")

    def anew() -> None:
        if way == "command":
            assert condense("--seed", "1", "--overwrite") in (0, 2, INTERRUPTED)
        else:
            with contextlib.suppress(ValueError, KeyboardInterrupt):
                graphcondense.condense(data, "random", nodes=20, seed=1, out="run")

    assert condense() == 0
    Path("run/evaluation.json").write_text("{}")
    Path("run/mine.txt").write_text("mine")
    before = contents("run")
    with monkeypatch.context() as patch:

        def fail(*args: object, **options: object) -> None:
            now = contents("run")
            assert {path: now[path] for path in before} == before
            raise error

        patch.setattr(RandomNodes, "condense", fail)
        anew()
    assert contents("run") == before
    old = graph_hash(graphcondense.load("run"))
    anew()
    assert graph_hash(graphcondense.load("run")) != old
    assert "seed: 1" in Path("run/config.yaml").read_text()
    gone = {"run/evaluation.json"} | ({"run/graph.png"} if way == "python" else set())
    assert contents("run").keys() == before.keys() - gone


def test_resume_goes_on_with_the_run_that_replaces_another() -> None:
    short = ["--epochs", "1", "--outer", "2", "--validations", "1", "--no-progress"]
    words = ["condense", "gcond-x", *PICK, *short]
    assert cli.main([*words, "--out", "run"]) == 0
    assert cli.main([*words, "--seed", "1", "--out", "other"]) == 0
    wanted = graph_hash(graphcondense.load("other"))
    Path("other").rename("run/.new")  # a process that was killed before it moved its files
    assert cli.main([*words, "--seed", "1", "--out", "run", "--resume"]) == 0
    assert graph_hash(graphcondense.load("run")) == wanted
    assert not Path("run/.new").exists()


def killed_before_its_first_checkpoint() -> None:
    """A finished run, and one that was to take its place."""
    assert condense() == 0
    Path("run/.new").mkdir()
    Path("run/.new/clock.json").write_text("what it took")


def test_a_finished_run_that_is_resumed_leaves_nothing_of_one_that_was_to_replace_it() -> None:
    killed_before_its_first_checkpoint()
    with pytest.raises(ValueError, match="refused"), run_folder.working_in(Path("run"), True):
        raise ValueError("refused")
    assert Path("run/.new/clock.json").exists()
    with run_folder.working_in(Path("run"), resume=True) as place:
        assert place == Path("run")
    assert not Path("run/.new").exists()
    assert Path("run/condensed.safetensors").exists()


@pytest.mark.parametrize("begun", [False, True])
def test_what_a_killed_run_took_that_was_to_replace_another_is_not_lost(begun: bool) -> None:
    """As in an empty folder: up to a checkpoint it is lost work, and after one another run's."""
    killed_before_its_first_checkpoint()
    Path("run/.new/metrics.jsonl").write_text("old")
    if begun:
        Path("run/.new/checkpoint.pt").write_bytes(b"")
    with (
        contextlib.suppress(KeyboardInterrupt),
        run_folder.working_in(Path("run"), resume=False) as place,
    ):
        assert place == Path("run/.new")
        kept = {path.name: path.read_text() for path in place.iterdir()}
        assert kept == ({} if begun else {"clock.json": "what it took"})
        raise KeyboardInterrupt


def test_drafts_of_a_killed_run_are_removed() -> None:
    Path("run/.new").mkdir(parents=True)
    drafts = ("run/.clock.json.1.tmp", "run/.new/.condensed.md.1.tmp", "run/checkpoint.pt.part")
    for name in (*drafts, "run/.mine.tmp"):
        Path(name).write_text("half")
    with run_folder.working_in(Path("run"), resume=True):
        pass
    assert contents("run").keys() == {"run/.mine.tmp"}


def test_a_kill_at_any_move_loses_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each step of putting a new run in the place of an old one may be the last of a process."""
    steps = ("replace", "rename", "unlink")
    usual = {name: getattr(Path, name) for name in steps}

    def runs() -> None:
        for folder in ("run", "run/.new"):
            Path(folder).mkdir(exist_ok=True)
            for name in ("condensed.md", "condensed.safetensors", "config.yaml", "metrics.jsonl"):
                Path(folder, name).write_text(folder)
        Path("run/curve.png").write_text("old")
        Path("run/mine.txt").write_text("mine")

    class Killed(BaseException):
        """In the place of a kill: nothing catches it."""

    def until_killed(name: str) -> Callable[..., object]:
        def step(path: Path, *to: Path, **more: bool) -> object:
            if not left.pop():
                raise Killed
            return usual[name](path, *to, **more)

        return step

    for last in range(100):
        runs()
        left = [False, *[True] * last]
        killed = False
        with monkeypatch.context() as patch:
            for name in steps:
                patch.setattr(Path, name, until_killed(name))
            try:
                run_folder._replace(Path("run"), ["."])
            except Killed:
                killed = True
        assert Path("run/condensed.safetensors").exists(), last
        with run_folder.working_in(Path("run"), resume=True) as place:
            assert place == Path("run")
        now = contents("run")
        assert now.pop("run/mine.txt") == b"mine"
        assert set(now.values()) == {b"run/.new"}, last
        assert len(now) == 4
        if not killed:
            break
    assert last > 4


def test_a_checkpoint_that_does_not_fit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The one before it stays, and no part of the new one."""
    callback = Checkpoint("checkpoint.pt", {})
    callback.path.write_text("before")

    def full(content: object, path: Path) -> None:
        path.write_text("half")
        raise RuntimeError("PytorchStreamWriter failed writing file data.pkl: file write failed")

    monkeypatch.setattr(torch, "save", full)
    monkeypatch.setattr("graphcondense.core.callbacks.snapshot", lambda *args: {})
    state = State.__new__(State)
    with pytest.raises(OSError, match=r"checkpoint\.pt .*file write failed.*before is whole"):
        callback.save(state)
    assert [(p.name, p.read_text()) for p in tmp_path.iterdir()] == [("checkpoint.pt", "before")]


def test_sigterm_is_taken_as_ctrl_c(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def terminated(*args: object, **options: object) -> None:
        os.kill(os.getpid(), signal.SIGTERM)

    monkeypatch.setattr(graphcondense, "condense", terminated)
    usual = signal.getsignal(signal.SIGTERM)
    assert condense() == TERMINATED == 143
    said = capsys.readouterr().err
    assert "to start over: graphcondense condense" in said
    assert said.endswith("interrupted\n")
    assert signal.getsignal(signal.SIGTERM) is usual
    assert not Path("run").exists()


def test_a_folder_is_freed_after_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*args: object, **options: object) -> None:
        raise OSError("No space left on device")

    monkeypatch.setattr(graphcondense, "condense", fail)
    assert condense() == 2
    Path("run").mkdir(exist_ok=True)
    with alone_in(Path("run")):
        pass


@pytest.mark.parametrize("asked", [{"nodes": 6}, {"sizes": (6, 9)}])
def test_what_is_finished_is_given_back_whatever_makes_it(
    asked: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A closed form has nothing to go on with; what it made is there all the same."""

    def made(**more: Any) -> list[Any]:
        found: Any = graphcondense.condense(
            toy_graph(n=60), "quotient", out=tmp_path / "run", progress=False, **asked, **more
        )
        return [*found.values()] if isinstance(found, dict) else [found]

    with pytest.raises(ValueError, match="resume=True cannot act"):
        made(resume=True)
    first = made()
    files = {p: p.stat().st_mtime_ns for p in (tmp_path / "run").rglob("condensed.*")}
    again = made(resume=True)
    assert [one.condensed for one in again] == [one.condensed for one in first]
    assert {p: p.stat().st_mtime_ns for p in files} == files
    with pytest.raises(ValueError, match="is of another run: seed is 0 there and 1 here"):
        made(resume=True, seed=1)
    with monkeypatch.context() as patch:  # to give back needs no room
        patch.setattr(work, "refuse_beyond_free", lambda *given: 1 / 0)
        made(resume=True)
        with pytest.raises(ZeroDivisionError):
            made()
    next(iter((tmp_path / "run").rglob("condensed.safetensors"))).unlink()
    with pytest.raises(ValueError, match="resume=True cannot act"):
        made(resume=True)
