"""A checked graph with labelled nodes: what every node method and every evaluator starts from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import scipy.sparse as sp
import torch
from torch import Tensor

from graphcondense.data.columns import Columns
from graphcondense.data.facts import Facts
from graphcondense.data.targets import HAVE, LabelKind, Labelled, known_rows
from graphcondense.ops.adjacency import scipy_csr
from graphcondense.ops.as_read import as_read
from graphcondense.ops.place import Place
from graphcondense.ops.propagated import Propagated, hash_arrays
from graphcondense.ops.types import Record
from graphcondense.saved.compact import bytes_of

SPLITS = ("train", "val", "test")

STEADY = 4096
"""Validation nodes that scores on the way read by default: an accuracy of so many has a standard
error below 0.8 %, and the scores that are compared are of the same nodes."""

WIDE, SPARSE = 256, 0.1
"""Dense features of so many columns, of which less than this share is not zero, are kept as CSR."""


class OneGraph:
    """What checked tasks on one graph share: features ``x [n, d]``, ``adj [n, n]``, and all that is
    made of the two alone."""

    x: Tensor | sp.csr_matrix
    adj: sp.csr_matrix
    shared: Propagated | None

    @property
    def num_nodes(self) -> int:
        return int(self.adj.shape[0])

    @property
    def num_features(self) -> int:
        return int(self.x.shape[1])

    @property
    def graph(self) -> Propagated:
        """What is made of features and edges alone: operators, ``Â^k X``, their hash. Tasks of the
        same two share it, however their labels and splits differ; it is freed with the last."""
        assert self.shared is not None  # since __post_init__
        return self.shared

    @property
    def x_array(self) -> Any:
        """The features as SciPy CSR or a NumPy array, without a copy."""
        return self.x.numpy() if isinstance(self.x, Tensor) else self.x


@dataclass(frozen=True, repr=False)
class NodeTask(OneGraph, Labelled):
    """Features, adjacency, labels and splits of one graph, checked and in one layout.

    Attributes:
        x: features, a float32 tensor ``[n, d]``, or a SciPy CSR matrix ``[n, d]`` when sparse.
        adj: ``A [n, n]``, ``A[i, j]`` the weight of the edge ``j -> i``, as given (no self-loops
            added, not normalised, directed if the data is).
        y: classes ``[n]``, int64; ``-1`` marks a node without a label. Of binary tasks and
            regression targets ``[n, T]`` float32, NaN where there is no label.
        train, val, test: node indices, int64, disjoint; ``val`` and ``test`` may be empty. Nodes
            without a label are taken out of them: no score can count such a node.
        num_classes: number of classes; of other labels how many tasks or targets there are.
        name: what to call the data in a report.
        label_kind: ``"classes"``, ``"binary"`` (tasks with labels 0, 1 or NaN),
            ``"regression"`` (targets that are numbers or NaN) or ``"soft"`` (a probability for each
            class; a row of NaN is none).
        metric: the score, one of :data:`~graphcondense.data.targets.METRICS`.
        left_out: by split, the nodes that were taken out of it.
        shared: what is made of features and edges alone, see :attr:`graph`.
        facts: what nodes and classes are called, their texts, and how features were made.

    Raises:
        ValueError: a split has nodes, and none of them has a label.
    """

    x: Tensor | sp.csr_matrix
    adj: sp.csr_matrix
    y: Tensor
    train: Tensor
    val: Tensor
    test: Tensor
    num_classes: int
    name: str = "data"
    label_kind: LabelKind = "classes"
    metric: str = "accuracy"
    left_out: Mapping[str, Tensor] = field(default_factory=dict)
    shared: Propagated | None = field(default=None, repr=False, compare=False)
    facts: Facts = field(default_factory=Facts, repr=False, compare=False)

    def __post_init__(self) -> None:
        before = self.shared or Propagated(self.x, self.adj)
        object.__setattr__(self, "shared", before.of(self.x, self.adj))
        if self.label_kind == "classes" and self.y.dim() != 1:  # soft labels
            return
        has = known_rows(self.y, self.label_kind)
        left_out = dict(self.left_out)
        for split in SPLITS:
            index = getattr(self, split)
            known = has[index]
            if bool(known.all()):
                continue
            if not bool(known.any()):
                raise ValueError(
                    f"none of the {len(index):,} {split} nodes of {self.name} has a label (y is -1 "
                    f"or NaN); give them labels{leave_out(split)}"
                )
            before = left_out.get(split, index[:0])
            left_out[split] = torch.unique(torch.cat([before, index[~known]]))
            object.__setattr__(self, split, index[known])
        object.__setattr__(self, "left_out", left_out)

    def __repr__(self) -> str:
        splits = "/".join(f"{len(getattr(self, split)):,}" for split in SPLITS)
        without = sum(self.unlabelled.values())
        return (
            f"NodeTask({self.name}: {self.num_nodes:,} nodes, {self.adj.nnz:,} edges, "
            f"{self.num_features:,} features, {self.num_classes:,} {self.outputs}, {splits} nodes "
            f"to train/validate/test{f', {without:,} more without a label' if without else ''})"
        )

    @property
    def columns(self) -> Columns:
        """How features were made of the columns of a table; ``columns.inverse(small.x)`` are
        readable values.

        Raises:
            ValueError: features were given as numbers.
        """
        if self.facts.columns is None:
            raise ValueError(
                f"{self.name} was not read from a table: its features were given as numbers"
            )
        return self.facts.columns

    @property
    def labels(self) -> Tensor:
        return self.y

    @cached_property
    def num_outputs(self) -> int:
        """Numbers that a model says of a node: one a class, task or target."""
        return self.num_classes

    @cached_property
    def num_groups(self) -> int:
        """Classes; of other labels the groups that training nodes are in."""
        if self.label_kind == "classes":
            return self.num_classes
        return int(self.groups[self.train].max()) + 1

    @property
    def unlabelled(self) -> dict[str, int]:
        """By split, how many nodes were taken out of it because they have no label."""
        return {split: len(self.left_out.get(split, ())) for split in SPLITS}

    @property
    def size(self) -> tuple[int, int, int]:
        """Nodes, edges, and bytes of features, edges and labels as they are stored."""
        arrays = [self.adj.data, self.adj.indices, self.adj.indptr, self.y.numpy()]
        total = bytes_of(self.x_array) + sum(a.nbytes for a in arrays)
        return self.num_nodes, int(self.adj.nnz), total

    @property
    def place(self) -> Place:
        """Where what is made of the graph goes: memory, or files within a limit
        (:func:`~graphcondense.data.mapped.mapped_task`)."""
        return self.graph.place

    @property
    def gcn_adj(self) -> sp.csr_matrix:
        """``D^-1/2 (A + I) D^-1/2``."""
        return self.graph.operator("gcn")

    def propagate(
        self, hops: int, rows: np.ndarray, dtype: type[np.floating[Any]] = np.float32
    ) -> np.ndarray:
        """``(Â^hops X)[rows]`` ``[len(rows), d]``, computed in ``dtype``; what was made for others
        is not made again."""
        return self.graph.rows(hops, rows, dtype)

    def kept_in(self, folder: str | Path) -> NodeTask:
        """The same task, whose propagated features are kept in a folder, too."""
        return replace(self, shared=self.graph.kept_in(folder))

    def steady(self, number: int | None = None, seed: int = 0) -> Tensor:
        """Validation nodes for scores that are made often: ``number`` of them (by default all, or
        :data:`STEADY` where there are more), drawn by ``seed`` and sorted.

        Raises:
            ValueError: there are fewer than ``number``.
        """
        if number is not None and number > len(self.val):
            raise ValueError(
                f"validation_nodes={number} cannot act: the data have {len(self.val):,} validation "
                "nodes; leave it out, or name no more"
            )
        read = number or STEADY
        if read >= len(self.val):
            return self.val
        drawn = torch.randperm(len(self.val), generator=torch.Generator().manual_seed(seed))[:read]
        return self.val[drawn.sort().values]

    @as_read
    def digest(self) -> str:
        """SHA-256 (first 16 hex digits) of features, edges, train and validation labels, splits.

        Test labels are left out, and so is which test nodes have one: condensing never sees them.
        """
        test = self.test
        if "test" in self.left_out:
            test = torch.cat([test, self.left_out["test"]]).sort().values
        seen = torch.cat([self.train, self.val])
        parts = (self.y[seen], self.train, self.val, test)
        hashed = self.graph.hashed()
        if self.label_kind != "classes":
            told = f"{self.label_kind} {self.metric}".encode()
            hash_arrays(hashed, np.frombuffer(told, np.uint8))
        hash_arrays(hashed, *(part.numpy() for part in parts))
        return hashed.hexdigest()[:16]

    def subgraph(self, nodes: Tensor, name: str | None = None) -> NodeTask:
        """The induced subgraph on ``nodes``; split members outside it are dropped."""
        keep = nodes.numpy()
        position = torch.full((self.num_nodes,), -1, dtype=torch.long)
        position[nodes] = torch.arange(len(nodes))

        def moved(index: Tensor) -> Tensor:
            return position[index][position[index] >= 0]

        rest: Record = {split: moved(getattr(self, split)) for split in SPLITS}
        left_out = {split: moved(index) for split, index in self.left_out.items()}
        return replace(
            self,
            x=self.x[nodes] if isinstance(self.x, Tensor) else self.x[keep],
            adj=self.adj[keep][:, keep].tocsr(),
            y=self.y[nodes],
            name=name or self.name,
            facts=self.facts.of(nodes),
            left_out={split: index for split, index in left_out.items() if len(index)},
            **rest,
        )


def leave_out(split: str) -> str:
    """What else can be done about a split without labels."""
    return "" if split == "train" else f", or leave {split}_mask out"


def classified(task: NodeTask, what: str) -> NodeTask:
    """The task, of nodes with one class each.

    Args:
        task: checked data.
        what: who asks, for the message, such as ``"membership inference"``.

    Raises:
        ValueError: nodes have other labels.
    """
    if task.label_kind == "classes":
        return task
    instead = {
        "binary": "one column of it",
        "regression": "y > y.median()",
        "soft": "y.argmax(1)",
    }[task.label_kind]
    raise ValueError(
        f"{what} needs one class a node, and {task.name} has {HAVE[task.label_kind]} "
        f"({task.label_kind}); give it data with a y of classes, such as {instead}"
    )


def compact(x: Tensor | sp.csr_matrix) -> Tensor | sp.csr_matrix:
    """Bag-of-words features are cheaper as CSR, in memory and in every product."""
    wide = isinstance(x, Tensor) and x.shape[1] >= WIDE
    if wide and int(torch.count_nonzero(x)) < SPARSE * x.numel():
        return scipy_csr(x)
    return x
