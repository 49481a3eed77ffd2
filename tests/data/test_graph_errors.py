"""What is wrong with sets of graphs is said before any work."""

from __future__ import annotations

import pytest
import torch
from torch_geometric.data import Data, HeteroData

from graphcondense.data import graph_packing
from graphcondense.data.graph_packing import pack
from graphcondense.data.graph_reading import as_graph_task
from tests.data.rings import Stored, ring, rings, split


def changed(i: int, kind: str = "classes", *, integer: bool = False, **values) -> list[Data]:
    data = rings(kind, integer=integer)
    for name, value in values.items():
        data[i][name] = value
    return data


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: [], "at least one graph, this one is empty"),
        (lambda: ring(3, 0), "got a Data; put a single graph into a list"),
        (lambda: [HeteroData()], "graph 0 is heterogeneous"),
        (lambda: changed(2, x=torch.ones(0, 3)), "graph 2 has no nodes; remove it"),
        (lambda: [Data(y=0)], "graph 0 has no nodes; remove it"),
        (lambda: changed(2, x=[1.0]), "graph 2: x must be a dense tensor, got list"),
        (
            lambda: changed(2, x=torch.eye(3).to_sparse()),
            "graph 2: x must be a dense tensor, got torch.sparse_coo",
        ),
        (lambda: changed(2, x=torch.ones(3, 1, 2)), r"graph 2: x must be \[nodes, features\], "),
        (lambda: changed(2, x=torch.ones(3, 0)), r"features\], got \[3, 0\]"),
        (lambda: changed(2, x=torch.ones(3, 3) * 1j), "graph 2: x is complex"),
        (lambda: changed(2, x=None), "graph 2 has no x, others have"),
        (lambda: changed(2, x=torch.ones(3, 4)), "graph 2 has 4 node features, graph 0 has 3"),
        (
            lambda: changed(2, x=torch.ones(3, 3).long()),
            r"graph 2 has node features that are integers \(categories\), graph 0 floats",
        ),
        (
            lambda: changed(2, x=torch.full((3, 3), float("inf"))),
            "graph 2 has NaN or infinite node features",
        ),
        (
            lambda: changed(2, integer=True, x=torch.tensor([[1, 1, 1], [0, -4, 1], [1, 1, 1]])),
            "graph 2 has the node category -4; categories start at 0",
        ),
        (
            lambda: changed(2, edge_index=torch.tensor([[0, 1, 3], [1, 2, 0]])),
            r"graph 2: edge_index names node 3, but it has nodes 0\.\.2",
        ),
        (
            lambda: changed(2, edge_index=torch.tensor([[0, 1, 2], [1, 2, -1]])),
            "graph 2: edge_index names node -1",
        ),
        (lambda: changed(2, edge_index=torch.ones(3, 2)), r"must be \[2, edges\], got \[3, 2\]"),
        (lambda: changed(2, edge_index=[[0], [1]]), r"must be \[2, edges\], got list"),
        (lambda: changed(2, edge_index=torch.ones(2, 3)), "integer node ids, got torch.float32"),
        (lambda: changed(2, edge_attr=None), "graph 2 has no edge_attr, others have"),
        (
            lambda: changed(2, edge_attr=torch.ones(4, 2)),
            r"graph 2: edge_attr must be \[3, features\] for its 3 edges, got \[4, 2\]",
        ),
        (lambda: changed(2, edge_attr="bonds"), "for its 3 edges, got str"),
        (lambda: changed(2, edge_attr=torch.ones(3, 1)), "graph 2 has 1 edge features, graph 0"),
        (
            lambda: changed(2, edge_attr=torch.full((3, 2), float("nan"))),
            "graph 2 has NaN or infinite edge features",
        ),
        (
            lambda: changed(2, integer=True, edge_attr=torch.full((3, 2), -1)),
            "graph 2 has the edge category -1",
        ),
        (lambda: changed(2, edge_weight=torch.ones(3)), "graph 2: there is edge_weight, but it is"),
        (lambda: changed(2, adj_t=torch.ones(3, 3)), "graph 2: there is adj_t, but edge_index is"),
        (lambda: changed(2, node_weight=torch.ones(3)), "graph 0 has no node_weight, others have"),
        (
            lambda: [Data(x=torch.ones(3, 1), node_weight=torch.ones(2), y=0)],
            "graph 0: node_weight has 2 rows for its 3 nodes",
        ),
        (
            lambda: [Data(x=torch.ones(1, 1), node_weight=torch.tensor([float("nan")]), y=0)],
            "node_weight has NaN",
        ),
        (lambda: changed(2, y=None), "graph 2 has no label y"),
        (lambda: changed(2, y=torch.tensor([1, 2])), "graph 2 has 2 labels, graph 0 has 1"),
        (lambda: [ring(2, torch.empty(1, 0))], "y has no entries"),
        (lambda: changed(2, y=-1), "graph 2 has y = -1; classes are 0..C-1"),
        (lambda: [ring(2, torch.tensor([[i]])) for i in (1, -1)], "graph 1 has y = -1"),
        (
            lambda: changed(2, "regression", y=torch.tensor([[float("inf")]])),
            "graph 2 has an infinite target y",
        ),
    ],
)
def test_bad_graphs(make, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        as_graph_task(make())


def test_bad_graphs_in_storage() -> None:
    data = rings()
    data[5].edge_index = data[5].edge_index + 1  # graph 5 is a single node, and has no edge
    data[6].edge_index = data[6].edge_index + 1
    dataset = Stored(data)
    assert graph_packing._stored(dataset) is not None
    with pytest.raises(ValueError, match=r"graph 6: edge_index names node 2, but it has nodes 0"):
        pack(dataset)
    with pytest.raises(ValueError, match="graph 1: edge_index names node 2"):
        pack(dataset[5:])
    weighted = Stored([one.update({"edge_weight": torch.ones(one.num_edges)}) for one in rings()])
    with pytest.raises(ValueError, match="the graphs: there is edge_weight"):
        pack(weighted)
    with pytest.raises(ValueError, match="graph 1 has 2 labels, graph 0 has 1"):
        pack(Stored([ring(2, torch.arange(1 + i)) for i in range(3)]))


@pytest.mark.parametrize(
    ("splits", "message"),
    [
        (
            {"train": torch.arange(4), "dev": torch.arange(2)},
            "the part 'dev' is none of test, train",
        ),
        ({"train": torch.arange(13)}, r"split 'train' names graph 12, but there are 0\.\.11"),
        ({"train": torch.tensor([-1, 2])}, "split 'train' names graph -1"),
        ({"train": torch.tensor([2, 2])}, "split 'train' names a graph twice"),
        ({"train": torch.tensor([0.5])}, "graph indices or a mask, got torch.float32"),
        ({"train": torch.ones(5).bool()}, r"mask of shape \[5\] for 12 graphs"),
        (
            {"train": torch.arange(6), "val": torch.tensor([9, 4, 5])},
            r"splits train and val share 2 graphs \(first: 4\)",
        ),
        ("random", "splits='random': give indices by name"),
        ({"test": torch.arange(3)}, "no training graphs: the split 'train' is empty"),
        ({"train": torch.tensor([0, 3, 4])}, r"class 2 has no training graphs \(y has 3 classes"),
    ],
)
def test_bad_splits(splits, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        as_graph_task(rings(), splits)


def test_tasks_that_cannot_be_learnt() -> None:
    data = rings("tasks")
    for one in data[:8]:
        one.y[0, 2] = float("nan")
    with pytest.raises(ValueError, match=r"task 2 has no label in the training split \(all NaN\)"):
        as_graph_task(data, split())
    for i, one in enumerate(data):
        one.y = torch.tensor([[float(i % 2), 0.0]])
    with pytest.raises(ValueError, match="task 1 has no training graph of class 1"):
        as_graph_task(data, split())


def test_soft_labels_of_graphs_name_the_ways_out() -> None:
    """They look like numbers: nothing is guessed."""
    graphs = [
        Data(x=torch.randn(3, 2), edge_index=torch.tensor([[0, 1], [1, 2]]), y=y[None])
        for y in torch.rand(20, 3).softmax(1)
    ]
    with pytest.raises(ValueError, match=r"add up to one: .*y\.argmax.*label_kind='regression'"):
        as_graph_task(graphs, "stratified")
    with pytest.raises(ValueError, match=r"soft labels are for the nodes of one graph.*argmax"):
        as_graph_task(graphs, "stratified", label_kind="soft")
    assert as_graph_task(graphs, "stratified", label_kind="regression").num_outputs == 3


@pytest.mark.parametrize("name", ["x", "edge_index", "edge_attr", "y"])
@pytest.mark.parametrize(
    ("at", "by", "message"),
    [
        (0, -3, "12 graphs share"),
        (0, 1, "12 graphs share"),
        (4, 500, r"slices of \w+ do not go forward"),
        (4, -500, r"slices of \w+ do not go forward"),
        (slice(None), -3, r"slices of \w+ do not start at row 0"),
    ],
)
def test_slices_that_lie(name: str, at: int | slice, by: int, message: str) -> None:
    dataset = Stored(rings())
    dataset.slices[name] = dataset.slices[name].clone()
    dataset.slices[name][at] += by
    for part in (dataset, dataset[2:9]):
        assert part.slices is dataset.slices
        with pytest.raises(ValueError, match=message):
            pack(part)


def test_slices_of_no_graph() -> None:
    dataset = Stored(rings())
    dataset.slices["edge_index"] = torch.empty(0, dtype=torch.long)
    with pytest.raises(ValueError, match="12 graphs share"):
        pack(dataset)
