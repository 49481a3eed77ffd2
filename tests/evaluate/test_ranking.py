"""Ranking metrics, held to loops over users and ranks."""

from __future__ import annotations

import math

import numpy as np
import pytest
import scipy.sparse as sp
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from graphcondense.evaluate import ranking as module
from graphcondense.evaluate.ranking import auc, propensity, ranking


def problem(seed: int, users: int = 9, items: int = 14):
    """Context, held-out items of most users, and scores without ties.

    The context's values number the users.
    """
    rng = np.random.default_rng(seed)
    part = rng.integers(0, 5, (users, items))
    part[0, part[0] == 1] = 2  # a user without held-out items
    part[1, 1] = 1
    part[:, 0] = 0
    context = sp.csr_matrix((part == 0) * np.arange(1.0, users + 1)[:, None])
    held = sp.csr_matrix((part == 1).astype(np.float32))
    return context, held, torch.from_numpy(rng.permutation(users * items).reshape(users, items))


def by_rows(context: sp.csr_matrix, scores: torch.Tensor):
    """A model that knows its users by the values of their contexts."""

    def predict(rows: sp.csr_matrix) -> torch.Tensor:
        return scores[rows.max(1).toarray().ravel().astype(int) - 1].double()

    return predict


def by_hand(context, held, scores, train, k, published=False) -> dict[str, float]:
    """The definitions, user by user and rank by rank, in float64."""
    n = np.asarray(train.astype(bool).sum(0)).ravel()
    c = (math.log(train.nnz) - 1) * (1.5 + 1) ** 0.55
    weight = [1 + c * (count + 1.5) ** -0.55 for count in n]
    hr, ndcg, psp = [], [], []
    for u in range(context.shape[0]):
        wanted = set(held[u].indices)
        if not wanted:
            continue
        seen = set(context[u].indices)
        free = [i for i in range(context.shape[1]) if i not in seen]
        order = sorted(free, key=lambda i: -float(scores[u, i]))[:k]
        most = min(len(wanted), k)
        hr.append(sum(i in wanted for i in order) / most)
        dcg = sum(1 / math.log2(r + 2) for r, i in enumerate(order) if i in wanted)
        ndcg.append(dcg / sum(1 / math.log2(r + 2) for r in range(most)))
        best = sum(sorted((weight[i] for i in wanted), reverse=True)[:most])
        reached = sum(weight[i] for i in order if i in wanted)
        psp.append(reached / best / (most if published else 1))
    return {
        f"HR@{k}": np.mean(hr),
        f"NDCG@{k}": np.mean(ndcg),
        f"PSP@{k}": np.mean(psp),
    }


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("block", [2, 1024])
def test_against_loops(seed: int, block: int, monkeypatch: pytest.MonkeyPatch) -> None:
    context, held, scores = problem(seed)
    monkeypatch.setattr(module, "BLOCK", block)
    train = sp.csr_matrix(context)
    for psp in ("share", "published"):
        found = ranking(
            by_rows(context, scores), context, held, train=train, top=(1, 3, 14, 50), psp=psp
        )
        for k in (1, 3, 14, 50):
            wanted = by_hand(context, held, scores, train, k, psp == "published")
            for name, value in wanted.items():
                assert found[name] == pytest.approx(value, rel=1e-6), name


def test_auc_against_pairs(monkeypatch: pytest.MonkeyPatch) -> None:
    """With all free items as negatives AUC is the share of ordered pairs, before masking."""
    context, held, scores = problem(3)
    monkeypatch.setattr(module, "NEGATIVES", 14)
    found = ranking(by_rows(context, scores), context, held, train=context)["AUC"]
    asked = np.flatnonzero(held.getnnz(1))
    value = scores.numpy()[asked]
    wanted = held.toarray()[asked] > 0
    free = ~wanted & (context.toarray()[asked] == 0)
    pairs = [(a > b) + (a == b) / 2 for a in value[wanted].tolist() for b in value[free].tolist()]
    assert found == pytest.approx(np.mean(pairs))


def test_negatives_are_free_different_and_seeded() -> None:
    free = torch.rand(40, 300) < 0.5
    free[0] = False
    free[1, 3:] = False
    free[1, :3] = True
    draws = [module._negatives(free, torch.Generator().manual_seed(seed)) for seed in (0, 0, 1)]
    assert bool((draws[0] <= free).all())
    assert draws[0].sum(1).tolist() == [0, 3] + [50] * 38
    assert torch.equal(draws[0], draws[1])
    assert not torch.equal(draws[0], draws[2])


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(0, 5), min_size=1), st.lists(st.integers(0, 5), min_size=1))
def test_auc_with_ties(found: list[int], others: list[int]) -> None:
    pairs = [(a > b) + (a == b) / 2 for a in found for b in others]
    assert auc(torch.tensor(found), torch.tensor(others)) == pytest.approx(np.mean(pairs))


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**16))
def test_properties(seed: int) -> None:
    """Shares lie in [0, 1]; a perfect model has one everywhere, its opposite nothing at k = 1."""
    context, held, scores = problem(seed)
    own = ranking(by_rows(context, scores), context, held, train=context, top=(1, 5))
    assert all(0 <= value <= 1 for value in own.values())
    assert own["HR@1"] == own["NDCG@1"] <= 1
    right = torch.from_numpy(held.toarray())
    best = ranking(by_rows(context, right), context, held, train=context, top=(14,))
    assert best["HR@14"] == best["NDCG@14"] == best["AUC"] == 1
    assert best["PSP@14"] == pytest.approx(1)
    worst = ranking(by_rows(context, -right), context, held, train=context, top=(1,))
    assert worst["AUC"] == 0
    # any increasing function of the scores ranks the same
    again = ranking(by_rows(context, scores.double().exp2().log1p()), context, held, train=context)
    first = ranking(by_rows(context, scores), context, held, train=context)
    assert again == pytest.approx(first)


def test_seen_items_are_masked() -> None:
    """Enormous scores of what a user has seen change nothing."""
    context, held, scores = problem(1)
    loud = scores + 1e6 * torch.from_numpy(context.toarray() > 0)
    quiet = ranking(by_rows(context, scores), context, held, train=context)
    assert ranking(by_rows(context, loud), context, held, train=context) == quiet


@pytest.mark.parametrize("kind", [np.uint8, np.uint32, np.int64, np.float16])
def test_counts_rank_as_floats_do(kind: type) -> None:
    context, held, scores = problem(4)
    counts = scores.numpy() // 2  # 0 among them

    def found(kind: type) -> dict[str, float]:
        by_type = torch.from_numpy(counts.astype(np.float64))
        rows = by_rows(context, by_type)
        return ranking(lambda some: rows(some).numpy().astype(kind), context, held, train=context)

    assert counts.min() == 0
    assert counts.max() < 256
    assert found(kind) == found(np.float64)


def test_users_without_held_out_items_are_skipped() -> None:
    context, held, scores = problem(2)
    asked = np.flatnonzero(held.getnnz(1))
    assert len(asked) < context.shape[0]
    all_users = ranking(by_rows(context, scores), context, held, train=context)
    few = ranking(by_rows(context, scores), context[asked], held[asked], train=context)
    assert all_users == pytest.approx(few)
    with pytest.raises(ValueError, match="no user has held-out items"):
        ranking(by_rows(context, scores), context, sp.csr_matrix(held.shape), train=context)


def test_without_a_negative_auc_is_not_a_number() -> None:
    context = sp.csr_matrix(np.array([[1.0, 0.0]]))
    held = sp.csr_matrix(np.array([[0.0, 1.0]]))
    found = ranking(lambda rows: torch.ones(1, 2), context, held, train=context)
    assert found["HR@10"] == 1
    assert math.isnan(found["AUC"])


def test_bad_input() -> None:
    context, held, scores = problem(0)
    predict = by_rows(context, scores)
    with pytest.raises(ValueError, match=r"the context is \(9, 14\), the held-out items are"):
        ranking(predict, context, held[:3], train=context)
    with pytest.raises(ValueError, match="k=0: a list has at least one item"):
        ranking(predict, context, held, train=context, top=(0,))
    with pytest.raises(ValueError, match="held-out items are in the context"):
        ranking(predict, context, context, train=context)
    with pytest.raises(ValueError, match=r"scores are \[8, 3\], expected \[8, 14\]"):
        ranking(lambda rows: torch.zeros(rows.shape[0], 3), context, held, train=context)
    with pytest.raises(ValueError, match="not finite"):
        ranking(lambda rows: torch.full(rows.shape, torch.nan), context, held, train=context)


def test_propensity() -> None:
    train = sp.csr_matrix(np.array([[1, 1, 0], [1, 0, 0.0], [1, 1, 0]]))
    c = (math.log(5) - 1) * 2.5**0.55
    wanted = [1 + c * (n + 1.5) ** -0.55 for n in (3, 2, 0)]
    assert propensity(train).tolist() == pytest.approx(wanted)
