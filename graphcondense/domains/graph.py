"""Graph-level problems: many small graphs, each with a class, tasks or targets."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Generator, Tensor, nn

from graphcondense.core.method import Method, Parts
from graphcondense.core.pools import Fresh, built
from graphcondense.core.types import Batch, Objective, Pool, Schedule, Synthetic
from graphcondense.domains.exchange import choice_bytes, chosen_graphs
from graphcondense.domains.graph_source import BLOCK as BLOCK
from graphcondense.domains.graph_source import GraphSource as GraphSource
from graphcondense.domains.graph_source import readouts as readouts
from graphcondense.domains.graph_source import standardised
from graphcondense.kernels.ridge import ridge_targets, ridge_weights
from graphcondense.nn.graph_layouts import DenseGraphs
from graphcondense.nn.graphs import GraphNet, resolve
from graphcondense.objectives.terms import Plus, Sparse, density
from graphcondense.ops.adjacency import csr_from_edges
from graphcondense.ops.fields import Count, Natural, NonNegative, Positive, Share
from graphcondense.ops.select import CHOICES, choose_random
from graphcondense.ops.types import Record
from graphcondense.saved.graph_set import GraphSet


@dataclass(frozen=True, kw_only=True)
class Relaxation:
    """How edges are relaxed.

    Attributes:
        temperature: τ of the binary concrete relaxation.
        confidence: edge logits start at this for an edge of the start and at minus this elsewhere.
        straight: round the adjacency in the forward pass (straight-through gradient).
    """

    temperature: Positive = 1.0
    confidence: NonNegative = 2.0
    straight: bool = False


class GraphSynthetic(Synthetic):
    """Learnable graphs: features, edge probabilities, and optionally edge features.

    The adjacency of a step is binary concrete (Jin et al., KDD 2022, eq. 8; Maddison et al., ICLR
    2017): ``A_ij = σ((logit(u) + Ω_ij) / τ)`` with ``u`` uniform, symmetric, drawn anew each step.
    Exported are the edges with ``Ω > 0``.

    Args:
        start: the graphs it starts from, encoded; they give the number of nodes of each.
        groups: the group of each graph ``[g]``, ascending.
        num_groups: number of groups.
        relaxed: how edges are relaxed.
        edge_features: whether edges have learnable features.
        most_pairs: an exported graph has at most so many edges (both directions of one count
            once), those of the largest Ω; ``None``: no limit.
        targets: labels as models learn them.
    """

    y: Tensor
    group: Tensor
    noise: Tensor
    mask: Tensor
    pairs: Tensor
    inside: Tensor

    def __init__(
        self,
        start: GraphSet,
        groups: Tensor,
        num_groups: int,
        *,
        relaxed: Relaxation | None = None,
        edge_features: bool = False,
        most_pairs: int | None = None,
        targets: Callable[[Tensor], Tensor] | None = None,
    ) -> None:
        super().__init__()
        g, n = len(start), int(start.sizes.max())
        self.sizes = start.sizes
        mask = torch.arange(n) < self.sizes[:, None]
        self.register_buffer("mask", mask.to(start.x.device), persistent=False)
        x = start.x.new_zeros(g, n, start.x.shape[1])
        x[mask] = start.x
        self.x = nn.Parameter(x)
        pairs = torch.triu_indices(n, n, offset=1)
        self.register_buffer("pairs", pairs.to(x.device), persistent=False)
        inside = mask[:, pairs[0]] & mask[:, pairs[1]]
        self.register_buffer("inside", inside.to(x.device), persistent=False)
        adj = dense_of(start, n)
        joined = torch.maximum(adj, adj.transpose(1, 2))[:, pairs[0], pairs[1]] > 0
        relaxed = relaxed or Relaxation()
        confidence = relaxed.confidence
        self.logits = nn.Parameter(torch.where(joined, confidence, -confidence).to(x))
        self.register_buffer("noise", torch.zeros_like(self.logits))
        self.edge: nn.Parameter | None = None
        if edge_features:
            assert start.edge_attr is not None
            attr = dense_of(start, n, start.edge_attr)[:, pairs[0], pairs[1]]
            # A pair without an edge starts from the mean edge, so that it means something.
            usual = start.edge_attr.mean(0) if len(start.edge_attr) else attr.new_zeros(())
            self.edge = nn.Parameter(torch.where(joined[..., None], attr, usual).to(x))
        self.register_buffer("y", start.y.clone())
        self.register_buffer("group", groups.to(x.device), persistent=False)
        self.temperature, self.straight = relaxed.temperature, relaxed.straight
        self.num_groups, self.most_pairs = num_groups, most_pairs
        self.targets = targets or (lambda y: y)

    def groups(self) -> dict[str, list[nn.Parameter]]:
        out = {"x": [self.x], "adj": [self.logits]}
        return out if self.edge is None else {**out, "edge": [self.edge]}

    def draw(self, rng: Generator) -> None:
        u = torch.rand(self.logits.shape, generator=rng).clamp_(1e-6, 1 - 1e-6)
        self.noise.copy_(torch.logit(u))

    @property
    def probabilities(self) -> Tensor:
        """``σ(Ω)`` of all pairs that are there, ``[pairs]``."""
        return torch.sigmoid(self.logits[self.inside])

    def _square(self, values: Tensor) -> Tensor:
        """Values of pairs ``[g, pairs, ...]`` as symmetric ``[g, n, n, ...]``."""
        g, n = self.mask.shape
        square = values.new_zeros(g, n, n, *values.shape[2:])
        i, j = self.pairs
        square[:, i, j] = values
        square[:, j, i] = values
        return square

    def graphs(self) -> DenseGraphs:
        """This step's graphs."""
        soft = torch.sigmoid((self.noise + self.logits) / self.temperature) * self.inside
        if self.straight:
            soft = soft + ((soft > 0.5).to(soft) - soft).detach()
        edge = None if self.edge is None else self._square(self.edge)
        return DenseGraphs(self._square(soft), self.mask, edge)

    def batch(self, c: int | None = None) -> Batch:
        if c is None:
            return Batch((self.x, self.graphs()), self.targets(self.y))
        return self._group(c, self.graphs())

    def batches(self) -> list[Batch]:
        graphs = self.graphs()
        return [self._group(c, graphs) for c in range(self.num_groups)]

    def _group(self, c: int, graphs: DenseGraphs) -> Batch:
        rows = (self.group == c).nonzero().flatten()
        return Batch((self.x[rows], graphs.select(rows)), self.targets(self.y[rows]))

    @torch.no_grad()
    def export(self) -> GraphSet:
        """The graphs with the edges of ``Ω > 0``, packed, on the CPU."""
        mask, (i, j) = self.mask.cpu(), self.pairs.cpu()
        kept = ((self.logits > 0) & self.inside).cpu()
        edge = None if self.edge is None else self.edge.detach().cpu()
        edges, attrs, lengths = [], [], []
        start = 0
        for k, size in enumerate(self.sizes.tolist()):
            pairs = kept[k].nonzero().flatten()
            if self.most_pairs is not None and len(pairs) > self.most_pairs:
                likely = self.logits[k, pairs.to(self.logits.device)].topk(self.most_pairs).indices
                pairs = pairs[likely.cpu()].sort().values
            one_way = torch.stack([i[pairs], j[pairs]])
            both = torch.cat([one_way, one_way.flip(0)], 1)
            order = (both[0] * len(mask[k]) + both[1]).argsort()
            edges.append(both[:, order] + start)
            lengths.append(both.shape[1])
            if edge is not None:
                attrs.append(torch.cat([edge[k, pairs], edge[k, pairs]])[order])
            start += size
        return GraphSet(
            x=self.x.detach().cpu()[mask],
            edge_index=torch.cat(edges, 1),
            edge_attr=torch.cat(attrs) if edge is not None else None,
            node_ptr=torch.cat([torch.zeros(1, dtype=torch.long), self.sizes.cumsum(0).cpu()]),
            edge_ptr=torch.tensor([0, *lengths]).cumsum(0),
            y=self.y.cpu().clone(),
        )


def dense_of(graphs: GraphSet, n: int, attr: Tensor | None = None) -> Tensor:
    """Adjacency ``[g, n, n]`` (row: target) of packed graphs, or their edges' features
    ``[g, n, n, e]``."""
    of = graphs.batch[graphs.edge_index[0]]
    source, target = graphs.edge_index - graphs.node_ptr[of]
    values = torch.ones(len(of), device=of.device) if attr is None else attr
    out = values.new_zeros(len(graphs), n, n, *values.shape[1:])
    out[of, target, source] = values
    return out


@dataclass(frozen=True, kw_only=True)
class LearntGraphs(Relaxation, Method[GraphSource]):
    """What every method shares that learns features and edges of several small graphs.

    Attributes:
        init: which training graphs the synthetic ones start from: ``"random"`` ones of the group
            (the papers), ``"herding"``, ``"kcenter"``, ``"central"`` (the one nearest to the
            group's mean, then random ones), ``"ridge"`` (of :attr:`draws` random choices the one
            from which ridge regression predicts the training graphs best), all on readouts; or
            ``"exchange"``, what the method of that name chooses with its defaults. ``"auto"`` is
            ``"central"`` for one graph a group and else ``"ridge"``.
        draws: random choices that ``"ridge"`` compares.
        nodes_per_graph: of every synthetic one; by default those of its start. A larger start is
            cut to the nodes nearest to its best connected one, a smaller one is avoided.
        edge_features: also learn features of the edges.
        real_batch: real graphs a group and step.
        steps: updates.
        lr_x: Adam's learning rate on the features (and on those of edges).
        lr_adj: Adam's learning rate on the edge logits.
        anneal: lower both learning rates linearly to zero.
        sparsity: weight β of the charge on edges; 0 leaves it out.
        density: mean edge probability that is free of charge; by default that of the start.
    """

    kind = "graph"
    learns = "features + adjacency (Bernoulli)"
    cost = "one loop"

    init: Literal["auto", "random", "central", "herding", "kcenter", "ridge", "exchange"] = "auto"
    draws: Count = 200
    nodes_per_graph: Count | None = None
    edge_features: bool = False
    real_batch: Count = 64
    steps: Natural = 200
    lr_x: NonNegative = 0.01
    lr_adj: NonNegative = 0.1
    anneal: bool = True
    sparsity: NonNegative = 0.1
    density: Share | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.density is not None and not self.sparsity:
            raise ValueError(
                f"density={self.density} cannot act without a charge on edges: set sparsity above "
                "0, or leave density out"
            )

    def most_nodes(self, real: GraphSource) -> int:
        """Nodes of a synthetic graph, at most."""
        asked = self.nodes_per_graph
        return real.largest if asked is None else min(asked, real.largest)

    def memory_bytes(self, real: GraphSource) -> int:
        """The synthetic graphs with all of their pairs, and a batch of real ones."""
        graphs, n = int(self.sizes(real).sum()), self.most_nodes(real)
        real_nodes = self.real_batch * real.largest * real.num_classes
        pairs = PAIR_COPIES + 6 * real.num_edge_features
        choice = 0
        if self.init == "exchange":
            choice = choice_bytes(real, graphs)
        return (
            choice
            + 4 * (6 * graphs * n * real.num_features + graphs * n * n * pairs)
            + (8 * real_nodes * real.num_features)
        )

    def start(self, real: GraphSource, rng: Generator) -> GraphSynthetic:
        """The synthetic graphs before the first update."""
        sizes, nodes = self.sizes(real), self.nodes_per_graph
        members = []
        for group, k in zip(real.members, sizes.tolist(), strict=True):
            large = group if nodes is None else group[real.task.graphs.sizes[group] >= nodes]
            members.append(large if len(large) >= k else group)
        begin = real.task.batch(self.chosen(real, members, sizes.tolist(), rng))
        return GraphSynthetic(
            begin if nodes is None else cut(begin, nodes),
            torch.arange(real.num_classes).repeat_interleave(sizes),
            real.num_classes,
            edge_features=self.edge_features,
            **self.relaxation(real),
        ).to(real.device)

    def relaxation(self, real: GraphSource) -> Record:
        """How edges are relaxed and exported, see :class:`GraphSynthetic`."""
        return {
            "relaxed": self,
            # A budget in bytes counts every graph like the largest real one.
            "most_pairs": None if self.bytes is None else real.most_edges // 2,
            "targets": real.task.scaled,
        }

    def chosen(
        self, real: GraphSource, members: Sequence[Tensor], sizes: Sequence[int], rng: Generator
    ) -> Tensor:
        """So many graphs of each group's ``members``, in a row."""
        init = self.init
        if init == "auto":
            init = "central" if max(sizes) <= 1 else "ridge"
        if init == "ridge":
            return most_telling(real, members, sizes, self.draws, rng)
        if init == "exchange":
            return chosen_graphs(real, members, sizes, rng).index
        picked = [
            group[CHOICES[init](readouts(real, group), k, rng)]
            for group, k in zip(members, sizes, strict=True)
        ]
        return torch.cat(picked)

    def learn(self, real: GraphSource, rng: Generator, objective: Objective, pool: Pool) -> Parts:
        """Parts that minimise ``objective``, and the charge on edges, over synthetic graphs."""
        start = self.start(real, rng)
        if self.sparsity:
            level = float(density(start).detach()) if self.density is None else self.density
            objective = Plus(objective, Sparse(self.sparsity, level))
        rates = {g: self.lr_adj if g == "adj" else self.lr_x for g in start.groups()}
        schedule = Schedule(self.steps, rates, anneal=self.anneal)
        return Parts(syn=start, objective=objective, pool=pool, schedule=schedule)


PAIR_COPIES = 20
"""Values that are kept for a pair of nodes: logits, their moments, and the adjacency's forms."""


@dataclass(frozen=True, kw_only=True)
class MatchedGraphs(LearntGraphs):
    """:class:`LearntGraphs` that are compared with the real ones through fresh networks.

    Attributes:
        model: the network that both sides are seen through: ``"gcn"``, ``"gin"``, ``"sage"`` or
            ``"gat"``.
        hidden_channels: its width.
        num_layers: its rounds of message passing.
        readout: ``"mean"``, ``"sum"`` or ``"attention"``.
    """

    model: Literal["gcn", "gin", "sage", "gat"] = "gcn"
    hidden_channels: Count = 128
    num_layers: Count = 3
    readout: Literal["mean", "sum", "attention"] = "mean"

    def memory_bytes(self, real: GraphSource) -> int:
        """What the network keeps of both sides, too, with the second derivative of one."""
        graphs, n = int(self.sizes(real).sum()), self.most_nodes(real)
        real_nodes = self.real_batch * real.largest
        states = 4 * self.hidden_channels * self.num_layers * (12 * graphs * n + 4 * real_nodes)
        return super().memory_bytes(real) + states

    def network(self, real: GraphSource) -> GraphNet:
        """The network both sides are seen through."""
        return built(
            resolve(self.model),
            real.num_features,
            self.hidden_channels,
            real.task.num_outputs,
            self.num_layers,
            readout=self.readout,
            edge_channels=real.num_edge_features,
        ).to(real.device)

    def match(self, real: GraphSource, rng: Generator, objective: Objective) -> Parts:
        """:meth:`learn` with a fresh network every step."""
        pool = Fresh(self.network(real), criterion=real.criterion)
        return self.learn(real, rng, objective, pool)


def most_telling(
    real: GraphSource, members: Sequence[Tensor], sizes: Sequence[int], draws: int, rng: Generator
) -> Tensor:
    """Of random choices of training graphs the one that tells most of the others, by group.

    Each choice is judged by the squared error on all training graphs, every group of which counts
    the same, of ridge regression on it alone. Readouts are standardised; the ridge is a tenth of
    the mean of the kernel's diagonal.

    Args:
        members: training graphs of each group that may be chosen.
        sizes: how many of each.
        draws: choices that are compared.

    Raises:
        ValueError: if ``draws`` is below 1.
    """
    if draws < 1:
        raise ValueError(f"draws={draws}: compare at least one choice")
    task, train = real.task, real.task.train
    rows = standardised(readouts(real, train))
    y = ridge_targets(task.label_kind, task.num_outputs)(task.scaled(task.graphs.y[train])).to(rows)
    known = ~y.isnan()
    groups = task.groups[train]
    share = (1 / torch.bincount(groups).double())[groups].to(rows)[:, None]
    place = torch.empty(len(task), dtype=torch.long)
    place[train] = torch.arange(len(train))
    best, kept = torch.inf, torch.empty(0, dtype=torch.long)
    for _ in range(draws):
        picked = torch.cat(
            [group[choose_random(group, k, rng)] for group, k in zip(members, sizes, strict=True)]
        )
        chosen = rows[place[picked]]
        outputs = rows @ (chosen.T @ ridge_weights(chosen @ chosen.T, y[place[picked]], 0.1))
        error = float((share * (outputs - y).square())[known].sum())
        if error < best:
            best, kept = error, picked
    return kept


def cut(graphs: GraphSet, size: int) -> GraphSet:
    """Graphs of at most ``size`` nodes: those nearest to the node of most edges, by hops."""
    from scipy.sparse.csgraph import breadth_first_order

    kept = torch.zeros(len(graphs.x), dtype=torch.bool)
    for i, first in enumerate(graphs.node_ptr[:-1].tolist()):
        one = graphs.select(torch.tensor([i]))
        adj = csr_from_edges(one.edge_index, None, len(one.x))
        root = int((adj + adj.T).sum(1).argmax())
        order = breadth_first_order(adj, root, directed=False, return_predecessors=False)
        kept[first + torch.from_numpy(order[:size].astype("int64"))] = True
    return graphs.induced(kept)


class ChosenGraphs(Synthetic):
    """Finished graphs, for methods that learn nothing.

    Args:
        graphs: what to export, encoded.
    """

    def __init__(self, graphs: GraphSet) -> None:
        super().__init__()
        self.chosen = graphs

    def groups(self) -> dict[str, list[nn.Parameter]]:
        return {}

    def export(self) -> GraphSet:
        """The graphs, on the CPU."""
        return self.chosen.to("cpu")
