"""Coresets of graphs: readouts by hand, what is exported, impossible input."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor
from torch_geometric.data import Data

import graphcondense
from graphcondense.data.graph_reading import as_graph_task
from graphcondense.data.graph_task import GraphTask
from graphcondense.domains import coresets
from graphcondense.domains.graph import GraphSource
from graphcondense.methods.herding import HerdingGraphs
from graphcondense.methods.kcenter import KCenterGraphs
from graphcondense.run import build
from tests.cases import toy_graphs


def by_hand(graph: Data, hops: int) -> np.ndarray:
    """Means over nodes of ``X, ÂX, ...`` with dense matrices in float64."""
    n = len(graph.x)
    adj = np.eye(n)
    adj[graph.edge_index[1], graph.edge_index[0]] += 1
    scale = np.diag(adj.sum(1) ** -0.5)
    rows, h = [], graph.x.double().numpy()
    for _ in range(hops + 1):
        rows.append(h.mean(0))
        h = scale @ adj @ scale @ h
    return np.concatenate(rows)


@pytest.fixture
def task() -> GraphTask:
    return as_graph_task(toy_graphs())


@pytest.mark.parametrize("hops", [0, 2])
@pytest.mark.parametrize("block", [3, 20_000])
def test_rows_are_means_of_propagated_features(
    task: GraphTask, hops: int, block: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(coresets, "BLOCK", block)
    source = GraphSource(task)
    for c in range(3):
        rows = HerdingGraphs(per_class=1, hops=hops).rows(source, c)
        wanted = np.stack([by_hand(task.graphs.graph(i), hops) for i in source.members[c].tolist()])
        np.testing.assert_allclose(rows.numpy(), wanted, atol=1e-5)


def test_kcenter_starts_in_the_middle_and_goes_far(task: GraphTask) -> None:
    source = GraphSource(task)
    method = KCenterGraphs(per_class=2)
    for c in range(3):
        own = source.members[c].tolist()
        rows = np.stack([by_hand(task.graphs.graph(i), 2) for i in own])
        first = ((rows - rows.mean(0)) ** 2).sum(1).argmin()
        second = ((rows - rows[first]) ** 2).sum(1).argmax()
        chosen = method.choose(source, c, 2, torch.Generator())
        assert chosen.tolist() == [first, second]


def found(task: GraphTask, x: Tensor, y: int) -> bool:
    """Whether a training graph of class ``y`` has these features."""
    real = [task.graphs.graph(i) for i in task.train.tolist()]
    return any(len(g.x) == len(x) and torch.equal(g.x.float(), x) and int(g.y) == y for g in real)


@pytest.mark.parametrize("name", ["random", "herding", "k-center"])
def test_exported_graphs_are_training_graphs(task: GraphTask, name: str) -> None:
    small = graphcondense.condense(task, name, per_class=3)
    assert all(found(task, graph.x, int(graph.y)) for graph in small)
    assert "edge_attr" not in small[0]
    rows = {tuple(graph.x.flatten().tolist()) for graph in small}
    assert len(rows) == 9, "a graph is taken once"


def test_methods_differ(task: GraphTask) -> None:
    names = ("random", "herding", "kcenter")
    hashes = {graphcondense.condense(task, n, per_class=3).condensed["hash"] for n in names}
    assert len(hashes) == 3


def test_edge_features_and_categories() -> None:
    graphs = toy_graphs()
    for graph in graphs:
        graph.x = (graph.x[:, :2] > 0).long() * 7
        graph.edge_attr = (graph.edge_attr[:, :1] > 0.5).long() + 3
    small = graphcondense.condense(graphs, "random", per_class=2, edge_features=True)
    data = small.condensed["data"]
    assert data["encoding"] == {"x": [[0, 7], [0, 7]], "edge_attr": [[3, 4]]}
    assert data["features"] == small[0].x.shape[1] == 4
    assert data["edge_features"] == small[0].edge_attr.shape[1] == 2
    assert bool((small.set.x.sum(1) == 2).all()), "one column of each category"
    assert bool((small.set.edge_attr.sum(1) == 1).all())


def test_record_counts_graphs(task: GraphTask) -> None:
    record = graphcondense.condense(task, "random", ratio=0.5, of="all").condensed
    assert record["graphs"] == 30
    assert record["budget"]["of_all"] == 0.5
    assert record["budget"]["of_labelled"] == pytest.approx(30 / len(task.train))
    assert sum(record["budget"]["per_class"]) == 30
    assert record["nodes_per_graph"] == pytest.approx(record["nodes"] / 30, abs=1e-3)
    assert record["data"]["graphs"] == 60
    assert record["data"]["nodes"] == len(task.graphs.x)
    assert record["data"]["bytes"] == task.graphs.bytes


def test_bins_of_a_regression_target_are_counted_as_they_were_drawn() -> None:
    graphs = toy_graphs()
    for i, graph in enumerate(graphs):
        graph.y = torch.tensor([[float(i // 7)]])
    task = as_graph_task(graphs, label_kind="regression")
    small = graphcondense.condense(task, "random", per_class=3)
    assert small.condensed["budget"]["per_class"] == [3] * task.num_groups
    assert small.condensed["data"]["tasks"] == 1


def test_kinds_of_data() -> None:
    """One graph is a graph of nodes, unless its label is the graph's own."""
    nodes = Data(x=torch.randn(6, 2), edge_index=torch.tensor([[0], [1]]), y=torch.arange(6) % 2)
    nodes.train_mask = torch.ones(6, dtype=torch.bool)
    assert graphcondense.condense([nodes], "random", nodes=2).condensed["kind"] == "node"
    del nodes.train_mask
    for label in (0, torch.tensor(0), torch.tensor([0])):
        nodes.y = label
        small = graphcondense.condense([nodes], "random", nodes=1)
        assert small.condensed["kind"] == "graph"


def test_errors(task: GraphTask) -> None:
    with pytest.raises(ValueError, match="below one for each of 3 classes"):
        graphcondense.condense(task, "random", nodes=2)
    with pytest.raises(ValueError, match="would get 17 examples but has only 16"):
        graphcondense.condense(task, "random", per_class=17)
    with pytest.raises(ValueError, match="unknown method 'gcond' for graph data"):
        graphcondense.condense(task, "gcond", per_class=1)
    with pytest.raises(
        ValueError, match="RandomNodes is for node and link data, and these are graph data"
    ):
        graphcondense.condense(task, build("random", "node", nodes=3))
    with pytest.raises(ValueError, match="this one is empty"):
        graphcondense.condense([], "random", per_class=1)
    bare = replace(task, graphs=replace(task.graphs, edge_attr=None))
    with pytest.raises(ValueError, match="no edge features"):
        graphcondense.condense(bare, "random", per_class=1, edge_features=True)


@pytest.mark.parametrize("name", ["MUTAG", "ogbg-molbace"])
def test_real_sets(name: str, data_root: Path) -> None:
    task = graphcondense.data.load(name, data_root)
    small = graphcondense.condense(task, "herding", per_class=5)
    assert small.condensed["graphs"] == 10
    assert small.condensed["bytes"] < small.condensed["data"]["bytes"]
