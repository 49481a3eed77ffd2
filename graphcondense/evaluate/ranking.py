"""How well held-out items are ranked: HR, NDCG, PSP and AUC over users, in blocks of users.

Items that a user's context has are masked, never recommended. A user without held-out items is
skipped: means are over the others.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal, TypeAlias

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp
import torch
from torch import Generator, Tensor

Predict: TypeAlias = (
    "Callable[[sp.csr_matrix], Tensor | npt.NDArray[np.floating] | npt.NDArray[np.integer]]"
)
"""Contexts of some users, CSR ``[b, items]``, to scores ``[b, items]``, floats or counts."""

Psp = Literal["share", "published"]
"""PSP as a share of the best possible one, or as the code of ∞-AE's authors has it."""

TOP = (10, 100)
"""The lengths of the lists."""

NEGATIVES = 50
"""Random items a user that AUC sets against the held-out ones."""

BLOCK = 1024
"""Users whose scores are held at once."""


def ranking(
    predict: Predict,
    context: sp.csr_matrix,
    targets: sp.csr_matrix,
    *,
    train: sp.csr_matrix,
    top: Sequence[int] = TOP,
    psp: Psp = "share",
    seed: int = 0,
) -> dict[str, float]:
    """Every score of one model on one held-out part.

    Args:
        predict: the model.
        context: what each user is known to have taken, CSR ``[users, items]``: training for
            validation, training and validation for test.
        targets: held-out items of each user, same shape.
        train: training interactions, from which propensities are counted.
        top: lengths ``k`` of the lists; at least 1, cut at the number of items.
        psp: see :func:`psp_at`.
        seed: draws the negatives of AUC.

    Returns:
        ``HR@k``, ``NDCG@k``, ``PSP@k`` for each ``k``, and ``AUC``, all as shares.

    Raises:
        ValueError: shapes that differ, no user with held-out items, held-out items in the context,
            or scores that are not finite or of another shape.
    """
    if context.shape != targets.shape:
        raise ValueError(f"the context is {context.shape}, the held-out items are {targets.shape}")
    if bad := [k for k in top if k < 1]:
        raise ValueError(f"k={bad[0]}: a list has at least one item")
    asked = np.flatnonzero(targets.getnnz(1))
    if not len(asked):
        raise ValueError("no user has held-out items: there is nothing to score")
    rng = torch.Generator().manual_seed(seed)
    weight = torch.from_numpy(propensity(train)).float()
    sums: dict[str, Tensor] = {}
    found, others = [], []
    for users in np.array_split(asked, -(-len(asked) // BLOCK)):
        scores, known, wanted = _block(predict, context[users], targets[users])
        found.append(scores[wanted].cpu())
        others.append(scores.cpu()[_negatives(~(known | wanted).cpu(), rng)])
        scores = scores.masked_fill(known, -torch.inf)
        order = scores.topk(min(max(top), scores.shape[1])).indices
        hits = wanted.gather(1, order)
        count = wanted.sum(1)
        for k in top:
            parts = {
                f"HR@{k}": hr_at(hits, count, k),
                f"NDCG@{k}": ndcg_at(hits, count, k),
                f"PSP@{k}": psp_at(hits, order, wanted, weight.to(scores.device), k, psp),
            }
            for name, value in parts.items():
                sums[name] = sums.get(name, 0.0) + value.double().sum().cpu()
    out = {name: float(value) / len(asked) for name, value in sums.items()}
    return {**out, "AUC": auc(torch.cat(found), torch.cat(others))}


def _block(
    predict: Predict, context: sp.csr_matrix, targets: sp.csr_matrix
) -> tuple[Tensor, Tensor, Tensor]:
    """Scores, and masks of items in the context and of held-out ones, all ``[b, items]``."""
    scores = torch.as_tensor(predict(context)).detach()
    if not scores.is_floating_point():  # counts: integers have no -inf, and unsigned ones no order
        scores = scores.double()
    if tuple(scores.shape) != context.shape:
        raise ValueError(f"scores are {list(scores.shape)}, expected {list(context.shape)}")
    if not bool(scores.isfinite().all()):
        raise ValueError("the model's scores are not finite: raise its ridge or lower its rate")
    both = (torch.from_numpy(m.toarray() != 0) for m in (context, targets))
    known, wanted = (mask.to(scores.device) for mask in both)
    if bool((known & wanted).any()):
        raise ValueError("held-out items are in the context: parts must be disjoint")
    return scores, known, wanted


def hr_at(hits: Tensor, count: Tensor, k: int) -> Tensor:
    """Hit rate ``[b]``: hits among the first ``k``, over ``min(held-out items, k)``.

    ``hits [b, K]`` says whether the item at each rank is held out, ``count [b]`` how many are.

    >>> hr_at(torch.tensor([[True, False, True]]), torch.tensor([4]), 2).tolist()
    [0.5]
    """
    return hits[:, :k].sum(1) / count.clamp_max(k)


def ndcg_at(hits: Tensor, count: Tensor, k: int) -> Tensor:
    """Discounted gain over the best possible with ``min(held-out items, k)`` hits ``[b]``.

    >>> ndcg_at(torch.tensor([[True, False, False]]), torch.tensor([1]), 3).tolist()
    [1.0]
    """
    gain = 1 / torch.log2(torch.arange(2, k + 2, dtype=torch.double, device=hits.device))
    ideal = gain.cumsum(0)[count.clamp_max(k) - 1]
    kept = hits[:, :k].double()
    return (kept @ gain[: kept.shape[1]]) / ideal


def psp_at(
    hits: Tensor, order: Tensor, wanted: Tensor, weight: Tensor, k: int, psp: Psp = "share"
) -> Tensor:
    """Propensity-scored precision over the best possible ``[b]`` (Jain et al., KDD 2016).

    The summed weights of the hits, over those of the ``min(held-out items, k)`` heaviest held-out
    items. ``"published"``, the code of ∞-AE's authors, divides once more by ``min(held-out items,
    k)``: its tables have those far smaller values.

    Args:
        hits, order: whether the item at each rank is held out, and which it is ``[b, K]``.
        wanted: bool ``[b, items]``, the held-out ones.
        weight: of each item ``[items]``, see :func:`propensity`.
        k: length of the list.
        psp: which normaliser.
    """
    count = wanted.sum(1).clamp_max(k)
    reached = (hits[:, :k] * weight[order[:, :k]]).double().sum(1)
    heaviest = (wanted * weight).topk(min(k, wanted.shape[1])).values.double()
    share = reached / heaviest.sum(1)
    return share if psp == "share" else share / count


def propensity(train: sp.csr_matrix, a: float = 0.55, b: float = 1.5) -> npt.NDArray[np.floating]:
    """Inverse propensity of each item ``[items]`` (Jain et al., KDD 2016).

    ``1 + C (n_i + B)^-A`` with ``C = (ln N - 1)(B + 1)^A``, ``n_i`` the training users of the item
    and ``N`` all training interactions.

    >>> propensity(sp.csr_matrix(np.eye(3))).round(3).tolist()
    [1.099, 1.099, 1.099]
    """
    counts = np.bincount(train.indices, minlength=train.shape[1]).astype(np.float64)
    c = (np.log(max(train.nnz, 3)) - 1) * (b + 1) ** a
    weight: npt.NDArray[np.floating] = 1 + c * (counts + b) ** -a
    return weight


def _negatives(free: Tensor, rng: Generator) -> Tensor:
    """A mask of :data:`NEGATIVES` different items of each user at random, of ``free [b, items]``.

    A user who has fewer free items gives all of them.
    """
    keys = torch.rand(free.shape, generator=rng).masked_fill(~free, -1.0)
    drawn = keys.topk(min(NEGATIVES, free.shape[1])).indices
    return torch.zeros_like(free).scatter_(1, drawn, True) & free


def auc(found: Tensor, others: Tensor) -> float:
    """Share of pairs of a held-out item and a negative that are in order, pooled over all users.

    Equal scores count one half; without negatives it is NaN.

    >>> auc(torch.tensor([2.0, 1.0]), torch.tensor([1.0, 0.0]))
    0.875
    """
    if not len(others):
        return float("nan")
    others = others.sort().values
    below = torch.searchsorted(others, found).double()
    up_to = torch.searchsorted(others, found, right=True).double()
    return float((below + up_to).mean() / 2 / len(others))
