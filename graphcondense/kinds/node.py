"""One graph with labelled nodes."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from graphcondense.core.method import Method
from graphcondense.core.types import Source
from graphcondense.data.task import NodeTask, classified
from graphcondense.kinds.kind import About, Kind, Measured, Problem, Setting, of_one
from graphcondense.ops.arrays import groups_at
from graphcondense.ops.dp import noise_multiplier

if TYPE_CHECKING:
    from torch_geometric.data import Data

    from graphcondense.evaluate.evaluator import AnyEvaluator


class NodeProblem(Problem[NodeTask, "Data", "Data"]):
    """One graph with labelled nodes."""

    kind = "node"
    length = "40 epochs"
    predictor = f"GCN (2 layers, 256 hidden, {length}, 3 seeds)"
    samples = True
    sample: torch.Tensor | None = None
    budget: tuple[float, float, int] | None = None
    private: tuple[Source, About] | None = None

    def prepare(self, setting: Setting, pseudo_labels: int | None) -> None:
        from graphcondense.data.pseudo import pseudo_labelled

        self.seen = self.task
        if pseudo_labels is not None:
            if setting == "inductive":
                raise ValueError(
                    f"pseudo_labels={pseudo_labels} labels nodes that setting='inductive' does not "
                    "see; choose one of the two"
                )
            self.seen = pseudo_labelled(classified(self.task, "pseudo_labels="), pseudo_labels)
        self.setting = setting

    def keep_in(self, folder: str | Path) -> None:
        self.task, self.seen = self.task.kept_in(folder), self.seen.kept_in(folder)

    def source(self, method: Method) -> Source:
        from graphcondense.domains.node_source import NodeSource

        self.method, self.predictor = method, method.judge or self.predictor
        if self.budget is not None:
            return self._released(method)[0]
        return NodeSource(self.seen, self.setting, device=self.device, validates=method.chooses)

    def labelled(self, method: Method) -> tuple[int, int]:
        """With noise, what is public: a release needs a budget."""
        if self.budget is not None:
            return self.task.num_classes, len(self.task.train)
        return super().labelled(method)

    def keep_private(self, epsilon: float, delta: float, seed: int) -> None:
        if delta >= 1 / self.task.num_nodes:
            raise ValueError(
                f"delta={delta:g} is too large for {self.task.num_nodes:,} nodes: one of them "
                f"might be told outright; give one well below {1 / self.task.num_nodes:.2g}"
            )
        if self.task.place.in_files:
            raise ValueError(
                f"epsilon={epsilon:g} holds the whole graph in memory, and these data were read "
                "within a limit of memory: read them without one"
            )
        if self.task.facts.columns is not None or self.task.facts.files:
            raise ValueError(
                f"epsilon={epsilon:g} puts noise on what a method sees, and the columns of the "
                "table were fitted without: their means, scales and categories would be told; give "
                "numbers as the x of a Data"
            )
        classified(self.task, f"epsilon={epsilon:g}")
        noise_multiplier(epsilon, delta)  # what is not installed is told before any work
        self.budget = epsilon, delta, seed

    @property
    def privacy(self) -> About | None:
        return None if self.private is None else self.private[1]

    def _released(self, method: Method) -> tuple[Source, About]:
        """What the noise was put on, once: a second release would cost as much again."""
        from graphcondense.domains.private import source_of

        if self.private is None:
            assert self.budget is not None
            assert method.private_view is not None, "run refuses such a method"
            epsilon, delta, seed = self.budget
            rng = torch.Generator().manual_seed(seed)
            budget = epsilon, delta
            self.private = source_of(
                self.task, method.private_view, method.sizes, budget, rng, self.setting, self.device
            )
        return self.private

    def describe(self) -> About:
        """Without what is computed of private values, where these are: hashes and size in bytes."""
        about = super().describe()
        if self.budget is None:
            return about
        return {k: v for k, v in about.items() if k not in ("bytes", "ids_digest")} | {
            "digest": None
        }

    def scorer(self) -> Callable[[Data], float]:
        """By the method's own predictor where it has one, else by networks."""
        from graphcondense.domains.node_source import NodeSource

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
        drawn = self.task.steady(number, seed)
        if len(drawn) == len(self.task.val):
            return number
        self.sample = drawn
        return len(drawn)

    def evaluator(self) -> AnyEvaluator:
        from graphcondense.evaluate import NodeEvaluator

        task = self._scored()
        every = max(1, len(task.val))  # what is read was chosen
        return NodeEvaluator(
            task, epochs=40, val_every=4, validation_nodes=every, device=self.device
        )

    def finish(self, export: Data) -> Data:
        """With the examples of each condensed node in its record, where nodes have names or texts:
        of those that the method saw, and none where noise hides them. Nor does a node stand for
        real ones there: what the method saw were sums of them. ``assignment`` is of all nodes of
        the graph, -1 for those that were not seen."""
        from graphcondense.data.examples import nearest_examples

        seen, inductive = self.seen, self.setting == "inductive"
        if self.budget is not None and "assignment" in export:
            del export["assignment"]
        if self.method is not None and self.budget is None and seen.facts.readable:
            those = (seen.subgraph(seen.train), seen.train) if inductive else (seen, None)
            near = nearest_examples(export, those[0], self.method.row_weights, those[1])
            export.condensed = {"examples": near}
        if inductive and "assignment" in export:
            group = torch.full((self.task.num_nodes,), -1)
            group[seen.train] = export.assignment.to(group)
            export.assignment = group
        return export

    def as_seen(self, before: Data) -> Data:
        group = getattr(before, "assignment", None)
        if self.setting != "inductive" or not isinstance(group, torch.Tensor):
            return before
        train = self.seen.train
        out = copy.copy(before)
        out.assignment = groups_at(group, train.where(train < len(group), -1))
        if (group >= 0).any() and not (out.assignment >= 0).any():
            raise ValueError(
                "no training node of before is a training node now, so no group is left; condense "
                "anew"
            )
        return out

    def about(self) -> About:
        task = self.task
        return {
            "nodes": task.num_nodes,
            "edges": int(task.adj.nnz),
            "bytes": task.size[2],
            "features": task.num_features,
            **self._outputs(),
            **task.facts.record(),
        }

    def _outputs(self) -> About:
        """What labels there are: how many classes, or tasks, and what else they are."""
        task = self.task
        if task.label_kind == "classes":
            return {"classes": task.num_classes}
        return {
            task.counted_as: task.num_classes,
            "label_kind": task.label_kind,
            "metric": task.metric,
        }

    def measure(self, small: Data) -> Measured:
        task = self.task
        return of_one(small, task.group_of(small.y), task.num_groups, task.num_nodes)


NODE = Kind(
    name="node",
    problem=NodeProblem,
    pseudo_labels=True,
    default="quotient",
    counted="nodes",
)
