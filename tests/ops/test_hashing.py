"""Hashes of nodes by hand, bins of an asked number, and super-nodes on a line."""

from __future__ import annotations

import itertools
from collections import Counter

import numpy as np
import pytest
import scipy.sparse as sp

from graphcondense.ops.hashing import (
    bins_for,
    bins_of,
    hash_values,
    heterophily,
    merged,
    super_nodes_of,
)


def small_graph() -> tuple[np.ndarray, sp.csr_matrix]:
    rng = np.random.default_rng(0)
    upper = np.triu(rng.random((9, 9)) < 0.4, 1) * rng.random((9, 9))
    return rng.random((9, 4)), sp.csr_matrix(upper + upper.T)


def test_heterophily_by_hand() -> None:
    """Edges 0-1 and 2-3 are between equals, 1-2 is not; 3-4 has an end without a class."""
    ends = np.array([[0, 1, 2, 3], [1, 2, 3, 4]])
    one = sp.csr_matrix((np.full(4, 7.0), ends), (5, 5))
    assert heterophily(one + one.T, np.array([0, 0, 1, 1, -1])) == (1 + 1) / (3 + 2)


@pytest.mark.parametrize("sparse", [False, True])
def test_hashes_by_hand(sparse: bool) -> None:
    """The product with the whole of ``[(1 - h) x, h a]``, which is dense here."""
    x, adj = small_graph()
    h, drawn = 0.3, np.random.default_rng(5)
    of_x, of_a = drawn.standard_normal((4, 6)), drawn.standard_normal((9, 6))
    row = adj.toarray()
    lengths = [np.sqrt(np.square(part).sum(1).mean()) for part in (x, row)]
    both = np.hstack([(1 - h) * x / lengths[0], h * row / lengths[1]])
    wanted = both @ np.vstack([of_x, of_a])
    given = sp.csr_matrix(x) if sparse else x
    found = hash_values(given, adj, h, 6, np.random.default_rng(5))
    assert np.abs(found - wanted).max() < 1e-12
    alone = hash_values(np.zeros((9, 4)), adj, 1.0, 6, np.random.default_rng(5))
    assert np.abs(alone - row / lengths[1] @ of_a).max() < 1e-12


def test_bins_by_hand() -> None:
    values, shift = np.random.default_rng(1).standard_normal((50, 7)), np.linspace(0, 0.9, 7)
    for width in (0.05, 0.7, 30.0):
        wanted = []
        for row in values:
            hashed = Counter(int(np.floor(v / width + b)) for v, b in zip(row, shift, strict=True))
            most = max(hashed.values())
            wanted.append(min(k for k, times in hashed.items() if times == most))
        assert bins_of(values, width, shift).tolist() == wanted


def test_bins_of_an_asked_number() -> None:
    """No fewer super-nodes than asked for, and far fewer than nodes."""
    rng = np.random.default_rng(2)
    values, classes = rng.standard_normal((200, 5)), rng.integers(-1, 3, 200)
    for n in (6, 20, 90):
        bins = bins_for(values, classes, n, rng.random(5))
        assert n <= super_nodes_of(bins, classes) < n + 30
    same = bins_for(np.ones((8, 5)), np.full(8, -1), 4, rng.random(5))
    assert len(set(same.tolist())) == 1  # of equal nodes no width makes several


@pytest.mark.parametrize("unit", [2.0**-60, 1.0, 2.0**60])
def test_bins_know_no_unit(unit: float) -> None:
    rng = np.random.default_rng(0)
    values, shift = rng.standard_normal((40, 5)), rng.random(5)
    classes = rng.integers(-1, 3, 40)
    for n in (5, 17, 30):
        bins = bins_for(unit * values, classes, n, shift)
        assert super_nodes_of(bins, classes) == n


def test_every_size_is_exact_and_nested() -> None:
    rng = np.random.default_rng(3)
    classes = rng.integers(-1, 4, 60)
    order, boundaries = rng.permutation(60), rng.permutation(59)
    sizes = [4, 5, 11, 30, 60]
    found = merged(order, boundaries, classes, sizes)
    for n, group in zip(sizes, found, strict=True):
        assert sorted(set(group.tolist())) == list(range(n))
        assert np.array_equal(group, merged(order, boundaries, classes, [n])[0])
        for r in range(n):
            assert len(set(classes[group == r].tolist()) - {-1}) <= 1
    for small, large in itertools.pairwise(found):
        assert len(set(zip(large.tolist(), small.tolist(), strict=True))) == large.max() + 1


def test_a_line_without_classes_is_cut_into_intervals() -> None:
    """Boundaries that are not yet gone are where a super-node ends."""
    order, boundaries = np.array([3, 1, 0, 2, 4]), np.array([2, 0, 3, 1])
    (group,) = merged(order, boundaries, np.full(5, -1), [3])
    assert [group[order].tolist().index(g) for g in group[order]] == [0, 0, 2, 2, 4]


def test_who_has_no_class_joins_the_largest() -> None:
    """1 and 2, of class 1, are more than 0, of class 0; 3 and 4 have none and went together."""
    order, boundaries = np.arange(5), np.array([3, 1, 0, 2])
    (group,) = merged(order, boundaries, np.array([0, 1, 1, -1, -1]), [2])
    assert group.tolist() == [0, 1, 1, 1, 1]


def test_as_many_bins_as_nodes_where_a_width_makes_them() -> None:
    """One of the widths between keeps all apart; the finest has bins whose numbers no float
    tells."""
    rng = np.random.default_rng(4)
    values, shift = rng.standard_normal((12, 3)), rng.random(3)
    bins = bins_for(values, np.full(12, -1), 12, shift)
    assert len(set(bins.tolist())) == 12
    one = np.full((4, 3), 7.0) + np.arange(4)[:, None]
    assert len(set(bins_for(one, np.full(4, -1), 4, np.zeros(3)).tolist())) == 4


def test_a_coarser_width_may_tell_more_nodes_apart_than_the_finest() -> None:
    """By hand: of the finest bins each hash comes once, and both nodes have the 0 of the first
    projection. At the first width that is tried, 6e-5, two hashes of each are alike, and only
    those of the first node are 0."""
    values, nobody = np.array([[0.0, 1e-6, 1.0], [0.0, 0.5, 0.500001]]), np.full(2, -1)
    shift = np.zeros(3)
    assert super_nodes_of(bins_of(values, 1e-9, shift), nobody) == 1
    assert super_nodes_of(bins_of(values, 1e-9**0.5 * 2, shift), nobody) == 2
    assert super_nodes_of(bins_for(values, nobody, 2, shift), nobody) == 2
