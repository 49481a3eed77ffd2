"""Condensed graphs as files."""

from __future__ import annotations

import copy
import hashlib
import json
import os
import pickle
import tempfile
from pathlib import Path

import numpy as np
import pytest
import safetensors
import scipy.sparse as sp
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import load_file, save_file
from torch_geometric.data import Batch, Data, InMemoryDataset
from torch_geometric.datasets import TUDataset
from torch_geometric.loader import DataLoader
from torch_geometric.nn import GINEConv, Linear, global_add_pool
from torch_geometric.transforms import Compose, ToSparseTensor, ToUndirected

import graphcondense
from graphcondense.data import (
    CondensedDataset,
    CondensedGraph,
    CondensedGraphs,
    CondensedInteractions,
    GraphSet,
    as_graph_task,
    degree_categories,
    graph_hash,
    open_ogb,
    tensor_bytes,
)
from graphcondense.data.node_reading import as_task
from graphcondense.evaluate.cost import size_of
from graphcondense.evaluate.floors import equal_bytes_graphs
from graphcondense.saved import compact
from graphcondense.saved.compact import bytes_of, pack, unpack
from graphcondense.saved.condensed import load, save
from graphcondense.saved.content import assignment_matrix, mapping_matrix
from graphcondense.transforms import EncodeCategories
from tests.cases import toy_graph as toy_data

RECORD = {
    "method": "gcond",
    "hyperparameters": {"steps": 5, "lr": {"x": 0.01, "adj": 0.02}},
    "data": {"name": "cora", "classes": 3},
    "seconds": None,
    "note": "a | b\nc",
}


def make(n: int = 6, m: int = 8, *, soft: bool = False, weight: bool = True, seed: int = 0) -> Data:
    rng = torch.Generator().manual_seed(seed)
    small = Data(
        x=torch.randn(n, 4, generator=rng),
        edge_index=torch.randint(n, (2, m), generator=rng),
        y=torch.rand(n, 3, generator=rng) if soft else torch.arange(n) % 3,
        train_mask=torch.ones(n, dtype=torch.bool),
    )
    if weight:
        small.edge_weight = torch.rand(m, generator=rng)
    small.condensed = RECORD
    return small


def same(a: Data, b: Data) -> bool:
    keys = [k for k in ("x", "edge_index", "edge_weight", "y", "train_mask") if k in a]
    return all(torch.equal(a[k], b[k]) and a[k].dtype == b[k].dtype for k in keys)


@settings(max_examples=40, deadline=None)
@given(
    n=st.integers(1, 12),
    m=st.integers(0, 20),
    soft=st.booleans(),
    weight=st.booleans(),
    seed=st.integers(0, 99),
    extra=st.dictionaries(
        st.text(max_size=8),
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
            lambda inner: st.lists(inner) | st.dictionaries(st.text(max_size=4), inner),
            max_leaves=6,
        ),
        max_size=4,
    ),
)
def test_round_trip(n, m, soft, weight, seed, extra):
    small = make(n, m, soft=soft, weight=weight, seed=seed)
    small.condensed = {**extra, **RECORD}
    with tempfile.TemporaryDirectory() as folder:
        again = load(save(small, Path(folder) / "g.safetensors"))
        assert sorted(os.listdir(folder)) == ["g.md", "g.safetensors"]
    assert same(small, again)
    assert ("edge_weight" in again) == weight
    assert again.condensed == small.condensed
    assert graph_hash(again) == graph_hash(small)
    assert tensor_bytes(again) == tensor_bytes(small)
    assert tensor_bytes(small) == 4 * n * 4 + 16 * m + 4 * m * weight + n * (12 if soft else 8)


def test_folder_and_card(tmp_path):
    path = save(make(), tmp_path / "new" / "folder")
    assert path == tmp_path / "new" / "folder" / "condensed.safetensors"
    assert same(load(path.parent), make())
    card = path.with_suffix(".md").read_text()
    assert card.startswith("# cora, condensed by gcond\n")
    for line in (
        "| x | float32 [6, 4] |",
        "| hyperparameters.lr.adj | 0.02 |",
        "| note | a \\| b c |",
        hashlib.sha256(path.read_bytes()).hexdigest(),
    ):
        assert line in card
    assert str(tmp_path) not in card


def test_save_leaves_its_input_alone_and_is_repeatable(tmp_path):
    small = make()
    small.x.requires_grad_()
    del small.train_mask
    keys = small.keys()
    one, two = save(small, tmp_path / "a.safetensors"), save(small, tmp_path / "b.safetensors")
    assert small.keys() == keys
    assert one.read_bytes() == two.read_bytes()
    again = load(one)
    assert again.train_mask.all()
    assert not again.x.requires_grad
    again.x[0] = 9.0
    assert not torch.equal(load(one).x, again.x)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"x": torch.rand(6, 4).double()}, "x must be torch.float32"),
        ({"x": torch.rand(6)}, r"x must be \[nodes, features\], got \(6,\)"),
        ({"x": torch.full((6, 4), float("nan"))}, "x has 24 values that are NaN"),
        ({"x": torch.rand(0, 4)}, "for 0 nodes"),
        ({"edge_index": torch.full((2, 8), 6)}, r"names node 6, but there are nodes 0\.\.5"),
        ({"edge_index": torch.full((2, 8), -1)}, "names node -1"),
        ({"edge_index": torch.zeros(3, 8).long()}, r"edge_index must be .* got .* \[3, 8\]"),
        ({"edge_index": torch.zeros(8).long()}, "edge_index must be"),
        ({"edge_weight": torch.rand(7)}, r"edge_weight must be .* \[8\]"),
        ({"edge_weight": torch.full((8,), float("inf"))}, "edge_weight has 8 values"),
        ({"y": torch.arange(6)}, "y has class 5, but there are 3"),
        ({"y": torch.arange(6) - 1}, "y has class -1"),
        ({"y": torch.rand(6)}, "y must be torch.int64"),
        ({"y": torch.rand(6, 4)}, "y has 4 columns, not 3"),
        ({"y": None}, "y is missing"),
        ({"train_mask": torch.ones(5, dtype=torch.bool)}, "train_mask must be"),
    ],
)
def test_bad_graphs_are_neither_saved_nor_loaded(tmp_path, change, message):
    small = make()
    for key, value in change.items():
        small[key] = value
    with pytest.raises(ValueError, match="cannot save the graph: .*" + message):
        save(small, tmp_path / "g.safetensors")
    assert not any(tmp_path.iterdir())
    names = ("x", "edge_index", "edge_weight", "y", "train_mask")
    tensors = {k: small[k].clone() for k in names if k in small}
    meta = {"graphcondense": json.dumps({"version": 1, "record": RECORD})}
    save_file(tensors, tmp_path / "g.safetensors", meta)
    with pytest.raises(ValueError, match=r"g\.safetensors: .*" + message):
        load(tmp_path / "g.safetensors")


def coarse() -> Data:
    """Four real nodes, three of them in the first and last of six; others have no class."""
    small = make()
    small.y = torch.tensor([0, 1, 2, -1, -1, 0])
    small.train_mask = small.y >= 0
    small.assignment = torch.tensor([5, -1, 0, 5])
    return small


def test_assignment_round_trip(tmp_path):
    small = coarse()
    path = save(small, tmp_path)
    again = load(path)
    assert same(small, again)
    assert torch.equal(again.assignment, small.assignment)
    assert again.y.tolist() == [0, 1, 2, -1, -1, 0]
    assert again.num_nodes == 6
    assert graph_hash(again) == graph_hash(small) != graph_hash(make())
    assert tensor_bytes(small) == tensor_bytes(make())
    card = path.with_suffix(".md").read_text()
    assert "| assignment | int64 [4] |" in card
    assert "`assignment[i]` is the node that stands for node `i` of the real graph (4 nodes" in card
    assert (
        "assignment" not in save(make(), tmp_path / "b.safetensors").with_suffix(".md").read_text()
    )
    dense = assignment_matrix(again).toarray()
    assert dense.shape == (4, 6)
    assert dense.nonzero()[0].tolist() == [0, 2, 3]
    assert dense.nonzero()[1].tolist() == [5, 0, 5]
    with pytest.raises(ValueError, match="has no assignment of real nodes"):
        assignment_matrix(make())


def test_assignments_are_left_out_of_a_dataset(tmp_path):
    """Those of graphs of different size would not go together, and not all graphs have one."""
    save(make(seed=1), tmp_path / "a.safetensors")
    save(coarse(), tmp_path / "b.safetensors")
    dataset = CondensedDataset(tmp_path)
    assert dataset[1].y.tolist() == [0, 1, 2, -1, -1, 0]
    assert "assignment" not in dataset[1]
    assert next(iter(DataLoader(dataset, batch_size=2))).num_nodes == 12


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"assignment": torch.tensor([0, 6])}, r"assignment names node 6, .* nodes 0\.\.5, or -1"),
        ({"assignment": torch.tensor([0, -2])}, "assignment names node -2"),
        ({"assignment": torch.tensor([0.0])}, "assignment must be torch.int64"),
        ({"assignment": torch.zeros(2, 2).long()}, r"assignment must be .* \[4\] .* \[2, 2\]"),
        ({"train_mask": torch.ones(6, dtype=torch.bool)}, "y has class -1 at node 3; .*train_mask"),
        ({"y": torch.tensor([0, 1, 2, -1, -2, 0])}, "y has class -2 at node 4"),
    ],
)
def test_bad_assignments_and_classes(tmp_path, change, message):
    small = coarse()
    for key, value in change.items():
        small[key] = value
    with pytest.raises(ValueError, match="cannot save the graph: .*" + message):
        save(small, tmp_path)
    names = ("x", "edge_index", "edge_weight", "y", "train_mask", "assignment")
    meta = {"graphcondense": json.dumps({"version": 1, "record": RECORD})}
    save_file({k: small[k].clone() for k in names}, tmp_path / "g.safetensors", meta)
    with pytest.raises(ValueError, match=r"g\.safetensors: .*" + message):
        load(tmp_path / "g.safetensors")


@pytest.mark.parametrize(
    ("record", "message"),
    [({"a": torch.ones(1)}, "does not fit JSON"), ([1], "record must be a dict, got list")],
)
def test_bad_records(tmp_path, record, message):
    small = make()
    small.condensed = record
    with pytest.raises(ValueError, match=message):
        save(small, tmp_path)


def test_foreign_and_broken_files(tmp_path):
    path = save(make(), tmp_path)
    whole = path.read_bytes()
    for cut in (b"", whole[:5], whole[: len(whole) // 2], whole[:-1], b"\x80\x04." + whole):
        path.write_bytes(cut)
        with pytest.raises(ValueError, match="is not a readable safetensors file"):
            load(path)
    cases = {
        "is not a condensed graph": {},
        "has format version 4": {"graphcondense": '{"version": 4, "record": {}}'},
        r"its record cannot be read \(JSON": {"graphcondense": "{"},
        r"its record cannot be read \(KeyError": {"graphcondense": "{}"},
        r"its record cannot be read \(TypeError": {"graphcondense": "[]"},
    }
    for message, meta in cases.items():
        save_file({"x": torch.ones(2, 2)}, path, meta)
        with pytest.raises(ValueError, match=message):
            load(path)
    with pytest.raises(ValueError, match="there is no file"):
        load(tmp_path / "none.safetensors")
    with pytest.raises(ValueError, match=r"must end in \.safetensors"):
        save(make(), tmp_path / "graph.pt")


def test_a_failed_save_keeps_the_old_file(tmp_path, monkeypatch):
    path = save(make(seed=1), tmp_path)
    before = {p.name: p.read_bytes() for p in tmp_path.iterdir()}

    def fail(*args):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(ValueError, match=r"cannot write into the folder .*No space left"):
        save(make(seed=2), path)
    assert {p.name: p.read_bytes() for p in tmp_path.iterdir()} == before


def test_unwritable_folder(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(ValueError, match=f"cannot write into the folder {tmp_path / 'file'}"):
        save(make(), tmp_path / "file" / "g.safetensors")


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_devices(tmp_path):
    small = make()
    path = save(small.clone().to("cuda"), tmp_path)
    again = load(path, device="cuda")
    assert again.x.is_cuda
    assert graph_hash(again) == graph_hash(small)


# --- as a data set


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


# --- sets of graphs


SIZES, EDGES = [3, 1, 4], [4, 0, 6]
GRAPHS_RECORD = {
    "method": "doscond",
    "data": {
        "name": "molecules",
        "classes": 3,
        "encoding": {"x": [[6, 8], [0, 1, 5]], "edge_attr": [[1, 2]]},
    },
}


def make_set(
    *, classes: bool = True, attr: bool = True, weight: bool = True, sizes=SIZES, edges=EDGES
) -> GraphSet:
    rng = torch.Generator().manual_seed(len(sizes))
    n, m = sum(sizes), sum(edges)
    node_ptr = torch.tensor([0, *sizes]).cumsum(0)
    own = [
        torch.randint(size, (2, count), generator=rng) + start
        for size, count, start in zip(sizes, edges, node_ptr.tolist(), strict=False)
    ]
    targets = torch.rand(len(sizes), 2, generator=rng)
    targets[0, 1] = float("nan")
    return GraphSet(
        x=torch.randn(n, 5, generator=rng),
        edge_index=torch.cat(own, 1),
        edge_attr=torch.randn(m, 2, generator=rng) if attr else None,
        node_ptr=node_ptr,
        edge_ptr=torch.tensor([0, *edges]).cumsum(0),
        y=torch.arange(len(sizes)) % 3 if classes else targets,
        node_weight=torch.rand(n, generator=rng) if weight else None,
    )


def fields_of(graphs: GraphSet) -> dict[str, torch.Tensor | None]:
    return {name: getattr(graphs, name) for name in graphs.__dataclass_fields__}


def same_set(a: GraphSet, b: GraphSet) -> bool:
    for p, q in zip(fields_of(a).values(), fields_of(b).values(), strict=True):
        if p is None or q is None:
            if p is not q:
                return False
        elif p.dtype != q.dtype or not torch.equal(p.nan_to_num(-7), q.nan_to_num(-7)):
            return False
    return True


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


def change_set(**values) -> GraphSet:
    return GraphSet(**{**fields_of(make_set()), **values})


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


# --- real graphs in the form of a condensed set


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


# --- rows that are mostly zero


def bags(n: int = 6, d: int = 40, filled: int = 3, seed: int = 0) -> Data:
    """A graph whose rows are bags of words: a few of many columns."""
    small = make(n, seed=seed)
    rng = torch.Generator().manual_seed(seed)
    small.x = torch.zeros(n, d)
    small.x.scatter_(1, torch.rand(n, d, generator=rng).topk(filled).indices, 0.25)
    return small


def in_file(path: Path) -> tuple[dict[str, torch.Tensor], dict]:
    with safetensors.safe_open(path, "pt") as file:
        return load_file(path), json.loads(file.metadata()["graphcondense"])


def test_bags_of_words_are_stored_by_row(tmp_path):
    small = bags()
    path = save(small, tmp_path)
    tensors, head = in_file(path)
    assert {k: (t.dtype, tuple(t.shape)) for k, t in tensors.items() if k[0] == "x"} == {
        "x_crow": (torch.int32, (7,)),
        "x_col": (torch.int32, (18,)),
        "x_value": (torch.float32, (18,)),
    }
    assert (head["version"], head["kind"], head["columns"]) == (2, "graph", {"x": 40})
    again = load(path)
    assert torch.equal(again.x, small.x)
    assert again.x.layout == torch.strided
    by_row = 4 * 7 + 8 * 18
    assert tensor_bytes(again) == tensor_bytes(small) == by_row + 20 * 8 + 8 * 6
    assert size_of(small).bytes == tensor_bytes(small)
    assert "Mostly zero and stored by row (CSR), opened dense: `x` [6, 40]" in (
        path.with_suffix(".md").read_text()
    )


def test_the_identity_is_that_of_the_content(tmp_path):
    """The same graph in a file of version 1, dense, and by row has one hash."""
    small = bags()
    dense = {k: small[k] for k in ("x", "edge_index", "edge_weight", "y", "train_mask")}
    meta = {"graphcondense": json.dumps({"version": 1, "record": RECORD})}
    save_file(dense, tmp_path / "old.safetensors", meta)
    old, new = load(tmp_path / "old.safetensors"), load(save(small, tmp_path / "new.safetensors"))
    assert graph_hash(old) == graph_hash(new) == graph_hash(small)
    assert tensor_bytes(old) == tensor_bytes(new)
    sparse = small.clone()
    sparse.x = small.x.to_sparse_csr()
    assert graph_hash(sparse) == graph_hash(small)


def test_a_file_in_which_nothing_is_new_is_of_version_1(tmp_path):
    _, head = in_file(save(make(), tmp_path))
    assert len(head.pop("sha256")) == 64  # which older readers leave alone
    assert head == {"version": 1, "record": RECORD}


@settings(max_examples=25, deadline=None)
@given(
    n=st.integers(1, 6),
    d=st.integers(1, 30),
    density=st.floats(0, 1),
    minus=st.booleans(),
    graphs=st.booleans(),
    extra=st.dictionaries(
        st.sampled_from(["orig_index", "val_mask", "weight", "node_ptr", "item", "level"]),
        st.sampled_from([torch.int64, torch.bool, torch.bfloat16, torch.float64, torch.uint8]),
    ),
    seed=st.integers(0, 99),
)
def test_sparse_round_trip(n, d, density, minus, graphs, extra, seed):
    """What is saved opens the same, and the bytes that count are those of the file's tensors."""
    rng = torch.Generator().manual_seed(seed)
    x = torch.randn(n, d, generator=rng) * (torch.rand(n, d, generator=rng) < density)
    x = -x.abs() if minus else x  # zeros with a sign
    further = {k: torch.randint(2, (1, 3), generator=rng).to(t) for k, t in extra.items()}
    if graphs:
        further.pop("node_ptr", None)
        ends, none = torch.tensor([0, n]), torch.empty(2, 0, dtype=torch.long)
        held = GraphSet(x, none, None, ends, torch.tensor([0, 0]), torch.tensor([1]))
        small = CondensedGraphs(held, RECORD, further=further)
    else:
        small = make(n)
        small.x = x
        for name, tensor in further.items():
            small[name] = tensor
    with tempfile.TemporaryDirectory() as folder:
        path = save(small, folder)
        again, (tensors, _) = load(path), in_file(path)
    got = again.set.x if graphs else again.x
    assert torch.equal(got.view(torch.int32), x.view(torch.int32))
    for name, tensor in further.items():
        kept = again.further[name] if graphs else again[name]
        assert kept.dtype == tensor.dtype
        assert torch.equal(kept, tensor)
    assert graph_hash(again) == graph_hash(small)
    uncounted = {"train_mask", "node_ptr", "edge_ptr", *further}
    stored = sum(t.nbytes for name, t in tensors.items() if name not in uncounted)
    assert tensor_bytes(again) == tensor_bytes(small) == stored
    assert size_of(small).bytes == stored


def test_categories_of_graphs_are_stored_by_row(tmp_path):
    graphs = make_set(weight=False)
    one_hot = torch.eye(30)
    graphs = change_set(
        x=one_hot[torch.arange(8) * 3], edge_attr=one_hot[torch.arange(10)], node_weight=None
    )
    path = save(CondensedGraphs(graphs, {}), tmp_path)
    tensors, head = in_file(path)
    assert head["columns"] == {"edge_attr": 30, "x": 30}
    assert {"x", "edge_attr"}.isdisjoint(tensors)
    assert same_set(load(path).set, graphs)
    by_row = 4 * (8 + 1) + 8 * 8 + 4 * (10 + 1) + 8 * 10
    assert graphs.bytes == tensor_bytes(load(path)) == by_row + 16 * 10 + 8 * 3


def test_real_rows_count_by_the_same_rule():
    """A real graph, its subgraph, and the same rows as a condensed graph: one price a row."""
    small = bags(n=30, d=300, filled=2)
    small.edge_index, small.edge_weight = torch.empty(2, 0, dtype=torch.long), None
    small.y = torch.arange(30) % 3
    part = torch.arange(30) // 10
    small.train_mask, small.val_mask, small.test_mask = part == 0, part == 1, part == 2
    for x in (small.x, small.x.to_sparse_csr()):
        real = Data(**{**small.to_dict(), "x": x})
        task = as_task(real)
        ends = 4 * (30 + 1)  # of the rows of an adjacency without an edge
        assert size_of(task).bytes == size_of(small).bytes + ends
        assert size_of(task).bytes == 4 * 31 + 8 * 60 + ends + 8 * 30
    # Three of these rows dense hold the bytes of many of them by row.
    dense = Data(x=torch.ones(3, 300), y=torch.arange(3), edge_index=small.edge_index)
    found = equal_bytes_graphs(task, dense, draws=1)["random, same bytes"][0]
    assert found.num_nodes == 30
    bag = Data(x=small.x[:3], y=small.y[:3], edge_index=small.edge_index)
    held = equal_bytes_graphs(task, bag, draws=1)["random, same bytes"][0]
    assert held.num_nodes == 2  # the rows of its adjacency take some


BROKEN = [
    ({"x_col": None}, "x_col is missing"),
    ({"x_crow": None}, "x_crow is missing"),
    ({"x_crow": torch.tensor([0, 1, 2])}, "x_crow must be torch.int32 of one dimension, got .*64"),
    ({"x_value": torch.ones(2, 1)}, r"x_value must be .* one dimension, got .* \[2, 1\]"),
    ({"x_value": torch.ones(3)}, "x_value has 3 values for 2 columns"),
    ({"x_value": torch.tensor([1.0, torch.nan])}, "x has 1 values that are NaN"),
    ({"x_crow": torch.tensor([0, 2, 1], dtype=torch.int32)}, "x_crow must rise from 0 to 2"),
    ({"x_crow": torch.tensor([0, -1, 2], dtype=torch.int32)}, "x_crow must rise from 0 to 2"),
    ({"x_crow": torch.tensor([0, 2, 2**30], dtype=torch.int32)}, "x_crow must rise from 0 to 2"),
    ({"x_crow": torch.empty(0, dtype=torch.int32)}, "x_crow|x_value"),
    ({"x_col": torch.tensor([0, -5], dtype=torch.int32)}, r"column -5, but there are .* 0\.\.8"),
    ({"x_col": torch.tensor([0, 9], dtype=torch.int32)}, "x_col names column 9"),
    ({"x": torch.ones(2, 2)}, "x beside x_crow"),
]


@pytest.mark.parametrize(("change", "message"), BROKEN)
def test_broken_rows_are_told(tmp_path, change, message):
    good = {
        "x_crow": torch.tensor([0, 1, 2], dtype=torch.int32),
        "x_col": torch.tensor([3, 4], dtype=torch.int32),
        "x_value": torch.ones(2),
        "edge_index": torch.empty(2, 0, dtype=torch.long),
        "y": torch.tensor([0, 1]),
        "train_mask": torch.ones(2, dtype=torch.bool),
    }
    head = {"version": 2, "kind": "graph", "columns": {"x": 9}, "record": {}}
    path = tmp_path / "g.safetensors"
    save_file(good, path, {"graphcondense": json.dumps(head)})
    assert load(path).x.tolist() == [[0, 0, 0, 1, 0, 0, 0, 0, 0], [0, 0, 0, 0, 1, 0, 0, 0, 0]]
    tensors = {k: v for k, v in {**good, **change}.items() if v is not None}
    save_file(tensors, path, {"graphcondense": json.dumps(head)})
    with pytest.raises(ValueError, match=r"g\.safetensors: .*" + message) as caught:
        load(path)
    assert len(str(caught.value)) < 500


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"columns": {"x": 2**31 - 1}}, "would be 2 by 2147483647 numbers, over 1024 times what"),
        ({"columns": {"x": 10**30}}, "x has no number of columns in the file's header"),
        ({"columns": {"x": -1}}, "x has no number of columns"),
        ({"columns": {"x": True}}, "x has no number of columns"),
        ({"columns": {}}, "x has no number of columns in the file's header, got None"),
        ({"columns": [9]}, "its header must say a kind"),
        ({"kind": "node"}, r"must say a kind \(links, graph, graphs, users, hetero\).* got node"),
        ({"kind": ["graph"]}, "must say a kind"),
        ({"kind": "graphs"}, "node_ptr is missing|y|edge_ptr"),
        ({"kind": "users"}, "row_ptr is missing"),
        ({"version": "2"}, "has format version 2, .*reads 1 to 3"),
        ({"version": [[]]}, "has format version"),
        ({"record": {"data": {"classes": "many"}}, "columns": {"x": 1}}, "names column 3"),
    ],
)
def test_broken_headers_are_told(tmp_path, change, message):
    """Before anything is allocated of the size that a file claims."""
    tensors = {
        "x_crow": torch.tensor([0, 1, 2], dtype=torch.int32),
        "x_col": torch.tensor([3, 4], dtype=torch.int32),
        "x_value": torch.ones(2),
        "edge_index": torch.empty(2, 0, dtype=torch.long),
        "y": torch.tensor([0, 1]),
        "train_mask": torch.ones(2, dtype=torch.bool),
    }
    head = {"version": 2, "kind": "graph", "columns": {"x": 9}, "record": {}, **change}
    path = tmp_path / "g.safetensors"
    save_file(tensors, path, {"graphcondense": json.dumps(head)})
    with pytest.raises(ValueError, match=message):
        load(path)


def test_what_would_open_too_large_is_stored_dense(monkeypatch):
    """A file may not ask for more than 1,024 times its bytes, so none is written that does."""
    monkeypatch.setattr(compact, "FREE", 0)
    rows = torch.zeros(2, 1024 * (4 * 3 + 8) // 8 + 1)
    rows[0, 5] = 1
    assert pack("x", rows).keys() == {"x"}
    assert pack("x", rows[:1]).keys() == {"x_crow", "x_col", "x_value"}
    parts = pack("x", rows[:1])
    assert torch.equal(unpack("x", parts, rows.shape[1], "here"), rows[:1])
    with pytest.raises(ValueError, match="here: x_col must rise within each row"):
        unpack("x", {**parts, **twice()}, 9, "here")


def twice() -> dict[str, torch.Tensor]:
    return {
        "x_crow": torch.tensor([0, 2], dtype=torch.int32),
        "x_col": torch.tensor([5, 5], dtype=torch.int32),
        "x_value": torch.ones(2),
    }


def test_bytes_of_any_matrix():
    rows = torch.zeros(4, 9)
    rows[1, 2] = -1
    by_row = 4 * 5 + 8
    given = (rows, rows.numpy(), sp.csr_matrix(rows.numpy()), sp.coo_matrix(rows.numpy()))
    assert [bytes_of(one) for one in given] == [by_row] * 4
    assert bytes_of(sp.csr_matrix(np.ones((4, 9), np.float32))) == bytes_of(torch.ones(4, 9)) == 144


# --- further tensors


def test_further_tensors_are_kept(tmp_path):
    """Those of a graph, in any type, under their names; also ones that mean something elsewhere."""
    small = make()
    small.orig_index = torch.tensor([5, 3, 0, 9, 8, 7])
    small.val_mask = small.test_mask = torch.zeros(6, dtype=torch.bool)  # one memory, two names
    small.pos, small.half = torch.rand(6, 2).double(), torch.rand(3).to(torch.bfloat16)
    small.edge_attr = torch.rand(8, 2)
    small.node_ptr = small.weight = torch.tensor(7)
    small.num_nodes = 6
    names = (
        "orig_index",
        "val_mask",
        "test_mask",
        "pos",
        "half",
        "edge_attr",
        "node_ptr",
        "weight",
    )
    path = save(small, tmp_path)
    again = load(path)
    assert isinstance(again, CondensedGraph)
    for name in names:
        assert again[name].dtype == small[name].dtype
        assert torch.equal(again[name], small[name])
    assert same(small, again)
    assert graph_hash(again) == graph_hash(small) != graph_hash(make())
    assert tensor_bytes(again) == tensor_bytes(make()) + 4 * 8 * 2  # edge features count
    assert "| orig_index | int64 [6] |" in path.with_suffix(".md").read_text()
    assert save(again, tmp_path / "b.safetensors").read_bytes() == path.read_bytes()


def with_mapping(**change: torch.Tensor | None) -> Data:
    """A graph that says to which of its six nodes each of three real ones belongs."""
    small = make()
    small.mapping_crow = torch.tensor([0, 1, 1, 3], dtype=torch.int32)
    small.mapping_col = torch.tensor([5, 0, 2], dtype=torch.int32)
    small.mapping_value = torch.tensor([1.0, 0.25, 0.75])
    for name, value in change.items():
        small[name] = value
    return small


def test_a_mapping_is_kept_beside_the_graph(tmp_path):
    small = with_mapping()
    path = save(small, tmp_path)
    again = load(path)
    assert same(small, again)
    wanted = np.zeros((3, 6))
    wanted[0, 5], wanted[2, 0], wanted[2, 2] = 1, 0.25, 0.75
    np.testing.assert_array_equal(mapping_matrix(again).toarray(), wanted)
    assert tensor_bytes(again) == tensor_bytes(make())
    assert "3 entries, 40 bytes beside the graph" in path.with_suffix(".md").read_text()
    assert not {"mapping_crow", "mapping_value"} & set(CondensedDataset(tmp_path)[0].keys())
    with pytest.raises(ValueError, match="no mapping of real nodes; mcond learns one"):
        mapping_matrix(make())


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"mapping_crow": None}, "mapping_crow is missing"),
        ({"mapping_value": None}, "mapping_value is missing"),
        ({"mapping_col": torch.tensor([5, 0, 2])}, "mapping_col must be torch.int32"),
        ({"mapping_col": torch.tensor([6, 0, 2]).int()}, r"names column 6, .* columns 0\.\.5"),
        ({"mapping_col": torch.tensor([5, 2, 0]).int()}, "mapping_col must rise within each row"),
        ({"mapping_crow": torch.tensor([0, 2, 1, 3]).int()}, "mapping_crow must rise from 0 to 3"),
        ({"mapping_crow": torch.tensor([]).int()}, "mapping_value has 3 values for 3 columns"),
        ({"mapping_value": torch.ones(2)}, "mapping_value has 2 values for 3 columns"),
        ({"mapping_value": -torch.ones(3)}, "must be finite and not negative, got -1.0"),
        ({"mapping_value": torch.full((3,), float("nan"))}, "must be finite and not negative"),
    ],
)
def test_bad_mappings_are_neither_saved_nor_loaded(tmp_path, change, message):
    small = with_mapping(**change)
    with pytest.raises(ValueError, match="cannot save the graph: .*" + message):
        save(small, tmp_path)
    names = ("x", "edge_index", "edge_weight", "y", "train_mask")
    parts = ("mapping_crow", "mapping_col", "mapping_value")
    tensors = {k: small[k].clone() for k in (*names, *parts) if k in small}
    head = {"version": 2, "kind": "graph", "columns": {}, "record": {}}
    path = tmp_path / "g.safetensors"
    save_file(tensors, path, {"graphcondense": json.dumps(head)})
    with pytest.raises(ValueError, match=r"g\.safetensors: .*" + message):
        load(path)


def test_what_no_file_holds_is_named(tmp_path):
    small = make()
    small.source, small.adj = "by hand", small.x.to_sparse_csr()
    with pytest.warns(UserWarning, match=r"condensed\.safetensors is without source, adj: a file"):
        path = save(small, tmp_path)
    assert same(load(path), small)
    graphs = CondensedGraphs(make_set(), {})
    graphs.orig_index = torch.arange(3)
    with pytest.warns(UserWarning, match="is without orig_index"):
        save(graphs, tmp_path)
    users = CondensedInteractions(sp.csr_matrix([[1, 0], [1, 1]]))
    users.names = ["a", "b"]
    with pytest.warns(UserWarning, match="is without names"):
        save(users, tmp_path)


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("x_crow", torch.ones(1), "cannot be called 'x_crow'"),
        ("clone", torch.ones(1), "cannot be called 'clone'"),
        ("_store_", torch.ones(1), "cannot be called '_store_'"),
        ("a b", torch.ones(1), "cannot be called 'a b'"),
        ("edge_attr", torch.ones(7), r"edge_attr must have a row for each of 8 edges, got \[7\]"),
        ("pos", torch.ones(()), "pos must have a row for each of 6 nodes"),
    ],
)
def test_further_tensors_that_cannot_be_kept(tmp_path, name, value, message):
    small = make()
    small[name] = value
    with pytest.raises(ValueError, match="cannot save the graph: .*" + message):
        save(small, tmp_path)
    assert not any(tmp_path.iterdir())
    head = {"version": 2, "kind": "graph", "columns": {}, "record": {}}
    names = ("x", "edge_index", "edge_weight", "y", "train_mask")
    path = tmp_path / "g.safetensors"
    tensors = {**{k: small[k] for k in names}, name: value}
    save_file(tensors, path, {"graphcondense": json.dumps(head)})
    with pytest.raises(ValueError, match="x_col is missing" if name == "x_crow" else message):
        load(path)


def test_further_tensors_of_sets_and_users(tmp_path):
    further = {"orig_index": torch.tensor([7, 8, 9]), "level": torch.rand(3, 2)}
    small = CondensedGraphs(make_set(), GRAPHS_RECORD, further=further)
    again = load(save(small, tmp_path / "a.safetensors"))
    for one in (small, again, pickle.loads(pickle.dumps(again)), again.to("cpu"), again.copy()):
        assert [int(graph.orig_index) for graph in one] == [7, 8, 9]
        assert torch.equal(one[1].level, further["level"][1:2])
        assert one[[2, 0]].further["orig_index"].tolist() == [9, 7]
        assert one.copy([2, 0]).further["orig_index"].tolist() == [9, 7]
        assert one.condensed == GRAPHS_RECORD
        assert next(iter(DataLoader(one, batch_size=3))).level.shape == (3, 2)
    part = load(save(again[1:], tmp_path / "b.safetensors"))
    assert part.further["orig_index"].tolist() == [8, 9]
    assert tensor_bytes(again) == tensor_bytes(CondensedGraphs(make_set()))
    rows = sp.csr_matrix([[1, 0], [1, 1], [0, 1]])
    users = load(save(CondensedInteractions(rows, {}, further), tmp_path / "c.safetensors"))
    assert users.further["orig_index"].tolist() == [7, 8, 9]
    for make_one in (
        lambda: CondensedGraphs(make_set(), further={"a": torch.ones(2)}),
        lambda: CondensedInteractions(rows, {}, {"a": torch.ones(2)}),
    ):
        with pytest.raises(ValueError, match=r"a must have 3 rows, one for each example, got"):
            make_one()
    with pytest.raises(ValueError, match="cannot be called 'node_ptr'"):
        CondensedGraphs(make_set(), further={"node_ptr": torch.ones(3)})


# --- tensors in any form


def test_tensors_in_any_form(tmp_path):
    """Views, negated and transposed ones, with a gradient, and two that share memory."""
    plain = make()
    odd = plain.clone()
    odd.x = torch._neg_view(-plain.x).t().contiguous().t().requires_grad_()
    assert odd.x.is_neg() or not odd.x.is_contiguous()
    both = torch.cat([plain.edge_weight, torch.zeros(8)])
    odd.edge_weight, odd.further = both[:8], both
    plain.further = both.clone()
    assert graph_hash(odd) == graph_hash(plain)
    one, two = save(odd, tmp_path / "a.safetensors"), save(plain, tmp_path / "b.safetensors")
    assert one.read_bytes() == two.read_bytes()
    plain.x = torch._neg_view(plain.x)
    again = load(save(plain, tmp_path / "c.safetensors"))
    assert torch.equal(again.x, -odd.x)
    for dtype in (torch.float64, torch.float16, torch.bfloat16):
        plain.edge_weight = odd.edge_weight.to(dtype)
        with pytest.raises(ValueError, match=f"edge_weight must be torch.float32 .* got {dtype}"):
            save(plain, tmp_path / "d.safetensors")
        assert len(graph_hash(plain)) == 16


def test_arrays_and_lists_are_tensors(tmp_path):
    plain, given = make(), make()
    given.y, given.edge_weight = plain.y.tolist(), plain.edge_weight.double().numpy()
    assert graph_hash(given) == graph_hash(plain)
    assert same(load(save(given, tmp_path)), plain)


@pytest.mark.parametrize("layout", [torch.sparse_csr, torch.sparse_coo])
def test_adj_t_is_stored_as_edges(tmp_path, layout):
    """What ``ToSparseTensor`` makes of a condensed graph is the same graph, its edges sorted."""
    small = make()
    # No two edges alike, as the transform merges those.
    small.edge_index = torch.tensor([[0, 1, 2, 3, 4, 5, 0, 1], [1, 2, 3, 4, 5, 0, 2, 3]])
    sparse = ToSparseTensor(attr="edge_weight", layout=layout)(small.clone())
    assert "edge_index" not in sparse
    again = load(save(sparse, tmp_path))
    order = (small.edge_index[1] * 6 + small.edge_index[0]).argsort()
    assert torch.equal(again.edge_index, small.edge_index[:, order])
    assert torch.equal(again.edge_weight, small.edge_weight[order])
    assert size_of(sparse).edges == 8
    other = sparse.clone()
    other.adj_t = other.adj_t.to_dense().mul(2).to_sparse(layout=layout)
    assert graph_hash(other) != graph_hash(sparse)


@pytest.mark.parametrize("name", ["adj", "adj_t"])
@pytest.mark.parametrize("form", ["dense", "array", "SciPy", "lists", "CSR"])
def test_any_adjacency_is_counted_hashed_and_stored(tmp_path, name, form):
    """What a model trains on is what is counted: ``adj[i, j]`` is i -> j, ``adj_t[j, i]`` too."""
    small = make()
    small.edge_index, small.edge_weight = torch.tensor([[0, 2], [1, 5]]), torch.tensor([0.5, 2.0])
    adj = torch.zeros(6, 6)
    adj[tuple(small.edge_index)] = small.edge_weight
    as_form = {
        "dense": lambda matrix: matrix,
        "array": lambda matrix: matrix.numpy(),
        "SciPy": lambda matrix: sp.csr_matrix(matrix.numpy()),
        "lists": lambda matrix: matrix.tolist(),
        "CSR": lambda matrix: matrix.to_sparse_csr(),
    }[form]
    given, other = small.clone(), small.clone()
    for graph, matrix in ((given, adj), (other, 2 * adj)):
        del graph.edge_index, graph.edge_weight
        graph[name] = as_form((matrix if name == "adj" else matrix.T).contiguous())
    assert size_of(given) == size_of(small)
    assert graph_hash(given) == graph_hash(load(save(given, tmp_path))) != graph_hash(other)
    again = load(tmp_path)
    order = again.edge_index[0].argsort()
    assert torch.equal(again.edge_index[:, order], small.edge_index)
    assert torch.equal(again.edge_weight[order], small.edge_weight)
    assert name not in again


# --- in PyG's loaders


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


@settings(max_examples=25, deadline=None)
@given(
    flips=st.lists(st.tuples(st.integers(0, 10**6), st.integers(0, 255)), min_size=1, max_size=5)
)
def test_a_damaged_file_opens_or_is_told(flips):
    """Never an error of another library, whatever the bytes."""
    with tempfile.TemporaryDirectory() as folder:
        path = save(bags(), folder)
        damaged = bytearray(path.read_bytes())
        for at, value in flips:
            damaged[at % len(damaged)] = value
        path.write_bytes(damaged)
        said = f"{path} opened"
        try:
            load(path)
        except ValueError as error:
            said = str(error)
    assert str(path) in said
    assert len(said) < 500


def test_a_record_of_any_depth_is_told(tmp_path):
    deep = '{"version": 1, "record": ' + '{"a":' * 10**5 + "1" + "}" * (10**5 + 1)
    save_file({"x": torch.ones(1)}, tmp_path / "g.safetensors", {"graphcondense": deep})
    with pytest.raises(ValueError, match="its record cannot be read"):
        load(tmp_path / "g.safetensors")
    small, record = make(), {}
    small.condensed = record
    for _ in range(5000):
        record["a"] = {}
        record = record["a"]
    with pytest.raises(ValueError, match="does not fit JSON"):
        save(small, tmp_path)


def test_several_sizes_are_each_saved(tmp_path: Path) -> None:
    """What ``sizes`` gives is not one set; the messages name those that there are."""
    data = toy_data()
    sets = graphcondense.condense(data, "quotient", sizes=(6, 12), out=tmp_path, progress=False)
    with pytest.raises(TypeError, match=r"2 condensed sets in one file: save each.*sets\[6\]"):
        graphcondense.save(sets, tmp_path / "all")
    with pytest.raises(ValueError, match="no folder of a condensed set; those below it are 12, 6"):
        graphcondense.load(tmp_path)
    assert graphcondense.load(tmp_path / "6").num_nodes == 6
