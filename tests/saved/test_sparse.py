"""Rows that are mostly zero are stored by row."""

from __future__ import annotations

import json
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
from torch_geometric.data import Data

from graphcondense.data import CondensedGraphs, GraphSet, graph_hash, tensor_bytes
from graphcondense.data.node_reading import as_task
from graphcondense.evaluate.cost import size_of
from graphcondense.evaluate.floors import equal_bytes_graphs
from graphcondense.saved import compact
from graphcondense.saved.compact import bytes_of, pack, unpack
from graphcondense.saved.condensed import load, save
from tests.saved.made import RECORD, bags, change_set, make, make_set, same_set


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


def stored_rows() -> tuple[dict[str, torch.Tensor], dict[str, object]]:
    """What a file of two sparse rows holds: tensors and header."""
    tensors = {
        "x_crow": torch.tensor([0, 1, 2], dtype=torch.int32),
        "x_col": torch.tensor([3, 4], dtype=torch.int32),
        "x_value": torch.ones(2),
        "edge_index": torch.empty(2, 0, dtype=torch.long),
        "y": torch.tensor([0, 1]),
        "train_mask": torch.ones(2, dtype=torch.bool),
    }
    head = {"version": 2, "kind": "graph", "columns": {"x": 9}, "record": {}}
    return tensors, head


@pytest.mark.parametrize(("change", "message"), BROKEN)
def test_broken_rows_are_told(tmp_path, change, message):
    good, head = stored_rows()
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
    tensors, head = stored_rows()
    head |= change
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
