"""Users by items."""

from __future__ import annotations

from typing import Any

import torch

from graphcondense.core.method import Method
from graphcondense.kinds.kind import About, Kind, Measured, Setting


class RowsProblem:
    """Users by items, implicit feedback."""

    kind = "rows"
    setting = "transductive"

    def __init__(
        self,
        data: object,
        device: torch.device,
        setting: Setting,
        pseudo_labels: int | None = None,
    ) -> None:
        from graphcondense.data.interactions import as_interactions
        from graphcondense.domains.rows import RowsSource

        self.task, self.device = as_interactions(data), device
        self._source = RowsSource(self.task, device)
        self.predictor = f"∞-AE, HR@{self._source.k}"

    def source(self, method: Method) -> Any:
        """Training interactions and validation items; no test item."""
        return self._source

    @property
    def validates(self) -> bool:
        return bool(self._source.validates)

    def score(self) -> Any:
        """HR@k on validation items of the ∞-AE, its ridge chosen by it; up to 2,000 users."""
        if not self.validates:
            return None

        def score(export: object) -> float:
            return self._source.choose(export)[1]

        return score

    def finish(self, export: object) -> Any:
        from graphcondense.saved.condensed_rows import CondensedInteractions

        return CondensedInteractions(export)

    def describe(self) -> About:
        from graphcondense.saved.condensed import tensor_bytes
        from graphcondense.saved.condensed_rows import CondensedInteractions

        task = self.task
        return {
            "name": task.name,
            "digest": task.digest,
            "users": task.num_users,
            "items": task.num_items,
            "interactions": int(task.train.nnz),
            "bytes": tensor_bytes(CondensedInteractions(task.train)),
            "train": task.num_users,
            "val": int(task.val.nnz),
            "test": int(task.test.nnz),
        }

    def measure(self, small: Any) -> Measured:
        from graphcondense.saved.condensed import tensor_bytes

        sizes = {
            "users": small.num_users,
            "items": small.num_items,
            "interactions": int(small.csr.nnz),
            "row_sum": round(float(small.csr.sum()) / small.num_users, 3),
        }
        return Measured(sizes, [small.num_users], self.task.num_users, tensor_bytes(small))


ROWS = Kind(name="rows", problem=RowsProblem)
