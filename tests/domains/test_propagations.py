"""Features learnt for several propagations at once: the parts by hand."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse as sp
import torch
from torch import Tensor

from graphcondense.data.node_reading import as_task
from graphcondense.domains.answers import ClassAnswers
from graphcondense.domains.propagations import (
    RIDGES,
    SmallGraph,
    Teaching,
    learnt,
    propagations,
    regressed,
)
from graphcondense.ops.paired import surely_better
from tests.cases import toy_graph

ANSWERS = ClassAnswers(3)


def drawn() -> tuple[Teaching, SmallGraph, Tensor]:
    """A teacher who knows all classes of the toy graph, and a small graph of 9 nodes with random
    features."""
    task, rng = as_task(toy_graph()), np.random.default_rng(0)
    x, labels = np.asarray(task.x_array), np.eye(3)[task.y.numpy()]
    teaching = Teaching.of(x, task.adj, task.gcn_adj, labels, task.val, task.y[task.val], ANSWERS)
    links = rng.random((9, 9)) < 0.3
    small = SmallGraph(
        sp.csr_matrix((links | links.T).astype(float)), np.eye(3)[np.arange(9) % 3], ANSWERS
    )
    return teaching, small, torch.from_numpy(rng.normal(size=(9, x.shape[1])).astype(np.float32))


def test_propagations_by_hand() -> None:
    x = np.array([[1.0], [2.0], [4.0]])
    swap, zero = np.eye(3)[[1, 0, 2]], np.zeros((3, 3))
    found = propagations(x, lambda z: swap @ z, lambda z: zero @ z)
    own, twice, sage, pagerank = map(np.hstack, found)
    np.testing.assert_allclose(own, x)
    np.testing.assert_allclose(twice, x)  # two swaps are none
    np.testing.assert_allclose(sage, np.hstack([x, 0 * x, 0 * x]))
    assert pagerank[2] == pytest.approx(4)  # a fixed point stays
    assert pagerank[:2].sum() == pytest.approx(3)


def test_ridge_is_that_of_scikit_learn() -> None:
    from sklearn.linear_model import Ridge

    rng = np.random.default_rng(0)
    for n, k in ((30, 5), (5, 30)):  # both Gram matrices
        u, y = rng.normal(size=(n, k)), rng.normal(size=(n, 3))
        penalty = 0.7 * np.square(u).sum() / n
        wanted = Ridge(penalty, fit_intercept=False).fit(u, y).coef_.T
        found = regressed(torch.from_numpy(u).float(), torch.from_numpy(y).float(), 0.7)
        np.testing.assert_allclose(found, wanted, atol=1e-4)


def test_the_loss_is_the_error_at_all_nodes() -> None:
    task = as_task(toy_graph())
    teaching, small, z = drawn()
    from graphcondense.ops.adjacency import mean_norm_csr

    mean, error = mean_norm_csr(task.adj), 0.0
    target = np.eye(3)[task.y.numpy()] - 1 / 3
    x = np.asarray(task.x_array, np.float32)
    found = propagations(x, lambda x: task.gcn_adj @ x, lambda x: mean @ x)
    real = map(np.hstack, found)
    for seen, u in zip(real, small.propagations(z), strict=True):
        error += np.square(seen @ regressed(u, small.y, 3.0).numpy() - target).sum(1).mean()
    assert float(teaching.loss(small, z, 3.0)) == pytest.approx(error, rel=1e-4)


def test_scores_count_right_answers() -> None:
    teaching, small, z = drawn()
    right = teaching.right(small, z)
    assert right.shape == teaching.wanted.shape
    steps = right * 4 * len(RIDGES)
    assert torch.allclose(steps, steps.round(), atol=1e-4)


def test_learning_lowers_the_loss_and_units_do_not_matter() -> None:
    teaching, small, z = drawn()
    before = float(teaching.loss(small, z, 3.0))
    better = learnt(teaching, small, z, steps=40, rate=0.1, ridge=3.0)
    assert float(teaching.loss(small, better, 3.0)) < 0.8 * before
    assert float(teaching.right(small, better).mean()) > float(teaching.right(small, z).mean())


def test_equal_rows_stay_finite() -> None:
    teaching, small, z = drawn()
    for same in (torch.zeros_like(z), torch.ones_like(z)):
        assert bool(torch.isfinite(learnt(teaching, small, same, 5, 0.1, 3.0)).all())


def test_what_is_simpler_stays_within_one_standard_error() -> None:
    assert not surely_better(torch.ones(5), torch.ones(5))
    rng = torch.Generator().manual_seed(0)
    before = torch.rand(400, generator=rng)
    noise = torch.randn(400, generator=rng)
    noise = (noise - noise.mean()) / noise.std(correction=0)  # one standard error is 0.05
    assert surely_better(before + noise + 0.051, before)
    assert not surely_better(before + noise + 0.049, before)
    sure = before + noise / 100
    assert surely_better(sure + 0.006, before, least=0.005)
    assert not surely_better(sure + 0.004, before, least=0.005)
    assert surely_better(sure + 0.004, before)
