"""Users by items."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from graphcondense.core.method import Method
from graphcondense.core.types import Source
from graphcondense.data.interactions import InteractionTask
from graphcondense.kinds.kind import About, Kind, Measured, Problem, Setting

if TYPE_CHECKING:
    import scipy.sparse as sp

    from graphcondense.evaluate.evaluator import AnyEvaluator
    from graphcondense.saved.condensed_rows import CondensedInteractions


class RowsProblem(Problem[InteractionTask, "sp.csr_matrix", "CondensedInteractions"]):
    """Users by items, implicit feedback."""

    kind = "rows"
    setting = "transductive"

    def prepare(self, setting: Setting, pseudo_labels: int | None) -> None:
        from graphcondense.domains.rows import RowsSource

        self._source = RowsSource(self.task, self.device)
        self.predictor = f"∞-AE, HR@{self._source.k}"

    def source(self, method: Method) -> Source:
        """Training interactions and validation items; no test item."""
        return self._source

    @property
    def scored(self) -> int:
        return self._source.scored

    def evaluator(self) -> AnyEvaluator:
        """Validates on at most so many users as :meth:`scorer`."""
        from graphcondense.domains.rows import SCORED
        from graphcondense.evaluate.rows import RowsEvaluator

        return RowsEvaluator(self.task, device=self.device, val_users=SCORED)

    def told(self, judges: str) -> str:
        from graphcondense.evaluate.rows import choosing_length

        return f"{judges}, HR@{choosing_length(self.task.num_items)}"

    def scorer(self) -> Callable[[sp.csr_matrix], float]:
        """HR@k on validation items of the ∞-AE, its ridge chosen by it; up to 2,000 users."""
        return lambda export: self._source.choose(export)[1]

    def finish(self, export: sp.csr_matrix) -> CondensedInteractions:
        from graphcondense.saved.condensed_rows import CondensedInteractions

        return CondensedInteractions(export)

    def about(self) -> About:
        from graphcondense.saved.condensed_rows import CondensedInteractions
        from graphcondense.saved.content import tensor_bytes

        task = self.task
        return {
            "users": task.num_users,
            "items": task.num_items,
            "interactions": int(task.train.nnz),
            "bytes": tensor_bytes(CondensedInteractions(task.train)),
        }

    def describe(self) -> About:
        task = self.task
        parts = {"train": task.num_users, "val": int(task.val.nnz), "test": int(task.test.nnz)}
        return {"name": task.name, "digest": task.digest, **self.about(), **parts}

    def measure(self, small: CondensedInteractions) -> Measured:
        from graphcondense.saved.content import tensor_bytes

        sizes = {
            "users": small.num_users,
            "items": small.num_items,
            "interactions": int(small.csr.nnz),
            "row_sum": round(float(small.csr.sum()) / small.num_users, 3),
        }
        return Measured(sizes, [small.num_users], self.task.num_users, tensor_bytes(small))


ROWS = Kind(
    name="rows", problem=RowsProblem, stored_as="users", default="distill-cf", default_each=0
)
