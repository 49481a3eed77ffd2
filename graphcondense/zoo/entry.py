"""What a zoo knows of a set, and the checked index of a folder of sets."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from graphcondense.ops.json import read_json_file
from graphcondense.ops.types import Record

INDEX = "zoo.json"
FORMAT = 1
NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,99}")
"""What an entry may be called: its files are called so, too."""


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One condensed set of a zoo.

    Attributes:
        name: what it is called.
        sha256: of its file.
        bytes: of its file.
        data: the name of the data set that it was made of.
        method: what made it.
        seed: of the run; ``None`` where the record has none.
        nodes: condensed nodes (of other kinds graphs, images or users).
        edges: entries of ``edge_index``.
        dtype: in which features are stored.
        licence, source: of the real data.
        command: what makes it, or nothing.
        scores: by model ``mean`` and ``std``, as the protocol says; models that are not there were
            not measured.
        protocol: what the scores are.
        notes: what else there is to know.
        made_with: the package and its version.
    """

    name: str
    sha256: str
    bytes: int
    data: str
    method: str
    seed: int | None
    nodes: int
    edges: int
    dtype: str
    licence: str
    source: str
    command: str
    scores: dict[str, dict[str, float]]
    protocol: str
    notes: list[str]
    made_with: str


_TYPES: dict[str, tuple[type, ...]] = {
    **{f.name: (str,) for f in fields(Entry)},
    **dict.fromkeys(("bytes", "nodes", "edges"), (int,)),
    "seed": (int, type(None)),
    "scores": (dict,),
    "notes": (list,),
}


def read_entries(folder: Path) -> dict[str, Entry]:
    """The entries of a folder by name, in their order.

    Raises:
        ValueError: no index there, one of a later version, or an entry that is none.
    """
    path = folder / INDEX
    if not path.is_file():
        raise ValueError(f"{folder} is no zoo: it has no {INDEX}; push makes one")
    content = read_json_file(path)
    if not isinstance(content, dict) or not isinstance(content.get("entries"), dict):
        raise ValueError(f"{path} is no index of a zoo: it must have format and entries")
    if content.get("format") != FORMAT:
        raise ValueError(
            f"{path} has format {str(content.get('format'))[:20]}, this graphcondense reads "
            f"{FORMAT}: install a newer graphcondense"
        )
    return {name: _entry(name, row, path) for name, row in content["entries"].items()}


def _entry(name: str, row: object, path: Path) -> Entry:
    where = f"{path}: entry {name[:60]!r}"
    check_name(name, where)
    if not isinstance(row, dict) or row.keys() != _TYPES.keys() - {"name"}:
        given = row.keys() if isinstance(row, dict) else set()
        odd = sorted(given ^ (_TYPES.keys() - {"name"}))
        raise ValueError(f"{where} has other fields than an entry has: {', '.join(odd)[:200]}")
    for field, value in row.items():
        if not isinstance(value, _TYPES[field]) or isinstance(value, bool):
            raise ValueError(f"{where}: {field} cannot be {str(value)[:40]!r}")
    if not re.fullmatch("[0-9a-f]{64}", row["sha256"]):
        raise ValueError(f"{where}: sha256 cannot be {row['sha256'][:70]!r}")
    check_scores(row["scores"], where)
    if not all(isinstance(note, str) for note in row["notes"]):
        raise ValueError(f"{where}: notes must be texts")
    return Entry(name=name, **row)


def check_name(name: object, where: str) -> None:
    """Raise a ValueError that starts with ``where`` unless an entry can be called so."""
    if not isinstance(name, str) or not NAME.fullmatch(name):
        raise ValueError(
            f"{where}: {str(name)[:60]!r} is no name of a set: small letters, digits, '.', '_' and "
            "'-', a letter or digit first, such as 'cora-70'"
        )


def check_scores(scores: Mapping[str, object], where: str) -> None:
    """Raise a ValueError that starts with ``where`` unless every model has a mean and a spread."""
    for model, row in scores.items():
        whole = isinstance(row, Mapping) and row.keys() == {"mean", "std"}
        numbers = row.values() if whole and isinstance(row, Mapping) else [None]
        if not all(isinstance(v, int | float) and not isinstance(v, bool) for v in numbers):
            raise ValueError(
                f"{where}: the score of {str(model)[:40]} must be {{'mean': ..., 'std': ...}}, got "
                f"{str(row)[:60]}"
            )


def index_text(entries: Mapping[str, Entry]) -> str:
    """The index, an entry a line, so that a change is a small difference."""
    lines = []
    for name in sorted(entries, key=in_order):
        row: Record = {k: v for k, v in asdict(entries[name]).items() if k != "name"}
        lines.append(f"{json.dumps(name)}: {json.dumps(row, ensure_ascii=False)}")
    return f'{{"format": {FORMAT}, "entries": {{\n' + ",\n".join(lines) + "\n}}\n"


def in_order(name: str) -> list[tuple[bool, int, str]]:
    """Names as people sort them.

    >>> sorted(["cora-140", "cora-70-gecc", "cora-70"], key=in_order)
    ['cora-70', 'cora-70-gecc', 'cora-140']
    """
    parts = name.split("-")
    return [(not part.isdigit(), int(part) if part.isdecimal() else 0, part) for part in parts]


def hash_of(blob: bytes) -> str:
    """SHA-256 in hexadecimal digits."""
    return hashlib.sha256(blob).hexdigest()
