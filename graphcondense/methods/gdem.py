"""GDEM (Liu et al., ICML 2024, arXiv 2310.09202)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
import torch
from torch import Generator, Tensor, nn

from graphcondense.core.method import Parts
from graphcondense.core.pools import Idle
from graphcondense.core.types import Batch, Schedule, Synthetic
from graphcondense.domains.node import scale_of, small_graph, taken_in_turn
from graphcondense.domains.node_source import NodeSource
from graphcondense.domains.started import StartedNodes, WithEdges
from graphcondense.objectives.eigenbasis import EigenbasisMatching
from graphcondense.ops.fields import Count, Natural, NonNegative, Share, SomeShare
from graphcondense.ops.spectral import components, laplacian_ends

if TYPE_CHECKING:
    from graphcondense.saved.condensed_graph import CondensedGraph


class EigenGraph(Synthetic):
    """Learnt features ``[n, d]`` and learnt eigenvectors ``[n, K]`` of given eigenvalues.

    ``Â' = Σ_k (1 - λ_k) u'_k u'_kᵀ`` has entries of both signs. A GNN normalises weights that must
    not be negative, so what is exported are the positive entries above ``threshold`` off the
    diagonal.
    """

    y: Tensor
    eigenvalues: Tensor

    def __init__(
        self, x: Tensor, u: Tensor, eigenvalues: Tensor, y: Tensor, threshold: float, classes: int
    ) -> None:
        super().__init__()
        self.x, self.u = nn.Parameter(x.clone()), nn.Parameter(u.clone())
        self.register_buffer("eigenvalues", eigenvalues.clone())
        self.register_buffer("y", y.clone())
        self.threshold, self.num_classes = threshold, classes

    def groups(self) -> dict[str, list[nn.Parameter]]:
        return {"x": [self.x], "u": [self.u]}

    def operator(self) -> Tensor:
        """``Â'``, ``[n, n]``."""
        return (self.u * (1 - self.eigenvalues)) @ self.u.T

    def batch(self, c: int | None = None) -> Batch:
        whole = Batch((self.x, self.operator()), self.y)
        if c is None:
            return whole
        rows = (self.y == c).nonzero().flatten()
        return Batch(whole.inputs, self.y[rows], rows)

    def batches(self) -> list[Batch]:
        return [self.batch(c) for c in range(self.num_classes)]

    @torch.no_grad()
    def export(self) -> CondensedGraph:
        adj = self.operator()
        adj = torch.where(adj > self.threshold, adj, 0.0)
        return small_graph(self.x, adj - torch.diag(adj.diagonal()), self.y)


@dataclass(frozen=True, kw_only=True)
class GDEM(WithEdges, StartedNodes):
    """Graph distillation with eigenbasis matching: no network, so no bias to one.

    Learns in turn features and eigenvectors ``U'`` of a small graph whose eigenvalues are the ends
    of the real spectrum; see :class:`~graphcondense.objectives.eigenbasis.EigenbasisMatching`.
    ``U'`` starts from a stochastic block model of the classes. Eigenvectors are those of the
    largest connected part, as in the paper: those of eigenvalue 0 only name the parts.

    Attributes:
        component: ``"largest"``, or ``"all"`` for the eigenvectors of the whole graph.
        eigenvectors: share of the condensed nodes that there are eigenvectors, ``K / n``.
        low: share of them at the small end of the Laplacian's spectrum.
        steps: updates.
        u_turns: the eigenvectors move for so many updates,
        x_turns: then the features for so many.
        lr_x: Adam's rate on the features, in root mean squares of them at the start.
        lr_u: Adam's rate on the eigenvectors.
        alpha, beta, gamma: weights of eigenbasis, classes and orthogonality.
        unit: see :class:`~graphcondense.objectives.eigenbasis.EigenbasisMatching`.
        eigen_steps: restarts of the eigen-solver at most.
    """

    name = "gdem"
    paper = "Liu et al., Graph Distillation with Eigenbasis Matching, ICML 2024, arXiv 2310.09202"
    family = "spectral matching"
    learns = "features + eigenvectors"
    cost = "one loop"

    component: Literal["largest", "all"] = "largest"
    eigenvectors: SomeShare = 0.5
    low: Share = 1.0
    steps: Natural = 500
    u_turns: Natural = 10
    x_turns: Natural = 10
    lr_x: NonNegative = 0.005
    lr_u: NonNegative = 0.01
    alpha: NonNegative = 1.0
    beta: NonNegative = 1.0
    gamma: NonNegative = 1.0
    unit: bool = True
    init: Literal["random", "kcenter", "herding", "kmeans"] = "kmeans"
    init_hops: Natural = 0
    eigen_steps: Count | None = None

    @property
    def propagates(self) -> bool:
        return True

    def memory_bytes(self, real: NodeSource) -> int:
        """The eigenvectors and the solver's basis, and the small graph with its moments."""
        n, d = int(self.sizes(real).sum()), real.num_features
        pairs = self.pairs(n)
        # Lanczos holds two vectors for each it finds, and those are sorted and placed.
        solver = 8 * real.num_examples * 5 * (pairs + 4) + 40 * int(real.task.adj.nnz)
        small = 4 * (len(real.labels) * d + 8 * n * (d + pairs) + 4 * pairs * d)
        return solver + real.propagation_bytes() + small

    def parts(self, real: NodeSource, rng: Generator) -> Parts:
        x, y = self.first_nodes(real, rng)
        pairs = self.pairs(len(y))
        low = round(self.low * pairs)
        values, along = self._spectrum(real, low, pairs - low, rng)
        members = torch.nn.functional.one_hot(real.labels, real.num_classes).to(x)
        classes = members.T @ real.propagated(1)
        weights = (self.alpha, self.beta, self.gamma)
        rates = {"x": self.lr_x * scale_of(x), "u": self.lr_u}
        u = block_model(y, low, pairs - low).to(x)
        return Parts(
            syn=EigenGraph(x, u, values.to(x), y, self.threshold, real.num_classes),
            objective=EigenbasisMatching(along.to(x), classes, *weights, self.unit),
            pool=Idle(),
            schedule=Schedule(
                self.steps, rates, taken_in_turn(("u", self.u_turns), ("x", self.x_turns))
            ),
        )

    def pairs(self, nodes: int) -> int:
        """Eigenvectors of a graph of so many condensed nodes."""
        return max(1, round(self.eigenvectors * nodes))

    def _spectrum(
        self, real: NodeSource, smallest: int, largest: int, rng: Generator
    ) -> tuple[Tensor, Tensor]:
        """Eigenvalues ``[K]`` of the real graph and ``Xᵀu`` of their vectors ``[K, d]``."""
        seed = int(torch.randint(2**31, (), generator=rng))
        task, pairs = real.task, smallest + largest
        nodes = np.arange(task.num_nodes)
        if self.component == "largest":
            nodes = np.sort(components(task.adj)[0])
        if pairs > len(nodes):
            raise ValueError(
                f"{pairs} eigenvectors are asked for, and the largest connected part has "
                f"{len(nodes)} nodes: lower eigenvectors={self.eigenvectors} or the budget, or "
                "take component='all'"
            )
        operator, rows = task.gcn_adj, task.x_array
        if len(nodes) < task.num_nodes:
            operator, rows = operator[nodes][:, nodes], rows[nodes]
        values, vectors = laplacian_ends(
            operator, smallest, largest, seed=seed, steps=self.eigen_steps
        )
        along = np.asarray(rows.T @ vectors).T.copy()
        return torch.from_numpy(values), torch.from_numpy(along)


def block_model(y: Tensor, smallest: int, largest: int, between: float = 0.1) -> Tensor:
    """Eigenvectors ``[n, smallest + largest]`` of the expected graph of a stochastic block model,
    whose nodes are joined with probability 1 in a class and ``between`` classes.

    >>> block_model(torch.tensor([0, 0, 1, 1]), 1, 1).shape
    torch.Size([4, 2])
    """
    adj = torch.where(y[:, None] == y, 1.0, between).double()
    scale = adj.sum(1).rsqrt()
    _, vectors = torch.linalg.eigh(torch.eye(len(y)) - scale[:, None] * adj * scale)
    n = len(y)
    return torch.cat([vectors[:, :smallest], vectors[:, n - largest :]], 1)
