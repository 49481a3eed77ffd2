"""Ends of a Laplacian's spectrum against all of it."""

from __future__ import annotations

from typing import Any

import networkx as nx
import numpy as np
import pytest
import scipy.sparse as sp

from graphcondense.ops import spectral
from graphcondense.ops.adjacency import gcn_norm_csr
from graphcondense.ops.spectral import components, laplacian_ends


def operator(graph: nx.Graph) -> sp.csr_matrix:
    return gcn_norm_csr(sp.csr_matrix(nx.to_scipy_sparse_array(graph, dtype=np.float64)))


@pytest.mark.parametrize(("dense", "many"), [(0, 2**20), (0, 0), (600, 0)])
def test_both_ends(dense: int, many: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """By Lanczos, with a polynomial and without, and by all eigenvalues alike."""
    monkeypatch.setattr(spectral, "DENSE", dense)
    monkeypatch.setattr(spectral, "MANY", many)
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


def large() -> sp.csr_matrix:
    """Of 700 nodes in one part."""
    return operator(nx.connected_watts_strogatz_graph(700, 6, 0.3, seed=0))


def test_many_pairs_are_those_of_few(monkeypatch: pytest.MonkeyPatch) -> None:
    """Through the polynomial, in float64 against all eigenvalues, at both ends."""
    monkeypatch.setattr(spectral, "MANY", 0)
    calls = []
    plain = spectral._many
    monkeypatch.setattr(spectral, "_many", lambda *told: calls.append(told[2]) or plain(*told))
    monkeypatch.setattr(spectral, "_few", None)  # nothing falls back
    adj = large()
    values, vectors = laplacian_ends(adj, 40, 30)
    every, all_vectors = np.linalg.eigh(np.eye(700) - adj.toarray())
    assert calls == ["LA", "SA"]
    assert np.allclose(values, np.r_[every[:40], every[-30:]], atol=1e-12)
    assert np.allclose(vectors.T @ vectors, np.eye(70), atol=1e-10)
    assert np.allclose(adj @ vectors, vectors * (1 - values), atol=1e-10)
    space = np.concatenate([all_vectors[:, :40], all_vectors[:, -30:]], 1)
    assert np.allclose(np.linalg.svd(space.T @ vectors)[1], 1)
    again, same = laplacian_ends(adj, 40, 30)
    assert np.array_equal(values, again)
    assert np.array_equal(vectors, same)


def test_vectors_that_nobody_asked_a_seed_for_are_of_seed_0(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """So that they are the same whenever they are made; another seed starts elsewhere."""
    started = []
    few = spectral._few

    def seen(half: Any, count: int, which: str, how: dict[str, Any]) -> Any:
        started.append(how["v0"])
        return few(half, count, which, how)

    monkeypatch.setattr(spectral, "_few", seen)
    usual = laplacian_ends(large(), 2, 1)
    again, _ = laplacian_ends(large(), 2, 1, seed=0), laplacian_ends(large(), 2, 0, seed=1)
    wanted = [np.random.default_rng(seed).standard_normal(700) for seed in (0, 0, 0, 0, 1)]
    assert all(np.array_equal(one, two) for one, two in zip(started, wanted, strict=True))
    assert all(np.array_equal(one, two) for one, two in zip(usual, again, strict=True))


@pytest.mark.parametrize(("cut", "solver"), [(0.2, None), (0.86, None), (0.2, "few")])
def test_a_wrong_guess_of_the_rest_is_seen(
    cut: float, solver: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Too low is slower, too high is noticed, and what does not end is left to the plain solver."""
    monkeypatch.setattr(spectral, "MANY", 0)
    monkeypatch.setattr(spectral, "_rest", lambda *told: (-1.0, cut))
    if solver == "few":
        monkeypatch.setattr(spectral, "EXACT", 0.0)
    else:
        monkeypatch.setattr(spectral, "_few", None)
    adj = large()
    values, _ = laplacian_ends(adj, 10, 0)
    assert np.allclose(values, np.linalg.eigvalsh(np.eye(700) - adj.toarray())[:10], atol=1e-12)


def test_the_rest_of_a_spectrum() -> None:
    """Of 60 wanted pairs of 700 the rest has all but about 90, and the least eigenvalue."""
    adj = large()
    every = np.linalg.eigvalsh(adj.toarray())
    low, cut = spectral._rest(adj, 60, np.ones(700))
    assert every[0] - 0.05 < low < every[0]
    assert 62 < (every > cut).sum() < 130


def test_pairs_of_repeated_eigenvalues_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leaves on hubs: Lanczos with the polynomial does not end."""
    hubs = nx.complete_graph(10)
    hubs.add_edges_from((leaf % 10, leaf) for leaf in range(10, 700))
    adj = operator(hubs)
    want = np.linalg.eigvalsh(np.eye(700) - adj.toarray())[:30]
    monkeypatch.setattr(spectral, "MANY", 0)
    asked, few = [], spectral._few
    monkeypatch.setattr(spectral, "_few", lambda *args: asked.append(0) or few(*args))
    np.testing.assert_allclose(laplacian_ends(adj, 30, 0)[0], want, atol=1e-8)
    assert asked
