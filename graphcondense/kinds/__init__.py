"""The kinds of data: what :func:`graphcondense.condense` has to know of each, one file a kind."""

from __future__ import annotations

from typing import Any

import torch

from graphcondense.kinds.kind import Domain, Measured, Setting

__all__ = ["Domain", "Measured", "Setting", "domain_of"]


def domain_of(
    data: Any, device: torch.device, setting: Setting, pseudo_labels: int | None = None
) -> Domain:
    """Which kind of data this is.

    Args:
        data: what users pass to :func:`graphcondense.condense`.
        device: where batches go.
        setting: of node data, ``"transductive"`` or ``"inductive"``.
        pseudo_labels: of node data, nodes of each class to label by propagation; by default none.

    Raises:
        ValueError: none that this package condenses, or options of another kind.
    """
    from graphcondense.data.graph_task import GraphTask
    from graphcondense.data.images import is_images
    from graphcondense.data.task import NodeTask, is_dataset, labels_nodes
    from graphcondense.kinds.graph import GraphDomain
    from graphcondense.kinds.image import ImageDomain
    from graphcondense.kinds.node import NodeDomain
    from graphcondense.kinds.rows import RowsDomain, is_rows

    domain: Domain | None = None
    if is_images(data):
        domain = ImageDomain(data, device, setting)
    elif is_rows(data):
        domain = RowsDomain(data, device, setting)
    # PyG's data sets answer to `.x` too: they come before what has one.
    elif isinstance(data, GraphTask) or (is_dataset(data) and not labels_nodes(data)):
        domain = GraphDomain(data, device, setting)
    if domain is not None:
        if pseudo_labels is not None:
            raise ValueError(
                f"pseudo_labels={pseudo_labels} is for one graph with labelled nodes, and these "
                f"are {domain.kind} data: leave it out"
            )
        return domain
    if isinstance(data, NodeTask) or is_dataset(data) or hasattr(data, "x"):
        return NodeDomain(data, device, setting, pseudo_labels)
    raise ValueError(
        f"cannot condense a {type(data).__name__}; pass a PyG Data, a list or data set of graphs, "
        "(images [n, c, h, w], labels [n]), or users by items (a SciPy matrix, HeteroData or frame)"
    )
