"""SFGC (Zheng et al., NeurIPS 2023, arXiv 2306.02664)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from torch import Generator

from graphcondense.core.method import Parts, Scorer
from graphcondense.domains.node import scale_of
from graphcondense.domains.node_source import NodeSource
from graphcondense.domains.node_trajectories import StructureFree, StudentNodes
from graphcondense.domains.scored import by_kernel
from graphcondense.kernels.sntk import SNTK
from graphcondense.objectives.trajectory import TrajectoryMatching
from graphcondense.ops.fields import Natural, Positive


@dataclass(frozen=True, kw_only=True)
class SFGC(StructureFree):
    """Nodes without edges that teach a GCN what the graph teaches it, by trajectory matching.

    Experts are GCNs trained on the real graph. A student starts where an expert was and takes
    ``student_steps`` steps on ``X'`` alone, without edges; ``X'`` learns to bring it where the
    expert was ``ahead`` epochs later (eq. 6). Among the sets on the way, the paper chooses by a
    graph NTK: kernel ridge regression from ``X'`` predicts the validation nodes (eq. 9). Here that
    is ``choose_by="ntk"``; by default networks are trained for it, as for all methods.

    Features start from cluster centres of propagated rows; the paper's start is raw rows that a
    coreset of a GCN chooses, for which ``init="kcenter", init_hops=0`` stands.

    Attributes:
        choose_by: what scores sets on validation nodes: ``"networks"``, or ``"ntk"``, the graph
            NTK's ridge regression.
        kernel_ridge: its penalty, relative to the mean of the kernel's diagonal; 1 by default.

    Raises:
        ValueError: a ``kernel_ridge`` where networks choose.
    """

    name = "sfgc"
    paper = (
        "Zheng et al., Structure-free Graph Condensation: From Large-scale Graphs to Condensed "
        "Graph-free Data, NeurIPS 2023, arXiv 2306.02664"
    )
    learns = "features"

    init: Literal["random", "kcenter", "herding", "kmeans", "fuzzy"] = "kmeans"
    steps: Natural = 200
    choose_by: Literal["networks", "ntk"] = "networks"
    kernel_ridge: Positive | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.kernel_ridge is not None and self.choose_by != "ntk":
            raise ValueError(
                f"kernel_ridge={self.kernel_ridge} cannot act where networks choose: give "
                "choose_by='ntk', or leave it out"
            )

    @property
    def judge(self) -> str:
        return "kernel ridge (graph NTK)" if self.choose_by == "ntk" else ""

    def memory_bytes(self, real: NodeSource) -> int:
        """With the graphs of all steps of a student."""
        return self.small_bytes(real) + self.student_steps * self.step_bytes(real)

    def parts(self, real: NodeSource, rng: Generator) -> Parts:
        x, y = self.first_nodes(real, rng)
        syn = StudentNodes(x, y, real.num_classes, self.scale(real))
        objective = TrajectoryMatching(steps=self.student_steps, lr=self.student_lr)
        rates = {"x": self.lr_x * scale_of(x)}
        return self.match(syn, objective, self.trained(real), rates, self.seen(real))

    def scorer(self, val: NodeSource) -> Scorer | None:
        if self.choose_by != "ntk":
            return None
        return by_kernel(SNTK(hops=self.looks, num_layers=1), self.kernel_ridge or 1.0, val)
