"""Data in and out: real graphs by name, checked tasks, condensed graphs as files.

>>> from graphcondense.data import datasets
>>> datasets()[0]["name"]
'cora'
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from graphcondense.data.catalogue import datasets, load
    from graphcondense.data.columns import Columns
    from graphcondense.data.foreign import open_small
    from graphcondense.data.graph_reading import as_graph_task
    from graphcondense.data.graph_task import GraphTask
    from graphcondense.data.graphs import degree_categories, load_graphs
    from graphcondense.data.hetero import load_hetero
    from graphcondense.data.hetero_reading import as_hetero
    from graphcondense.data.hetero_task import HeteroTask
    from graphcondense.data.image_sets import load_images
    from graphcondense.data.images import ImageTask, as_images
    from graphcondense.data.importing import import_condensed
    from graphcondense.data.interaction_reading import as_interactions
    from graphcondense.data.interactions import InteractionTask
    from graphcondense.data.link_reading import as_links, split_links
    from graphcondense.data.link_task import LinkTask
    from graphcondense.data.mapped import mapped_task
    from graphcondense.data.node_reading import as_task
    from graphcondense.data.ogb import load_ogb, open_ogb
    from graphcondense.data.preprocess import restore_preprocess
    from graphcondense.data.pseudo import pseudo_labelled
    from graphcondense.data.ratings import load_interactions
    from graphcondense.data.simulated import simulate
    from graphcondense.data.task import NodeTask
    from graphcondense.saved.condensed import load as load_condensed
    from graphcondense.saved.condensed import save as save_condensed
    from graphcondense.saved.condensed_dataset import CondensedDataset
    from graphcondense.saved.condensed_graph import CondensedGraph
    from graphcondense.saved.condensed_graphs import CondensedGraphs
    from graphcondense.saved.condensed_hetero import CondensedHetero
    from graphcondense.saved.condensed_rows import CondensedInteractions
    from graphcondense.saved.content import (
        assignment_matrix,
        graph_hash,
        mapping_matrix,
        tensor_bytes,
    )
    from graphcondense.saved.graph_set import GraphSet

__all__ = [
    "Columns",
    "CondensedDataset",
    "CondensedGraph",
    "CondensedGraphs",
    "CondensedHetero",
    "CondensedInteractions",
    "GraphSet",
    "GraphTask",
    "HeteroTask",
    "ImageTask",
    "InteractionTask",
    "LinkTask",
    "NodeTask",
    "as_graph_task",
    "as_hetero",
    "as_images",
    "as_interactions",
    "as_links",
    "as_task",
    "assignment_matrix",
    "datasets",
    "degree_categories",
    "graph_hash",
    "import_condensed",
    "load",
    "load_condensed",
    "load_graphs",
    "load_hetero",
    "load_images",
    "load_interactions",
    "load_ogb",
    "mapped_task",
    "mapping_matrix",
    "open_ogb",
    "open_small",
    "pseudo_labelled",
    "restore_preprocess",
    "save_condensed",
    "simulate",
    "split_links",
    "tensor_bytes",
]

# PyG takes seconds to import; nothing here is imported before it is asked for.
_HOME = {
    "Columns": ("columns", "Columns"),
    "CondensedDataset": ("graphcondense.saved.condensed_dataset", "CondensedDataset"),
    "CondensedGraph": ("graphcondense.saved.condensed_graph", "CondensedGraph"),
    "CondensedGraphs": ("graphcondense.saved.condensed_graphs", "CondensedGraphs"),
    "CondensedHetero": ("graphcondense.saved.condensed_hetero", "CondensedHetero"),
    "CondensedInteractions": ("graphcondense.saved.condensed_rows", "CondensedInteractions"),
    "GraphSet": ("graphcondense.saved.graph_set", "GraphSet"),
    "GraphTask": ("graph_task", "GraphTask"),
    "HeteroTask": ("hetero_task", "HeteroTask"),
    "ImageTask": ("images", "ImageTask"),
    "InteractionTask": ("interactions", "InteractionTask"),
    "LinkTask": ("link_task", "LinkTask"),
    "NodeTask": ("task", "NodeTask"),
    "as_graph_task": ("graph_reading", "as_graph_task"),
    "as_hetero": ("hetero_reading", "as_hetero"),
    "as_images": ("images", "as_images"),
    "as_interactions": ("interaction_reading", "as_interactions"),
    "as_links": ("link_reading", "as_links"),
    "as_task": ("node_reading", "as_task"),
    "assignment_matrix": ("graphcondense.saved.content", "assignment_matrix"),
    "datasets": ("catalogue", "datasets"),
    "degree_categories": ("graphs", "degree_categories"),
    "graph_hash": ("graphcondense.saved.content", "graph_hash"),
    "import_condensed": ("importing", "import_condensed"),
    "load": ("catalogue", "load"),
    "load_condensed": ("graphcondense.saved.condensed", "load"),
    "load_graphs": ("graphs", "load_graphs"),
    "load_hetero": ("hetero", "load_hetero"),
    "load_images": ("image_sets", "load_images"),
    "load_interactions": ("ratings", "load_interactions"),
    "load_ogb": ("ogb", "load_ogb"),
    "mapped_task": ("mapped", "mapped_task"),
    "mapping_matrix": ("graphcondense.saved.content", "mapping_matrix"),
    "open_ogb": ("ogb", "open_ogb"),
    "open_small": ("foreign", "open_small"),
    "pseudo_labelled": ("pseudo", "pseudo_labelled"),
    "restore_preprocess": ("preprocess", "restore_preprocess"),
    "save_condensed": ("graphcondense.saved.condensed", "save"),
    "simulate": ("simulated", "simulate"),
    "split_links": ("link_reading", "split_links"),
    "tensor_bytes": ("graphcondense.saved.content", "tensor_bytes"),
}


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module, attribute = _HOME[name]
    home = module if "." in module else f"{__name__}.{module}"
    return getattr(import_module(home), attribute)


def __dir__() -> list[str]:
    return __all__
