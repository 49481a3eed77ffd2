"""GC-SNTK (Wang et al., WWW 2024, arXiv 2310.11046)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, ClassVar, Literal

import torch
from torch import Generator, Tensor, nn
from torch.nn import functional as F

from graphcondense.core.method import Parts, Scorer, Variants
from graphcondense.core.pools import Idle
from graphcondense.core.types import Batch, Schedule, Source
from graphcondense.domains.node import LearntGraph, NodeSynthetic
from graphcondense.domains.node_source import LABEL_BYTES, NodeSource
from graphcondense.domains.scored import Seen, by_kernel
from graphcondense.kernels.ridge import Targets, learnt_classes
from graphcondense.kernels.sntk import SNTK
from graphcondense.objectives.ridge import RidgeMatching
from graphcondense.ops.fields import Count, Natural, NonNegative, Positive
from graphcondense.ops.sampling import blocks

if TYPE_CHECKING:
    from graphcondense.saved.condensed_graph import CondensedGraph

MOST_ROWS = 10_000
"""Training nodes of a step where ``real_batch`` does not say how many of each class."""
MOST_SEEN = 10_000
"""Real nodes in the neighbourhood of the training nodes up to which the kernel may have several
blocks: 400 MB for the covariance of all pairs, several at once."""


@dataclass(frozen=True, kw_only=True)
class GCSNTK(LearntGraph):
    """Kernel ridge regression with a structure-based NTK, asked to predict the training nodes.

    ``min_S ½ ‖Y_T - K_TS (K_SS + λ tr(K_SS)/n I)^-1 Y'‖²``, each side seen with its neighbourhood
    in its own graph (GC-SNTK). Training on ``S`` is in closed form, so there is no network.
    Validation during a run is by the same regression; the evaluator's predictor ``SNTK`` is such a
    one for everybody's graphs. ``gc-sntk-x`` learns features alone.

    The paper's kernel has ``blocks=2, hops=1, num_layers=2``. One block of more hops scored better
    on the validation nodes of Cora and CiteSeer, and needs no covariance between all real nodes. An
    adjacency helps little; few free edges are exported, with an MLP none.

    Attributes:
        hops: aggregations of a block of the kernel.
        num_layers: ReLU layers of a block.
        blocks: how often aggregation and layers alternate; above 1, the training nodes may see at
            most 10,000 nodes.
        scaled: see :class:`~graphcondense.kernels.sntk.SNTK`.
        ridge: ``λ``, relative to the mean of the diagonal of ``K_SS``.
        learn_labels: soft labels ``y [n, C]`` are learnt, too, each a distribution.
        lr_y: learning rate of Adam on the labels.
        lr_adj: learning rate of Adam on the edges' logits; an MLP's weights take 0.001.
        epochs: updates.
        real_batch: real nodes of each class and step; all by default, and of more than 10,000 so
            many a step, drawn anew from all.
    """

    name = "gc-sntk"
    paper = (
        "Wang et al., Fast Graph Condensation with Structure-based Neural Tangent Kernel, "
        "WWW 2024, arXiv 2310.11046"
    )
    family = "meta-model matching (kernel ridge)"
    learns = "features + adjacency (free)"
    cost = "one loop"
    variants: ClassVar[Variants] = {"gc-sntk-x": {"structure": "identity"}}

    predictor = "kernel ridge (structure-based NTK)"

    structure: Literal["mlp", "identity", "bernoulli"] = "bernoulli"
    structure_bias: float = -8.0
    lr_adj: NonNegative = 1.0
    adj_turns: Natural = 0
    x_turns: Natural = 0
    hops: Natural = 4
    num_layers: Count = 1
    blocks: Count = 1
    real_batch: Count | None = None
    scaled: bool = True
    ridge: Positive = 1.0
    learn_labels: bool = False
    lr_y: NonNegative = 0.01
    epochs: Natural = 100
    lr_x: NonNegative = 0.02
    init: Literal["random", "kcenter", "herding", "kmeans"] = "kmeans"
    init_hops: Natural = 4

    @property
    def propagates(self) -> bool:
        return super().propagates or (self.blocks == 1 and self.hops > 0)

    def example_bytes(self, real: Source) -> int:
        """Learnt labels count as what they are stored in."""
        soft = 4 * real.num_classes - LABEL_BYTES if self.learn_labels else 0
        return real.example_bytes + soft

    def memory_bytes(self, real: NodeSource) -> int:
        """The small graph, the rows of training nodes, and the kernels with their layers."""
        n, d, rows = int(self.sizes(real).sum()), real.num_features, len(real.labels)
        m = rows if self.blocks > 1 else min(rows, MOST_ROWS)
        if self.real_batch is not None:
            m = int(real.counts.clamp_max(self.real_batch).sum())
        pairs = 0 if self.structure == "identity" else n * n
        mlp = 12 * self.structure_hidden if self.structure == "mlp" else 8
        seen = 0 if self.blocks == 1 else self._seen(real)
        layers = 4 + 8 * self.blocks * max(1, self.num_layers)  # double precision at the end
        floats = 8 * n * d + 2 * rows * d + 2 * m * d + pairs * mlp + 6 * seen**2
        start = 4 * int(real.counts.max()) * d if self.init == "kmeans" else 0
        floats += start + layers * (m + seen + n) * n + seen * d
        return 4 * floats + real.propagation_bytes()

    def parts(self, real: NodeSource, rng: Generator) -> Parts:
        kernel, targets = self.kernel(), self.targets(real)
        if self.blocks > 1 and (seen := self._seen(real)) > MOST_SEEN:
            raise ValueError(
                f"the training nodes see {seen:,} nodes in {self.blocks} blocks of {self.hops} "
                f"hops, and several blocks need all pairs of them; at most {MOST_SEEN:,}: lower "
                "hops, or use blocks=1"
            )
        syn = self.start(real, rng)
        if self.learn_labels:
            syn = SoftLabelled(syn)
        return Parts(
            syn=syn,
            objective=RidgeMatching(kernel, targets, self.ridge, self.real_batch),
            pool=Idle(),
            schedule=self.schedule(1, syn),
            real=Seen(real, kernel, MOST_ROWS),
        )

    def kernel(self) -> SNTK:
        """The kernel."""
        return SNTK(self.hops, self.num_layers, self.blocks, self.scaled)

    def targets(self, real: NodeSource) -> Targets:
        """Labels to what is regressed on."""
        return partial(learnt_classes, num_classes=real.num_classes)

    def schedule(self, matches: int, start: NodeSynthetic) -> Schedule:
        plain = super().schedule(matches, start)
        if not self.learn_labels:
            return plain
        cycle = (*plain.cycle, ("y", 1)) if plain.cycle else ()
        return replace(plain, lr={**plain.lr, "y": self.lr_y}, cycle=cycle)

    def scorer(self, val: NodeSource) -> Scorer:
        """Its own predictor: from an exported graph to the accuracy on ``val``."""
        return by_kernel(self.kernel(), self.ridge, val)

    def _seen(self, real: NodeSource) -> int:
        """Nodes that the training nodes see."""
        rows = real.task.train.numpy()
        return len(blocks(real.task.gcn_adj, rows, self.hops * self.blocks)[1])


class SoftLabelled(NodeSynthetic):
    """A small graph whose labels are learnt, each a distribution ``[C]`` that starts at its class.

    Args:
        start: the graph that it takes over.
    """

    def __init__(self, start: NodeSynthetic) -> None:
        super().__init__(
            start.x,
            start.y,
            start.structure,
            threshold=start.threshold,
            num_classes=start.num_classes,
        )
        self.labels = nn.Parameter(F.one_hot(start.y, start.num_classes).to(start.x))

    def groups(self) -> dict[str, list[nn.Parameter]]:
        return {**super().groups(), "y": [self.labels]}

    def _whole(self) -> Batch:
        """With what is regressed on: distributions less ``1 / C``."""
        y = self.labels - 1 / self.num_classes
        return super()._whole()._replace(y=y, group=self.y)

    def batches(self) -> list[Batch]:
        whole = self._whole()
        return [whole._replace(y=whole.y[b.rows], rows=b.rows) for b in super().batches()]

    @torch.no_grad()
    def project_(self) -> None:
        self.labels.copy_(on_simplex(self.labels))

    @torch.no_grad()
    def export(self) -> CondensedGraph:
        out = super().export()
        out.y = self.labels.to("cpu", torch.float32, copy=True)
        return out


def on_simplex(rows: Tensor) -> Tensor:
    """The nearest distributions to rows ``[n, C]`` (Duchi et al., ICML 2008).

    >>> on_simplex(torch.tensor([[0.25, 0.75], [3.0, 0.5], [0.5, 0.7]]))
    tensor([[0.2500, 0.7500],
            [1.0000, 0.0000],
            [0.4000, 0.6000]])
    """
    falling = rows.sort(1, descending=True).values
    rank = torch.arange(1, rows.shape[1] + 1, device=rows.device)
    excess = (falling.cumsum(1) - 1) / rank
    last = (falling > excess).sum(1, keepdim=True) - 1
    return (rows - excess.gather(1, last)).clamp_min(0)
