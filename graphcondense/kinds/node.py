"""One graph with labelled nodes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from graphcondense.core.method import Method
from graphcondense.core.types import Source
from graphcondense.data.task import NodeTask
from graphcondense.kinds.kind import About, Kind, Measured, Problem, Setting, of_one

if TYPE_CHECKING:
    from torch_geometric.data import Data

    from graphcondense.evaluate.evaluator import AnyEvaluator


STEADY = 4096
"""Validation nodes that scores on the way read by default: an accuracy of so many has a standard
error below 0.8 %, and those of one run are of the same nodes."""


class NodeProblem(Problem[NodeTask, "Data", "Data"]):
    """One graph with labelled nodes."""

    kind = "node"
    predictor = "GCN (2 layers, 256 hidden, 3 seeds)"
    samples = True
    sample: torch.Tensor | None = None

    def prepare(self, setting: Setting, pseudo_labels: int | None) -> None:
        from graphcondense.data.pseudo import pseudo_labelled

        self.seen = self.task
        if pseudo_labels is not None:
            if setting == "inductive":
                raise ValueError(
                    f"pseudo_labels={pseudo_labels} labels nodes that setting='inductive' does not "
                    "see; choose one of the two"
                )
            self.seen = pseudo_labelled(self.task, pseudo_labels)
        self.setting = setting

    def keep_in(self, folder: str | Path) -> None:
        self.task, self.seen = self.task.kept_in(folder), self.seen.kept_in(folder)

    def source(self, method: Method) -> Source:
        from graphcondense.domains.node import NodeSource

        self.method, self.predictor = method, method.predictor or self.predictor
        return NodeSource(self.seen, self.setting, device=self.device, validates=method.chooses)

    def scorer(self) -> Callable[[Data], float]:
        """By the method's own predictor where it has one, else by networks."""
        from graphcondense.domains.node import NodeSource

        task = self._scored()
        validation = NodeSource(replace(task, train=task.val), device=self.device)
        if self.method and (scorer := self.method.scorer(validation)):
            return scorer
        return self.evaluator().score

    def _scored(self) -> NodeTask:
        """What scores see: in the inductive setting training and validation nodes and the edges
        among them, so that the test graph chooses nothing."""
        task = self.task
        if self.setting == "inductive":
            seen = torch.cat([task.train, task.val]).sort().values
            if self.sample is not None:
                task = replace(task, val=self.sample)
            return task.subgraph(seen)
        return task if self.sample is None else replace(task, val=self.sample)

    def validate_on(self, number: int | None, seed: int) -> int | None:
        val = self.task.val
        if number is not None and number > len(val):
            raise ValueError(
                f"validation_nodes={number} cannot act: the data have {len(val):,} validation "
                "nodes; leave it out, or name no more"
            )
        read = number or STEADY
        if read >= len(val):
            return number
        drawn = torch.randperm(len(val), generator=torch.Generator().manual_seed(seed))[:read]
        self.sample = val[drawn.sort().values]
        return read

    def evaluator(self) -> AnyEvaluator:
        from graphcondense.evaluate import NodeEvaluator

        return NodeEvaluator(self._scored(), epochs=60, val_every=2, device=self.device)

    def finish(self, export: Data) -> Data:
        return export

    def about(self) -> About:
        task = self.task
        return {
            "nodes": task.num_nodes,
            "edges": int(task.adj.nnz),
            "bytes": task.size[2],
            "features": task.num_features,
            "classes": task.num_classes,
        }

    def measure(self, small: Data) -> Measured:
        return of_one(small, self.task.num_classes, self.task.num_nodes)


NODE = Kind(
    name="node", problem=NodeProblem, pseudo_labels=True, default="quotient", counted="nodes"
)
