"""Serving unseen nodes on the condensed graph instead of the whole one.

A model that was trained on a condensed graph still needs the whole graph to predict a new node,
whose neighbours are there. MCond (Gao et al., "Graph Condensation for Inductive Node Representation
Learning", ICDE 2024, arXiv 2307.15967) sends the new nodes' edges ``a [b, N]`` through a mapping
``M [N, N']`` to the synthetic nodes instead, and deploys the synthetic graph with ``N' + b`` nodes:

    [[A', (aM)^T], [aM, ã]]

The paper learns ``M`` together with the graph, and so does ``mcond`` here, whose graphs carry it
(:func:`~graphcondense.saved.content.mapping_matrix`). Without one it is read off afterwards, so
that any condensed graph serves: each real node belongs to the synthetic nodes it resembles most.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from timeit import repeat
from typing import TYPE_CHECKING, ClassVar, cast

import numpy as np
import scipy.sparse as sp
import torch
from torch import Tensor
from torch_geometric.data import Data

from graphcondense.data.node_reading import as_task
from graphcondense.data.small_graph import read_labelled
from graphcondense.data.task import NodeTask, classified
from graphcondense.evaluate.floors import random_subgraph
from graphcondense.evaluate.nodes import NodeEvaluator, Trained
from graphcondense.evaluate.result import MARKERS, Column, points
from graphcondense.evaluate.stacked import model_of
from graphcondense.evaluate.trainings import seeds_of
from graphcondense.nn.batched import Matrix
from graphcondense.ops.fields import Count, Distinct, Natural, Seed, check_each
from graphcondense.ops.figures import bars
from graphcondense.ops.grid import edge
from graphcondense.ops.names import with_article
from graphcondense.ops.types import Ints
from graphcondense.saved.compact import bytes_of
from graphcondense.saved.content import mapping_matrix
from graphcondense.saved.shown import record_of
from graphcondense.uses import results
from graphcondense.uses.attached import (
    FLOWS,
    Batch,
    Flow,
    Graph,
    Server,
    known_graph,
    mapping,
    without,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes


WAYS = ("whole graph", "attached", "features alone")


@dataclass(frozen=True)
class ServingRow(results.Trainings):
    """One trained model, served in one way; the test nodes are unseen.

    Attributes:
        way: what it is served on: the ``whole graph`` of known nodes with the new ones; the small
            graph with the new ones ``attached``; or the new ones' ``features alone``.
        ks, flows: of each graph, to how many synthetic nodes a real one belongs, at most, and which
            way edges run (see :class:`Server`); empty where nothing is attached.
        learnt: whether the graph brought the mapping, of which ``ks`` is then no choice.
        val: accuracy on validation nodes, served as unseen in the same way.
        bytes, share: what must be kept beside the model (graph, features, mapping), and the share
            of the whole graph's.
        milliseconds: median wall time of a full batch, its operators built anew.
        speedup: how many times as fast as the same model on the whole graph.
    """

    way: str
    ks: tuple[int, ...]
    flows: tuple[str, ...]
    val: float
    bytes: int
    share: float
    milliseconds: float
    speedup: float
    learnt: bool = False


@dataclass(frozen=True)
class Serving(results.OnGraph):
    """What :func:`measure_serving` found.

    Attributes:
        model, batch: the served model, and how many new nodes it is served at once.
        known, unseen: nodes of the whole graph without the test nodes, and test nodes.
        seen: whether a condensed graph was learnt with the test nodes' features and edges in sight.
        rows: one for each set and way.
        tried: values of ``k`` that validation chose from.
    """

    model: str
    batch: int
    known: int
    unseen: int
    seen: bool
    rows: tuple[ServingRow, ...]
    tried: tuple[int, ...] = ()

    left: ClassVar[int] = 2
    columns: ClassVar[tuple[Column, ...]] = (
        results.LABEL,
        Column("served on", lambda row: row.way),
        Column("k", lambda row: ("learnt " * row.learnt + ",".join(map(str, row.ks))) or "-"),
        Column("flow", lambda row: ",".join(dict.fromkeys(row.flows)) or "-"),
        Column("trainings", lambda row: f"{row.graphs} x {row.trainings}"),
        *results.SCORES,
        Column("KiB kept", lambda row: f"{row.bytes / 1024:,.0f}"),
        Column("of whole", lambda row: f"{100 * row.share:.1f} %"),
        Column("ms/batch", lambda row: f"{row.milliseconds:.1f}"),
        Column("x as fast", lambda row: f"{row.speedup:.1f}"),
    )

    def title(self) -> str:
        return (
            f"{self.subject}, {self.unseen:,} unseen nodes served in batches of "
            f"{self.batch:,} by {with_article(self.model)}, {self.known:,} nodes known"
        )

    def notes(self) -> list[str]:
        notes = [
            *self.about_test,
            "kept: graph and features as they are stored smallest (sparse features as CSR), and "
            "the mapping; milliseconds: one seed, one batch, its operators built anew",
            "epoch, k and flow are chosen on validation nodes, which are served as unseen, too",
        ]
        val = {(row.label, row.way): row.val for row in self.rows}
        for label in dict.fromkeys(row.label for row in self.rows if row.ks):
            rows = [row for row in self.rows if row.label == label and not row.learnt]
            chosen = [k for row in rows for k in row.ks]
            if words := {edge(k, sorted(self.tried), below=False) for k in chosen} - {""}:
                notes.append(f"{label}: k = {max(self.tried)}{words.pop()}")
            if val[label, "attached"] < val[label, "features alone"]:
                notes.append(
                    f"{label}: attaching is worse than no edges at all; do not serve this graph so"
                )
        if self.seen:
            notes.append(
                "a graph here was condensed with the unseen nodes' features and edges in sight: "
                "condense known_graph(data), or with setting='inductive', to be strict"
            )
        return notes

    def draw(self, axes: Axes) -> None:
        from matplotlib.ticker import LogLocator, NullFormatter

        labels = list(dict.fromkeys(row.label for row in self.rows))
        for row in self.rows:
            at, spread = ([row.milliseconds], [100 * row.test]), bars([row.test_std])
            marker, name = MARKERS[WAYS.index(row.way)], f"{row.label}, {row.way}"
            points(axes, labels.index(row.label), *at, spread, fmt=marker, label=name)
        axes.set_xscale("log")
        axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axes.xaxis.set_major_formatter("{x:g}")
        axes.xaxis.set_minor_formatter(NullFormatter())
        axes.set_xlabel(f"milliseconds for {self.batch:,} nodes")
        axes.set_ylabel("accuracy on unseen nodes, %")
        axes.set_title(f"{self.data}, {self.model}")
        results.legend_beside(axes)


def measure_serving(
    small: object,
    data: object,
    *,
    model: str = "GCN",
    seeds: int | Sequence[int] = 5,
    batch: int = 1000,
    ks: Sequence[int] = (1, 2, 5, 10),
    hops: int = 2,
    repeats: int = 10,
    seed: int = 0,
    device: torch.device | str | None = None,
    progress: bool = False,
    **options: object,
) -> Serving:
    """Accuracy, memory and latency of serving unseen nodes on the whole and on the small graph.

    The test nodes are new: the known graph is the real one without them, and they come in batches
    with their edges to known nodes and to each other. A model is trained on a small graph, and then
    served three ways. For the choice of ``k`` and flow the validation nodes are new ones, on the
    known graph without them. A random subgraph and the known graph itself stand beside. A graph
    that brings a learnt mapping is served by it: only its flow is chosen.

    Args:
        small: a condensed graph; a list of them (several condensation seeds); or a mapping from
            names to either.
        data: the real graph, anything :func:`~graphcondense.data.as_task` takes.
        model: the served model.
        seeds: training seeds, or how many.
        batch: new nodes at once.
        ks: synthetic nodes a known node may belong to, to choose from.
        hops: of the propagation that :func:`mapping` compares after.
        repeats: how often the first batch is timed; the median counts.
        seed: of the random subgraph.
        device: where to train and serve; default the CPU.
        progress: show progress bars.
        **options: fields of :class:`~graphcondense.evaluate.node_training.Training`.

    Raises:
        ValueError: no graph, or one that does not match, or whose mapping is of another graph;
            unknown model; no validation or test nodes; a count below 1.
        TypeError: for an option that does not exist.
    """
    named, kind = results.named_graphs(small), model_of(model)
    batch, repeats, ks, hops, seed, progress = check_each(
        batch=(batch, Count),
        repeats=(repeats, Count),
        ks=(ks, Distinct),
        hops=(hops, Natural),
        seed=(seed, Seed),
        progress=(progress, bool),
    )
    real = classified(as_task(data, need_test=True), "the measurement of serving")
    results.check_named(named, real)
    # New at test time: the test nodes; for choosing k: the validation nodes, test nodes unheard of.
    known = {"test": without(real, "test"), "val": without(real, "test", "val")}
    inside = known_graph(real)
    sources = {real.digest, inside.digest}
    learnt = {
        label: [_learnt(graph, real, known["test"], sources) for graph in graphs]
        for label, graphs in named.items()
    }
    evaluator = NodeEvaluator(inside, device=device, **options)
    first = next(iter(named.values()))[0]
    sets = {**named, "random": [random_subgraph(inside, first, seed)], "whole": [inside]}
    whole = _bytes(*_graph_of(inside))
    ledger: dict[str, list[_Served]] = {}
    for label, graphs in sets.items():
        for i, graph in enumerate(graphs):
            trained = evaluator.train(kind, graph, seeds=seeds, progress=progress)
            own = learnt[label][i] if label in learnt else None
            ledger.setdefault(label, []).append(
                _serve_one(trained, graph, real, known, label, batch, ks, hops, repeats, own)
            )
    rows = [
        _row(label, way, [served[way] for served in found], whole, found)
        for label, found in ledger.items()
        for way in found[0]
    ]
    records = [record_of(g) for graphs in named.values() for g in graphs]
    return Serving(
        **results.facts_of(real),
        model=kind.__name__,
        batch=min(batch, len(real.test)),
        known=inside.num_nodes,
        unseen=len(real.test),
        seeds=seeds_of(seeds),
        settings=asdict(evaluator.training.of(kind)),
        seen=any(
            record.get("setting") == "transductive"
            and record.get("data", {}).get("digest") != inside.digest
            for record in records
        ),
        rows=tuple(rows),
        tried=tuple(ks),
    )


@dataclass(frozen=True)
class _Way:
    """One graph served one way; ``learnt``: by a mapping of its own."""

    choice: tuple[int, Flow] | None
    test: Tensor
    val: Tensor
    bytes: int
    milliseconds: float
    learnt: bool = False


_Served = dict[str, _Way]
Make = Callable[[Ints], Batch]


def _classes(trained: Trained, graph: Batch, networks: int | None = None) -> Tensor:
    """Predicted classes ``[S, rows]`` of the first ``networks``."""
    return trained.logits(*graph, networks=networks).argmax(-1).cpu()


def _serve_one(
    trained: Trained,
    small: object,
    real: NodeTask,
    known: dict[str, Tensor],
    label: str,
    batch: int,
    counts: Sequence[int],
    hops: int,
    repeats: int,
    learnt: sp.csr_matrix | None,
) -> _Served:
    x, adj, _, _ = read_labelled(small, real)
    tiny: Graph = (x, adj)
    there = {split: _graph_of(real.subgraph(nodes)) for split, nodes in known.items()}
    out: _Served = {}

    def measure(make: Mapping[str, Make], choice: tuple[int, Flow] | None, kept: int) -> _Way:
        hits = {s: _accuracy(trained, make[s], real, getattr(real, s), batch) for s in make}
        nodes = real.test[:batch].numpy()
        took = repeat(
            lambda: _classes(trained, make["test"](nodes), 1), repeat=repeats + 1, number=1
        )
        milliseconds, own = 1e3 * float(np.median(took[1:])), bool(choice) and learnt is not None
        return _Way(choice, hits["test"], hits["val"], kept, milliseconds, own)

    servers = {split: Server(real, known[split], there[split]) for split in known}
    plain = {split: server.batch for split, server in servers.items()}
    out["whole graph"] = measure(plain, None, _bytes(*there["test"]))
    if label == "whole":
        return out

    ks = dict.fromkeys(min(k, adj.shape[0]) for k in counts)
    if learnt is None:
        maps = {(k, s): mapping(tiny, there[s], k, hops=hops) for k in ks for s in known}
    else:
        ks = {int(np.diff(learnt.indptr).max()): None}
        maps = {(k, s): learnt[nodes.numpy()] for k in ks for s, nodes in known.items()}

    def attached(choice: tuple[int, Flow], split: str) -> Server:
        k, flow = choice
        return Server(real, known[split], tiny, maps[k, split], flow)

    choices = [(k, flow) for k in ks for flow in FLOWS]
    scores = [
        float(_accuracy(trained, attached(c, "val").batch, real, real.val, batch).mean())
        for c in choices
    ]
    best = choices[scores.index(max(scores))]
    servers = {split: attached(best, split) for split in known}
    kept = _bytes(*tiny) + _bytes(cast(Matrix, servers["test"].to))
    out["attached"] = measure({s: server.batch for s, server in servers.items()}, best, kept)
    # Nodes without edges need no graph: nothing but the model is kept.
    out["features alone"] = measure({s: server.alone for s, server in servers.items()}, None, 0)
    return out


def _learnt(
    small: object, real: NodeTask, known: Tensor, sources: set[str]
) -> sp.csr_matrix | None:
    """The mapping ``[N, N']`` that a graph brings, of all nodes of the real graph, empty where it
    is not told; ``None`` where it brings none.

    Raises:
        ValueError: it is of another graph: by the hash in the graph's record, or by its size.
    """
    if not isinstance(small, Data) or "mapping_crow" not in small:
        return None
    found = mapping_matrix(small)
    told = record_of(small).get("data", {}).get("digest")
    if told is not None and told not in sources:
        raise ValueError(
            f"the mapping is of a graph with the hash {told}, and this one has {real.digest} "
            f"(without its test nodes {' or '.join(sorted(sources - {real.digest}))}): features, "
            "edges or their preprocessing differ; condense known_graph(data) by mcond again"
        )
    rows = next(
        (
            nodes
            for nodes in (torch.arange(real.num_nodes), known, real.train)
            if len(nodes) == found.shape[0]
        ),
        None,
    )
    if rows is None:
        raise ValueError(
            f"the mapping has {found.shape[0]:,} rows, one for each node it was learnt of, and "
            f"this graph has {real.num_nodes:,} nodes, {len(known):,} without test nodes and "
            f"{len(real.train):,} for training: it is of another graph or split"
        )
    at, count = rows.numpy(), len(rows)
    shape = (real.num_nodes, count)
    placed = sp.csr_matrix((np.ones(count, np.float32), (at, np.arange(count))), shape=shape)
    return sp.csr_matrix(placed @ found)


def _accuracy(trained: Trained, make: Make, real: NodeTask, nodes: Tensor, batch: int) -> Tensor:
    """Share of right predictions ``[S]``, a batch at a time."""
    parts = torch.split(nodes, batch)
    right = [_classes(trained, make(part.numpy())) == real.y[part] for part in parts]
    return torch.cat(right, 1).double().mean(1)


def _graph_of(task: NodeTask) -> Graph:
    return task.x_array, task.adj


def _bytes(*arrays: Matrix) -> int:
    """As stored smallest: CSR with 32-bit indices for sparse matrices, and mostly empty ones."""
    return sum(
        4 * (2 * array.nnz + array.shape[0] + 1)
        if isinstance(array, sp.csr_matrix)
        else bytes_of(array)
        for array in arrays
    )


def _row(
    label: str, way: str, ways: Sequence[_Way], whole: int, found: Sequence[_Served]
) -> ServingRow:
    kept = round(sum(one.bytes for one in ways) / len(ways))
    took = float(np.mean([one.milliseconds for one in ways]))
    slow = float(np.mean([served["whole graph"].milliseconds for served in found]))
    return ServingRow(
        **results.trainings_of(label, [one.test for one in ways]),
        way=way,
        ks=tuple(one.choice[0] for one in ways if one.choice),
        flows=tuple(one.choice[1] for one in ways if one.choice),
        val=float(torch.cat([one.val for one in ways]).mean()),
        bytes=kept,
        share=kept / whole,
        milliseconds=took,
        speedup=slow / took,
        learnt=any(one.learnt for one in ways),
    )
