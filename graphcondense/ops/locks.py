"""One process at a time: a lock file whose owner is named, and taken over once it is gone."""

from __future__ import annotations

import contextlib
import datetime
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import SoftFileLock, Timeout

LOCK = ".lock"
"""The file in a folder that one process works in; it is gone afterwards."""


@contextmanager
def alone_in(folder: Path) -> Iterator[None]:
    """Be the only process that works in ``folder``, which is there, inside a ``with`` block.

    See :func:`alone_with`.
    """
    with alone_with(folder / LOCK, f"the folder {folder}"):
        yield


@contextmanager
def alone_with(file: Path, what: str) -> Iterator[None]:
    """Be the only process that has the lock ``file``, inside a ``with`` block.

    The same thread may have it several times. The lock of a process of this machine that has ended,
    in whatever way, is taken over.

    Raises:
        ValueError: another process has it; says which, where, and since when.
    """
    lock = SoftFileLock(file, is_singleton=True)
    for attempts in (2, 1, 0):  # one finds that the owner is gone, the next takes over
        try:
            lock.acquire(timeout=0)
            break
        except Timeout:
            if not attempts:
                raise ValueError(f"{what} is in use by {_owner(file)}") from None
    try:
        yield
    finally:
        lock.release()


def _owner(file: Path) -> str:
    """Who has a lock, and what to do about it, in words."""
    words = "another process"
    with contextlib.suppress(OSError, ValueError, IndexError):
        pid, host = file.read_text(encoding="utf-8").splitlines()[:2]
        since = datetime.datetime.fromtimestamp(file.stat().st_mtime).astimezone()
        words = f"process {int(pid)} on {host[:60]} since {since:%Y-%m-%d %H:%M:%S}"
    return f"{words}; wait for its end, or remove {file} if there is no such process any more"
