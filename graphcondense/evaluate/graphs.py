"""Train on a few graphs, validate on the real ones: the measure of every condensed set of graphs.

The protocol: Adam on the small set, all seeds at once; validation on the real graphs every few
steps; the step with the best *validation* score (of equal ones the lowest validation loss, then the
first) and the last step are each read once on the test graphs, after training has ended.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.func import functional_call, vmap

from graphcondense.core.pools import built, initialise
from graphcondense.data.graph_reading import as_graph_task
from graphcondense.data.graph_task import GraphTask
from graphcondense.evaluate.cost import kept_bytes, over, seconds_of
from graphcondense.evaluate.evaluator import Evaluator, Options
from graphcondense.evaluate.fitted import FitResult, Fitted, Tested, mean_of
from graphcondense.evaluate.floors import random_graphs, random_within
from graphcondense.evaluate.graph_predictors import BY_NAME
from graphcondense.evaluate.graph_reading import check_graphs, read_graphs, several_graph_sets
from graphcondense.evaluate.metrics import further, ogb_metric, scores_of
from graphcondense.evaluate.reading import missing_classes
from graphcondense.evaluate.trainings import now
from graphcondense.nn.graph_layouts import Readout, SparseGraphs
from graphcondense.nn.graphs import GRAPH_MODELS, GraphNet, resolve
from graphcondense.ops.criteria import CRITERIA
from graphcondense.ops.fields import Count, Momentum, NonNegative, Positive
from graphcondense.ops.progress import tqdm
from graphcondense.saved.graph_set import GraphSet

GraphModel: TypeAlias = "str | Callable[..., nn.Module] | type[GraphNet]"
"""A graph-level model by its name, or a subclass of ``GraphNet``."""

NODES = 6000
"""Nodes up to which a training step takes the whole set; above it takes batches."""

PREDICT = 2500
"""Nodes that are predicted at once: the states of several seeds then still fit into the caches."""


@dataclass(frozen=True)
class GraphTraining(Options):
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


@dataclass(frozen=True, kw_only=True)
class GraphTrained(Fitted):
    """Networks trained on one set of graphs, all seeds at once; epochs are steps.

    Attributes:
        model: the network; its own parameters are never read.
        selected: weights ``[S, ...]`` of the step chosen on validation.
        last: weights of the last step.
    """

    model: GraphNet
    selected: dict[str, Tensor]
    last: dict[str, Tensor]


class GraphEvaluator(Evaluator[GraphTask, type[GraphNet], GraphTraining, GraphTrained]):
    """Trains on small sets of graphs and scores on one real set.

    A small set is a condensed set of graphs; a list or a PyG data set of graphs; or a
    :class:`~graphcondense.data.graph_task.GraphTask`, trained on its training part. Models are
    names in :data:`~graphcondense.nn.graphs.GRAPH_MODELS`, or subclasses of
    :class:`~graphcondense.nn.graphs.GraphNet`. The score is the real set's metric.

    Args:
        real: the real graphs, anything
            :func:`~graphcondense.data.graph_reading.as_graph_task` takes.
        device: where to train; default the CPU.
        **options: fields of :class:`GraphTraining`.
    """

    kind = "graph"
    # Kernel ridge is there by name alone: on a large whole set it cannot run.
    all = usual = tuple(GRAPH_MODELS)
    seeds = 5
    judge = "GCN"
    units = ("nodes", "edges")
    predictors = BY_NAME
    usual_training = GraphTraining()

    def checked(self, real: object) -> GraphTask:
        return as_graph_task(real)

    def check(self, split: str) -> None:
        check_graphs(self.real, split)

    def check_training(self) -> None:
        if self.training.edge_features and not self.real.num_edge_features:
            raise ValueError(f"edge_features=True, but {self.real.name} has no edge features")

    def read(self, small: object) -> GraphSet:
        return read_graphs(small, self.real, self.training.edge_features)

    def several(self, value: object) -> list[object]:
        return several_graph_sets(value, self.real)

    def missing(self, small: object) -> list[int]:
        if self.real.label_kind != "classes":
            return []
        return missing_classes(self.read(small).y, self.real.num_outputs)

    def model_of(self, model: GraphModel) -> type[GraphNet]:
        if isinstance(model, str):
            return resolve(model)
        if isinstance(model, type) and issubclass(model, GraphNet):
            return model
        raise ValueError(
            f"a graph-level model is one of {', '.join(GRAPH_MODELS)} or a subclass of "
            f"graphcondense.nn.graphs.GraphNet, called with (x, graphs), got {model!r:.80}; "
            "train others with PyG on the condensed set, which is a PyG data set"
        )

    def about(self, model: type[GraphNet]) -> tuple[str, str]:
        return "GNN", ""

    def test_labels(self) -> npt.NDArray[np.generic]:
        return self.real.graphs.y[self.real.test].numpy()

    def random(self, small: object, seed: int) -> GraphSet:
        return random_graphs(self.real, small, seed)

    def within(self, budget: int, seed: int) -> GraphSet:
        return random_within(self.real, budget, seed)

    def mean(self) -> FitResult | None:
        task = self.real
        return mean_of(task, task.val, task.test)

    def plain_seconds(self, measured: int) -> float:
        """PyG's DataLoader, ``GCNConv``, mean pool, Adam."""
        from torch_geometric.data import Batch
        from torch_geometric.loader import DataLoader
        from torch_geometric.nn import GCNConv, global_mean_pool

        from graphcondense.saved.condensed_graphs import CondensedGraphs

        task, t = self.real, self.training
        graphs = CondensedGraphs(task.batch(task.train))
        rng = torch.Generator().manual_seed(0)
        loader = DataLoader(graphs, t.batch_size, shuffle=True, generator=rng)
        widths = [task.num_features, *[t.hidden] * t.num_layers]
        with torch.random.fork_rng(devices=[]):  # PyG draws its weights from the global generator
            convs = nn.ModuleList(map(GCNConv, widths, widths[1:])).to(self.device)
            head = nn.Linear(t.hidden, task.num_outputs).to(self.device)
        weights = [*convs.parameters(), *head.parameters()]
        optimizer = torch.optim.Adam(weights, lr=t.lr)

        def loss(batch: Batch) -> Tensor:
            batch = batch.to(self.device)
            h = batch.x
            for conv in convs:
                h = F.relu(conv(h, batch.edge_index))
            out = head(global_mean_pool(h, batch.batch))
            return CRITERIA[task.label_kind](out, task.scaled(batch.y))

        return seconds_of(over(loader, loss), optimizer, t.steps, measured, self.device)

    def test(self, trained: GraphTrained) -> Tested:
        task, wanted = self.real, self.real.graphs.y[self.real.test]
        outs = [
            self._predict(trained.model, weights, "test")
            for weights in (trained.selected, trained.last)
        ]
        selected, last = (ogb_metric(task, out, wanted) for out in outs)
        return Tested(selected, last, further(task, outs[0], wanted))

    def memory(self, model: type[GraphNet], small: object, trainings: int) -> int:
        """Weights of all seeds (values, gradients, two moments, those selected), what a training
        step keeps for its gradient (measured on a few graphs, twice), and the real graphs that are
        predicted, with their operators."""
        t, task, number = self.training, self.real, trainings
        graphs = self.read(small)
        few = Part.of(graphs.select(torch.arange(min(len(graphs), 8))), self._like, t.edge_features)
        net = self._net(model).to(self._like)
        weights = {k: torch.zeros_like(v, requires_grad=True) for k, v in net.named_parameters()}
        kept = kept_bytes(
            lambda: functional_call(net, weights, (few.x, few.graphs)), [*weights.values(), few.x]
        )
        a_node = kept / len(few.x)
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

    def trained(
        self, model: type[GraphNet], small: object, seeds: tuple[int, ...], progress: bool
    ) -> GraphTrained:
        t = self.training
        like, task = self._like, self.real
        graphs = self.read(small)
        net = self._net(model).to(like)
        rngs = [torch.Generator().manual_seed(seed) for seed in seeds]
        drawn = [initialise(net, rng) for rng in rngs]
        weights = {k: torch.stack([d[k] for d in drawn]).requires_grad_() for k in drawn[0]}
        # One optimiser on stacked weights is one on each seed's: everything is elementwise.
        optimizer = torch.optim.Adam(
            weights.values(), t.lr, weight_decay=t.weight_decay, fused=True
        )
        decline = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, t.steps)
        criterion = CRITERIA[task.label_kind]
        sign = 1.0 if task.larger_is_better else -1.0
        best = torch.full((len(seeds),), -torch.inf, dtype=torch.double)
        best_loss = torch.full((len(seeds),), torch.inf)
        val = best.clone()
        step_selected = torch.zeros(len(seeds), dtype=torch.long)
        selected = {k: v.detach().clone() for k, v in weights.items()}
        wanted = task.graphs.y[task.val].to(like.device)
        seconds = 0.0
        parts = self._steps(graphs)
        for step in tqdm(range(1, t.steps + 1), model.__name__, disable=not progress, leave=False):
            start = now(like.device)
            part = next(parts)
            y, drop = task.scaled(part.y), self._drop(rngs, part)
            outs = _outputs(net, weights, part, drop)
            loss = torch.stack([criterion(out, y) for out in outs]).sum()
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            decline.step()
            seconds += now(like.device) - start
            if step % t.val_every and step != t.steps:
                continue
            logits = self._predict(net, weights, "val")
            val = scores_of(task.metric, logits, wanted)
            scaled, learnt = task.scaled(logits), task.scaled(wanted)
            val_loss = torch.stack([criterion(out, learnt) for out in scaled]).cpu()
            better = (sign * val > best) | ((sign * val == best) & (val_loss < best_loss))
            best, best_loss = (
                torch.where(better, sign * val, best),
                torch.where(better, val_loss, best_loss),
            )
            step_selected = torch.where(better, step, step_selected)
            for k, v in weights.items():
                selected[k][better] = v.detach()[better]
        last = {k: v.detach() for k, v in weights.items()}
        return GraphTrained(
            model=net,
            selected=selected,
            last=last,
            val_selected=sign * best,
            epoch_selected=step_selected,
            val_last=val,
            seconds_training=seconds,
        )

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
            for rows in torch.split(order, t.batch_size):
                if len(rows) > t.batch_size // 2 or len(order) <= t.batch_size:
                    yield Part.of(graphs.select(rows), self._like, t.edge_features)

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
        if key not in self._prepared:
            self._prepared[key] = [
                Part.of(self.real.batch(rows), self._like, self.training.edge_features)
                for rows in self.real.graphs.blocks(getattr(self.real, split), PREDICT)
            ]
        with torch.no_grad():
            outs = [_outputs(net, weights, part, None) for part in self._prepared[key]]
        return self.real.unscaled(torch.cat(outs, 1))


def _outputs(
    net: GraphNet, weights: Mapping[str, Tensor], part: Part, drop: Tensor | None
) -> Tensor:
    """Outputs of every seed, ``[S, graphs, T]``."""

    def one(weights: dict[str, Tensor], mask: Tensor | None) -> Tensor:
        out: Tensor = functional_call(net, weights, (part.x, part.graphs), {"drop": mask})
        return out

    out: Tensor = vmap(one, (0, None if drop is None else 0))(dict(weights), drop)
    return out
