"""Coresets of users: real ones, chosen; the floor that learnt users must beat.

Random; head users (most interactions); and users picked by a proxy (SVP-CF: Sachdeva et al., *On
Sampling Collaborative Filtering Datasets*, WSDM 2022, after selection via proxy: Coleman et al.,
ICLR 2020).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
import scipy.sparse as sp
import torch
from torch import Generator, Tensor

from graphcondense.core.types import Synthetic
from graphcondense.domains.rows import ChosenRows, RowsSource
from graphcondense.kernels.infinite_ae import InfiniteAE
from graphcondense.methods.coresets import Coreset
from graphcondense.ops.fields import Count, Positive, Range


@dataclass(frozen=True, kw_only=True)
class UserCoreset(Coreset):
    """What all coresets of users share: training rows, as they are. A budget counts users."""

    kind: ClassVar[str] = "rows"
    learns: ClassVar[str] = "nothing (real users)"
    cost: ClassVar[str] = "selection"

    def solve(self, real: RowsSource, rng: Generator) -> Synthetic:
        users = self.chosen(real, [torch.arange(real.num_examples)], rng)
        return ChosenRows(real.rows[users.numpy()])

    def memory_bytes(self, real: RowsSource) -> int:
        """The export, twice, if every item had a weight."""
        return 2 * int(self.sizes(real).sum()) * real.example_bytes


@dataclass(frozen=True, kw_only=True)
class RandomUsers(UserCoreset):
    """Users, uniformly."""

    name: ClassVar[str] = "random"

    def choose(self, real: RowsSource, c: int, k: int, rng: Generator) -> Tensor:
        return torch.randperm(real.num_examples, generator=rng)[:k]


@dataclass(frozen=True, kw_only=True)
class HeadUsers(UserCoreset):
    """Users with the most training interactions; ties by user order."""

    name: ClassVar[str] = "head"

    def choose(self, real: RowsSource, c: int, k: int, rng: Generator) -> Tensor:
        return _largest(np.diff(real.rows.indptr), k)


@dataclass(frozen=True, kw_only=True)
class ProxyUsers(UserCoreset):
    """Users that a proxy, trained on a few others, finds hard to predict (SVP-CF).

    A part of every user's training items is hidden. The proxy is the ∞-AE of what is left of random
    users; a user's AUC is the share of pairs of a hidden and an untaken item that it orders rightly
    from the rest of the row. The paper trains one network on all users and averages its AUC over
    epochs; a closed form has no epochs.

    Attributes:
        proxy: random users that the proxy is fitted to, at most.
        hidden: share of a user's training items that is hidden, at least one and never all; users
            of a single item are kept last.
        keep: users with the lowest AUC (``"hard"``) or the highest (``"easy"``).
        ridge: ``λ`` of the proxy.
    """

    name: ClassVar[str] = "svp"
    paper: ClassVar[str] = (
        "Sachdeva et al., On Sampling Collaborative Filtering Datasets, WSDM 2022, arXiv 2201.04768"
    )

    proxy: Count = 500
    hidden: Annotated[float, Range(0, 1, above=True, below=True)] = 0.2
    keep: Literal["hard", "easy"] = "hard"
    ridge: Positive = 1.0

    def choose(self, real: RowsSource, c: int, k: int, rng: Generator) -> Tensor:
        auc = self.auc(real, rng)
        return _largest(-auc if self.keep == "hard" else auc, k)

    def auc(self, real: RowsSource, rng: Generator) -> np.ndarray[Any, Any]:
        """The proxy's AUC of each user; infinite (so that it is kept last) where none is hidden."""
        users = torch.randperm(real.num_examples, generator=rng)[: self.proxy].numpy()
        kept, hidden = _hide(real.rows, self.hidden, rng)
        model = InfiniteAE(self.ridge, device=real.device).fit(kept[users])
        out = np.empty(real.num_examples)
        for first in range(0, len(out), model.block):
            own = slice(first, first + model.block)
            out[own] = _auc(model.predict(kept[own]), kept[own], hidden[own])
        out[np.isnan(out)] = np.inf if self.keep == "hard" else -np.inf
        return out


def _largest(score: np.ndarray[Any, Any], k: int) -> Tensor:
    return torch.from_numpy(np.argsort(-score, kind="stable")[:k].copy())


def _hide(rows: sp.csr_matrix, share: float, rng: Generator) -> tuple[sp.csr_matrix, sp.csr_matrix]:
    """Rows without a random share of each one's items, and those items."""
    sizes = np.diff(rows.indptr)
    user = np.repeat(np.arange(len(sizes)), sizes)
    order = np.lexsort((torch.rand(rows.nnz, generator=rng, dtype=torch.float64).numpy(), user))
    place = np.arange(rows.nnz) - np.repeat(rows.indptr[:-1], sizes)
    count = np.minimum(np.maximum((share * sizes).astype(np.int64), 1), sizes - 1)
    hidden = np.zeros(rows.nnz, dtype=bool)
    hidden[order] = place < count[user]
    parts = [
        sp.csr_matrix((rows.data[own], (user[own], rows.indices[own])), shape=rows.shape)
        for own in (~hidden, hidden)
    ]
    return parts[0], parts[1]


def _auc(
    scores: np.ndarray[Any, Any], kept: sp.csr_matrix, hidden: sp.csr_matrix
) -> np.ndarray[Any, Any]:
    """Share of pairs (hidden item, item not taken) in the right order, of each user; NaN if none.

    Kept items are in no pair. Ranks are those of a stable sort, as scores seldom tie.
    """
    taken, wanted = kept.toarray() != 0, hidden.toarray() != 0
    ranked = np.where(taken, -np.inf, scores)  # kept items come first and in no pair
    rank = np.argsort(np.argsort(ranked, axis=1, kind="stable"), axis=1) - taken.sum(1)[:, None]
    positives = wanted.sum(1)
    others = scores.shape[1] - taken.sum(1) - positives
    below = (rank * wanted).sum(1) - positives * (positives - 1) / 2
    pairs = positives * others
    out: np.ndarray[Any, Any] = np.where(pairs > 0, below / np.maximum(pairs, 1), np.nan)
    return out
