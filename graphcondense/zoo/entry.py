"""What a zoo knows of a set, and the checked index of a folder of sets."""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import TypeAlias, TypeGuard

from graphcondense.ops.json import check_nest, read_json_file
from graphcondense.ops.types import Record

INDEX = "zoo.json"
FORMAT = 1
NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,99}")
"""What an entry may be called: its files are called so, too."""


Scores: TypeAlias = dict[str, dict[str, float | None]]
"""By model ``mean`` and ``std``."""


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
        edges: entries of ``edge_index``, of all relations.
        dtype: in which features are stored.
        licence, source: of the real data.
        command: what makes it, or nothing.
        scores: by model ``mean`` and ``std``, as the protocol says, ``std`` ``None`` of a single
            training; models that are not there were not measured.
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
    scores: Scores
    protocol: str
    notes: list[str]
    made_with: str


DTYPES = ("bfloat16", "float16", "float32", "float64")
"""What features may be stored in."""

MOST = 2**53
"""Of counts and bytes: whatever is larger is no file."""

HEADER = 8
"""Bytes that every file of safetensors begins with."""

_RANGES = {"bytes": (1, MOST), "nodes": (1, MOST), "edges": (0, MOST), "seed": (0, 2**64)}
"""The least of each number, and what is too much."""

_TYPES: dict[str, tuple[type, ...]] = {
    **{f.name: (str,) for f in fields(Entry)},
    **dict.fromkeys(("bytes", "nodes", "edges"), (int,)),
    "seed": (int, type(None)),
    "scores": (dict,),
    "notes": (list,),
}


_WORDS = {
    str: "a text",
    int: "a whole number",
    dict: "a mapping",
    list: "a list",
    type(None): "nothing",
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


def check_entry(entry: Entry, where: str) -> None:
    """Raise a ValueError that starts with ``where`` unless :func:`read_entries` would read it."""
    row = {k: v for k, v in asdict(entry).items() if k != "name"}
    _read(entry.name, row, where)
    try:
        check_nest(row)
    except ValueError as error:
        raise ValueError(f"{where}: {error}") from error


def _entry(name: str, row: object, path: Path) -> Entry:
    return _read(name, row, f"{path}: entry {name[:60]!r}")


def _read(name: str, row: object, where: str) -> Entry:
    check_name(name, where)
    if not isinstance(row, dict) or row.keys() != _TYPES.keys() - {"name"}:
        given = row.keys() if isinstance(row, dict) else set()
        odd = sorted(given ^ (_TYPES.keys() - {"name"}))
        raise ValueError(f"{where} has other fields than an entry has: {', '.join(odd)[:200]}")
    for field, value in row.items():
        if not isinstance(value, _TYPES[field]) or isinstance(value, bool):
            wanted = " or ".join(_WORDS[kind] for kind in _TYPES[field])
            raise ValueError(f"{where}: {field} cannot be {str(value)[:40]!r}: give {wanted}")
    for field, (least, most) in _RANGES.items():
        if row[field] is not None and not least <= row[field] < most:
            raise ValueError(
                f"{where}: {field} cannot be {str(row[field])[:40]!r}: it is {least} or more, and "
                f"below {most}"
            )
    if row["bytes"] < HEADER + row["nodes"] + row["edges"]:
        raise ValueError(
            f"{where}: bytes cannot be {row['bytes']}, which do not hold {row['nodes']} nodes and "
            f"{row['edges']} edges"
        )
    if row["dtype"] not in DTYPES:
        raise ValueError(
            f"{where}: dtype cannot be {row['dtype'][:40]!r}: it is one of {', '.join(DTYPES)}"
        )
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


def check_scores(scores: object, where: str) -> None:
    """Raise a ValueError that starts with ``where`` unless every model has ``mean`` and ``std``,
    both finite, and ``std`` not below 0 or ``None``."""
    if not isinstance(scores, Mapping):
        raise ValueError(
            f"{where}: give a mapping such as {{'GCN': {{'mean': 81.5, 'std': 0.4}}}}, got "
            f"{str(scores)[:60]}"
        )
    for model, row in scores.items():
        values = row if isinstance(row, Mapping) else {}
        mean, std = values.get("mean"), values.get("std")
        known = _is_number(std) or ("std" in values and std is None)
        if not (_is_number(mean) and known and len(values) == 2):
            raise ValueError(
                f"{where}: the score of {str(model)[:40]} must be {{'mean': ..., 'std': ...}}, std "
                f"None of a single training, got {str(row)[:60]}"
            )
        spread = 0.0 if std is None else std
        if not (_is_finite(mean) and _is_finite(spread) and spread >= 0):
            raise ValueError(
                f"{where}: the score of {str(model)[:40]} must be finite, and its std not below 0, "
                f"got {str(row)[:80]}"
            )


def score_text(row: Mapping[str, float | None], how: str = "") -> str:
    """A score with its spread, if one is known, both as the format ``how`` says.

    >>> score_text({"mean": 81.5, "std": 0.42}), score_text({"mean": 81.53, "std": None}, ".1f")
    ('81.5 ± 0.42', '81.5')
    """
    mean, std = row["mean"], row["std"]
    return format(mean, how) + ("" if std is None else f" ± {format(std, how)}")


def _is_number(value: object) -> TypeGuard[float]:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_finite(value: float) -> bool:
    return abs(value) <= 2**1023 and math.isfinite(value)


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
