"""Published heterogeneous graphs by name, as OGB and PyG open them."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from graphcondense.data.hetero_reading import as_hetero
from graphcondense.data.hetero_task import HeteroTask
from graphcondense.data.known import Named
from graphcondense.data.ogb import load_ogb

if TYPE_CHECKING:
    from torch_geometric.data import HeteroData


def _open_ogb(known: Named, base: Path) -> HeteroTask:
    """With a way back for each relation, and citations both ways: papers hear of all types."""
    from torch_geometric.transforms import ToUndirected

    return as_hetero(ToUndirected()(load_ogb(known.name, base)), name=known.name)


def _open_single(known: Named, base: Path) -> HeteroTask:
    """A PyG data set with a class of its own, whose root is its own folder."""
    from torch_geometric import datasets

    data = getattr(datasets, known.family)(str(base / known.folder))[0]
    return as_hetero(data, name=known.name)


def _open_hgb(known: Named, base: Path) -> HeteroTask:
    """A set of the Heterogeneous Graph Benchmark, whose test labels are drawn at random (they are
    kept back), so that its training nodes alone have labels: they are parted anew."""
    from torch_geometric.datasets import HGBDataset

    folder = base / known.folder
    data: Any = HGBDataset(str(folder.parent), folder.name)[0]
    return as_hetero(_parted(data), name=known.name)


def _parted(data: HeteroData, seed: int = 0) -> HeteroData:
    """The labelled training nodes in three: 60 % to train, 20 % to validate, 20 % to test."""
    store = next(store for store in data.node_stores if "y" in store)
    nodes = store.train_mask.nonzero().flatten()
    rng = torch.Generator().manual_seed(seed)
    nodes = nodes[torch.randperm(len(nodes), generator=rng)]
    y = store.y.clone()
    y[~store.train_mask] = -1 if y.dim() == 1 else torch.nan
    store.y = y
    if y.dim() == 2:
        store.label_kind, store.metric = "binary", "f1"
    ends = [round(0.6 * len(nodes)), round(0.8 * len(nodes))]
    for split, part in zip(("train", "val", "test"), nodes.tensor_split(ends), strict=True):
        mask = torch.zeros(len(y), dtype=torch.bool)
        mask[part] = True
        store[f"{split}_mask"] = mask
    return data


_set = partial(Named, graphs=1, licence="see source")
_magnn = partial(_set, open=_open_single, splits=("public",), source="github.com/cynricfu/MAGNN")
_hgb = partial(
    _set, family="HGB", open=_open_hgb, splits=("seeded",), source="github.com/THUDM/HGB"
)

PUBLISHED: tuple[Named, ...] = (
    Named(
        name="ogbn-mag",
        family="OGB",
        folder="ogbn_mag",
        open=_open_ogb,
        graphs=1,
        nodes=1_939_743,
        classes=349,
        splits=("public",),
        source="ogb.stanford.edu",
        licence="ODC-BY",
        aliases=("mag",),
    ),
    _magnn(name="dblp-hetero", family="DBLP", folder="DBLP", nodes=26_128, classes=4),
    _magnn(
        name="imdb", family="IMDB", folder="IMDB", nodes=11_616, classes=3, aliases=("imdb-hetero",)
    ),
    _hgb(name="hgb-acm", folder="HGB/acm", nodes=10_942, classes=3, aliases=("acm",)),
    _hgb(name="hgb-dblp", folder="HGB/dblp", nodes=26_128, classes=4),
    _hgb(name="hgb-imdb", folder="HGB/imdb", nodes=21_420, classes=5, metric="f1"),
)
