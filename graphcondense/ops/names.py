"""Names in messages: which known ones were meant, and which article a model has."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


def near(name: object, known: Iterable[str], most: int = 3, like: float = 0.6) -> list[str]:
    """The known names that are most like one, best first; case does not matter.

    Args:
        name: what was given.
        known: the names that there are.
        most: how many are returned, at most.
        like: how much alike they have to be, from 0 to 1
            (:meth:`difflib.SequenceMatcher.ratio`).

    >>> near("gni", ["GCN", "GIN"], like=0.3), near("zzz", ["GCN", "GIN"])
    (['GIN', 'GCN'], [])
    """
    names = {one.lower(): one for one in known}
    found = difflib.get_close_matches(str(name).lower(), names, n=most, cutoff=like)
    return [names[one] for one in found]


def meant(
    name: object, known: Iterable[str], otherwise: str = "", *, most: int = 3, like: float = 0.6
) -> str:
    """A question after the known names that are most like one; ``otherwise`` where none is.

    The arguments are those of :func:`near`.

    >>> meant("epoch", ["epochs", "seed"]), meant("zzz", ["epochs"], "leave it out")
    ('did you mean epochs?', 'leave it out')
    """
    found = near(name, known, most, like)
    return f"did you mean {', '.join(found)}?" if found else otherwise


def nearest(name: object, known: Iterable[str]) -> str:
    """The known name that is most like one, as the end of an error; nothing where none is.

    >>> nearest("gni", ["GCN", "GIN"]), nearest("zzz", ["GCN", "GIN"])
    ('; did you mean GIN?', '')
    """
    hint = meant(name, known, most=1, like=0.3)
    return f"; {hint}" if hint else ""


def with_article(name: str) -> str:
    """A model with its article, by how its name is said: letters without a vowel are spelled out.

    >>> [with_article(name) for name in ("GCN", "EASE", "MLP", "SAGE", "LightGCN", "iALS")]
    ['a GCN', 'an EASE', 'an MLP', 'a SAGE', 'a LightGCN', 'an iALS']
    """
    spelled = name.isupper() and not set(name) & {*"AEIOUY"}
    vowel = name[:1].upper() in {*("AEFHILMNORSX" if spelled else "AEIO")}
    return f"{'an' if vowel else 'a'} {name}"
