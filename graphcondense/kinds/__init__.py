"""The kinds of data: what :func:`graphcondense.condense` has to know of each, one file a kind.

:data:`KINDS` is the only list of them. What other layers know of a kind is registered there under
its name: how data are recognised, checked and opened (:mod:`graphcondense.data.kinds`), methods and
evaluators.
"""

from __future__ import annotations

import torch

from graphcondense.data.kind import kind_of_data
from graphcondense.kinds.graph import GRAPH
from graphcondense.kinds.hetero import HETERO
from graphcondense.kinds.image import IMAGE
from graphcondense.kinds.kind import AnyProblem, Kind, Measured, Problem, Setting
from graphcondense.kinds.link import LINK
from graphcondense.kinds.node import NODE
from graphcondense.kinds.rows import ROWS

__all__ = [
    "KINDS",
    "AnyProblem",
    "Kind",
    "Measured",
    "Problem",
    "Setting",
    "import_evaluators",
    "kind_named",
    "problem_of",
]

KINDS: dict[str, Kind] = {kind.name: kind for kind in (NODE, GRAPH, IMAGE, ROWS, HETERO, LINK)}
"""Every kind of data that can be condensed, by name."""


def import_evaluators() -> None:
    """Import now what scores condensed sets, which takes seconds the first time."""
    import graphcondense.evaluate  # noqa: F401


def kind_named(name: str) -> Kind:
    """The kind of data of this name.

    >>> kind_named("rows").data.words
    'users by items'
    """
    if name not in KINDS:
        raise ValueError(f"unknown kind of data {name!r}; there are {', '.join(KINDS)}")
    return KINDS[name]


def problem_of(
    data: object,
    device: torch.device,
    setting: Setting,
    pseudo_labels: int | None = None,
    memory: int | str | None = None,
) -> AnyProblem:
    """The data as a run sees them: ``data`` in any form that :func:`graphcondense.condense` takes.

    ``setting``, ``pseudo_labels`` (nodes of each class to label by propagation) and ``memory`` (a
    limit, see :class:`graphcondense.run.options.Run`) are of node data.
    """
    kind = kind_named(kind_of_data(data))
    if pseudo_labels is not None and not kind.pseudo_labels:
        others = [other.data.words for other in KINDS.values() if other.pseudo_labels]
        raise ValueError(
            f"pseudo_labels={pseudo_labels} is for {' or '.join(others)}, and these are "
            f"{kind.name} data: leave it out"
        )
    return kind.problem(data, device, setting, pseudo_labels, memory)
