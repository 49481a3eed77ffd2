"""What all coarsening shares: groups of real nodes, and the graph between them.

All return the assignment of real nodes beside the graph: ``assignment [N]``, -1 for a node that is
in no group. Of labels, those of training nodes alone are read.
"""

from __future__ import annotations

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
from graphcondense.ops.coarsen import Array, contracted, means, members
from graphcondense.ops.fields import brief

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


def room_for_all(method: Method[Any], real: Any) -> Tensor:
    """The budget over the classes ``[C]``, as if each had room for all nodes, labelled or not.

    Raises:
        ValueError: not exactly one budget, or one below one node a class or above the graph.
    """
    budget: Budget = method
    named = {name for name in BUDGETS if getattr(method, name) is not None}
    if named == {"ratio"}:  # a share of what it says, also where all nodes are room
        n = method._size(int(real.counts.sum()), real.num_examples)
        budget = replace(method, ratio=None, nodes=n)
    if budget.examples is not None and budget.examples > real.num_examples:
        raise ValueError(
            f"the budget gives {brief(budget.examples)} nodes, above the {real.num_examples} "
            "of the graph; lower it"
        )
    room = torch.full((real.num_classes,), real.num_examples)
    return method.shared(budget, real, room)


def seeded(rng: Generator) -> np.random.Generator:
    """NumPy's generator, from a draw of torch's."""
    return np.random.default_rng(int(torch.randint(2**31, (), generator=rng)))


def exported(method: Method[NodeSource], real: NodeSource) -> int:
    """Bytes of a condensed graph with all its edges."""
    n = int(method.sizes(real).sum())
    return n * real.example_bytes + n * n * EDGE_BYTES


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
