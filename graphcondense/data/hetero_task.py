"""A checked heterogeneous graph: nodes of several types, relations, and one type with labels."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

from graphcondense.data.targets import LabelKind, Labelled
from graphcondense.ops.as_read import as_read
from graphcondense.ops.hetero import HeteroGraph
from graphcondense.saved.compact import bytes_of

SPLITS = ("train", "val", "test")
MASKS = tuple(f"{split}_mask" for split in SPLITS)


@dataclass(frozen=True, repr=False, eq=False)
class HeteroTask(Labelled):
    """One heterogeneous graph with labels on the nodes of one type, checked.

    Attributes:
        graph: features and relations.
        target: the type whose nodes have labels.
        y: their classes ``[n]`` int64, -1 for a node without a label; else ``[n, T]`` float32, NaN
            for none.
        train, val, test: ids of target nodes with a label.
        num_classes: number of classes; of other labels how many tasks or targets there are.
        name: what to call the data in a report.
        left_out: by split, the nodes that were taken out of it since they have no label.
        made: by type without features, what is in their place, in words.
        label_kind: ``"classes"``, ``"binary"`` (tasks with labels 0, 1 or NaN), ``"regression"`` or
            ``"soft"``.
        metric: the score, one of :data:`~graphcondense.data.targets.METRICS`.
    """

    graph: HeteroGraph
    target: str
    y: Tensor
    train: Tensor
    val: Tensor
    test: Tensor
    num_classes: int
    name: str = "hetero"
    left_out: Mapping[str, Tensor] = field(default_factory=dict)
    made: Mapping[str, str] = field(default_factory=dict)
    label_kind: LabelKind = "classes"
    metric: str = "accuracy"

    def __repr__(self) -> str:
        nodes = ", ".join(f"{n:,} {kind}" for kind, n in self.graph.counts.items())
        splits = "/".join(f"{len(getattr(self, split)):,}" for split in SPLITS)
        return (
            f"HeteroTask({self.name}: {nodes} nodes; {self.graph.num_edges:,} edges of "
            f"{len(self.graph.relations)} relations; {self.num_classes} {self.outputs} of "
            f"{self.target!r}, {splits} nodes to train/validate/test)"
        )

    @property
    def labels(self) -> Tensor:
        return self.y

    @cached_property
    def num_outputs(self) -> int:
        """Numbers that a model says of a node: one a class, task or target."""
        return self.num_classes

    @cached_property
    def num_groups(self) -> int:
        """Classes, also those that no node of a part has; of other labels the groups there are."""
        return self.num_classes if self.label_kind == "classes" else int(self.groups.max()) + 1

    @property
    def num_nodes(self) -> int:
        """Of the target type."""
        return self.graph.counts[self.target]

    @property
    def shares(self) -> dict[str, float]:
        """Nodes of each type to a node of the target type."""
        return {kind: n / self.num_nodes for kind, n in self.graph.counts.items()}

    def sizes_of(self, n: int) -> dict[str, int]:
        """Nodes of each type where there are ``n`` of the target type: the same share of all, at
        least one."""
        counts = self.graph.counts
        few = {k: max(1, min(counts[k], int(n * s + 1e-9))) for k, s in self.shares.items()}
        return {**few, self.target: n}

    @property
    def unlabelled(self) -> dict[str, int]:
        """By split, how many nodes were taken out of it because they have no label."""
        return {split: len(self.left_out.get(split, ())) for split in SPLITS}

    @property
    def size(self) -> tuple[int, int, int]:
        """Nodes of all types, edges, and bytes of all tensors as they are stored."""
        graph = self.graph
        return sum(graph.counts.values()), graph.num_edges, bytes_of_graph(graph) + self.y.nbytes

    @as_read
    def digest(self) -> str:
        """SHA-256 (first 16 hex digits) of features, edges, splits and the labels of training and
        validation nodes. Test labels are left out, and which test nodes have one."""
        h = hashlib.sha256(self.target.encode())
        for kind, rows in self.graph.x.items():
            h.update(f"{kind}{rows.shape}".encode())
            whole = [rows] if isinstance(rows, np.ndarray) else [rows.indptr, rows.indices]
            parts = whole if isinstance(rows, np.ndarray) else [*whole, rows.data]
            for part in parts:
                h.update(np.ascontiguousarray(part).tobytes())
        for relation, matrix in self.graph.relations.items():
            h.update(f"{relation}{matrix.shape}".encode())
            for part in (matrix.indptr, matrix.indices, matrix.data):
                h.update(np.ascontiguousarray(part).tobytes())
        test = torch.cat([self.test, self.left_out.get("test", self.test[:0])]).sort().values
        seen = torch.cat([self.train, self.val])
        if self.label_kind != "classes":
            h.update(f"{self.label_kind} {self.metric}".encode())
        for ids in (self.y[seen], self.train, self.val, test):
            h.update(ids.numpy().tobytes())
        return h.hexdigest()[:16]

    def blind(self, validates: bool = False) -> HeteroTask:
        """The same without test nodes and without labels that a method must not see: all but those
        of training nodes and, where it ``validates``, of validation nodes."""
        seen = torch.cat([self.train, self.val]) if validates else self.train
        y = torch.full_like(self.y, -1 if self.label_kind == "classes" else torch.nan)
        y[seen] = self.y[seen]
        none = self.test[:0]
        return replace(self, y=y, val=self.val if validates else none, test=none, left_out={})


def bytes_of_graph(graph: HeteroGraph) -> int:
    """Bytes of features and edges as a condensed set stores them."""
    edges = sum(
        matrix.nnz * (16 if (matrix.data == 1).all() else 20) for matrix in graph.relations.values()
    )
    return int(edges) + sum(bytes_of(rows) for rows in graph.x.values())
