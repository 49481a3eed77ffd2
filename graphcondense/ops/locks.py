"""One process at a time: a lock on a file, whose owner is named, and which a kill frees."""

from __future__ import annotations

import contextlib
import datetime
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, SoftFileLock, Timeout

LOCK = ".lock"
"""The file in a folder that one process works in; it is gone afterwards."""


@contextmanager
def alone_in(folder: Path) -> Iterator[None]:
    """Be the only one that works in ``folder``, which is there, inside a ``with`` block.

    See :func:`alone_with`.
    """
    with alone_with(folder / LOCK, f"the folder {folder}"):
        yield


@contextmanager
def alone_with(file: Path, what: str) -> Iterator[None]:
    """Be the only one, process or thread, that has the lock ``file``, inside a ``with`` block.

    The system frees the lock of a process that ends, in whatever way. Where a file system has no
    such locks, the file itself is the lock, and that of another machine must be removed by hand.

    Raises:
        ValueError: another has it; says which process, where, and since when.
    """
    lock = FileLock(file)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        raise ValueError(f"{what} is in use by {_owner(file)}") from None
    by_system = not isinstance(lock, SoftFileLock)
    try:
        if by_system:  # else it has the owner already
            file.write_text(f"{os.getpid()}\n{socket.gethostname()}\n", encoding="utf-8")
        yield
    finally:
        if by_system:  # while it is held; who has opened it by now finds that it is gone
            file.unlink(missing_ok=True)
        lock.release()


def refuse_busy(folder: Path) -> None:
    """Raise a ValueError where another process works in ``folder``; says which."""
    if (folder / LOCK).exists():
        with contextlib.suppress(OSError), alone_in(folder):  # a folder to read has no owner
            pass


def _owner(file: Path) -> str:
    """Who has a lock, and what to do about it, in words."""
    words = "another process"
    with contextlib.suppress(OSError, ValueError, IndexError):
        pid, host = file.read_text(encoding="utf-8").splitlines()[:2]
        since = datetime.datetime.fromtimestamp(file.stat().st_mtime).astimezone()
        words = f"process {int(pid)} on {host[:60]} since {since:%Y-%m-%d %H:%M:%S}"
    return f"{words}; wait for its end, or remove {file} if there is no such process any more"
