"""A condensed graph: PyG's ``Data`` with a record that batches leave alone."""

from __future__ import annotations

import copy
from typing import Any, Self

from torch_geometric.data import Data


class CondensedGraph(Data):  # type: ignore[misc]
    """A small graph, or images, that stands in for a large set; PyG's ``Data`` in every respect.

    What is known of its making stays with copies, pickles and transforms, but is no attribute that
    PyG collates: records differ in their keys. So a batch of condensed graphs, and the graphs that
    are taken out of one, have an empty record.

    Attributes:
        condensed: the record, values that JSON holds; a dict.

    >>> import torch
    >>> small = CondensedGraph(x=torch.eye(2), condensed={"method": "by hand"})
    >>> small, small.clone().condensed, "condensed" in small
    (CondensedGraph(x=[2, 2]), {'method': 'by hand'}, False)
    """

    @property
    def condensed(self) -> Any:
        return self.__dict__.setdefault("_record", {})

    @condensed.setter
    def condensed(self, record: Any) -> None:
        self.__dict__["_record"] = {} if record is None else record

    def clone(self, *args: str) -> Self:
        out = super().clone(*args)
        out.condensed = copy.deepcopy(self.condensed)
        return out  # type: ignore[no-any-return]
