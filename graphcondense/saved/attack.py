"""What a membership inference told of a saved graph, and how its card says it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from graphcondense.measured.works import kind_of_record, private_rows
from graphcondense.ops.json import read_json_file
from graphcondense.ops.markdown import code, escaped
from graphcondense.ops.tables import Table
from graphcondense.saved.checks import label_kind_of

FILE = "privacy.json"
"""What ``graphcondense privacy`` writes beside a set, see :func:`beside`."""

OUTSIDE = (
    "The attack used the real nodes themselves: its numbers are outside the account of epsilon. "
    "Leave them out of what is published under it."
)
"""What is said beside numbers of a set that was made under differential privacy."""

AUC = "attack AUC %"
"""The heading of the areas."""

PRIVATE_HEAD = ("epsilon", "measured on", AUC, "test accuracy %")


@dataclass(frozen=True)
class Attack:
    """The attacks on a set and on what stood beside it, as their table shows them.

    Attributes:
        head: headings of the table.
        rows: the first is of the set; the others are baselines.
        protocol: who was attacked, how, and how often.
        notes: who members and non-members are, and what the control is.
    """

    head: Sequence[str]
    rows: Sequence[Sequence[str]]
    protocol: str
    notes: Sequence[str]

    @property
    def sentence(self) -> str:
        """The areas in words."""
        at = self.head.index(AUC)
        areas = ", ".join(f"{row[0]} {row[at]}" for row in self.rows)
        return f"{self.protocol}. AUC in %, where 50 is a guess: {areas}."


def beside(path: Path) -> Path:
    """Where numbers of a set are: in a run's folder, or beside a file that may not be alone there.

    >>> beside(Path("run/condensed.safetensors")).name, beside(Path("all/shop.safetensors")).name
    ('privacy.json', 'shop.privacy.json')
    """
    return path.with_name(FILE if path.name == "condensed.safetensors" else f"{path.stem}.{FILE}")


def attacked(path: Path, hash_of: Callable[[], str]) -> Attack | None:
    """What the file :func:`beside` a set says of it; ``None`` where there is none.

    It must have a row of this very set alone: the mean over several, or a file that was left from
    another set, is not told of this one.

    Args:
        path: the set's ``.safetensors`` file.
        hash_of: gives its hash; called where the file is there.
    """
    file = beside(path)
    if not file.is_file():
        return None
    try:
        found = read_json_file(file)
        return _read(found, hash_of()) if isinstance(found, dict) else None
    except (ValueError, KeyError, TypeError, IndexError):
        return None  # nothing that the command wrote


def _read(found: Mapping[str, object], own: str) -> Attack | None:
    rows, table, notes = found["rows"], found["table"], found["notes"]
    if not (found.get("kind") == "Privacy" and isinstance(rows, list) and isinstance(table, list)):
        return None
    shown = dict(zip([row["label"] for row in rows], table[1:], strict=True))
    mine = [row for row in rows if row.get("hashes") == [own]]
    if len(mine) != 1 or not isinstance(notes, list):
        return None
    row = mine[0]
    kept = [row["label"], *(one["label"] for one in rows if one.get("hashes") == [])]
    cells = [[str(cell) for cell in shown[label]] for label in kept]
    head = [str(cell) for cell in table[0]]
    if AUC not in head or {len(line) for line in cells} != {len(head)}:
        return None
    seeds, settings = found["seeds"], found["settings"]
    if not (isinstance(seeds, list) and isinstance(settings, Mapping)):
        return None
    trainings = f"{len(seeds)} training{'' if len(seeds) == 1 else 's'}"
    return Attack(
        head,
        cells,
        f"Membership inference on a {found['model']}: {found['attack']} attack in "
        f"{found['folds']} folds, {row['members']} members and as many non-members, {trainings} of "
        f"{settings['epochs']} epochs (seed{'' if len(seeds) == 1 else 's'} "
        f"{', '.join(map(str, seeds))})",
        [str(note) for note in notes],
    )


def is_private(record: Mapping[str, object]) -> bool:
    """Whether a record says that its set was made under differential privacy."""
    return isinstance(record.get("privacy"), Mapping)


def attack_lines(path: Path, record: Mapping[str, object], found: Attack | None) -> Iterator[str]:
    """What the card of a graph says of who was trained on; nothing of other sets than one graph
    whose nodes have classes, which no command attacks."""
    if kind_of_record(record) != "node" or label_kind_of(record) != "classes":
        return
    private = is_private(record)
    yield from ("## Who was trained on", "")
    if found is None:
        # Data that were made in Python, or named by a relative path, have no name that a command
        # in this folder could open, and a record does not say which these are.
        run = "this folder" if path.name == "condensed.safetensors" else code(path.name)
        yield (
            "Membership inference: nothing is known here of an attack on this graph alone. "
            f"{code('graphcondense privacy RUN --data DATA')}, with {run} as RUN and the data it "
            "was made from as DATA, makes one and writes here what it told."
        )
    else:
        yield from (f"{escaped(found.protocol)}. An AUC of 50 % is a guess.", "")
        yield from (Table(found.head, found.rows).markdown(), "")
        for note in found.notes:
            yield f"* {escaped(note)}"
    yield ""
    if private and found is not None:
        yield from (OUTSIDE, "")
    rows = private_rows(str(record.get("method"))) if private else []
    if rows:
        yield (
            f"What {code(str(record['method']))} gives away and keeps at other epsilons, as the "
            "package's own results have it; not measured on this very graph:"
        )
        yield from ("", Table(PRIVATE_HEAD, rows).markdown(), "")
