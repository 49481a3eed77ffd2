"""Rows of interactions: the Gumbel sum without stored draws, the source, what is exported."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse as sp
import torch
from torch import Tensor

from graphcondense.data.interaction_reading import as_interactions
from graphcondense.domains import rows as module
from graphcondense.domains.rows import RowsSource, RowsSynthetic, gumbel_rows
from graphcondense.kernels.infinite_ae import RIDGES, InfiniteAE
from tests.cases import toy_rows


def drawn(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def stored(logits: Tensor, seed: int, draws: int, tau: float, size: int) -> Tensor:
    """The same with every draw kept and autograd through it."""
    rng = torch.Generator().manual_seed(seed)
    parts = []
    for part in logits.split(size):
        kept = []
        for _ in range(draws):
            uniform = torch.rand(part.shape, generator=rng, dtype=logits.dtype)
            kept.append(torch.softmax((part - torch.log(-torch.log(uniform))) / tau, 1))
        parts.append(torch.stack(kept).mean(0))
    return torch.cat(parts)


@pytest.mark.parametrize("tau", [0.3, 1.0, 10.0])
def test_equals_stored_draws(tau: float, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "BLOCK", 22)  # two rows of eleven at a time
    logits = drawn(5, 11).requires_grad_()
    ours, theirs = gumbel_rows(logits, 7, 6, tau), stored(logits, 7, 6, tau, 2)
    torch.testing.assert_close(ours, theirs, rtol=1e-12, atol=1e-14)
    weight = drawn(5, 11, seed=1)
    grads = [torch.autograd.grad((x * weight).sum(), logits)[0] for x in (ours, theirs)]
    torch.testing.assert_close(*grads, rtol=1e-10, atol=1e-13)


def test_its_gradient_is_that_of_finite_differences() -> None:
    logits = drawn(3, 5).requires_grad_()
    assert torch.autograd.gradcheck(lambda x: gumbel_rows(x, 3, 4, 0.7), (logits,))


def test_the_mean_of_many_hard_draws_is_a_categorical() -> None:
    """At a low temperature a draw is one item, with the softmax's probability (Gumbel-max)."""
    logits = drawn(2, 4)
    found = gumbel_rows(logits, 0, 20_000, 0.01)
    torch.testing.assert_close(found, torch.softmax(logits, 1), atol=0.015, rtol=0)


def test_noise_is_kept_until_the_next_draw() -> None:
    syn = RowsSynthetic(drawn(3, 6), interactions=4.0, draws=3, tau=1.0)
    rng = torch.Generator().manual_seed(0)
    first = syn.rows()
    assert torch.equal(first, syn.rows())
    syn.draw(rng)
    assert not torch.equal(first, syn.rows())
    other = RowsSynthetic(drawn(3, 6, seed=1), interactions=4.0, draws=3, tau=1.0)
    other.load_state_dict(syn.state_dict())
    assert torch.equal(other.rows(), syn.rows()), "the seed is part of the state"


def test_weights_sum_to_interactions_until_they_are_clipped() -> None:
    few = RowsSynthetic(drawn(3, 50), interactions=2.0, tau=10.0).rows()
    torch.testing.assert_close(few.sum(1), torch.full((3,), 2.0, dtype=torch.float64))
    many = RowsSynthetic(drawn(3, 50), interactions=1e4).rows()
    assert bool((many == 1).all())


def test_top_keeps_the_largest_weights() -> None:
    syn = RowsSynthetic(drawn(4, 9), interactions=3.0, tau=1.0, top=2)
    kept, whole = syn.export(), syn.rows().detach().float().numpy()
    assert np.diff(kept.indptr).tolist() == [2] * 4
    for row in range(4):
        assert sorted(kept[row].data) == pytest.approx(sorted(np.sort(whole[row])[-2:]))


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        ({"tau": 0.0}, "tau must be above 0, got 0"),
        ({"interactions": -1.0}, "interactions must be above 0"),
        ({"draws": -1}, "draws must be at least 0"),
        ({"top": 0}, "top must be at least 1"),
    ],
)
def test_values_that_cannot_be(bad: dict[str, float], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        RowsSynthetic(drawn(2, 3), **{"interactions": 1.0, **bad})  # type: ignore[arg-type]


def test_the_source_has_training_rows_and_no_test_items() -> None:
    task = as_interactions(toy_rows())
    real = RowsSource(task)
    assert not hasattr(real, "task")
    assert (real.num_classes, real.num_examples, real.num_items) == (1, 60, 40)
    assert real.counts.tolist() == [60]
    assert real.example_bytes == 160
    batch = real.batch()
    np.testing.assert_array_equal(batch.inputs[0].numpy(), task.train.toarray())
    assert real.interactions_per_user == pytest.approx(task.train.nnz / 60)
    rng = torch.Generator().manual_seed(0)
    some = real.batch(None, 7, rng).y
    assert some.shape == (7, 40)
    assert not torch.equal(some, real.batch(None, 7, rng).y)


def test_the_ridge_is_the_best_on_validation_items() -> None:
    task = as_interactions(toy_rows())
    real = RowsSource(task)
    x = task.train[:12]
    ridge, score = real.choose(x)
    assert real.k == 4, "a tenth of few items"
    scores = {r: InfiniteAE(r).fit(x).score(task.train, task.val, 4) for r in RIDGES}
    assert score == pytest.approx(max(scores.values()))
    assert scores[ridge] == pytest.approx(score)


def test_no_validation_items() -> None:
    task = as_interactions(toy_rows())
    none = {"train": task.train, "val": sp.csr_matrix(task.val.shape), "test": task.test}
    assert RowsSource(as_interactions(none)).scored == 0
    assert RowsSource(task).scored == int((np.diff(task.val.indptr) > 0).sum()) > 0
