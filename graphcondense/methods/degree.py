"""Nodes of great degree: a baseline."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from torch import Generator, Tensor

from graphcondense.domains.coresets import NodeCoreset, largest
from graphcondense.domains.node_source import NodeSource


@dataclass(frozen=True, kw_only=True)
class Degree(NodeCoreset):
    """Training nodes of the greatest weighted in-degree; ties by node order."""

    name = "degree"

    def choose(self, real: NodeSource, c: int, k: int, rng: Generator) -> Tensor:
        score = np.asarray(real.task.adj.sum(1)).ravel()
        return largest(score[self.members(real, c).numpy()], k)
