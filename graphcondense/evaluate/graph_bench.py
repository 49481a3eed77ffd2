"""Sets of graphs in the report: baselines, sizes and the plain training; see :class:`Bench`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from itertools import chain, repeat
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from graphcondense.data.graph_reading import as_graph_task
from graphcondense.data.graph_task import GraphTask, LabelKind
from graphcondense.evaluate.bench import Kind
from graphcondense.evaluate.cost import seconds_of, size_of
from graphcondense.evaluate.graph_predictors import NAME, check_size, fit_graph_kernel_ridge
from graphcondense.evaluate.graphs import (
    GraphEvaluator,
    GraphTraining,
    graph_model_of,
    held_graphs,
    read_graphs,
)
from graphcondense.evaluate.metrics import check_scorable, ogb_metric, scores_of
from graphcondense.evaluate.nodes import FitResult, graphs_by_name
from graphcondense.nn.graphs import GRAPH_MODELS
from graphcondense.ops.criteria import CRITERIA
from graphcondense.saved.graph_set import GraphSet


class GraphBench:
    """Labelled graphs; see :class:`~graphcondense.evaluate.bench.Bench`.

    Args:
        data: anything :func:`~graphcondense.data.graph_reading.as_graph_task` takes.
        device: where to train.
        **options: fields of :class:`~graphcondense.evaluate.graphs.GraphTraining`.
    """

    # Kernel ridge is there by name alone: on a large whole set it cannot run.
    all = usual = tuple(GRAPH_MODELS)
    seeds = 5
    units = ("nodes", "edges")

    def __init__(self, data: Any, device: torch.device | str | None, **options: Any) -> None:
        self.evaluator = GraphEvaluator(as_graph_task(data), device=device, **options)
        self.real, self.device = self.evaluator.real, device
        self.metric = self.real.metric
        check_scorable(self.real, "test")

    @property
    def training(self) -> GraphTraining:
        return self.evaluator.training

    @property
    def tested(self) -> int:
        y = (
            self.real.graphs.y[self.real.test].flatten(1)
            if self.real.label_kind != "classes"
            else None
        )
        return len(self.real.test) if y is None else int((~y.isnan()).any(1).sum())

    def sets(self, small: Any) -> dict[str, list[Any]]:
        if not isinstance(small, Mapping):
            small = {"condensed": small}
        kind = self.real.label_kind
        named = graphs_by_name({name: _several(value, kind) for name, value in small.items()})
        for sets in named.values():
            for one in sets:
                read_graphs(one, self.real, self.training.edge_features)
        return named

    def kind(self, model: Any) -> Kind:
        is_kernel = isinstance(model, str) and model.lower() == NAME.lower()
        return NAME if is_kernel else graph_model_of(model)

    def about(self, kind: Kind) -> tuple[str, str]:
        return "non-GNN" if isinstance(kind, str) else "GNN", ""

    def settings(self, kind: Kind) -> dict[str, Any] | None:
        return None if isinstance(kind, str) else asdict(self.training)

    def check(self, kind: Kind, small: Any) -> None:
        if isinstance(kind, str):
            check_size(len(read_graphs(small, self.real)))

    def memory_bytes(self, kind: Kind, small: Any, seeds: int | Sequence[int]) -> int | None:
        return (
            None if isinstance(kind, str) else self.evaluator.memory_bytes(kind, small, seeds=seeds)
        )

    def fit(
        self, kind: Kind, small: Any, seeds: int | Sequence[int], *, progress: bool
    ) -> FitResult:
        if isinstance(kind, str):
            return fit_graph_kernel_ridge(small, self.real)
        return self.evaluator.fit(kind, small, seeds=seeds, progress=progress)

    def random(self, small: Any, seed: int) -> GraphSet:
        return random_graphs(self.real, small, seed)

    def equal_bytes(self, small: Any, draws: int) -> dict[str, list[Any]]:
        budget = size_of(small).bytes
        found = [random_within(self.real, budget, draw) for draw in range(draws)]
        return {"random, same bytes": found}

    def mean(self) -> FitResult | None:
        return mean_of_targets(self.real) if self.real.label_kind == "regression" else None

    def plain_seconds(self, measured: int) -> float:
        return plain_graph_seconds(self.real, self.training, measured, self.device)


def _several(value: Any, kind: LabelKind) -> list[Any]:
    """One condensed set, or a list of several, as a list; plain graphs as one packed set."""
    if isinstance(value, list | tuple) and not all(_is_graph(item) for item in value):
        return [one for item in value for one in _several(item, kind)]
    if isinstance(value, list | tuple) and not value:
        return []
    if isinstance(value, GraphTask) or hasattr(value, "condensed"):
        return [value]
    return [held_graphs(value, kind)]


def _is_graph(item: Any) -> bool:
    from torch_geometric.data import Data

    return isinstance(item, Data)


def mean_of_targets(real: GraphTask) -> FitResult:
    """What predicting the training targets' mean, of each task, scores: nothing is trained."""
    mean = real.target_scale[0]
    y = {split: real.graphs.y[getattr(real, split)] for split in ("val", "test")}
    val = scores_of(real.metric, mean.expand(1, *y["val"].shape), y["val"]).float()
    test = ogb_metric(real, mean.expand(1, *y["test"].shape), y["test"]).float()
    return FitResult(
        model="mean",
        seeds=(0,),
        val_selected=val,
        epoch_selected=torch.zeros(1, dtype=torch.long),
        test_selected=test,
        val_last=val,
        test_last=test,
        seconds=0.0,
        seconds_training=0.0,
        processor_seconds=0.0,
    )


def random_graphs(real: Any, small: Any, seed: int) -> GraphSet:
    """As many random training graphs of each group as ``small`` has.

    Groups are classes, or what stands for them
    (:attr:`~graphcondense.data.graph_task.GraphTask.groups`). A group of which there are fewer
    training graphs gives all of them.
    """
    task = as_graph_task(real)
    wanted = task.group_of(read_graphs(small, task).y)
    counts = torch.bincount(wanted[wanted >= 0], minlength=task.num_groups).tolist()
    order = _shuffled(task, seed)
    chosen = [order[task.groups[order] == c][:count] for c, count in enumerate(counts)]
    return task.graphs.select(torch.cat(chosen))


def random_within(real: Any, budget: int, seed: int) -> GraphSet:
    """Random training graphs, as many as are stored in ``budget`` bytes.

    Raises:
        ValueError: not even the first one fits.
    """
    task = as_graph_task(real)
    held, order = task.graphs, _shuffled(task, seed)
    low, high = 0, len(order)
    while low < high:  # by bisection: bytes grow with every graph
        middle = (low + high + 1) // 2
        fits = held.select(order[:middle]).bytes <= budget
        low, high = (middle, high) if fits else (low, middle - 1)
    if not low:
        raise ValueError(
            f"{task.name}: a random graph of {held.select(order[:1]).bytes:,} bytes does not fit "
            f"into the {budget:,} of the condensed set"
        )
    return held.select(order[:low])


def _shuffled(task: GraphTask, seed: int) -> Tensor:
    rng = torch.Generator().manual_seed(seed)
    return task.train[torch.randperm(len(task.train), generator=rng)]


def plain_graph_seconds(
    real: Any,
    training: GraphTraining,
    measured: int | None = None,
    device: torch.device | str | None = None,
) -> float:
    """Wall seconds of the training a user writes: PyG's DataLoader, ``GCNConv``, mean pool, Adam.

    Args:
        real: the whole set, anything :func:`~graphcondense.data.graph_reading.as_graph_task` takes.
        training: how many updates, how wide, how deep, and graphs a batch.
        measured: run only so many updates (after two to warm up) and scale; default all.
        device: where to train; default the CPU.
    """
    from torch_geometric.loader import DataLoader
    from torch_geometric.nn import GCNConv, global_mean_pool

    from graphcondense.saved.condensed_graphs import CondensedGraphs

    task = as_graph_task(real)
    graphs = CondensedGraphs(task.batch(task.train))
    rng = torch.Generator().manual_seed(0)
    loader = DataLoader(graphs, training.batch_size, shuffle=True, generator=rng)
    widths = [task.num_features, *[training.hidden] * training.num_layers]
    with torch.random.fork_rng(devices=[]):  # PyG draws its weights from the global generator
        convs = nn.ModuleList(map(GCNConv, widths, widths[1:])).to(device)
        head = nn.Linear(training.hidden, task.num_outputs).to(device)
    weights = [*convs.parameters(), *head.parameters()]
    optimizer = torch.optim.Adam(weights, lr=training.lr)
    criterion = CRITERIA[task.label_kind]

    def step() -> None:
        batch = next(batches).to(device)
        h = batch.x
        for conv in convs:
            h = F.relu(conv(h, batch.edge_index))
        out = head(global_mean_pool(h, batch.batch))
        optimizer.zero_grad()
        criterion(out, task.scaled(batch.y)).backward()  # type: ignore[no-untyped-call]
        optimizer.step()

    batches = chain.from_iterable(repeat(loader))
    with torch.random.fork_rng(devices=[]):  # the loader draws a seed for its workers
        return seconds_of(step, training.steps, measured, device)
