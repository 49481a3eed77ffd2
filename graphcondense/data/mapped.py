"""A graph with labelled nodes that is larger than memory: features and edges in mapped files.

What is given in memory or memory-mapped stays where it is. What has to be made (the edges by
target, the normalised adjacency, features of another type) is made block by block in files that
nobody sees: they have no name, so that nothing is left of them however the process ends.
"""

from __future__ import annotations

from collections.abc import Container, Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import scipy.sparse as sp
import torch
from torch import Tensor

from graphcondense.data import reading
from graphcondense.data.facts import text_of
from graphcondense.data.node_reading import as_task
from graphcondense.data.raw import opened
from graphcondense.data.reading import REAL
from graphcondense.data.sequences import is_dataset
from graphcondense.data.task import SPARSE, WIDE, NodeTask
from graphcondense.ops.arrays import Array
from graphcondense.ops.blocks import ENTRY, Room, empty_csr, parts, row_blocks
from graphcondense.ops.place import Files
from graphcondense.ops.sizes import size_of
from graphcondense.saved.paths import path_of

NODE = 48
"""Bytes a node that building and normalising an adjacency hold beside their blocks."""


def mapped_task(
    data: object,
    memory: int | str,
    *,
    name: str | None = None,
    need_test: bool = False,
    folder: str | Path | None = None,
) -> NodeTask:
    """:func:`~graphcondense.data.as_task` within a limit of memory.

    Args:
        data: as :func:`~graphcondense.data.as_task` takes it. Arrays may be memory-mapped
            (``np.load(path, mmap_mode="r")``), and are not copied.
        memory: bytes, or a size such as ``"4GB"``: the most that blocks, and what a method holds of
            the nodes, take together. Arrays that are given in memory, and pages of mapped files,
            which the system takes back when it needs them, do not count; nor does the program
            itself, about 400 MB.
        name, need_test: see :func:`~graphcondense.data.as_task`.
        folder: where files go; by default ``mapped`` below ``GRAPHCONDENSE_CACHE``, or
            ``~/.cache/graphcondense``.

    Raises:
        ValueError: bad data; a limit below one block, with the smallest possible one; a full disk.
    """
    where = None if folder is None else path_of(folder, "folder", "where files go")
    files = Files(Room(size_of(memory)), where)
    if isinstance(data, NodeTask):
        if isinstance(data.place, Files):
            files = Files(files.room, data.place.folder)
        return _placed(as_task(data, name=name, need_test=need_test), files)
    if is_dataset(data):
        graphs: Any = data
        if len(graphs) != 1:
            as_task(data)  # says what is wrong
        name, data = name or text_of(graphs, "name"), graphs[0]
    graph: Any = opened(data, files.array)
    given: Any = getattr(graph, "x", None)
    if len(getattr(given, "shape", ())) != 2:
        reading.features(given, REAL)  # says what is wrong
    n = int(given.shape[0])
    least(n, files)
    own: dict[str, Any] = {"x": features(given, files)}
    if getattr(graph, "edge_index", None) is not None:
        shapes = {a: getattr(getattr(graph, a, None), "shape", ()) for a in ("adj", "adj_t")}
        square = [name for name, shape in shapes.items() if tuple(shape) == (n, n)]
        if square:
            raise ValueError(
                f"data has edge_index and {square[0]}; with memory= keep one of them, as by "
                f"del data.{square[0]}"
            )
        own["adj_t"] = adjacency(graph, n, files)
        own |= dict.fromkeys(("edge_index", "edge_weight", "edge_attr", "adj"))
    name = name or text_of(graph, "name")
    return _placed(as_task(_Seen(graph, own), name=name, need_test=need_test), files)


class _Seen(Container[str]):
    """A graph some of whose attributes are others."""

    def __init__(self, graph: Any, own: dict[str, Any]) -> None:
        self._graph, self._own = graph, own

    def __getattr__(self, name: str) -> Any:
        return self._own[name] if name in self._own else getattr(self._graph, name)

    def __contains__(self, name: object) -> bool:
        return isinstance(self._graph, Container) and name in self._graph


def least(n: int, files: Files) -> None:
    """Raise a ValueError unless the room is above what any work with ``n`` nodes takes."""
    files.room.blocks(NODE * n, 8 * n, f"column of {n:,} nodes", 1)


def _placed(task: NodeTask, files: Files) -> NodeTask:
    """The task with its files, if its limit is above one block."""
    least(task.num_nodes, files)
    return replace(task, shared=task.graph.placed(files))


def features(x: Any, files: Files) -> Any:
    """Features as float32; those of another type in a file, the others as they are. What is mostly
    zero is kept by row, as in memory."""
    if not isinstance(x, np.ndarray) and not (isinstance(x, Tensor) and x.layout == torch.strided):
        return x  # sparse: as it is
    given = x.detach().cpu().numpy() if isinstance(x, Tensor) else x
    if given.dtype.kind not in "biuf" or not given.shape[1]:
        return x  # as_task says what is wrong
    n, d = given.shape
    rows = files.room.blocks(0, 32 * d, "row of features", max(n, 1))
    if d >= WIDE and sum(np.count_nonzero(given[part]) for part in parts(n, rows)) < n * d * SPARSE:
        lengths = [np.count_nonzero(given[part], axis=1) for part in parts(n, rows)]
        out = empty_csr(np.concatenate([[0], *lengths]), (n, d), np.dtype(np.float32), files.array)
        for part in parts(n, rows):
            few = sp.csr_matrix(given[part], dtype=np.float32)
            at = slice(int(out.indptr[part.start]), int(out.indptr[part.stop]))
            out.indices[at], out.data[at] = few.indices, few.data
        return out
    if given.dtype == np.float32 and given.flags.c_contiguous:
        return x
    made = files.array("x", (n, d), np.dtype(np.float32))
    for part in parts(n, rows):
        made[part] = given[part]
    return made


def adjacency(graph: Any, n: int, files: Files) -> sp.csr_matrix:
    """``A [n, n]`` of an ``edge_index [2, m]``, as
    :func:`~graphcondense.ops.adjacency.csr_from_edges` makes it, block by block in files."""
    room = files.room
    edges = _Edges(graph, n, room.blocks(NODE * n, ENTRY, "edge", 2**24))
    counts, loops = np.zeros(n + 1, np.int64), np.full(n, np.nan, np.float32)
    for source, target, weight in edges:
        own = source == target
        loops[source[own]] = weight[own]  # of a node's self-loops the last one counts
        counts[1:] += np.bincount(target[~own], minlength=n)
    looped = np.flatnonzero(~np.isnan(loops))
    counts[looped + 1] += 1
    longest = int(counts.max(initial=1))
    entries = room.blocks(NODE * n, ENTRY, "edge", 2**24, least=longest)
    files.need(16 * int(counts.sum()) + 16 * (n + 1))  # and the normalised form
    out = empty_csr(counts, (n, n), np.dtype(np.float32), files.array)
    place = out.indptr[:-1].astype(np.int64)
    for source, target, weight in edges:
        keep = source != target
        source, target, weight = source[keep], target[keep], weight[keep]
        # SciPy's turn from rows to columns sorts by target in linear time and keeps the order.
        one = (np.arange(len(target)), target, np.arange(len(target) + 1))
        turned = sp.csr_matrix(one, shape=(len(target), n)).tocsc()
        order, begin = turned.data, turned.indptr.astype(np.int64)
        at = target[order]
        to = (place - begin[:-1])[at] + np.arange(len(at))
        out.indices[to], out.data[to] = source[order], weight[order]
        place += np.diff(begin)
    out.indices[place[looped]], out.data[place[looped]] = looped, loops[looped]
    return merged(out, entries)


def merged(adj: sp.csr_matrix, entries: int) -> sp.csr_matrix:
    """The same matrix with rows sorted by column and equal entries added up, in its own arrays."""
    indptr, end = adj.indptr.copy(), 0
    for block in row_blocks(indptr, entries):
        start, stop = int(indptr[block.start]), int(indptr[block.stop])
        ptr = indptr[block.start : block.stop + 1] - start
        shape = (block.stop - block.start, adj.shape[1])
        both = (adj.data[start:stop], adj.indices[start:stop], ptr)
        rows = sp.csr_matrix(both, shape=shape, copy=True)
        rows.sum_duplicates()
        adj.data[end : end + rows.nnz] = rows.data
        adj.indices[end : end + rows.nnz] = rows.indices
        adj.indptr[block.start : block.stop + 1] = rows.indptr + end
        end += rows.nnz
    return sp.csr_matrix((adj.data[:end], adj.indices[:end], adj.indptr), shape=adj.shape)


class _Edges:
    """Sources, targets and weights of an ``edge_index [2, m]``, block by block, checked."""

    def __init__(self, graph: Any, n: int, most: int) -> None:
        self.n, self.most = n, most
        self.ends = graph.edge_index
        shape = tuple(getattr(self.ends, "shape", ()))
        if len(shape) != 2 or shape[0] != 2:
            self.ends = reading.edge_list(graph, n, REAL)[0]  # a list, or it says what is wrong
        self.length = int(self.ends.shape[1])
        self.what, self.weight = reading.weights(graph, self.length, REAL)

    def __iter__(self) -> Iterator[tuple[Array, Array, Array]]:
        for part in parts(self.length, self.most):
            one = SimpleNamespace(edge_index=self.ends[:, part])
            source, target = reading.ends(one, self.n, REAL).numpy()
            if self.weight is None:
                weight = np.ones(len(source), np.float32)
            else:
                weight = self.weight[part].numpy().astype(np.float32)
                reading.check_weights(weight, self.what)
            yield source, target, weight
