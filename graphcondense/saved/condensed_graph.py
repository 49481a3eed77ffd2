"""A condensed graph and condensed images: PyG's ``Data`` with a record of their making."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Self

from torch_geometric.data import Data

from graphcondense.saved.shown import Shown

if TYPE_CHECKING:
    from graphcondense.ops.types import Record


class Recorded(Shown, Data):  # type: ignore[misc]
    """PyG's ``Data`` with a record, in every respect a ``Data``.

    What is known of its making stays with copies, pickles and transforms, but is no attribute that
    PyG collates: records differ in their keys. So a batch of condensed sets, and what is taken out
    of one, has an empty record.

    Attributes:
        condensed: the record, values that JSON holds; a dict.
    """

    @property
    def condensed(self) -> Record:
        record: Record = self.__dict__.setdefault("_record", {})
        return record

    @condensed.setter
    def condensed(self, record: Record | None) -> None:
        self.__dict__["_record"] = {} if record is None else record

    def clone(self, *args: str) -> Self:
        out = super().clone(*args)
        out.condensed = copy.deepcopy(self.condensed)
        return out  # type: ignore[no-any-return]


class CondensedGraph(Recorded):
    """A small graph that stands in for a large one.

    >>> import torch
    >>> small = CondensedGraph(x=torch.eye(2), edge_index=torch.tensor([[0], [1]]))
    >>> small.condensed = {"method": "by hand", "data": {"name": "toy", "nodes": 40}}
    >>> small, "condensed" in small
    (CondensedGraph(by hand, 2 nodes, 1 edge, 5.0 % of toy), False)
    >>> small.clone().condensed["method"]
    'by hand'
    """

    def _sizes(self) -> dict[str, int]:
        return {"nodes": int(self.num_nodes or 0), "edges": int(self.num_edges)}


class CondensedImages(Recorded):
    """A few images that stand in for many: ``x [n, c, h, w]``, ``y [n]``, and no edges."""

    def _sizes(self) -> dict[str, int]:
        return {"images": int(self.num_nodes or 0)}
