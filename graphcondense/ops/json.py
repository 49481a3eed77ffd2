"""JSON that somebody else may have written: read in bounded time, or refused in words."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from graphcondense.ops.types import Record

DEPTH = 64
"""Lists and mappings inside one another, at most: nothing of ours has ten."""

MEMBERS = 1_000_000
"""Values in a document, at most."""


def read_json(text: str | bytes, where: object) -> object:
    """The value of a JSON document; a message calls it ``where``.

    Raises:
        ValueError: no JSON, a name that a mapping has twice, a number that no float holds, text
            that is no Unicode, or a document that :func:`check_nest` refuses.

    >>> read_json('{"a": [1, null]}', "here")
    {'a': [1, None]}
    >>> read_json('{"a": 1, "a": 2}', "here")
    Traceback (most recent call last):
    ValueError: cannot read here: the name 'a' is there twice
    """
    try:
        value: object = json.loads(text, object_pairs_hook=_once, parse_int=_integer)
        check_nest(value)
    except RecursionError:
        raise ValueError(f"cannot read {where}: {_deep()}") from None
    except ValueError as error:
        raise ValueError(f"cannot read {where}: {str(error)[:200]}") from error
    return value


def read_json_file(path: Path) -> object:
    """The value of a file of JSON; a ValueError names the file where it cannot be read."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ValueError(f"cannot read {path}: {error}") from error
    return read_json(_decoded(content, path), path)


def read_json_lines(path: Path) -> list[Record]:
    """The mappings of a file that has one a line.

    A last line that was cut short when its writer was stopped does not count, if others do.

    Raises:
        ValueError: any other line that is no mapping; names the file and the line.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ValueError(f"cannot read {path}: {error}") from error
    *lines, torn = _decoded(content, path).split("\n")
    rows = []
    for number, line in enumerate(lines, 1):
        row = read_json(line, f"{path}, line {number}")
        if not isinstance(row, dict):
            raise ValueError(f"{path}, line {number}, is no mapping; take the line out")
        rows.append(row)
    try:
        last = read_json(torn, f"{path}, line {len(lines) + 1}") if torn else None
    except ValueError:
        if not rows:
            raise
        last = None
    return [*rows, last] if isinstance(last, dict) else rows


def _decoded(content: bytes, path: Path) -> str:
    try:
        return content.decode()
    except UnicodeDecodeError as error:
        raise ValueError(f"{path} is no text in UTF-8 ({error})") from error


def check_nest(value: object) -> None:
    """Raise a ValueError for a nest that is too deep or too large, or holds what UTF-8 cannot."""
    layer: list[object] = [value]
    count = 0
    for _ in range(DEPTH + 1):
        below: list[object] = []
        for one in layer:
            if isinstance(one, str):
                _check_text(one)
            elif isinstance(one, dict):
                for name in one:
                    _check_text(str(name))
                below += one.values()
            elif isinstance(one, Sequence):
                below += one
            # An alias of YAML is one value here and many where it is written out.
            if count + len(below) > MEMBERS:
                raise ValueError(f"it has more than {MEMBERS:,} values")
        count += len(below)
        layer = below
        if not layer:
            return
    raise ValueError(_deep())


def _deep() -> str:
    return f"lists or mappings are nested deeper than {DEPTH}"


def _once(pairs: list[tuple[str, object]]) -> dict[str, object]:
    out: dict[str, object] = {}
    for name, value in pairs:
        if name in out:
            raise ValueError(f"the name {name[:40]!r} is there twice")
        out[name] = value
    return out


def _integer(digits: str) -> int:
    if len(digits) > 300 or math.isinf(float(digits)):
        raise ValueError(f"a number of {len(digits)} digits")
    return int(digits)


def _check_text(text: str) -> None:
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise ValueError(f"the text {text[:40]!r} is no Unicode") from error
