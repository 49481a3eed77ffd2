"""Condensed users by items: a few rows of interactions that stand in for many."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Self, TypeAlias

import numpy as np
import scipy.sparse as sp
import torch
from torch import Tensor

from graphcondense.ops.arrays import real_numbers
from graphcondense.ops.types import Floats, JsonValue, Record
from graphcondense.saved.checks import (
    Expected,
    Tensors,
    check_further,
    check_rising,
    check_tensors,
    needing,
)
from graphcondense.saved.shown import Shown

if TYPE_CHECKING:
    from torch_geometric.data import HeteroData

Matrix: TypeAlias = "sp.spmatrix | sp.sparray | Floats | Sequence[Sequence[float]]"

NAMES = ("rows", "row_ptr", "item", "weight", "num_items")
"""The tensors of condensed users, in the order in which they are stored."""

EDGE = ("user", "takes", "item")
"""The edges' type in a ``HeteroData``."""


class UsersByItems:
    """What has a matrix of users by items."""

    @property
    def _shape(self) -> tuple[int, int]:
        """Of the matrix."""
        raise NotImplementedError

    @property
    def num_users(self) -> int:
        return int(self._shape[0])

    @property
    def num_items(self) -> int:
        return int(self._shape[1])


class CondensedInteractions(UsersByItems, Shown):
    """A few users, synthetic or chosen, that stand in for many.

    Stored dense as ``rows [n, items]`` where that takes fewer bytes, else by row as ``row_ptr
    [n + 1]``, ``item`` and ``weight``, which is left out where all weights are one.

    Args:
        csr: their interactions, scipy sparse ``[n, items]``; copied, as float32, zeros left out.
        record: what is known of their making, values that JSON holds.
        further: tensors with a row for each user, such as ``{"orig_index": [n]}``; no model trains
            on them.

    Attributes:
        further: as given.
        csr: users by items, scipy CSR float32, sorted by item in each row.
        condensed: the record.

    Raises:
        ValueError: no users or items, or weights that are not finite.

    >>> small = CondensedInteractions(sp.csr_matrix([[1, 0, 0.5], [0, 1, 0]]))
    >>> small.num_users, small.num_items, small.hetero.edge_types
    (2, 3, [('user', 'takes', 'item')])
    """

    def __init__(
        self,
        csr: Matrix,
        record: Mapping[str, JsonValue] | None = None,
        further: Tensors | None = None,
    ) -> None:
        real_numbers(csr, "the matrix of users by items")
        rows = sp.csr_matrix(csr, dtype=np.float32, copy=True)
        rows.sum_duplicates()
        rows.eliminate_zeros()
        if 0 in rows.shape:
            raise ValueError(f"condensed users by items must not be empty, got {rows.shape}")
        if bad := int((~np.isfinite(rows.data)).sum()):
            raise ValueError(f"the users' weights have {bad} values that are NaN or infinite")
        self.csr = rows
        self.further = dict(further or {})
        check_further(self.further, len(self), "the users", NAMES)
        self.condensed: Record = dict(record or {})

    @property
    def _shape(self) -> tuple[int, int]:
        rows, items = self.csr.shape
        return rows, items

    def __len__(self) -> int:
        return self.num_users

    def _sizes(self) -> dict[str, int]:
        return {"users": self.num_users, "items": self.num_items}

    @property
    def hetero(self) -> HeteroData:
        """A PyG bipartite ``HeteroData``.

        Node types ``user`` and ``item`` have ``num_nodes``; the edges ``("user", "takes", "item")``
        have ``edge_index [2, m]`` int64 and ``edge_weight [m]`` float32.
        """
        from torch_geometric.data import HeteroData

        data = HeteroData()
        data["user"].num_nodes, data["item"].num_nodes = self.num_users, self.num_items
        coo = self.csr.tocoo()
        ends = np.stack([coo.row, coo.col]).astype(np.int64)
        data[EDGE].edge_index = torch.from_numpy(ends)
        data[EDGE].edge_weight = torch.from_numpy(coo.data.copy())
        return data

    def to(self, device: torch.device | str) -> Self:
        """Itself: scipy's matrices live on the CPU."""
        return self

    @property
    def others(self) -> tuple[str, ...]:
        """Names of what was set from outside, which no file keeps."""
        return tuple(sorted(vars(self).keys() - {"csr", "condensed", "further"}))

    @property
    def size(self) -> tuple[int, int, int]:
        """Users, interactions, and bytes of these as they are stored."""
        kept = [v for k, v in self.tensors.items() if k not in ("row_ptr", "num_items")]
        return self.num_users, int(self.csr.nnz), sum(v.nbytes for v in kept)

    @property
    def tensors(self) -> dict[str, Tensor]:
        """What is stored, in a fixed order."""
        csr = self.csr
        ones = bool((csr.data == 1).all())
        if 4 * csr.shape[0] * csr.shape[1] <= (4 if ones else 8) * csr.nnz:
            return {"rows": torch.from_numpy(csr.toarray())}
        out = {
            "row_ptr": torch.from_numpy(csr.indptr.astype(np.int64)),
            "item": torch.from_numpy(csr.indices.astype(np.int32)),
            "weight": torch.from_numpy(csr.data.copy()),
            "num_items": torch.tensor([csr.shape[1]]),
        }
        return {name: value for name, value in out.items() if name != "weight" or not ones}


def rows_of(tensors: Tensors, further: Tensors, record: Record) -> CondensedInteractions:
    """The users that :attr:`CondensedInteractions.tensors` gave, checked by :func:`check_rows`."""
    if "rows" in tensors:
        return CondensedInteractions(sp.csr_matrix(tensors["rows"].numpy()), record, further)
    item = tensors["item"].numpy()
    weight = tensors["weight"].numpy() if "weight" in tensors else np.ones(len(item), np.float32)
    shape = len(tensors["row_ptr"]) - 1, int(tensors["num_items"])
    return CondensedInteractions(
        sp.csr_matrix((weight, item, tensors["row_ptr"].numpy()), shape=shape), record, further
    )


def count_of(tensors: Tensors) -> int:
    """How many users the tensors are of."""
    return len(tensors["rows"]) if "rows" in tensors else len(tensors["row_ptr"]) - 1


def check_rows(tensors: Tensors, where: str, record: object, further: Tensors) -> None:
    """Raise a ValueError that starts with ``where`` unless these are condensed users."""
    need = needing(where)
    dense = "rows" in tensors
    for name in ("rows",) if dense else ("row_ptr", "item", "num_items"):
        need(name in tensors, f"{name} is missing")
    need(not dense or len(tensors) == 1, f"rows beside {sorted(tensors.keys() - {'rows'})}")
    m = tensors["item"].numel() if not dense else 0
    users = max(tensors["row_ptr"].numel() - 1, 0) if not dense else 0
    expected: Expected = {
        "rows": (tuple(tensors["rows"].shape) if dense else (), torch.float32),
        "row_ptr": ((users + 1,), torch.int64),
        "item": ((m,), torch.int32),
        "weight": ((m,), torch.float32),
        "num_items": ((1,), torch.int64),
    }
    check_tensors(tensors, expected, where)
    if dense:
        shape = tuple(tensors["rows"].shape)
        need(len(shape) == 2 and 0 not in shape, f"rows must be [users, items], got {list(shape)}")
        return check_further(further, shape[0], where)
    ptr, item, items = tensors["row_ptr"], tensors["item"], int(tensors["num_items"])
    need(users > 0, "it has no users")
    need(0 < items < 2**31, f"num_items must be 1 to {2**31 - 1:,}, got {items}")
    check_rising(ptr, m, "row_ptr", where)
    for bad_item in item[(item < 0) | (item >= items)][:1].tolist():
        need(False, f"item {bad_item} is named, but there are items 0..{items - 1}")
    check_further(further, users, where)
