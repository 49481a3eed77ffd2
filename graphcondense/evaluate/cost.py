"""What a condensed graph costs and when it pays: the cost ledger."""

from __future__ import annotations

import resource
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import scipy.sparse as sp
import torch
import torch.nn.functional as F
from torch import Tensor

from graphcondense.data.task import NodeTask, as_task


@dataclass(frozen=True)
class Size:
    """Nodes, edges and bytes of a graph as it is stored."""

    nodes: int
    edges: int
    bytes: int


@dataclass(frozen=True)
class Ledger:
    """Seconds, memory and size of one condensed graph beside the whole one.

    Attributes:
        graph: hash of the condensed graph.
        model: whose training times these are.
        size, whole: of the condensed and of the whole graph. The whole graph counts in its compact
            form, sparse features as CSR, the harder comparison.
        condensation_seconds: wall seconds of condensing; ``None`` if not known.
        condensed_training_seconds: one training on the condensed graph, validation left out.
        whole_training_seconds: one training on the whole graph, same evaluator, validation left
            out; ``None`` if it was not run.
        plain_training_seconds: one full-batch training of plain PyG layers on the whole graph, what
            a user pays today; ``None`` if not measured.
        peak_memory_bytes: largest resident set of this process so far, or on a GPU the largest
            memory allocated there.
    """

    graph: str
    model: str
    size: Size
    whole: Size
    condensation_seconds: float | None
    condensed_training_seconds: float
    whole_training_seconds: float | None
    plain_training_seconds: float | None
    peak_memory_bytes: int

    @property
    def break_even_trainings(self) -> int | None:
        """Smallest ``k`` with ``condensation + k * condensed < k * whole``.

        ``None`` if there is none, or if a time is not known.

        >>> size = Size(1, 0, 4)
        >>> Ledger("", "GCN", size, size, 9.0, 1.0, 4.0, None, 0).break_even_trainings
        4
        """
        if self.condensation_seconds is None or self.whole_training_seconds is None:
            return None
        saved = self.whole_training_seconds - self.condensed_training_seconds
        return int(self.condensation_seconds // saved) + 1 if saved > 0 else None

    @property
    def ratios(self) -> dict[str, float | None]:
        """Sizes and times as shares of the whole graph's (``plain``: of a plain PyG training)."""

        def share(part: float | None, whole: float | None) -> float | None:
            return part / whole if part is not None and whole else None

        return {
            "nodes": share(self.size.nodes, self.whole.nodes),
            "edges": share(self.size.edges, self.whole.edges),
            "bytes": share(self.size.bytes, self.whole.bytes),
            "training": share(self.condensed_training_seconds, self.whole_training_seconds),
            "condensation_to_whole": share(self.condensation_seconds, self.whole_training_seconds),
            "condensation_to_plain": share(self.condensation_seconds, self.plain_training_seconds),
        }

    def to_dict(self) -> dict[str, Any]:
        """All fields, the ratios and the break-even point, ready for JSON."""
        return {
            **asdict(self),
            "break_even_trainings": self.break_even_trainings,
            "ratios": self.ratios,
        }

    def lines(self) -> list[str]:
        """The ledger as lines of text."""

        def seconds(value: float | None) -> str:
            return "not measured" if value is None else f"{value:.2f} s"

        def percent(part: float, whole: float) -> str:
            return f"{100 * part / whole:.2f} % of {whole:,}" if whole else f"of {whole}"

        even = self.break_even_trainings
        return [
            f"graph {self.graph}, times of {self.model}",
            f"nodes         {self.size.nodes:,} ({percent(self.size.nodes, self.whole.nodes)})",
            f"edges         {self.size.edges:,} ({percent(self.size.edges, self.whole.edges)})",
            f"bytes         {self.size.bytes:,} ({percent(self.size.bytes, self.whole.bytes)})",
            f"condensation  {seconds(self.condensation_seconds)}",
            f"one training  {seconds(self.condensed_training_seconds)} condensed, "
            f"{seconds(self.whole_training_seconds)} whole, "
            f"{seconds(self.plain_training_seconds)} whole in plain PyG",
            f"pays after    {'-' if even is None else f'{even:,} trainings'}",
            f"peak memory   {self.peak_memory_bytes / 2**20:,.0f} MiB",
        ]


def size_of(graph: Any) -> Size:
    """Size of a PyG ``Data`` (``x``, ``edge_index``, ``edge_weight``, ``y``) or a `NodeTask`."""
    if isinstance(graph, NodeTask):
        x = graph.x_array
        features = [x.data, x.indices, x.indptr] if sp.issparse(x) else [x]
        adj = [graph.adj.data, graph.adj.indices, graph.adj.indptr]
        arrays = [*features, *adj, graph.y.numpy()]
        return Size(graph.num_nodes, int(graph.adj.nnz), sum(a.nbytes for a in arrays))
    tensors = _tensors(graph)
    edges = tensors["edge_index"].shape[1] if "edge_index" in tensors else 0
    total = sum(t.numel() * t.element_size() for t in tensors.values())
    return Size(len(tensors["x"]), edges, total)


def graph_hash(graph: Any) -> str:
    """The hash a saved graph carries; of a `NodeTask` its digest."""
    if isinstance(graph, NodeTask):
        return graph.digest
    from graphcondense.data import condensed  # imports PyG

    return condensed.graph_hash(graph)


def _tensors(graph: Any) -> dict[str, Tensor]:
    found = {n: getattr(graph, n, None) for n in ("x", "edge_index", "edge_weight", "y")}
    return {name: tensor for name, tensor in found.items() if isinstance(tensor, Tensor)}


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


def plain_training_seconds(
    real: Any,
    *,
    epochs: int = 300,
    measured: int | None = None,
    hidden: int = 256,
    device: torch.device | str | None = None,
) -> float:
    """Wall seconds of the full-batch training a user writes: two ``GCNConv``, dense features, Adam.

    Args:
        real: the whole graph, anything :func:`~graphcondense.data.task.as_task` takes.
        epochs: the length of the training.
        measured: run only so many epochs (after two to warm up) and scale; default all.
        hidden: width of the hidden layer.
        device: where to train; default the CPU.
    """
    from torch_geometric.nn import GCNConv

    task = as_task(real)
    x = task.x if isinstance(task.x, Tensor) else torch.from_numpy(task.x.toarray())
    coo = task.adj.tocoo()
    edges = torch.from_numpy(np.stack([coo.col, coo.row]).astype(np.int64))
    weight = torch.from_numpy(coo.data)
    x, edges, weight, y, train = (t.to(device) for t in (x, edges, weight, task.y, task.train))
    first = GCNConv(task.num_features, hidden, cached=True).to(device)
    second = GCNConv(hidden, task.num_classes, cached=True).to(device)
    weights = [*first.parameters(), *second.parameters()]
    optimizer = torch.optim.Adam(weights, lr=0.01, weight_decay=5e-4)

    def step() -> None:
        optimizer.zero_grad()
        h = F.dropout(first(x, edges, weight).relu(), 0.5)
        loss = F.cross_entropy(second(h, edges, weight)[train], y[train])
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()

    steps = epochs if measured is None else min(measured, epochs)
    for _ in range(2):
        step()
    start = time.perf_counter()
    for _ in range(steps):
        step()
    if x.is_cuda:
        torch.cuda.synchronize(x.device)
    return (time.perf_counter() - start) * epochs / steps
