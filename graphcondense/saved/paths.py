"""Paths as users give them; nothing here imports torch."""

from __future__ import annotations

from pathlib import Path


def path_of(value: object, where: str, what: str) -> Path:
    """``value`` as a path, ``~`` as the home folder; an error says what to give instead.

    >>> path_of("", "root", "the folder of data sets")
    Traceback (most recent call last):
    ValueError: root: give the folder of data sets, got ''; the current folder is '.'
    """
    if not isinstance(value, str | Path):
        raise TypeError(f"{where}: give {what}, got {value!r}"[:200])
    if value == "":  # else the current folder, which an unset variable of a shell does not mean
        raise ValueError(f"{where}: give {what}, got ''; the current folder is '.'")
    return Path(value).expanduser()
