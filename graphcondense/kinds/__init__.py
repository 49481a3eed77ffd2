"""The kinds of data: what :func:`graphcondense.condense` has to know of each, one file a kind."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from graphcondense.kinds.kind import Domain, Measured, Setting

__all__ = ["Domain", "Measured", "Setting", "domain_of", "import_evaluators"]


def import_evaluators() -> None:
    """Import now what scores condensed sets, which takes seconds the first time."""
    import graphcondense.evaluate  # noqa: F401


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
    from graphcondense.data.kind import kind_of_data
    from graphcondense.kinds.graph import GraphDomain
    from graphcondense.kinds.image import ImageDomain
    from graphcondense.kinds.node import NodeDomain
    from graphcondense.kinds.rows import RowsDomain

    kind = kind_of_data(data)
    if kind == "node":
        return NodeDomain(data, device, setting, pseudo_labels)
    if pseudo_labels is not None:
        raise ValueError(
            f"pseudo_labels={pseudo_labels} is for one graph with labelled nodes, and these are "
            f"{kind} data: leave it out"
        )
    others: dict[str, Callable[..., Domain]] = {
        "graph": GraphDomain,
        "image": ImageDomain,
        "rows": RowsDomain,
    }
    return others[kind](data, device, setting)
