"""GraphLand's graphs by name: numbers and categories as features, classes or numbers as targets.

Bazhenov et al., GraphLand: Evaluating Graph Machine Learning Models on Diverse Industrial Data,
arXiv 2409.14500. PyG's ``GraphLandDataset`` reads and prepares them; as published, it fits its
transforms of features on all nodes.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from graphcondense.data.known import Named

if TYPE_CHECKING:
    from torch_geometric.data import Data

SPLITS = ("RL", "RH", "TH")
"""The published splits in the order in which ``seed`` picks them: random, 10 / 10 / 80 %; random,
50 / 25 / 25 %; by time, 50 / 25 / 25 %, where nodes have times."""

FORMS = {
    "multiclass_classification": ("classes", "accuracy"),
    "binary_classification": ("binary", "ap"),
    "regression": ("regression", "r2"),
}
"""What labels are, and the paper's score, by PyG's word for the task."""


def open_graphland(known: Named, base: Path) -> Data:
    """A graph of GraphLand with all of its published splits, masks ``[n, k]``; numbers to predict
    are in their own units.

    Raises:
        ValueError: a file of a split that has other columns, or another number of nodes.
    """
    from torch_geometric.datasets import GraphLandDataset

    opened = GraphLandDataset(
        str(base), known.folder, split=SPLITS[0], regression_targets_transform=None
    )
    data = opened[0]
    data.label_kind, data.metric = FORMS[opened.task]
    if data.label_kind == "classes":
        data.y = data.y.nan_to_num(-1).long()
    labelled = ~data.y.isnan() if data.y.is_floating_point() else data.y >= 0
    folder = base / known.folder / "raw" / known.folder
    masks: dict[str, list[Tensor]] = {part: [data[f"{part}_mask"]] for part in _PARTS}
    for split in SPLITS[1:]:
        path = folder / f"split_masks_{split}.csv"
        if path.is_file():
            for part, mask in _masks(path, len(labelled)).items():
                masks[part].append(mask & labelled)
    for part, columns in masks.items():
        data[f"{part}_mask"] = torch.stack(columns, 1)
    return data


_PARTS = ("train", "val", "test")


def _masks(path: Path, n: int) -> dict[str, Tensor]:
    """The masks ``[n]`` of a file of a split."""
    import pandas as pd

    table = pd.read_csv(path, index_col=0)
    if not set(_PARTS) <= set(table.columns) or len(table) != n:
        raise ValueError(
            f"{path} must have the columns train, val and test for {n:,} nodes, got "
            f"{', '.join(map(str, table.columns))[:80]} for {len(table):,}"
        )
    return {part: torch.from_numpy(np.array(table[part], dtype=bool)) for part in _PARTS}


_SETS = (
    ("hm-categories", 46_563, None, "accuracy"),
    ("pokec-regions", 1_632_803, None, "accuracy"),
    ("web-topics", 2_890_331, None, "accuracy"),
    ("tolokers-2", 11_758, 1, "ap"),
    ("city-reviews", 148_801, 1, "ap"),
    ("artnet-exp", 50_405, 1, "ap"),
    ("web-fraud", 2_890_331, 1, "ap"),
    ("hm-prices", 46_563, 1, "r2"),
    ("avazu-ctr", 76_269, 1, "r2"),
    ("city-roads-M", 57_073, 1, "r2"),
    ("city-roads-L", 142_257, 1, "r2"),
    ("twitch-views", 168_114, 1, "r2"),
    ("artnet-views", 50_405, 1, "r2"),
    ("web-traffic", 2_890_331, 1, "r2"),
)
"""Name, nodes, tasks (not told of classes) and score, as PyG and the paper list them."""

GRAPHLAND = tuple(
    Named(
        name=f"graphland-{name}",
        family="GraphLand",
        folder=name,
        open=open_graphland,
        source="zenodo.org/records/16895532",
        licence="see source",
        graphs=1,
        nodes=nodes,
        classes=classes,
        metric=metric,
        splits=("public",),
    )
    for name, nodes, classes, metric in _SETS
)
