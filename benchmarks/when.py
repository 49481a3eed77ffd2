"""When something was measured, and of which state of this repository: what stored numbers say."""

from __future__ import annotations

import subprocess
import time
from pathlib import Path

HERE = Path(__file__).resolve().parents[1]


def stamp(root: Path = HERE) -> str:
    """Today and the commit, with ``+`` where the package differs from it.

    Without git the version of the package stands for the commit.
    """
    commit = _git(root, "rev-parse", "--short=7", "HEAD")
    if commit:
        commit += "+" if _git(root, "status", "--porcelain", "--", "graphcondense") else ""
    else:
        from graphcondense.version import __version__

        commit = f"version {__version__}"
    return f"{today()}, {commit}"


def today() -> str:
    """The day, as tables have it."""
    return time.strftime("%Y-%m-%d")


def stored(path: Path) -> str:
    """Of a file without a stamp: the day and the commit that it was stored by, which is later than
    what it measured; nothing where git does not know it."""
    what = ("log", "-1", "--format=%as, stored by %h", "--abbrev=7")
    return _git(path.parent, *what, "--", path.name)


def _git(folder: Path, *words: str) -> str:
    """What git says, or nothing where it says no."""
    try:
        done = subprocess.run(
            ["git", "-C", str(folder), *words], capture_output=True, text=True, check=False
        )
    except FileNotFoundError:
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""
