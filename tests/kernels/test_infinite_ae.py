"""∞-AE against hand loops, an independent closed form, wide networks and scikit-learn's habits."""

from __future__ import annotations

import math

import numpy as np
import pytest
import scipy.sparse as sp
import torch
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV, KFold
from torch import Tensor

from graphcondense.kernels.infinite_ae import InfiniteAE, RowKernel, as_rows, hit_rates
from tests.cases import toy_rows


def by_hand(x: list[float], z: list[float]) -> float:
    """NTK of ``Dense -> ReLU -> Dense``, σ_w² = 2, σ_b = 0.1, of one pair, in Python floats."""
    d = len(x)

    def sigma(a: list[float], b: list[float]) -> float:
        return 2 * sum(p * q for p, q in zip(a, b, strict=True)) / d + 0.01

    xx, zz, xz = sigma(x, x), sigma(z, z), sigma(x, z)
    angle = math.acos(min(1.0, xz / math.sqrt(xx * zz)))
    relu = math.sqrt(xx * zz) * (math.sin(angle) + (math.pi - angle) * math.cos(angle)) / math.pi
    step = (math.pi - angle) / math.pi
    # Σ² + σ_w² E[relu' relu'] Θ¹, with Σ² = σ_w² E[relu relu] + σ_b².
    return relu + 0.01 + step * xz


def rows_of_floats(seed: int = 0, n: int = 5, items: int = 7) -> Tensor:
    return torch.rand(n, items, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def test_kernel_equals_hand_loops() -> None:
    a, b = rows_of_floats(), (rows_of_floats(1) > 0.5).double()
    found = RowKernel()(a, b)
    wanted = [[by_hand(x, z) for z in b.tolist()] for x in a.tolist()]
    torch.testing.assert_close(found, torch.tensor(wanted, dtype=torch.float64), rtol=1e-11, atol=0)


def test_kernel_equals_a_wide_network() -> None:
    """All gradients of a network of 4,096 units, the mean over 12 draws: within 2 %."""
    rows, width, draws = (rows_of_floats(2, 4, 10) > 0.4).double(), 4096, 12
    items, rng = rows.shape[1], torch.Generator().manual_seed(0)
    tangent = torch.zeros(4, 4, dtype=torch.float64)
    for _ in range(draws):
        shapes = (width, items), (width,), (1, width), (1,)
        params = [
            torch.randn(s, generator=rng, dtype=torch.float64).requires_grad_() for s in shapes
        ]
        w, b, v, c = params
        hidden = math.sqrt(2 / items) * rows @ w.T + 0.1 * b
        out = math.sqrt(2 / width) * hidden.relu() @ v.T + 0.1 * c
        grads = [
            torch.cat([g.flatten() for g in torch.autograd.grad(o, params, retain_graph=True)])
            for o in out.flatten()
        ]
        stacked = torch.stack(grads)
        tangent += stacked @ stacked.T / draws
    torch.testing.assert_close(tangent, RowKernel()(rows, rows), rtol=0.02, atol=0)


def test_predictions_equal_an_independent_closed_form() -> None:
    train = toy_rows(users=30)
    context = toy_rows(1, users=9)
    ridge = 0.7
    x, z = train.toarray().astype(float).tolist(), context.toarray().astype(float).tolist()
    gram = np.array([[by_hand(a, b) for b in x] for a in x])
    cross = np.array([[by_hand(a, b) for b in x] for a in z])
    system = gram + ridge * np.trace(gram) / 30 * np.eye(30)
    wanted = cross @ np.linalg.inv(system) @ np.array(x)
    for block in (4, 1024):
        found = InfiniteAE(ridge, block=block).fit(train).predict(context)
        np.testing.assert_allclose(found, wanted, rtol=1e-5, atol=1e-6)
    again = InfiniteAE(5.0).fit(train).refit(ridge).predict(context)
    np.testing.assert_array_equal(found, again)


def test_kinds_of_rows_are_one() -> None:
    rows = toy_rows(users=8)
    wanted = InfiniteAE().fit(rows).predict(rows)
    dense = rows.toarray()
    for kind in (dense, torch.from_numpy(dense), rows.tocoo(), rows.astype(bool), dense.tolist()):
        np.testing.assert_array_equal(InfiniteAE().fit(kind).predict(kind), wanted)


def test_gradient_is_finite_on_the_diagonal_and_right_off_it() -> None:
    """``κ0`` has an infinite slope where two rows are the same: the diagonal of every Gram."""
    kernel = RowKernel()
    for dtype in (torch.float32, torch.float64):
        rows = (rows_of_floats(3, 6, 8) > 0.5).to(dtype)
        rows[1] = rows[0]  # two users alike
        rows[2] = 0.0  # one without any weight
        x = rows.requires_grad_()
        (grad,) = torch.autograd.grad(kernel(x, x).sum(), x)
        assert bool(torch.isfinite(grad).all())
    x = rows_of_floats(4).requires_grad_()
    z = rows_of_floats(5)
    assert torch.autograd.gradcheck(lambda a: kernel(a, z), (x,))
    weight = rows_of_floats(6, 5, 5).fill_diagonal_(0.0)
    assert torch.autograd.gradcheck(lambda a: (kernel(a, a) * weight).sum(), (x,))
    # On the diagonal the cosine is 1 whatever the row: the kernel is 2 (2 x·x / d + 0.01) + 0.01.
    (grad,) = torch.autograd.grad(kernel(x, x).diagonal().sum(), x)
    torch.testing.assert_close(grad, 8 * x.detach() / 7, rtol=1e-6, atol=1e-6)


def test_scikit_learn_searches_over_it() -> None:
    task = toy_rows(users=45).toarray()
    held = np.zeros_like(task)
    first = task.argmax(1)
    held[np.arange(45), first] = task[np.arange(45), first]
    seen = sp.csr_matrix(task - held)
    model = InfiniteAE(0.3)
    twin = clone(model)
    assert twin is not model
    assert twin.get_params() == model.get_params()
    assert "ridge=0.3" in repr(model)
    grid = {"ridge": [1e-3, 1.0, 50.0]}
    search = GridSearchCV(model, grid, cv=KFold(3)).fit(seen, sp.csr_matrix(held))
    assert search.best_params_["ridge"] in grid["ridge"]
    best = search.best_estimator_
    assert 0 < best.score(seen, held, k=5) <= 1
    assert best.predict(seen).shape == (45, 40)


def test_score_is_the_hit_rate_by_hand() -> None:
    scores = np.array([[0.9, 0.8, 0.7, 0.1], [0.1, 0.2, 0.3, 0.4]])
    seen, held = (
        sp.csr_matrix([[1, 0, 0, 0], [0, 0, 0, 1]]),
        sp.csr_matrix([[0, 0, 1, 1], [1, 0, 0, 0]]),
    )
    assert hit_rates(scores, seen, held, 1).tolist() == [0.0, 0.0]
    assert hit_rates(scores, seen, held, 2).tolist() == [0.5, 0.0]
    assert hit_rates(scores, seen, held, 9).tolist() == [1.0, 1.0]
    model = InfiniteAE().fit(seen)
    assert model.score(seen, sp.csr_matrix((2, 4))) == 0.0


def test_what_cannot_be_fitted_says_why() -> None:
    rows = toy_rows(users=5)
    with pytest.raises(ValueError, match="ridge must be above 0, got 0"):
        InfiniteAE(0.0).fit(rows)
    with pytest.raises(ValueError, match="ridge must be above 0, got -1"):
        InfiniteAE().fit(rows).refit(-1.0)
    with pytest.raises(ValueError, match="at least one user"):
        InfiniteAE().fit(rows[:0])
    with pytest.raises(ValueError, match="have 3 items and the fitted ones 40"):
        InfiniteAE().fit(rows).predict(np.ones((2, 3)))
    with pytest.raises(ValueError, match="NaN or infinite"):
        as_rows(np.array([[1.0, np.nan]]))
    with pytest.raises(ValueError, match="no argument 'lamda'; it has ridge"):
        InfiniteAE().set_params(lamda=1.0)


def test_input_is_unchanged() -> None:
    rows = toy_rows(users=6)
    before = rows.copy()
    InfiniteAE().fit(rows).predict(rows)
    assert (rows != before).nnz == 0
