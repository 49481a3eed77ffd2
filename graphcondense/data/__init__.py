"""Data in and out: real graphs by name, checked tasks, condensed graphs as files.

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
    from graphcondense.data.condensed_graphs import CondensedGraphs
    from graphcondense.data.foreign import open_small
    from graphcondense.data.graph_task import GraphSet, GraphTask, as_graph_task
    from graphcondense.data.graphs import degree_categories, load_graphs
    from graphcondense.data.nodes import datasets, load
    from graphcondense.data.ogb import load_ogb, open_ogb
    from graphcondense.data.task import NodeTask, as_task

__all__ = [
    "CondensedDataset",
    "CondensedGraphs",
    "GraphSet",
    "GraphTask",
    "NodeTask",
    "as_graph_task",
    "as_task",
    "datasets",
    "degree_categories",
    "graph_hash",
    "load",
    "load_condensed",
    "load_graphs",
    "load_ogb",
    "open_ogb",
    "open_small",
    "save_condensed",
    "tensor_bytes",
]

# PyG takes seconds to import; nothing here is imported before it is asked for.
_HOME = {
    "CondensedDataset": ("condensed", "CondensedDataset"),
    "CondensedGraphs": ("condensed_graphs", "CondensedGraphs"),
    "GraphSet": ("graph_task", "GraphSet"),
    "GraphTask": ("graph_task", "GraphTask"),
    "NodeTask": ("task", "NodeTask"),
    "as_graph_task": ("graph_task", "as_graph_task"),
    "as_task": ("task", "as_task"),
    "datasets": ("nodes", "datasets"),
    "degree_categories": ("graphs", "degree_categories"),
    "graph_hash": ("condensed", "graph_hash"),
    "load": ("nodes", "load"),
    "load_condensed": ("condensed", "load"),
    "load_graphs": ("graphs", "load_graphs"),
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
