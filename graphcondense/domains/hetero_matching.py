"""Heterogeneous graphs whose features are learnt, and what linear networks see of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

import numpy as np
import scipy.sparse as sp
import torch
from torch import Generator, Tensor, nn

from graphcondense.core.types import Batch, Synthetic
from graphcondense.data.hetero_parts import Ids
from graphcondense.domains.hetero import Array, HeteroSource, HeteroSynthetic
from graphcondense.objectives.gradient import LinearModel
from graphcondense.ops.arrays import dense
from graphcondense.ops.blocks import parts
from graphcondense.ops.hetero import HeteroGraph

COLUMNS = 256
"""Features that are propagated at once, over all nodes."""


def propagated(
    graph: HeteroGraph, target: str, nodes: Ids, hops: int, own: float
) -> Iterator[tuple[str, slice, Array]]:
    """What nodes of the target type hear of the features of each type along all meta-paths of at
    most ``hops`` relations, float32.

    A hop is the mean of a node's own rows, which weigh ``own``, and of those that each relation
    ``r`` into its type brings: ``h_t' = (own h_t + Σ_r mean_r h_s) / (own + R_t)``. It is linear,
    so the features of each type are followed apart, and :data:`COLUMNS` of them at once.

    Args:
        graph: features and relations.
        target: the type that hears.
        nodes: which of it ``[m]``.
        hops: relations that follow each other at most.
        own: weight of a node's own rows beside those of a relation.

    Yields:
        The type whose features they are, which columns of these, and the rows ``[m, columns]``.
    """
    for source, x in graph.x.items():
        by_column = x if isinstance(x, np.ndarray) else x.tocsc()
        for block in parts(x.shape[1], COLUMNS):
            rows: dict[str, Array] = {source: np.array(dense(by_column[:, block]), np.float32)}
            for left in reversed(range(hops)):
                wanted = graph.x if left else [target]
                rows = {
                    kind: heard
                    for kind in wanted
                    if (heard := _hop(graph, rows, kind, own, None if left else nodes)) is not None
                }
            if hops == 0:
                rows = {kind: part[nodes] for kind, part in rows.items() if kind == target}
            none = np.zeros((len(nodes), block.stop - block.start), np.float32)
            yield source, block, rows.get(target, none)


def _hop(
    graph: HeteroGraph, rows: Mapping[str, Array], kind: str, own: float, nodes: Ids | None
) -> Array | None:
    """What nodes of a type have after a hop, ``None`` where nothing comes to it."""
    into = graph.into(kind)
    chosen = slice(None) if nodes is None else nodes
    heard = [graph.means[r][chosen] @ rows[r[0]] for r in into if r[0] in rows]
    if kind in rows:
        heard.append(own * rows[kind][chosen])
    return sum(heard[1:], heard[0]) / np.float32(own + len(into)) if heard else None


class SeenByPaths:
    """Training nodes as linear networks see them: the rows of :func:`propagated` of all types side
    by side, made once.

    Args:
        real: the real graph.
        hops: see :func:`propagated`.
        own: see :func:`propagated`.
    """

    def __init__(self, real: HeteroSource, hops: int, own: float) -> None:
        task = real.task
        self.num_classes, self.num_examples = real.num_classes, real.num_examples
        self.counts, self.example_bytes = real.counts, real.example_bytes
        widths = task.graph.widths
        first = dict(zip(widths, np.cumsum([0, *widths.values()]).tolist(), strict=False))
        nodes = task.train.numpy()
        rows = np.empty((len(nodes), sum(widths.values())), np.float32)
        for kind, block, part in propagated(task.graph, task.target, nodes, hops, own):
            rows[:, first[kind] + block.start : first[kind] + block.stop] = part
        self.rows = torch.from_numpy(rows).to(real.device)
        self.labels = task.groups[task.train].to(real.device)
        self.targets = real.targets.to(real.device)

    def design(self, model: LinearModel) -> Tensor:
        """``[m, d]``, ``d`` the features of all types."""
        return self.rows

    def batch(
        self, c: int | None = None, size: int | None = None, rng: Generator | None = None
    ) -> Batch:
        """Such rows of training nodes, and what models learn of these."""
        nodes = torch.arange(len(self.rows)) if c is None else (self.labels.cpu() == c).nonzero()
        nodes = nodes.flatten()
        if size is not None and size < len(nodes):
            nodes = nodes[torch.randperm(len(nodes), generator=rng)[:size]]
        at = nodes.to(self.rows.device)
        return Batch((self.rows[at],), self.targets[at])


class LearntHetero(Synthetic):
    """A small heterogeneous graph whose features are learnt; its relations and labels stay.

    Batches hold what linear networks see of its target nodes, as :class:`SeenByPaths` has it.

    Args:
        start: its relations, and the features to start from.
        target: the type with labels.
        y: classes ``[n]``, ascending; or targets ``[n, T]`` as models learn them.
        num_classes: number of classes, or of the groups that stand for them.
        hops: see :func:`propagated`.
        own: see :func:`propagated`.
        assignment: by type, the node that stands for each real one ``[N]``.
        remarks: what the record says besides.
        group: where ``y`` are no classes, the group of each node ``[n]``, ascending.
        unscaled: brings targets into their own units for the export.
    """

    y: Tensor
    group: Tensor | None

    def __init__(
        self,
        start: HeteroGraph,
        target: str,
        y: Tensor,
        num_classes: int,
        hops: int,
        own: float,
        assignment: Mapping[str, Ids],
        remarks: Mapping[str, str],
        group: Tensor | None = None,
        unscaled: Callable[[Tensor], Tensor] | None = None,
    ) -> None:
        super().__init__()
        self.unscaled = unscaled
        self.relations, self.target, self.num_classes = start.relations, target, num_classes
        self.kinds, self.assignment, self.remarks = list(start.x), assignment, remarks
        self.x = nn.ParameterList(
            torch.from_numpy(np.array(dense(rows), np.float32)) for rows in start.x.values()
        )
        self.register_buffer("y", y.clone())
        self.register_buffer("group", None if group is None else group.clone())
        names = {kind: sp.identity(n, np.float32, "csr") for kind, n in start.counts.items()}
        nodes = np.arange(start.counts[target])
        heard: dict[str, list[Array]] = {kind: [] for kind in names}
        for kind, _, part in propagated(
            HeteroGraph(names, start.relations), target, nodes, hops, own
        ):
            heard[kind].append(part)
        for i, kind in enumerate(self.kinds):
            mixed = torch.from_numpy(np.hstack(heard[kind]))
            self.register_buffer(f"heard_{i}", mixed, persistent=False)

    def groups(self) -> dict[str, list[nn.Parameter]]:
        return {f"x of {kind}": [x] for kind, x in zip(self.kinds, self.x, strict=True)}

    def batch(self, c: int | None = None) -> Batch:
        heard = [self.get_buffer(f"heard_{i}") @ x for i, x in enumerate(self.x)]
        whole = Batch((torch.cat(heard, 1),), self.y, None, self.group)
        return whole if c is None else self._of_class(whole, c)

    def batches(self) -> list[Batch]:
        whole = self.batch()
        return [self._of_class(whole, c) for c in range(self.num_classes)]

    def _of_class(self, whole: Batch, c: int) -> Batch:
        rows = (whole.classes == c).nonzero().flatten()
        return Batch(whole.inputs, self.y[rows], rows)

    def export(self) -> object:
        """A PyG ``HeteroData``, see
        :class:`~graphcondense.saved.condensed_hetero.CondensedHetero`."""
        x = {k: part.detach().cpu().numpy() for k, part in zip(self.kinds, self.x, strict=True)}
        graph = HeteroGraph(x, self.relations)
        y = (self.y if self.unscaled is None else self.unscaled(self.y)).cpu()
        return HeteroSynthetic(graph, self.target, y, self.assignment).export()
