"""Amounts of memory as people write them."""

from __future__ import annotations

import math
import re

UNITS = {"": 1, **{u: 1000**i for i, u in enumerate("kmgt", 1)}}
UNITS |= {f"{u}b": n for u, n in UNITS.items()}
UNITS |= {f"{u}ib": 1024**i for i, u in enumerate("kmgt", 1)}
"""What one unit of a size has in bytes, in small letters."""


def size_of(text: int | str) -> int:
    """Bytes of a size as people write it: ``GB`` is 10^9 bytes, ``GiB`` 2^30.

    Raises:
        ValueError: no size above zero.

    >>> size_of("4GB"), size_of("1.5 MiB"), size_of(4096)
    (4000000000, 1572864, 4096)
    """
    found = re.fullmatch(r"\s*(\d+(?:\.\d*)?)\s*([a-z]*)\s*", str(text).lower())
    if found is None or found[2] not in UNITS or float(found[1]) * UNITS[found[2]] < 1:
        raise ValueError(f"{text!r} is no size; write '4GB', '500MiB', or a number of bytes")
    return int(float(found[1]) * UNITS[found[2]])


def is_size(text: object) -> bool:
    """Whether :func:`size_of` can read it.

    >>> is_size("4GB"), is_size("four"), is_size(True)
    (True, False, False)
    """
    try:
        return isinstance(text, int | str) and not isinstance(text, bool) and size_of(text) > 0
    except ValueError:
        return False


def said(size: float) -> str:
    """A size for people, with enough digits to be given back.

    >>> said(4_000_000_000), said(1234), said(19_592_233)
    ('4GB', '1.3KB', '19.6MB')
    """
    for unit, one in (("TB", 1e12), ("GB", 1e9), ("MB", 1e6), ("KB", 1e3)):
        if size >= one:
            return f"{math.ceil(size / one * 10) / 10:g}{unit}"  # never below what is needed
    return f"{size:g}B"
