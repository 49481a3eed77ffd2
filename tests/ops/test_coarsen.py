"""Coarsening: its algebra, what it costs and what it keeps, all by explicit matrices."""

from __future__ import annotations

import warnings
from dataclasses import replace
from functools import partial

import networkx as nx
import numpy as np
import pytest
import scipy.cluster.hierarchy
import scipy.linalg
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st

from graphcondense.ops import kron as kron_module
from graphcondense.ops import variation
from graphcondense.ops.coarsen import (
    Candidates,
    Family,
    Level,
    cheapest,
    coarsen,
    continued,
    contracted,
    few_dimensions,
    joined,
    laplacian,
    means,
    members,
    of_edges,
    parts_of,
    parts_with,
    undirected,
    ward,
)
from graphcondense.ops.kron import kron
from graphcondense.ops.variation import (
    Prices,
    affinity,
    algebraic,
    heavy_edges,
    smallest_nonzero,
    variation_basis,
    variation_edges,
    variation_neighborhoods,
)

FAMILIES: dict[str, Family] = {
    "neighborhoods": variation_neighborhoods,
    "edges": variation_edges,
    "heavy": heavy_edges,
    "algebraic": partial(algebraic, vectors=4, sweeps=5),
    "affinity": partial(affinity, vectors=4, sweeps=2),
}


def weighted(graph: nx.Graph, seed: int = 0) -> sp.csr_matrix:
    """``W`` with weights in [0.5, 1.5]."""
    rng = np.random.default_rng(seed)
    upper = np.triu(nx.to_numpy_array(graph), 1)
    upper = upper * rng.uniform(0.5, 1.5, upper.shape)
    return undirected(sp.csr_matrix(upper + upper.T))


def random_graph(seed: int, n: int = 30, p: float = 0.15) -> sp.csr_matrix:
    return weighted(nx.gnp_random_graph(n, p, seed=seed), seed)


KARATE = weighted(nx.karate_club_graph())


def level_of(adj: sp.csr_matrix, k: int = 4, label: np.ndarray | None = None) -> Level:
    rng, m = np.random.default_rng(0), adj.shape[0]
    label = np.full(m, -1) if label is None else label
    held = np.zeros((m, 3))
    held[label >= 0, label[label >= 0]] = 1
    vectors = variation_basis(adj, smallest_nonzero(adj, k, rng)[1])
    return Level(adj, np.asarray(adj.sum(1)).ravel(), held, label, vectors, rng, np.arange(m))


def shrunk(
    adj: sp.csr_matrix,
    n: int,
    family: Family,
    held: np.ndarray | None = None,
    seed: int = 0,
    k: int = 4,
    **how: bool,
) -> np.ndarray:
    rng = np.random.default_rng(seed)
    span = smallest_nonzero(adj, k, rng)[1]
    return coarsen(
        adj,
        n,
        family,
        np.zeros((adj.shape[0], 3)) if held is None else held,
        vectors=variation_basis(adj, span),
        carried=variation_basis,
        rng=rng,
        **how,
    )


def one_hot(label: np.ndarray, classes: int = 3) -> np.ndarray:
    held = np.zeros((len(label), classes))
    held[label >= 0, label[label >= 0]] = 1
    return held


def energy(adj: sp.csr_matrix, x: np.ndarray) -> float:
    """``xᵀ L x``, edge by edge."""
    dense, total = adj.toarray(), 0.0
    for i in range(len(dense)):
        for j in range(i):
            total += dense[i, j] * (x[i] - x[j]) ** 2
    return total


# --- algebra -----------------------------------------------------------------------------------


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 999), n=st.integers(1, 12))
def test_projection_and_weights(seed: int, n: int) -> None:
    """``P P⁺ = I``, ``P⁺P`` is a projection, and no weight is lost."""
    rng = np.random.default_rng(seed)
    part = rng.permutation(np.r_[np.arange(n), rng.integers(0, n, 20)])
    adj = random_graph(seed, len(part))
    p, lift = means(part, n).toarray(), members(part, n).toarray().T
    assert np.allclose(p @ lift, np.eye(n))
    assert np.allclose(np.linalg.pinv(p), lift)
    both = lift @ p
    assert np.allclose(both @ both, both)
    assert np.allclose(both, both.T)
    small = contracted(adj, part, n).toarray()
    assert small.sum() == pytest.approx(adj.sum())
    by_hand = np.zeros((n, n))
    for i in range(len(part)):
        for j in range(len(part)):
            by_hand[part[i], part[j]] += adj[i, j]
    assert np.allclose(small, by_hand)
    np.fill_diagonal(small, 0)
    coarse = np.diag(small.sum(1)) - small
    assert np.allclose(coarse, lift.T @ laplacian(adj).toarray() @ lift)


def test_a_node_in_no_group() -> None:
    part = np.array([0, -1, 1, 0])
    assert members(part, 2).sum() == 3
    assert means(part, 2).toarray().tolist() == [[0.5, 0, 0, 0.5], [0, 0, 1, 0]]


def test_undirected_and_parts() -> None:
    adj = sp.csr_matrix(np.array([[5.0, 2, 0, 0], [0, 0, 0, 0], [0, 0, 0, 1], [0, 0, 1, 0]]))
    assert undirected(adj).toarray()[:2, :2].tolist() == [[0, 1], [1, 0]]
    nodes, parts = parts_with(adj, np.array([1]))
    assert (nodes.tolist(), parts) == ([0, 1], 1)


# --- local variation ---------------------------------------------------------------------------


def price_by_hand(level: Level, own: list[int]) -> float:
    """``‖Π⊥ A‖²_{L_C} / (|C| - 1)`` in the words of the paper."""
    w, k = level.adj.toarray(), len(own)
    inner = np.zeros((k, k))
    for a in range(k):
        for b in range(len(w)):
            if b in own:
                c = own.index(b)
                inner[a, a] += w[own[a], b]
                inner[a, c] -= w[own[a], b]
            else:
                inner[a, a] += 2 * w[own[a], b]
    away = (np.eye(k) - np.ones((k, k)) / k) @ level.vectors[own]
    return float(np.trace(away.T @ inner @ away)) / (k - 1)


def test_prices_by_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    level = level_of(KARATE)
    found = variation_neighborhoods(level)
    groups = [row.indices.tolist() for row in found.groups]
    assert all({i, *KARATE[i].indices} == set(own) for i, own in enumerate(groups))
    by_hand = [price_by_hand(level, own) for own in groups]
    assert np.allclose(found.cost, by_hand, rtol=1e-9)
    assert found.again is not None
    assert np.allclose([found.again(np.array(own)) for own in groups], by_hand, rtol=1e-9)
    monkeypatch.setattr(variation, "BLOCK", 40)  # a few rows at a time
    assert np.allclose(Prices(level).of_all(found.groups), by_hand, rtol=1e-9)
    pairs = variation_edges(level)
    by_hand = [price_by_hand(level, row.indices.tolist()) for row in pairs.groups]
    assert len(by_hand) == KARATE.nnz // 2
    assert np.allclose(pairs.cost, by_hand, rtol=1e-9)


def test_the_basis_has_unit_energy() -> None:
    values, vectors = smallest_nonzero(KARATE, 5, np.random.default_rng(0))
    a = variation_basis(KARATE, vectors)
    lap = laplacian(KARATE).toarray()
    assert np.allclose(a.T @ lap @ a, np.eye(5))
    assert np.allclose(a @ a.T, vectors / values @ vectors.T)
    constant = variation_basis(KARATE, np.c_[vectors, np.ones(34)])
    assert np.linalg.matrix_rank(constant) == 5


@pytest.mark.parametrize(("dense", "held"), [(0, 10**6), (600, 10**6), (40, 100)])
def test_smallest_eigenvalues_above_zero(
    dense: int, held: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By all eigenvalues, by LOBPCG, and by parts; of a graph in parts zero is left out once a
    part."""
    monkeypatch.setattr(variation, "DENSE", dense)
    monkeypatch.setattr(variation, "HELD", held)
    adj = weighted(nx.disjoint_union_all([nx.karate_club_graph(), nx.path_graph(25)]))
    values, vectors = smallest_nonzero(adj, 4, np.random.default_rng(0))
    lap = laplacian(adj).toarray()
    assert np.allclose(values, np.linalg.eigvalsh(lap)[2:6], atol=1e-5)
    assert np.allclose(lap @ vectors, vectors * values, atol=1e-3)
    assert np.allclose(vectors.T @ vectors, np.eye(4), atol=1e-6)


def test_fewer_eigenvalues_than_asked_for() -> None:
    rng = np.random.default_rng(0)
    pair = weighted(nx.path_graph(2))
    assert smallest_nonzero(pair, 9, rng)[1].shape == (2, 1)
    assert smallest_nonzero(sp.csr_matrix((3, 3)), 9, rng)[1].shape == (3, 0)
    assert shrunk(pair, 1, variation_edges).tolist() == [0, 0]


@pytest.mark.parametrize("name", ["neighborhoods", "edges"])
@pytest.mark.parametrize("n", [24, 17, 8])
def test_restricted_spectral_approximation(name: str, n: int) -> None:
    """``|‖x‖_L - ‖Px‖_Lc| <= ε ‖x‖_L`` for all ``x`` in the span of the first eigenvectors, and
    ``ε²`` is at most the sum of what the groups cost."""
    adj, k = KARATE, 4
    level = level_of(adj, k)
    part = shrunk(adj, n, FAMILIES[name], k=k)
    vectors = smallest_nonzero(adj, k, np.random.default_rng(0))[1]
    p, lift = means(part, n).toarray(), members(part, n).toarray().T
    root = scipy.linalg.sqrtm(laplacian(adj).toarray()).real
    epsilon = np.linalg.norm(root @ (np.eye(34) - lift @ p) @ level.vectors, 2)
    groups = [np.flatnonzero(part == r).tolist() for r in range(n)]
    cost = sum(price_by_hand(level, own) * (len(own) - 1) for own in groups if len(own) > 1)
    assert epsilon**2 <= cost * (1 + 1e-9)
    small = contracted(adj, part, n)
    rng = np.random.default_rng(1)
    for x in [*vectors.T, *(vectors @ rng.standard_normal((k, 20))).T]:
        before, after = energy(adj, x) ** 0.5, energy(small, p @ x) ** 0.5
        assert abs(before - after) <= epsilon * before * (1 + 1e-9)


def test_local_variation_keeps_more_than_chance() -> None:
    """On a grid, of which half is left, edges have a smaller ``ε`` than any of 20 random choices of
    edges, and neighbourhoods than most."""
    adj, k = weighted(nx.grid_2d_graph(8, 8)), 5
    level = level_of(adj, k)
    root = scipy.linalg.sqrtm(laplacian(adj).toarray()).real

    def error(part: np.ndarray) -> float:
        both = members(part, 32).toarray().T @ means(part, 32).toarray()
        return float(np.linalg.norm(root @ (level.vectors - both @ level.vectors), 2))

    def chance(level: Level) -> variation.Candidates:
        i, j, _ = level.edges()
        return variation.of_edges(i, j, level.rng.random(len(i)), level.adj.shape[0])

    random = [error(shrunk(adj, 32, chance, seed=seed, k=k)) for seed in range(20)]
    assert error(shrunk(adj, 32, variation_edges, k=k)) < min(random)
    assert error(shrunk(adj, 32, variation_neighborhoods, k=k)) < np.median(random)


@pytest.mark.parametrize("name", sorted(FAMILIES))
def test_eigenvalues_interlace(name: str) -> None:
    """``λ_i <= μ_i <= λ_{i + N - n}``, ``μ`` those of the coarse Laplacian and the group sizes."""
    n = 12
    part = shrunk(KARATE, n, FAMILIES[name])
    coarse = members(part, n) @ laplacian(KARATE) @ members(part, n).T
    found = scipy.linalg.eigh(coarse.toarray(), np.diag(np.bincount(part)), eigvals_only=True)
    whole = np.linalg.eigvalsh(laplacian(KARATE).toarray())
    assert np.all(whole[:n] <= found + 1e-9)
    assert np.all(found <= whole[-n:] + 1e-9)


# --- levels ------------------------------------------------------------------------------------


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 999),
    n=st.integers(3, 25),
    name=st.sampled_from(sorted(FAMILIES)),
    respect=st.booleans(),
)
def test_a_partition_of_exactly_so_many_groups(seed: int, n: int, name: str, respect: bool) -> None:
    """Also of graphs in parts; groups are numbered in order, and classes kept apart if they are."""
    rng = np.random.default_rng(seed)
    adj = random_graph(seed, 40, 0.06)
    label = rng.integers(-1, 3, 40)
    nodes, _ = parts_with(adj, np.flatnonzero(label >= 0))
    adj, label = adj[nodes][:, nodes].tocsr(), label[nodes]
    part = shrunk(adj, n, FAMILIES[name], one_hot(label), respect=respect)
    assert sorted(set(part.tolist())) == list(range(n))
    assert np.bincount(part).sum() == len(nodes)
    first = [int(np.flatnonzero(part == r)[0]) for r in range(n)]
    assert first == sorted(first)
    if respect:
        for r in range(n):
            assert len(set(label[part == r].tolist()) - {-1}) <= 1


@pytest.mark.parametrize("name", sorted(FAMILIES))
@pytest.mark.parametrize("n", [25, 11, 2, 1])
def test_groups_are_connected(name: str, n: int) -> None:
    part = shrunk(KARATE, n, FAMILIES[name], join=False)
    graph = nx.from_scipy_sparse_array(KARATE)
    for r in range(n):
        assert nx.is_connected(graph.subgraph(np.flatnonzero(part == r).tolist()))


def test_the_last_group_is_cut_to_size() -> None:
    """Of a star only so many leaves join their centre as are too many, the nearest ones."""
    star = sp.csr_matrix(weighted(nx.star_graph(9)))
    part = shrunk(star, 7, variation_neighborhoods)
    assert np.bincount(part)[part[0]] == 4
    assert sorted(np.bincount(part).tolist()) == [1] * 6 + [4]


def test_a_level_contracts_disjoint_groups_until_enough_nodes_are_gone() -> None:
    """By hand: five pairs, of which the third shares a node with the cheapest."""
    level = level_of(random_graph(0, 9), 1)
    i, j, cost = np.array([0, 2, 1, 5, 7]), np.array([1, 3, 2, 6, 8]), np.array([3.0, 1, 2, 4, 5])
    found = of_edges(i, j, cost, 9)
    for most, groups in (
        (1, [0, 1, 2, 2, 3, 4, 5, 6, 7]),
        (2, [0, 0, 1, 1, 2, 3, 4, 5, 6]),
        (3, [0, 0, 1, 1, 2, 3, 3, 4, 5]),
        (9, [0, 0, 1, 1, 2, 3, 3, 4, 4]),
    ):
        assert cheapest(found, level, most)[0].tolist() == groups
        assert cheapest(found, level, most)[1] == max(groups) + 1


@pytest.mark.parametrize(
    ("vectors", "most", "kept"),
    [([5, 1, 9, 0, 2], 2, [1, 3, 4]), ([5, 1, 9, 0, 2], 1, [1, 3]), ([0, 0, 0, 0, 7], 1, [0, 3])],
)
def test_of_a_group_that_is_too_large_the_centre_and_the_nearest_go(
    vectors: list[float], most: int, kept: list[int]
) -> None:
    """By hand, of all five nodes around the fourth; of equals the first."""
    level = level_of(random_graph(0, 5), 1)
    level = replace(level, vectors=np.array(vectors, float)[:, None])
    found = Candidates(sp.csr_matrix(np.ones((1, 5))), np.array([3]), np.zeros(1))
    group, left = cheapest(found, level, most)
    assert left == 5 - most
    assert np.flatnonzero(group == group[3]).tolist() == kept


def test_clusters_go_on_from_the_largest_and_from_rows_that_are_far() -> None:
    rows = np.array([[0.0, 0.0], [2.0, 0.0], [10.0, 0.0], [0.0, 30.0], [5.0, 5.0]])
    for old, k, wanted in (
        ([4, 4, -1, -1, -1], 3, [[1, 0], [0, 30], [10, 0]]),
        ([0, 0, 1, 1, 1], 1, [[5, 35 / 3]]),
        ([2, 1, 1, 2, 2], 2, [[5 / 3, 35 / 3], [6, 0]]),
        ([-1] * 5, 2, [[3.4, 7], [0, 30]]),
    ):
        np.testing.assert_allclose(continued(rows, np.array(old), k), wanted)


def test_a_group_that_lost_members_waits_for_its_new_price() -> None:
    """By hand: a pair takes node 2 out of a group of four, whose price without it is higher than
    that of the next pair; a group whose centre is gone, or that is one node, is given up."""
    level = level_of(random_graph(0, 9), 1)
    members = [[2, 6], [0, 1, 2, 3], [3, 4], [2, 5, 7], [6, 8]]
    rows = np.repeat(np.arange(5), [len(one) for one in members])
    groups = sp.csr_matrix((np.ones(len(rows)), (rows, np.concatenate(members))), shape=(5, 9))
    priced: list[list[int]] = []

    def again(inside: np.ndarray) -> float:
        priced.append(inside.tolist())
        return 10.0

    found = Candidates(groups, np.array([2, 0, 3, 2, 8]), np.array([1.0, 2, 3, 4, 5]), again)
    group, left = cheapest(found, level, 9)
    assert priced == [[0, 1, 3], [0, 1]]  # without 2, and then without 3
    assert (group.tolist(), left) == ([0, 0, 1, 2, 2, 3, 1, 4, 5], 6)
    group, left = cheapest(replace(found, again=None), level, 9)
    assert (group.tolist(), left) == ([0, 1, 2, 3, 3, 4, 2, 5, 6], 7)


def test_parts_are_joined_by_class() -> None:
    """Three pairs of two classes: the two of one class become one though nothing joins them."""
    adj = weighted(nx.disjoint_union_all([nx.path_graph(2)] * 3))
    held = one_hot(np.array([0, -1, 1, -1, 0, -1]))
    assert shrunk(adj, 2, heavy_edges, held).tolist() == [0, 0, 1, 1, 0, 0]
    assert shrunk(adj, 3, heavy_edges, held, join=False).tolist() == [0, 0, 1, 1, 2, 2]
    with pytest.raises(ValueError, match=r"2 nodes were asked for, but nothing is left .* at 3"):
        shrunk(adj, 2, heavy_edges, held, join=False)


def test_nodes_of_a_class_are_joined_when_no_edge_is_allowed() -> None:
    """A path of alternating classes."""
    adj = weighted(nx.path_graph(6))
    held = one_hot(np.array([0, 1, 0, 1, 0, 1]))
    assert shrunk(adj, 2, heavy_edges, held).tolist() == [0, 1, 0, 1, 0, 1]
    with pytest.raises(ValueError, match="join=True or respect_labels=False"):
        shrunk(adj, 2, heavy_edges, held, join=False)
    assert shrunk(adj, 2, heavy_edges, held, join=False, respect=False).max() == 1


def test_the_largest_class_joins_its_smallest_nodes() -> None:
    label = np.array([0, 0, 0, 1, 1])
    level = level_of(random_graph(0, 5), 1, label)
    level = replace(level, volume=np.array([3.0, 1, 2, 1, 1]))
    group, left = joined(level, np.ones(5, dtype=bool), 1)
    assert (group.tolist(), left) == ([0, 1, 1, 2, 3], 4)
    group, left = joined(level, np.ones(5, dtype=bool), 2)
    assert (group.tolist(), left) == ([0, 0, 0, 1, 2], 3)
    group, left = joined(level, np.array([True, True, False, True, True]), 9)
    assert (group.tolist(), left) == ([0, 0, 1, 2, 2], 3)


# --- pairs -------------------------------------------------------------------------------------


def test_heavy_edges_by_hand() -> None:
    """The volume of a node counts all that is inside it."""
    adj = random_graph(3, 12, 0.4)
    first = heavy_edges(level_of(adj))
    degree, dense = adj.toarray().sum(1), adj.toarray()
    for row, cost in zip(first.groups, first.cost, strict=True):
        i, j = row.indices
        assert cost == pytest.approx(-dense[i, j] * (1 / degree[i] + 1 / degree[j]))
    best = int(first.cost.argmin())
    i, j = first.groups[best].indices
    part = shrunk(adj, 11, heavy_edges)
    assert part[i] == part[j]


@pytest.mark.parametrize("name", sorted(FAMILIES))
def test_a_node_without_edges_is_no_division_by_zero(name: str) -> None:
    adj = sp.csr_matrix(sp.block_diag([weighted(nx.path_graph(4)), sp.csr_matrix((1, 1))]))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = FAMILIES[name](level_of(adj, 2))
    assert np.isfinite(found.cost).all()
    assert 4 not in found.groups.indices


def test_relaxed_vectors_by_hand() -> None:
    """Jacobi and Gauss-Seidel sweeps, node by node."""
    adj = random_graph(5, 15, 0.3)
    nodes = parts_with(adj, np.array([0]))[0]
    adj = adj[nodes][:, nodes].tocsr()
    dense, m = adj.toarray(), adj.shape[0]
    degree = dense.sum(1)
    found = algebraic(level_of(adj), 3, 2)
    x = np.random.default_rng(0).uniform(-0.5, 0.5, (m, 3))
    # The level's generator has drawn nothing: below 600 nodes eigenvectors need no start.
    for _ in range(2):
        x = np.stack([(x[i] + dense[i] @ x / degree[i]) / 2 for i in range(m)])
    for row, cost in zip(found.groups, found.cost, strict=True):
        i, j = row.indices
        assert cost == pytest.approx(np.abs(x[i] - x[j]).max())
    found = affinity(level_of(adj), 3, 2)
    x = np.random.default_rng(0).standard_normal((m, 3))
    for _ in range(2):
        for i in range(m):  # later nodes see what earlier ones have become
            x[i] = dense[i] @ x / degree[i]
    for row, cost in zip(found.groups, found.cost, strict=True):
        i, j = row.indices
        share = (x[i] @ x[j]) ** 2 / ((x[i] @ x[i]) * (x[j] @ x[j]))
        assert cost == pytest.approx(-share)


# --- Kron reduction ----------------------------------------------------------------------------


@pytest.mark.parametrize("filled", [0.0, 0.3, 1.1])
def test_kron_is_the_schur_complement(filled: float, monkeypatch: pytest.MonkeyPatch) -> None:
    """By rounds alone, by Cholesky alone and by both; resistances between kept nodes stay."""
    monkeypatch.setattr(kron_module, "FILLED", filled)
    adj = weighted(nx.connected_watts_strogatz_graph(40, 4, 0.3, seed=1))
    kept = np.array([3, 8, 9, 20, 31])
    small, walks = kron(adj, kept)
    lap = laplacian(adj).toarray()
    rest = np.setdiff1d(np.arange(40), kept)
    inner, across = lap[np.ix_(rest, rest)], lap[np.ix_(rest, kept)]
    schur = lap[np.ix_(kept, kept)] - across.T @ np.linalg.solve(inner, across)
    assert np.allclose(small, schur, atol=1e-10)
    assert np.allclose(walks[rest], -np.linalg.solve(inner, across), atol=1e-10)
    assert np.allclose(walks[kept], np.eye(5))
    assert np.allclose(walks.sum(1), 1)
    assert np.allclose(small.sum(1), 0)
    assert (small - np.diag(np.diag(small)) <= 1e-12).all(), "it is a Laplacian again"
    whole, part = np.linalg.pinv(lap), np.linalg.pinv(small)
    for a, i in enumerate(kept):
        for b, j in enumerate(kept):
            before = whole[i, i] + whole[j, j] - 2 * whole[i, j]
            assert part[a, a] + part[b, b] - 2 * part[a, b] == pytest.approx(before)


@pytest.mark.parametrize("filled", [0.0, 1.1])
def test_kron_of_parts_and_of_all(filled: float, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kron_module, "FILLED", filled)
    adj = weighted(nx.disjoint_union_all([nx.path_graph(4), nx.empty_graph(1), nx.path_graph(3)]))
    small, walks = kron(adj, np.array([0, 4, 5]))
    assert np.allclose(small, 0)
    assert walks.argmax(1).tolist() == [0, 0, 0, 0, 1, 2, 2, 2]
    assert np.allclose(kron(KARATE, np.arange(34))[0], laplacian(KARATE).toarray())


# --- clusters ----------------------------------------------------------------------------------


def test_no_cluster_is_empty() -> None:
    rows = np.repeat([[0.0], [9.0]], 4, 0)
    for k in range(1, 9):
        part = parts_of(rows, k, seed=0)
        assert sorted(set(part.tolist())) == list(range(k))
    assert (
        parts_of(np.array([[0.0], [1.0], [1.6]]), 2, 0, np.array([1.0, 1, 1]))[1]
        == (parts_of(np.array([[0.0], [1.0], [1.6]]), 2, 0)[2])
    )


@pytest.mark.parametrize("seed", range(4))
def test_wards_tree_is_scipys(seed: int) -> None:
    """Of rows that count alike; each cut joins groups of the one before."""
    rows = np.random.default_rng(seed).standard_normal((12, 3))
    tree = scipy.cluster.hierarchy.linkage(rows, "ward")
    sizes = [2, 3, 5, 9, 12]
    for size, found in zip(sizes, ward(rows, np.ones(12), sizes), strict=True):
        wanted = scipy.cluster.hierarchy.fcluster(tree, size, "maxclust")
        pairs = set(zip(found.tolist(), wanted.tolist(), strict=True))
        assert len(pairs) == len(set(found.tolist())) == size
        first = [found.tolist().index(group) for group in range(size)]
        assert first == sorted(first)  # numbered by first members


def test_wards_tree_of_clusters_is_that_of_their_rows() -> None:
    """A centre that stands for several rows counts as so many rows at one place."""
    rng = np.random.default_rng(1)
    centres, weight = rng.standard_normal((7, 2)), rng.integers(1, 6, 7)
    every = np.repeat(centres, weight, axis=0)
    at = np.repeat(np.arange(7), weight)
    tree = scipy.cluster.hierarchy.linkage(every, "ward")
    for size, found in zip((2, 3, 4, 6), ward(centres, weight, [2, 3, 4, 6]), strict=True):
        wanted = scipy.cluster.hierarchy.fcluster(tree, size, "maxclust")
        pairs = set(zip(found[at].tolist(), wanted.tolist(), strict=True))
        assert len(pairs) == size


def test_few_dimensions_keep_distances() -> None:
    """Of rows that lie in so few dimensions all of them, sparse or not."""
    rng = np.random.default_rng(0)
    x = rng.standard_normal((30, 5)) @ rng.standard_normal((5, 40))
    for form in (x, sp.csr_matrix(x)):
        near = few_dimensions(form, 5, np.random.default_rng(1))
        assert near.shape == (30, 5)
        assert np.allclose(near @ near.T, x @ x.T)


def test_centres_far_from_zero_cost_nothing_to_join_where_they_are_one() -> None:
    """Squares of lengths cancel there, to less than nothing: of equal pairs the first goes."""
    rng = np.random.default_rng(0)
    for _ in range(20):
        pair = 1e6 * rng.standard_normal((3, 5))
        centres = np.concatenate([[np.zeros(5)] * 2, np.repeat(pair, 2, 0)])
        (group,) = ward(centres, np.ones(8), [7])
        assert group.tolist() == [0, 0, 1, 2, 3, 4, 5, 6]


def test_given_centres_are_the_only_start() -> None:
    """Two far groups and centres in one of them: k-means stays where it was put."""
    rows = np.array([[0.0], [1.0], [10.0], [11.0]])
    found = parts_of(rows, 2, 0, centres=np.array([[0.4], [20.0]]))
    assert found[0] == found[1] != found[2] == found[3] == 1
    again = parts_of(rows, 2, 0, centres=np.array([[20.0], [0.4]]))
    assert again.tolist() == [1, 1, 0, 0]
