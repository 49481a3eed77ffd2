"""MTT (Cazenavette et al., CVPR 2022, arXiv 2203.11932), for images."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from torch import Generator

from graphcondense.core.engine import Callback
from graphcondense.core.types import Synthetic
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

    name: ClassVar[str] = "mtt"
    kind: ClassVar[str] = "image"
    paper: ClassVar[str] = (
        "Cazenavette et al., Dataset Distillation by Matching Training Trajectories, CVPR 2022, "
        "arXiv 2203.11932"
    )
    family: ClassVar[str] = "trajectory matching"
    learns: ClassVar[str] = "pixels, step size"
    cost: ClassVar[str] = "experts"

    def condense(
        self,
        real: ImageSource,
        *,
        rng: Generator,
        callbacks: Sequence[Callback] = (),
        resume: Mapping[str, Any] | None = None,
    ) -> Synthetic:
        return self.match(
            self.start(real, rng),
            TrajectoryMatching(**self.student()),
            self.buffer(real).prepare(real),
            real,
            {"x": self.lr_x},
            rng=rng,
            callbacks=callbacks,
            resume=resume,
        )

    def graph_bytes(self, real: ImageSource) -> int:
        """The graphs of all of the student's steps."""
        return self.student_steps * super().graph_bytes(real)
