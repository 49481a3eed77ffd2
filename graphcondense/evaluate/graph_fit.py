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
from tqdm import tqdm

from graphcondense.core.pools import built, initialise
from graphcondense.data.graph_task import GraphSet, GraphTask, as_graph_task
from graphcondense.evaluate.fit import FitResult, _now, seeds_of
from graphcondense.evaluate.metrics import metric_of, ogb_metric
from graphcondense.nn.graphs import GRAPH_MODELS, GraphNet, Readout, SparseGraphs
from graphcondense.ops.criteria import CRITERIA

GraphModel: TypeAlias = "str | type[GraphNet]"
"""A graph-level model by its name, or a class."""

NODES = 6000
"""Nodes up to which a training step takes the whole set; above it takes batches."""

PREDICT = 20_000
"""Nodes that are predicted at once."""


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
        batch_size: graphs a step where the whole set has more than :data:`NODES` nodes.
        val_every: validate after every so many steps, and after the last. The grid matters: a
            score is only comparable at the same value.
    """

    steps: int = 500
    hidden: int = 128
    num_layers: int = 3
    readout: Readout = "mean"
    virtual_node: bool = False
    edge_features: bool = False
    lr: float = 0.001
    weight_decay: float = 0.0
    dropout: float = 0.0
    batch_size: int = 128
    val_every: int = 5

    def __post_init__(self) -> None:
        for name in ("steps", "hidden", "num_layers", "batch_size", "val_every"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, got {getattr(self, name)}")
        if not 0 <= self.dropout < 1:
            raise ValueError(f"dropout must be in [0, 1), got {self.dropout}")
        if self.readout not in ("mean", "sum", "attention"):
            raise ValueError(f"readout={self.readout!r}: choose mean, sum or attention")


@dataclass(frozen=True)
class Part:
    """Graphs as models take them, with their labels."""

    x: Tensor
    graphs: SparseGraphs
    y: Tensor

    @classmethod
    def of(cls, graphs: GraphSet, like: Tensor, edge_features: bool) -> Part:
        x = graphs.x.to(like)
        attr = graphs.edge_attr if edge_features else None
        packed = SparseGraphs(
            graphs.edge_index, graphs.node_ptr, attr, graphs.node_weight, like=like
        )
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
        if not len(self.real.val):
            raise ValueError(
                f"{self.real.name}: no validation graphs; the step is chosen on them, so give the "
                "split 'val' before evaluating"
            )
        self.training = GraphTraining(**options)
        self._like = torch.empty(0, device=device)
        self._parts: dict[tuple[str, bool], list[Part]] = {}
        self._metric = metric_of(self.real.metric)

    def replace(self, **options: Any) -> GraphEvaluator:
        """An evaluator with other settings on the same real graphs, which both share."""
        out = copy(self)
        out.training = replace(self.training, **options)
        return out

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
            small: a condensed set of graphs, or a :class:`GraphTask`, trained on its training part.
            seeds: the training seeds, or how many (``0, 1, ...``).
            progress: show a progress bar.

        Raises:
            ValueError: unknown model; features or labels that do not match; no test graphs.
        """
        if not len(self.real.test):
            raise ValueError(f"{self.real.name}: no test graphs; give the split 'test'")
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
            val_selected=curve.val_selected,
            epoch_selected=curve.step_selected,
            test_selected=scores[0],
            val_last=curve.val_last,
            test_last=scores[1],
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
        net = built(
            kind,
            task.num_features,
            t.hidden,
            task.num_outputs,
            t.num_layers,
            readout=t.readout,
            edge_channels=task.num_edge_features if t.edge_features else 0,
            virtual_node=t.virtual_node,
        ).to(like)
        rngs = [torch.Generator().manual_seed(seed) for seed in seeds]
        drawn = [initialise(net, rng) for rng in rngs]
        weights = {k: torch.stack([d[k] for d in drawn]).requires_grad_() for k in drawn[0]}
        # One optimiser on stacked weights is one on each seed's: everything is elementwise.
        optimizer = torch.optim.Adam(
            weights.values(), t.lr, weight_decay=t.weight_decay, fused=True
        )
        decline = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, t.steps)
        criterion = CRITERIA[task.kind]
        mean, std = (s.to(like) for s in task.target_scale)
        sign = 1.0 if task.larger_is_better else -1.0
        best = torch.full((len(seeds),), -torch.inf)
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
            y = (part.y - mean) / std if task.kind == "regression" else part.y
            drop = self._drop(rngs, part, t)
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
            val = self._metric(logits, wanted).cpu()
            learnt = (wanted - mean) / std if task.kind == "regression" else wanted
            scaled = (logits - mean) / std if task.kind == "regression" else logits
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

    def _drop(self, rngs: list[torch.Generator], part: Part, t: GraphTraining) -> Tensor | None:
        """Dropout masks ``[S, layers, N, hidden]``; each seed draws its own."""
        if not t.dropout:
            return None
        shape = (t.num_layers, len(part.x), t.hidden)
        kept = [torch.rand(shape, generator=rng) >= t.dropout for rng in rngs]
        return torch.stack(kept).to(part.x) / (1 - t.dropout)

    def _predict(self, net: GraphNet, weights: Mapping[str, Tensor], split: str) -> Tensor:
        """Outputs ``[S, graphs, T]`` of a split of the real graphs, in the targets' own units."""
        key = (split, self.training.edge_features)
        if key not in self._parts:
            index = getattr(self.real, split)
            sizes = self.real.graphs.sizes[index].cumsum(0)
            cuts = torch.searchsorted(sizes, PREDICT * torch.arange(1, 1 + int(sizes[-1]) // PREDICT))
            self._parts[key] = [
                Part.of(self.real.batch(own), self._like, self.training.edge_features)
                for own in index.tensor_split(cuts)
                if len(own)
            ]
        with torch.no_grad():
            outs = [_outputs(net, weights, part, None) for part in self._parts[key]]
        out = torch.cat(outs, 1)
        if self.real.kind == "regression":
            mean, std = (s.to(out) for s in self.real.target_scale)
            out = out * std + mean
        return out


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
    if not isinstance(model, str):
        return model
    known = {name.lower(): cls for name, cls in GRAPH_MODELS.items()}
    if model.lower() not in known:
        raise ValueError(
            f"unknown graph-level model {model!r}; known are {', '.join(GRAPH_MODELS)}"
        )
    return known[model.lower()]


def read_graphs(small: Any, real: GraphTask, edge_features: bool = False) -> GraphSet:
    """The encoded training graphs of ``small``.

    Raises:
        ValueError: features, edge features or labels that do not match the real graphs.
    """
    if isinstance(small, GraphTask):
        out = small.batch(small.train)
    else:
        held = small if isinstance(small, GraphSet) else small.set
        out = real.encoded(held)
    if not len(out):
        raise ValueError("the small set has no graphs")
    if out.x.shape[1] != real.num_features:
        raise ValueError(
            f"the small set has {out.x.shape[1]} features a node, {real.name} has "
            f"{real.num_features}"
        )
    if edge_features:
        width = None if out.edge_attr is None else out.edge_attr.shape[1]
        if width != real.num_edge_features or not width:
            raise ValueError(
                f"edge_features=True needs edge features of width {real.num_edge_features}, the "
                f"small set has {width or 'none'}; condense with edge_features=True"
            )
    if real.kind == "classes":
        if out.y.dim() != 1 or int(out.y.max()) >= real.num_outputs:
            raise ValueError(
                f"the small set's labels do not fit {real.name} with classes "
                f"0..{real.num_outputs - 1}"
            )
    elif out.y.dim() != 2 or out.y.shape[1] != real.num_outputs:
        raise ValueError(
            f"the small set has labels {list(out.y.shape)}, {real.name} has {real.num_outputs} "
            "tasks"
        )
    return out
