"""Many graphs in one packed layout: what sets of graphs are stored, trained and learnt as."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from graphcondense.saved.compact import bytes_of

if TYPE_CHECKING:
    from torch_geometric.data import Data


@dataclass(frozen=True, repr=False)
class GraphSet:
    """Graphs packed one behind the other.

    Attributes:
        x: node features ``[N, d]`` float32, or categories ``[N, k]`` int64.
        edge_index: ``[2, M]``, source and target among all ``N`` nodes, sorted by graph.
        edge_attr: edge features ``[M, e]`` float32 or int64, or ``None``.
        node_ptr: where each graph's nodes begin, ``[G + 1]``.
        edge_ptr: where each graph's edges begin, ``[G + 1]``.
        y: classes ``[G]`` int64, probabilities of classes ``[G, C]`` float32, or targets
            ``[G, T]`` float32 with NaN where there is none.
        node_weight: what each node counts in a readout, ``[N]``; ``None``: every node one.
    """

    x: Tensor
    edge_index: Tensor
    edge_attr: Tensor | None
    node_ptr: Tensor
    edge_ptr: Tensor
    y: Tensor
    node_weight: Tensor | None = None

    def __len__(self) -> int:
        return len(self.node_ptr) - 1

    def __repr__(self) -> str:
        nodes, edges = len(self.x), self.edge_index.shape[1]
        return f"GraphSet({len(self):,} graphs, {nodes:,} nodes, {edges:,} edges)"

    @property
    def sizes(self) -> Tensor:
        """Nodes of each graph ``[G]``."""
        return self.node_ptr.diff()

    @cached_property
    def batch(self) -> Tensor:
        """Which graph each node is in, ``[N]``."""
        return torch.repeat_interleave(self.sizes)

    def select(self, index: Tensor) -> GraphSet:
        """The graphs ``index``, in that order; a graph may come more than once.

        Args:
            index: positions ``[k]`` int64 (negative ones count from the end), or bool ``[G]``.
        """
        index = torch.arange(len(self), device=self.node_ptr.device)[index]
        nodes, node_ptr = ranges(self.node_ptr, index)
        edges, edge_ptr = ranges(self.edge_ptr, index)
        shift = torch.repeat_interleave(node_ptr[:-1] - self.node_ptr[index], edge_ptr.diff())
        return GraphSet(
            x=self.x[nodes],
            edge_index=self.edge_index[:, edges] + shift,
            edge_attr=None if self.edge_attr is None else self.edge_attr[edges],
            node_ptr=node_ptr,
            edge_ptr=edge_ptr,
            y=self.y[index],
            node_weight=None if self.node_weight is None else self.node_weight[nodes],
        )

    def induced(self, kept: Tensor) -> GraphSet:
        """Of each graph the nodes where ``kept [N]`` (bool) is true, and the edges between them."""
        place = kept.cumsum(0) - 1
        inside = kept[self.edge_index].all(0)
        nodes, edges = starts(kept.long()), starts(inside.long())
        return replace(
            self,
            x=self.x[kept],
            edge_index=place[self.edge_index[:, inside]],
            edge_attr=None if self.edge_attr is None else self.edge_attr[inside],
            node_ptr=nodes[self.node_ptr],
            edge_ptr=edges[self.edge_ptr],
            node_weight=None if self.node_weight is None else self.node_weight[kept],
        )

    def blocks(self, index: Tensor, nodes: int) -> list[Tensor]:
        """``index`` in consecutive parts of about ``nodes`` nodes, so that memory stays bounded."""
        ends = self.sizes[index].cumsum(0)
        cuts = torch.searchsorted(ends, nodes * torch.arange(1, 1 + int(ends[-1]) // nodes))
        return [part for part in index.tensor_split(cuts) if len(part)]

    def to(self, device: torch.device | str | None) -> GraphSet:
        """The same on another device."""
        moved = {
            name: value.to(device)
            for name, value in ((n, getattr(self, n)) for n in self.__dataclass_fields__)
            if isinstance(value, Tensor)
        }
        return replace(self, **moved)

    def graph(self, i: int) -> Data:
        """Graph ``i`` as PyG's ``Data``; a copy, with ``y [1]`` or ``[1, T]``."""
        from torch_geometric.data import Data

        i = range(len(self))[i]
        one = self.select(torch.tensor([i]))
        given = {k: getattr(one, k) for k in ("x", "edge_index", "y", "edge_attr", "node_weight")}
        return Data(**{name: value for name, value in given.items() if value is not None})

    def graphs(self) -> list[Data]:
        """All graphs as PyG's ``Data``."""
        return [self.graph(i) for i in range(len(self))]

    @property
    def bytes(self) -> int:
        """Of ``x``, ``edge_index``, ``edge_attr``, ``y`` and ``node_weight``, as they are stored:
        matrices that are mostly zero by row (:mod:`graphcondense.saved.compact`)."""
        matrices = [t for t in (self.x, self.edge_attr) if t is not None]
        others = [t for t in (self.edge_index, self.y, self.node_weight) if t is not None]
        return sum(map(bytes_of, matrices)) + sum(t.numel() * t.element_size() for t in others)


def ranges(ptr: Tensor, index: Tensor) -> tuple[Tensor, Tensor]:
    """The members of the segments ``index`` one behind the other, and where each now begins."""
    lengths = (ptr[1:] - ptr[:-1])[index]
    start = torch.cat([lengths.new_zeros(1), lengths.cumsum(0)])
    within = torch.arange(int(start[-1]), device=ptr.device)
    return within + torch.repeat_interleave(ptr[index] - start[:-1], lengths), start


def starts(counts: Tensor) -> Tensor:
    return torch.cat([counts.new_zeros(1), counts.cumsum(0)])
