from dataclasses import dataclass
from typing import ClassVar

import torch

import graphcondense
from graphcondense.core.method import Parts
from graphcondense.core.pools import Idle
from graphcondense.core.types import Schedule
from graphcondense.domains.node import NodeSynthetic, start_features
from graphcondense.domains.structure import Identity


@dataclass(frozen=True, kw_only=True)
class Moments(graphcondense.Method):
    """Nodes with the class means and variances of the real ones, in random directions R.

    ``min_X' E_R Σ_c ‖mean(Â^hops X_c R) - mean(X'_c R)‖² + ‖var(Â^hops X_c R) - var(X'_c R)‖²``
    """

    name: ClassVar[str] = "moments"
    kind: ClassVar[str] = "node"
    learns: ClassVar[str] = "features"
    cost: ClassVar[str] = "one loop"

    hops: int = 2
    steps: int = 200

    def parts(self, real, rng):
        sizes, rows, n = self.sizes(real), real.propagated(self.hops), real.num_classes
        x = start_features(real, sizes, "random", self.hops, rng)
        y = torch.arange(n).repeat_interleave(sizes)
        syn = NodeSynthetic(x, y, Identity(), threshold=0.0, num_classes=n)

        def objective(syn, real, learner, rng):
            r = torch.randn(rows.shape[1], 64, generator=rng)
            loss = torch.zeros(())
            for c in range(n):
                a, b = rows[real.labels == c] @ r, syn.x[syn.y == c] @ r
                loss = loss + (a.mean(0) - b.mean(0)).square().sum()
                loss = loss + (a.var(0, False) - b.var(0, False)).square().sum()
            return loss

        schedule = Schedule(self.steps, {"x": 0.01})
        return Parts(syn=syn, objective=objective, pool=Idle(), schedule=schedule)
