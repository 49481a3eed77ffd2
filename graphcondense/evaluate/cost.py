"""What is measured of costs: sizes, memory, and the seconds of a training in plain PyTorch."""

from __future__ import annotations

import resource
import sys
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import chain, repeat
from pathlib import Path
from typing import TypeVar

import numpy as np
import scipy.sparse as sp
import torch
import torch.nn.functional as F
from torch import Tensor

from graphcondense.data.kind import is_task
from graphcondense.data.node_reading import as_task
from graphcondense.ops.criteria import CRITERIA
from graphcondense.saved.condensed_rows import CondensedInteractions
from graphcondense.saved.graph_set import GraphSet
from graphcondense.saved.shown import record_of

T = TypeVar("T")


@dataclass(frozen=True)
class Size:
    """Nodes, edges and bytes of a graph, or a set of graphs, as it is stored.

    ``graphs`` is how many graphs a set has; ``None`` for a single graph. Of users by items, nodes
    are users and edges interactions; of images, edges are pixel values.
    """

    nodes: int
    edges: int
    bytes: int
    graphs: int | None = None


def size_of(graph: object) -> Size:
    """Size of a condensed set, or of real data: of a graph all of it, else the training part.

    Of real images float32 counts, of condensed ones the bytes that their record tells.
    """
    if is_task(graph):
        return Size(*graph.size)
    if (rows := _rows(graph)) is not None:
        return Size(*rows.size)
    graphs = graph if isinstance(graph, GraphSet) else getattr(graph, "set", None)
    if isinstance(graphs, GraphSet):
        return Size(len(graphs.x), graphs.edge_index.shape[1], graphs.bytes, len(graphs))
    from graphcondense.saved import content, forms  # imports PyG

    contents = forms.contents_of(graph)
    tensors = contents.tensors
    if contents.form.size is not None:
        return Size(*contents.form.size(tensors), content.tensor_bytes(graph))
    if tensors["x"].dim() > 2:  # images may be stored as something smaller
        total = sum(tensors[name].nbytes for name in ("x", "y"))
        as_stored = record_of(graph).get("bytes", total)
        return Size(len(tensors["x"]), tensors["x"].numel(), as_stored)
    edges = tensors["edge_index"].shape[1] if "edge_index" in tensors else 0
    return Size(len(tensors["x"]), edges, content.tensor_bytes(graph))


def graph_hash(graph: object) -> str:
    """The hash a saved graph carries; of a `NodeTask` or a `GraphTask` its digest."""
    if is_task(graph):
        return graph.digest
    from graphcondense.saved import content  # imports PyG

    return content.graph_hash(graph if (rows := _rows(graph)) is None else rows)


def _rows(small: object) -> CondensedInteractions | None:
    """Users by items in the form that is stored; else ``None``."""
    if isinstance(small, CondensedInteractions):
        return small
    return CondensedInteractions(small) if sp.issparse(small) else None


def peak_memory_bytes(device: torch.device | str | None = None) -> int:
    """Largest resident set of the process so far; on CUDA the largest memory allocated there."""
    if device is not None and torch.device(device).type == "cuda":
        return int(torch.cuda.max_memory_allocated(device))
    status = Path("/proc/self/status")
    if status.exists():
        # ru_maxrss survives exec: a child would start at its parent's peak.
        return int(status.read_text().partition("VmHWM:")[2].split()[0]) * 1024
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024  # bytes there, kibibytes elsewhere


def kept_bytes(run: Callable[[], object], known: Iterable[Tensor]) -> int:
    """Bytes of the tensors that a forward pass keeps for its gradient, ``known`` ones left out."""
    kept: dict[int, int] = {}

    def keep(tensor: Tensor) -> Tensor:
        kept[tensor.data_ptr()] = tensor.untyped_storage().nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        run()
    left_out = {tensor.data_ptr() for tensor in known}
    return sum(size for at, size in kept.items() if at not in left_out)


def plain_training_seconds(
    real: object,
    *,
    epochs: int = 300,
    measured: int | None = None,
    hidden: int = 256,
    device: torch.device | str | None = None,
    clock: Callable[[], float] = time.perf_counter,
) -> float:
    """Seconds of the full-batch training a user writes: two ``GCNConv``, dense features, Adam.

    Args:
        real: the whole graph, anything :func:`~graphcondense.data.as_task` takes.
        epochs: the length of the training.
        measured: run only so many epochs (after two to warm up) and scale; default all.
        hidden: width of the hidden layer.
        device: where to train; default the CPU.
        clock: what tells the time; by default the wall's.
    """
    from torch_geometric.nn import GCNConv

    task = as_task(real)
    x = task.x if isinstance(task.x, Tensor) else torch.from_numpy(task.x.toarray())
    coo = task.adj.tocoo()
    edges = torch.from_numpy(np.stack([coo.col, coo.row]).astype(np.int64))
    weight = torch.from_numpy(coo.data)
    x, edges, weight, y, train = (
        t.to(device) for t in (x, edges, weight, task.scaled(task.y), task.train)
    )
    first = GCNConv(task.num_features, hidden, cached=True).to(device)
    second = GCNConv(hidden, task.num_classes, cached=True).to(device)
    weights = [*first.parameters(), *second.parameters()]
    optimizer = torch.optim.Adam(weights, lr=0.01, weight_decay=5e-4)

    def loss() -> Tensor:
        h = F.dropout(first(x, edges, weight).relu(), 0.5)
        return CRITERIA[task.label_kind](second(h, edges, weight)[train], y[train])

    return seconds_of(loss, optimizer, epochs, measured, device, clock)


def over(loader: Iterable[T], loss: Callable[[T], Tensor]) -> Callable[[], Tensor]:
    """The loss of the loader's next batch, again and again."""
    batches = chain.from_iterable(repeat(loader))
    return lambda: loss(next(batches))


def seconds_of(
    loss: Callable[[], Tensor],
    optimizer: torch.optim.Optimizer,
    steps: int,
    measured: int | None = None,
    device: torch.device | str | None = None,
    clock: Callable[[], float] = time.perf_counter,
) -> float:
    """Seconds of ``steps`` training steps, after two to warm up.

    ``loss`` is the forward pass of one; only ``measured`` steps are run, and scaled.
    """
    run, start = steps if measured is None else min(measured, steps), 0.0
    with torch.random.fork_rng(devices=[]):  # a loader draws a seed for its workers
        for i in range(-2, run):
            start = clock() if i == 0 else start
            optimizer.zero_grad()
            loss().backward()  # type: ignore[no-untyped-call]
            optimizer.step()
    if device is not None and torch.device(device).type == "cuda":
        torch.cuda.synchronize(device)
    return (clock() - start) * steps / run
