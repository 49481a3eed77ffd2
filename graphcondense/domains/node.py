"""Node-level data: one graph, some nodes labelled."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Literal, NamedTuple

import torch
from torch import Generator, Tensor, nn

from graphcondense.core.method import Method, Parts
from graphcondense.core.pools import Fresh, OnSynthetic, built, inner_adam
from graphcondense.core.types import Batch, Objective, Schedule, Synthetic
from graphcondense.domains.node_source import NodeSource
from graphcondense.domains.starts import start_labelled
from graphcondense.domains.structure import Bernoulli, Fixed, Identity, PairwiseMLP, Structure
from graphcondense.nn.propagate import MODELS, Propagation
from graphcondense.objectives.gradient import GradientMatching
from graphcondense.ops.adjacency import gcn_norm_dense
from graphcondense.ops.arrays import dense
from graphcondense.ops.fields import Count, Natural, NonNegative, Positive

if TYPE_CHECKING:
    from graphcondense.saved.condensed_graph import CondensedGraph


class _Sight(NamedTuple):
    """All nodes as learners see them, and the adjacency before it was normalised."""

    batch: Batch
    adj: Tensor | None


class NodeSynthetic(Synthetic):
    """A small graph whose features are learnt, and whose edges come from a structure.

    Args:
        x: initial features ``[n, d]``; copied.
        y: classes ``[n]``, in ascending order; or targets ``[n, T]`` as models learn them; fixed.
        structure: where the edges come from; by default there are none.
        threshold: exported edges are those of weight above it.
        num_classes: number of classes.
        group: where ``y`` are no classes, the group of each node ``[n]``, ascending.
        unscaled: brings targets into their own units for the export.
    """

    y: Tensor
    group: Tensor | None

    def __init__(
        self,
        x: Tensor,
        y: Tensor,
        structure: Structure | None = None,
        *,
        threshold: float = 0.0,
        num_classes: int,
        group: Tensor | None = None,
        unscaled: Callable[[Tensor], Tensor] | None = None,
    ) -> None:
        super().__init__()
        self.x = nn.Parameter(x.detach().clone())
        self.register_buffer("y", y.clone())
        self.register_buffer("group", None if group is None else group.clone())
        self.unscaled = unscaled
        self.structure = Identity() if structure is None else structure
        self.threshold = threshold
        self.num_classes = num_classes
        self._made: tuple[list[Tensor], list[tuple[int, bool]], _Sight] | None = None
        self._shared = False

    def groups(self) -> dict[str, list[nn.Parameter]]:
        adj = list(self.structure.parameters())
        return {"x": [self.x], **({"adj": adj} if adj else {})}

    def draw(self, rng: Generator) -> None:
        self.structure.draw(rng)

    def batch(self, c: int | None = None) -> Batch:
        return self.batches()[c] if c is not None else self._whole()

    def _whole(self) -> Batch:
        """All nodes."""
        return self._sight().batch

    def edges(self) -> Tensor | None:
        """The adjacency before it is normalised ``[n, n]``, or ``None``."""
        return self._sight().adj

    @contextmanager
    def once(self) -> Iterator[None]:
        """Inside, edges are made once for batches and for :meth:`edges`: of what is made of both
        one gradient is taken, afterwards."""
        self._shared = True
        try:
            yield
        finally:
            self._shared = False
            if torch.is_grad_enabled():
                self._made = None

    def _sight(self) -> _Sight:
        """All nodes and edges. What was made without gradients, to train a network on, is given
        once more to the match that follows, as long as nothing has changed: edges cost more than
        either."""
        parts = [self.x, *self.structure.parameters(), *self.buffers()]
        marks = [(part._version, part.requires_grad) for part in parts]
        kept = self._shared or not torch.is_grad_enabled()  # else a gradient frees the graph
        if self._made is not None:
            before, then, sight = self._made
            if then == marks and all(a is b for a, b in zip(parts, before, strict=True)):
                if not kept:
                    self._made = None
                return sight
        with torch.enable_grad():
            adj = self.structure(self.x)
            seen = None if adj is None else gcn_norm_dense(adj)
            sight = _Sight(Batch((self.x, seen), self.y, None, self.group), adj)
        self._made = (parts, marks, sight) if kept else None
        return sight

    def batches(self) -> list[Batch]:
        whole = self._whole()
        classes = whole.classes
        members = [(classes == c).nonzero().flatten() for c in range(self.num_classes)]
        return [Batch(whole.inputs, self.y[rows], rows) for rows in members]

    @torch.no_grad()
    def export(self) -> CondensedGraph:
        """A PyG ``Data``: ``x [n, d]``, ``edge_index [2, m]``, ``edge_weight [m]``, ``y [n]`` or
        targets ``[n, T]``, ``train_mask [n]``."""
        y = self.y if self.unscaled is None else self.unscaled(self.y)
        return small_graph(self.x, self.structure.hard(self.x, self.threshold), y)


def small_graph(x: Tensor, adj: Tensor | None, y: Tensor) -> CondensedGraph:
    """A condensed graph as PyG ``Data`` on the CPU; ``adj`` dense ``[n, n]`` or ``None``."""
    from graphcondense.saved.condensed_graph import CondensedGraph

    if adj is None:
        edges, weight = torch.empty(2, 0, dtype=torch.long), torch.empty(0)
    else:
        # A[i, j] is the edge j -> i.
        target, source = adj.nonzero(as_tuple=True)
        edges, weight = torch.stack([source, target]), adj[target, source]
    return CondensedGraph(
        x=x.detach().to("cpu", torch.float32, copy=True),
        edge_index=edges.cpu(),
        edge_weight=weight.detach().to("cpu", torch.float32),
        y=y.to("cpu", copy=True),
        train_mask=torch.ones(len(y), dtype=torch.bool),
    )


def induced(real: NodeSource, nodes: Tensor) -> tuple[Tensor, Fixed]:
    """The raw features ``[n, d]`` of nodes of the real graph, and the edges between them."""
    small = real.task.subgraph(nodes)
    x, adj = dense(small.x_array), small.adj.toarray()
    place = (real.device, real.dtype)
    return torch.from_numpy(x).to(*place), Fixed(torch.from_numpy(adj).to(*place))


@dataclass(frozen=True, kw_only=True)
class NodeMethod(Method[NodeSource]):
    """What every method of nodes shares; those that do not say more condense classes alone."""

    kind = "node"
    label_kinds: ClassVar[tuple[str, ...]] = ("classes",)

    def instead(self, missing: int, total: int) -> str:
        """Nodes of one graph can be labelled by label propagation, up to all that there are."""
        if missing > total:
            return ""
        return f", or label {missing} more nodes of each class with pseudo_labels={missing}"


def hops_alone(hops: int) -> tuple[float, ...]:
    """The weights of ``X, ÂX, Â²X, ...`` that stand for ``Â^hops X``.

    >>> hops_alone(2)
    (0.0, 0.0, 1.0)
    """
    return (*(0.0 for _ in range(hops)), 1.0)


@dataclass(frozen=True, kw_only=True)
class LearntGraph(NodeMethod):
    """What every method shares that learns the features and edges of a small graph.

    Attributes:
        structure: where edges come from: ``"mlp"`` (pairwise MLP of the features), ``"identity"``
            (none; the -X variants) or ``"bernoulli"`` (free probabilities, binary concrete).
        structure_hidden: width of the pairwise MLP.
        structure_bias: start of the MLP's last bias or of the Bernoulli logits; 0 starts every
            edge at weight 1/2, -4 near the empty graph.
        coupled: whether the features also feel the gradient through the MLP (the paper), which is
            large.
        temperature: of the binary concrete relaxation.
        threshold: exported edges are those of weight above it.
        init: which training nodes of a class its synthetic nodes start from: ``"random"`` (the
            papers), ``"kcenter"``, ``"herding"``, or ``"kmeans"`` (cluster centres, no rows).
        init_hops: the start is a row of ``Â^init_hops X``; 0 is the raw features (the papers).
        epochs: networks in all; of a method without new networks, updates.
        lr_x: Adam's learning rate on the features.
        lr_relative: count ``lr_x`` in root mean squares of the features at the start; the papers'
            rates are absolute.
        lr_adj: Adam's learning rate on the structure.
        anneal: lower both learning rates linearly to zero.
        adj_turns: the structure moves for so many turns,
        x_turns: then the features for so many; 0 and 0 move both at once.
        turn: what a turn is: a whole ``"epoch"`` (all matches of one network; GCond's code) or a
            single ``"step"``.
    """

    learns = "features + adjacency (MLP)"
    cost = "two loops"

    structure: Literal["mlp", "identity", "bernoulli"] = "mlp"
    structure_hidden: Count = 128
    structure_bias: float = -4.0
    coupled: bool = True
    temperature: Positive = 1.0
    threshold: NonNegative = 0.05
    init: Literal["random", "kcenter", "herding", "kmeans"] = "random"
    init_hops: Natural = 0
    epochs: Natural = 20
    lr_x: NonNegative = 0.04
    lr_relative: bool = True
    lr_adj: NonNegative = 1e-4
    anneal: bool = False
    adj_turns: Natural = 1
    x_turns: Natural = 4
    turn: Literal["epoch", "step"] = "step"

    @property
    def propagates(self) -> bool:
        return self.init_hops > 0

    @property
    def row_weights(self) -> tuple[float, ...]:
        return hops_alone(self.init_hops)

    @property
    def pair_bytes(self) -> int:
        return 0 if self.structure == "identity" else 2 * EDGE_BYTES

    def start(self, real: NodeSource, rng: Generator) -> NodeSynthetic:
        """The synthetic graph before the first update."""
        x, y, group = start_labelled(real, self.sizes(real), self.init, self.init_hops, rng)
        structure = self._structure(x, rng).to(real.device)
        return synthetic_of(real, x, y, group, structure, self.threshold)

    def _structure(self, x: Tensor, rng: Generator) -> Structure:
        if self.structure == "identity":
            return Identity()
        if self.structure == "bernoulli":
            return Bernoulli(len(x), self.temperature, self.structure_bias)
        sizes = (x.shape[1], self.structure_hidden)
        mlp = built(PairwiseMLP, *sizes, self.structure_bias, self.coupled).to(x.dtype)
        mlp.reset_(rng)
        return mlp

    def schedule(self, matches: int, start: NodeSynthetic) -> Schedule:
        """The schedule when every network is matched ``matches`` times."""
        steps = self.epochs * matches
        rates = {"x": self.lr_x * (scale_of(start.x) if self.lr_relative else 1.0)}
        if self.structure == "identity":
            return Schedule(steps, rates, anneal=self.anneal)
        unit = matches if self.turn == "epoch" else 1
        cycle = taken_in_turn(("adj", self.adj_turns * unit), ("x", self.x_turns * unit))
        return Schedule(steps, {**rates, "adj": self.lr_adj}, cycle, anneal=self.anneal)


@dataclass(frozen=True, kw_only=True)
class NetworkMatched(LearntGraph):
    """A learnt graph that is compared with the real one through networks.

    Attributes:
        model: matching network, ``"sgc"``, ``"gcn"``, ``"appnp"`` or ``"mlp"``.
        hidden_channels: its width.
        num_layers: its linear layers.
        hops: how often SGC and APPNP propagate.
    """

    model: Literal["sgc", "gcn", "appnp", "mlp"] = "sgc"
    hidden_channels: Count = 256
    num_layers: Count = 2
    hops: Natural = 2

    def memory_bytes(self, real: NodeSource) -> int:
        """The synthetic graph and its pairs, the real rows that are matched, and the networks."""
        n, d, hidden = int(self.sizes(real).sum()), real.num_features, self.hidden_channels
        rows, most = len(real.labels), int(real.counts.max())
        classes = max(real.num_classes, real.num_outputs)
        linear = self.model == "sgc"
        designs = len({self.hops, self.init_hops}) if linear else len({self.init_hops})
        seen = 0 if linear else real.num_examples
        pairs = 0 if self.structure == "identity" else n * n
        layers = PAIR_COPIES * self.structure_hidden if self.structure == "mlp" else 8
        floats = (
            6 * n * d  # values, gradient, two moments, the best, the export
            + (designs + linear) * rows * d  # propagated rows, and sorted by class
            + (4 * most if self.init == "kmeans" else most) * d  # what a class starts from
            + 3 * most * classes  # residuals of a class
            + 12 * classes**2 * (d + hidden)  # gradients of classes, in double precision
            + seen * (2 * d + 4 * hidden)  # what a network that is not linear computes of all nodes
            + 8 * (d + n) * hidden  # a network, its moments and gradients, and what it computes
            + pairs * layers
        )
        return 4 * floats + real.propagation_bytes()

    def seen(self) -> tuple[float, ...]:
        """The weights of ``X, ÂX, ...`` in what the network sees of a node, as far as it is linear;
        for :attr:`~graphcondense.core.method.Method.private_view`."""
        hops = MODELS[self.model].count_hops(self.num_layers, self.hops)
        return (*[0.0] * hops, 1.0)

    def network(self, real: NodeSource) -> Propagation:
        """The matching network."""
        sizes = (real.num_features, self.hidden_channels, real.num_outputs, self.num_layers)
        return built(MODELS[self.model], *sizes, hops=self.hops).to(real.device, real.dtype)

    def match(
        self,
        real: NodeSource,
        rng: Generator,
        objective: Objective,
        outer: int = 1,
        inner: int = 0,
        lr_model: float = 0.01,
        fanout: int | None = None,
    ) -> Parts:
        """The parts of a method that compares through fresh networks: ``outer`` matches for each,
        ``inner`` steps of training on the synthetic graph between two (Adam at ``lr_model``),
        ``fanout`` neighbours a hop where the real graph is sampled."""
        model, syn = self.network(real), self.start(real, rng)
        lessons = OnSynthetic(settle=model.settled)
        return Parts(
            syn=syn,
            objective=objective,
            pool=Fresh(model, outer, inner, inner_adam(lr_model), real.criterion, lessons=lessons),
            schedule=self.schedule(outer, syn),
            real=real.looking(model.hops, fanout, model.settled),
        )


@dataclass(frozen=True, kw_only=True)
class GradientMatched(NetworkMatched):
    """A learnt graph whose gradients match the real one's.

    Attributes:
        real_batch: real nodes a class and step; all by default.
        fanout: neighbours a hop where the real graph is sampled; all by default.
        distance: ``"cosine"`` over output units, or ``"mse"``.
        path: ``"auto"``, ``"closed"`` or ``"autograd"``, see
            :class:`~graphcondense.objectives.gradient.GradientMatching`.
        match_biases: whether one-dimensional parameters count in the distance.
        eps: added to the product of norms in the cosine, which makes units of small gradient count
            less; published code adds 1e-6.
    """

    family = "gradient matching"

    real_batch: Count | None = None
    fanout: Count | None = None
    distance: Literal["cosine", "mse"] = "cosine"
    path: Literal["auto", "autograd", "closed"] = "auto"
    match_biases: bool = False
    eps: NonNegative = 0.0

    @property
    def propagates(self) -> bool:
        closed = self.path != "autograd" and self.distance == "cosine" and not self.match_biases
        linear = self.model == "sgc" and self.hops > 0 and self.real_batch is None
        return super().propagates or (closed and linear)

    def gradients(self) -> GradientMatching:
        """The distance of gradients."""
        return GradientMatching(
            distance=self.distance,
            path=self.path,
            biases=self.match_biases,
            eps=self.eps,
            size=self.real_batch,
        )


EDGE_BYTES = 8 + 8 + 4
"""Bytes of one directed edge: two int64 ids and a float32 weight."""
PAIR_COPIES = 2
"""Values of a hidden unit for each pair: one that the pairwise MLP keeps, and room for the rest."""


def synthetic_of(
    real: NodeSource,
    x: Tensor,
    y: Tensor,
    group: Tensor,
    structure: Structure | None = None,
    threshold: float = 0.0,
) -> NodeSynthetic:
    """A small graph of features ``[n, d]``, labels as models learn them and the classes, or groups,
    of nodes ``[n]``, ascending."""
    classes = real.task.label_kind == "classes"
    return NodeSynthetic(
        *(x, group if classes else y, structure),
        threshold=threshold,
        num_classes=real.num_classes,
        group=None if classes else group,
        unscaled=None if classes else real.task.unscaled,
    )


def scale_of(x: Tensor) -> float:
    """The root mean square of features, in which a relative learning rate counts; 1 if it is 0."""
    return float(x.detach().square().mean().sqrt()) or 1.0


def taken_in_turn(*turns: tuple[str, int]) -> tuple[tuple[str, int], ...]:
    """The cycle of a schedule: those groups that have a turn."""
    return tuple(turn for turn in turns if turn[1])
