"""One graph with labelled nodes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

import torch

from graphcondense.core.method import Method
from graphcondense.core.types import Source
from graphcondense.kinds.kind import About, Kind, Measured, Setting, of_one, told

if TYPE_CHECKING:
    from torch_geometric.data import Data


class NodeProblem:
    """One graph with labelled nodes."""

    kind = "node"
    predictor = "GCN (2 layers, 256 hidden, 3 seeds)"

    def __init__(
        self,
        data: object,
        device: torch.device,
        setting: Setting,
        pseudo_labels: int | None = None,
    ) -> None:
        from graphcondense.data.pseudo import pseudo_labelled
        from graphcondense.data.task import as_task

        self.task, self.device = as_task(data), device
        self.seen = self.task
        if pseudo_labels is not None:
            if setting == "inductive":
                raise ValueError(
                    f"pseudo_labels={pseudo_labels} labels nodes that setting='inductive' does not "
                    "see; choose one of the two"
                )
            self.seen = pseudo_labelled(self.task, pseudo_labels)
        self.setting: Setting = setting
        self.method: Method | None = None

    def source(self, method: Method) -> Source:
        from graphcondense.domains.node import NodeSource

        self.method, self.predictor = method, method.predictor or self.predictor
        return NodeSource(
            self.seen, self.setting, device=self.device, validates=method.chooses
        )

    @property
    def validates(self) -> bool:
        return bool(len(self.task.val))

    def score(self) -> Callable[[Data], float] | None:
        """By the method's own predictor where it has one, else by networks.

        In the inductive setting scores see training and validation nodes and the edges among them:
        the test graph chooses nothing.
        """
        from graphcondense.domains.node import NodeSource
        from graphcondense.evaluate import NodeEvaluator

        if not self.validates:
            return None
        task = self.task
        if self.setting == "inductive":
            task = task.subgraph(torch.cat([task.train, task.val]).sort().values)
        held = NodeSource(replace(task, train=task.val), device=self.device)
        if self.method and (scorer := self.method.scorer(held)):
            return scorer
        return NodeEvaluator(task, epochs=60, val_every=2, device=self.device).score

    def finish(self, export: Data) -> Data:
        return export

    def describe(self) -> About:
        task = self.task
        return {
            "name": task.name,
            "digest": task.digest,
            "nodes": task.num_nodes,
            "edges": int(task.adj.nnz),
            "bytes": task.size[2],
            "features": task.num_features,
            "classes": task.num_classes,
            "train": len(task.train),
            "val": len(task.val),
            "test": len(task.test),
            **told(task.unlabelled),
        }

    def measure(self, small: Data) -> Measured:
        return of_one(small, self.task.num_classes, self.task.num_nodes)


NODE = Kind(name="node", problem=NodeProblem, pseudo_labels=True)
