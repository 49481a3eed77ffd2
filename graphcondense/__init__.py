"""Condense a large data set into a tiny synthetic one that trains the same models.

>>> import graphcondense
>>> data = graphcondense.data.load("digits")
>>> small = graphcondense.condense(data, "herding", nodes=50, seed=0)
>>> tuple(small.x.shape), small.condensed["budget"]["of_labelled"]
((50, 64), 0.25)
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

from graphcondense.saved.shown import Artist, drawn_by
from graphcondense.version import __version__ as __version__

if TYPE_CHECKING:
    from graphcondense import core, data, report, sklearn, transforms, uses, zoo
    from graphcondense.core.method import Method
    from graphcondense.data.hub import export
    from graphcondense.evaluate import evaluate
    from graphcondense.methods import methods
    from graphcondense.run import condense, update
    from graphcondense.saved.condensed import load, save
    from graphcondense.saved.condensed_dataset import CondensedDataset
    from graphcondense.transforms import Condense
    from graphcondense.uses.advice import advise


# Nothing is imported until it is asked for: PyG alone takes seconds.
_HOME = {
    "CondensedDataset": "graphcondense.saved.condensed_dataset",
    "load": "graphcondense.saved.condensed",
    "save": "graphcondense.saved.condensed",
    "Method": "graphcondense.core.method",
    "condense": "graphcondense.run",
    "export": "graphcondense.data.hub",
    "Condense": "graphcondense.transforms",
    "advise": "graphcondense.uses.advice",
    "update": "graphcondense.run",
}
_MODULES = (
    *("core", "data", "evaluate", "methods", "report", "sklearn", "transforms", "uses", "zoo"),
)
__all__ = [
    "Condense",
    "CondensedDataset",
    "Method",
    "advise",
    "condense",
    "core",
    "data",
    "evaluate",
    "export",
    "load",
    "methods",
    "report",
    "save",
    "sklearn",
    "transforms",
    "update",
    "uses",
    "zoo",
]


def _artist() -> Artist:
    from graphcondense import notebook

    return notebook


drawn_by(_artist)


def __getattr__(name: str) -> object:
    if name in _MODULES:
        return importlib.import_module(f"graphcondense.{name}")
    if name in _HOME:
        value = getattr(importlib.import_module(_HOME[name]), name)
        globals()[name] = value
        return value
    raise AttributeError(f"module 'graphcondense' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
