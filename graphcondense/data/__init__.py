"""Data in and out: real graphs by name, checked node tasks, condensed graphs as files.

>>> from graphcondense.data import datasets
>>> datasets()[0]["name"]
'cora'
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from graphcondense.data.condensed import CondensedDataset, graph_hash, tensor_bytes
    from graphcondense.data.condensed import load as load_condensed
    from graphcondense.data.condensed import save as save_condensed
    from graphcondense.data.foreign import open_small
    from graphcondense.data.nodes import datasets, load
    from graphcondense.data.ogb import load_ogb, open_ogb
    from graphcondense.data.task import NodeTask, as_task

__all__ = [
    "CondensedDataset",
    "NodeTask",
    "as_task",
    "datasets",
    "graph_hash",
    "load",
    "load_condensed",
    "load_ogb",
    "open_ogb",
    "open_small",
    "save_condensed",
    "tensor_bytes",
]

# PyG takes seconds to import; nothing here is imported before it is asked for.
_HOME = {
    "CondensedDataset": ("condensed", "CondensedDataset"),
    "NodeTask": ("task", "NodeTask"),
    "as_task": ("task", "as_task"),
    "datasets": ("nodes", "datasets"),
    "graph_hash": ("condensed", "graph_hash"),
    "load": ("nodes", "load"),
    "load_condensed": ("condensed", "load"),
    "load_ogb": ("ogb", "load_ogb"),
    "open_ogb": ("ogb", "open_ogb"),
    "open_small": ("foreign", "open_small"),
    "save_condensed": ("condensed", "save"),
    "tensor_bytes": ("condensed", "tensor_bytes"),
}


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module, attribute = _HOME[name]
    return getattr(import_module(f"{__name__}.{module}"), attribute)


def __dir__() -> list[str]:
    return __all__
