"""A method of one's own: its fields are its options, its parts run in the common loop."""

from dataclasses import dataclass

import graphcondense
from graphcondense.core import Fresh, Parts, Schedule
from graphcondense.domains.node import NodeSynthetic
from graphcondense.domains.starts import start_nodes
from graphcondense.nn.propagate import MODELS


@dataclass(frozen=True, kw_only=True)
class MeanMatching(graphcondense.Method):
    """Learns nodes that random networks see, on average, as they see the nodes of a class.

    Attributes:
        steps: updates, each through a new network.
        lr_x: learning rate of the features (Adam).
    """

    name, kind = "mean-matching", "node"

    steps: int = 200
    lr_x: float = 0.01

    def parts(self, real, rng):
        x, y = start_nodes(real, self.sizes(real), init="random", hops=2, rng=rng)
        network = MODELS["sgc"](real.num_features, 64, real.num_classes)
        return Parts(
            syn=NodeSynthetic(x, y, num_classes=real.num_classes),
            objective=distance_of_means,
            pool=Fresh(network),
            schedule=Schedule(self.steps, {"x": self.lr_x}),
        )


def distance_of_means(syn, real, learner, rng):
    """Squared distance of the mean features of each class, the number to minimise."""
    distance = 0
    for c, small in enumerate(syn.batches()):
        mean, target = learner.features(small).mean(0), learner.features(real.batch(c)).mean(0)
        distance += (mean - target).square().sum()
    return distance


if __name__ == "__main__":
    data = graphcondense.data.load("digits")
    small = {
        name: graphcondense.condense(data, name, nodes=50, progress=False)
        for name in ("mean-matching", "kcenter")
    }
    report = graphcondense.evaluate.evaluate(
        small, data, models=["GCN"], baselines=["random"], seeds=3, epochs=100, progress=False
    )
    print(report.table())
