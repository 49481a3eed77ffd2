"""Condensed sets to save and open."""

from __future__ import annotations

import torch
from torch_geometric.data import Data

from graphcondense.data import GraphSet

RECORD = {
    "method": "gcond",
    "hyperparameters": {"steps": 5, "lr": {"x": 0.01, "adj": 0.02}},
    "data": {"name": "cora", "classes": 3},
    "seconds": None,
    "note": "a | b\nc",
}


def make(n: int = 6, m: int = 8, *, soft: bool = False, weight: bool = True, seed: int = 0) -> Data:
    rng = torch.Generator().manual_seed(seed)
    small = Data(
        x=torch.randn(n, 4, generator=rng),
        edge_index=torch.randint(n, (2, m), generator=rng),
        y=torch.rand(n, 3, generator=rng) if soft else torch.arange(n) % 3,
        train_mask=torch.ones(n, dtype=torch.bool),
    )
    if weight:
        small.edge_weight = torch.rand(m, generator=rng)
    small.condensed = RECORD
    return small


def same(a: Data, b: Data) -> bool:
    keys = [k for k in ("x", "edge_index", "edge_weight", "y", "train_mask") if k in a]
    return all(torch.equal(a[k], b[k]) and a[k].dtype == b[k].dtype for k in keys)


SIZES, EDGES = [3, 1, 4], [4, 0, 6]

GRAPHS_RECORD = {
    "method": "doscond",
    "data": {
        "name": "molecules",
        "classes": 3,
        "encoding": {"x": [[6, 8], [0, 1, 5]], "edge_attr": [[1, 2]]},
    },
}


def make_set(
    *, classes: bool = True, attr: bool = True, weight: bool = True, sizes=SIZES, edges=EDGES
) -> GraphSet:
    rng = torch.Generator().manual_seed(len(sizes))
    n, m = sum(sizes), sum(edges)
    node_ptr = torch.tensor([0, *sizes]).cumsum(0)
    own = [
        torch.randint(size, (2, count), generator=rng) + start
        for size, count, start in zip(sizes, edges, node_ptr.tolist(), strict=False)
    ]
    targets = torch.rand(len(sizes), 2, generator=rng)
    targets[0, 1] = float("nan")
    return GraphSet(
        x=torch.randn(n, 5, generator=rng),
        edge_index=torch.cat(own, 1),
        edge_attr=torch.randn(m, 2, generator=rng) if attr else None,
        node_ptr=node_ptr,
        edge_ptr=torch.tensor([0, *edges]).cumsum(0),
        y=torch.arange(len(sizes)) % 3 if classes else targets,
        node_weight=torch.rand(n, generator=rng) if weight else None,
    )


def fields_of(graphs: GraphSet) -> dict[str, torch.Tensor | None]:
    return {name: getattr(graphs, name) for name in graphs.__dataclass_fields__}


def same_set(a: GraphSet, b: GraphSet) -> bool:
    for p, q in zip(fields_of(a).values(), fields_of(b).values(), strict=True):
        if p is None or q is None:
            if p is not q:
                return False
        elif p.dtype != q.dtype or not torch.equal(p.nan_to_num(-7), q.nan_to_num(-7)):
            return False
    return True


def bags(n: int = 6, d: int = 40, filled: int = 3, seed: int = 0) -> Data:
    """A graph whose rows are bags of words: a few of many columns."""
    small = make(n, seed=seed)
    rng = torch.Generator().manual_seed(seed)
    small.x = torch.zeros(n, d)
    small.x.scatter_(1, torch.rand(n, d, generator=rng).topk(filled).indices, 0.25)
    return small


def change_set(**values) -> GraphSet:
    return GraphSet(**{**fields_of(make_set()), **values})
