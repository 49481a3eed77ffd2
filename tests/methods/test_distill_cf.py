"""Distill-CF and the coresets of users: the shared cases, the loss by hand, the ridge, learning."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import scipy.sparse as sp
import torch
from torch import Generator, Tensor, nn

import graphcondense
from graphcondense.core.engine import Callback, State
from graphcondense.core.types import Learner
from graphcondense.data.interaction_reading import as_interactions
from graphcondense.domains.rows import RowsSource, RowsSynthetic
from graphcondense.kernels.infinite_ae import RIDGES, InfiniteAE
from graphcondense.methods.distill_cf import DistillCF
from graphcondense.methods.svp import ProxyUsers
from graphcondense.objectives.recommend import Recommend
from tests.cases import RowsCase, toy_rows

NOBODY = Learner(nn.Module(), {})


class TestDistillCF(RowsCase):
    name = "distill-cf"
    options = {"steps": 6, "draws": 2, "real_batch": 20, "ridge_every": 2, "validations": 2}


class TestRandomUsers(RowsCase):
    name = "random"
    iterates = False


class TestHeadUsers(RowsCase):
    name = "head"
    iterates = False


class TestProxyUsers(RowsCase):
    name = "svp"
    options = {"proxy": 20}
    iterates = False


def test_the_loss_equals_hand_loops() -> None:
    """Float64 rows, scores from the fitted ∞-AE, log softmax and sums in Python."""
    task = as_interactions(toy_rows(users=12, items=25))
    real = RowsSource(task)
    logits = torch.randn(4, 25, generator=Generator().manual_seed(0), dtype=torch.float64)
    syn = RowsSynthetic(logits, interactions=5.0, draws=3, tau=1.0, ridge=0.3)
    objective = Recommend(real.interactions_per_user, cardinality=0.5)
    found = objective(syn, Doubled(real), NOBODY, Generator())
    rows = syn.rows().detach().numpy()
    scores = InfiniteAE(0.3).fit(rows).predict(task.train).astype(float)
    wanted = 0.0
    for user, said in zip(task.train.toarray(), scores, strict=True):
        log_sum = math.log(sum(math.exp(s) for s in said))
        wanted -= sum(u * (s - log_sum) for u, s in zip(user, said, strict=True)) / task.num_users
    wanted += 0.5 * rows.sum(1).mean() / real.interactions_per_user
    assert float(found.detach()) == pytest.approx(wanted, rel=1e-6)


def test_no_users_a_step_are_refused() -> None:
    with pytest.raises(ValueError, match="size must be at least 1, got 0"):
        Recommend(2.0, size=0)
    assert Recommend(2.0, size=1).size == 1


def test_the_gradient_of_the_loss_is_that_of_finite_differences() -> None:
    real = Doubled(RowsSource(as_interactions(toy_rows(users=8, items=21))))
    logits = torch.randn(3, 21, generator=Generator().manual_seed(0), dtype=torch.float64)
    syn = RowsSynthetic(logits, interactions=2.0, draws=2, tau=1.0, ridge=0.1)

    def loss() -> Tensor:
        return Recommend(2.0)(syn, real, NOBODY, Generator())

    (grad,) = torch.autograd.grad(loss(), syn.logits)
    assert bool(torch.isfinite(grad).all())
    for i, j in ((0, 0), (1, 4), (2, 3)):
        with torch.no_grad():
            ends = []
            for move in (1e-4, -2e-4, 1e-4):
                syn.logits[i, j] += move
                ends.append(float(loss().detach()))
        assert float(grad[i, j]) == pytest.approx((ends[0] - ends[1]) / 2e-4, rel=2e-3, abs=1e-6)


class Doubled:
    """A source whose rows are float64."""

    def __init__(self, real: RowsSource) -> None:
        self.real = real

    def __getattr__(self, name: str) -> Any:
        return getattr(self.real, name)

    def batch(self, c: Any = None, size: Any = None, rng: Any = None) -> Any:
        batch = self.real.batch(c, size, rng)
        return batch._replace(inputs=(batch.inputs[0].double(),), y=batch.y.double())


def score(task: Any, csr: Any) -> float:
    return RowsSource(task).choose(csr)[1]


def test_learnt_users_beat_random_ones() -> None:
    """Six users of sixty; held-out items of all users, mean over two seeds."""
    task = as_interactions(toy_rows(users=150))
    held = replace(task, val=task.test)

    def mean(name: str, **options: Any) -> float:
        sets = [
            graphcondense.condense(task, name, nodes=6, seed=s, progress=False, **options)
            for s in range(2)
        ]
        return sum(score(held, small.csr) for small in sets) / 2

    learnt = mean("distill-cf", steps=80, lr_x=0.3, draws=4, real_batch=None)
    assert learnt > mean("random") + 0.05


class Ridges(Callback):
    """Notes the ridge after every update."""

    def __init__(self) -> None:
        self.seen: list[float] = []

    def step(self, state: State) -> None:
        self.seen.append(float(state.syn.get_buffer("ridge")))


def test_the_ridge_is_chosen_now_and_then_or_given() -> None:
    task, notes = as_interactions(toy_rows()), Ridges()
    graphcondense.condense(
        task, "distill-cf", nodes=4, steps=6, ridge_every=3, progress=False, callbacks=[notes]
    )
    assert set(notes.seen) <= set(RIDGES)
    assert notes.seen[0] == notes.seen[1]
    given, fixed = Ridges(), {"ridge": 0.7, "steps": 3}
    graphcondense.condense(task, "distill-cf", nodes=4, progress=False, callbacks=[given], **fixed)
    assert given.seen == [0.7] * 3
    with pytest.raises(ValueError, match=r"ridge=0(\.0)? must be above 0"):
        graphcondense.condense(task, "distill-cf", nodes=4, ridge=0.0, progress=False)
    with pytest.raises(ValueError, match="ridge_every=0 must be at least 1"):
        graphcondense.condense(task, "distill-cf", nodes=4, ridge_every=0, progress=False)


def test_validation_items_choose_and_do_not_teach() -> None:
    """With a fixed ridge and no validation they change nothing."""
    task = as_interactions(toy_rows())
    other = replace(task, val=sp.csr_matrix(task.val.shape, dtype=np.float32))
    hashes = {
        graphcondense.condense(
            t, "distill-cf", nodes=4, steps=4, ridge=1.0, validations=0, progress=False
        ).condensed["hash"]
        for t in (task, other)
    }
    assert len(hashes) == 1


def test_the_memory_estimate_grows_with_the_batch() -> None:
    real = RowsSource(as_interactions(toy_rows()))
    small, large = (DistillCF(nodes=4, real_batch=b).memory_bytes(real) for b in (10, None))
    assert small < large


def test_head_users_have_the_most_interactions() -> None:
    task = as_interactions(toy_rows())
    small = graphcondense.condense(task, "head", nodes=5, progress=False)
    sizes = np.sort(np.diff(task.train.indptr))[::-1]
    assert np.diff(small.csr.indptr).tolist() == sizes[:5].tolist()


def test_the_proxy_keeps_hard_or_easy_users() -> None:
    """Users of random taste are hard; the others take the items of their own third."""
    rows = toy_rows(users=90).toarray()
    odd = np.arange(90) % 9 == 0
    rows[odd] = np.random.default_rng(1).random((10, 40)) < 0.25
    real = RowsSource(as_interactions(sp.csr_matrix(rows)))
    proxy, rng = ProxyUsers(nodes=10, proxy=60), Generator()
    auc = proxy.auc(real, rng.manual_seed(0))
    assert auc[odd].mean() < auc[~odd].mean() - 0.1
    hard = proxy.choose(real, 0, 10, rng.manual_seed(0)).numpy()
    easy = replace(proxy, keep="easy").choose(real, 0, 10, rng.manual_seed(0)).numpy()
    assert sorted(auc[hard]) == sorted(np.sort(auc)[:10])
    assert sorted(auc[easy]) == sorted(np.sort(auc)[-10:])
    with pytest.raises(ValueError, match=r"hidden=1(\.0)? must be above 0 and below 1"):
        ProxyUsers(nodes=2, hidden=1.0).choose(real, 0, 2, Generator())
    with pytest.raises(ValueError, match="proxy=0 must be at least 1"):
        ProxyUsers(nodes=2, proxy=0).choose(real, 0, 2, Generator())


def test_the_proxy_keeps_users_of_one_item_last() -> None:
    rows = toy_rows().toarray()
    rows[0] = 0
    rows[0, :3] = 1  # of three items one is for training
    task = as_interactions(sp.csr_matrix(rows))
    one = replace(
        task, train=sp.vstack([task.train[0].multiply(_first(task.train)), task.train[1:]]).tocsr()
    )
    real = RowsSource(one)
    for keep in ("hard", "easy"):
        method = ProxyUsers(nodes=10, keep=keep, proxy=60)  # type: ignore[arg-type]
        assert 0 not in method.choose(real, 0, 40, Generator().manual_seed(0)).tolist()


def _first(rows: sp.csr_matrix) -> sp.csr_matrix:
    """Only the first item of the first row."""
    mask = sp.lil_matrix((1, rows.shape[1]))
    mask[0, rows[0].indices[0]] = 1
    return mask.tocsr()


def auc_by_hand(scores: Tensor, kept: Tensor, hidden: Tensor) -> float:
    pairs = [
        float(scores[i] > scores[j])
        for i in range(len(scores))
        for j in range(len(scores))
        if hidden[i] and not hidden[j] and not kept[j]
    ]
    return sum(pairs) / len(pairs)


def test_auc_equals_the_pairs_by_hand() -> None:
    from graphcondense.methods.svp import _auc

    rng = np.random.default_rng(0)
    scores, kind = rng.random((6, 9)), rng.integers(0, 3, (6, 9))
    found = _auc(scores, sp.csr_matrix(kind == 1), sp.csr_matrix(kind == 2))
    for row in range(6):
        wanted = auc_by_hand(scores[row], kind[row] == 1, kind[row] == 2)
        assert found[row] == pytest.approx(wanted)
