"""What type checkers and editors see of the public functions. mypy reads this; nothing runs it.

Each ``type: ignore`` marks a mistake that mypy has to find: one that it does not find is an error.
"""

from __future__ import annotations

from pathlib import Path
from typing import assert_type

from torch import Tensor

import graphcondense
from graphcondense.core.method import Method
from graphcondense.data.graph_task import GraphTask
from graphcondense.data.images import ImageTask
from graphcondense.data.interactions import InteractionTask
from graphcondense.data.task import NodeTask
from graphcondense.evaluate import Report
from graphcondense.measured.goals import Ranked
from graphcondense.ops.types import Record
from graphcondense.saved.condensed_graph import CondensedGraph, CondensedImages
from graphcondense.saved.condensed_graphs import CondensedGraphs
from graphcondense.saved.condensed_rows import CondensedInteractions


def what_comes_out(
    graph: NodeTask, graphs: GraphTask, images: ImageTask, users: InteractionTask, x: Tensor
) -> None:
    assert_type(graphcondense.condense(graph, "gcond", nodes=70, seed=0), CondensedGraph)
    assert_type(graphcondense.condense(graph), CondensedGraph)
    nested = graphcondense.condense(graph, sizes=(35, 70), seed=0)
    assert_type(nested, dict[int, CondensedGraph])
    assert_type(graphcondense.condense(graphs, "doscond", per_class=1), CondensedGraphs)
    assert_type(graphcondense.condense(images, "dm", per_class=1), CondensedImages)
    assert_type(graphcondense.condense((x, x), "dm", size=10), CondensedImages)
    assert_type(graphcondense.condense(users, "distill-cf", size=50), CondensedInteractions)


def every_keyword(graph: NodeTask, method: Method) -> None:
    """Of a budget, of a run and of a method, and a method itself."""
    graphcondense.condense(graph, "gcond", ratio=0.5, of="all", rule="equal", preset=None)
    graphcondense.condense(graph, method, out=Path("run"), resume=True, seconds=60, callbacks=[])
    graphcondense.condense(graph, "gcond", outer=3, structure="identity")


def mistakes(graph: NodeTask) -> None:
    graphcondense.condense(graph, "gcond", nodes="70")  # type: ignore[call-overload]
    graphcondense.condense(graph, "gcond", of="some")  # type: ignore[call-overload]
    graphcondense.condense(graph, "gcond", "paper")  # type: ignore[call-overload]
    graphcondense.condense(graph, 3)  # type: ignore[call-overload]
    graphcondense.condense(graph, sizes=35)  # type: ignore[call-overload]
    graphcondense.evaluate(graph)  # type: ignore[call-arg]
    graphcondense.evaluate(graph, graph, seeds="many")  # type: ignore[arg-type]
    graphcondense.load(3)  # type: ignore[arg-type]
    graphcondense.data.load("cora", root=3)  # type: ignore[arg-type]


def what_is_measured(small: CondensedGraph, graph: NodeTask) -> None:
    report = graphcondense.evaluate(small, graph, models=("GCN", "GAT"), seeds=[0, 1])
    assert_type(report, Report)
    assert_type(report.table(), str)
    assert_type(report.to_json(), str)
    assert_type(graphcondense.save(small, "small"), Path)
    assert_type(graphcondense.Condense("gcond", nodes=70), graphcondense.Condense)
    assert_type(small.condensed, Record)


def what_is_listed() -> None:
    assert_type(graphcondense.methods("node"), list[dict[str, str]])
    assert_type(graphcondense.methods("node", goal="transfer", data="cora"), list[Ranked])
    graphcondense.methods(goal=3)  # type: ignore[call-overload]
