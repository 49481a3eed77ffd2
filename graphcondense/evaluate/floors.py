"""The floors that a condensed set has to beat: real examples, by number or by bytes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from itertools import zip_longest
from typing import TYPE_CHECKING

import numpy as np
import scipy.sparse as sp
import torch
from torch import Generator, Tensor

from graphcondense.data.graph_reading import as_graph_task
from graphcondense.data.hetero_parts import cut
from graphcondense.data.hetero_task import HeteroTask
from graphcondense.data.images import LABEL_BYTES, ImageTask
from graphcondense.data.interactions import InteractionTask
from graphcondense.data.node_reading import as_task
from graphcondense.data.small_graph import read_labelled
from graphcondense.data.task import NodeTask
from graphcondense.evaluate.cost import size_of
from graphcondense.evaluate.graph_reading import read_graphs
from graphcondense.evaluate.hetero_reading import SmallHetero
from graphcondense.evaluate.image_reading import as_stored, raw_images
from graphcondense.ops.fields import Natural, check_each
from graphcondense.ops.select import choose_herding
from graphcondense.saved.graph_set import GraphSet
from graphcondense.saved.shown import record_of

if TYPE_CHECKING:
    from torch_geometric.data import Data


def shuffled(examples: Tensor, seed: int) -> Tensor:
    """Indices ``[n]`` in the random order of a seed."""
    rng = torch.Generator().manual_seed(seed)
    return examples[torch.randperm(len(examples), generator=rng)]


def refuse_small(name: str, what: str, needed: int, budget: int) -> None:
    """Raise a ValueError if not even one random example fits into the budget."""
    if needed > budget:
        raise ValueError(
            f"{name}: a random {what} of {needed:,} bytes does not fit into the {budget:,} of the "
            "condensed set"
        )


def of_each(order: Tensor, groups: Tensor, counts: Tensor) -> Tensor:
    """The first of ``order [n]`` of each group, as many as ``counts`` says, all if there are fewer.

    >>> of_each(torch.tensor([7, 5, 9]), torch.tensor([0, 1, 0]), torch.tensor([1, 4])).tolist()
    [7, 5]
    """
    chosen = [order[groups == c][:count] for c, count in enumerate(counts.tolist())]
    return torch.cat(chosen)


def longest(most: int, fits: Callable[[int], bool]) -> int:
    """The largest count up to ``most`` that fits, by bisection: bytes grow with every example."""
    low, high = 0, most
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if fits(middle) else (low, middle - 1)
    return low


def random_subgraph(real: object, small: object, seed: int) -> NodeTask:
    """As many random training nodes of each class (see
    :attr:`~graphcondense.data.targets.Labelled.groups`) as ``small`` has, and the edges between
    them.

    A class of which the real graph has fewer training nodes gives all of them.

    Args:
        real: the real graph, anything :func:`~graphcondense.data.as_task` takes.
        small: a condensed graph.
        seed: draws the nodes.
    """
    task = as_task(real)
    _, _, _, targets = read_labelled(small, task)
    groups = task.group_of(targets)
    counts = torch.bincount(groups[groups >= 0], minlength=task.num_groups)
    order = shuffled(task.train, seed)
    return task.subgraph(of_each(order, task.groups[order], counts), name="random")


def draws_of(random_draws: object, used: bool, instead: str) -> int:
    """How many random sets are drawn: by default 3, and none where nothing ``used`` them.

    Args:
        random_draws: what the user asked for; ``None`` is open, 0 asks for none.
        used: whether there is a baseline of random sets.
        instead: what would make the number count, for the message.

    Raises:
        ValueError: a number that is none, or that cannot act.

    >>> draws_of(None, True, ""), draws_of(0, True, ""), draws_of(None, False, "")
    (3, 0, 0)
    >>> draws_of(5, False, "name 'random' in baselines=")
    Traceback (most recent call last):
    ValueError: random_draws=5 cannot act, no random sets are asked for: name 'random' in \
baselines=, or leave it out
    """
    (draws,) = check_each(random_draws=(random_draws, Natural | None))
    if draws and not used:
        raise ValueError(
            f"random_draws={draws} cannot act, no random sets are asked for: {instead}, or leave "
            "it out"
        )
    return int(used and (3 if draws is None else draws))


def equal_bytes_graphs(real: object, small: object, draws: int = 3) -> dict[str, list[NodeTask]]:
    """Real graphs that are stored in at most the bytes of ``small``, as large as they can be.

    The training nodes enter first, at random or by herding on ``Â² X`` with the classes in turn;
    then the nodes around them, nearest first, without their labels. Bytes are those of the compact
    form, features sparse where that is smaller.

    Args:
        real: the whole graph, anything :func:`~graphcondense.data.as_task` takes.
        small: the graph whose bytes count.
        draws: random orders; herding is one more.

    Raises:
        ValueError: not even one training node fits.
    """
    task, budget = as_task(real), size_of(small).bytes
    return {
        "random, same bytes": [nodes_within(task, budget, draw) for draw in range(draws)],
        "herding, same bytes": [herded_within(task, budget)],
    }


def nodes_within(task: NodeTask, budget: int, seed: int) -> NodeTask:
    """Random nodes that are stored in ``budget`` bytes, see :func:`equal_bytes_graphs`."""
    rng = torch.Generator().manual_seed(seed)
    labelled = task.train[torch.randperm(len(task.train), generator=rng)]
    nodes = torch.cat([labelled, nodes_around(task, rng)])
    return _largest(task, nodes, budget, "random, same bytes")


def herded_within(task: NodeTask, budget: int) -> NodeTask:
    """The same by herding."""
    nodes = torch.cat([_herded(task), nodes_around(task, torch.Generator().manual_seed(0))])
    return _largest(task, nodes, budget, "herding, same bytes")


def _largest(task: NodeTask, order: Tensor, budget: int, name: str) -> NodeTask:
    """The longest prefix of ``order`` that fits."""
    count = longest(task.num_nodes, lambda n: size_of(task.subgraph(order[:n])).bytes <= budget)
    if not count:
        raise ValueError(f"{task.name}: not even one node fits into {budget:,} bytes")
    return task.subgraph(order[:count], name=name)


def nodes_around(task: NodeTask, rng: Generator) -> Tensor:
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
    x = torch.from_numpy(task.propagate(2, task.train.numpy()))
    rng = torch.Generator()  # herding draws nothing
    by_class = []
    groups = task.groups[task.train]
    for c in range(task.num_groups):
        own = groups == c
        nodes = task.train[own]
        by_class.append(nodes[choose_herding(x[own], len(nodes), rng)])
    return in_turn(by_class)


def in_turn(orders: Sequence[Tensor]) -> Tensor:
    """The first of each order, then the second of each, and so on.

    >>> in_turn([torch.tensor([7, 5, 9]), torch.tensor([1])]).tolist()
    [7, 1, 5, 9]
    """
    turns = zip_longest(*(order.tolist() for order in orders))
    return torch.tensor([n for turn in turns for n in turn if n is not None])


def random_graphs(real: object, small: object, seed: int) -> GraphSet:
    """As many random training graphs of each of
    :attr:`~graphcondense.data.graph_task.GraphTask.groups` as ``small`` has, all if there are
    fewer.

    Args:
        real: the real graphs, anything :func:`~graphcondense.data.as_graph_task` takes.
        small: condensed graphs.
        seed: draws the graphs.
    """
    task = as_graph_task(real)
    wanted = task.group_of(read_graphs(small, task).y)
    counts = torch.bincount(wanted[wanted >= 0], minlength=task.num_groups)
    order = shuffled(task.train, seed)
    return task.graphs.select(of_each(order, task.groups[order], counts))


def random_within(real: object, budget: int, seed: int) -> GraphSet:
    """Random training graphs, as many as are stored in ``budget`` bytes."""
    task = as_graph_task(real)
    graphs, order = task.graphs, shuffled(task.train, seed)
    refuse_small(task.name, "graph", graphs.select(order[:1]).bytes, budget)
    count = longest(len(order), lambda n: graphs.select(order[:n]).bytes <= budget)
    return graphs.select(order[:count])


def random_images(real: ImageTask, small: object, seed: int) -> Data:
    """As many random training images of each class as ``small`` *stores*.

    A set that makes many images of few numbers is given as many real ones as take its bytes in
    float32, in proportion to the classes, one of each at least. A class of fewer training images
    gives all of them.
    """
    _, y = raw_images(small)
    classes = y if y.dim() == 1 else y.argmax(1)
    counts = torch.bincount(classes, minlength=real.num_classes)
    stored = record_of(small).get("stored_images")
    if stored is not None and stored < len(y):
        scaled = (counts * (float(stored) / len(y))).round().long()
        counts = torch.where(counts > 0, scaled.clamp_min(1), counts)
    order = shuffled(real.train, seed)
    chosen = of_each(order, real.labels[order], counts)
    return as_stored(real.images[chosen], real.labels[chosen])


def images_within(real: ImageTask, budget: int, seed: int) -> Data:
    """Random training images, the classes in turn, as many as are stored in ``budget`` bytes.

    Where pixels are whole 255ths, as files have them, a pixel counts one byte, else four.
    """
    order = shuffled(real.train, seed)
    labels = real.labels[order]
    turn = torch.empty_like(order)
    for c in range(real.num_classes):
        turn[labels == c] = torch.arange(int((labels == c).sum()))
    order = order[turn.argsort(stable=True)]
    one = real.images[0].numel() * _pixel_bytes(real.images[order[:100]]) + LABEL_BYTES
    refuse_small(real.name, "image", one, budget)
    chosen = order[: budget // one]
    found = as_stored(real.images[chosen], real.labels[chosen])
    found.condensed = {"bytes": len(chosen) * one}
    return found


def _pixel_bytes(images: Tensor) -> int:
    """Bytes a pixel, as a file would store these images."""
    scaled = images * 255
    whole = bool(((scaled - scaled.round()).abs() < 1e-3).all())
    return 1 if whole and float(images.min()) >= 0 and float(images.max()) <= 1 else 4


def random_users(real: InteractionTask, count: int, seed: int) -> sp.csr_matrix:
    """Training rows of ``count`` random users, all if there are fewer."""
    return real.train[_users(real, seed)[:count]]


def users_within(real: InteractionTask, budget: int, seed: int) -> sp.csr_matrix:
    """Training rows of random users, as many as are stored in ``budget`` bytes."""
    order = _users(real, seed)
    item = real.train.indices.itemsize + (0 if (real.train.data == 1).all() else 4)
    sizes = np.cumsum(item * real.train.getnnz(1)[order])
    refuse_small(real.name, "user", int(sizes[0]), budget)
    return real.train[order[: int((sizes <= budget).sum())]]


def _users(real: InteractionTask, seed: int) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    return shuffled(torch.arange(real.num_users), seed).numpy()


def random_hetero(real: HeteroTask, small: SmallHetero, seed: int) -> HeteroTask:
    """Random training nodes of each class (see
    :attr:`~graphcondense.data.targets.Labelled.groups`), as many as ``small`` has, and as many
    nodes of other types, at random among those that they touch, with the relations between them."""
    groups = real.group_of(small.y[small.rows])
    counts = torch.bincount(groups[groups >= 0], minlength=real.num_groups)
    order = shuffled(real.train, seed)
    nodes = of_each(order, real.groups[order], counts)
    return hetero_subgraph(real, nodes, small.graph.counts, seed)


def hetero_within(real: HeteroTask, budget: int, seed: int) -> HeteroTask:
    """Random training nodes and the same share of other types, as many as are stored in ``budget``
    bytes."""
    order = shuffled(real.train, seed)

    def first(n: int) -> HeteroTask:
        return hetero_subgraph(real, order[:n], real.sizes_of(n), seed)

    refuse_small(real.name, "node", first(1).size[2], budget)
    return first(max(1, longest(len(order), lambda n: first(max(n, 1)).size[2] <= budget)))


def hetero_subgraph(
    real: HeteroTask, nodes: Tensor, counts: Mapping[str, int], seed: int
) -> HeteroTask:
    """The subgraph of these target nodes, which are all trained on, and of random nodes of other
    types, see :func:`~graphcondense.data.hetero_parts.cut`."""
    rng = torch.Generator().manual_seed(seed)
    graph = cut(real, nodes, counts, rng)
    every, none = torch.arange(len(nodes)), nodes[:0]
    return replace(
        real,
        graph=graph,
        y=real.y[nodes],
        train=every,
        val=none,
        test=none,
        left_out={},
        name="random",
    )
