"""What the report of :func:`evaluate` has to know of a kind of data, and one graph's nodes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any, Protocol, TypeAlias

import torch

from graphcondense.data.task import as_task
from graphcondense.evaluate.cost import plain_training_seconds
from graphcondense.evaluate.floors import equal_bytes_graphs, random_subgraph
from graphcondense.evaluate.nodes import (
    FitResult,
    NodeEvaluator,
    graphs_by_name,
    model_of,
    read_labelled,
)
from graphcondense.evaluate.predictors import (
    EDGE_WEIGHTS,
    PREDICTORS,
    check_size,
    fit_predictor,
    predictor_named,
)
from graphcondense.nn.batched import MODELS

Kind: TypeAlias = "str | type[Any]"
"""A predictor by its name, or the class of a model."""

ALL = (*MODELS, *PREDICTORS)
"""Every model and predictor for nodes that comes with the package."""


class Bench(Protocol):
    """One real data set, and how condensed ones are measured on it.

    Attributes:
        real: the checked task.
        training: how models are trained, a dataclass.
        all: names of every model.
        usual: names of the models of a report.
        seeds: trainings of each.
        metric: the score, one of :data:`~graphcondense.evaluate.metrics.SCORES`.
        units: what the nodes and edges of a set are called.
        tested: how many test examples are scored: those that have a label (users: items).
    """

    real: Any
    all: tuple[str, ...]
    usual: tuple[str, ...]
    seeds: int
    metric: str
    units: tuple[str, str]

    @property
    def training(self) -> Any: ...

    @property
    def tested(self) -> int: ...

    def sets(self, small: Any) -> dict[str, list[Any]]:
        """Condensed sets by name, several of one name being condensation seeds; all checked."""

    def kind(self, model: Any) -> Kind:
        """The model behind a name or a class."""

    def about(self, kind: Kind) -> tuple[str, str]:
        """``"GNN"``, ``"MLP"`` or ``"non-GNN"``, and how it uses edge weights."""

    def settings(self, kind: Kind) -> dict[str, Any] | None:
        """How it is trained; ``None`` if it is not."""

    def check(self, kind: Kind, small: Any) -> None:
        """Raise a ValueError if a set is too large for a model."""

    def memory_bytes(self, kind: Kind, small: Any, seeds: int | Sequence[int]) -> int | None:
        """What training it is expected to add to the process."""

    def fit(
        self, kind: Kind, small: Any, seeds: int | Sequence[int], *, progress: bool
    ) -> FitResult:
        """Train, validate, test."""

    def random(self, small: Any, seed: int) -> Any:
        """Random real examples, as many of each class as ``small`` has."""

    def equal_bytes(self, small: Any, draws: int) -> dict[str, list[Any]]:
        """Real examples that take at most the bytes of ``small``, by name."""

    def mean(self) -> FitResult | None:
        """What the mean of the training targets scores; ``None`` but of regression."""

    def plain_seconds(self, measured: int) -> float | None:
        """One training in plain PyG, scaled from so many epochs or updates; ``None`` if there is
        no such thing."""


class NodeBench:
    """The nodes of one graph; see :class:`Bench`.

    Args:
        data: anything :func:`~graphcondense.data.task.as_task` takes.
        device: where to train.
        **options: fields of :class:`~graphcondense.evaluate.nodes.Training`.
    """

    all = ALL
    usual: tuple[str, ...] = ("GCN", "SGC", "APPNP", "SAGE", "GAT", "MLP")
    seeds = 10
    metric = "accuracy"
    units = ("nodes", "edges")

    def __init__(self, data: Any, device: torch.device | str | None, **options: Any) -> None:
        self.evaluator = NodeEvaluator(as_task(data, need_test=True), device=device, **options)
        self.real, self.device = self.evaluator.real, device

    @property
    def training(self) -> Any:
        return self.evaluator.training

    @property
    def tested(self) -> int:
        return int((self.real.y[self.real.test] >= 0).sum())

    def sets(self, small: Any) -> dict[str, list[Any]]:
        named = graphs_by_name(small)
        for graphs in named.values():
            for graph in graphs:
                read_labelled(graph, self.real)
        return named

    def kind(self, model: Any) -> Kind:
        return predictor_named(model) or model_of(model)

    def about(self, kind: Kind) -> tuple[str, str]:
        if isinstance(kind, str):
            return "non-GNN", EDGE_WEIGHTS
        return "MLP" if kind.__name__ == "MLP" else "GNN", kind.edge_weights

    def settings(self, kind: Kind) -> dict[str, Any] | None:
        return None if isinstance(kind, str) else asdict(self.training.of(kind))

    def check(self, kind: Kind, small: Any) -> None:
        if isinstance(kind, str):
            check_size(kind, len(read_labelled(small, self.real)[2]))

    def memory_bytes(self, kind: Kind, small: Any, seeds: int | Sequence[int]) -> int | None:
        if isinstance(kind, str):
            return None
        return self.evaluator.memory_bytes(kind, small, seeds=seeds)

    def fit(
        self, kind: Kind, small: Any, seeds: int | Sequence[int], *, progress: bool
    ) -> FitResult:
        if isinstance(kind, str):
            return fit_predictor(kind, small, self.real)
        return self.evaluator.fit(kind, small, seeds=seeds, progress=progress)

    def random(self, small: Any, seed: int) -> Any:
        return random_subgraph(self.real, small, seed)

    def equal_bytes(self, small: Any, draws: int) -> dict[str, list[Any]]:
        return dict(equal_bytes_graphs(self.real, small, draws))

    def mean(self) -> None:
        return None

    def plain_seconds(self, measured: int) -> float:
        return plain_training_seconds(
            self.real, epochs=self.training.epochs, measured=measured, device=self.device
        )
