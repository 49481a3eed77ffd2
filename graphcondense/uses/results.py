"""What the uses share: results on one real graph, rows of trainings, condensed graphs by name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor
from torch_geometric.data.data import BaseData

from graphcondense.data.small_graph import read_labelled
from graphcondense.data.task import NodeTask
from graphcondense.evaluate.reading import listed_sets, small_sets
from graphcondense.evaluate.result import Column, Scored, percent, std_of
from graphcondense.ops.fields import brief
from graphcondense.ops.types import Record

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from torch_geometric.data import Data

BASELINES = ("random", "whole")
"""What stands beside condensed graphs, by name."""


@dataclass(frozen=True)
class OnGraph(Scored):
    """A result of trainings that are scored on one real graph.

    Attributes:
        data: name of the real graph.
        digest: its hash.
        seeds: the training seeds.
        settings: how models were trained, but for what was searched.
    """

    data: str
    digest: str
    seeds: tuple[int, ...]
    settings: Record

    @property
    def subject(self) -> str:
        """The real graph, for titles."""
        return f"{self.data} ({self.digest})"

    @property
    def trained_with(self) -> str:
        """The settings in words."""
        return ", ".join(f"{k} {v}" for k, v in self.settings.items() if v is not None)


def facts_of(real: NodeTask) -> Record:
    """The fields of :class:`OnGraph` and :class:`Scored` that describe the real graph."""
    return {
        "data": real.name,
        "digest": real.digest,
        "test_examples": len(real.test),
        "test_unlabelled": real.unlabelled["test"],
    }


@dataclass(frozen=True)
class Trainings:
    """All trainings on one kind of graph. Accuracies are shares in ``[0, 1]``.

    Attributes:
        label: what was trained on.
        graphs, trainings: number of graphs, and of trainings on each.
        test, test_std: accuracy on the real test nodes, mean and standard deviation over all
            trainings, ``None`` for a single one.
    """

    label: str
    graphs: int
    trainings: int
    test: float
    test_std: float | None


LABEL = Column("trained on", lambda row: row.label)
COUNTS = (
    Column("graphs", lambda row: f"{row.graphs}"),
    Column("trainings", lambda row: f"{row.trainings}"),
)
SCORES = (
    Column("test %", lambda row: percent(row.test, row.test_std)),
    Column("val %", lambda row: percent(row.val)),
)


def trainings_of(label: str, tests: Sequence[Tensor]) -> Record:
    """The fields of :class:`Trainings`, from test accuracies ``[S]`` of each graph."""
    every = torch.cat(list(tests))
    return {
        "label": label,
        "graphs": len(tests),
        "trainings": len(tests[0]),
        "test": float(every.mean()),
        "test_std": std_of(every),
    }


def named_graphs(small: object) -> dict[str, list[Data]]:
    """Condensed graphs by name, from one, a list of one method's, or a mapping to either.

    Raises:
        ValueError: there is none, or one is called like a baseline.
    """
    named = small_sets(small, listed_sets)
    for name in named:
        check_label(name)
    return named


def check_label(name: str, baselines: Sequence[str] = BASELINES) -> None:
    """Raise a ValueError for a condensed set that is called like a baseline."""
    if name in baselines:
        raise ValueError(f"{name!r} names a baseline; call the condensed set something else")


def check_maker(make: object, name: str = "condense") -> None:
    """Raise a TypeError for what is no function that makes condensed graphs; PyG's data can be
    called, but make none."""
    if not callable(make) or isinstance(make, BaseData):
        raise TypeError(
            f"{name}={brief(make)}: give a function from a task and a seed to a condensed graph, "
            "such as lambda task, seed: graphcondense.condense(task, nodes=70, seed=seed)"
        )


def check_named(named: Mapping[str, Sequence[Data]], real: NodeTask) -> None:
    """Raise a ValueError for a condensed graph that does not match the real one."""
    for graphs in named.values():
        for graph in graphs:
            read_labelled(graph, real)


def legend_beside(axes: Axes) -> None:
    """A legend to the right of the picture: there are too many points inside."""
    axes.legend(frameon=False, fontsize="small", loc="upper left", bbox_to_anchor=(1, 1))
