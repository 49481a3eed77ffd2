"""A checked users-by-items problem: what every rows method and every recommender starts from."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Literal, TypeAlias

import numpy as np
import scipy.sparse as sp

from graphcondense.ops.as_read import as_read
from graphcondense.saved.condensed_rows import CondensedInteractions, UsersByItems

Duplicates = Literal["merge", "count"]
"""What becomes of a pair of user and item that occurs several times: one 1, or their number."""

Array: TypeAlias = "np.ndarray"

SPLITS = ("train", "val", "test")


@dataclass(frozen=True, repr=False)
class InteractionTask(UsersByItems):
    """Who took what, in three parts of one shape, checked.

    Attributes:
        train: CSR float32 ``[users, items]``; 1 where a user took an item (with
            ``duplicates="count"`` how often). Every user has at least one.
        val, test: held-out items of the users, 1 each, same shape. A user may have none: metrics
            skip such a user. Nothing lies in two parts.
        name: what to call the data in a report.
        user_ids, item_ids: what rows and columns were called in the source; ``None`` if 0, 1, ...
        dropped_users: how many users were left out, as they had fewer than three items.
    """

    train: sp.csr_matrix
    val: sp.csr_matrix
    test: sp.csr_matrix
    name: str = "interactions"
    user_ids: Array | None = None
    item_ids: Array | None = None
    dropped_users: int = 0

    def __repr__(self) -> str:
        parts = ", ".join(f"{s} {getattr(self, s).nnz:,}" for s in SPLITS)
        return (
            f"InteractionTask({self.name!r}, {self.num_users:,} users, {self.num_items:,} items; "
            f"interactions: {parts})"
        )

    @property
    def unlabelled(self) -> Mapping[str, int]:
        """Of ``val`` and ``test``, how many users have no item there: scores leave them out."""
        parts = {"val": self.val, "test": self.test}
        return {"train": 0, **{k: int((m.getnnz(1) == 0).sum()) for k, m in parts.items()}}

    @property
    def _shape(self) -> tuple[int, int]:
        users, items = self.train.shape
        return users, items

    @property
    def size(self) -> tuple[int, int, int]:
        """Users, interactions of the training part, and bytes of these as they are stored."""
        return CondensedInteractions(self.train).size

    @cached_property
    def seen(self) -> sp.csr_matrix:
        """Training and validation items together: the context in which test items are predicted."""
        return (self.train + self.val).tocsr()

    @cached_property
    def unseen_items(self) -> int:
        """Held-out items that nobody has in training.

        Their columns stay, no model can rank them well, and metrics count them as any other.
        """
        items = np.unique(np.concatenate([self.val.indices, self.test.indices]))
        return int((np.bincount(self.train.indices, minlength=self.num_items)[items] == 0).sum())

    @as_read
    def digest(self) -> str:
        """SHA-256 (first 16 hex digits) of the training and validation interactions.

        Test items are left out: condensing never sees them.
        """
        h = hashlib.sha256()
        for part in (self.train, self.val):
            h.update(f"{part.shape}".encode())
            for values in (part.indptr, part.indices):
                h.update(values.astype(np.int64).tobytes())
            h.update(part.data.tobytes())
        return h.hexdigest()[:16]

    def users(self, rows: object, name: str | None = None) -> InteractionTask:
        """The task of the users ``rows`` (indices) alone, in that order.

        Args:
            rows: indices of users.
            name: of the new task; by default this one's.
        """
        kept = np.asarray(rows)
        return replace(
            self,
            train=self.train[kept],
            val=self.val[kept],
            test=self.test[kept],
            name=name or self.name,
            user_ids=None if self.user_ids is None else self.user_ids[kept],
        )
