"""Vectors of users and items from the pairwise ranking loss: its gradient by hand, in the cache.

LightGCN (He et al., SIGIR 2020) is linear in its weights: with ``A`` the normalised operator of the
graph of users and items, which is symmetric, the vectors are ``V = P E`` with ``P = (I + A + ... +
A^L) / (L + 1)`` (its eq. 7 and 8), and the gradient in ``E`` is ``P`` times that in ``V``. The loss
(BPR, eq. 15) touches a few rows of ``V`` for each pair, which are taken in blocks; autograd would
hold a dozen arrays of all pairs.
"""

from __future__ import annotations

import torch
from torch import Tensor

from graphcondense.nn.batched.operators import tensor_times

_BLOCK = 2048
"""Pairs at once: their rows stay in the cache."""


def layers_mean(adj: Tensor, start: Tensor, layers: int) -> Tensor:
    """``(E + A E + ... + A^L E) / (L + 1)``, ``[n, k]``.

    Args:
        adj: ``A [n, n]``, a sparse CSR tensor.
        start: ``E [n, k]``.
        layers: ``L``; 0 gives ``E`` itself.
    """
    out, last = start.clone(), start
    for _ in range(layers):
        last = tensor_times(adj, last)
        out += last
    return out / (layers + 1)


def ranking_loss(
    vectors: Tensor, user: Tensor, liked: Tensor, other: Tensor
) -> tuple[Tensor, Tensor]:
    """Mean of ``-log σ(v_u · v_i - v_u · v_j)`` over triples, and its gradient in all vectors.

    Args:
        vectors: ``V [n, k]`` of users and items.
        user, liked, other: rows ``u``, ``i`` and ``j`` of each triple, ``[m]``.

    Returns:
        The loss, a scalar, and its gradient ``[n, k]``.

    >>> loss, slope = ranking_loss(torch.eye(3), *torch.tensor([[0], [1], [2]]))
    >>> round(float(loss), 4), slope.tolist()
    (0.6931, [[0.0, -0.5, 0.5], [-0.5, 0.0, 0.0], [0.5, 0.0, 0.0]])
    """
    loss, slope = vectors.new_zeros(()), torch.zeros_like(vectors)
    for u, i, j in zip(*(torch.split(v, _BLOCK) for v in (user, liked, other)), strict=True):
        ours = vectors.index_select(0, u)  # copies rows, three times as fast as vectors[u]
        apart = vectors.index_select(0, i) - vectors.index_select(0, j)
        margin = (ours * apart).sum(1)
        loss += torch.nn.functional.softplus(-margin).sum()
        by = (-torch.sigmoid(-margin) / len(user)).unsqueeze(1)
        slope.index_add_(0, u, by * apart)
        ours = by * ours
        slope.index_add_(0, i, ours)
        slope.index_add_(0, j, ours, alpha=-1)
    return loss / len(user), slope


def length_loss(start: Tensor, rows: Tensor, decay: float) -> tuple[Tensor, Tensor]:
    """``decay / 2m`` times the squared lengths of ``E`` at the rows of ``m`` triples, with slope.

    A row counts as often as it is named.

    Args:
        start: ``E [n, k]``.
        rows: rows of all triples, ``[3, m]``.
        decay: the weight ``λ`` of eq. 15.

    Returns:
        The loss, a scalar, and its gradient ``[n, k]``.
    """
    often = torch.bincount(rows.flatten(), minlength=len(start)).to(start.dtype).unsqueeze(1)
    slope = start * often * (decay / rows.shape[1])
    return (slope * start).sum() / 2, slope


def sorted_uniform(size: int, rng: torch.Generator) -> Tensor:
    """``size`` uniform numbers of 0 to 1 in ascending order, ``[size]`` float64.

    Sums of ``size + 1`` exponential steps by their total are distributed as uniform numbers that
    were sorted (Devroye, 1986, ch. V.3). What is looked up by them is met in order.

    >>> drawn = sorted_uniform(1000, torch.Generator().manual_seed(0))
    >>> bool((drawn.diff() >= 0).all()), round(float(drawn.mean()), 1)
    (True, 0.5)
    """
    steps = torch.empty(size + 1, dtype=torch.double).exponential_(generator=rng)
    sums = steps.cumsum(0)
    return sums[:-1] / sums[-1]
