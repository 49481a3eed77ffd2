"""Parts of a split of links, as PyG's transforms make them."""

from __future__ import annotations

from typing import Any

PARTS = ("edge_label_index", "pos_edge_label_index", "train_pos_edge_index")
"""What a part of a split of links has, as PyG's transforms name it."""


def parts_links(data: Any) -> str | None:
    """What says that this is a part of a split of links; of a heterogeneous graph, of any type."""
    stores = data.edge_stores if hasattr(data, "edge_types") else [data]
    found = (name for name in PARTS for one in stores if getattr(one, name, None) is not None)
    return next(found, None)


def refuse_part(data: Any) -> None:
    """Raise a ValueError for one part of a split of links, which looks like a graph whose nodes are
    labelled."""
    if (name := parts_links(data)) is not None:
        raise ValueError(
            f"the {type(data).__name__} has {name}: it is one part of a split of links. To predict "
            "links pass all three of RandomLinkSplit, (train, val, test); to predict labels of "
            "nodes pass the whole graph, without it"
        )
