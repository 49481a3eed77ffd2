"""Condensed graphs as PyG data sets and in its loaders."""

from __future__ import annotations

import copy
import hashlib
import pickle
from pathlib import Path

import pytest
import torch
from torch_geometric.data import Batch, Data, InMemoryDataset
from torch_geometric.loader import DataLoader
from torch_geometric.transforms import ToUndirected

import graphcondense
from graphcondense.data import CondensedDataset, CondensedGraph, CondensedGraphs, graph_hash
from graphcondense.saved.condensed import load, save
from tests.cases import toy_graph as toy_data
from tests.saved.made import GRAPHS_RECORD, make, make_set, same


def test_dataset(tmp_path):
    graphs = [make(n=4 + i, weight=i > 0, seed=i) for i in range(3)]
    for i, graph in enumerate(graphs):
        graph.condensed = {"method": f"m{i}", **({"loss": 0.1} if i else {})}
        save(graph, tmp_path / f"{i}.safetensors")
    before = sorted(tmp_path.iterdir())
    dataset = CondensedDataset(tmp_path)
    assert sorted(tmp_path.iterdir()) == before
    assert (len(dataset), dataset.num_classes, dataset.num_features) == (3, 3, 4)
    assert all(same(graphs[i], dataset[i]) for i in range(3))
    assert dataset[0].edge_weight.tolist() == [1.0] * 8
    assert [record["method"] for record in dataset.records] == ["m0", "m1", "m2"]
    assert dataset[1:].records[0]["method"] == "m1"
    batch = next(iter(DataLoader(dataset, batch_size=3)))
    assert (batch.num_graphs, batch.num_nodes) == (3, 15)


def test_dataset_transforms(tmp_path):
    def plus_one(data: Data) -> Data:
        data.x = data.x + 1
        return data

    save(make(), tmp_path)
    assert torch.equal(CondensedDataset(str(tmp_path), transform=plus_one)[0].x, make().x + 1)
    dataset = CondensedDataset(tmp_path, transform=plus_one, pre_transform=plus_one)
    assert len(dataset) == 1
    for _ in range(2):  # a transform sees a fresh copy each time
        assert torch.allclose(dataset[0].x, make().x + 2)


def test_dataset_errors(tmp_path):
    with pytest.raises(ValueError, match="no condensed graph"):
        CondensedDataset(tmp_path)
    save(make(), tmp_path / "a.safetensors")
    save(make(soft=True), tmp_path / "b.safetensors")
    with pytest.raises(ValueError, match=r"b\.safetensors has 4 features and 3 soft labels"):
        CondensedDataset(tmp_path)


def test_condensed_sets_of_this_repository_open() -> None:
    folder = Path(__file__).parents[2] / "datasets"
    files = sorted(folder.glob("*.safetensors"))
    assert files
    for file in files:
        small = load(file)
        assert small.condensed["hash"] == graph_hash(small)
        assert small.num_nodes == small.condensed["nodes"]
        card = file.with_suffix(".md").read_text()
        assert hashlib.sha256(file.read_bytes()).hexdigest() in card


def two() -> list[Data]:
    """As a run returns them: records of different keys."""
    first, second = CondensedGraph(**make(seed=1).to_dict()), CondensedGraph(**make(4).to_dict())
    first.condensed, second.condensed = {"method": "a", "loss": 0.5}, {"method": "b"}
    return [first, second]


def test_condensed_graphs_go_into_batches(tmp_path):
    graphs = two()
    batch = Batch.from_data_list(graphs)
    assert (batch.num_graphs, batch.num_nodes) == (2, 10)
    assert all(same(a, b) for a, b in zip(batch.to_data_list(), graphs, strict=True))
    assert next(iter(DataLoader(graphs, batch_size=2))).num_nodes == 10
    assert InMemoryDataset.collate(graphs)[0].num_nodes == 10
    opened = [load(save(g, tmp_path / f"{i}.safetensors")) for i, g in enumerate(graphs)]
    assert Batch.from_data_list(opened).num_nodes == 10
    small = graphcondense.condense(toy_data(), "random", nodes=3, seed=0)
    grouped = graphcondense.condense(toy_data(), "averaging", nodes=6, seed=0)
    assert isinstance(small, CondensedGraph)
    batch = Batch.from_data_list([small, grouped], exclude_keys=["assignment"])
    assert batch.num_graphs == 2


def test_the_record_stays_with_copies():
    small = two()[0]
    for one in (
        small.clone(),
        copy.copy(small),
        copy.deepcopy(small),
        pickle.loads(pickle.dumps(small)),
        small.to("cpu"),
        small.contiguous(),
        ToUndirected()(small),
        small.subgraph(torch.tensor([0, 1])),
    ):
        assert one.condensed == {"method": "a", "loss": 0.5}
        assert type(one) is CondensedGraph
    fresh = small.clone()
    fresh.condensed["loss"] = 1.0
    assert small.condensed["loss"] == 0.5
    assert "condensed" not in small
    assert "\n" not in repr(small)


def test_a_data_set_keeps_records_and_what_all_have(tmp_path):
    graphs = two()
    for i, graph in enumerate(graphs):
        graph.orig_index = torch.arange(graph.num_nodes)
        graph.only = torch.ones(2 + i, 3 + i)
        save(graph, tmp_path / f"{i}.safetensors")
    with pytest.warns(UserWarning, match="are without only, which not all have in one form"):
        dataset = CondensedDataset(tmp_path)
    assert [graph.condensed["method"] for graph in dataset] == ["a", "b"]
    assert dataset[1].orig_index.tolist() == [0, 1, 2, 3]
    assert next(iter(DataLoader(dataset, batch_size=2))).num_nodes == 10
    for part in (dataset[1:].copy(), dataset.copy([1])):
        assert [record["method"] for record in part.records] == ["b"]
        assert part[0].condensed["method"] == "b"
        assert part.files == [tmp_path / "1.safetensors"]


def test_condensed_sets_go_into_batches():
    small = CondensedGraphs(make_set(), GRAPHS_RECORD)
    for one in (small, copy.copy(small), copy.deepcopy(small), pickle.loads(pickle.dumps(small))):
        assert one.condensed == GRAPHS_RECORD
        assert Batch.from_data_list(list(one)).num_nodes == 8
        assert [graph.num_nodes for graph in one[1:]] == [1, 4]
        assert one[1:].set.node_ptr.tolist() == [0, 1, 5]
