"""Writing files so that one that is there is whole.

What is written first has the name of the file, of the machine and of the process: what one that was
killed has left is removed by whoever writes the same file next.
"""

from __future__ import annotations

import contextlib
import glob
import os
import re
import shutil
import socket
import zipfile
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import psutil


def _here() -> str:
    """This machine, and of containers that share its name which of them: numbers of processes are
    its own, where several share a folder."""
    with contextlib.suppress(OSError):
        return f"{socket.gethostname()}-{os.stat('/proc/self/ns/pid').st_ino}"
    return socket.gethostname()


HOST = re.sub(r"[^A-Za-z0-9-]", "-", _here())[-60:]
"""Where a process number is the number of one process."""


def writable(folder: Path, what: str = "into the folder") -> Path:
    """Make a folder and prove that a file can be written there, before any work.

    Raises:
        ValueError: it cannot; ``what`` is how the message goes on after "cannot write".
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe = _beside(folder / "write-test", "tmp")
        probe.touch()
        probe.unlink()
    except (OSError, ValueError) as error:  # such as a null byte in its name
        raise ValueError(f"cannot write {what} {folder}: {error}") from error
    return folder


@contextmanager
def as_whole(path: Path) -> Iterator[Path]:
    """A file beside ``path`` to write to inside a ``with`` block; it takes its place afterwards, or
    is deleted where the block fails."""
    draft = _beside(path, "tmp")
    try:
        yield draft
        with draft.open("rb") as file:
            os.fsync(file.fileno())
        os.replace(draft, path)
    finally:
        draft.unlink(missing_ok=True)


def cache_root() -> Path:
    """The folder below which work is kept: ``GRAPHCONDENSE_CACHE`` if that is set, else
    ``~/.cache/graphcondense``."""
    root = os.environ.get("GRAPHCONDENSE_CACHE")
    return Path(root) if root else Path.home() / ".cache" / "graphcondense"


def refuse_target(path: str | Path, said: str) -> None:
    """Raise a ValueError where a file could not be written, before the work whose result it shall
    hold. A file beside it is made and removed, which tells more than permissions do.

    Args:
        path: the file.
        said: how it was asked for, such as ``"--json out.json"``.
    """
    path = Path(path)
    try:
        above = next((p for p in path.absolute().parents if p.exists()), Path(path.anchor))
        wrong = ""
        if path.is_dir():
            wrong = "is a folder: name a file that does not exist, such as one in it"
        elif path.exists() and not path.is_file():
            wrong = "is a device or a pipe, and a file takes its place: name a file"
        elif not above.is_dir():
            wrong = f"cannot be written, {above} is a file: give a file in a folder"
        elif path.exists() and not os.access(path, os.W_OK):
            wrong = "is read-only: give a file elsewhere"
        else:
            probe = _beside(above / path.name, "tmp")
            probe.touch()
            probe.unlink()
    except (OSError, ValueError) as error:  # such as a null byte in its name
        wrong = f"cannot be written ({error}): give a file elsewhere"
    if wrong:
        raise ValueError(f"{said} {wrong}")


def write_whole(path: str | Path, content: str | bytes) -> Path:
    """Write one file beside its place, then rename it; folders above it are made."""
    write_all({Path(path): content})
    return Path(path)


def write_all(contents: Mapping[Path, str | bytes], without: Collection[Path] = ()) -> None:
    """Write all files beside their places, then rename all, and remove those of ``without``: either
    every one is there or none, and what was there before comes back where this fails or is
    interrupted. Only a kill among the renames leaves the first files new and the others as they
    were, each of them whole; writing again mends that."""
    drafts = {path: _beside(path, "tmp") for path in contents}
    before = {path: _beside(path, "old") for path in (*contents, *without)}
    done: list[Path] = []
    try:
        for path, draft in drafts.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            content = contents[path]
            with draft.open("wb") as file:
                file.write(content.encode() if isinstance(content, str) else content)
                file.flush()
                os.fsync(file.fileno())
        for path, kept in before.items() if len(before) > 1 else ():
            if path.exists():
                _second_name(path, kept)
        for path, draft in drafts.items():
            done.append(path)
            os.replace(draft, path)
        for path in without:
            done.append(path)
            path.unlink()
    except BaseException as error:
        for changed in done:
            _as_before(changed, before[changed], drafts.get(changed))
        if not isinstance(error, OSError):
            raise
        error.filename = error.filename or str(path)  # of a full disk Python does not say it
        raise
    finally:
        for draft in (*drafts.values(), *before.values()):
            draft.unlink(missing_ok=True)


def _beside(path: Path, ending: str) -> Path:
    """The name of what a process writes before a file; what others left, who are gone, goes."""
    start = f".{path.name}.{HOST}."
    for old in path.parent.glob(f"{glob.escape(start)}*.{ending}"):
        number = old.name[len(start) : -len(ending) - 1]
        if re.fullmatch(r"\d{1,9}", number) and not psutil.pid_exists(int(number)):
            with contextlib.suppress(OSError):  # such as another user's
                old.unlink()
    return path.with_name(f"{start}{os.getpid()}.{ending}")


def _second_name(path: Path, name: Path) -> None:
    """Give a file a second name; a copy where the file system has no links."""
    try:
        os.link(path, name)
    except OSError:
        shutil.copy2(path, name)


def _as_before(path: Path, kept: Path, draft: Path | None) -> None:
    """Bring back what was there; what took its place goes, unless the draft has not left yet."""
    if kept.exists():
        os.replace(kept, path)
    elif draft is not None and not draft.exists():
        path.unlink(missing_ok=True)


def check_archive(path: Path) -> None:
    """Compare the checksums of the archive that ``torch.save`` writes: ``torch.load`` does not.

    A file in the format before torch 1.6, which has none, passes.

    Raises:
        ValueError: the archive is not whole, or something in it is damaged; names both.
        FileNotFoundError: there is no such file.
    """
    with path.open("rb") as file:
        if file.read(4) != b"PK\3\4":
            return
    try:
        with zipfile.ZipFile(path) as archive:
            damaged = archive.testzip()
    except Exception as error:  # a made-up archive fails in whatever way it likes
        raise ValueError(
            f"{path} was refused: it is broken, or not whole ({str(error)[:100]}); copy or make it "
            "again"
        ) from error
    if damaged is not None:
        raise ValueError(
            f"{path} was refused: {damaged} in it is damaged (its checksum is another); copy or "
            "make it again"
        )
