"""Small data of every kind, with classes that can be learnt."""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp
import torch
from torch import Tensor
from torch_geometric.data import Data, HeteroData


def toy_graph(seed: int = 0, n: int = 120, classes: int = 3, d: int = 12) -> Data:
    """A graph with classes that features and edges both tell, all splits non-empty."""
    rng = torch.Generator().manual_seed(seed)
    y = torch.arange(n) % classes
    x = torch.randn(n, d, generator=rng) + 1.5 * torch.eye(classes, d)[y]
    close = torch.where(y[:, None] == y, 0.12, 0.02)
    upper = (torch.rand(n, n, generator=rng) < close).triu(1)
    edges = (upper | upper.T).nonzero().T.contiguous()
    part = torch.randperm(n, generator=rng)
    masks = [torch.zeros(n, dtype=torch.bool) for _ in range(3)]
    for mask, own in zip(masks, part.split([n // 2, n // 4, n - n // 2 - n // 4]), strict=True):
        mask[own] = True
    train, val, test = masks
    return Data(x=x, edge_index=edges, y=y, train_mask=train, val_mask=val, test_mask=test)


def toy_images(seed: int = 0, n: int = 90, classes: int = 3) -> tuple[Tensor, Tensor]:
    """8 x 8 images of a bright row whose height is the class."""
    rng = torch.Generator().manual_seed(seed)
    y = torch.arange(n) % classes
    x = 0.2 * torch.rand(n, 1, 8, 8, generator=rng)
    x[torch.arange(n), 0, 2 * y + 1] += 0.8
    return x, y


def toy_graphs(seed: int = 0, n: int = 60) -> list[Data]:
    """Paths, rings and stars of three to seven nodes, with features of nodes and edges.

    The first graph is a single node.
    """
    rng = torch.Generator().manual_seed(seed)
    graphs = []
    for i in range(n):
        c, size = i % 3, int(torch.randint(3, 8, (), generator=rng)) if i else 1
        last, nodes = max(size - 1, 0), torch.arange(size)
        one_way = {
            0: torch.stack([nodes[:-1], nodes[1:]]),
            1: torch.stack([nodes, nodes.roll(-1)]),
            2: torch.stack([torch.zeros(last, dtype=torch.long), nodes[1:]]),
        }[c]
        edges = torch.cat([one_way, one_way.flip(0)], 1)
        x = torch.randn(size, 5, generator=rng) + torch.eye(3, 5)[c]
        attr = torch.rand(one_way.shape[1], 2, generator=rng).repeat(2, 1)
        graphs.append(Data(x=x, edge_index=edges, edge_attr=attr, y=torch.tensor([c])))
    return graphs


def toy_hetero(seed: int = 0, n: int = 120, classes: int = 3, d: int = 12) -> HeteroData:
    """Papers with classes, their authors, who have other features, and venues, which have none."""
    rng = torch.Generator().manual_seed(seed)

    def drawn(high: int, size: tuple[int, ...]) -> Tensor:
        return torch.randint(high, size, generator=rng)

    y = torch.arange(n) % classes
    out = HeteroData()
    means = torch.randn(classes, d, generator=rng)
    out["paper"].x = means[y] + torch.randn(n, d, generator=rng)
    out["paper"].y = y
    part = torch.rand(n, generator=rng)
    splits = {"train": part < 0.5, "val": (part >= 0.5) & (part < 0.7), "test": part >= 0.75}
    for split, mask in splits.items():
        out["paper"][f"{split}_mask"] = mask
    authors, venues = n // 2, 6
    of = drawn(authors // classes, (3 * n,)) * classes  # mostly of a class of their own
    paper = drawn(n, (3 * n,))
    author = torch.where(
        torch.rand(3 * n, generator=rng) < 0.8, of + y[paper], drawn(authors, (1,))
    )
    out["author"].x = torch.randn(authors, 5, generator=rng)
    out["venue"].num_nodes = venues
    venue = (y + classes * drawn(2, (n,))) % venues
    written = torch.stack([author, paper])
    out["author", "writes", "paper"].edge_index = written
    out["paper", "rev_writes", "author"].edge_index = written.flip(0)
    out["paper", "in", "venue"].edge_index = torch.stack([torch.arange(n), venue])
    out["venue", "rev_in", "paper"].edge_index = torch.stack([venue, torch.arange(n)])
    out["paper", "cites", "paper"].edge_index = drawn(n, (2, 2 * n))
    return out


def toy_rows(seed: int = 0, users: int = 60, items: int = 40) -> sp.csr_matrix:
    """Users who mostly take items of their own third."""
    rng = np.random.default_rng(seed)
    own = np.arange(users)[:, None] % 3 == np.arange(items)[None] % 3
    return sp.csr_matrix((rng.random((users, items)) < np.where(own, 0.6, 0.1)).astype(np.float32))
