"""Graphs whose nodes have several labels, numbers as targets or a probability for each class, and
what condenses them."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch_geometric.data import Data

import graphcondense
from graphcondense.methods import all_methods

KINDS = ("tasks", "task", "numbers", "number", "soft")
LABELS = {
    **{"tasks": "binary", "task": "binary", "numbers": "regression", "number": "regression"},
    "soft": "soft",
}
ABLE = sorted(
    name
    for (name, kind), cls in all_methods().items()
    if kind == "node" and {"binary", "regression", "soft"} <= {*cls.label_kinds}
)
LEARN = {"gcond", "doscond", "gcdm"}
VARIANTS = ("gcond-x", "doscond-x", "gcdm-x")


def labels_of(x: Tensor, kind: str, level: float, holes: float, rng: torch.Generator) -> Tensor:
    """Labels ``[n, T]`` that follow the features; of soft ones a row without a label is whole."""
    columns = 3 if kind in ("tasks", "numbers", "soft") else 1
    said = x @ torch.randn(x.shape[1], columns, generator=rng)
    if kind == "soft":
        lacking = torch.rand(len(x), 1, generator=rng) < holes
        return said.softmax(1).masked_fill(lacking, torch.nan)
    y = (said > level).float() if LABELS[kind] == "binary" else 3 * said + 10
    if holes:
        y = torch.where(torch.rand(y.shape, generator=rng) < holes, torch.nan, y)
    return y


def targets_graph(kind: str, holes: float = 0.0, n: int = 60) -> Data:
    """A random graph whose labels follow the features."""
    rng = torch.Generator().manual_seed(5)
    x = torch.randn(n, 6, generator=rng)
    y = labels_of(x, kind, 0.3, holes, rng)
    order = torch.randperm(n, generator=rng)
    parts = {"train": order[:30], "val": order[30:45], "test": order[45:]}
    masks = {f"{k}_mask": torch.zeros(n).index_fill(0, v, 1).bool() for k, v in parts.items()}
    data = Data(x=x, edge_index=torch.randint(n, (2, 200), generator=rng), y=y, **masks)
    data.label_kind = LABELS[kind]
    return data


def made(data: Any, name: str, **options: Any) -> Any:
    if name.split("-")[0] in LEARN:
        options = {"epochs": 2, "validations": 0, **options}
    return graphcondense.condense(data, name, progress=False, **{"nodes": 10, **options})
