"""Folders of runs: one process at a time, and a finished run stays until its successor is whole."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import torch

import graphcondense
from graphcondense import cli
from graphcondense.cli import INTERRUPTED, TERMINATED, folders
from graphcondense.core.callbacks import Checkpoint
from graphcondense.core.engine import State
from graphcondense.ops.locks import alone_in
from graphcondense.saved.condensed import graph_hash

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
        "import sys; from filelock import SoftFileLock; lock = SoftFileLock(sys.argv[1]); "
        "lock.acquire(); print('held', flush=True); sys.stdin.read()"
    )
    words = [sys.executable, "-c", code, f"{folder}/.lock"]
    pipe = subprocess.PIPE
    process = subprocess.Popen(words, stdin=pipe, stdout=pipe, text=True)
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


@pytest.mark.parametrize("error", [ValueError("no"), KeyboardInterrupt()])
def test_overwrite_keeps_the_old_run_until_the_new_one_is_whole(
    monkeypatch: pytest.MonkeyPatch, error: BaseException
) -> None:
    assert condense() == 0
    Path("run/evaluation.json").write_text("{}")
    Path("run/mine.txt").write_text("mine")
    before = {path: path.read_bytes() for path in Path("run").iterdir()}
    with monkeypatch.context() as patch:

        def fail(*args: object, **options: object) -> None:
            assert {p: p.read_bytes() for p in before} == before
            raise error

        patch.setattr(graphcondense, "condense", fail)
        assert condense("--seed", "1", "--overwrite") in (2, INTERRUPTED)
    assert {path: path.read_bytes() for path in Path("run").iterdir()} == before
    old = graph_hash(graphcondense.load("run"))
    assert condense("--seed", "1", "--overwrite") == 0
    assert graph_hash(graphcondense.load("run")) != old
    assert "seed: 1" in Path("run/config.yaml").read_text()
    assert names("run") == {path.name for path in before} - {"evaluation.json"}


def test_resume_goes_on_with_the_successor() -> None:
    short = ["--epochs", "1", "--outer", "2", "--validations", "1", "--no-progress"]
    words = ["condense", "gcond-x", *PICK, *short]
    assert cli.main([*words, "--out", "run"]) == 0
    assert cli.main([*words, "--seed", "1", "--out", "other"]) == 0
    wanted = graph_hash(graphcondense.load("other"))
    Path("other").rename("run/.new")  # a process that was killed before it moved its files
    assert cli.main([*words, "--seed", "1", "--out", "run", "--resume"]) == 0
    assert graph_hash(graphcondense.load("run")) == wanted
    assert not Path("run/.new").exists()


def test_a_result_moves_last(monkeypatch: pytest.MonkeyPatch) -> None:
    moved = []
    for folder in ("new", "old"):
        Path(folder).mkdir()
        for name in ("condensed.md", "condensed.safetensors", "config.yaml", "metrics.jsonl"):
            Path(folder, name).write_text(folder)
    replace = Path.replace
    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", lambda p, to: (moved.append(p.name), replace(p, to))[1])
        folders.succeed(Path("new"), Path("old"))
    assert moved[-1] == "condensed.safetensors"
    assert {path.read_text() for path in Path("old").iterdir()} == {"new"}


def test_a_checkpoint_that_does_not_fit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The one before it stays, and no part of the new one."""
    callback = Checkpoint("checkpoint.pt", {})
    callback.file = Path("checkpoint.pt")
    callback.file.write_text("before")

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
