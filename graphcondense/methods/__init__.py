"""One paper, one file; and how a method is found by its name.

The package is also what users call: ``graphcondense.methods()`` is the table of methods.

>>> import graphcondense
>>> [m["name"] for m in graphcondense.methods("rows")]
['distill-cf', 'head', 'random', 'svp']
"""

from __future__ import annotations

import contextlib
import importlib
import os
import pkgutil
import sys
from collections.abc import Iterator, Mapping, Sequence
from functools import cache, lru_cache
from importlib.metadata import entry_points
from typing import Any, overload

from graphcondense.core.method import REGISTRY, Method
from graphcondense.measured.figures import measurements
from graphcondense.measured.goals import Candidate, Ranked, ranking
from graphcondense.ops.callable_module import make_callable
from graphcondense.ops.markdown import Marked, code
from graphcondense.ops.names import near
from graphcondense.ops.tables import Table

ENTRY_POINTS = "graphcondense.methods"


def all_methods() -> dict[tuple[str, str], type[Method]]:
    """Every registered method by ``(name, kind)``: this package's and installed plug-ins'."""
    _load_own()
    _load_plugins(tuple(_places()))
    return dict(sorted(REGISTRY.items()))


@cache
def _load_own() -> None:
    for file in _files():
        importlib.import_module(f"{__name__}.{file}")


def _files() -> list[str]:
    return [module.name for module in pkgutil.iter_modules(__path__)]


def load(name: str) -> None:
    """Import the method of a name and its variants, where they are in a file of that name: all
    files together take longer than many a method."""
    for file in files_of(name):
        importlib.import_module(f"{__name__}.{file}")


def files_of(name: str) -> list[str]:
    """Files of this package that begin as a method's name does, or it as they.

    >>> files_of("gcond-x"), files_of("GC-SNTK")
    (['gcond'], ['gcsntk'])
    """
    short = _letters(name.lower())
    known = {file: _letters(file) for file in _files()}
    return [f for f, own in known.items() if own.startswith(short) or short.startswith(own)]


def _letters(name: str) -> str:
    return name.replace("-", "").replace("_", "")


@lru_cache(maxsize=1)
def _load_plugins(places: tuple[tuple[str, int], ...]) -> None:
    """Import installed plug-ins. It reads a file of every installed package (40 ms), so what is
    there is looked at again only where something has been installed since."""
    del places
    for point in entry_points(group=ENTRY_POINTS):
        point.load()


def _places() -> Iterator[tuple[str, int]]:
    """Folders that packages are imported from, and when something was last put there (ns)."""
    for folder in sys.path:
        with contextlib.suppress(OSError):
            yield folder, os.stat(folder or ".").st_mtime_ns


@overload
def methods(kind: str | None = None) -> list[dict[str, str]]: ...
@overload
def methods(kind: str | None = None, *, goal: str, data: str | None = None) -> list[Ranked]: ...
def methods(
    kind: str | None = None, *, goal: str | None = None, data: str | None = None
) -> list[dict[str, str]] | list[Ranked]:
    """The table of methods: name, kind of data, family, what it learns, cost, variants and paper.

    With a goal, the same methods and their variants ranked by what was measured of them.

    Args:
        kind: only methods for this kind of data.
        goal: one of :data:`~graphcondense.measured.goals.GOALS`: ``"fast"``, ``"accuracy"``,
            ``"transfer"``, ``"structure"``, ``"privacy"`` or ``"coarsen"``.
        data: with a goal: only what was measured on this data set.

    Raises:
        ValueError: an unknown kind or goal, data on which nothing was measured, or data without a
            goal.

    >>> [m["name"] for m in methods("rows")]
    ['distill-cf', 'head', 'random', 'svp']
    >>> [m["method"] for m in methods("rows", goal="accuracy")]
    ['distill-cf', 'random', 'svp', 'head']
    """
    if data is not None and goal is None:
        raise ValueError(f"data={data!r} narrows a goal: give goal=, such as goal='transfer'")
    if goal is not None:
        known = sorted({of for _, of in all_methods()})
        if kind not in (None, *known):
            raise ValueError(f"no methods for kind={kind!r}; there are {', '.join(known)}")
        return ranking(goal, candidates(), measurements(), kind=kind, data=data)
    return [
        {
            "name": name,
            "kind": of,
            "family": cls.family,
            "learns": cls.learns,
            "cost": cls.cost,
            "variants": ", ".join(cls.variants),
            "paper": cls.paper,
        }
        for (name, of), cls in all_methods().items()
        if kind in (None, of)
    ]


def candidates() -> list[Candidate]:
    """All methods and those of their variants that change a field, for a goal."""
    found = []
    for (name, kind), cls in all_methods().items():
        names = (name, *(variant for variant, fields in cls.variants.items() if fields))
        found += [Candidate(one, kind, name, cls.assigns) for one in names]
    return found


def markdown(rows: Sequence[Mapping[str, str]]) -> str:
    """The table of :func:`methods` in Markdown, as README has it.

    >>> print(markdown(methods("rows")).splitlines()[0])
    | name | kind | family | learns | cost | paper |
    """
    columns = ("kind", "family", "learns", "cost", "paper")
    cells = [
        [
            Marked(", ".join(code(n) for n in (row["name"], *row["variants"].split(", ")) if n)),
            *(row[name] or "-" for name in columns),
        ]
        for row in rows
    ]
    return Table(("name", *columns), cells).markdown()


def find_method(name: str, kind: str | None = None) -> tuple[type[Method], dict[str, Any]]:
    """The class behind a name or variant, and the fields the variant sets.

    Args:
        name: such as ``"gcond"`` or ``"gcond-x"``; case does not matter.
        kind: of data; needed only where a paper has forms for several.

    Raises:
        ValueError: an unknown name, with the nearest known ones.

    >>> find_method("gcond-x", "node")[1]["structure"]
    'identity'
    """
    wanted = name.lower().replace("_", "-")
    load(wanted)
    if (found := _imported(wanted, kind)) is not None:
        return found
    every = all_methods().items()
    if (found := _imported(wanted, kind)) is not None:
        return found
    known = {n for (main, of), c in every if kind in (None, of) for n in (main, *c.variants)}
    alike = near(wanted, known, like=0.4) or sorted(known)
    data = f" for {kind} data" if kind else ""
    others = [of for (_, of), c in every if wanted in (c.name, *c.variants)]
    if kind and others:
        raise ValueError(
            f"unknown method {name!r}{data}: it is for {' and '.join(others)} data; for {kind} "
            f"data there are {', '.join(sorted(known)) or 'none'}"
        )
    raise ValueError(
        f"unknown method {name!r}{data}; did you mean {', '.join(alike)}? A method of your own "
        "has to be imported first, or named with --plugin FILE on the command line"
    )


def _imported(wanted: str, kind: str | None) -> tuple[type[Method], dict[str, Any]] | None:
    """What :func:`find_method` returns, of the methods that have been imported."""
    for (main, of), cls in sorted(REGISTRY.items()):
        spelled = {main: {}, **cls.variants}
        if kind in (None, of) and wanted in spelled:
            return cls, dict(spelled[wanted])
    return None


make_callable(__name__, methods)
