"""SVP-CF (Sachdeva et al., WSDM 2022, arXiv 2201.04768), for users by items.

After selection via proxy (Coleman et al., ICLR 2020).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp
import torch
from torch import Generator, Tensor

from graphcondense.domains.coresets import UserCoreset, largest
from graphcondense.domains.rows import RowsSource
from graphcondense.kernels.infinite_ae import InfiniteAE
from graphcondense.ops.fields import Count, Positive, Range

Floats = npt.NDArray[np.floating]


@dataclass(frozen=True, kw_only=True)
class ProxyUsers(UserCoreset):
    """Users that a proxy, trained on a few others, finds hard to predict (SVP-CF).

    A part of every user's training items is hidden. The proxy is the ∞-AE of what is left of random
    users (the paper: one network of all); a user's AUC is the share of pairs of a hidden and an
    untaken item that it orders rightly from the rest of the row.

    Attributes:
        proxy: random users that the proxy is fitted to, at most.
        hidden: share of a user's training items that is hidden, at least one and never all; users
            of a single item are kept last.
        keep: users with the lowest AUC (``"hard"``) or the highest (``"easy"``).
        ridge: ``λ`` of the proxy.
    """

    name = "svp"
    paper = (
        "Sachdeva et al., On Sampling Collaborative Filtering Datasets, WSDM 2022, arXiv 2201.04768"
    )

    proxy: Count = 500
    hidden: Annotated[float, Range(0, 1, above=True, below=True)] = 0.2
    keep: Literal["hard", "easy"] = "hard"
    ridge: Positive = 1.0

    def choose(self, real: RowsSource, c: int, k: int, rng: Generator) -> Tensor:
        auc = self.auc(real, rng)
        return largest(-auc if self.keep == "hard" else auc, k)

    def auc(self, real: RowsSource, rng: Generator) -> Floats:
        """The proxy's AUC of each user; infinite (so that it is kept last) where none is hidden."""
        users = torch.randperm(real.num_examples, generator=rng)[: self.proxy].numpy()
        kept, hidden = _hide(real.rows, self.hidden, rng)
        model = InfiniteAE(self.ridge, device=real.device).fit(kept[users])
        out = np.empty(real.num_examples)
        for first in range(0, len(out), model.block):
            block = slice(first, first + model.block)
            out[block] = _auc(model.predict(kept[block]), kept[block], hidden[block])
        out[np.isnan(out)] = np.inf if self.keep == "hard" else -np.inf
        return out


def _hide(rows: sp.csr_matrix, share: float, rng: Generator) -> tuple[sp.csr_matrix, sp.csr_matrix]:
    """Rows without a random share of each one's items, and those items."""
    sizes = np.diff(rows.indptr)
    user = np.repeat(np.arange(len(sizes)), sizes)
    order = np.lexsort((torch.rand(rows.nnz, generator=rng, dtype=torch.float64).numpy(), user))
    place = np.arange(rows.nnz) - np.repeat(rows.indptr[:-1], sizes)
    count = np.minimum(np.maximum((share * sizes).astype(np.int64), 1), sizes - 1)
    hidden = np.zeros(rows.nnz, dtype=bool)
    hidden[order] = place < count[user]
    shown, hid = (
        sp.csr_matrix((rows.data[which], (user[which], rows.indices[which])), shape=rows.shape)
        for which in (~hidden, hidden)
    )
    return shown, hid


def _auc(scores: Floats, kept: sp.csr_matrix, hidden: sp.csr_matrix) -> Floats:
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
    out: Floats = np.where(pairs > 0, below / np.maximum(pairs, 1), np.nan)
    return out
