"""TESLA (Cui et al., ICML 2023, arXiv 2211.10586), for images."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Generator

from graphcondense.core.method import Parts
from graphcondense.domains.image import ImageSource, ImageSynthetic
from graphcondense.domains.trajectories import TrajectoryMethod, assigned
from graphcondense.objectives.trajectory import ConstantMemoryMatching
from graphcondense.ops.fields import NonNegative


@dataclass(frozen=True, kw_only=True)
class TESLA(TrajectoryMethod):
    """Trajectory matching in memory that does not grow with a student's steps, with soft labels.

    The gradient leaves out what an example does to later gradients by having moved the weights; see
    :class:`~graphcondense.objectives.trajectory.ConstantMemoryMatching`.

    Attributes:
        soft: labels are what the experts say of the first synthetic images, the mean of their
            probabilities (section 3.3 has one teacher); otherwise classes.
        lr_y: learning rate of Adam on soft labels; 0 keeps them, as in the paper.
    """

    name = "tesla"
    paper = (
        "Cui et al., Scaling Up Dataset Distillation to ImageNet-1K with Constant Memory, "
        "ICML 2023, arXiv 2211.10586"
    )
    learns = "pixels, step size; soft labels from experts"

    soft: bool = True
    lr_y: NonNegative = 0.0

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.lr_y and not self.soft:
            raise ValueError(f"lr_y={self.lr_y} cannot act on classes: leave soft on, or lr_y out")

    def parts(self, real: ImageSource, rng: Generator) -> Parts:
        buffer = self.buffer(real).prepare(real)
        syn, rates = self.start(real, rng), {"x": self.lr_x}
        if self.soft:
            syn = ImageSynthetic(
                syn.x,
                syn.classes,
                real.num_classes,
                real.raw,
                learn_labels=self.lr_y > 0,
                labels=assigned(buffer, syn.x),
            )
            rates |= {"y": self.lr_y} if self.lr_y > 0 else {}
        return self.match(syn, ConstantMemoryMatching(**self.student()), buffer, rates)

    def label_bytes(self, real: ImageSource) -> int:
        return 4 * real.num_classes if self.soft else super().label_bytes(real)
