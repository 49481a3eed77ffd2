"""The parts of ``benchmarks/reliability.py``: what a row is, where it is kept, and the page.

A part is a module here::

    from reliability import Row, keep, kept

    TITLE = "Graphs of every shape"  # the heading of its rows; parts are ordered by file name

    def run(seconds: float, examples: int, root: str, chosen: Chosen) -> dict[str, Any]:
        rows = [Row(what="gcond", tried=500, failed=0, said="", test="tests/test_x.py::test_y")]
        return {"rows": rows}

It begins nothing further after ``seconds`` and tries each row ``examples`` times at most. A part
that takes long calls ``keep(NAME, rows)`` after every row, so that a run that is stopped loses one
row at most, and asks ``kept(NAME)`` what is there: to leave it out, or to add to its counts.
``chosen(what)`` says whether a row is asked for; a part that measures all rows at once has no such
argument.
"""

from __future__ import annotations

import importlib
import inspect
import json
import os
import pkgutil
import platform
import subprocess
import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any, NotRequired, TypedDict

import when  # beside this folder

HERE = Path(__file__).resolve().parents[2]
OUT = HERE / "docs" / "results" / "reliability"
PAGE = HERE / "docs" / "reliability.md"


class Row(TypedDict):
    """What was tried, and how often it failed.

    Attributes:
        what: what was tried, in a few words; rows of a part are told apart by it.
        tried: how often.
        failed: how often something was wrong.
        said: what else there is to say, such as what failed or what was refused.
        test: the test of the suites that runs the same code, as ``FILE::NAME``.
        measured: when, and of which commit; :func:`keep` says it of rows that do not.
        counts: of a row that several runs added to, what was tried by day and commit.
    """

    what: str
    tried: int
    failed: int
    said: str
    test: str
    measured: NotRequired[str]
    counts: NotRequired[dict[str, int]]


Chosen = Callable[[str], bool]
"""Whether a row of this name is asked for."""


class Part(TypedDict):
    """The file of a part."""

    title: str
    command: str
    where: str
    processor_seconds: float
    rows: list[Row]
    more: NotRequired[dict[str, Any]]


_now: dict[str, Path] = {}
"""Where the parts that run now are kept."""

_anew: set[str] = set()
"""Those of the parts that run now for which nothing counts that is there."""

_counted: dict[str, float] = {}
"""Processor seconds up to which those of the parts that run now are in their files."""


def parts() -> list[str]:
    """The names of all parts, in the order of the page."""
    return sorted(found.name for found in pkgutil.iter_modules(__path__))


def module(name: str) -> ModuleType:
    return importlib.import_module(f"{__name__}.{name}")


def chooses(name: str) -> bool:
    """Whether the rows of a part can be run one by one."""
    return "chosen" in inspect.signature(module(name).run).parameters


def run(
    name: str,
    seconds: float,
    examples: int,
    root: str,
    out: Path,
    *,
    words: Sequence[str] = (),
    anew: bool = False,
) -> Part:
    """Run a part, and write its file.

    Args:
        words: of a part that :func:`chooses`, rows whose names have one of these in them; all by
            default.
        anew: take nothing for done that is there, nor what another benchmark has stored.
    """
    options: dict[str, Any] = {}
    if chooses(name):
        options["chosen"] = lambda what: not words or any(word in what for word in words)
    out.mkdir(parents=True, exist_ok=True)
    _now[name], _counted[name] = out / f"{name}.json", _spent()
    if anew:
        _anew.add(name)
    try:
        found = module(name).run(seconds, examples, root, **options)
        more = {key: value for key, value in found.items() if key != "rows"}
        return keep(name, found["rows"], more=more)
    finally:
        del _now[name], _counted[name]
        _anew.discard(name)


def _spent() -> float:
    """Processor seconds of this process and of those that it waited for."""
    times = os.times()
    return float(times.user + times.system + times.children_user + times.children_system)


def kept(name: str) -> list[Row]:
    """The rows of a part that are on disk; none where all is measured anew."""
    if name in _anew:
        return []
    path = _now.get(name, OUT / f"{name}.json")
    return read(path)["rows"] if path.exists() else []


def keep(name: str, rows: Iterable[Row], *, more: dict[str, Any] | None = None) -> Part:
    """Put rows in the place of those of the same name, and write the file of a part whole.

    The processor seconds since it was last written are added: a run that is stopped later has told
    what its rows took.
    """
    path = _now.get(name, OUT / f"{name}.json")
    now = _spent()
    seconds = now - _counted.get(name, now)
    if name in _counted:
        _counted[name] = now
    old = read(path) if path.exists() else None
    stamp = when.stamp()
    new = [Row(**{**row, "measured": row.get("measured") or stamp}) for row in rows]
    every = {row["what"]: row for row in (*(old["rows"] if old else ()), *new)}
    part = Part(
        title=module(name).TITLE,
        command=f"python benchmarks/reliability.py --only {name}",
        where=f"{when.today()}, {platform.machine()}, Python {platform.python_version()}",
        processor_seconds=round(seconds + (old["processor_seconds"] if old else 0), 1),
        rows=list(every.values()),
    )
    if extra := {**(old or {}).get("more", {}), **(more or {})}:
        part["more"] = extra
    draft = path.with_suffix(".part")
    draft.write_text(json.dumps(part, indent=1) + "\n")
    draft.replace(path)
    return part


def measured(result: str, root: str, script: str, *options: str) -> dict[str, Any]:
    """What another benchmark has written to ``docs/results``, with when it was ``measured``. Where
    the file is missing, or a part is to measure anew, that benchmark runs first."""
    path = OUT.parent / result
    if _anew or not path.exists():
        command = [sys.executable, str(HERE / "benchmarks" / script), "--root", root, *options]
        subprocess.run(command, cwd=HERE, check=True)
    found: dict[str, Any] = json.loads(path.read_text())
    return {**found, "measured": found.get("measured") or when.stored(path)}


def read(path: Path) -> Part:
    found: Part = json.loads(path.read_text())
    return found


def shown(found: Sequence[Part]) -> Any:
    """The table of the page."""
    from graphcondense.ops.markdown import code
    from graphcondense.ops.tables import Table

    head = ("What", "Tried", "Failed", "Remarks", "Measured", "Again with", "Test")
    rows = [
        (row["what"], f"{row['tried']:,}", f"{row['failed']:,}", remarks(row),
         row.get("measured", ""), code(f"--only {part['command'].rpartition(' ')[2]}"),
         code(row["test"]))
        for part in found for row in part["rows"]
    ]  # fmt: skip
    return Table(head, rows, [True, False, False, True, True, True, True])


def remarks(row: Row) -> str:
    """What there is to say of a row; of what was tried at several commits how often at each."""
    counts = row.get("counts", {})
    parts = [f"{count} of {of}" for of, count in counts.items()] if len(counts) > 1 else []
    return "; ".join(filter(None, (row["said"], *parts)))


INTRO = """\
# Reliability

What was tried to break this package, and how often it broke. `Failed` counts what was wrong:
another result, a traceback, something lost, something run. Each row comes again with

    OMP_NUM_THREADS=1 python benchmarks/reliability.py --root DATA --only PART

and is held by a test that runs the same code with fewer examples. `--seconds` and `--examples`
bound a part, `--rows` chooses rows by parts of their names, and `--anew` takes nothing for done
that was measured before. `Measured` is the day and the commit whose code was run, or where that
was not written down, the commit that stored the number. `python benchmarks/reliability.py --page`
writes this page; do not edit it.
"""


def write_page(out: Path, to: Path) -> None:
    """The page, of all files of parts that are there."""
    text = [INTRO]
    for path in sorted(out.glob("*.json")):
        part = read(path)
        text.append(f"## {part['title']}\n")
        took = part["processor_seconds"]  # 0 where nobody measured it
        text.append(f"{part['where']}{f'; {took:,.0f} processor seconds' if took else ''}.\n")
        text.append(shown([part]).markdown() + "\n")
    to.write_text("\n".join(text))
