"""Condensed graphs as files."""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import save_file
from torch_geometric.data import Data
from torch_geometric.loader import DataLoader

from graphcondense.data import CondensedDataset, graph_hash, tensor_bytes
from graphcondense.data.condensed import load, save

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
        "has format version 2": {"graphcondense": '{"version": 2, "record": {}}'},
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
