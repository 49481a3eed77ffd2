"""Personalised PageRank against a dense solve."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st

from graphcondense.ops.personalised import personalised_pagerank


@st.composite
def cases(draw: Any) -> tuple[np.ndarray, np.ndarray, float]:
    """A directed, weighted graph, in which nodes may hear from none; seeds; damping."""
    n = draw(st.integers(1, 8))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    adj = rng.random((n, n)) * (rng.random((n, n)) < rng.random())
    seeds = rng.permutation(n)[: draw(st.integers(1, n))]
    return adj, seeds, draw(st.sampled_from([0.0, 0.5, 0.85]))


@settings(max_examples=100, deadline=None)
@given(cases())
def test_by_a_dense_solve(case: tuple[np.ndarray, np.ndarray, float]) -> None:
    adj, seeds, damping = case
    n = len(adj)
    start = np.zeros(n)
    start[seeds] = 1 / len(seeds)
    total = adj.sum(1, keepdims=True)
    walk = np.where(total > 0, adj / np.where(total > 0, total, 1), start)
    expected = np.linalg.solve(np.eye(n) - damping * walk.T, (1 - damping) * start)
    found = personalised_pagerank(sp.csr_matrix(adj), seeds, damping=damping)
    assert np.allclose(found, expected, atol=1e-8)
    assert found.sum() == pytest.approx(1)


def test_nothing_comes_from_out_of_reach() -> None:
    """Node 0 hears from 1 and 1 from 2; nobody hears from 3."""
    adj = sp.csr_matrix(([1.0, 1.0, 1.0], ([0, 1, 3], [1, 2, 0])), shape=(4, 4))
    rank = personalised_pagerank(adj, np.array([0]))
    assert rank[0] > rank[1] > rank[2] > 0
    assert rank[3] == 0


def test_bad_input() -> None:
    adj = sp.csr_matrix(np.eye(2))
    with pytest.raises(ValueError, match="at least one seed"):
        personalised_pagerank(adj, np.array([], int))
    for damping in (1.0, -0.5):
        with pytest.raises(ValueError, match=f"damping={damping} must be at least 0 and below 1"):
            personalised_pagerank(adj, np.array([0]), damping=damping)
    assert personalised_pagerank(adj, np.array([1]), damping=0.0).tolist() == [0, 1]
