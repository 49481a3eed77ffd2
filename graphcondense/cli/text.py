"""What commands print: results on stdout, everything else where it does not mix with them."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

from graphcondense.ops.sizes import said
from graphcondense.ops.tables import Table


@dataclass
class Console:
    """How this process speaks.

    Attributes:
        quiet: the result alone, no remarks and no progress.
        json: the result is one JSON document; :func:`~graphcondense.cli.main` prints it.
        written: the command has written the file of ``--json`` itself; else
            :func:`~graphcondense.cli.main` does.
    """

    quiet: bool = False
    json: bool = False
    written: bool = False


CONSOLE = Console()


@contextmanager
def speaking(quiet: bool, json: bool) -> Iterator[None]:
    """Set :data:`CONSOLE` for one command."""
    before = CONSOLE.quiet, CONSOLE.json, CONSOLE.written
    CONSOLE.quiet, CONSOLE.json, CONSOLE.written = quiet, json, False
    try:
        yield
    finally:
        CONSOLE.quiet, CONSOLE.json, CONSOLE.written = before


def is_main() -> bool:
    """Whether this process is the one that prints and draws; under ``torchrun`` rank 0 is."""
    return os.environ.get("RANK", "0") == "0"


def say(text: str) -> None:
    """Print a result in words, once for all processes; not where it is asked for as JSON."""
    if is_main() and not CONSOLE.json:
        print(text, flush=True)


def tell(text: str) -> None:
    """Print a remark beside the result, not under ``--quiet``."""
    if is_main() and not CONSOLE.quiet:
        print(text, flush=True)


def note(text: str) -> None:
    """Print a remark on stderr, not under ``--quiet``."""
    if is_main() and not CONSOLE.quiet:
        warn(text)


def warn(text: str) -> None:
    """Print on stderr what has to be read."""
    print(text, file=sys.stderr, flush=True)


def shows_progress() -> bool:
    """Whether somebody watches stderr who asked for no quiet."""
    return sys.stderr.isatty() and not CONSOLE.quiet


def summary(small: object) -> str:
    """A condensed set beside the whole one, as a table; what there is where another program or a
    person wrote its record."""
    record = getattr(small, "condensed")  # noqa: B009 - a Data, a data set or a matrix
    try:
        return _beside(small)
    except (KeyError, TypeError, ValueError, AttributeError, IndexError):
        return _as_written(small, record)


def _as_written(small: Any, record: Mapping[str, object]) -> str:
    """A record whose form is not this program's."""
    from graphcondense.ops.fields import brief
    from graphcondense.saved.card import flat
    from graphcondense.saved.shown import counted

    sizes = ", ".join(counted(number, what) for what, number in small._sizes().items())
    rows = [
        {"record": brief(name).strip("'"), "value": brief(value)} for name, value in flat(record)
    ]
    more = f"and {len(rows) - MOST} entries more" if len(rows) > MOST else ""
    about = "its record is not as condense writes it" if rows else "it has no record"
    parts = [f"condensed: {sizes}; {about}", table(rows[:MOST]) if rows else "", more]
    return "\n".join(filter(None, parts))


MOST = 20
"""Entries of a record that are shown."""


def _beside(small: object) -> str:
    from graphcondense.report.runs import form_of, validation_score
    from graphcondense.report.scene import shown

    record = getattr(small, "condensed")  # noqa: B009 - a Data, a data set or a matrix
    share = f"share of {form_of(small).whole}"
    data, validation = record["data"], record["validation"]
    rows = [
        {
            "": name,
            "whole": f"{data[name]:,}",
            "condensed": f"{record[name]:,}",
            share: f"{100 * record[name] / data[name]:.2f} %" if data[name] else "-",
        }
        for name in ("graphs", "nodes", "edges", "users", "interactions", "bytes")
        if name in data and name in record
    ]
    preset = f", preset {record['preset']}" if record.get("preset") else ""
    score = "none"
    if validation:
        metric = validation_score(small)
        best = validation["score"]
        value = "no number" if best is None else metric.text(shown(metric, best))
        step = validation["step"]
        score = f"{value} ({metric.unit})" + ("" if step is None else f" at step {step}")
        for name, one in validation.get("scores", {}).items():
            score += f", {name} {metric.text(shown(metric, one))}"
    if validation and validation.get("start_kept"):
        score += f": the untouched start; no score over {record['steps']:,} updates was above it"
    seed = "" if record["seed"] is None else f", seed {record['seed']}"
    size = record.get("memory_estimate_bytes")
    memory = "-" if size is None else said(size)
    lines = [f"validation  {score}"]
    if privacy := record.get("privacy"):
        lines.append(f"privacy     {privacy_said(privacy)}")
    if choice := record.get("choice"):
        first, last = choice["seeds"][0], choice["seeds"][-1]
        made = f"{choice['candidates']} (seeds {first} to {last})"
        lines.append(f"candidates  {made}, taken: seed {choice['seed']}")
    return "\n".join(
        [
            f"{data['name']}, condensed by {record['method']}{preset}{seed}",
            table(rows),
            f"seconds     {record['seconds']:.1f}",
            f"memory      {memory} expected beside the program",
            *lines,
            *_stands_for(small, record),
        ]
    )


FEW, WIDE = 5, 100
"""Condensed nodes whose examples are shown, and characters of a line of them."""


def _stands_for(small: Any, record: Mapping[str, object]) -> list[str]:
    """What the first condensed nodes stand for; nothing where nobody says."""
    from graphcondense.saved.shown import EXAMPLE_HEAD, class_words, example_rows, labels_of

    if not record.get("examples"):
        return []
    if not (rows := example_rows(record, class_words(labels_of(small), record))):
        return []
    node, group, near = EXAMPLE_HEAD
    short = [
        {node: i, group: c, near: text if len(text) <= WIDE else f"{text[: WIDE - 3]}..."}
        for i, c, text in rows[:FEW]
    ]
    more = f"and {len(rows) - FEW:,} nodes more: small.examples" if len(rows) > FEW else ""
    return ["", table(short), *([more] if more else [])]


def privacy_said(privacy: Mapping[str, object]) -> str:
    """What a record says of differential privacy, in words.

    >>> privacy_said({"epsilon": 4.0, "delta": 1e-5, "neighbours": "a label", "public": "edges"})
    '(4, 1e-05)-differentially private for a label; public: edges'
    """
    return (
        f"({privacy['epsilon']:g}, {privacy['delta']:g})-differentially private for "
        f"{privacy['neighbours']}; public: {privacy['public']}"
    )


def table(rows: Sequence[Mapping[str, object]]) -> str:
    """Rows with the same keys as aligned text; numbers to the right.

    >>> print(table([{"name": "a", "size": 10}, {"name": "bb", "size": 1234}]))
    name   size
    ----  -----
    a        10
    bb    1,234
    """
    head = list(rows[0])
    cells = [[_cell(row[key]) for key in head] for row in rows]
    columns = zip(*cells, strict=True)
    left = [not all(re.match(r"\d|-$", cell) for cell in column) for column in columns]
    return Table(head, cells, left).text()


def _cell(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if value is None:
        return "-"
    return f"{value:,}" if isinstance(value, int) else str(value)
