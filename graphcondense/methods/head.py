"""Users with the most interactions: a baseline."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from torch import Generator, Tensor

from graphcondense.domains.coresets import UserCoreset, largest
from graphcondense.domains.rows import RowsSource


@dataclass(frozen=True, kw_only=True)
class HeadUsers(UserCoreset):
    """Users with the most training interactions; ties by user order."""

    name = "head"

    def choose(self, real: RowsSource, c: int, k: int, rng: Generator) -> Tensor:
        return largest(np.diff(real.rows.indptr), k)
