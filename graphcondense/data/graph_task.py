"""A checked graph-level problem: many labelled graphs in one packed layout.

Every graph-level method and evaluator starts from a :class:`GraphTask`, whatever the data set:
TUDatasets, OGB molecules, or a list of PyG graphs, as
:func:`~graphcondense.data.graph_reading.as_graph_task` reads them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np
import torch
from torch import Tensor

from graphcondense.data.targets import LabelKind, Labelled
from graphcondense.ops.as_read import as_read
from graphcondense.saved.graph_set import GraphSet

Splits = Mapping[str, Tensor]
"""Graph indices by the name of a split."""


@dataclass(frozen=True)
class Encoding:
    """Integer categories as numbers: one 0/1 column for each value that training graphs have.

    A linear layer on these columns is a sum of embeddings, one a categorical column: OGB's
    ``AtomEncoder`` and ``BondEncoder``. A value that no training graph has becomes all zeros.

    Attributes:
        values: of each categorical column, its values in ascending order.
    """

    values: tuple[tuple[int, ...], ...]

    @classmethod
    def of(cls, categories: Tensor) -> Encoding:
        """The encoding of the values in ``categories [n, k]``, int64."""
        return cls(tuple(tuple(torch.unique(column).tolist()) for column in categories.T))

    @property
    def width(self) -> int:
        """Columns of the encoded features."""
        return sum(map(len, self.values))

    def __call__(self, categories: Tensor) -> Tensor:
        """Encode ``[n, k]`` int64 as ``[n, width]`` float32.

        >>> Encoding(((0, 7), (1, 2, 3)))(torch.tensor([[7, 1], [5, 3]])).tolist()
        [[0.0, 1.0, 1.0, 0.0, 0.0], [0.0, 0.0, 0.0, 0.0, 1.0]]
        """
        if categories.dim() != 2 or categories.shape[1] != len(self.values):
            raise ValueError(
                f"the encoding has {len(self.values)} categorical columns, the features are "
                f"{list(categories.shape)}"
            )
        columns = [
            column[:, None] == torch.tensor(values, device=categories.device)
            for column, values in zip(categories.T, self.values, strict=True)
        ]
        return torch.cat(columns, 1).float()


@dataclass(frozen=True, repr=False)
class GraphTask(Labelled):
    """Labelled graphs with splits, checked and in one layout.

    Attributes:
        graphs: all of them; categories stay integers, see :meth:`batch`.
        train, val, test: graph indices, int64, disjoint; ``val`` and ``test`` may be empty. Each
            graph has a label, of one task at least.
        label_kind: ``"classes"`` (one class a graph), ``"binary"`` (tasks with labels 0, 1 or
            NaN) or ``"regression"`` (targets that are numbers or NaN).
        metric: the score, one of :data:`METRICS`.
        nodes, edges: encodings of categorical node and edge features; ``None`` where features are
            numbers.
        name: what to call the data in a report.
        unlabelled: of ``train``, ``val`` and ``test``, how many graphs were left out since they
            have no label (of any task).
        made: what features were made of, where no graph came with any; else empty.
    """

    graphs: GraphSet
    train: Tensor
    val: Tensor
    test: Tensor
    label_kind: LabelKind
    metric: str
    nodes: Encoding | None = None
    edges: Encoding | None = None
    name: str = "data"
    unlabelled: Mapping[str, int] = field(default_factory=dict)
    made: str = ""

    def __repr__(self) -> str:
        outputs = f"{self.num_outputs} {self.counted_as}"
        parts = ", ".join(f"{s} {len(getattr(self, s)):,}" for s in ("train", "val", "test"))
        return (
            f"GraphTask({self.name!r}, {len(self):,} graphs, {len(self.graphs.x):,} nodes, "
            f"{self.num_features} features, {self.label_kind}: {outputs}, {self.metric}; {parts})"
        )

    def __len__(self) -> int:
        return len(self.graphs)

    @property
    def size(self) -> tuple[int, int, int, int]:
        """Nodes, edges and bytes of the training graphs, and how many they are."""
        training = self.graphs.select(self.train)
        return len(training.x), training.edge_index.shape[1], training.bytes, len(training)

    @property
    def num_features(self) -> int:
        """Width of the (encoded) node features."""
        return self.nodes.width if self.nodes else int(self.graphs.x.shape[1])

    @property
    def num_edge_features(self) -> int:
        """Width of the (encoded) edge features; 0 without any."""
        if self.graphs.edge_attr is None:
            return 0
        return self.edges.width if self.edges else int(self.graphs.edge_attr.shape[1])

    @property
    def labels(self) -> Tensor:
        return self.graphs.y

    def batch(self, index: Tensor) -> GraphSet:
        """The graphs ``index`` with encoded, float32 features, as models take them."""
        return self.encoded(self.graphs.select(index))

    def encoded(self, graphs: GraphSet) -> GraphSet:
        """``graphs`` with categories encoded; floats are taken as encoded, and have that width.

        Raises:
            ValueError: features of another width, or categories that the encoding does not take.
        """
        x = encoded(graphs.x, self.nodes)
        if x.shape[1] != self.num_features:
            raise ValueError(
                f"the graphs have {x.shape[1]} node features, {self.name} has {self.num_features}"
            )
        attr = None if graphs.edge_attr is None else encoded(graphs.edge_attr, self.edges)
        if attr is not None and attr.shape[1] != self.num_edge_features:
            raise ValueError(
                f"the graphs have {attr.shape[1]} edge features, {self.name} has "
                f"{self.num_edge_features}"
            )
        return replace(graphs, x=x, edge_attr=attr)

    @property
    def encoding(self) -> dict[str, list[list[int]] | None]:
        """Both encodings as plain values, for a record: of each categorical column its values.

        ``x`` and ``edge_attr``; ``None`` where features are numbers.
        """
        both = {"x": self.nodes, "edge_attr": self.edges}
        return {
            name: None if e is None else [list(v) for v in e.values] for name, e in both.items()
        }

    @as_read
    def digest(self) -> str:
        """SHA-256 (first 16 hex digits) of graphs, training and validation labels, and splits.

        Test labels are left out: condensing never sees them.
        """
        h = hashlib.sha256(f"{self.label_kind}{self.metric}".encode())
        seen = torch.cat([self.train, self.val])
        g = self.graphs
        parts = {
            **{name: getattr(g, name) for name in ("x", "edge_index", "edge_attr", "node_weight")},
            **{"node_ptr": g.node_ptr, "edge_ptr": g.edge_ptr, "y": g.y[seen]},
            **{"train": self.train, "val": self.val, "test": self.test},
        }
        for name, part in parts.items():
            if part is not None:
                h.update(f"{name}{part.dtype}{tuple(part.shape)}".encode())
                # A view, no copy: these are gigabytes for the largest sets.
                h.update(part.contiguous().numpy().reshape(-1).view(np.uint8))
        return h.hexdigest()[:16]


def encoded(features: Tensor, encoding: Encoding | None) -> Tensor:
    """Features ``[n, k]`` as models take them, ``[n, d]`` float32.

    Categories are encoded; floats are encoded already, and of its width, where there is an
    encoding.
    """
    if encoding is None:
        return features.float()
    if not features.is_floating_point():
        return encoding(features)
    if features.shape[1] != encoding.width:
        raise ValueError(
            f"the encoding takes {len(encoding.values)} integer columns, or {encoding.width} float "
            f"columns that are encoded already; the features are floats of shape "
            f"{list(features.shape)}"
        )
    return features.float()
