"""Recommenders, held to what they minimise, computed otherwise."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import scipy.sparse as sp
import torch

from graphcondense.evaluate import recommenders as module
from graphcondense.evaluate.recommenders import (
    EASE,
    RECOMMENDERS,
    LightGCN,
    MatrixFactorisation,
    Popularity,
    fold_in,
    recommender_named,
)


def users(count: int = 40, items: int = 12, seed: int = 0, weighted: bool = False):
    """Three tastes, each with its own items."""
    rng = np.random.default_rng(seed)
    taste = rng.integers(0, 3, count)
    likely = np.where(np.arange(items)[None] % 3 == taste[:, None], 0.7, 0.1)
    rows = (rng.random((count, items)) < likely).astype(np.float32)
    rows[:, 0] = 1
    if weighted:
        rows *= rng.uniform(-0.5, 1, rows.shape).astype(np.float32)
    return sp.csr_matrix(rows)


@pytest.mark.parametrize("count", [5, 40])
def test_ease_against_its_columns(count: int) -> None:
    """Each column is a ridge regression on the other items; both ways to invert agree with it."""
    rows, ridge = users(count, weighted=True), 0.7
    x = rows.toarray().astype(np.float64)
    wanted = np.zeros((12, 12))
    for j in range(12):
        others = [i for i in range(12) if i != j]
        a = x[:, others]
        wanted[others, j] = np.linalg.solve(a.T @ a + ridge * np.eye(11), a.T @ x[:, j])
    model = EASE(ridge=9.0).fit(rows).refit(ridge)
    np.testing.assert_allclose(model.coef_, wanted, atol=1e-5)
    np.testing.assert_allclose(model.predict(rows), x @ wanted, atol=1e-5)
    np.testing.assert_array_equal(EASE(ridge=ridge).fit(rows).coef_, model.coef_)


def test_fold_in_is_the_minimum(monkeypatch: pytest.MonkeyPatch) -> None:
    """Users' factors minimise the objective, written as a loop, in float64."""
    monkeypatch.setattr(module, "_FOLDED", 3)
    rng = torch.Generator().manual_seed(0)
    items, rows = torch.randn(12, 4, generator=rng), users(8, weighted=True)
    found = fold_in(items, rows, 0.5, 0.2).double().requires_grad_()
    q, loss = items.double(), torch.zeros((), dtype=torch.double)
    for u in range(8):
        for i in range(12):
            out, x = found[u] @ q[i], float(rows[u, i])
            loss = loss + abs(x) * (out - np.sign(x)) ** 2 + 0.2 * out**2
        loss = loss + 0.5 * found[u].square().sum()
    (slope,) = torch.autograd.grad(loss, found)
    assert float(slope.abs().max()) < 1e-4


def loss_of(model: MatrixFactorisation, rows: sp.csr_matrix) -> float:
    p = fold_in(model.items_, rows, model.ridge, model.negative)
    out, x = (p @ model.items_.T).numpy(), rows.toarray()
    lengths = float(p.square().sum() + model.items_.square().sum())
    return float(
        (abs(x) * (out - np.sign(x)) ** 2 + model.negative * out**2).sum() + model.ridge * lengths
    )


def test_sweeps_never_raise_the_loss() -> None:
    rows = users()
    losses = [
        loss_of(MatrixFactorisation(0.5, factors=3, sweeps=n).fit(rows), rows) for n in range(1, 7)
    ]
    assert all(b <= a * (1 + 1e-5) for a, b in itertools.pairwise(losses))
    assert losses[-1] < losses[0]


def test_popularity() -> None:
    rows = users()
    scores = Popularity().fit(rows).refit(3.0).predict(rows[:2])
    assert scores.tolist() == [rows.toarray().sum(0).tolist()] * 2


@pytest.mark.parametrize("name", list(RECOMMENDERS))
def test_every_recommender(name: str) -> None:
    """It learns tastes (popularity apart), the same with one seed, from few and weighted users."""
    known, rows = RECOMMENDERS[name], users(60)
    before = rows.copy()
    state = torch.random.get_rng_state()
    first, again = (known.make(3, "cpu").fit(rows) for _ in range(2))
    context = sp.csr_matrix((np.ones(3), ([0, 1, 2], [3, 4, 5])), shape=(3, 12))
    if known.ridges:
        first, again = first.refit(1.0), again.refit(1.0)
    scores = np.asarray(first.predict(context))
    assert scores.shape == (3, 12)
    assert scores.dtype == np.float32
    np.testing.assert_array_equal(scores, again.predict(context))
    np.testing.assert_array_equal(
        np.asarray(first.predict(context[1:2]))[0].argsort(), scores[1].argsort()
    )
    assert torch.equal(torch.random.get_rng_state(), state)
    assert not (rows != before).nnz
    if name != "Popularity":
        taste = np.arange(12) % 3
        for user in range(3):
            own = (taste == user) & (np.arange(12) > 5)
            other = (taste != user) & (np.arange(12) > 5)
            assert scores[user, own].mean() > scores[user, other].mean()
    weighted = known.make(0, "cpu").fit(users(5, weighted=True)).predict(context)
    assert np.isfinite(weighted).all()


@pytest.mark.parametrize("name", [name for name, one in RECOMMENDERS.items() if one.ridges])
def test_what_another_ridge_trains_anew_says_so(name: str) -> None:
    """One that does not keeps what ``fit`` has learnt, whatever the ridge."""
    known = RECOMMENDERS[name]
    model = known.make(0, "cpu").fit(users(60))
    learnt = "items_" if hasattr(model, "items_") else "coef_"
    before = torch.as_tensor(getattr(model, learnt)).clone()
    after = torch.as_tensor(getattr(model.refit(known.ridges[0]), learnt))
    assert torch.equal(after, before) != known.ridge_trains


@pytest.mark.parametrize("name", list(RECOMMENDERS))
def test_bad_input(name: str) -> None:
    known = RECOMMENDERS[name]
    model = known.make(0, "cpu").fit(users())
    with pytest.raises(ValueError, match="have 5 items and the fitted ones 12"):
        model.predict(sp.csr_matrix((1, 5)))
    if known.ridges:
        with pytest.raises(ValueError, match="ridge must be above 0, got 0"):
            model.refit(0)
    if name != "Popularity":
        with pytest.raises(ValueError, match="at least one user"):
            known.make(0, "cpu").fit(sp.csr_matrix((0, 12)))


def test_lightgcn_needs_interactions_above_0() -> None:
    with pytest.raises(ValueError, match="interactions above 0: the users have none"):
        LightGCN(steps=1).fit(-users())


def test_lightgcn_propagates_as_its_paper() -> None:
    """Normalised operator: entry by entry ``w / sqrt(d_u d_i)``, no self-loops."""
    a, b = torch.tensor([0, 0, 1]), torch.tensor([2, 3, 3])
    weight = torch.tensor([1.0, 3.0, 2.0])
    found = module._normalised(a, b, weight, 4).to_dense()
    wanted = torch.zeros(4, 4)
    degree = [4.0, 2.0, 1.0, 5.0]
    for u, i, w in zip(a.tolist(), b.tolist(), weight.tolist(), strict=True):
        wanted[u, i] = wanted[i, u] = w / (degree[u] * degree[i]) ** 0.5
    torch.testing.assert_close(found, wanted)


def test_names() -> None:
    assert recommender_named("∞-AE").name == recommender_named("infiniteae").name == "InfiniteAE"
    with pytest.raises(ValueError, match="unknown recommender 'SVD'; known are InfiniteAE, EASE"):
        recommender_named("SVD")


def test_lightgcn_trains_until_the_loss_stops_falling() -> None:
    ended = LightGCN(fall=0.5).fit(users())  # a half is not gained again in fifty steps
    assert ended.steps_ % 50 == 0
    assert ended.steps_ < ended.steps
    assert LightGCN(steps=70, fall=0.0).fit(users()).steps_ == 70
