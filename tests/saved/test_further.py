"""Further tensors of a set, and tensors in any form."""

from __future__ import annotations

import json
import pickle

import numpy as np
import pytest
import scipy.sparse as sp
import torch
from safetensors.torch import save_file
from torch_geometric.data import Data
from torch_geometric.loader import DataLoader
from torch_geometric.transforms import ToSparseTensor

from graphcondense.data import (
    CondensedDataset,
    CondensedGraph,
    CondensedGraphs,
    CondensedInteractions,
    graph_hash,
    tensor_bytes,
)
from graphcondense.evaluate.cost import size_of
from graphcondense.saved.condensed import load, save
from graphcondense.saved.content import mapping_matrix
from tests.saved.made import GRAPHS_RECORD, make, make_set, same


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
