"""The scripts of ``benchmarks/`` as modules; they are no package."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType

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
