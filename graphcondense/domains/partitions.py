"""Partitions of nodes: within classes, nested, and of a graph that has grown."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Generator, Tensor

from graphcondense.domains.node_source import NodeSource
from graphcondense.ops.cluster import isometric, starts
from graphcondense.ops.coarsen import Array, means, parts_of, ward

if TYPE_CHECKING:
    from graphcondense.saved.condensed_graph import CondensedGraph


def old_groups(real: NodeSource, before: CondensedGraph) -> Array:
    """The group of each node of a grown graph ``[N]`` in the condensed graph ``before``, -1 for a
    new node.

    Raises:
        ValueError: ``before`` does not say which node stands for which, or stands for more nodes
            than there are.
    """
    told = getattr(before, "assignment", None)
    if not isinstance(told, Tensor) or told.dim() != 1 or told.is_floating_point():
        raise ValueError(
            "the condensed graph has no assignment, the group of each real node, with which update "
            "goes on: condense anew"
        )
    old, count = told.cpu().numpy(), len(before.x)
    if len(wrong := old[(old < -1) | (old >= count)]):
        raise ValueError(
            f"assignment says {wrong[0]}, and the condensed graph has {count} nodes (0 to "
            f"{count - 1}, -1 for none): condense anew"
        )
    new = real.num_examples - len(old)
    if new < 0:
        raise ValueError(
            f"the condensed graph stands for {len(old)} nodes, and there are now "
            f"{real.num_examples}: say with old_nodes= which node of before each one is, or "
            "condense anew"
        )
    return np.pad(old, (0, new), constant_values=-1)


def assigned(real: NodeSource, nodes: Array, group: Array) -> Array:
    """The group of every node ``[N]``, from that of each of ``nodes [m]``; -1 for all others."""
    out = np.full(real.num_examples, -1)
    out[nodes] = group
    return out


def by_class(
    real: NodeSource, rows: Tensor, sizes: Tensor, rng: Generator, weight: Array | None = None
) -> Array:
    """The part of each training node ``[m]``, by k-means of ``rows [m, d]`` within its class into
    ``sizes [C]`` parts, which are in the order of classes; ``weight [m]`` is of the nodes."""

    def part(of_class: Array, k: int) -> Array:
        seed = int(torch.randint(2**31, (), generator=rng))
        weights = None if weight is None else weight[of_class]
        near = isometric(rows.cpu()[torch.from_numpy(of_class)].double()).numpy()
        return parts_of(near, k, seed, weights, starts(len(near), k, 10))

    return parts_within(real.labels.cpu().numpy(), sizes, part)


def parts_within(groups: Array, sizes: Tensor, part: Callable[[Array, int], Array]) -> Array:
    """The part of each node ``[m]``; no part crosses groups, and parts are in the order of groups.

    Args:
        groups: of the nodes, ``0, 1, ...`` ``[m]``.
        sizes: parts of each group.
        part: from the nodes of a group and a number of parts to the part of each, from 0 on.

    >>> halves = lambda nodes, k: np.arange(len(nodes)) % k
    >>> parts_within(np.array([1, 0, 1, 0]), torch.tensor([1, 2]), halves).tolist()
    [1, 0, 2, 0]
    """
    out, first = np.full(len(groups), -1), 0
    for group, k in enumerate(sizes.tolist()):
        nodes = np.flatnonzero(groups == group)
        out[nodes] = first + part(nodes, k)
        first += k
    return out


def coarser(rows: Array, part: Array, shares: Sequence[Tensor]) -> list[Array]:
    """Nested partitions: the parts ``[N]`` of each node for each of ``shares``, by :func:`ward`.

    Args:
        rows: what similar nodes have similar ``[N, d]``.
        part: the finest, of :func:`parts_within`, so that its parts are in the order of groups.
        shares: parts of each group ``[C]``, none of which falls from one to the next; the last are
            those of ``part``.

    >>> rows, part = np.array([[0.0], [1.0], [9.0], [5.0]]), np.array([0, 1, 2, 3])
    >>> shares = [torch.tensor([2, 1]), torch.tensor([3, 1])]
    >>> [found.tolist() for found in coarser(rows, part, shares)]
    [[0, 0, 1, 2], [0, 1, 2, 3]]
    """
    if len(shares) == 1:
        return [part]  # Ward's tree looks at all pairs of parts
    n = int(shares[-1].sum())
    centres, weight = means(part, n) @ rows, np.bincount(part, minlength=n)
    ends = shares[-1].cumsum(0).tolist()
    trees = [
        ward(centres[end - k : end], weight[end - k : end], [int(share[group]) for share in shares])
        for group, (end, k) in enumerate(zip(ends, shares[-1].tolist(), strict=True))
    ]
    out = []
    for level, share in enumerate(shares):
        firsts = (share.cumsum(0) - share).tolist()
        joined = [first + tree[level] for first, tree in zip(firsts, trees, strict=True)]
        out.append(np.concatenate(joined)[part])
    return out


def never_falling(shares: Sequence[Tensor]) -> list[Tensor]:
    """The same sums over the groups ``[C]``, ascending, without a group that falls from one to the
    next: what a group may not have goes to those with most room.

    >>> [share.tolist() for share in never_falling([torch.tensor([3, 1]), torch.tensor([2, 3])])]
    [[2, 2], [2, 3]]
    """
    out = [shares[-1]]
    for share in reversed(shares[:-1]):
        kept = torch.minimum(share, out[0])
        for _ in range(int(share.sum() - kept.sum())):
            kept[(out[0] - kept).argmax()] += 1
        out.insert(0, kept)
    return out
