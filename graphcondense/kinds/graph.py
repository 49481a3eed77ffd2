"""Many labelled graphs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

import torch

from graphcondense.core.method import Method
from graphcondense.core.types import Source
from graphcondense.data.graph_task import GraphTask
from graphcondense.kinds.kind import About, Kind, Measured, Problem

if TYPE_CHECKING:
    from graphcondense.evaluate.evaluator import AnyEvaluator
    from graphcondense.saved.condensed_graphs import CondensedGraphs
    from graphcondense.saved.graph_set import GraphSet


class GraphProblem(Problem[GraphTask, "GraphSet", "CondensedGraphs"]):
    """Many labelled graphs."""

    kind = "graph"
    length = "100 steps"
    predictor = f"GCN (3 layers, 64 hidden, {length}, 3 seeds)"

    def source(self, method: Method) -> Source:
        """Training graphs; with edge features where the method has them switched on."""
        from graphcondense.domains.graph import GraphSource

        return GraphSource(self._blind(), self.device, edge_features=method.edge_features)

    def _blind(self) -> GraphTask:
        """The task without a label outside the training graphs: no method can read one."""
        task, none = self.task, torch.empty(0, dtype=torch.long)
        y = task.graphs.y
        hidden = torch.full_like(y, torch.nan if y.is_floating_point() else -1)
        hidden[task.train] = y[task.train]
        return replace(task, graphs=replace(task.graphs, y=hidden), val=none, test=none)

    def scorer(self) -> Callable[[GraphSet], float]:
        return self.evaluator().score

    def evaluator(self) -> AnyEvaluator:
        from graphcondense.evaluate.graphs import GraphEvaluator

        return GraphEvaluator(
            self.task, device=self.device, steps=100, val_every=10, hidden=64, lr=0.01
        )

    def finish(self, export: GraphSet) -> CondensedGraphs:
        from graphcondense.saved.condensed_graphs import CondensedGraphs

        return CondensedGraphs(export)

    def about(self) -> About:
        task = self.task
        return {
            "graphs": len(task),
            "nodes": len(task.graphs.x),
            "edges": int(task.graphs.edge_index.shape[1]),
            "bytes": task.graphs.bytes,
            "features": task.num_features,
            "edge_features": task.num_edge_features,
            task.counted_as: task.num_outputs,
            "label_kind": task.label_kind,
            "metric": task.metric,
            "encoding": task.encoding,
            **({"made_of": task.made} if task.made else {}),
        }

    def measure(self, small: CondensedGraphs) -> Measured:
        from graphcondense.saved.content import tensor_bytes

        graphs = small.set
        sizes = {
            "graphs": len(graphs),
            "nodes": len(graphs.x),
            "nodes_per_graph": round(len(graphs.x) / len(graphs), 3),
            "edges": int(graphs.edge_index.shape[1]),
        }
        groups = torch.bincount(self.task.group_of(graphs.y), minlength=self.task.num_groups)
        return Measured(sizes, groups.tolist(), len(self.task), tensor_bytes(small))


GRAPH = Kind(
    name="graph", problem=GraphProblem, presets="-graph", stored_as="graphs", default="exchange"
)
