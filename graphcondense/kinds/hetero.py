"""One heterogeneous graph."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import torch

from graphcondense.core.method import Method
from graphcondense.core.types import Source
from graphcondense.data.hetero_task import HeteroTask
from graphcondense.kinds.kind import About, Kind, Measured, Problem

if TYPE_CHECKING:
    from graphcondense.evaluate.evaluator import AnyEvaluator
    from graphcondense.saved.condensed_hetero import CondensedHetero


class HeteroProblem(Problem[HeteroTask, "CondensedHetero", "CondensedHetero"]):
    """One heterogeneous graph; methods see all of it but labels outside training and validation."""

    kind = "hetero"
    setting = "transductive"
    length = "100 epochs"
    predictor = f"RGCN (2 layers, 64 hidden, {length})"

    def source(self, method: Method) -> Source:
        from graphcondense.domains.hetero import HeteroSource

        return HeteroSource(self.task.blind(validates=method.chooses), self.device)

    def evaluator(self) -> AnyEvaluator:
        from graphcondense.evaluate.hetero import HeteroEvaluator

        return HeteroEvaluator(self.task, device=self.device, epochs=100, val_every=10)

    def scorer(self) -> Callable[[CondensedHetero], float]:
        return self.evaluator().score

    def finish(self, export: CondensedHetero) -> CondensedHetero:
        return export

    def about(self) -> About:
        task = self.task
        nodes, edges, size = task.size
        return {
            "nodes": task.num_nodes,
            "target": task.target,
            "types": task.graph.counts,
            "relations": {", ".join(k): int(m.nnz) for k, m in task.graph.relations.items()},
            "all_nodes": nodes,
            "edges": edges,
            "bytes": size,
            "features": task.graph.widths,
            task.counted_as: task.num_classes,
            "label_kind": task.label_kind,
            "metric": task.metric,
            **({"made_features": dict(task.made)} if task.made else {}),
        }

    def measure(self, small: CondensedHetero) -> Measured:
        from graphcondense.saved.content import tensor_bytes

        y = small[small.target].y
        classes = self.task.group_of(y)
        counts = {kind: int(small[kind].num_nodes) for kind in small.node_types}
        sizes = {
            "nodes": len(y),
            "all_nodes": sum(counts.values()),
            "types": counts,
            "edges": sum(int(store.num_edges) for store in small.edge_stores),
        }
        known = classes[classes >= 0]
        per_class = torch.bincount(known, minlength=self.task.num_groups).tolist()
        lacking = len(classes) - len(known)
        return Measured(sizes, per_class, self.task.num_nodes, tensor_bytes(small), lacking)


HETERO = Kind(
    name="hetero",
    problem=HeteroProblem,
    presets="-hetero",
    stored_as="hetero",
    default="quotient",
    counted="nodes",
)
