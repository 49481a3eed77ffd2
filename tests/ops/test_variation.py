"""How the subspace of a coarsening is found: which way, and that all ways lead to the same."""

from __future__ import annotations

from typing import Any

import networkx as nx
import numpy as np
import pytest
import scipy.sparse as sp

from graphcondense.ops import variation
from graphcondense.ops.variation import (
    BLOCK,
    Prices,
    smallest_nonzero,
    variation_basis,
    variation_neighborhoods,
)
from tests.ops.test_coarsen import KARATE, level_of

Array = np.ndarray


def unweighted(graph: nx.Graph) -> sp.csr_matrix:
    return sp.csr_matrix(nx.to_scipy_sparse_array(graph, dtype=np.float64))


def never(*args: Any, **options: Any) -> Any:
    raise AssertionError("another way was taken")


def test_eigenvalues_of_a_path_by_formula() -> None:
    """``2 - 2 cos(π k / n)``."""
    values, vectors = smallest_nonzero(unweighted(nx.path_graph(9)), 4, np.random.default_rng(0))
    np.testing.assert_allclose(values, 2 - 2 * np.cos(np.pi * np.arange(1, 5) / 9), atol=1e-12)
    first = np.cos(np.pi * (np.arange(9) + 0.5) / 9)
    assert abs(vectors[:, 0] @ first) == pytest.approx(np.linalg.norm(first))


def test_a_large_graph_makes_no_dense_matrix(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a ring of 700 nodes a few of ``2 - 2 cos(2 π j / n)``, each twice."""
    monkeypatch.setattr(variation.np.linalg, "eigh", never)
    monkeypatch.setattr(variation, "_of_each_part", never)
    ring = unweighted(nx.cycle_graph(700))
    values, vectors = smallest_nonzero(ring, 2, np.random.default_rng(0))
    assert vectors.shape == (700, 2)
    np.testing.assert_allclose(values, [2 - 2 * np.cos(2 * np.pi / 700)] * 2, atol=1e-4)
    np.testing.assert_allclose(vectors.sum(0), 0, atol=1e-8)


def test_the_iterations_end_at_the_residual_that_is_stated(monkeypatch: pytest.MonkeyPatch) -> None:
    """At 1e-4, and after 300 steps at most; four vectors more than asked for are carried along."""
    asked: dict[str, Any] = {}

    def seen(lap: Any, start: Array, **options: Any) -> tuple[Array, Array]:
        asked.update(options, start=start.shape)
        return np.arange(start.shape[1], 0.0, -1.0), start

    monkeypatch.setattr(variation, "lobpcg", seen)
    ring = unweighted(nx.cycle_graph(700))
    values, vectors = smallest_nonzero(ring, 3, np.random.default_rng(0))
    assert (asked["tol"], asked["maxiter"], asked["start"]) == (1e-4, 300, (700, 7))
    assert not asked["largest"]
    np.testing.assert_allclose(asked["Y"], 700**-0.5)  # the constant, of length one
    np.testing.assert_allclose(asked["M"].diagonal(), 0.5)  # one over the degrees
    assert values.tolist() == [1, 2, 3]
    drawn = np.random.default_rng(0).standard_normal((700, 7))
    assert np.array_equal(vectors, drawn[:, [6, 5, 4]])


@pytest.mark.parametrize(("n", "k"), [(600, 2), (601, 120)])
def test_a_small_graph_and_many_vectors_are_solved_whole(
    n: int, k: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Up to 600 nodes, and where more than a fifth of all vectors are asked for."""
    monkeypatch.setattr(variation, "lobpcg", never)
    asked = []
    monkeypatch.setattr(variation.np.linalg, "eigh", lambda a: asked.append(len(a)) or (a[0], a))
    smallest_nonzero(unweighted(nx.path_graph(n)), k, np.random.default_rng(0))
    assert asked == [n]


def test_a_graph_of_many_parts_is_solved_part_by_part(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where one vector a part would be more than is held; a node alone adds nothing."""
    monkeypatch.setattr(variation, "DENSE", 5)
    monkeypatch.setattr(variation, "HELD", 100)
    parts = nx.disjoint_union_all([nx.path_graph(6), nx.empty_graph(30), nx.path_graph(4)])
    values, vectors = smallest_nonzero(unweighted(parts), 3, np.random.default_rng(0))
    wanted = sorted(
        [
            *(2 - 2 * np.cos(np.pi * np.arange(1, 6) / 6)),
            *(2 - 2 * np.cos(np.pi * np.arange(1, 4) / 4)),
        ]
    )[:3]
    np.testing.assert_allclose(values, wanted, atol=1e-6)
    lap = variation.laplacian(unweighted(parts)).toarray()
    np.testing.assert_allclose(lap @ vectors, vectors * values, atol=1e-4)
    assert not vectors[6:36].any()


def test_directions_without_energy_become_zero() -> None:
    """A constant over a part costs nothing, however its nodes are joined."""
    parts = unweighted(nx.disjoint_union(nx.path_graph(3), nx.path_graph(2)))
    span = np.array([[1.0, 0], [1, 0], [1, 0], [0, 1], [0, -1]])
    basis = variation_basis(parts, span)
    np.testing.assert_allclose(basis[:3], 0, atol=1e-9)
    # (0, 0, 0, 1, -1) has the energy (1 + 1)^2 = 4.
    np.testing.assert_allclose(np.abs(basis[3:]).sum(1), 0.5, atol=1e-12)
    assert variation_basis(parts, span[:, :0]).shape == (5, 0)
    np.testing.assert_allclose(variation_basis(parts, span[:, :1]), 0, atol=1e-9)


def test_prices_are_the_same_in_blocks_of_any_size(monkeypatch: pytest.MonkeyPatch) -> None:
    level = level_of(KARATE)
    groups = sp.csr_matrix(KARATE + sp.identity(34))
    groups.data[:] = 1
    prices = Prices(level)
    whole = prices.of_all(groups)
    for block in (1, 50, BLOCK):
        monkeypatch.setattr(variation, "BLOCK", block)
        np.testing.assert_allclose(prices.of_all(groups), whole, rtol=1e-12)
    twice = sp.csr_matrix(sp.vstack([groups, groups]))  # more groups than nodes
    np.testing.assert_allclose(prices.of_all(twice), np.tile(whole, 2), rtol=1e-12)
    one = np.array([0, 1, 2])
    assert prices.of_one(one) == pytest.approx(prices.of_one(one[::-1]))
    assert (prices.place == -1).all()


def test_a_neighbourhood_keeps_one_label() -> None:
    """By hand, of a star whose centre has a label, the first one or another, or none: then the
    most frequent of its members'; those without a label stay in any case."""
    star = unweighted(nx.star_graph(5))
    leaves = [0, 1, 1, -1, 2]
    for centre, kept in ((0, [0, 1, 4]), (2, [0, 4, 5]), (-1, [0, 2, 3, 4])):
        level = level_of(star, 2, np.array([centre, *leaves]))
        found = variation_neighborhoods(level)
        around = found.groups[found.centre.tolist().index(0)]
        assert around.indices.tolist() == kept
