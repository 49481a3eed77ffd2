"""Real graphs that tell most of all the others, with a teacher's soft labels."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from torch import Generator

from graphcondense.core.method import Method
from graphcondense.core.types import Synthetic
from graphcondense.domains.exchange import MOST, Exchange, choice_bytes, chosen_graphs
from graphcondense.domains.graph import ChosenGraphs, GraphSource
from graphcondense.ops.fields import Count, Natural, Positive


@dataclass(frozen=True, kw_only=True)
class ExchangeGraphs(Method[GraphSource]):
    """The training graphs from which ridge regression predicts all of them best, by exchanges.

    No network is trained, and none is preferred. The graphs are real ones, so that every
    architecture finds in them what it computes with, and they take few bytes:

    1. A teacher in closed form, :class:`~graphcondense.domains.graph_teachers.GraphTeacher`, gives
       each training graph a soft label: its own label, mixed with what ridge regression on the
       *other* training graphs says of it.
    2. Every graph is seen in four ways: the means over nodes of ``X, ÂX, Â²X, Â³X``, and the
       readouts of four untrained networks each of GCN, GIN and GraphSAGE.
    3. A choice ``S`` is judged by the mean over these views of
       ``min over c >= 0 of ‖c K_:S (K_SS + λ tr(K_SS)/n I)⁻¹ Y_S - T‖²``: how well ridge regression
       on its graphs predicts, up to its scale, the teacher's labels ``T`` of all training graphs,
       every group of which counts the same. As ``K W K`` is known, a choice of ``n`` graphs costs
       ``n³``.
    4. The best of ``draws`` random choices is improved by exchanges (Fedorov, Theory of Optimal
       Experiments, 1972): each graph in turn gives way to the best of ``tries`` others of its
       group, if that is better, in at most ``sweeps`` rounds.

    It is this package's own, not a paper's. No validation label is read.

    Attributes:
        labels: of the chosen graphs. ``"hard"``: their own; ``"soft"``: the teacher's,
            probabilities ``[C]`` of classes or ``[T]`` of binary tasks. Targets of regression are
            mixed in the same way.
        draws: random choices at first.
        sweeps: rounds of exchanges at most; 0 leaves the best random choice.
        tries: others that are compared for each place. Choices of many graphs are compared less
            often, so that time stays bounded.
        ridge: ``λ``.
        edge_features: also export the edges' features, which untrained networks then see.
        most: training graphs that are looked at; of more so many at random, in equal shares of each
            group as far as it has them.
    """

    name = "exchange"
    kind = "graph"
    family = "subset selection (kernel ridge)"
    learns = "nothing (real graphs); soft labels"
    cost = "closed form"

    labels: Literal["hard", "soft"] = "hard"
    draws: Count = 200
    sweeps: Natural = 3
    tries: Count = 100
    ridge: Positive = 0.1
    edge_features: bool = False
    most: Count = MOST

    def example_bytes(self, real: GraphSource) -> int:
        soft = self.labels == "soft" and real.task.label_kind == "classes"
        return real.example_bytes + (4 * real.num_classes - 8 if soft else 0)

    def memory_bytes(self, real: GraphSource) -> int:
        """The export, and kernels between all graphs that are looked at: of each view two in single
        precision, and some in double on the way."""
        chosen = int(self.sizes(real).sum())
        return chosen * real.example_bytes + choice_bytes(real, chosen, self.most)

    def solve(self, real: GraphSource, rng: Generator) -> Synthetic:
        exchange = Exchange(self.draws, self.sweeps, self.tries, self.ridge)
        sizes = self.sizes(real).tolist()
        chosen = chosen_graphs(real, real.members, sizes, rng, exchange, self.most)
        graphs = real.task.batch(chosen.index)
        if not self.edge_features:
            graphs = replace(graphs, edge_attr=None)
        if self.labels == "soft":
            graphs = replace(graphs, y=chosen.soft.cpu())
        return ChosenGraphs(graphs)
