"""What all coarsening shares: groups of real nodes, and the graph between them.

All return the assignment of real nodes beside the graph: ``assignment [N]``, -1 for a node that is
in no group. Of labels, those of training nodes alone are read.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import scipy.sparse as sp
import torch
from torch import Generator, Tensor

from graphcondense.core.method import Method
from graphcondense.core.types import Synthetic
from graphcondense.domains.node import EDGE_BYTES, NodeMethod
from graphcondense.domains.node_source import NodeSource
from graphcondense.ops.arrays import dense
from graphcondense.ops.blocks import mean_row
from graphcondense.ops.budget import BUDGETS, Budget
from graphcondense.ops.cluster import isometric, starts
from graphcondense.ops.coarsen import (
    Array,
    Candidates,
    Level,
    coarsen,
    contracted,
    means,
    members,
    parts_of,
    parts_with,
    started,
    undirected,
    ward,
)
from graphcondense.ops.fields import Count, Natural, brief
from graphcondense.ops.variation import variation_basis

if TYPE_CHECKING:
    from graphcondense.saved.condensed_graph import CondensedGraph


class CoarseGraph(Synthetic):
    """A finished coarse graph.

    Args:
        x: features ``[n, d]``.
        adj: ``A [n, n]``.
        y: classes ``[n]``, -1 for a node that is not trained on, or soft labels ``[n, C]``.
        assignment: the node of each real one ``[N]``, -1 for none.
    """

    def __init__(self, x: Array, adj: sp.csr_matrix, y: Array, assignment: Array) -> None:
        super().__init__()
        self.x, self.adj, self.y, self.assignment = x, adj, y, assignment

    def export(self) -> CondensedGraph:
        """A PyG ``Data``: ``x [n, d]``, ``edge_index [2, m]``, ``edge_weight [m]``, ``y [n]``
        or soft ``[n, C]``, ``train_mask [n]`` and ``assignment [N]``."""
        from graphcondense.saved.condensed_graph import CondensedGraph

        coo = sp.coo_matrix(self.adj)
        ends = np.stack([coo.col, coo.row]).astype(np.int64)  # A[i, j] is the edge j -> i
        soft = self.y.ndim == 2
        y = torch.from_numpy(self.y.astype(np.float32 if soft else np.int64))
        return CondensedGraph(
            x=torch.from_numpy(self.x.astype(np.float32)),
            edge_index=torch.from_numpy(ends),
            edge_weight=torch.from_numpy(coo.data.astype(np.float32)),
            y=y,
            train_mask=torch.ones(len(y), dtype=torch.bool) if soft else y >= 0,
            assignment=torch.from_numpy(self.assignment.astype(np.int64)),
        )


@dataclass(frozen=True, kw_only=True)
class Coarse(NodeMethod):
    """What all share that make groups of nodes."""

    family = "coarsening"
    cost = "closed form"
    assigns = True

    @property
    def pair_bytes(self) -> int:
        return 2 * EDGE_BYTES

    @property
    def loop_bytes(self) -> int:
        """Bytes of a node's self-loop."""
        return EDGE_BYTES

    def example_bytes(self, real: NodeSource) -> int:
        return real.example_bytes + self.loop_bytes

    def of_all(self, real: NodeSource) -> Tensor:
        """The budget over the classes, as if each had room for all nodes, labelled or not.

        Raises:
            ValueError: not exactly one budget, or one below one node a class or above the graph.
        """
        return room_for_all(self, real)


@dataclass(frozen=True, kw_only=True)
class WholeGraph(Coarse):
    """A coarse graph of all nodes in components with a training node.

    The budget counts nodes, labelled or not; how many each class gets follows from the graph.

    Attributes:
        self_loops: the coarse graph is ``(P⁺)ᵀ (A + I) P⁺``: a node's self-loop has the weight
            inside its group, twice, and one for each member. Without, only edges between groups are
            exported.
    """

    learns = "nothing (groups of real nodes)"

    self_loops: bool = True

    @property
    def loop_bytes(self) -> int:
        return EDGE_BYTES * self.self_loops

    def sizes(self, real: NodeSource) -> Tensor:
        """As many nodes as the budget says, evenly over the classes: their sum alone is meant.

        Raises:
            ValueError: not exactly one budget, or one below one node a class or above the graph.
        """
        total, wanted = len(self.seen(real)[0]), self.of_all(real)
        if (n := int(wanted.sum())) > total:
            raise ValueError(
                f"the budget gives {n} nodes, above the {total} of the graph whose component has a "
                "training node; lower it"
            )
        return wanted

    def seen(self, real: NodeSource) -> tuple[Array, int]:
        """The nodes of components with a training node, and how many such components there are."""
        return parts_with(undirected(real.task.adj), real.task.train.numpy())

    def solve(self, real: NodeSource, rng: Generator) -> Synthetic:
        return self._made(real, rng)

    def _made(self, real: NodeSource, rng: Generator, **more: Array) -> CoarseGraph:
        """The coarse graph of :meth:`groups`, which is told ``more``."""
        n = int(self.sizes(real).sum())
        nodes, whole, inner = self.looked_at(real)
        more = {name: each[nodes] for name, each in more.items()}
        group, adj, y = self.groups(real, inner, nodes, n, seeded(rng), **more)
        assignment = assigned(real, nodes, group)
        return coarse_graph(real, assignment, n, whole, adj, y, loops=self.self_loops)

    def looked_at(self, real: NodeSource) -> tuple[Array, sp.csr_matrix, sp.csr_matrix]:
        """The nodes ``[m]`` of :meth:`seen`, all undirected edges, and those between the nodes."""
        nodes, _ = self.seen(real)
        whole = undirected(real.task.adj)
        return nodes, whole, whole[nodes][:, nodes].tocsr()

    def groups(
        self, real: NodeSource, adj: sp.csr_matrix, nodes: Array, n: int, rng: np.random.Generator
    ) -> tuple[Array, sp.csr_matrix | None, Array | None]:
        """The group of each of ``nodes``, ``adj`` the graph between them; and, where they do not
        follow from it, the graph between groups and the classes of groups."""
        raise NotImplementedError


@dataclass(frozen=True, kw_only=True)
class Stepwise(WholeGraph):
    """Coarsening that joins groups step by step, and so can begin with groups that are there."""

    def update(self, real: NodeSource, before: CondensedGraph, *, rng: Generator) -> Synthetic:
        """The coarse graph of a graph that has grown: the groups before stay together, each node
        that is new is a group of its own, and these are joined. The nodes of the smaller graph are
        the first of the larger one, in their order.

        Raises:
            ValueError: ``before`` stands for more nodes than there are; the budget is above the
                groups before and the new nodes together.
        """
        return self._made(real, rng, old=old_groups(real, before))

    def groups(
        self,
        real: NodeSource,
        adj: sp.csr_matrix,
        nodes: Array,
        n: int,
        rng: np.random.Generator,
        old: Array | None = None,
    ) -> tuple[Array, sp.csr_matrix | None, Array | None]:
        """As there; ``old`` has the group that each of ``nodes`` is in before, -1 for none."""
        raise NotImplementedError


@dataclass(frozen=True, kw_only=True)
class Contraction(Stepwise):
    """Coarsening level by level, see :func:`~graphcondense.ops.coarsen.coarsen`.

    A group's class is the most frequent one of its training nodes (ties: the smaller one); without
    any it is exported with ``y = -1`` and outside ``train_mask``.

    Attributes:
        respect_labels: training nodes of different classes never share a group.
        join: groups of one class become one although no edge is between them: components of a node
            each first, others last. Without, every component keeps a node.
    """

    serves = ("link",)

    respect_labels: bool = True
    join: bool = True

    def sizes(self, real: NodeSource) -> Tensor:
        wanted = super().sizes(real)
        n, parts = int(wanted.sum()), self.seen(real)[1]
        if n < parts and not self.join:
            raise ValueError(
                f"the budget gives {n} nodes, below the {parts} components that have a training "
                "node; raise it, or set join=True"
            )
        return wanted

    def memory_bytes(self, real: NodeSource) -> int:
        """The graph on its way down, its vectors, and the export."""
        return 1000 * real.num_examples + 100 * int(real.task.adj.nnz) + 2 * exported(self, real)

    def candidates(self, level: Level) -> Candidates:
        """What may be contracted, and at which cost."""
        raise NotImplementedError

    def basis(self, adj: sp.csr_matrix, rng: np.random.Generator) -> Array | None:
        """What groups should keep, ``[m, K]``; by default nothing."""
        return None

    def groups(
        self,
        real: NodeSource,
        adj: sp.csr_matrix,
        nodes: Array,
        n: int,
        rng: np.random.Generator,
        old: Array | None = None,
    ) -> tuple[Array, sp.csr_matrix | None, Array | None]:
        vectors = self.basis(adj, rng)
        group = coarsen(
            adj,
            n,
            self.candidates,
            told(real)[nodes],
            vectors=vectors,
            carried=None if vectors is None else variation_basis,
            respect=self.respect_labels,
            join=self.join,
            rng=rng,
            start=None if old is None else started(old),
        )
        return group, None, None


@dataclass(frozen=True, kw_only=True)
class Relaxed(Contraction):
    """Contracts edges at whose ends random vectors agree once they are relaxed.

    Attributes:
        vectors: random vectors of a level.
        sweeps: of relaxation.
    """

    vectors: Count = 10
    sweeps: Natural = 20


def room_for_all(method: Method[Any], real: Any) -> Tensor:
    """The budget over the classes ``[C]``, as if each had room for all nodes, labelled or not.

    Raises:
        ValueError: not exactly one budget, or one below one node a class or above the graph.
    """
    budget: Budget = method
    named = {name for name in BUDGETS if getattr(method, name) is not None}
    if named == {"ratio"}:  # a share of what it says, also where all nodes are room
        n = method._size(int(real.counts.sum()), real.num_examples, 0, 0)
        budget = replace(method, ratio=None, nodes=n)
    if budget.examples is not None and budget.examples > real.num_examples:
        raise ValueError(
            f"the budget gives {brief(budget.examples)} nodes, above the {real.num_examples} "
            "of the graph; lower it"
        )
    room = torch.full((real.num_classes,), real.num_examples)
    return method.shared(budget, real, room)


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
            f"{real.num_examples}: update takes graphs that have grown, old nodes first; "
            "condense anew"
        )
    return np.pad(old, (0, new), constant_values=-1)


def seeded(rng: Generator) -> np.random.Generator:
    """NumPy's generator, from a draw of torch's."""
    return np.random.default_rng(int(torch.randint(2**31, (), generator=rng)))


def exported(method: Method[NodeSource], real: NodeSource) -> int:
    """Bytes of a condensed graph with all its edges."""
    n = int(method.sizes(real).sum())
    return n * real.example_bytes + n * n * EDGE_BYTES


def assigned(real: NodeSource, nodes: Array, group: Array) -> Array:
    """The group of every node ``[N]``, from that of each of ``nodes [m]``; -1 for all others."""
    out = np.full(real.num_examples, -1)
    out[nodes] = group
    return out


def told(real: NodeSource) -> Array:
    """``[N, C]``, one at the class of each training node."""
    out = np.zeros((real.num_examples, real.num_classes))
    out[real.task.train.numpy(), real.labels.cpu().numpy()] = 1
    return out


def coarse_graph(
    real: NodeSource,
    assignment: Array,
    n: int,
    whole: sp.csr_matrix,
    adj: sp.csr_matrix | None = None,
    y: Array | None = None,
    *,
    loops: bool = True,
) -> CoarseGraph:
    """The graph of these groups: means of features, as the source weighs nodes, sums of edges, the
    most frequent classes.

    Args:
        real: the real graph.
        assignment: the group of each node ``[N]``, -1 for none.
        n: groups.
        whole: edges of the real graph, undirected.
        adj, y: edges between groups and their classes, if not these.
        loops: see :class:`WholeGraph`.

    Raises:
        ValueError: a class has no group.
    """
    sums = contracted(whole, assignment, n)
    inside = sums.diagonal() + np.bincount(assignment[assignment >= 0], minlength=n)
    between = sp.csr_matrix(sums if adj is None else adj)
    between.setdiag(inside if loops else 0)
    between.eliminate_zeros()
    if y is None:
        labels = members(assignment, n) @ told(real)
        y = np.where(labels.any(1), labels.argmax(1), -1)
    lost = np.setdiff1d(real.labels.cpu().numpy(), y)
    if len(lost):
        raise ValueError(
            f"class {lost[0]} has none of {n} groups: wherever it has training nodes, another has "
            "more; ask for more nodes, or set respect_labels=True"
        )
    x = means(assignment, n, real.weight) @ real.task.x_array
    return CoarseGraph(dense(x), between, y, assignment)


def stood_out(made: CoarseGraph, real: NodeSource, contrast: float) -> CoarseGraph:
    """The same graph, whose features are ``contrast`` times as far from the mean of all nodes."""
    middle = mean_row(real.task.x_array)
    made.x = middle + contrast * (made.x - middle)
    return made


def grouped_links(adj: sp.csr_matrix, assignment: Array, n: int) -> tuple[Tensor, Tensor]:
    """The links between groups as a member of a group has them, in the mean, and its self-loop:
    ``S⁻¹ M (A + I) Mᵀ``.

    Args:
        adj: ``A [N, N]`` of the real graph.
        assignment: the group of each node ``[N]``, -1 for none.
        n: groups.

    Returns:
        Edges ``[2, m]`` (source, target), and their weights ``[m]``.

    >>> path = sp.csr_matrix(np.array([[0, 1, 0], [1, 0, 1], [0, 1, 0]]))
    >>> [part.tolist() for part in grouped_links(path, np.array([0, 0, 1]), 2)]
    [[[0, 1, 0, 1], [0, 0, 1, 1]], [2.0, 0.5, 1.0, 1.0]]
    """
    belongs = members(assignment, n)
    both = adj + sp.identity(adj.shape[0], dtype=adj.dtype, format="csr")
    each = np.maximum(np.asarray(belongs.sum(1)).ravel(), 1)
    between = (sp.diags_array(1 / each) @ belongs @ both @ belongs.T).tocoo()
    ends = np.stack([between.col, between.row]).astype(np.int64)
    return torch.from_numpy(ends), torch.from_numpy(between.data.astype(np.float32))


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
