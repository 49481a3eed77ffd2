"""What pictures of condensed sets share: titles from their records, and a place for the legend."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeAlias

Record: TypeAlias = Mapping[str, object]
LEGEND: Record = {"loc": "outside right center", "frameon": False, "handletextpad": 0.1}


def made_by(record: Record) -> str:
    """A picture's title: the method and the data."""
    made, data = record.get("method", "condensed"), inside(record, "data").get("name")
    return f"{made} on {data}" if data else f"{made}"


def inside(record: Record, *names: str) -> Record:
    """A mapping inside a record; empty where the record has none."""
    for name in names:
        found = record.get(name)
        record = found if isinstance(found, Mapping) else {}
    return record
