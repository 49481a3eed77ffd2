"""Operators from edges: against PyG's own normalisation."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import scipy.sparse as sp
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch_geometric.data import Data
from torch_geometric.nn.conv.gcn_conv import gcn_norm
from torch_geometric.utils import subgraph

from graphcondense.data.node_reading import as_task
from graphcondense.data.small_graph import read_labelled
from graphcondense.ops.adjacency import (
    csr_from_edges,
    csr_tensor,
    gcn_norm_csr,
    gcn_norm_dense,
    mean_norm_csr,
    plain,
    shared,
    spmm,
    symmetric_norm_csr,
)


def pygs(edges: Tensor, weight: Tensor | None, n: int) -> np.ndarray:
    """PyG's ``Â [n, n]``, row ``i`` what node ``i`` hears, in float64."""
    ends, values = gcn_norm(edges, weight, n, dtype=torch.float64)
    out = torch.zeros(n, n, dtype=torch.float64)
    return out.index_put_((ends[1], ends[0]), values, accumulate=True).numpy()


def ours(edges: Tensor, weight: Tensor | None, n: int) -> np.ndarray:
    return gcn_norm_csr(csr_from_edges(edges, weight, n).astype(np.float64)).toarray()


@st.composite
def graphs(draw: st.DrawFn) -> tuple[Tensor, Tensor | None, int]:
    """Few nodes and many edges: parallel ones, loops, parallel loops, isolated nodes."""
    n = draw(st.integers(1, 5))
    node = st.integers(0, n - 1)
    pairs = draw(st.lists(st.tuples(node, node), max_size=14))
    edges = torch.tensor(pairs, dtype=torch.long).reshape(-1, 2).T.contiguous()
    if draw(st.booleans()):
        return edges, None, n
    weight = st.sampled_from([0.0, 0.25, 0.5, 1.0, 3.0])  # exact in float32
    values = draw(st.lists(weight, min_size=len(pairs), max_size=len(pairs)))
    return edges, torch.tensor(values, dtype=torch.float64), n


@settings(max_examples=150, deadline=None)
@given(graphs())
def test_the_norm_is_pygs(graph: tuple[Tensor, Tensor | None, int]) -> None:
    np.testing.assert_allclose(ours(*graph), pygs(*graph), rtol=0, atol=1e-12)


@pytest.mark.parametrize(
    ("pairs", "weights", "expected"),
    [
        # The last of parallel loops counts: degree .25, so 1; then beside an edge of weight 2.
        ([[0, 0], [0, 0]], [0.5, 0.25], [[1.0, 0.0], [0.0, 1.0]]),
        ([[1, 0, 0], [0, 0, 0]], [2.0, 0.5, 0.25], [[0.25 / 2.25, 2 / 1.5], [0.0, 1.0]]),
        # A stored loop of weight 0 stays 0: node 0 hears node 1 alone.
        ([[1, 0], [0, 0]], [4.0, 0.0], [[0.0, 2.0], [0.0, 1.0]]),
        ([[0], [0]], [0.0], [[0.0, 0.0], [0.0, 1.0]]),
        # Parallel edges add up.
        ([[1, 1], [0, 0]], [1.0, 2.0], [[0.25, 1.5], [0.0, 1.0]]),
    ],
)
def test_loops_by_hand(pairs: list, weights: list, expected: list) -> None:
    edges, weight = torch.tensor(pairs), torch.tensor(weights)
    np.testing.assert_allclose(ours(edges, weight, 2), expected, rtol=1e-7)
    np.testing.assert_allclose(pygs(edges, weight.double(), 2), expected, rtol=1e-7)


def test_unweighted_parallel_loops_are_one() -> None:
    edges = torch.tensor([[0, 0, 1], [0, 0, 0]])
    assert csr_from_edges(edges, None, 2).toarray().tolist() == [[1, 1], [0, 0]]


def test_unweighted_parallel_edges_are_one_entry_that_counts_them() -> None:
    edges = torch.tensor([[0, 0, 2, 0, 1, 2], [1, 1, 1, 1, 2, 0]])
    adj = csr_from_edges(edges, None, 3)
    assert adj.nnz == 4
    assert (adj.indices.tolist(), adj.data.tolist()) == ([2, 0, 2, 1], [1, 3, 1, 1])
    assert adj.toarray().tolist() == [[0, 0, 1], [3, 0, 1], [0, 1, 0]]
    assert adj.dtype == np.float32


def test_loops_of_weight_0_live_through_reading_and_subgraphs() -> None:
    """By every way a graph comes in, and in a part of it."""
    edges = torch.tensor([[0, 1, 2, 2, 1, 1], [1, 0, 2, 1, 1, 1]])
    weight = torch.tensor([1.0, 1.0, 0.0, 2.0, 5.0, 0.5])
    mask = torch.tensor([True, True, True])
    data = Data(
        x=torch.eye(3), edge_index=edges, edge_weight=weight, y=torch.tensor([0, 1, 0]),
        train_mask=mask,
    )  # fmt: skip
    task, expected = as_task(data), pygs(edges, weight.double(), 3)
    np.testing.assert_allclose(task.gcn_adj.toarray(), expected, rtol=1e-6)
    np.testing.assert_allclose(
        gcn_norm_csr(read_labelled(data, task)[1]).toarray(), expected, rtol=1e-6
    )
    part = torch.tensor([1, 2])
    inside, kept = subgraph(part, edges, weight.double(), relabel_nodes=True, num_nodes=3)
    np.testing.assert_allclose(
        task.subgraph(part).gcn_adj.toarray(), pygs(inside, kept, 2), rtol=1e-6
    )


def test_a_matrix_of_float64_stays_so_and_an_empty_one_is_the_identity() -> None:
    assert gcn_norm_csr(sp.csr_matrix((2, 2), dtype=np.float64)).dtype == np.float64
    assert gcn_norm_csr(sp.csr_matrix((2, 2), dtype=np.float32)).toarray().tolist() == [
        [1, 0],
        [0, 1],
    ]


def test_weights_may_be_a_negative_or_conjugate_view() -> None:
    weight = torch.complex(torch.zeros(2), torch.tensor([-1.0, -2.0])).conj().imag
    assert weight.is_neg()
    edges = torch.tensor([[0, 1], [1, 0]])
    assert csr_from_edges(edges, weight, 2).toarray().tolist() == [[0, 2], [1, 0]]
    bare = plain(torch.tensor([1j]).conj())
    assert not bare.is_conj()
    assert bare.numpy().tolist() == [-1j]


def test_further_dimensions_are_columns_that_stay_apart() -> None:
    rng = np.random.default_rng(0)
    adj = rng.standard_normal((3, 5)) * (rng.random((3, 5)) < 0.5)
    x = torch.from_numpy(rng.standard_normal((5, 2, 4)))
    wanted = torch.einsum("ij,jab->iab", torch.from_numpy(adj), x)
    for form in (torch.from_numpy(adj), csr_tensor(sp.csr_matrix(adj), dtype=torch.float64)):
        torch.testing.assert_close(spmm(form, x), wanted)
        torch.testing.assert_close(spmm(form, x[:, 0]), wanted[:, 0])
    assert spmm(None, x) is x


@settings(max_examples=100, deadline=None)
@given(graphs())
def test_without_weights_is_with_weights_of_one(graph: tuple[Tensor, Tensor | None, int]) -> None:
    edges, _, n = graph
    plain_edges = csr_from_edges(edges, None, n)
    assert plain_edges.has_canonical_format
    ones = csr_from_edges(edges, torch.ones(edges.shape[1]), n)
    np.testing.assert_array_equal(plain_edges.toarray(), ones.toarray())
    assert plain_edges.nnz == ones.nnz
    assert plain_edges.indices.dtype == ones.indices.dtype


@pytest.mark.parametrize("norm", [symmetric_norm_csr, mean_norm_csr])
def test_a_norm_leaves_its_matrix_as_it_is(norm: Callable[[sp.csr_matrix], sp.csr_matrix]) -> None:
    adj = csr_from_edges(torch.tensor([[0, 1, 1], [1, 0, 2]]), torch.tensor([2.0, 3.0, 0.0]), 3)
    before = adj.copy()
    norm(adj).data[:] = 9
    gcn_norm_csr(adj)
    np.testing.assert_array_equal(adj.toarray(), before.toarray())
    assert adj.nnz == before.nnz


def test_arrays_of_a_mapped_file_stay_there_and_others_that_are_read_only_are_copied(
    tmp_path: Path, recwarn: pytest.WarningsRecorder
) -> None:
    own = np.arange(6.0)
    assert shared(own).data_ptr() == own.ctypes.data
    own.flags.writeable = False
    for rows in (own, own.reshape(2, 3)[1]):
        copied = shared(rows)
        assert copied.tolist() == rows.tolist()
        assert copied.data_ptr() != rows.ctypes.data
        copied.zero_()
        assert rows.any()
    np.save(tmp_path / "x.npy", np.arange(6.0))
    there = np.load(tmp_path / "x.npy", mmap_mode="r")
    for rows in (there, np.asarray(there).reshape(2, 3)[1:]):  # a view of a view of the file
        assert shared(rows).data_ptr() == rows.ctypes.data
        assert shared(rows).tolist() == rows.tolist()
    assert not recwarn.list


def test_the_norm_of_a_dense_adjacency_is_that_of_a_sparse_one() -> None:
    """Of several at once, with weights and ends of different degrees."""
    rng = np.random.default_rng(2)
    both = np.triu(rng.random((2, 5, 5)) * (rng.random((2, 5, 5)) < 0.6), 1)
    both = both + both.transpose(0, 2, 1)
    found = gcn_norm_dense(torch.from_numpy(both))
    for dense, one in zip(found.numpy(), both, strict=True):
        np.testing.assert_allclose(dense, gcn_norm_csr(sp.csr_matrix(one)).toarray(), rtol=1e-12)
