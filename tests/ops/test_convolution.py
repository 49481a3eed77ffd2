"""What contracting pairs changes of a convolution, by contracting them; which pairs there are."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import scipy.sparse as sp

from graphcondense.ops import convolution
from graphcondense.ops.coarsen import Level, coarsen, contracted, means, members
from graphcondense.ops.convolution import Convolution, convolved, nearest


def small_level(label: np.ndarray | None = None) -> tuple[Level, np.ndarray, np.ndarray]:
    """Twelve nodes in eight groups, the adjacency between the nodes, and their features."""
    rng = np.random.default_rng(0)
    upper = np.triu(rng.random((12, 12)) < 0.4, 1) * rng.random((12, 12))
    whole, part = upper + upper.T, np.array([0, 0, 0, 1, 2, 3, 3, 4, 5, 6, 7, 7])
    adj = contracted(sp.csr_matrix(whole), part, 8)
    adj.setdiag(0)
    adj.eliminate_zeros()
    label = np.full(8, -1) if label is None else label
    volume = members(part, 8) @ whole.sum(1)
    level = Level(adj, volume, np.zeros((8, 2)), label, np.zeros((8, 0)), rng, part)
    return level, whole, rng.random((12, 5))


def convolution_of(whole: np.ndarray, part: np.ndarray, x: np.ndarray) -> np.ndarray:
    """``D^-1/2 (P⁺)ᵀ (A + I) P⁺ D^-1/2 P X``."""
    n = int(part.max()) + 1
    sums = members(part, n).toarray()
    adj = sums @ (whole + np.eye(len(whole))) @ sums.T
    scale = adj.sum(1) ** -0.5
    return scale[:, None] * adj * scale @ (means(part, n) @ x)


@pytest.mark.parametrize("weight", [None, np.ones(12), np.arange(1.0, 13.0)])
def test_costs_are_what_contracting_changes(weight: np.ndarray | None) -> None:
    """Of every pair, connected or not; and the bound is above, but for pairs that share nobody."""
    level, whole, x = small_level()
    before = convolution_of(whole, level.part, x)
    i, j = np.array(list(itertools.combinations(range(8), 2))).T
    now = Convolution(level, means(level.part, 8) @ x, weight)
    times = np.ones(8) if weight is None else members(level.part, 8) @ weight
    assert np.abs(now.h - before).max() < 1e-12
    exact, bound = (now.costs(i, j, exact=exact) for exact in (True, False))
    shares = 0
    for at, (one, other) in enumerate(zip(i, j, strict=True)):
        joined = np.arange(8)
        joined[other] = one
        joined = np.unique(joined, return_inverse=True)[1]
        after = convolution_of(whole, joined[level.part], x)
        change = times @ np.linalg.norm(after[joined] - before, axis=1)
        assert exact[at] == pytest.approx(change, abs=1e-12)
        common = ((level.adj[one].toarray() > 0) & (level.adj[other].toarray() > 0)).any()
        assert bound[at] >= exact[at] - 1e-12
        assert common or bound[at] == pytest.approx(exact[at], abs=1e-12)
        shares += common
    assert 0 < shares < len(i)


def test_nearest_rows() -> None:
    rows = np.random.default_rng(1).random((30, 3))
    apart = np.square(rows[:, None] - rows).sum(2)
    np.fill_diagonal(apart, np.inf)
    wanted = np.zeros((30, 30))
    for i, near in enumerate(np.argsort(apart, axis=1)[:, :4]):
        wanted[i, near] = wanted[near, i] = 1
    assert np.array_equal(nearest(rows, 4).toarray(), wanted)
    assert nearest(rows[:2], 9).toarray().tolist() == [[0, 1], [1, 0]]
    assert nearest(rows[:1], 9).nnz == 0


def test_pairs_where_none_is_near() -> None:
    """Groups that are near; and where labels keep these apart, those of the same label."""
    level, _, x = small_level()
    nobody = sp.csr_matrix((12, 12))
    found = convolved(level, x, x, nobody, 2, 1.0, exact=True, weight=np.ones(12))
    wanted = sp.triu(nearest(means(level.part, 8) @ x, 2), 1)
    assert found.groups.shape[0] == min(wanted.nnz, 8)
    label = np.array([0, 1, 0, 1, 0, 1, 0, 1])
    level, _, _ = small_level(label)
    place = np.where(label[level.part] == 0, 0.0, 1.0) + np.arange(12) * 10.0
    found = convolved(level, x, place[:, None], nobody, 1, 1.0, exact=True, weight=np.ones(12))
    pairs = found.groups.indices.reshape(-1, 2)
    assert (label[pairs[:, 0]] == label[pairs[:, 1]]).all()
    assert len(pairs)


@pytest.mark.parametrize("exact", [True, False])
def test_down_to_one_node_a_class(exact: bool) -> None:
    _, whole, x = small_level()
    told = np.eye(3)[np.arange(12) % 3] * (np.arange(12) < 9)[:, None]
    near, weight = nearest(x, 1), np.ones(12) if exact else None
    for n in (3, 5, 12):
        group = coarsen(
            sp.csr_matrix(whole),
            n,
            lambda level: convolved(level, x, x, near, 1, 0.3, exact=exact, weight=weight),
            told,
            join=False,
            rng=np.random.default_rng(0),
        )
        assert sorted(set(group.tolist())) == list(range(n))
        assert (np.count_nonzero(members(group, n) @ told, axis=1) <= 1).all()


def test_however_small_the_share_a_pair_is_returned() -> None:
    """The cheapest one; of half the nodes as many."""
    level, whole, x = small_level()
    every, half, one = (
        convolved(level, x, x, sp.csr_matrix(whole), 3, share, exact=True, weight=np.ones(len(x)))
        for share in (1.0, 0.5, 1e-6)
    )
    assert [len(found.cost) for found in (every, half, one)] == [8, 4, 1]
    assert one.cost[0] == every.cost.min()
    assert sorted(half.cost) == sorted(every.cost)[:4]


@pytest.mark.parametrize("groups", [3, 1024])
@pytest.mark.parametrize("k", [1, 7])
def test_near_ones_of_many_rows_are_those_of_few(
    k: int, groups: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Exactly, also far from the origin, with rows of very different lengths, and with many equal
    ones, each of which has others of them."""
    monkeypatch.setattr(convolution, "GROUPS", groups)
    rng = np.random.default_rng(0)
    rows = 1e3 + rng.standard_normal((900, 6)) * np.exp(rng.standard_normal((900, 1)))
    found = convolution._near_of_many(rows, k)
    apart = np.square(rows[:, None] - rows).sum(2)
    np.fill_diagonal(apart, np.inf)
    assert np.array_equal(np.sort(found, 1), np.sort(np.argsort(apart, 1)[:, :k], 1))
    monkeypatch.setattr(convolution, "MANY", 0)
    wanted = nearest(rows, k)
    monkeypatch.setattr(convolution, "MANY", 2**15)
    assert (wanted != nearest(rows, k)).nnz == 0
    rows[:300] = rows[0]
    monkeypatch.setattr(convolution, "CROWD", 2)
    found = convolution._near_of_many(rows, k)
    assert (found[:300] < 300).all()
    assert (found != np.arange(900)[:, None]).all()
    assert all(len(set(row)) == k for row in found.tolist())
    apart = np.square(rows[300:, None] - rows).sum(2)
    apart[np.arange(600), 300 + np.arange(600)] = np.inf
    chosen = np.take_along_axis(apart, found[300:], 1)
    assert np.allclose(np.sort(chosen, 1), np.sort(apart, 1)[:, :k], rtol=1e-9)
