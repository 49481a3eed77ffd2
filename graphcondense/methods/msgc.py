"""MSGC (Gao & Wu, Knowledge-Based Systems, 2023)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Generator, Tensor

from graphcondense.core.method import Parts
from graphcondense.core.pools import Turns
from graphcondense.core.types import Batch
from graphcondense.domains.mixing import class_mixing
from graphcondense.domains.node import GradientMatched, NodeSynthetic
from graphcondense.domains.node_source import NodeSource
from graphcondense.domains.structure import Structure
from graphcondense.nn.propagate import propagate
from graphcondense.ops.adjacency import gcn_norm_dense
from graphcondense.ops.fields import Count, Natural, NonNegative


@dataclass(frozen=True, kw_only=True)
class MSGC(Turns, GradientMatched):
    """Gradient matching on several sparse graphs that share their nodes.

    Masks ``M_1 .. M_K [n', n']`` of zeros and ones are drawn once from the neighbourhoods of
    training nodes: a node of class ``c`` draws ``neighbours`` classes by how much training nodes
    of ``c`` hear of each over ``Â^class_hops``, and of each class a node; edges run both ways.
    Graph ``k`` is ``(M_k ∘ A', X')`` with one ``X'`` and one learnt ``A'``, and the gradients of a
    class are averaged over all ``K`` before they are compared with the real ones.

    Users train on one graph, of as many nodes as they asked for: what is exported has the mean of
    the ``K`` adjacencies.

    Attributes:
        structure: where ``A'`` comes from, ``"mlp"`` or ``"bernoulli"``.
        graphs: ``K``.
        neighbours: that a node draws for a mask.
        class_hops: see above.
    """

    name = "msgc"
    paper = "Gao & Wu, Multiple Sparse Graphs Condensation, Knowledge-Based Systems, 2023"
    learns = "features + adjacency (MLP, masked)"

    structure: Literal["mlp", "bernoulli"] = "mlp"
    structure_bias: float = 0.0
    model: Literal["sgc"] = "sgc"
    outer: Count = 20
    inner: Natural = 5
    lr_model: NonNegative = 1e-3
    graphs: Count = 4
    neighbours: Count = 2
    class_hops: Count = 2

    def memory_bytes(self, real: NodeSource) -> int:
        """Besides, every mask and its graph, and the rows of all graphs."""
        n, d = int(self.sizes(real).sum()), real.num_features
        mixing = 24 * real.num_examples * real.num_classes
        return super().memory_bytes(real) + 4 * self.graphs * (6 * n * n + 4 * n * d) + mixing

    def start(self, real: NodeSource, rng: Generator) -> SparseGraphs:
        plain = super().start(real, rng)
        mixing = class_mixing(real, self.class_hops).cpu()
        masks = [masked(plain.y.cpu(), mixing, self.neighbours, rng) for _ in range(self.graphs)]
        return SparseGraphs(plain, torch.stack(masks), self.hops, self.threshold)

    def parts(self, real: NodeSource, rng: Generator) -> Parts:
        return self.match(
            real, rng, self.gradients(), self.outer, self.inner, self.lr_model, self.fanout
        )


class SparseGraphs(NodeSynthetic):
    """Several graphs with one set of nodes, which show learners ``Â_k^hops X'`` of each in turn.

    A mean over all of these rows is the mean over the graphs, and so is its gradient.

    Args:
        graph: nodes and the adjacency that is masked, at their start.
        masks: ``[K, n, n]`` of 0 and 1, symmetric.
        hops: of the network, which is linear in these rows.
        threshold: exported edges are those of mean weight above it.
    """

    def __init__(self, graph: NodeSynthetic, masks: Tensor, hops: int, threshold: float) -> None:
        structure = Averaged(graph.structure, masks.to(graph.x))
        super().__init__(
            graph.x, graph.y, structure, threshold=threshold, num_classes=graph.num_classes
        )
        self.hops = hops

    def _whole(self) -> Batch:
        assert isinstance(self.structure, Averaged)
        adjacencies = self.structure.each(self.x)
        rows = [propagate(self.x, gcn_norm_dense(adj), self.hops) for adj in adjacencies]
        return Batch((torch.cat(rows), None), self.y.repeat(len(rows)))

    def batches(self) -> list[Batch]:
        whole = self._whole()
        members = [(whole.y == c).nonzero().flatten() for c in range(self.num_classes)]
        return [Batch(whole.inputs, whole.y[rows], rows) for rows in members]


class Averaged(Structure):
    """The mean of an adjacency under several masks ``[K, n, n]``."""

    masks: Tensor

    def __init__(self, inner: Structure, masks: Tensor) -> None:
        super().__init__()
        self.inner = inner
        self.register_buffer("masks", masks)

    def draw(self, rng: Generator) -> None:
        self.inner.draw(rng)

    def each(self, x: Tensor) -> Tensor:
        """The adjacency under each mask, ``[K, n, n]``."""
        adj = self.inner(x)
        assert adj is not None
        each: Tensor = self.masks * adj
        return each

    def forward(self, x: Tensor) -> Tensor:
        return self.each(x).mean(0)

    def hard(self, x: Tensor, threshold: float) -> Tensor | None:
        adj = self.inner.hard(x, 0.0)
        assert adj is not None
        mean = self.masks.mean(0) * adj
        return torch.where(mean > threshold, mean, 0.0)


def masked(y: Tensor, mixing: Tensor, neighbours: int, rng: Generator) -> Tensor:
    """A mask ``[n, n]`` of nodes of classes ``y [n]``, see :class:`MSGC`; ``mixing [C, C]`` has the
    share of each class in a neighbourhood. Only nodes of classes that are there are drawn."""
    n = len(y)
    mask = torch.zeros(n, n)
    apart = ~torch.eye(n, dtype=torch.bool)
    members = torch.bincount(y, minlength=len(mixing)).clamp_min(1)
    # Of a class, each node alike; not oneself.
    odds = (mixing[y][:, y] / members[y] * apart).double()
    for i in range(n):
        if float(odds[i].sum()) > 0:
            mask[i, torch.multinomial(odds[i], neighbours, replacement=True, generator=rng)] = 1.0
    return torch.maximum(mask, mask.T)
