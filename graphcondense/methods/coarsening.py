"""Coarsening: every condensed node stands for a group of real nodes, and says which.

Contraction by local variation (Loukas, 2019), heavy edges (Dhillon et al., 2007), algebraic
distance (Ron et al., 2011) and affinity (Livne & Brandt, 2012); Kron reduction (Dörfler & Bullo,
2013); and as baselines the virtual node graph (Si et al., 2023), clusters, and averages.

All return the assignment of real nodes beside the graph: ``assignment [N]``, -1 for a node that is
in no group. Of labels, those of training nodes alone are read.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np
import scipy.sparse as sp
import torch
from scipy.optimize import nnls
from torch import Generator, Tensor

from graphcondense.core.engine import Callback
from graphcondense.core.method import Method
from graphcondense.core.types import Synthetic
from graphcondense.domains.node import EDGE_BYTES, NodeSource
from graphcondense.ops.budget import Budget
from graphcondense.ops.cluster import isometric
from graphcondense.ops.coarsen import (
    Array,
    Candidates,
    Level,
    coarsen,
    contracted,
    few_dimensions,
    means,
    members,
    parts_of,
    parts_with,
    undirected,
)
from graphcondense.ops.kron import kron
from graphcondense.ops.variation import (
    affinity,
    algebraic,
    heavy_edges,
    smallest_nonzero,
    variation_basis,
    variation_edges,
    variation_neighborhoods,
)


class CoarseGraph(Synthetic):
    """A finished coarse graph.

    Args:
        x: features ``[n, d]``.
        adj: ``A [n, n]``.
        y: classes ``[n]``, -1 for a node that is not trained on.
        assignment: the node of each real one ``[N]``, -1 for none.
    """

    def __init__(self, x: Array, adj: sp.csr_matrix, y: Array, assignment: Array) -> None:
        super().__init__()
        self.x, self.adj, self.y, self.assignment = x, adj, y, assignment

    def export(self) -> Any:
        """A PyG ``Data``: ``x [n, d]``, ``edge_index [2, m]``, ``edge_weight [m]``, ``y [n]``,
        ``train_mask [n]`` and ``assignment [N]``."""
        from torch_geometric.data import Data

        coo = sp.coo_matrix(self.adj)
        ends = np.stack([coo.col, coo.row]).astype(np.int64)  # A[i, j] is the edge j -> i
        y = torch.from_numpy(self.y.astype(np.int64))
        return Data(
            x=torch.from_numpy(self.x.astype(np.float32)),
            edge_index=torch.from_numpy(ends),
            edge_weight=torch.from_numpy(coo.data.astype(np.float32)),
            y=y,
            train_mask=y >= 0,
            assignment=torch.from_numpy(self.assignment.astype(np.int64)),
        )


@dataclass(frozen=True, kw_only=True)
class Coarse(Method):
    """What all share that make groups of nodes."""

    domain: ClassVar[str] = "node"
    family: ClassVar[str] = "coarsening"
    cost: ClassVar[str] = "closed form"

    @property
    def pair_bytes(self) -> int:
        return 2 * EDGE_BYTES

    @property
    def loop_bytes(self) -> int:
        """Bytes of a node's self-loop."""
        return EDGE_BYTES

    def sizes(self, real: Any) -> Tensor:
        return self.allocate(
            real.counts,
            real.num_examples,
            example_bytes=real.example_bytes + self.loop_bytes,
            pair_bytes=self.pair_bytes,
        )


# --- the whole graph, smaller --------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class WholeGraph(Coarse):
    """A coarse graph of all nodes.

    Components without a training node have no label to learn from and are left out. The budget is
    a number of nodes: up to all that are left, labelled or not. How many of them each class gets
    follows from the graph.

    Attributes:
        self_loops: a node's self-loop has the weight inside its group, twice, and one for each
            member: the coarse graph is ``(P⁺)ᵀ (A + I) P⁺``, and what a GCN makes of it is the
            normalised sum of what it makes of the real one. Without, only edges between groups are
            exported.
    """

    learns: ClassVar[str] = "nothing (groups of real nodes)"

    self_loops: bool = True

    @property
    def loop_bytes(self) -> int:
        return EDGE_BYTES * self.self_loops

    def sizes(self, real: Any) -> Tensor:
        """As many nodes as the budget says, evenly over the classes: their sum alone is meant.

        Raises:
            ValueError: not exactly one budget, or one below one node a class or above the graph.
        """
        total, labelled = len(self.seen(real)[0]), int(real.counts.sum())
        budget: Budget = self
        named = {
            k for k in ("nodes", "ratio", "per_class", "bytes") if getattr(self, k) is not None
        }
        if named == {"ratio"}:  # a share of what it says, also where all nodes are room
            n = self._size(labelled, real.num_examples, 0, 0)
            budget = replace(self, ratio=None, nodes=n)
        wanted = budget.allocate(
            torch.full((real.num_classes,), real.num_examples),
            real.num_examples,
            example_bytes=real.example_bytes + self.loop_bytes,
            pair_bytes=self.pair_bytes,
        )
        if (n := int(wanted.sum())) > total:
            raise ValueError(
                f"the budget gives {n} nodes, above the {total} of the graph whose component has a "
                "training node; lower it"
            )
        return wanted

    def seen(self, real: NodeSource) -> tuple[Array, int]:
        """The nodes of components with a training node, and how many such components there are."""
        return parts_with(undirected(real.task.adj), real.task.train.numpy())

    def condense(
        self,
        real: NodeSource,
        *,
        rng: Generator,
        callbacks: Sequence[Callback] = (),
        resume: Mapping[str, Any] | None = None,
    ) -> Synthetic:
        n = int(self.sizes(real).sum())
        nodes, _ = self.seen(real)
        whole = undirected(real.task.adj)
        group, adj, y = self.groups(real, whole[nodes][:, nodes].tocsr(), nodes, n, seeded(rng))
        assignment = np.full(real.num_examples, -1)
        assignment[nodes] = group
        return coarse_graph(real, assignment, n, whole, adj, y, loops=self.self_loops)

    def groups(
        self, real: NodeSource, adj: sp.csr_matrix, nodes: Array, n: int, rng: np.random.Generator
    ) -> tuple[Array, sp.csr_matrix | None, Array | None]:
        """The group of each of ``nodes``, ``adj`` the graph between them; and, where they do not
        follow from it, the graph between groups and the classes of groups."""
        raise NotImplementedError


@dataclass(frozen=True, kw_only=True)
class Contraction(WholeGraph):
    """Coarsening level by level, see :func:`~graphcondense.ops.coarsen.coarsen`.

    A group's class is the most frequent one of its training nodes (ties: the smaller one). A group
    without any is exported with ``y = -1`` and outside ``train_mask``: it passes messages on.

    Attributes:
        respect_labels: training nodes of different classes never share a group.
        join: groups of one class become one although no edge is between them: components that are
            a node each before anything else, others when nothing else is left to contract. Without,
            every component keeps a node.
    """

    respect_labels: bool = True
    join: bool = True

    def sizes(self, real: Any) -> Tensor:
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
        self, real: NodeSource, adj: sp.csr_matrix, nodes: Array, n: int, rng: np.random.Generator
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
        )
        return group, None, None


LOUKAS = "Loukas, Graph Reduction with Spectral and Cut Guarantees, JMLR 20(116), 2019"


@dataclass(frozen=True, kw_only=True)
class LocalVariation(Contraction):
    """Groups within which the first eigenvectors of the Laplacian vary little.

    Attributes:
        eigenvectors: how many, those of eigenvalue zero left out.
    """

    paper: ClassVar[str] = LOUKAS

    eigenvectors: int = 10

    def memory_bytes(self, real: NodeSource) -> int:
        """The solver's vectors, besides."""
        return super().memory_bytes(real) + 72 * (self.eigenvectors + 4) * real.num_examples

    def basis(self, adj: sp.csr_matrix, rng: np.random.Generator) -> Array | None:
        if self.eigenvectors < 1:
            raise ValueError(f"eigenvectors={self.eigenvectors} must be at least 1")
        return variation_basis(adj, smallest_nonzero(adj, self.eigenvectors, rng)[1])


@dataclass(frozen=True, kw_only=True)
class VariationNeighborhoods(LocalVariation):
    """Contracts nodes with their neighbours, those of least local variation first."""

    name: ClassVar[str] = "variation-neighborhoods"

    def candidates(self, level: Level) -> Candidates:
        return variation_neighborhoods(level)


@dataclass(frozen=True, kw_only=True)
class VariationEdges(LocalVariation):
    """Contracts edges, those of least local variation first."""

    name: ClassVar[str] = "variation-edges"

    def candidates(self, level: Level) -> Candidates:
        return variation_edges(level)


@dataclass(frozen=True, kw_only=True)
class HeavyEdge(Contraction):
    """Contracts edges that are heavy for the degrees at their ends: no eigenvector is needed."""

    name: ClassVar[str] = "heavy-edge"
    paper: ClassVar[str] = (
        "Dhillon et al., Weighted Graph Cuts without Eigenvectors, IEEE TPAMI 29(11), 2007"
    )

    def candidates(self, level: Level) -> Candidates:
        return heavy_edges(level)


@dataclass(frozen=True, kw_only=True)
class Relaxed(Contraction):
    """Contracts edges at whose ends random vectors agree once they are relaxed.

    Attributes:
        vectors: random vectors of a level.
        sweeps: of relaxation.
    """

    vectors: int = 10
    sweeps: int = 20

    def groups(
        self, real: NodeSource, adj: sp.csr_matrix, nodes: Array, n: int, rng: np.random.Generator
    ) -> tuple[Array, sp.csr_matrix | None, Array | None]:
        if self.vectors < 1 or self.sweeps < 0:
            raise ValueError(
                f"vectors={self.vectors} must be at least 1 and sweeps={self.sweeps} at least 0"
            )
        return super().groups(real, adj, nodes, n, rng)


@dataclass(frozen=True, kw_only=True)
class AlgebraicJC(Relaxed):
    """Contracts edges of small algebraic distance, by Jacobi relaxation."""

    name: ClassVar[str] = "algebraic-jc"
    paper: ClassVar[str] = (
        "Ron et al., Relaxation-Based Coarsening and Multiscale Graph Organization, SIAM MMS 9(1), "
        "2011"
    )

    def candidates(self, level: Level) -> Candidates:
        return algebraic(level, self.vectors, self.sweeps)


@dataclass(frozen=True, kw_only=True)
class AffinityGS(Relaxed):
    """Contracts edges of great affinity, by Gauss-Seidel relaxation."""

    name: ClassVar[str] = "affinity-gs"
    paper: ClassVar[str] = (
        "Livne & Brandt, Lean Algebraic Multigrid: Fast Graph Laplacian Linear Solver, SIAM SISC "
        "34(4), 2012"
    )

    sweeps: int = 3

    def candidates(self, level: Level) -> Candidates:
        return affinity(level, self.vectors, self.sweeps)


@dataclass(frozen=True, kw_only=True)
class Kron(WholeGraph):
    """Kron reduction: the graph as an electric network, seen from the nodes that are kept.

    The reduced Laplacian is the Schur complement ``L_aa - L_ab L_bb⁻¹ L_ba``, which keeps the
    effective resistance of every pair of kept nodes. Theory leaves open which nodes these are; here
    they are training nodes, of each class its share and those of the largest degree, and beyond all
    training nodes others of the largest degree, which are exported with ``y = -1``. Every other
    node is in the group of the kept one that a random walk from it is most likely to meet first;
    components without a kept node are left out.
    """

    name: ClassVar[str] = "kron"
    paper: ClassVar[str] = (
        "Dörfler & Bullo, Kron Reduction of Graphs with Applications to Electrical Networks, IEEE "
        "TCAS-I 60(1), 2013"
    )

    def sizes(self, real: Any) -> Tensor:
        """As :meth:`~graphcondense.core.method.Method.sizes` up to all training nodes; with more
        the sum alone is meant."""
        wanted = super().sizes(real)
        if int(wanted.sum()) > int(real.counts.sum()):
            return wanted
        budget: Budget = self
        if self.per_class is None:
            budget = Budget(nodes=int(wanted.sum()), rule=self.rule)
        return budget.allocate(real.counts, real.num_examples)

    def memory_bytes(self, real: NodeSource) -> int:
        """What is dense of a Laplacian on the way, the walks of all nodes, and the export.

        How much is dense depends on the graph: between a third and half of the nodes where we
        looked.
        """
        core = real.num_examples * 2 // 5
        walks = 2 * 8 * real.num_examples * int(self.sizes(real).sum())
        return 8 * core**2 + walks + 100 * int(real.task.adj.nnz) + 2 * exported(self, real)

    def groups(
        self, real: NodeSource, adj: sp.csr_matrix, nodes: Array, n: int, rng: np.random.Generator
    ) -> tuple[Array, sp.csr_matrix | None, Array | None]:
        classes = told(real)[nodes]
        sizes = self.sizes(real) if n <= int(real.counts.sum()) else real.counts
        kept = most_joined(np.asarray(adj.sum(1)).ravel(), classes, sizes.tolist(), n)
        reached, _ = parts_with(adj, kept)
        small, walks = kron(adj[reached][:, reached].tocsr(), np.searchsorted(reached, kept))
        group = np.full(len(nodes), -1)
        group[reached] = walks.argmax(1)
        between = -small
        np.fill_diagonal(between, 0)
        between[between < 1e-12 * between.max()] = 0  # what rounding leaves of no edge
        y = np.where(classes[kept].any(1), classes[kept].argmax(1), -1)
        return group, sp.csr_matrix(between), y


# --- groups of training nodes --------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class VNG(Coarse):
    """Virtual node graph: few nodes that a model reads as it would read all training nodes.

    Weighted k-means of each class's rows of ``Â^hops X``; a node's weight is ``Σ_t Â_ti``, how much
    the graph listens to it, which bounds the error of the forward pass. With the weighted means
    ``V_k`` of ``Â^k X`` the adjacency is what carries one to the next, ``min_{M >= 0} Σ_{k < hops}
    ‖M V_k - V_{k+1}‖² + ridge σ² ‖M - I‖²`` (``σ²``: mean squared length of a row of all ``V_k``),
    by least squares without negative weights, which GNNs here refuse. The edges are those that a
    GCN normalises to ``M``, up to a factor.

    Virtual nodes stand for training nodes alone; all others have assignment -1.

    Attributes:
        hops: propagations that are kept.
        ridge: weight of staying oneself.
    """

    name: ClassVar[str] = "vng"
    paper: ClassVar[str] = (
        "Si et al., Serving Graph Compression for Graph Neural Networks, ICLR 2023"
    )
    learns: ClassVar[str] = "features (weighted means) + adjacency (least squares)"

    hops: int = 2
    ridge: float = 1.0

    def memory_bytes(self, real: NodeSource) -> int:
        """The propagated training nodes, in single and double precision, and the export."""
        rows = len(real.labels) * real.num_features
        return 12 * (self.hops + 1) * rows + 2 * exported(self, real)

    def condense(
        self,
        real: NodeSource,
        *,
        rng: Generator,
        callbacks: Sequence[Callback] = (),
        resume: Mapping[str, Any] | None = None,
    ) -> Synthetic:
        if self.hops < 1 or self.ridge <= 0:
            raise ValueError(f"hops={self.hops} must be at least 1 and ridge={self.ridge} above 0")
        sizes = self.sizes(real)
        n, train = int(sizes.sum()), real.task.train.numpy()
        weight = np.asarray(real.task.gcn_adj.sum(0)).ravel()[train].astype(np.float64)
        part = by_class(real, real.propagated(self.hops), sizes, rng, weight)
        share = members(part, n).multiply(weight).tocsr()
        share = sp.diags_array(1 / np.asarray(share.sum(1)).ravel()) @ share
        rows = (real.propagated(k).cpu().double().numpy() for k in range(self.hops + 1))
        virtual = [share @ own for own in rows]
        step = carrying(virtual, self.ridge)
        assignment = np.full(real.num_examples, -1)
        assignment[train] = part
        y = np.arange(real.num_classes).repeat(sizes.numpy())
        return CoarseGraph(virtual[0], sp.csr_matrix(unnormalised(step)), y, assignment)


@dataclass(frozen=True, kw_only=True)
class Clustering(Coarse):
    """A cluster for each condensed node: the baseline of all that make groups by features.

    K-means parts the training nodes of each class, on ``Â^hops X`` in few dimensions; every other
    node of the graph joins the cluster of the nearest centre. So a cluster has means of many nodes,
    labelled or not, and edges ``(P⁺)ᵀ (A + I) P⁺``. (Centres of training nodes alone, without
    edges, are ``cgc-x`` and ``gecc-hard``.)

    Attributes:
        hops: how often features are propagated before they are clustered.
        dims: leading singular vectors of ``X`` that are propagated; all of ``X`` if it has no more
            columns.
    """

    name: ClassVar[str] = "clustering"
    learns: ClassVar[str] = "nothing (groups of real nodes)"

    hops: int = 2
    dims: int = 128

    def memory_bytes(self, real: NodeSource) -> int:
        """The few dimensions of all nodes, distances to all centres, and the export."""
        width = 4 * self.dims + 2 * int(self.sizes(real).sum())
        return 8 * real.num_examples * width + 2 * exported(self, real)

    def condense(
        self,
        real: NodeSource,
        *,
        rng: Generator,
        callbacks: Sequence[Callback] = (),
        resume: Mapping[str, Any] | None = None,
    ) -> Synthetic:
        if self.hops < 0 or self.dims < 1:
            raise ValueError(f"hops={self.hops} must be at least 0 and dims={self.dims} at least 1")
        sizes, task = self.sizes(real), real.task
        n, train = int(sizes.sum()), task.train.numpy()
        rows = few_dimensions(task.x_array, self.dims, seeded(rng))
        for _ in range(self.hops):
            rows = task.gcn_adj @ rows
        part = by_class(real, torch.from_numpy(rows[train]), sizes, rng)
        centres = means(part, n) @ rows[train]
        assignment = (np.square(centres).sum(1) - 2 * rows @ centres.T).argmin(1)
        assignment[train] = part
        y = np.arange(real.num_classes).repeat(sizes.numpy())
        return coarse_graph(real, assignment, n, undirected(task.adj), y=y)


@dataclass(frozen=True, kw_only=True)
class Averaging(Coarse):
    """Means of training nodes: of a whole class, or of its random parts of equal size; no edges.

    Attributes:
        hops: the mean is one of rows of ``Â^hops X``; 0 is the raw features.
    """

    name: ClassVar[str] = "averaging"
    learns: ClassVar[str] = "nothing (means of real nodes)"

    hops: int = 2

    @property
    def pair_bytes(self) -> int:
        return 0

    @property
    def loop_bytes(self) -> int:
        return 0

    def memory_bytes(self, real: NodeSource) -> int:
        """The propagated training nodes, and the export."""
        return 8 * len(real.labels) * real.num_features + 2 * exported(self, real)

    def condense(
        self,
        real: NodeSource,
        *,
        rng: Generator,
        callbacks: Sequence[Callback] = (),
        resume: Mapping[str, Any] | None = None,
    ) -> Synthetic:
        if self.hops < 0:
            raise ValueError(f"hops={self.hops} must be at least 0")
        sizes, labels = self.sizes(real), real.labels.cpu()
        n, part = int(sizes.sum()), np.full(len(labels), -1)
        first = 0
        for c, size in enumerate(sizes.tolist()):
            own = (labels == c).nonzero().flatten()
            own = own[torch.randperm(len(own), generator=rng)]
            part[own] = first + np.arange(len(own)) % size
            first += size
        x = means(part, n) @ real.propagated(self.hops).cpu().double().numpy()
        assignment = np.full(real.num_examples, -1)
        assignment[real.task.train.numpy()] = part
        y = np.arange(real.num_classes).repeat(sizes.numpy())
        return CoarseGraph(x, sp.csr_matrix((n, n)), y, assignment)


# --- parts -------------------------------------------------------------------------------------


def seeded(rng: Generator) -> np.random.Generator:
    """NumPy's generator, from a draw of torch's."""
    return np.random.default_rng(int(torch.randint(2**31, (), generator=rng)))


def exported(method: Method, real: NodeSource) -> int:
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
    """The graph of these groups: means of features, sums of edges, the most frequent classes.

    Args:
        real: the real graph.
        assignment: ``[N]``, -1 for a node in no group.
        n: groups.
        whole: its edges, undirected.
        adj: edges between groups, if not the sums of those between members.
        y: classes, if not the most frequent ones of training members.
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
        held = members(assignment, n) @ told(real)
        y = np.where(held.any(1), held.argmax(1), -1)
    lost = np.setdiff1d(np.arange(real.num_classes), y)
    if len(lost):
        raise ValueError(
            f"class {lost[0]} has none of {n} groups: wherever it has training nodes, another has "
            "more; ask for more nodes, or set respect_labels=True"
        )
    x = means(assignment, n) @ real.task.x_array
    return CoarseGraph(np.asarray(x.toarray() if sp.issparse(x) else x), between, y, assignment)


def by_class(
    real: NodeSource, rows: Tensor, sizes: Tensor, rng: Generator, weight: Array | None = None
) -> Array:
    """The part of each training node ``[m]``, by k-means within its class; parts are in the order
    of classes.

    Args:
        real: the real graph.
        rows: of the training nodes, ``[m, d]``.
        sizes: parts of each class ``[C]``.
        rng: draws the starts.
        weight: of the training nodes ``[m]``.
    """
    labels = real.labels.cpu()
    part, first = np.full(len(labels), -1), 0
    for c, k in enumerate(sizes.tolist()):
        own = (labels == c).nonzero().flatten()
        seed = int(torch.randint(2**31, (), generator=rng))
        weights = None if weight is None else weight[own.numpy()]
        near = isometric(rows.cpu()[own].double()).numpy()
        part[own.numpy()] = first + parts_of(near, k, seed, weights)
        first += k
    return part


def most_joined(degree: Array, classes: Array, sizes: Sequence[int], n: int) -> Array:
    """``n`` nodes, ascending: of each class so many labelled ones of the largest degree, and then
    those without a label; ties by node order.

    Args:
        degree: ``[m]``.
        classes: ``[m, C]``, one at the class of a labelled node.
        sizes: of each class.
        n: nodes in all.

    >>> most_joined(np.array([1, 3, 2, 4]), np.array([[1], [1], [0], [0]]), [1], 2).tolist()
    [1, 3]
    """
    order = np.argsort(-degree, kind="stable")
    label = np.where(classes.any(1), classes.argmax(1), -1)[order]
    chosen = [order[label == c][:k] for c, k in enumerate(sizes)]
    others = order[label < 0][: n - sum(sizes)]
    out: Array = np.sort(np.concatenate([*chosen, others]))
    return out


def carrying(rows: Sequence[Array], ridge: float) -> Array:
    """``argmin_{M >= 0} Σ_k ‖M V_k - V_{k+1}‖² + ridge σ² ‖M - I‖² [n, n]``, see :class:`VNG`."""
    n = len(rows[0])
    before, after = np.concatenate(rows[:-1], 1), np.concatenate(rows[1:], 1)
    gram = before @ before.T
    weight = ridge * max(np.trace(gram) / n, 1e-12)
    # ‖Gᵀᐟ²m - G⁻ᐟ²b‖² is the same problem in n dimensions instead of all features.
    root = np.linalg.cholesky(gram + weight * np.eye(n))
    target = np.linalg.solve(root, (after @ before.T + weight * np.eye(n)).T)
    return np.stack([nnls(root.T, target[:, i])[0] for i in range(n)])


def unnormalised(step: Array) -> Array:
    """``A`` with ``D^-1/2 A D^-1/2 = M / ρ``, ``D`` its row sums, for ``M [n, n] >= 0``.

    With ``M s = ρ s`` and ``s > 0`` (Perron) that is ``A_ij = s_i M_ij s_j``: its row sums are
    ``ρ s_i²``. Where ``M`` falls into parts, entries of ``s`` may be zero; they are held above
    1e-4. A diagonal entry that is zero becomes small, or a GCN would take it for one.

    >>> a = unnormalised(np.array([[0.5, 0.2], [0.3, 0.6]]))
    >>> scale = a.sum(1) ** -0.5
    >>> np.round(scale[:, None] * a * scale * 0.8, 6).tolist()
    [[0.5, 0.2], [0.3, 0.6]]
    """
    s = np.ones(len(step))
    for _ in range(1000):
        s = step @ s + 1e-3 * s
        s = np.maximum(s / s.max(), 1e-4)
    adj = s[:, None] * step * s
    np.fill_diagonal(adj, np.maximum(adj.diagonal(), 1e-6 * adj.sum(1)))
    out: Array = adj / adj.sum(1).mean()
    return out
