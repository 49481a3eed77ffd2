"""What a condensed graph costs and when it pays: the cost ledger."""

from __future__ import annotations

import resource
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
import scipy.sparse as sp
import torch
import torch.nn.functional as F
from torch import Tensor

from graphcondense.data.compact import bytes_of
from graphcondense.data.condensed_rows import CondensedInteractions
from graphcondense.data.graph_task import GraphSet, GraphTask
from graphcondense.data.images import ImageTask
from graphcondense.data.interactions import InteractionTask
from graphcondense.data.task import NodeTask, as_task
from graphcondense.evaluate.result import COLOURS, MARKERS


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


@dataclass(frozen=True)
class Ledger:
    """Seconds, memory and size of one condensed graph beside the whole one.

    Attributes:
        graph: hash of the condensed graph.
        model: whose training times these are.
        size, whole: of the condensed and of the whole graph. The whole graph counts in its compact
            form, sparse features as CSR, the harder comparison; of a set of graphs the training
            graphs count, categories as they are.
        condensation_seconds: wall seconds of condensing; ``None`` if not known.
        condensed_training_seconds: one training on the condensed graph, validation left out.
        whole_training_seconds: one training on the whole graph, same evaluator, validation left
            out; ``None`` if it was not run.
        plain_training_seconds: one training of plain PyG layers on the whole graph (full batch), or
            on the whole set (in batches), what a user pays today; ``None`` if not measured.
        peak_memory_bytes: largest resident set of this process so far, or on a GPU the largest
            memory allocated there.
        memory_estimate_bytes: what training was expected, before it began, to add to the process:
            the largest of all models on this set.
        condensation_processor_seconds: of condensing, on the CPU over all threads, on a GPU the
            seconds it was in use: what energy is proportional to. ``None`` if not known.
        condensed_processor_seconds, whole_processor_seconds: the same of one training, validation
            included.
        units: what nodes and edges are called.
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
    condensation_processor_seconds: float | None = None
    condensed_processor_seconds: float | None = None
    whole_processor_seconds: float | None = None
    memory_estimate_bytes: int | None = None
    units: tuple[str, str] = ("nodes", "edges")

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

    def total_seconds(self, trainings: int) -> tuple[float | None, float | None]:
        """Seconds of so many trainings: condensing included, and on the whole graph instead.

        >>> size = Size(1, 0, 4)
        >>> Ledger("", "GCN", size, size, 9.0, 1.0, 4.0, None, 0).total_seconds(4)
        (13.0, 16.0)
        """
        condensed = whole = None
        if self.condensation_seconds is not None:
            condensed = self.condensation_seconds + trainings * self.condensed_training_seconds
        if self.whole_training_seconds is not None:
            whole = trainings * self.whole_training_seconds
        return condensed, whole

    @property
    def ratios(self) -> dict[str, float | None]:
        """Sizes and times as shares of the whole graph's (``plain``: of a plain PyG training)."""

        def share(part: float | None, whole: float | None) -> float | None:
            return part / whole if part is not None and whole else None

        return {
            "nodes": share(self.size.nodes, self.whole.nodes),
            "edges": share(self.size.edges, self.whole.edges),
            "bytes": share(self.size.bytes, self.whole.bytes),
            **(
                {}
                if self.size.graphs is None
                else {"graphs": share(self.size.graphs, self.whole.graphs)}
            ),
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

    @classmethod
    def from_dict(cls, saved: Mapping[str, Any]) -> Ledger:
        """What :meth:`to_dict` gave."""
        own = {f.name: saved[f.name] for f in fields(cls) if f.name in saved}
        sizes = {name: Size(**own[name]) for name in ("size", "whole")}
        units = tuple(own.get("units", ("nodes", "edges")))
        return cls(**{**own, **sizes, "units": units})

    def lines(self) -> list[str]:
        """The ledger as lines of text."""

        def seconds(value: float | None) -> str:
            return "not measured" if value is None else f"{value:.2f} s"

        def percent(part: float, whole: float) -> str:
            return f"{100 * part / whole:.2f} % of {whole:,}" if whole else f"of {whole}"

        even, (nodes, edges) = self.break_even_trainings, self.units
        counts = []
        if self.size.graphs is not None and self.whole.graphs is not None:
            share = percent(self.size.graphs, self.whole.graphs)
            counts = [f"graphs        {self.size.graphs:,} ({share})"]
        return [
            f"graph {self.graph}, times of {self.model}",
            *counts,
            f"{nodes:<13} {self.size.nodes:,} ({percent(self.size.nodes, self.whole.nodes)})",
            f"{edges:<13} {self.size.edges:,} ({percent(self.size.edges, self.whole.edges)})",
            f"bytes         {self.size.bytes:,} ({percent(self.size.bytes, self.whole.bytes)})",
            f"condensation  {seconds(self.condensation_seconds)}",
            f"one training  {seconds(self.condensed_training_seconds)} condensed, "
            f"{seconds(self.whole_training_seconds)} whole, "
            f"{seconds(self.plain_training_seconds)} whole in plain "
            + ("PyTorch" if nodes == "images" else "PyG"),
            f"pays after    {'-' if even is None else f'{even:,} trainings'}",
            f"processor     {seconds(self.condensation_processor_seconds)} condensation; one "
            f"training with validation {seconds(self.condensed_processor_seconds)} condensed, "
            f"{seconds(self.whole_processor_seconds)} whole",
            f"peak memory   {self.peak_memory_bytes / 2**20:,.0f} MiB"
            + (
                f" (training on it was expected to add {self.memory_estimate_bytes / 2**20:,.0f})"
                if self.memory_estimate_bytes is not None
                else ""
            ),
        ]


def draw_break_even(ledgers: Mapping[str, Ledger], path: str | Path, data: str = "") -> Path:
    """Draw total seconds over the number of trainings: each condensed set, and the whole graph.

    Solid lines condense first and then train on the condensed set; the dashed one trains on the
    whole graph under the same evaluator, the dotted one in plain PyG. A dot marks where a set
    begins to pay.

    Raises:
        ValueError: no ledger has the seconds of condensing.
    """
    from matplotlib.figure import Figure

    known = {k: v for k, v in ledgers.items() if v.condensation_seconds is not None}
    if not known:
        raise ValueError(
            "no condensation seconds are known: pass condensation_seconds= to evaluate"
        )
    one = next(iter(known.values()))
    even = [ledger.break_even_trainings or 0 for ledger in known.values()]
    trainings = np.arange(0, max(20, 2 * max(even)) + 1)
    figure = Figure(figsize=(6.4, 3.8), layout="constrained")
    axes = figure.subplots()
    for i, (label, ledger) in enumerate(known.items()):
        colour = COLOURS[i % len(COLOURS)]
        start, step = ledger.condensation_seconds or 0.0, ledger.condensed_training_seconds
        axes.plot(trainings, start + step * trainings, color=colour, label=label)
        if k := ledger.break_even_trainings:
            axes.plot(k, start + step * k, MARKERS[i % len(MARKERS)], color=colour)
            axes.annotate(
                f"{k:,}", (k, start + step * k), xytext=(0, 8), textcoords="offset points"
            )
    for seconds, style, name in (
        (one.whole_training_seconds, "--", "whole, same evaluator"),
        (one.plain_training_seconds, ":", "whole, plain PyG"),
    ):
        if seconds is not None:
            axes.plot(trainings, seconds * trainings, style, color="#555555", label=name)
    axes.set_xlabel(f"trainings of {one.model}")
    axes.set_ylabel("seconds in all")
    axes.set_title(f"{data}: when condensing pays" if data else "when condensing pays")
    axes.set_xlim(0, trainings[-1])
    last = int(trainings[-1])
    axes.set_ylim(0, 1.6 * max(ledger.total_seconds(last)[0] or 0.0 for ledger in known.values()))
    axes.grid(alpha=0.3)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False)
    figure.savefig(path, dpi=150)
    return Path(path)


def size_of(graph: Any) -> Size:
    """Size of a condensed graph or set, a `NodeTask`, or the training graphs of a `GraphTask`.

    Of users by items, an `InteractionTask` too, that of the training part; of an `ImageTask` its
    training images in float32. Of condensed images the bytes are those their record tells.
    """
    if (rows := _rows(graph)) is not None:
        kept = {k: v for k, v in rows.tensors.items() if k not in ("row_ptr", "num_items")}
        total = sum(v.numel() * v.element_size() for v in kept.values())
        return Size(rows.num_users, int(rows.csr.nnz), total)
    if isinstance(graph, GraphTask):
        graph = graph.graphs.select(graph.train)
    held = graph if isinstance(graph, GraphSet) else getattr(graph, "set", None)
    if isinstance(held, GraphSet):
        return Size(len(held.x), held.edge_index.shape[1], held.bytes, len(held))
    if isinstance(graph, NodeTask):
        arrays = [graph.adj.data, graph.adj.indices, graph.adj.indptr, graph.y.numpy()]
        total = bytes_of(graph.x_array) + sum(a.nbytes for a in arrays)
        return Size(graph.num_nodes, int(graph.adj.nnz), total)
    if isinstance(graph, ImageTask):
        one = graph.images[0].numel()
        return Size(len(graph.train), one * len(graph.train), (4 * one + 8) * len(graph.train))
    from graphcondense.data import condensed  # imports PyG

    tensors = condensed.held_in(graph).tensors
    if tensors["x"].dim() > 2:  # images may be stored as something smaller
        total = sum(tensors[name].nbytes for name in ("x", "y"))
        said = (getattr(graph, "condensed", None) or {}).get("bytes", total)
        return Size(len(tensors["x"]), tensors["x"].numel(), said)
    edges = tensors["edge_index"].shape[1] if "edge_index" in tensors else 0
    return Size(len(tensors["x"]), edges, condensed.tensor_bytes(graph))


def graph_hash(graph: Any) -> str:
    """The hash a saved graph carries; of a `NodeTask` or a `GraphTask` its digest."""
    if isinstance(graph, NodeTask | GraphTask | InteractionTask | ImageTask):
        return graph.digest
    from graphcondense.data import condensed  # imports PyG

    return condensed.graph_hash(graph if (rows := _rows(graph)) is None else rows)


def _rows(held: Any) -> CondensedInteractions | None:
    """Users by items in the form that is stored, of a task its training part; else ``None``."""
    if isinstance(held, CondensedInteractions):
        return held
    if isinstance(held, InteractionTask):
        held = held.train
    return CondensedInteractions(held) if sp.issparse(held) else None


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

    return seconds_of(step, epochs, measured, device)


def seconds_of(
    step: Callable[[], None],
    steps: int,
    measured: int | None = None,
    device: torch.device | str | None = None,
) -> float:
    """Wall seconds of ``steps`` calls of a training step, after two to warm up.

    Args:
        step: one update.
        steps: the length of the training.
        measured: run only so many and scale; default all.
        device: what to wait for at the end.
    """
    run = steps if measured is None else min(measured, steps)
    for _ in range(2):
        step()
    start = time.perf_counter()
    for _ in range(run):
        step()
    if device is not None and torch.device(device).type == "cuda":
        torch.cuda.synchronize(device)
    return (time.perf_counter() - start) * steps / run
