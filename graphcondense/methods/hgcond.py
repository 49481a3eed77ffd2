"""HGCond (Gao et al., TKDE 2024): heterogeneous graphs by clusters and matched gradients."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Generator

from graphcondense.core.method import LABEL_KINDS, Parts
from graphcondense.core.pools import Draws, Fresh, Turns, built, independent, inner_adam, orthogonal
from graphcondense.core.types import Schedule
from graphcondense.domains.coarse import seeded
from graphcondense.domains.hetero import HeteroMethod, HeteroSource
from graphcondense.domains.hetero_matching import COLUMNS, LearntHetero, SeenByPaths
from graphcondense.domains.hetero_quotient import grouped, grouped_bytes, mean_labels, quotient_of
from graphcondense.domains.hetero_teachers import HeteroTeacher
from graphcondense.domains.node import scale_of
from graphcondense.domains.quotients import groups_of
from graphcondense.nn.propagate import SGC
from graphcondense.objectives.gradient import GradientMatching
from graphcondense.ops.criteria import CRITERIA
from graphcondense.ops.fields import Count, Natural, NonNegative, Positive

DRAWS: Mapping[str, Draws] = {"orthogonal": orthogonal, "independent": independent}


@dataclass(frozen=True, kw_only=True)
class HGCond(Turns, HeteroMethod):
    """Clusters of nodes of every type, whose features are learnt by matching gradients.

    1. *Clusters.* K-means parts the nodes of every type into as many groups as the budget gives,
       those of the target type within classes. Features start as the means of members, and two
       groups are joined where members are, which leaves most pairs apart.
    2. *Matching.* ``min_X E_θ0 Σ_t Σ_c r_c D(∇loss(S_c; θ_t), ∇loss(T_c; θ_t))`` over the features
       ``X`` of all types, as in GCond (Jin et al., ICLR 2022, eq. 5), where ``θ_{t+1}`` is trained
       on ``S``. The network is linear: a layer for each type of nodes, ``hops`` means over
       relations (:func:`~graphcondense.domains.hetero_matching.propagated`) and a layer for
       classes; so the real side is propagated once, and gradients have a closed form.
    3. *Orthogonal parameter sequences.* Networks do not start independently: a column of a weight
       is at right angles to those of the networks before it, until there is no further direction
       (:func:`~graphcondense.core.pools.orthogonal`).

    The paper's text was not at hand. By its abstract clusters take the place of labels at the
    start, connections follow from them and are sparse, and parameters are explored in orthogonal
    sequences. The rest is what its published code does, but for:

    * *Clusters.* The code parts hidden states of a network that is trained on the real graph, and
      gives a cluster the commonest label of its training members, so that some have none. Here
      :class:`~graphcondense.domains.hetero_teachers.HeteroTeacher`, in closed form, says the
      classes of unlabelled nodes, and no cluster has nodes of two classes
      (:func:`~graphcondense.domains.hetero_quotient.grouped`).
    * *Weights of relations.* The code learns them, by an MLP of the features at both ends. Here
      they stay the means that clusters give
      (:func:`~graphcondense.domains.hetero_quotient.quotient_of`), as GCond-X learns no edges.
    * *The network.* The code has a ReLU behind the layer of each type, and sums over relations that
      are normalised on both sides, three times, where a node's own states weigh 0.01. Here all is
      linear, as in SGC, and means, as in the networks that learn from the condensed graph.
    * *The loss.* The code hands logits without a softmax to the negative log-likelihood, which has
      no lower bound. Here it is cross-entropy.
    * *Labels that are no classes.* The paper has classes alone. Binary tasks and numbers are the
      means of what the teacher says of members, in the groups that stand for classes.
    * *The distance.* The code compares the gradients of all classes together, one cosine for each
      input of a layer. Here classes are compared one by one, and outputs, as GCond does.

    Attributes:
        inner: training steps on the condensed graph between two comparisons.
        lr_model: Adam's learning rate of that training.
        outer: comparisons in each network; the published code has three, as here.
        epochs: networks in all; the published code has 128.
        lr_x: Adam's learning rate of the features of each type, in root mean squares of these at
            the start.
        hidden_channels: width of the network.
        hops: relations that follow each other in what it sees.
        own: weight of a node's own states beside those that a relation brings.
        draws: ``"orthogonal"`` sequences of networks, or ``"independent"`` ones.
        weight: of features beside soft labels in the clustering.
        dims: leading singular vectors of features that the clustering sees.
        cut: weights of relations below it are left out.
    """

    name = "hgcond"
    paper = "Gao et al., Heterogeneous Graph Condensation, TKDE 2024, doi 10.1109/TKDE.2024.3362863"
    family = "gradient matching"
    learns = "features of all types (relations are those of clusters)"
    cost = "two loops"
    chooses = True
    assigns = True
    label_kinds = LABEL_KINDS

    epochs: Natural = 50
    outer: Count = 3
    inner: Natural = 1
    lr_model: NonNegative = 0.1
    lr_x: NonNegative = 0.03
    hidden_channels: Count = 64
    hops: Count = 2
    own: Positive = 1.0
    draws: Literal["orthogonal", "independent"] = "orthogonal"
    weight: NonNegative = 0.5
    dims: Count = 128
    cut: NonNegative = 0.01

    def memory_bytes(self, real: HeteroSource) -> int:
        """The start; what training nodes hear, sorted by class as well; a few features of all nodes
        as they are propagated; of the condensed graph features, gradients, two moments, the best,
        the export, and what it hears; a sequence of networks; and gradients of classes."""
        task, sizes = real.task, self.sizes(real)
        widths, n = task.graph.widths, int(sizes.sum())
        counts = self.counts(real, n)
        wide = sum(widths.values())
        floats = (
            3 * len(task.train) * wide
            + 3 * sum(task.graph.counts.values()) * min(COLUMNS, max(widths.values()))
            + 6 * sum(counts[kind] * width for kind, width in widths.items())
            + n * (sum(counts.values()) + 3 * wide)
            + 2 * self.hidden_channels**2 * wide
            + 12 * real.num_classes**2 * (wide + self.hidden_channels)
        )
        return grouped_bytes(real, self.dims) + 4 * floats

    def parts(self, real: HeteroSource, rng: Generator) -> Parts:
        task, syn = real.task, self._start(real, rng).to(real.device)
        sizes = sum(task.graph.widths.values()), self.hidden_channels, task.num_outputs
        model = built(SGC, *sizes, bias=False, hops=0).to(real.device)
        pool = Fresh(
            model,
            self.outer,
            self.inner,
            inner_adam(self.lr_model),
            CRITERIA[task.label_kind],
            draws=DRAWS[self.draws],
        )
        rates = {name: self.lr_x * scale_of(x) for name, (x,) in syn.groups().items()}
        return Parts(
            syn=syn,
            objective=GradientMatching(),
            pool=pool,
            schedule=Schedule(self.epochs * self.outer, rates),
            real=SeenByPaths(real, self.hops, self.own),
        )

    def _start(self, real: HeteroSource, rng: Generator) -> LearntHetero:
        """Clusters, their mean features and the relations between them."""
        task, sizes, draws = real.task, self.sizes(real), seeded(rng)
        taught = HeteroTeacher().teach(real, draws)
        counts = self.counts(real, int(sizes.sum()))
        predicted, train = groups_of(real, taught.soft), task.train
        predicted[train.numpy()] = task.groups[train].numpy()  # whatever a teacher says of holes
        parts = grouped(real, taught.soft, predicted, sizes, counts, self.dims, self.weight, draws)
        group = torch.repeat_interleave(torch.arange(real.num_classes), sizes)
        classes = task.label_kind == "classes"
        means = torch.from_numpy(mean_labels(parts[task.target], taught.soft))
        return LearntHetero(
            quotient_of(task.graph, parts, self.cut),
            task.target,
            group if classes else means,
            real.num_classes,
            self.hops,
            self.own,
            parts,
            {"teacher": taught.told(task.label_kind)},
            None if classes else group,
            None if classes else task.unscaled,
        )
