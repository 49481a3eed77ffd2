"""Reverse neighbours and greedy coverage against brute force."""

from __future__ import annotations

from itertools import combinations
from math import e
from typing import Any

import numpy as np
import pytest
import scipy.sparse as sp
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from graphcondense.ops import cover
from graphcondense.ops.cover import greedy_cover, reverse_neighbours


@st.composite
def families(draw: Any) -> np.ndarray:
    """Up to seven sets of up to nine things; some sets may be empty or equal."""
    m, z = draw(st.integers(1, 7)), draw(st.integers(1, 9))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    return rng.random((m, z)) < draw(st.sampled_from([0.1, 0.3, 0.6]))


def covered(has: np.ndarray, sets: Any) -> int:
    return int(has[list(sets)].any(0).sum())


def by_hand(has: np.ndarray, k: int) -> list[int]:
    """Every gain counted anew in every round; once nothing is gained, all is uncovered again."""
    order: list[int] = []
    left = np.ones(has.shape[1], bool)
    while len(order) < k:
        rest = [i for i in range(len(has)) if i not in order]
        gains = [int((has[i] & left).sum()) for i in rest]
        if max(gains) == 0 and not left.all():
            left[:] = True
            continue
        best = rest[gains.index(max(gains))]
        order.append(best)
        left &= ~has[best]
    return order


@settings(max_examples=200, deadline=None)
@given(families())
def test_greedy_by_a_hand_loop(has: np.ndarray) -> None:
    assert greedy_cover(sp.csr_matrix(has), len(has)).tolist() == by_hand(has, len(has))


@settings(max_examples=100, deadline=None)
@given(families())
def test_greedy_covers_most_of_what_can_be(has: np.ndarray) -> None:
    order = greedy_cover(sp.csr_matrix(has), len(has))
    for k in range(1, len(has) + 1):
        best = max(covered(has, sets) for sets in combinations(range(len(has)), k))
        assert covered(has, order[:k]) >= (1 - 1 / e) * best


def test_fewer_sets_are_the_first_ones() -> None:
    has = sp.random_array((30, 50), density=0.1, rng=np.random.default_rng(0), format="csr")
    order = greedy_cover(sp.csr_matrix(has), 30)
    assert sorted(order.tolist()) == list(range(30))
    assert greedy_cover(sp.csr_matrix(has), 12).tolist() == order[:12].tolist()


def test_sets_that_cover_nothing_come_last_in_their_order_and_at_once() -> None:
    """Of 200,000 sets each of which started over, this would take hours."""
    m = 200_000
    covers = sp.csr_matrix((np.ones(3), ([7, 199_999, 7], [0, 1, 2])), shape=(m, 3))
    rest = [i for i in range(m) if i not in (7, 199_999)]
    assert greedy_cover(covers, m).tolist() == [7, 199_999, *rest]
    assert greedy_cover(covers, 4).tolist() == [7, 199_999, 0, 1]
    assert greedy_cover(covers, 0).tolist() == []


def test_stored_zeros_cover_nothing() -> None:
    covers = sp.csr_matrix((np.array([0, 0, 1]), ([0, 0, 1], [0, 1, 1])), shape=(2, 2))
    assert greedy_cover(covers, 1).tolist() == [1]


def test_what_is_given_stays_as_it_is() -> None:
    """Also where it is of bools already, with places that are stored twice and a stored zero."""
    parts = (np.array([True, True, False, True]), np.array([1, 1, 0, 1]), np.array([0, 3, 4]))
    given = sp.csr_matrix(parts, shape=(2, 2))
    assert greedy_cover(given, 2).tolist() == [0, 1]
    assert given.nnz == 4
    for array, kept in zip((given.data, given.indices, given.indptr), parts, strict=True):
        assert array.tolist() == kept.tolist()


@pytest.mark.parametrize("k", [-1, 3])
def test_more_sets_than_there_are(k: int) -> None:
    with pytest.raises(ValueError, match=f"{k} of 2 sets"):
        greedy_cover(sp.csr_matrix(np.eye(2)), k)


@pytest.mark.parametrize("block", [4096, 3])
@pytest.mark.parametrize("k", [1, 4, 99])
def test_reverse_neighbours_by_brute_force(
    k: int, block: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Equal rows among the candidates too: of these the first are nearer."""
    monkeypatch.setattr(cover, "HELD", block)
    rng = np.random.default_rng(0)
    candidates = rng.integers(0, 3, (8, 2)).astype(np.float64)
    rows = rng.integers(0, 3, (11, 2)).astype(np.float64)
    found = reverse_neighbours(torch.from_numpy(rows), torch.from_numpy(candidates), k)
    expected = np.zeros((8, 11), bool)
    for j, row in enumerate(rows):
        near = sorted(range(8), key=lambda i: (float(((candidates[i] - row) ** 2).sum()), i))
        expected[near[:k], j] = True
    assert np.array_equal(found.toarray(), expected)


def test_no_neighbours() -> None:
    with pytest.raises(ValueError, match="k=0"):
        reverse_neighbours(torch.zeros(2, 2), torch.zeros(2, 2), 0)
