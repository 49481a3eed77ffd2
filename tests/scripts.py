"""The scripts of ``benchmarks/`` as modules; they are no package."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

from graphcondense.ops.fleet import Done

BENCHMARKS = Path(__file__).resolve().parents[1] / "benchmarks"


@contextmanager
def benchmarks(*names: str) -> Iterator[tuple[ModuleType, ...]]:
    """Import scripts inside a ``with`` block, in this order; after it nothing of the folder stays
    imported, nor a change of ``sys.path``."""
    before = list(sys.path)
    sys.path.insert(0, str(BENCHMARKS))
    try:
        yield tuple(importlib.import_module(name) for name in names)
    finally:
        sys.path[:] = before
        for name, module in list(sys.modules.items()):
            file = getattr(module, "__file__", None)
            if file is not None and BENCHMARKS in Path(file).parents:
                del sys.modules[name]


class InTurn:
    """A :class:`~graphcondense.ops.fleet.Fleet` without Ray: tasks in this process, of whose items
    the keys are kept; one with an item called "killed" ends with its worker."""

    def __init__(self) -> None:
        self.tasks: list[list[str]] = []

    def __enter__(self) -> InTurn:
        return self

    def __exit__(self, *error: object) -> None:
        pass

    def each(
        self, function: Callable[[Mapping[str, Any]], Any], items: Mapping[str, Mapping[str, Any]]
    ) -> Iterator[tuple[str, Done[Any]]]:
        for key, item in items.items():
            self.tasks.append([*item])
            killed = "killed" in item
            yield key, Done(why="its worker was killed") if killed else Done(function(item))
