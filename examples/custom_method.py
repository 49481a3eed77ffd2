"""A method of one's own: subclassing registers it, its fields are its options.

A package installs one for everybody with an entry point of the group "graphcondense.methods".
"""

from dataclasses import dataclass
from typing import ClassVar

import torch

import graphcondense
from graphcondense.domains.node import NodeSynthetic
from graphcondense.domains.structure import Identity


@dataclass(frozen=True, kw_only=True)
class GroupMeans(graphcondense.Method):
    """Every condensed node is the mean of a random group of its class.

    Attributes:
        hops: how often features are propagated first.
    """

    name: ClassVar[str] = "group-means"
    kind: ClassVar[str] = "node"
    learns: ClassVar[str] = "features"

    hops: int = 2

    def condense(self, real, *, rng, callbacks=(), resume=None):
        x, rows, y = real.propagated(self.hops), [], []
        for c, k in enumerate(self.sizes(real).tolist()):
            members = (real.labels == c).nonzero().flatten()
            shuffled = members[torch.randperm(len(members), generator=rng)]
            rows += [x[group].mean(0) for group in shuffled.tensor_split(k)]
            y += [c] * k
        classes = real.num_classes
        y = torch.tensor(y)
        return NodeSynthetic(torch.stack(rows), y, Identity(), threshold=0.0, num_classes=classes)


if __name__ == "__main__":
    data = graphcondense.data.load("digits")
    small = {
        name: graphcondense.condense(data, name, nodes=50) for name in ("group-means", "kcenter")
    }
    report = graphcondense.evaluate.evaluate(
        small, data, models=["GCN"], baselines=["random"], seeds=3, epochs=100, progress=False
    )
    print(report.table())
