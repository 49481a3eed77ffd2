"""Paths as users give them; nothing here imports torch."""

from __future__ import annotations

from pathlib import Path


def path_of(value: object, where: str, what: str) -> Path:
    """``value`` as a path, ``~`` as the home folder; a TypeError says what to give instead."""
    if not isinstance(value, str | Path):
        raise TypeError(f"{where}: give {what}, got {value!r}"[:200])
    return Path(value).expanduser()
