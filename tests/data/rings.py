"""Small labelled graphs, rings, and how they are compared."""

from __future__ import annotations

import torch
from torch import Tensor
from torch_geometric.data import Data, InMemoryDataset

from graphcondense.data import GraphSet

INPUTS = ("x", "edge_index", "edge_attr", "y", "node_weight")


def ring(n: int, y, *, d: int = 3, e: int = 2, seed: int = 0, integer: bool = False) -> Data:
    """A directed ring; a single node has no edge."""
    rng = torch.Generator().manual_seed(seed)
    ids = torch.arange(n)
    edges = torch.stack([ids, (ids + 1) % n]) if n > 1 else torch.empty(2, 0, dtype=torch.long)
    m = edges.shape[1]
    x = torch.randint(5, (n, d), generator=rng)
    attr = torch.randint(4, (m, e), generator=rng)
    return Data(
        x=x if integer else x.float() / 7,
        edge_index=edges,
        edge_attr=attr if integer else attr.float() / 3,
        y=y,
    )


def rings(kind: str = "classes", count: int = 12, **options) -> list[Data]:
    third = [1.0, float("nan"), 0.0, float("nan")]
    label = {
        "classes": lambda i: i % 3,
        "binary": lambda i: torch.tensor([[float(i % 2)]]),
        "tasks": lambda i: torch.tensor([[i % 2, 1 - i % 2, third[i % 4]]]),
        "regression": lambda i: torch.tensor([[i / 3]]),
    }[kind]
    return [ring(1 + i % 5, label(i), seed=i, **options) for i in range(count)]


def split(count: int = 12) -> dict[str, Tensor]:
    index = torch.arange(count)
    return {"train": index[: count - 4], "valid": index[count - 4 : -2], "test": index[-2:]}


class Stored(InMemoryDataset):
    """Graphs in PyG's collated storage, as its data sets have them."""

    def __init__(self, graphs: list[Data], transform=None) -> None:
        super().__init__(None, transform)
        self.data, self.slices = self.collate(graphs)


def same(a: GraphSet, b: GraphSet) -> bool:
    names = (*INPUTS, "node_ptr", "edge_ptr")
    pairs = [(getattr(a, n), getattr(b, n)) for n in names]
    return all(
        p is q is None or (p.dtype == q.dtype and p.shape == q.shape and p.equal(q))
        if p is None or q is None or not p.is_floating_point()
        else p.dtype == q.dtype and torch.equal(p.nan_to_num(-7), q.nan_to_num(-7))
        for p, q in pairs
    )
