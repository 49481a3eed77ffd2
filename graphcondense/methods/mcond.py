"""MCond (Gao et al., ICDE 2024, arXiv 2307.15967)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import ClassVar, Literal, NamedTuple

import numpy as np
import scipy.sparse as sp
import torch
from torch import Generator, Tensor, nn
from torch.nn import functional as F

from graphcondense.core import parallel
from graphcondense.core.engine import Callback, distill
from graphcondense.core.method import Parts, Variants
from graphcondense.core.pools import Fresh, OnSynthetic, Turns, inner_adam
from graphcondense.core.types import (
    Batch,
    Learner,
    Objective,
    Saved,
    Schedule,
    Source,
    Synthetic,
)
from graphcondense.domains.node import GradientMatched, NodeSynthetic, taken_in_turn
from graphcondense.domains.node_source import NodeSource
from graphcondense.nn.propagate import propagate
from graphcondense.ops.adjacency import gcn_norm_dense
from graphcondense.ops.arrays import dense
from graphcondense.ops.fields import Count, Natural, NonNegative
from graphcondense.saved.condensed_graph import CondensedGraph

TINY = 1e-12
"""Smallest squared length whose root is taken: the root's slope at zero is infinite."""
BLOCK = 8192
"""Of the real nodes that are compared with all synthetic ones at a time."""


@dataclass(frozen=True, kw_only=True)
class MCond(Turns, GradientMatched):
    """Gradient matching, and with it a sparse mapping ``M [N, N']`` from real to synthetic nodes.

    The graph is learnt as in GCond. In turns of its own the mapping learns, on ``support`` nodes
    that are drawn anew, through the network of the turn, whose hidden layer makes the embeddings
    ``H`` of real and ``H'`` of synthetic nodes:

    ``L_M = ‖M H' - H‖ + β ‖H_attached - H‖ + λ L_links``

    The first term is transductive. The second is inductive: the support nodes leave the real graph
    and stand in ``[[A', (aM)ᵀ], [aM, ã]]``, with ``a`` their edges to the other nodes and ``ã``
    those among them. Both are mean lengths of rows, in mean lengths of ``H``. The third is the
    cross-entropy of the edges among the support nodes, and of as many pairs without one, under
    ``M (A' + I) Mᵀ``. A row of ``M`` is a softmax over the ``nearest`` synthetic nodes whose
    propagated features have the greatest cosine with the real node's, those of its class first
    where it is a training node; entries up to ``cut`` are left out of what is exported.

    Attributes:
        nearest: synthetic nodes a real one may belong to, at most.
        sharpness: of the mapping at the start, a softmax of so many times the cosines.
        lr_map: Adam's learning rate on the mapping.
        map_turns: the mapping moves for so many turns, after those of structure and features.
        map_last: turns of the mapping alone, its rate falling to zero, after the loop: on the graph
            that is returned, which is the best by validation and seldom the last.
        support: real nodes a turn of the mapping.
        inductive: ``β``.
        links: ``λ``.
        flow: edges of support nodes run ``"both"`` ways (the paper) or ``"inward"``, where they do
            not speak to the synthetic nodes.
        cut: exported entries are those above it; rows then sum to one again.
    """

    name = "mcond"
    paper = (
        "Gao et al., Graph Condensation for Inductive Node Representation Learning, ICDE 2024, "
        "arXiv 2307.15967"
    )
    learns = "features + adjacency (MLP) + mapping"
    variants: ClassVar[Variants] = {
        "mcond-x": {"structure": "identity", "init_hops": 2, "lr_x": 0.01, "epochs": 10}
    }

    model: Literal["sgc"] = "sgc"
    outer: Count = 20
    inner: Natural = 5
    lr_model: NonNegative = 1e-3
    nearest: Count = 32
    sharpness: NonNegative = 10.0
    lr_map: NonNegative = 0.02
    map_turns: Count = 2
    map_last: Natural = 150
    support: Count = 256
    inductive: NonNegative = 1.0
    links: NonNegative = 1.0
    flow: Literal["both", "inward"] = "both"
    cut: NonNegative = 0.01

    @property
    def propagates(self) -> bool:
        return super().propagates or self.hops > 0

    def memory_bytes(self, real: NodeSource) -> int:
        """Besides, the mapping, the rows that it should give, and the attached graph of a turn."""
        nodes, d = real.num_examples, real.num_features
        n = int(self.sizes(real).sum())
        k, support = min(self.nearest, n), min(self.support, nodes)
        heard = int(np.ceil(real.task.adj.nnz / max(nodes, 1))) * support
        floats = (
            10 * nodes * k  # columns in 64 bits, logits, two moments, the best, the export
            + min(nodes, BLOCK) * (n + d)  # cosines
            + nodes * d  # propagated rows of all nodes
            + 8 * (n + support) * (n + support + d + self.hidden_channels)
            + 8 * (heard + support) * k
        )
        return super().memory_bytes(real) + 4 * floats

    def schedule(self, matches: int, start: NodeSynthetic) -> Schedule:
        """As without a mapping, whose turns come on top."""
        before = super().schedule(matches, start)
        unit = matches if self.turn == "epoch" else 1
        cycle = before.cycle or (("x", self.x_turns * unit or 1),)
        whole = sum(turns for _, turns in cycle)
        turns = (*cycle, *taken_in_turn(("map", self.map_turns * unit)))
        steps = before.steps + before.steps * self.map_turns * unit // whole
        return replace(before, steps=steps, lr={**before.lr, "map": self.lr_map}, cycle=turns)

    def start(self, real: NodeSource, rng: Generator) -> MappedGraph:
        plain = super().start(real, rng)
        rows = whole_rows(real, self.hops)
        with torch.no_grad():
            x, adj = plain.batch().inputs
            near = nearest_nodes(
                rows, propagate(x, adj, self.hops), min(self.nearest, len(x)), real, plain.y
            )
        return MappedGraph(
            plain,
            near.columns,
            self.sharpness * near.cosines,
            cut=self.cut,
            threshold=self.threshold,
        )

    def objective(self, real: NodeSource) -> Mapped:
        """The losses of graph and mapping."""
        support = Support(real, self.hops, self.support, self.flow == "both")
        return Mapped(self.gradients(), support, self.inductive, self.links)

    def parts(self, real: NodeSource, rng: Generator) -> Parts:
        objective = self.objective(real)
        return self.match(real, rng, objective, self.outer, self.inner, self.lr_model, self.fanout)

    @parallel.together()
    def condense(
        self,
        real: NodeSource,
        *,
        rng: Generator,
        callbacks: Sequence[Callback] = (),
        resume: Saved | None = None,
        learners: int | None = None,
    ) -> Synthetic:
        syn = super().condense(real, rng=rng, callbacks=callbacks, resume=resume, learners=learners)
        model = self.network(real)
        lessons = OnSynthetic(settle=model.settled)
        pool = Fresh(model, self.outer, self.inner, inner_adam(self.lr_model), lessons=lessons)
        # What is cut in here goes on from the last checkpoint of the loop, and gives the same bits.
        return distill(
            syn,
            self.objective(real),
            pool,
            Schedule(self.map_last, {"map": self.lr_map}, anneal=True),
            real,
            rng=rng,
            learners=learners,
        )


class MappedGraph(NodeSynthetic):
    """A small graph, and to which of its nodes each real one belongs.

    Args:
        graph: the small graph at its start.
        columns: synthetic nodes ``[N, K]`` that each real node may belong to.
        logits: the mapping is their softmax ``[N, K]``.
        cut: see :class:`MCond`.
        threshold: exported edges are those of weight above it.
    """

    columns: Tensor

    def __init__(
        self,
        graph: NodeSynthetic,
        columns: Tensor,
        logits: Tensor,
        *,
        cut: float,
        threshold: float,
    ) -> None:
        super().__init__(
            graph.x, graph.y, graph.structure, threshold=threshold, num_classes=graph.num_classes
        )
        self.register_buffer("columns", columns)
        self.logits = nn.Parameter(logits)
        self.cut = cut

    def groups(self) -> dict[str, list[nn.Parameter]]:
        return {**super().groups(), "map": [self.logits]}

    def spread(self, rows: Tensor, weights: Tensor, targets: Tensor, count: int) -> Tensor:
        """``B M [count, N']``, where ``B`` has ``weights [e]`` at ``(targets [e], rows [e])``."""
        shares = torch.softmax(self.logits[rows], 1) * weights[:, None]
        n = len(self.x)
        at = targets[:, None] * n + self.columns[rows]
        flat = shares.new_zeros(count * n).index_add(0, at.flatten(), shares.flatten())
        return flat.view(count, n)

    def mapping(self) -> sp.csr_matrix:
        """What is exported, ``M [N, N']``: every row sums to one."""
        with torch.no_grad():
            shares = torch.softmax(self.logits.double(), 1).cpu().numpy()
        columns = self.columns.cpu().numpy()
        kept = shares > self.cut
        kept[np.arange(len(kept)), shares.argmax(1)] = True
        shares = np.where(kept, shares, 0.0)
        shares /= shares.sum(1, keepdims=True)
        row, at = kept.nonzero()
        parts = (shares[row, at].astype(np.float32), (row, columns[row, at]))
        out = sp.csr_matrix(parts, shape=(len(kept), len(self.x)))
        out.sort_indices()
        return out

    @torch.no_grad()
    def export(self) -> CondensedGraph:
        """As without a mapping, and the parts of its CSR matrix: ``mapping_crow [N + 1]``,
        ``mapping_col [m]``, ``mapping_value [m]``."""
        small, found = super().export(), self.mapping()
        small.mapping_crow = torch.from_numpy(found.indptr.astype(np.int32))
        small.mapping_col = torch.from_numpy(found.indices.astype(np.int32))
        small.mapping_value = torch.from_numpy(found.data)
        return small


class Near(NamedTuple):
    """Synthetic nodes ``[N, K]`` that real ones resemble most, and how much, ``[N, K]``."""

    columns: Tensor
    cosines: Tensor


def nearest_nodes(rows: Tensor, small: Tensor, count: int, real: NodeSource, y: Tensor) -> Near:
    """The ``count`` rows of ``small [N', d]`` of greatest cosine with each of ``rows [N, d]``; a
    training node's cosine is one more with those of its class ``y [N']``."""
    centres = F.normalize(small, dim=1)
    classes = torch.full((len(rows),), -1, device=rows.device)
    classes[real.task.train.to(rows.device)] = real.labels
    found = []
    for part, own in zip(torch.split(rows, BLOCK), torch.split(classes, BLOCK), strict=True):
        cosines = F.normalize(part, dim=1) @ centres.T + (own[:, None] == y)
        found.append(cosines.topk(count, dim=1))
    return Near(torch.cat([f.indices for f in found]), torch.cat([f.values for f in found]))


def whole_rows(real: NodeSource, hops: int) -> Tensor:
    """``Â^hops X`` of all nodes that the source sees, ``[N, d]``."""
    wide = np.float64 if real.dtype == torch.float64 else np.float32
    rows = real.task.propagate(hops, np.arange(real.num_examples), wide)
    return torch.from_numpy(rows).to(real.device, real.dtype)


class Drawn(NamedTuple):
    """Support nodes as they are taken out of the real graph.

    Attributes:
        nodes: which, ``[b]``.
        x: their features ``[b, d]``.
        rows: what the network sees of them in the real graph, ``Â^K X [b, d]``.
        targets, sources, weights: edges ``[e]`` that reach ``nodes[targets]`` from other nodes.
        among: edges among them, dense ``[b, b]``.
    """

    nodes: Tensor
    x: Tensor
    rows: Tensor
    targets: Tensor
    sources: Tensor
    weights: Tensor
    among: Tensor


class Support:
    """Where support nodes come from, see :class:`MCond`.

    Args:
        real: the real graph.
        hops: of the network.
        size: nodes that are drawn at once, or all where there are fewer.
        both: whether the synthetic nodes hear them, too.
    """

    def __init__(self, real: NodeSource, hops: int, size: int, both: bool) -> None:
        self.real, self.size, self.both = real, min(size, real.num_examples), both
        self.rows = whole_rows(real, hops)

    def draw(self, rng: Generator) -> Drawn:
        real = self.real
        nodes = torch.randperm(real.num_examples, generator=rng)[: self.size]
        index, place = nodes.numpy(), (real.device, real.dtype)
        edges = real.task.adj[index].tocoo()
        inside = np.full(real.num_examples, -1)
        inside[index] = np.arange(len(index))
        out = inside[edges.col] < 0
        among = torch.zeros(len(index), len(index), dtype=real.dtype)
        own = torch.from_numpy(edges.data[~out]).to(real.dtype)
        among[edges.row[~out], inside[edges.col[~out]]] = own
        # Operators add their own loops.
        among.fill_diagonal_(0)
        x = torch.from_numpy(dense(real.task.x_array[index])).to(*place)
        at = [torch.from_numpy(part[out].astype(np.int64)) for part in (edges.row, edges.col)]
        weights = torch.from_numpy(edges.data[out]).to(*place)
        targets, sources = (part.to(real.device) for part in at)
        nodes = nodes.to(real.device)
        return Drawn(nodes, x, self.rows[nodes], targets, sources, weights, among.to(real.device))


@dataclass(frozen=True)
class Mapped:
    """Gradient matching in turns of the graph, ``L_M`` of :class:`MCond` in those of the mapping.

    A term none of whose parameters moves is left out: it has no gradient.
    """

    matching: Objective
    support: Support
    inductive: float
    links: float

    def __call__(self, syn: Synthetic, real: Source, learner: Learner, rng: Generator) -> Tensor:
        assert isinstance(syn, MappedGraph)
        if syn.logits.requires_grad:
            return self.mapping(syn, learner, self.support.draw(rng), rng)
        return self.matching(syn, real, learner, rng)

    def mapping(self, syn: MappedGraph, learner: Learner, drawn: Drawn, rng: Generator) -> Tensor:
        """``L_M`` on the support nodes."""
        with torch.no_grad():
            whole = syn.batch()
            small = learner.features(whole)
            wanted = embedded(learner, drawn.rows)
            edges = syn.edges()
            adj = None if edges is None else edges.detach()
        unit = wanted.square().sum(1).clamp_min(TINY).sqrt().mean()
        count = len(drawn.nodes)
        every = torch.arange(count, device=wanted.device)
        shares = syn.spread(drawn.nodes, wanted.new_ones(count), every, count)
        loss = apart(shares @ small, wanted) / unit
        if self.inductive:
            links = syn.spread(drawn.sources, drawn.weights, drawn.targets, count)
            operator = attached(adj, links, drawn.among, self.support.both)
            batch = Batch((torch.cat([syn.x.detach(), drawn.x]), operator), wanted)
            found = learner.features(batch)[-count:]
            loss = loss + self.inductive * apart(found, wanted) / unit
        if self.links:
            loss = loss + self.links * link_loss(shares, adj, drawn.among, rng)
        return loss


def embedded(learner: Learner, rows: Tensor) -> Tensor:
    """The hidden layer ``[b, h]`` at nodes whose propagated rows ``[b, d]`` are given."""
    return learner.features(Batch((rows, None), rows))


def apart(a: Tensor, b: Tensor) -> Tensor:
    """Mean length of the rows of ``a - b``."""
    return (a - b).square().sum(1).clamp_min(TINY).sqrt().mean()


def attached(adj: Tensor | None, links: Tensor, among: Tensor, both: bool) -> Tensor:
    """The normalised ``[[A', (aM)ᵀ], [aM, ã]]``, ``[n + b, n + b]``; with ``both`` false without
    the edges ``(aM)ᵀ``."""
    n = links.shape[1]
    own = links.new_zeros(n, n) if adj is None else adj
    back = links.T if both else torch.zeros_like(links.T)
    rows = [torch.cat([own, back], 1), torch.cat([links, among], 1)]
    return gcn_norm_dense(torch.cat(rows))


def link_loss(shares: Tensor, adj: Tensor | None, among: Tensor, rng: Generator) -> Tensor:
    """Cross-entropy of the edges ``among`` nodes ``[b, b]`` and of as many drawn pairs without one,
    under ``M (A' + I) Mᵀ`` with ``shares`` the rows of ``M [b, n]``; 0 where there is no edge."""
    target, source = (among > 0).nonzero(as_tuple=True)
    if not len(target):
        return shares.sum() * 0
    pairs = torch.randint(len(among), (2, len(target)), generator=rng).to(among.device)
    free = (among[pairs[0], pairs[1]] == 0) & (pairs[0] != pairs[1])
    left, right = torch.cat([target, pairs[0][free]]), torch.cat([source, pairs[1][free]])
    spoken = shares if adj is None else shares + shares @ adj
    likely = (spoken[left] * shares[right]).sum(1).clamp(1e-6, 1 - 1e-6)
    truth = torch.zeros_like(likely)
    truth[: len(target)] = 1
    return F.binary_cross_entropy(likely, truth)
