"""Heterogeneous graphs as methods see them, and finished small ones.

A budget counts nodes of the target type, which has labels. Every other type gets the same share of
its nodes, at least one, unless the budget names a number for it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, ClassVar, TypeAlias, TypeVar

import numpy as np
import numpy.typing as npt
import torch
from torch import Generator, Tensor, nn

from graphcondense.core.method import Method
from graphcondense.core.types import Batch, Synthetic
from graphcondense.data.hetero_parts import Ids as Ids  # methods take it from here
from graphcondense.data.hetero_reading import fill
from graphcondense.data.hetero_task import HeteroTask
from graphcondense.ops.budget import Budget
from graphcondense.ops.coarsen import few_dimensions
from graphcondense.ops.fields import Count, CountByName, brief, plain
from graphcondense.ops.hetero import HeteroGraph, Relation, Rows
from graphcondense.ops.names import nearest
from graphcondense.ops.paired import CHOOSING

if TYPE_CHECKING:
    from graphcondense.saved.condensed_hetero import CondensedHetero

Array: TypeAlias = "npt.NDArray[np.floating]"

B = TypeVar("B", bound=Budget)

EDGE_BYTES = 20
"""Of a weighted edge as it is stored: two int64 and a float32."""


@dataclass
class HeteroSource:
    """Training nodes of the target type by class, or by the groups that stand for classes
    (:attr:`~graphcondense.data.targets.Labelled.groups`), and the whole graph around them.

    Args:
        task: without labels that methods must not see.
        device: where batches go.

    Attributes:
        num_classes: of the target type, or the groups that stand for them.
        num_examples: its nodes, labelled or not.
        counts: training nodes of each class ``[C]``.
        members: which they are.
        targets: what models learn of training nodes: the class ``[m]``, or tasks ``[m, T]``,
            regression targets standardised, NaN where there is none.
        validation: validation nodes and their labels, in their own units; ``None`` of fewer
            than five, which choose nothing.
    """

    task: HeteroTask
    device: torch.device = field(default_factory=lambda: torch.device("cpu"))

    kind = "hetero"

    def __post_init__(self) -> None:
        task = self.task
        self.num_classes, self.num_examples = task.num_groups, task.num_nodes
        classes = task.groups[task.train]
        self.targets = task.scaled(task.y[task.train])
        self.members = [task.train[classes == c] for c in range(self.num_classes)]
        self.counts = torch.tensor([len(m) for m in self.members])
        self.validation = (task.val, task.y[task.val]) if len(task.val) >= CHOOSING else None

    @property
    def example_bytes(self) -> int:
        """Of a target node with its labels, and of the nodes of other types that come with it,
        edges apart; a type of few nodes counts one to each."""
        widths = self.task.graph.widths
        label = 8 if self.task.label_kind == "classes" else 4 * self.task.num_outputs
        return label + math.ceil(
            sum(4 * widths[k] * max(1.0, s) for k, s in self.task.shares.items())
        )

    def batch(
        self, c: int | None = None, size: int | None = None, rng: Generator | None = None
    ) -> Batch:
        """Raw features of training nodes, dense ``[m, d]``, and their labels as models learn
        them."""
        nodes = self.task.train if c is None else self.members[c]
        if size is not None and size < len(nodes):
            nodes = nodes[torch.randperm(len(nodes), generator=rng)[:size]]
        rows = self.task.graph.x[self.task.target][nodes.numpy()]
        dense = rows if isinstance(rows, np.ndarray) else rows.toarray()
        x = torch.from_numpy(np.ascontiguousarray(dense)).to(self.device)
        return Batch((x,), self.task.scaled(self.task.y[nodes]).to(self.device))


@dataclass(frozen=True, kw_only=True)
class HeteroMethod(Method[HeteroSource]):
    """What all methods for heterogeneous graphs share.

    Attributes:
        nodes: of the target type, and of every other type the same share; or a number for some
            types by name, the target type among them, such as ``{"paper": 600, "author": 200}``, of
            which types that are not named get the same share as of the target type. On the command
            line ``--nodes paper=600 author=200``.
    """

    kind = "hetero"
    label_kinds: ClassVar[tuple[str, ...]] = ("classes",)

    nodes: Count | CountByName | None = None  # type: ignore[assignment]

    def __post_init__(self) -> None:
        if isinstance(self.nodes, Mapping):  # a plain dict of plain numbers, as JSON has it
            named = {kind: plain(n) for kind, n in self.nodes.items()}
            object.__setattr__(self, "nodes", named)
        super().__post_init__()

    def shared(self, budget: Budget, real: HeteroSource, counts: Tensor | None = None) -> Tensor:
        """Nodes of the target type by class; how many edges they may have depends on the data."""
        return self.of_target(budget, real).allocate(
            real.counts if counts is None else counts,
            real.num_examples,
            example_bytes=self.example_bytes(real),
            edge_bytes=lambda n: self.edge_bytes(real, n),
            label_kind=real.task.label_kind,
        )

    def most_edges(self, real: HeteroSource, relation: Relation, counts: Mapping[str, int]) -> int:
        """Edges that a relation has at most where there are ``counts`` nodes of each type: by
        default each pair that it joins, and no more than the real one has, since no real node is
        part of several small ones."""
        source, _, end = relation
        pairs = counts[source] * counts[end]
        return min(pairs, int(real.task.graph.relations[relation].nnz))

    def edge_bytes(self, real: HeteroSource, n: int) -> int:
        """Bytes that all relations may take where there are ``n`` nodes of the target type."""
        counts, relations = self.counts(real, n), real.task.graph.relations
        return EDGE_BYTES * sum(self.most_edges(real, relation, counts) for relation in relations)

    def of_target(self, budget: B, real: HeteroSource) -> B:
        """The budget with the number of nodes of the target type alone."""
        named: object = budget.nodes
        if not isinstance(named, Mapping):
            return budget
        return replace(budget, nodes=self._named(real, named)[real.task.target])

    def counts(self, real: HeteroSource, n: int) -> dict[str, int]:
        """Nodes of each type where there are ``n`` of the target type: as many as the budget names,
        of other types the same share as of the target type, at least one."""
        named = self._named(real, self.nodes) if isinstance(self.nodes, Mapping) else {}
        return {**real.task.sizes_of(n), **named}

    def _named(self, real: HeteroSource, nodes: Mapping[str, int]) -> dict[str, int]:
        """The numbers that ``nodes`` gives by type.

        Raises:
            ValueError: a type that there is not, none for the target type, more than there are.
        """
        target, there = real.task.target, real.task.graph.counts
        for kind, n in nodes.items():
            if kind not in there:
                raise ValueError(
                    f"nodes={brief(nodes)} names the type {kind!r}; there are nodes of type "
                    f"{', '.join(there)}{nearest(kind, there)}"
                )
            if n > there[kind] and kind != target:
                raise ValueError(
                    f"nodes={brief(nodes)} asks for {n:,} {kind} nodes, and there are "
                    f"{there[kind]:,}; lower it"
                )
        if target not in nodes:
            raise ValueError(
                f"nodes={brief(nodes)} has no number for {target!r}, the type with labels, which "
                f"others follow; add it, such as nodes={{{target!r}: {real.num_classes}, ...}}"
            )
        return dict(nodes)


class HeteroSynthetic(Synthetic):
    """A finished small heterogeneous graph; nothing is learnt.

    Args:
        graph: its features and relations.
        target: the type with labels.
        y: classes ``[n]`` int64, soft labels ``[n, C]`` float32, or targets ``[n, T]`` in their own
            units.
        assignment: by type, the node that stands for each real one ``[N]``, -1 for none.
        remarks: what the record says besides.
    """

    def __init__(
        self,
        graph: HeteroGraph,
        target: str,
        y: Tensor,
        assignment: Mapping[str, Ids] | None = None,
        remarks: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__()
        self.graph, self.target, self.y = graph, target, y
        self.assignment, self.remarks = dict(assignment or {}), dict(remarks or {})

    def groups(self) -> dict[str, list[nn.Parameter]]:
        return {}

    def batch(self, c: int | None = None) -> Batch:
        rows = self.graph.x[self.target]
        dense = rows if isinstance(rows, np.ndarray) else rows.toarray()
        return Batch((torch.from_numpy(dense),), self.y)

    def batches(self) -> list[Batch]:
        return [self.batch()]

    def export(self) -> CondensedHetero:
        """A PyG ``HeteroData``, see
        :class:`~graphcondense.saved.condensed_hetero.CondensedHetero`."""
        from graphcondense.saved.condensed_hetero import CondensedHetero

        out = CondensedHetero()
        fill(out, self.graph)
        out[self.target].y = self.y.clone()
        out[self.target].train_mask = torch.ones(len(self.y), dtype=torch.bool)
        for kind, group in self.assignment.items():
            out[kind].assignment = torch.from_numpy(group.astype(np.int64))
        return out


def unit(rows: Rows) -> Rows:
    """Rows divided by their length; rows of zeros stay, and sparse rows sparse."""
    if isinstance(rows, np.ndarray):
        length = np.sqrt(np.square(rows).sum(1, keepdims=True))
        dense: Array = rows / np.where(length > 0, length, 1)
        return dense.astype(np.float32, copy=False)
    length = np.sqrt(np.asarray(rows.multiply(rows).sum(1)).ravel())
    out = rows.multiply((1 / np.where(length > 0, length, 1))[:, None]).tocsr()
    return out.astype(np.float32)


def path_rows(
    graph: HeteroGraph, hops: int, dims: int, draws: np.random.Generator
) -> dict[str, Array]:
    """What nodes of each type hear along meta-paths of at most ``hops`` relations, float32.

    A hop puts the unit rows of a node beside those that each relation brings it as means over
    neighbours; before the next hop, they are taken to their ``dims`` leading singular vectors.
    With no hop these are the features, in so many dimensions.

    Args:
        graph: features and relations.
        hops: length of the meta-paths.
        dims: of the rows that a relation brings.
        draws: of the randomised decompositions.
    """
    rows = {kind: few(x, dims, draws) for kind, x in graph.x.items()}
    for hop in range(hops):
        if hop:
            rows = {kind: few(x, dims, draws) for kind, x in rows.items()}
        rows = {kind: heard(graph, rows, kind) for kind in rows}
    return rows


def few(x: Rows, dims: int, draws: np.random.Generator) -> Array:
    """Rows in their leading singular vectors, float32; few rows span no more."""
    wanted = min(dims, max(x.shape[0] - 1, 1))
    return few_dimensions(x, wanted, draws).astype(np.float32)


def heard(graph: HeteroGraph, rows: Mapping[str, Array], kind: str) -> Array:
    """Unit rows of the nodes of a type, and beside them those that each relation brings."""
    brought = [graph.means[relation] @ rows[relation[0]] for relation in graph.into(kind)]
    return np.hstack([np.asarray(unit(part)) for part in (rows[kind], *brought)])
