"""One process at a time; the lock of one that was killed is taken over."""

import errno
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from graphcondense.ops.locks import LOCK, alone_in

HOLD = """
import pathlib, sys, time
from graphcondense.ops.locks import alone_in
with alone_in(pathlib.Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(600)
"""


@pytest.fixture
def other(tmp_path: Path):
    """Another process that has the lock."""
    words = [sys.executable, "-c", HOLD, str(tmp_path)]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "held\n"
        yield process
        process.kill()


def test_the_owner_is_named(tmp_path, other):
    said = rf"the folder .* is in use by process {other.pid} on \S+ since 20\d\d-\d\d-\d\d .*\.lock"
    with pytest.raises(ValueError, match=said), alone_in(tmp_path):
        pass
    assert (tmp_path / LOCK).exists()


def test_the_lock_of_a_killed_process_is_taken_over(tmp_path, other):
    other.kill()
    other.wait()
    with alone_in(tmp_path):
        assert (tmp_path / LOCK).read_text().startswith(f"{os.getpid()}\n")
    assert list(tmp_path.iterdir()) == []


def test_another_thread_does_not_have_it(tmp_path):
    said = []

    def try_it() -> None:
        try:
            with alone_in(tmp_path):
                said.append("no error")
        except ValueError as error:
            said.append(str(error))

    with alone_in(tmp_path):
        thread = threading.Thread(target=try_it)
        thread.start()
        thread.join()
    assert f"process {os.getpid()} " in said[0]
    assert list(tmp_path.iterdir()) == []


@pytest.mark.filterwarnings("ignore:flock not supported")
def test_a_file_system_without_locks(tmp_path, monkeypatch):
    """The file is the lock there; its owner is named as well."""

    def missing(fd: int, how: int) -> None:
        raise OSError(errno.ENOSYS, "no such call")

    monkeypatch.setattr("fcntl.flock", missing)
    said = f"in use by process {os.getpid()} on "
    with alone_in(tmp_path), pytest.raises(ValueError, match=said), alone_in(tmp_path):
        pass
    assert list(tmp_path.iterdir()) == []


def test_an_error_frees_it(tmp_path):
    with pytest.raises(KeyError), alone_in(tmp_path):
        raise KeyError
    assert list(tmp_path.iterdir()) == []
