"""The folder of a run: one process at a time works there, and a finished run stays until the one
that takes its place is whole.

A run that is to replace a finished one is made in :data:`NEW` below the folder. When it is whole,
it becomes :data:`WHOLE`, and its files are moved to the folder. A process that is killed on the way
leaves one of the two, and the next one that works in the folder goes on from there.
"""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from graphcondense.ops.files import writable
from graphcondense.ops.locks import alone_in
from graphcondense.run import candidates

NEW, WHOLE = ".new", ".whole"
CHECKPOINT = "checkpoint.pt"
"""What a run goes on from."""
CLOCK = "clock.json"
"""What a run that has not ended took so far; one that ends before its first checkpoint leaves no
more, and is counted when the same is run again."""
PARTIAL = "evaluation.partial.jsonl"
USES = ("evaluation", "properties", "privacy", "serving", "nas", "tune")
"""What later commands write beside a run, as NAME.json and NAME.png."""
FILES = (
    *("condensed.safetensors", "condensed.md", "metrics.jsonl", "report.html", PARTIAL, CLOCK),
    *("curve.png", "graph.png", "graphs.png", "images.png", "items.png"),
    *("transfer.png", "break-even.png"),
    *(f"{use}.{ending}" for use in USES for ending in ("json", "png")),
)
"""What a run and the commands after it write."""


@contextmanager
def working_in(folder: Path, resume: bool, parts: Sequence[str] = (".",)) -> Iterator[Path]:
    """The folder to make a run in, which nobody else works in inside the ``with`` block.

    It is ``folder``, or one below it where a finished run is replaced, whose files are moved to
    ``folder`` when the block has ended well. Of what a new run replaces, only files that runs write
    (:data:`FILES`) are removed. Folders that were made and stay empty are removed.

    Args:
        resume: go on with what is there.
        parts: folders below it that have a result each.

    Raises:
        ValueError: another process works there, or the folder cannot be written.
    """
    made = [path for path in (folder, *folder.parents) if not os.path.exists(path)]
    try:
        with alone_in(writable(folder)):
            for part in parts:
                _tidy(folder / part)
                _tidy(folder / NEW / part)
            _move(folder, parts)  # what a process that was killed left
            if _whole(folder / NEW, parts):
                _replace(folder, parts)
            place = current(folder, parts)
            if not resume:
                _empty(folder / NEW, parts)
                replaces = any(has_result(folder / part) for part in parts)
                place = folder / NEW if replaces else folder
                for part in parts if place == folder else ():
                    clear(folder / part, but=() if begun(folder / part) else (CLOCK,))
            place.mkdir(exist_ok=True)
            try:
                yield place
            except BaseException:
                if place != folder and not _keeps(place, parts):
                    shutil.rmtree(place, ignore_errors=True)
                raise
            if place != folder:
                _replace(folder, parts)
            else:  # one that was to replace this run, and was killed before its first checkpoint
                shutil.rmtree(folder / NEW, ignore_errors=True)
    finally:
        with contextlib.suppress(OSError):  # up to the first that is not empty
            for path in made:
                path.rmdir()


def has_result(folder: Path) -> bool:
    """Whether there is a condensed set in the folder, finished or ended early."""
    return (folder / "condensed.safetensors").exists()


def begun(folder: Path) -> bool:
    """Whether there is a run in the folder that can be gone on with."""
    return (folder / CHECKPOINT).exists() or candidates.unfinished(folder)


def is_finished(folder: Path) -> bool:
    """Whether a folder has a run that has ended, so that there is nothing to resume."""
    return has_result(folder) and not (folder / CHECKPOINT).exists()


def has_ended(folder: Path, sizes: Sequence[int] = ()) -> bool:
    """Whether ``resume`` has nothing to go on with: the run, or that of each of ``sizes``, has
    ended."""
    parts = [str(n) for n in sizes] or ["."]
    place = current(folder, parts)
    return all(is_finished(place / part) for part in parts)


def current(folder: Path, parts: Sequence[str] = (".",)) -> Path:
    """Where ``resume`` goes on: in what is to replace the run of the folder, if that was begun."""
    return folder / NEW if _keeps(folder / NEW, parts) else folder


def _keeps(folder: Path, parts: Sequence[str]) -> bool:
    """Whether there is something to go on with, or to open."""
    return begun(folder) or any(has_result(folder / part) for part in parts)


def clear(folder: Path, but: Collection[str] = ()) -> None:
    """Remove what a run wrote into a folder, save for some names."""
    old = [folder / name for name in FILES]
    old += folder.glob("checkpoint*.pt*")  # the draft of a process that was killed, too
    for path in old:
        if path.name not in but:
            path.unlink(missing_ok=True)
    candidates.clear(folder)


def _empty(folder: Path, parts: Sequence[str]) -> None:
    """Remove what was to replace a run, save for what it took before its first checkpoint."""
    clocks = [folder / part / CLOCK for part in parts if not begun(folder / part)]
    kept = {path: path.read_bytes() for path in clocks if path.exists()}
    shutil.rmtree(folder, ignore_errors=True)
    for path, content in kept.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


def _tidy(folder: Path) -> None:
    """Remove the drafts of a run that was killed while it wrote a file."""
    for name in ("condensed.safetensors", "condensed.md", "config.yaml", CLOCK):
        for path in folder.glob(f".{name}.*.tmp"):
            path.unlink()
    (folder / f"{CHECKPOINT}.part").unlink(missing_ok=True)


def _whole(folder: Path, parts: Sequence[str]) -> bool:
    """Whether all of a run has ended."""
    return all(is_finished(folder / part) for part in parts)


def _replace(folder: Path, parts: Sequence[str]) -> None:
    """A run that is to replace another is whole: let it take its place."""
    new = folder / NEW
    for part in parts:
        clear(folder / part, but={path.name for path in (new / part).iterdir()})
    new.rename(folder / WHOLE)
    _move(folder, parts)


def _move(folder: Path, parts: Sequence[str]) -> None:
    """Move the files of a whole run to their place, the condensed set last; others' files stay."""
    whole = folder / WHOLE
    if not whole.is_dir():
        return
    for part in parts:
        (folder / part).mkdir(exist_ok=True)
        found = (whole / part).iterdir() if (whole / part).is_dir() else ()
        for path in sorted(found, key=lambda path: (path.stem == "condensed", path.name)):
            target = folder / part / path.name
            if target.is_dir():
                shutil.rmtree(target)
            path.replace(target)
    shutil.rmtree(whole)
