"""MTT (Cazenavette et al., CVPR 2022, arXiv 2203.11932), for images."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Generator

from graphcondense.core.method import Parts
from graphcondense.domains.image import ImageSource
from graphcondense.domains.trajectories import TrajectoryMethod
from graphcondense.objectives.trajectory import TrajectoryMatching


@dataclass(frozen=True, kw_only=True)
class MTT(TrajectoryMethod):
    """Matching training trajectories (Algorithm 1), with a learnt step size.

    Where this differs from the paper: pixels move by Adam instead of SGD at 1000, the logarithm of
    the step size is learnt, and augmentation and ZCA are off unless asked for (``augment``,
    ``preprocess``).
    """

    name = "mtt"
    paper = (
        "Cazenavette et al., Dataset Distillation by Matching Training Trajectories, CVPR 2022, "
        "arXiv 2203.11932"
    )
    learns = "pixels, step size"

    def parts(self, real: ImageSource, rng: Generator) -> Parts:
        syn, objective = self.start(real, rng), TrajectoryMatching(**self.student())
        return self.match(syn, objective, self.buffer(real).prepare(real), {"x": self.lr_x})

    def graph_bytes(self, real: ImageSource) -> int:
        """The graphs of all of the student's steps."""
        return self.student_steps * super().graph_bytes(real)
