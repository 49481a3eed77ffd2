"""Which kind of data something is: the one rule of Python and of the command line."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import scipy.sparse as sp

DataKind = Literal["node", "graph", "image", "rows"]


def kind_of_data(data: Any) -> DataKind:
    """``"node"``, ``"graph"``, ``"image"`` or ``"rows"``.

    In this order: images are what :func:`~graphcondense.data.images.is_images` says; users by items
    a SciPy matrix, a mapping of ``train``, ``val`` and ``test``, a data frame, a bipartite
    ``HeteroData`` without labels or an
    :class:`~graphcondense.data.interactions.InteractionTask`; a list or data set is a set of
    graphs, but a single graph in it that labels its nodes is one graph, as is what has features
    ``x``.

    Raises:
        ValueError: none that this package condenses, or what may be one or the other; says what to
            pass instead.

    >>> kind_of_data(sp.eye(3).tocsr()), kind_of_data(([[0.0]], [1]))
    ('rows', 'image')
    """
    from torch_geometric.data import Batch

    from graphcondense.data.graph_task import GraphTask
    from graphcondense.data.images import is_images
    from graphcondense.data.task import NodeTask, check_has_length, is_dataset, labels_nodes

    if isinstance(data, GraphTask):
        return "graph"
    if isinstance(data, NodeTask):
        return "node"
    if is_images(data):
        return "image"
    if is_rows(data):
        _check_no_labels(data)
        return "rows"
    if isinstance(data, Batch):
        raise ValueError(
            f"a Batch of {data.num_graphs:,} graphs may be one graph or many: pass "
            "batch.to_data_list() for a set of graphs, Data(**batch.to_dict()) for one"
        )
    # PyG's data sets answer to `.x` too: they come before what has one.
    if is_dataset(data):
        check_has_length(data)
        return "node" if labels_nodes(data) else "graph"
    if hasattr(data, "x"):
        return "node"
    inside = ": pass its data set (.dataset)" if hasattr(data, "dataset") else ""
    inside = inside or (": pass list(...) of it" if hasattr(data, "__next__") else "")
    raise ValueError(
        f"cannot condense a {type(data).__name__}{inside}; pass a PyG Data, a list or data "
        "set of graphs, (images [n, c, h, w], labels [n]), or users by items (a SciPy matrix, "
        "HeteroData or frame)"
    )


def is_rows(data: Any) -> bool:
    """Whether this looks like users by items, in one of the forms that are understood."""
    from graphcondense.data.interactions import InteractionTask

    split = isinstance(data, Mapping) and {"train", "val", "test"} <= set(data)
    frame = hasattr(data, "columns") and hasattr(data, "to_numpy")
    return (
        isinstance(data, InteractionTask)
        or sp.issparse(data)
        or split
        or frame
        or hasattr(data, "edge_types")
    )


def _check_no_labels(data: Any) -> None:
    """A labelled ``HeteroData`` is no users by items, though it may have such edges."""
    if not hasattr(data, "edge_types"):
        return
    labelled = [kind for kind in data.node_types if "y" in data[kind]]
    if labelled:
        raise ValueError(
            f"a HeteroData with labelled nodes ({labelled[0]!r} has y) may be a graph to classify "
            "or users by items: pass data.to_homogeneous() (edge types are then one) for the "
            "first, graphcondense.data.as_interactions(data, edge_type=...) for the second"
        )
