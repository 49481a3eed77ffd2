"""Condensed sets of graphs, saved and opened."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch_geometric.data import Data
from torch_geometric.datasets import TUDataset
from torch_geometric.loader import DataLoader
from torch_geometric.nn import GINEConv, Linear, global_add_pool
from torch_geometric.transforms import Compose

from graphcondense.data import (
    CondensedDataset,
    CondensedGraphs,
    as_graph_task,
    degree_categories,
    graph_hash,
    open_ogb,
    tensor_bytes,
)
from graphcondense.saved.condensed import load, save
from graphcondense.transforms import EncodeCategories
from tests.saved.made import (
    EDGES,
    GRAPHS_RECORD,
    SIZES,
    change_set,
    fields_of,
    make,
    make_set,
    same_set,
)


@pytest.mark.parametrize("weight", [False, True])
@pytest.mark.parametrize("attr", [False, True])
@pytest.mark.parametrize("classes", [False, True])
@pytest.mark.parametrize("count", [1, 3])
def test_set_round_trip(tmp_path, count, classes, attr, weight):
    graphs = make_set(
        classes=classes, attr=attr, weight=weight, sizes=SIZES[:count], edges=EDGES[:count]
    )
    small = CondensedGraphs(graphs, GRAPHS_RECORD)
    again = load(save(small, tmp_path))
    assert isinstance(again, CondensedGraphs)
    assert sorted(os.listdir(tmp_path)) == ["condensed.md", "condensed.safetensors"]
    assert same_set(again.set, graphs)
    assert again.condensed == small.condensed == GRAPHS_RECORD
    assert graph_hash(again) == graph_hash(small)
    n, m = sum(SIZES[:count]), sum(EDGES[:count])
    expected = 20 * n + 16 * m + 8 * m * attr + 8 * count + 4 * n * weight
    assert tensor_bytes(again) == tensor_bytes(small) == graphs.bytes == expected
    whole = Path(tmp_path / "condensed.safetensors").read_bytes()
    assert save(again, tmp_path / "b.safetensors").read_bytes() == whole


def test_set_is_a_pyg_data_set(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    graphs = make_set()
    small = CondensedGraphs(graphs, GRAPHS_RECORD)
    assert (len(small), small.num_features, small.num_classes) == (3, 5, 3)
    assert not any(tmp_path.iterdir())
    for i, one in enumerate(small):
        other = graphs.graph(i)
        assert sorted(one.keys()) == sorted(other.keys())
        assert all(torch.equal(one[key], other[key]) for key in one.keys())  # noqa: SIM118
        assert one.y.shape == (1,)
        assert one.num_nodes == SIZES[i]
        one.validate()
    assert torch.equal(small.y, graphs.y)
    part = small[torch.tensor([2, 0])]
    assert isinstance(part, CondensedGraphs)
    assert [one.num_nodes for one in part] == [4, 3]
    assert part.condensed == GRAPHS_RECORD
    for other in (part, small[[2, 0]], small.copy([2, 0])):
        assert same_set(other.set, graphs.select(torch.tensor([2, 0])))
        assert [one.num_nodes for one in other] == [4, 3]
    batch = next(iter(DataLoader(small, batch_size=3)))
    assert batch.num_graphs == 3
    for name in ("x", "edge_index", "edge_attr", "y", "node_weight"):
        assert torch.equal(batch[name], getattr(graphs, name))
    assert len(list(DataLoader(small, batch_size=2, shuffle=True))) == 2
    targets = CondensedGraphs(make_set(classes=False))
    assert targets[1].y.shape == (1, 2)
    assert next(iter(DataLoader(targets, batch_size=3))).y.shape == (3, 2)
    assert targets.condensed == {}


def test_set_is_a_task():
    task = as_graph_task(CondensedGraphs(make_set()), {"train": torch.arange(3)})
    assert same_set(task.graphs, make_set())


def test_set_transform_and_copy():
    def plus_one(data: Data) -> Data:
        data.x = data.x + 1
        return data

    graphs = make_set()
    small = CondensedGraphs(graphs, GRAPHS_RECORD, transform=plus_one)
    for _ in range(2):
        assert torch.equal(small[1].x, graphs.graph(1).x + 1)
    assert same_set(small.set, make_set())
    copied = small.copy()
    copied.set.x.zero_()
    copied.condensed["data"]["name"] = "other"
    assert same_set(small.set, make_set())
    assert small.condensed["data"]["name"] == "molecules"
    assert same_set(small.to("cpu").set, graphs)
    assert torch.equal(small.to("cpu")[1].x, graphs.graph(1).x + 1)


def put(tensor: torch.Tensor, index, value) -> torch.Tensor:
    out = tensor.clone()
    out[index] = value
    return out


BAD_SETS = [
    ({"x": torch.randn(8, 5).double()}, "x must be torch.float32"),
    ({"x": torch.ones(8, 5).long()}, "x must be torch.float32 .* got torch.int64"),
    ({"x": torch.randn(8)}, r"x must be \[nodes, features\], got \[8\]"),
    ({"x": put(torch.ones(8, 5), 2, float("nan"))}, "x has 5 values that are NaN or infinite"),
    ({"edge_index": torch.zeros(3, 10).long()}, r"edge_index must be .* got .* \[3, 10\]"),
    ({"edge_index": put(make_set().edge_index, (1, 5), 1)}, r"in graph 2, whose nodes are 4\.\.7"),
    ({"edge_index": put(make_set().edge_index, (0, 0), -1)}, r"nodes \[-1, \d\] in graph 0"),
    ({"edge_index": put(make_set().edge_index, (0, 9), 8)}, r"nodes \[8, \d\] in graph 2"),
    ({"edge_attr": torch.ones(9, 2)}, r"edge_attr must be torch.float32 of shape \[10, 2\]"),
    ({"edge_attr": torch.ones(10)}, "edge_attr must be"),
    ({"edge_attr": torch.full((10, 2), float("inf"))}, "edge_attr has 20 values"),
    ({"node_weight": torch.ones(7)}, r"node_weight must be .* \[8\]"),
    ({"y": torch.tensor([0, 1, 3])}, "y has class 3, but there are 3"),
    ({"y": torch.tensor([0, -1, 2])}, "y has class -1"),
    ({"y": torch.ones(3, 2).long()}, "y must be torch.float32"),
    ({"y": torch.full((3, 2), float("inf"))}, "y has 6 values"),
    ({"y": torch.ones(3, 1, 1)}, r"y must be \[graphs\] or \[graphs, tasks\]"),
    ({"y": torch.arange(2)}, r"node_ptr must be torch.int64 of shape \[3\] for 2 graphs"),
    ({"node_ptr": torch.tensor([0, 3, 4, 9])}, "node_ptr must rise from 0 to 8"),
    ({"node_ptr": torch.tensor([1, 3, 4, 8])}, "node_ptr must rise"),
    ({"node_ptr": torch.tensor([0, 4, 3, 8])}, "node_ptr must rise"),
    ({"node_ptr": torch.tensor([0, 3, 3, 8])}, "graph 1 has no nodes"),
    ({"edge_ptr": torch.tensor([0, 4, 4, 11])}, "edge_ptr must rise from 0 to 10"),
    ({"edge_ptr": torch.tensor([0.0, 4, 4, 10])}, "edge_ptr must be torch.int64"),
    ({"y": None}, "y is missing"),
    ({"edge_ptr": None}, "edge_ptr is missing"),
]


@pytest.mark.parametrize(("change", "message"), BAD_SETS)
def test_bad_sets_are_neither_made_nor_loaded(tmp_path, change, message):
    if message != "y has class 3, but there are 3":  # the record is read when it is saved
        with pytest.raises(ValueError, match="the condensed graphs: .*" + message):
            CondensedGraphs(change_set(**change), GRAPHS_RECORD)
    else:
        with pytest.raises(ValueError, match="cannot save the graphs: " + message):
            save(CondensedGraphs(change_set(**change), GRAPHS_RECORD), tmp_path)
    assert not any(tmp_path.iterdir())
    tensors = {k: v for k, v in fields_of(change_set(**change)).items() if v is not None}
    path = tmp_path / "g.safetensors"
    save_file(tensors, path, {"graphcondense": json.dumps({"version": 1, "record": GRAPHS_RECORD})})
    with pytest.raises(ValueError, match=r"g\.safetensors: .*" + message):
        load(path)


def test_other_bad_sets(tmp_path):
    empty = make_set().select(torch.empty(0, dtype=torch.long))
    with pytest.raises(ValueError, match="the condensed graphs: it has no graphs"):
        CondensedGraphs(empty)
    path = tmp_path / "g.safetensors"
    tensors = {k: v for k, v in fields_of(make_set()).items() if v is not None}
    tensors["train_mask"] = torch.ones(8)
    save_file(tensors, path, {"graphcondense": json.dumps({"version": 1, "record": {}})})
    with pytest.raises(ValueError, match=r"unknown tensors \['train_mask'\]"):
        load(path)
    small = CondensedGraphs(make_set())
    small.condensed = {"a": torch.ones(1)}
    with pytest.raises(ValueError, match="does not fit JSON"):
        save(small, path)


def test_set_in_a_folder_of_graphs(tmp_path):
    save(make(), tmp_path / "a.safetensors")
    save(CondensedGraphs(make_set()), tmp_path / "b.safetensors")
    with pytest.raises(ValueError, match=r"b\.safetensors holds a data set of 3 graphs: open it"):
        CondensedDataset(tmp_path)


def test_card_of_a_set(tmp_path):
    path = save(CondensedGraphs(make_set(), GRAPHS_RECORD), tmp_path)
    card = path.with_suffix(".md").read_text()
    for line in (
        "# molecules, condensed by doscond",
        "3 graphs that stand in for a large set of graphs in training. `condensed.safetensors` "
        "holds them:",
        "| node_ptr | int64 [4] |",
        'load_condensed("condensed.safetensors")  # a PyG data set of 3 graphs',
        "| x[:, 0..1] | 0 | 6, 8 |",
        "| x[:, 2..4] | 1 | 0, 1, 5 |",
        "| edge_attr[:, 0..1] | 0 | 1, 2 |",
        hashlib.sha256(path.read_bytes()).hexdigest(),
    ):
        assert line in card
    plain = {"data": {"encoding": {"x": None, "edge_attr": None}}}
    card = save(CondensedGraphs(make_set(), plain), tmp_path).with_suffix(".md").read_text()
    assert "EncodeCategories" not in card


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_set_on_devices(tmp_path):
    small = CondensedGraphs(make_set(), GRAPHS_RECORD).to("cuda")
    assert small[1].x.is_cuda
    assert small[[2, 0]].set.x.is_cuda
    again = load(save(small, tmp_path), device="cuda")
    assert again.set.edge_attr.is_cuda
    assert graph_hash(again) == graph_hash(small)


def test_real_molecules_in_the_form_of_a_set(data_root):
    dataset, own = open_ogb("ogbg-molbace", data_root / "ogb")
    task = as_graph_task(dataset, own)
    index = torch.cat([task.train[:2], task.test[:3]])
    batch = task.batch(index)
    record = json.loads(json.dumps({"data": {"encoding": task.encoding}}))
    small = CondensedGraphs(batch, record)
    dataset.transform = EncodeCategories.of(small)
    raw = dataset._data.x.clone()
    for i, j in enumerate(index.tolist()):
        assert torch.equal(dataset[j].x, small[i].x)
        assert torch.equal(dataset[j].edge_attr, small[i].edge_attr)
        assert torch.equal(dataset[j].y.float(), small[i].y)
    assert torch.equal(dataset._data.x, raw)
    # A plain PyG model takes both.
    conv = GINEConv(Linear(task.num_features, 4), edge_dim=task.num_edge_features)
    outputs = []
    for graphs in (small, dataset[index]):
        given = next(iter(DataLoader(graphs, batch_size=5)))
        hidden = conv(given.x, given.edge_index, given.edge_attr)
        outputs.append(global_add_pool(hidden, given.batch))
    assert torch.equal(*outputs)


def test_other_features_in_the_form_of_a_set(data_root):
    mutag = TUDataset(str(data_root / "pyg"), "MUTAG")
    task = as_graph_task(mutag)
    encode = EncodeCategories({"data": {"encoding": task.encoding}})
    assert torch.equal(encode(mutag[3]).x, task.batch(torch.tensor([3])).x)

    bare = [Data(edge_index=torch.tensor([[0, 1], [1, 2]]), num_nodes=3, y=i) for i in (0, 1)]
    task = as_graph_task(bare, {"train": [0, 1]})
    encode = EncodeCategories({"data": {"encoding": task.encoding}})
    assert torch.equal(encode(bare[0]).x, task.batch(torch.tensor([0])).x)
    assert bare[0].x is None

    task = as_graph_task([degree_categories(one) for one in bare], {"train": [0, 1]})
    encode = EncodeCategories({"data": {"encoding": task.encoding}})
    both = Compose([degree_categories, encode])
    assert torch.equal(both(bare[0]).x, task.batch(torch.tensor([0])).x)
    assert torch.equal(encode(both(bare[0])).x, both(bare[0]).x)  # twice is once
    with pytest.raises(ValueError, match=r"no x, .*degree_categories before this"):
        encode(bare[0])
    with pytest.raises(ValueError, match="takes 1 integer columns, or 2 float columns"):
        encode(Data(x=torch.ones(3, 7)))
    assert repr(encode) == "EncodeCategories({'x': 2, 'edge_attr': None})"


def test_records_without_an_encoding():
    for record in ({}, {"data": "cora"}, {"data": {"name": "cora"}}):
        with pytest.raises(ValueError, match="does not say how features are encoded"):
            EncodeCategories(record)
