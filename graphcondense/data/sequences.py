"""Whether a PyG data set is one graph with labelled nodes, or a set of graphs."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from graphcondense.data.raw import is_raw


def is_graph(data: object) -> bool:
    """Whether ``data`` are one graph, or a data set of one whose nodes are labelled.

    A ``Batch`` may be one graph or many: a ValueError says what to pass for each.
    """
    from torch_geometric.data import Batch

    if isinstance(data, Batch):
        raise ValueError(
            f"a Batch of {data.num_graphs:,} graphs may be one graph or many: pass "
            "batch.to_data_list() for a set of graphs, Data(**batch.to_dict()) for one"
        )
    # PyG's data sets answer to `.x` too: they come before what has one.
    return labels_nodes(data) if is_dataset(data) else hasattr(data, "x") or is_raw(data)


def is_dataset(data: object) -> bool:
    """Whether ``data`` is a sequence of graphs, such as a PyG dataset or a list of ``Data``."""
    # PyG's data sets answer to `.x` too, past their transform: ask for the type.
    return isinstance(data, list | tuple | torch.utils.data.Dataset) and not is_raw(data)


def only(data: Any) -> Any:
    """The graph of a data set of one, such as PyG's ``OGB_MAG(root)``; all else as it is."""
    one = is_dataset(data) and hasattr(data, "__len__") and len(data) == 1
    return data[0] if one else data


def may_be_graphs(data: Any) -> bool:
    """Whether ``data`` is a sequence whose first element is no array, number or text."""
    if not is_dataset(data):
        return False
    check_has_length(data)
    return not (len(data) and isinstance(data[0], _NO_GRAPH))


_NO_GRAPH = (torch.Tensor, np.ndarray, np.generic, int, float, str, list, tuple)


def check_has_length(data: object) -> None:
    """Refuse a data set that can only be read from front to back: it may be endless."""
    if not hasattr(data, "__len__") or isinstance(data, torch.utils.data.IterableDataset):
        raise ValueError(
            f"the data set {type(data).__name__} can only be read from front to back; pass "
            "list(dataset) if it ends"
        )


def labels_nodes(data: Any) -> bool:
    """Whether a data set is one graph whose label, if it has one, is not the graph's own."""
    check_has_length(data)
    if len(data) != 1:
        return False
    y, nodes = getattr(data[0], "y", None), getattr(data[0], "num_nodes", None)
    several = isinstance(y, list) or getattr(y, "ndim", 0) > 0
    return y is None or (several and len(y) == nodes)
