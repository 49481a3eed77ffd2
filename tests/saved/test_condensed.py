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

import graphcondense
from graphcondense.data import CondensedDataset, graph_hash, tensor_bytes
from graphcondense.saved.condensed import load, renew_card, save
from graphcondense.saved.content import assignment_matrix
from tests.cases import toy_graph as toy_data
from tests.saved.made import RECORD, bags, make, make_set, same


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


@pytest.mark.parametrize("compact", [False, True])
@pytest.mark.parametrize("form", ["graph", "by row", "further", "graphs"])
def test_a_card_that_is_renewed_is_the_same_card(tmp_path, form, compact):
    small = make_set() if form == "graphs" else make(40)
    if form == "by row":
        small.x = torch.eye(40)
    if form == "further":
        small.pos = torch.rand(40, 2)
    path = save(small, tmp_path, compact=compact)
    card, before = path.with_suffix(".md"), path.read_bytes()
    text = card.read_text()
    card.unlink()
    assert renew_card(tmp_path) == card
    assert card.read_text() == text
    assert path.read_bytes() == before


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


def test_who_opens_other_files_is_named(tmp_path):
    said = r"torch\.save writes \.pt files, and graphcondense\.data\.open_small opens them"
    with pytest.raises(ValueError, match=said):
        load(tmp_path / "small.pt")
    with pytest.raises(ValueError, match=r"in \.safetensors, or be a folder$"):
        load(tmp_path / "small.csv")


def test_unwritable_folder(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(ValueError, match=f"cannot write into the folder {tmp_path / 'file'}"):
        save(make(), tmp_path / "file" / "g.safetensors")


def test_what_was_loaded_stays_where_its_file_is_written_over(tmp_path):
    """The file's tensors are mapped, and other bytes at their place would be seen."""
    path = save(small := make(), tmp_path)
    again = load(path)
    with path.open("r+b") as file:  # the same file, not another under its name
        file.write(b"\1" * path.stat().st_size)
    assert graph_hash(again) == graph_hash(small)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_devices(tmp_path):
    small = make()
    path = save(small.clone().to("cuda"), tmp_path)
    again = load(path, device="cuda")
    assert again.x.is_cuda
    assert graph_hash(again) == graph_hash(small)


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
