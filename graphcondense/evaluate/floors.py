"""The floors that a condensed graph has to beat: real nodes, by number or by bytes."""

from __future__ import annotations

from itertools import zip_longest
from typing import Any

import numpy as np
import torch
from torch import Generator, Tensor

from graphcondense.data.task import NodeTask, as_task
from graphcondense.evaluate.cost import size_of
from graphcondense.evaluate.nodes import read_labelled
from graphcondense.ops.select import choose_herding


def random_subgraph(real: Any, small: Any, seed: int) -> NodeTask:
    """As many random training nodes of each class as ``small`` has, and the edges between them.

    A class of which the real graph has fewer training nodes gives all of them.
    """
    task = as_task(real)
    _, _, _, targets = read_labelled(small, task)
    classes = targets if targets.dim() == 1 else targets.argmax(1)
    counts = torch.bincount(classes, minlength=task.num_classes).tolist()
    generator = torch.Generator().manual_seed(seed)
    order = task.train[torch.randperm(len(task.train), generator=generator)]
    chosen = [order[task.y[order] == c][:count] for c, count in enumerate(counts)]
    return task.subgraph(torch.cat(chosen), name="random")


def equal_bytes_graphs(real: Any, small: Any, draws: int = 3) -> dict[str, list[NodeTask]]:
    """Real graphs that are stored in at most the bytes of ``small``, as large as they can be.

    Nodes enter in an order until the bytes are spent, with the edges between them: the training
    nodes first, at random or by herding on ``Â² X`` with the classes in turn; once all are in, the
    nodes around them, nearest first and otherwise at random, which a GNN reads without their
    labels. Bytes are those of the compact form, features sparse where that is smaller.

    Args:
        real: the whole graph, anything :func:`~graphcondense.data.task.as_task` takes.
        small: the graph whose bytes count.
        draws: random orders; herding is one more graph of its own.

    Raises:
        ValueError: not even one training node fits.
    """
    task, budget = as_task(real), size_of(small).bytes
    out: dict[str, list[NodeTask]] = {"random, same bytes": [], "herding, same bytes": []}
    for draw in range(draws):
        rng = torch.Generator().manual_seed(draw)
        labelled = task.train[torch.randperm(len(task.train), generator=rng)]
        nodes = torch.cat([labelled, _around(task, rng)])
        out["random, same bytes"].append(_largest(task, nodes, budget, "random, same bytes"))
    rng = torch.Generator().manual_seed(0)
    nodes = torch.cat([_herded(task), _around(task, rng)])
    out["herding, same bytes"].append(_largest(task, nodes, budget, "herding, same bytes"))
    return out


def _largest(task: NodeTask, order: Tensor, budget: int, name: str) -> NodeTask:
    """The longest prefix of ``order`` that fits, by bisection: bytes grow with every node."""
    low, high = 0, task.num_nodes
    while low < high:
        middle = (low + high + 1) // 2
        fits = size_of(task.subgraph(order[:middle])).bytes <= budget
        low, high = (middle, high) if fits else (low, middle - 1)
    if not low:
        raise ValueError(f"{task.name}: not even one node fits into {budget:,} bytes")
    return task.subgraph(order[:low], name=name)


def _around(task: NodeTask, rng: Generator) -> Tensor:
    """All nodes without a training label, by their distance in hops, at random within one."""
    far = task.num_nodes
    hops = np.full(task.num_nodes, far)
    reached = np.zeros(task.num_nodes, dtype=np.float32)
    hops[task.train.numpy()], reached[task.train.numpy()] = 0, 1
    hop = 0
    while True:
        hop += 1
        reached = ((task.adj @ reached + reached) > 0).astype(np.float32)
        new = (reached > 0) & (hops == far)
        if not new.any():
            break
        hops[new] = hop
    shuffled = torch.randperm(task.num_nodes, generator=rng)
    order = shuffled[torch.from_numpy(hops)[shuffled].argsort(stable=True)]
    return order[torch.from_numpy(hops)[order] > 0]


def _herded(task: NodeTask) -> Tensor:
    """The training nodes, the classes in turn, each in the order of herding."""
    x = task.gcn_adj @ (task.gcn_adj @ task.x_array)
    rng = torch.Generator()  # herding draws nothing
    by_class = []
    for c in range(task.num_classes):
        own = task.train[task.y[task.train] == c]
        rows = x[own.numpy()]
        dense = torch.from_numpy(np.asarray(rows.todense() if hasattr(rows, "todense") else rows))
        by_class.append(own[choose_herding(dense, len(own), rng)].tolist())
    return torch.tensor([n for turn in zip_longest(*by_class) for n in turn if n is not None])
