"""One paper, one file; and how a method is found by its name.

The package is also what users call: ``graphcondense.methods()`` is the table of methods.

>>> import graphcondense
>>> [m["name"] for m in graphcondense.methods("rows")]
['distill-cf', 'head', 'random', 'svp']
"""

from __future__ import annotations

import difflib
import importlib
import pkgutil
from collections.abc import Mapping, Sequence
from importlib.metadata import entry_points
from typing import Any

from graphcondense.core.method import REGISTRY, Method
from graphcondense.ops.callable_module import make_callable
from graphcondense.ops.tables import Table

ENTRY_POINTS = "graphcondense.methods"


def all_methods() -> dict[tuple[str, str], type[Method]]:
    """Every registered method by ``(name, kind)``: this package's and installed plug-ins'."""
    for module in pkgutil.iter_modules(__path__, f"{__name__}."):
        importlib.import_module(module.name)
    for point in entry_points(group=ENTRY_POINTS):
        point.load()
    return dict(sorted(REGISTRY.items()))


def methods(kind: str | None = None) -> list[dict[str, str]]:
    """The table of methods: name, kind of data, family, what it learns, cost, variants and paper.

    Args:
        kind: only methods for this kind of data.

    >>> [m["name"] for m in methods("rows")]
    ['distill-cf', 'head', 'random', 'svp']
    """
    return [
        {
            "name": name,
            "kind": cls.kind,
            "family": cls.family,
            "learns": cls.learns,
            "cost": cls.cost,
            "variants": ", ".join(cls.variants),
            "paper": cls.paper,
        }
        for (name, _), cls in all_methods().items()
        if kind in (None, cls.kind)
    ]


def markdown(rows: Sequence[Mapping[str, str]]) -> str:
    """The table of :func:`methods` in Markdown, as README has it.

    >>> print(markdown(methods("rows")).splitlines()[0])
    | name | kind | family | learns | cost | paper |
    """
    columns = ("kind", "family", "learns", "cost", "paper")
    cells = [
        [
            ", ".join(f"`{n}`" for n in (row["name"], *row["variants"].split(", ")) if n),
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
    wanted, known = name.lower().replace("_", "-"), set[str]()
    for (main, _), cls in all_methods().items():
        if kind not in (None, cls.kind):
            continue
        spelled = {main: {}, **cls.variants}
        known |= set(spelled)
        if wanted in spelled:
            return cls, dict(spelled[wanted])
    near = difflib.get_close_matches(wanted, known, n=3, cutoff=0.4) or sorted(known)
    data = f" for {kind} data" if kind else ""
    others = [c.kind for c in all_methods().values() if wanted in (c.name, *c.variants)]
    if kind and others:
        raise ValueError(
            f"unknown method {name!r}{data}: it is for {' and '.join(others)} data; for {kind} "
            f"data there are {', '.join(sorted(known)) or 'none'}"
        )
    raise ValueError(
        f"unknown method {name!r}{data}; did you mean {', '.join(near)}? A method of your own "
        "has to be imported first, or named with --plugin FILE on the command line"
    )


make_callable(__name__, methods)
