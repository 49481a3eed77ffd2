"""A folder of condensed graphs as a PyG data set."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from pathlib import Path

import torch
from torch import Tensor
from torch_geometric.data import Data, InMemoryDataset

from graphcondense.ops.types import Record
from graphcondense.saved.condensed import load
from graphcondense.saved.condensed_graph import MAPPING, CondensedGraph
from graphcondense.saved.condensed_graphs import CondensedGraphs
from graphcondense.saved.condensed_rows import CondensedInteractions
from graphcondense.saved.paths import path_of


class CondensedDataset(InMemoryDataset):  # type: ignore[misc]
    """A folder of condensed graphs as a PyG data set, in the order of their file names.

    A condensed *set* of graphs is one file and a data set by itself: :func:`load` opens it.

    Nothing is written, neither ``raw/`` nor ``processed/``. Where some graphs have edge weights,
    those of the others are one. Assignments and mappings of real nodes are left out: :func:`load`
    has them. Further tensors are kept where all graphs have them in one form; a warning names the
    others.

    Args:
        root: folder with one or more ``.safetensors`` files that :func:`save` wrote.
        transform: applied to a graph at every access.
        pre_transform: applied to each graph once, when the folder is read.

    Raises:
        ValueError: when there is no such file, one is broken, or they do not go together: other
            features, or soft labels here and classes there.
    """

    def __init__(
        self,
        root: str | Path,
        transform: Callable[[Data], Data] | None = None,
        pre_transform: Callable[[Data], Data] | None = None,
    ) -> None:
        folder = path_of(root, "CondensedDataset(root)", "a folder of .safetensors files")
        super().__init__(str(folder), transform, pre_transform)
        self.files = sorted(Path(self.root).glob("*.safetensors"))
        if not self.files:
            raise ValueError(f"no condensed graph (*.safetensors) in {self.root}")
        graphs = [_opened(file) for file in self.files]
        self._records = [graph.condensed for graph in graphs]
        _check_one_kind(self.files, graphs)
        if others := _make_alike(graphs):
            warnings.warn(
                f"the graphs of {self.root} are without {', '.join(others)[:300]}, which not all "
                "have in one form: load opens each graph with all that it has",
                stacklevel=2,
            )
        if pre_transform is not None:
            graphs = [pre_transform(graph) for graph in graphs]
        self.data, self.slices = self.collate(graphs)

    def get(self, idx: int) -> Data:
        data = super().get(idx)
        if isinstance(data, CondensedGraph):  # what a pre_transform made may be a plain Data
            data.condensed = self._records[idx]
        return data

    def copy(self, idx: Sequence[int] | Tensor | slice | None = None) -> CondensedDataset:
        """A deep copy, of the graphs ``idx`` alone if given."""
        part = self if idx is None else self.index_select(idx)
        out: CondensedDataset = super().copy(idx)
        out._records, out.files = part.records, [self.files[i] for i in part.indices()]
        return out

    @property
    def records(self) -> list[Record]:
        """The record of each graph (its ``condensed``), in the order of the data set."""
        return [self._records[i] for i in self.indices()]


def _opened(file: Path) -> Data:
    graph = load(file)
    if isinstance(graph, CondensedGraphs | CondensedInteractions):
        what = "a data set of {} graphs" if hasattr(graph, "set") else "{} users"
        raise ValueError(
            f"{file} holds {what.format(len(graph))}: open it with load, or keep it in another "
            "folder"
        )
    return graph


def _check_one_kind(files: Sequence[Path], graphs: Sequence[Data]) -> None:
    """Raise a ValueError where graphs have other features or labels than the first."""
    for file, graph in zip(files, graphs, strict=True):
        if _kind(graph) != _kind(graphs[0]):
            raise ValueError(
                f"{file} has {_kind(graph)}, {files[0].name} has {_kind(graphs[0])}; keep "
                "condensed graphs of different data in different folders"
            )


def _make_alike(graphs: list[Data]) -> list[str]:
    """Leave out what PyG cannot collate; the names of it, but for assignments and mappings."""
    for graph in graphs:
        for name in ("assignment", *MAPPING):
            if name in graph:
                del graph[name]
    if any("edge_weight" in graph for graph in graphs):
        for graph in graphs:
            if "edge_weight" not in graph:
                graph.edge_weight = torch.ones(graph.num_edges)
    others = sorted({key for graph in graphs for key in graph.to_dict()} - _together(graphs))
    for graph in graphs:
        for key in others:
            del graph[key]
    return others


def _together(graphs: list[Data]) -> set[str]:
    """Names that all graphs have, of one type and of shapes that PyG can collate."""

    def form(graph: Data, key: str) -> tuple[torch.dtype, int, list[int]]:
        value, dim = graph[key], graph.__cat_dim__(key, graph[key])
        shape = list(value.shape)
        if dim is not None and shape:
            del shape[dim]
        return value.dtype, value.dim(), shape

    return {
        key
        for key in graphs[0].to_dict()
        if all(key in graph and form(graph, key) == form(graphs[0], key) for graph in graphs)
    }


def _kind(small: Data) -> str:
    labels = f"{small.y.shape[1]} soft labels" if small.y.dim() == 2 else "classes"
    return f"{small.x.shape[1]} features and {labels}"
