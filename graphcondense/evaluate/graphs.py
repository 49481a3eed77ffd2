"""Train on a few graphs, validate on the real ones: the measure of every condensed set of graphs.

The protocol: Adam on the small set, all seeds at once; validation on the real graphs every few
steps; the step with the best *validation* score (of equal ones the lowest validation loss, then the
first) and the last step are each read once on the test graphs, after training has ended.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from copy import copy
from dataclasses import dataclass, fields, replace
from typing import Any, TypeAlias

import torch
from torch import Tensor
from torch.func import functional_call, vmap

from graphcondense.core.pools import built, initialise
from graphcondense.data.graph_task import GraphTask, as_graph_task, pack
from graphcondense.data.graph_task import Kind as LabelKind
from graphcondense.data.task import is_dataset
from graphcondense.evaluate.metrics import check_scorable, ogb_metric, scores_of
from graphcondense.evaluate.nodes import FitResult, _now, seeds_of
from graphcondense.nn.graphs import GraphNet, Readout, SparseGraphs, resolve
from graphcondense.ops.criteria import CRITERIA
from graphcondense.ops.device import usable
from graphcondense.ops.fields import Count, Momentum, NonNegative, Positive, check_fields
from graphcondense.ops.progress import tqdm
from graphcondense.saved.graph_set import GraphSet

GraphModel: TypeAlias = "str | type[GraphNet]"
"""A graph-level model by its name, or a class."""

NODES = 6000
"""Nodes up to which a training step takes the whole set; above it takes batches."""

PREDICT = 2500
"""Nodes that are predicted at once: the states of several seeds then still fit into the caches."""


@dataclass(frozen=True)
class GraphTraining:
    """How the evaluator trains: the same for every set that is compared.

    Attributes:
        steps: updates of Adam.
        hidden: width of the layers.
        num_layers: rounds of message passing.
        readout: ``"mean"``, ``"sum"`` or ``"attention"``.
        virtual_node: whether each graph has one.
        edge_features: whether models see edge features; every set that is compared then needs them.
        lr: learning rate of Adam, lowered to zero along a half cosine.
        weight_decay: of Adam, for every parameter.
        dropout: on hidden activations.
        batch_size: graphs a step where the whole set has more than :data:`NODES` nodes; all seeds
            see the same batches.
        val_every: validate after every so many steps, and after the last. The grid matters: a
            score is only comparable at the same value.
    """

    steps: Count = 300
    hidden: Count = 128
    num_layers: Count = 3
    readout: Readout = "mean"
    virtual_node: bool = False
    edge_features: bool = False
    lr: Positive = 0.001
    weight_decay: NonNegative = 0.0
    dropout: Momentum = 0.0
    batch_size: Count = 128
    val_every: Count = 5

    def __post_init__(self) -> None:
        check_fields(self)


@dataclass(frozen=True)
class Part:
    """Graphs as models take them, with their labels."""

    x: Tensor
    graphs: SparseGraphs
    y: Tensor

    @classmethod
    def of(cls, graphs: GraphSet, like: Tensor, edge_features: bool) -> Part:
        x = graphs.x.to(like)
        packed = SparseGraphs.of(graphs, like, edge_features=edge_features)
        return cls(x, packed, graphs.y.to(like.device))


class GraphEvaluator:
    """Trains on small sets of graphs and scores on one real set.

    Args:
        real: the real graphs, anything :func:`~graphcondense.data.graph_task.as_graph_task` takes.
        device: where to train; default the CPU.
        **options: fields of :class:`GraphTraining`.

    Raises:
        ValueError: if ``real`` has no validation graphs, or an option is out of range.
        TypeError: for an option that does not exist.
    """

    def __init__(
        self, real: Any, *, device: torch.device | str | None = None, **options: Any
    ) -> None:
        known = [field.name for field in fields(GraphTraining)]
        if unknown := sorted(set(options) - set(known)):
            raise TypeError(f"unknown option {', '.join(unknown)}; known are {', '.join(known)}")
        self.real = as_graph_task(real)
        check_scorable(self.real, "val")
        self.training = GraphTraining(**options)
        self._check_edges()
        self._like = torch.empty(0, device=usable(device))
        self._parts: dict[tuple[str, bool], list[Part]] = {}

    def replace(self, **options: Any) -> GraphEvaluator:
        """An evaluator with other settings on the same real graphs, which both share."""
        out = copy(self)
        out.training = replace(self.training, **options)
        out._check_edges()
        return out

    def _check_edges(self) -> None:
        if self.training.edge_features and not self.real.num_edge_features:
            raise ValueError(f"edge_features=True, but {self.real.name} has no edge features")

    def fit(
        self,
        model: GraphModel,
        small: Any,
        *,
        seeds: int | Sequence[int] = 5,
        progress: bool = False,
    ) -> FitResult:
        """Train ``model`` on ``small`` with every seed; read the test graphs once, at the end.

        Args:
            model: a name in :data:`~graphcondense.nn.graphs.GRAPH_MODELS`, or a class.
            small: a condensed set of graphs; a list or a PyG data set of graphs; or a
                :class:`GraphTask`, trained on its training part.
            seeds: the training seeds, or how many (``0, 1, ...``).
            progress: show a progress bar.

        Raises:
            ValueError: unknown model; features or labels that do not match; test graphs that are
                none, or on which the score is not defined.
        """
        check_scorable(self.real, "test")
        start, cpu = _now(self._like.device), time.process_time()
        kind, seeds = graph_model_of(model), seeds_of(seeds)
        curve = self.train(kind, small, seeds=seeds, progress=progress)
        test = self.real.graphs.y[self.real.test]
        scores = []
        for weights in (curve.selected, curve.last):
            logits = self._predict(curve.model, weights, "test")
            scores.append(ogb_metric(self.real, logits, test))
        seconds = _now(self._like.device) - start
        return FitResult(
            model=kind.__name__,
            seeds=seeds,
            val_selected=curve.val_selected.float(),
            epoch_selected=curve.step_selected,
            test_selected=scores[0].float(),
            val_last=curve.val_last.float(),
            test_last=scores[1].float(),
            seconds=seconds,
            seconds_training=curve.seconds_training,
            processor_seconds=seconds if self._like.is_cuda else time.process_time() - cpu,
        )

    def fit_whole(
        self, model: GraphModel, *, seeds: int | Sequence[int] = 5, progress: bool = False
    ) -> FitResult:
        """The same, trained on the real training graphs: the yardstick."""
        return self.fit(model, self.real, seeds=seeds, progress=progress)

    def score(
        self, small: Any, model: GraphModel = "GCN", *, seeds: int | Sequence[int] = 3
    ) -> float:
        """Mean best validation score of ``small``, higher is better; no test graph is touched."""
        curve = self.train(model, small, seeds=seeds)
        value = float(curve.val_selected.mean())
        return value if self.real.larger_is_better else -value

    def memory_bytes(self, model: GraphModel, small: Any, *, seeds: int | Sequence[int] = 5) -> int:
        """Estimate, before any work, of the memory that :meth:`fit` adds to the process.

        Counted are the weights of all seeds (values, gradients, two moments, those of the selected
        step), what a training step keeps for its gradient (measured on a few graphs, and as much
        again in passing), and the real graphs that are predicted, with their operators.
        """
        t, task, number = self.training, self.real, len(seeds_of(seeds))
        graphs = read_graphs(small, task, t.edge_features)
        few = Part.of(graphs.select(torch.arange(min(len(graphs), 8))), self._like, t.edge_features)
        net = self._net(graph_model_of(model)).to(self._like)
        weights = {k: torch.zeros_like(v, requires_grad=True) for k, v in net.named_parameters()}
        known = {v.data_ptr() for v in weights.values()} | {few.x.data_ptr()}
        kept: dict[int, int] = {}

        def keep(tensor: Tensor) -> Tensor:
            kept[tensor.data_ptr()] = tensor.untyped_storage().nbytes()
            return tensor

        with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
            functional_call(net, weights, (few.x, few.graphs))
        a_node = sum(size for at, size in kept.items() if at not in known) / len(few.x)
        nodes = len(graphs.x)
        if nodes > NODES:
            nodes = round(nodes * min(1.0, t.batch_size / len(graphs)))
        a_seed = 5 * 4 * sum(v.numel() for v in weights.values()) + 2 * a_node * nodes
        read = torch.cat([task.val, task.test])
        ends = task.graphs.edge_ptr.diff()[read]
        width = task.num_edge_features if t.edge_features else 0
        rows = len(graphs.x) + int(task.graphs.sizes[read].sum())
        edges = graphs.edge_index.shape[1] + int(ends.sum())
        stored = 4 * task.num_features * rows + (4 * width + 2 * 16 + 2 * 12) * edges
        predicted = a_node * min(PREDICT, rows)
        return round(number * (a_seed + predicted) + stored)

    def train(
        self,
        model: GraphModel,
        small: Any,
        *,
        seeds: int | Sequence[int] = 5,
        progress: bool = False,
    ) -> GraphTrained:
        """The first half of :meth:`fit`: networks, validated on the real graphs."""
        t, kind, seeds = self.training, graph_model_of(model), seeds_of(seeds)
        like, task = self._like, self.real
        graphs = read_graphs(small, task, t.edge_features)
        net = self._net(kind).to(like)
        rngs = [torch.Generator().manual_seed(seed) for seed in seeds]
        drawn = [initialise(net, rng) for rng in rngs]
        weights = {k: torch.stack([d[k] for d in drawn]).requires_grad_() for k in drawn[0]}
        # One optimiser on stacked weights is one on each seed's: everything is elementwise.
        optimizer = torch.optim.Adam(
            weights.values(), t.lr, weight_decay=t.weight_decay, fused=True
        )
        decline = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, t.steps)
        criterion = CRITERIA[task.kind]
        sign = 1.0 if task.larger_is_better else -1.0
        best = torch.full((len(seeds),), -torch.inf, dtype=torch.double)
        best_loss = torch.full((len(seeds),), torch.inf)
        val = best.clone()
        step_selected = torch.zeros(len(seeds), dtype=torch.long)
        selected = {k: v.detach().clone() for k, v in weights.items()}
        wanted = task.graphs.y[task.val].to(like.device)
        seconds = 0.0
        parts = self._steps(graphs)
        for step in tqdm(range(1, t.steps + 1), kind.__name__, disable=not progress, leave=False):
            start = _now(like.device)
            part = next(parts)
            y, drop = task.scaled(part.y), self._drop(rngs, part)
            outs = _outputs(net, weights, part, drop)
            loss = torch.stack([criterion(out, y) for out in outs]).sum()
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            decline.step()
            seconds += _now(like.device) - start
            if step % t.val_every and step != t.steps:
                continue
            logits = self._predict(net, weights, "val")
            val = scores_of(task.metric, logits, wanted)
            scaled, learnt = task.scaled(logits), task.scaled(wanted)
            val_loss = torch.stack([criterion(own, learnt) for own in scaled]).cpu()
            better = (sign * val > best) | ((sign * val == best) & (val_loss < best_loss))
            best, best_loss = (
                torch.where(better, sign * val, best),
                torch.where(better, val_loss, best_loss),
            )
            step_selected = torch.where(better, step, step_selected)
            for k, v in weights.items():
                selected[k][better] = v.detach()[better]
        last = {k: v.detach() for k, v in weights.items()}
        return GraphTrained(net, selected, last, sign * best, step_selected, val, seconds)

    def _steps(self, graphs: GraphSet) -> Iterator[Part]:
        """What each training step takes, for ever."""
        t = self.training
        if len(graphs.x) <= NODES:
            whole = Part.of(graphs, self._like, t.edge_features)
            while True:
                yield whole
        rng = torch.Generator().manual_seed(0)
        while True:
            order = torch.randperm(len(graphs), generator=rng)
            for own in torch.split(order, t.batch_size):
                if len(own) > t.batch_size // 2 or len(order) <= t.batch_size:
                    yield Part.of(graphs.select(own), self._like, t.edge_features)

    def _net(self, kind: type[GraphNet]) -> GraphNet:
        t, task = self.training, self.real
        return built(
            kind,
            task.num_features,
            t.hidden,
            task.num_outputs,
            t.num_layers,
            readout=t.readout,
            edge_channels=task.num_edge_features if t.edge_features else 0,
            virtual_node=t.virtual_node,
        )

    def _drop(self, rngs: list[torch.Generator], part: Part) -> Tensor | None:
        """Dropout masks ``[S, layers, N, hidden]``; each seed draws its own."""
        t = self.training
        if not t.dropout:
            return None
        shape = (t.num_layers, len(part.x), t.hidden)
        kept = [torch.rand(shape, generator=rng) >= t.dropout for rng in rngs]
        return torch.stack(kept).to(part.x) / (1 - t.dropout)

    def _predict(self, net: GraphNet, weights: Mapping[str, Tensor], split: str) -> Tensor:
        """Outputs ``[S, graphs, T]`` of a split of the real graphs, in the targets' own units."""
        key = (split, self.training.edge_features)
        if key not in self._parts:
            self._parts[key] = [
                Part.of(self.real.batch(own), self._like, self.training.edge_features)
                for own in self.real.graphs.blocks(getattr(self.real, split), PREDICT)
            ]
        with torch.no_grad():
            outs = [_outputs(net, weights, part, None) for part in self._parts[key]]
        return self.real.unscaled(torch.cat(outs, 1))


@dataclass(frozen=True)
class GraphTrained:
    """Networks trained on one set of graphs, all seeds at once.

    Attributes:
        model: the network; its own parameters are never read.
        selected: weights ``[S, ...]`` of the step chosen on validation.
        last: weights of the last step.
        val_selected, step_selected: ``[S]``, best validation score and its step.
        val_last: ``[S]``.
        seconds_training: of the training steps alone.
    """

    model: GraphNet
    selected: dict[str, Tensor]
    last: dict[str, Tensor]
    val_selected: Tensor
    step_selected: Tensor
    val_last: Tensor
    seconds_training: float


def _outputs(
    net: GraphNet, weights: Mapping[str, Tensor], part: Part, drop: Tensor | None
) -> Tensor:
    """Outputs of every seed, ``[S, graphs, T]``."""

    def one(own: dict[str, Tensor], mask: Tensor | None) -> Tensor:
        out: Tensor = functional_call(net, own, (part.x, part.graphs), {"drop": mask})
        return out

    out: Tensor = vmap(one, (0, None if drop is None else 0))(dict(weights), drop)
    return out


def graph_model_of(model: GraphModel) -> type[GraphNet]:
    """The class behind a name.

    Raises:
        ValueError: an unknown name.
    """
    return resolve(model) if isinstance(model, str) else model


def read_graphs(small: Any, real: GraphTask, edge_features: bool = False) -> GraphSet:
    """The encoded training graphs of ``small``.

    Args:
        small: what :meth:`GraphEvaluator.fit` takes.
        real: the real graphs, whose encodings are used.
        edge_features: whether edge features are needed.

    Raises:
        ValueError: no graph; features, edge features or labels that do not match the real graphs.
    """
    out = real.encoded(held_graphs(small, real.kind))
    if not len(out):
        raise ValueError("the small set has no graphs")
    if edge_features and out.edge_attr is None:
        if len(out.edge_index[0]):
            raise ValueError(
                "edge_features=True, but the small set has no edge features; condense with "
                "edge_features=True, or leave it off here"
            )
        out = replace(out, edge_attr=out.x.new_zeros(0, real.num_edge_features))
    _check_labels(out.y, real)
    return out


def held_graphs(small: Any, kind: LabelKind | None = None) -> GraphSet:
    """The graphs of ``small`` as they are stored; labels of plain graphs are read as ``kind``.

    Raises:
        ValueError: it holds no graphs, or some that cannot be used.
    """
    if isinstance(small, GraphTask):
        return small.graphs.select(small.train)
    if isinstance(small, GraphSet):
        return small
    held = getattr(small, "set", None)
    if isinstance(held, GraphSet):
        return held
    if not is_dataset(small):
        raise ValueError(
            f"a small set is a condensed set, a list or a PyG data set of graphs, got "
            f"{type(small).__name__}; put a single graph into a list"
        )
    if not len(small):
        raise ValueError("the small set has no graphs")
    return pack(small, kind)[0]


def _check_labels(y: Tensor, real: GraphTask) -> None:
    """Raise a ValueError unless ``y`` are labels as ``real`` has them."""
    shape, known = list(y.shape), y[~y.isnan()]
    if real.kind == "classes":
        if y.dim() != 1 or y.is_floating_point():
            raise ValueError(f"the small set has labels {shape}, {real.name} has one class a graph")
        if int(y.min()) < 0 or int(y.max()) >= real.num_outputs:
            bad = int(y.min()) if int(y.min()) < 0 else int(y.max())
            raise ValueError(
                f"the small set has a graph of class {bad}; {real.name} has classes "
                f"0..{real.num_outputs - 1}"
            )
    elif y.dim() != 2 or y.shape[1] != real.num_outputs:
        raise ValueError(
            f"the small set has labels {shape}, {real.name} needs [graphs, {real.num_outputs}]"
        )
    elif not len(known):
        raise ValueError("no graph of the small set has a label (all NaN)")
    elif real.kind == "binary" and not bool(((known == 0) | (known == 1)).all()):
        raise ValueError(
            f"the small set has the label {float(known[(known != 0) & (known != 1)][0]):g}; "
            f"{real.name} has labels 0, 1 and NaN"
        )
