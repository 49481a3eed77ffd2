"""Ends of a Laplacian's spectrum against all of it."""

from __future__ import annotations

import networkx as nx
import numpy as np
import pytest
import scipy.sparse as sp

from graphcondense.ops import spectral
from graphcondense.ops.adjacency import gcn_norm_csr
from graphcondense.ops.spectral import components, laplacian_ends


def operator(graph: nx.Graph) -> sp.csr_matrix:
    return gcn_norm_csr(sp.csr_matrix(nx.to_scipy_sparse_array(graph, dtype=np.float64)))


@pytest.mark.parametrize("dense", [0, 600])
def test_both_ends(dense: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """By Lanczos and by all eigenvalues alike."""
    monkeypatch.setattr(spectral, "DENSE", dense)
    adj = operator(nx.karate_club_graph())
    values, vectors = laplacian_ends(adj, 4, 3)
    every = np.linalg.eigvalsh(np.eye(34) - adj.toarray())
    assert np.allclose(values, np.r_[every[:4], every[-3:]], atol=1e-8)
    assert np.allclose(vectors.T @ vectors, np.eye(7), atol=1e-8)
    assert np.allclose(adj @ vectors, vectors * (1 - values), atol=1e-5)


@pytest.mark.parametrize("dense", [0, 600])
@pytest.mark.parametrize(("low", "high"), [(0, 3), (4, 0), (1, 1)])
def test_one_end_alone(low: int, high: int, dense: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spectral, "DENSE", dense)
    adj = operator(nx.karate_club_graph())
    values, vectors = laplacian_ends(adj, low, high)
    every = np.linalg.eigvalsh(np.eye(34) - adj.toarray())
    assert np.allclose(values, np.r_[every[:low], every[34 - high :]], atol=1e-8)
    assert np.allclose(adj @ vectors, vectors * (1 - values), atol=1e-5)
    # Of the two signs the one with which the largest entry is above zero.
    assert (vectors[np.abs(vectors).argmax(0), np.arange(low + high)] > 0).all()


@pytest.mark.parametrize("dense", [0, 600])
def test_a_graph_in_parts_has_zero_once_a_part(dense: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spectral, "DENSE", dense)
    parts = nx.disjoint_union_all([nx.cycle_graph(9), nx.path_graph(12), nx.star_graph(10)])
    values, _ = laplacian_ends(operator(parts), 5, 0)
    assert np.allclose(values[:3], 0, atol=1e-8)
    assert values[3] > 1e-3


def test_a_directed_graph_is_made_symmetric() -> None:
    adj = operator(nx.gnp_random_graph(20, 0.2, seed=0, directed=True))
    both = sp.csr_matrix((adj + adj.T) / 2)
    assert np.allclose(laplacian_ends(adj, 3, 3)[0], laplacian_ends(both, 3, 3)[0])


@pytest.mark.parametrize(("low", "high"), [(30, 5), (0, 0), (-1, 3)])
def test_impossible_numbers(low: int, high: int) -> None:
    with pytest.raises(ValueError, match="of a graph of 34 nodes"):
        laplacian_ends(operator(nx.karate_club_graph()), low, high)


def test_no_convergence_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spectral, "DENSE", 0)
    adj = operator(nx.path_graph(400))
    with pytest.raises(ValueError, match=r"of 6 eigenpairs and did not converge.*tolerance"):
        laplacian_ends(adj, 6, 0, steps=1, tolerance=1e-14)


@pytest.mark.parametrize("dense", [0, 600])
def test_many_parts(dense: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Far more parts than eigenpairs, on which one solver of the whole does not converge."""
    monkeypatch.setattr(spectral, "DENSE", dense)
    adj = operator(nx.disjoint_union_all([nx.karate_club_graph(), *[nx.path_graph(2)] * 40]))
    values, vectors = laplacian_ends(adj, 30, 4)
    every = np.linalg.eigvalsh(np.eye(114) - adj.toarray())
    assert np.allclose(values, np.r_[every[:30], every[-4:]], atol=1e-8)
    assert np.allclose(vectors.T @ vectors, np.eye(34), atol=1e-8)
    assert np.allclose(adj @ vectors, vectors * (1 - values), atol=1e-7)
    assert np.abs(vectors[34:, 0]).max() == 0  # of the zeros, the largest part's comes first


def test_parts_are_sorted_by_size() -> None:
    graph = nx.disjoint_union_all([nx.path_graph(2), nx.path_graph(5), nx.path_graph(2)])
    parts = components(sp.csr_matrix(nx.to_scipy_sparse_array(graph)))
    assert [part.tolist() for part in parts] == [[2, 3, 4, 5, 6], [0, 1], [7, 8]]
