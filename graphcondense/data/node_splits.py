"""The splits that data state of their nodes: one rule for one graph and for heterogeneous ones."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor

from graphcondense.data.labels import overlap
from graphcondense.data.reading import mask

MASKS: Mapping[str, tuple[str, ...]] = {
    "train": ("train_mask",),
    "val": ("val_mask", "valid_mask"),  # OGB says valid
    "test": ("test_mask",),
}
"""What the mask of a split may be called, the usual name first."""

IDS = ("train_idx", "train_index", "split_idx")
"""Splits as ids of nodes. They are named and not read: what cuts a graph cuts its masks and leaves
ids as they are, so ids may speak of other nodes."""

DRAW = "torch_geometric.transforms.RandomNodeSplit(num_val=0.2, num_test=0.2)(data) draws masks"
"""In shares: by default PyG takes 1,500 nodes to validate and test, which may be all there are."""


def mask_name(said: Callable[[str], Any], split: str) -> str:
    """What the mask of a split is called; the usual name where there is none."""
    names = MASKS[split]
    return next((name for name in names if said(name) is not None), names[0])


def node_splits(said: Callable[[str], Any], n: int, owner: str) -> dict[str, Tensor]:
    """Ids of nodes by ``"train"``, ``"val"`` and ``"test"``, int64, disjoint; none where there is
    no mask. Of several splits ``[n, k]`` these are those of the first.

    Args:
        said: what data have under a name, ``None`` for nothing.
        n: nodes.
        owner: whose they are.

    Raises:
        ValueError: a mask that cannot be used; no training nodes; splits that share nodes.
    """
    out, called = dict[str, Tensor](), dict[str, str]()
    for split in MASKS:
        called[split] = mask_name(said, split)
        given = said(called[split])
        out[split] = torch.empty(0, dtype=torch.long)
        if given is not None:
            out[split] = mask(given, called[split], n, owner)[:, 0].nonzero().reshape(-1)
    if not len(out["train"]):
        raise ValueError(
            f"no training nodes: {owner}train_mask is missing or all False"
            f"{_ids(said, n, owner) or f'; {DRAW}'}"
        )
    if shared := overlap(out):
        a, b, number, first = shared
        raise ValueError(
            f"{owner}{called[a]} and {called[b]} overlap in {number} nodes (first: {first}); "
            "splits must be disjoint"
        )
    return out


def _ids(said: Callable[[str], Any], n: int, owner: str) -> str:
    """What to do with a split that is given as ids of nodes."""
    for name in IDS:
        if said(name) is not None:
            return (
                f"; {owner}{name} is not read: {owner}train_mask = "
                f"torch_geometric.utils.index_to_mask(ids, {n}), and so val_mask and test_mask"
            )
    return ""


def classifies(data: Any) -> bool:
    """Whether nodes of some type of a ``HeteroData`` have labels, or a training mask, by which they
    should have some."""
    return any(name in data[kind] for kind in data.node_types for name in ("y", "train_mask"))
