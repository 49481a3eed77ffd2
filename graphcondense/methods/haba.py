"""HaBa (Liu et al., NeurIPS 2022, arXiv 2210.16774), for images."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Generator, Tensor
from torch.nn import functional as F

from graphcondense.core.method import Parts
from graphcondense.domains.hallucinators import Apart, HallucinatedImages
from graphcondense.domains.image import LABEL_BYTES, ImageSource
from graphcondense.domains.trajectories import TrajectoryMethod
from graphcondense.objectives.trajectory import TrajectoryMatching
from graphcondense.ops.fields import Count, NonNegative


@dataclass(frozen=True, kw_only=True)
class HaBa(TrajectoryMethod):
    """Bases times hallucinators, trained by trajectory matching.

    The budget counts what is stored: bases take what the hallucinators leave of it.

    Attributes:
        hallucinators: small networks that every base passes.
        width: feature maps of a hallucinator; the images' channels by default.
        shrink: sides of an image by those of a base; by default 1, or the least of 2 and 4 that
            leaves a base for every class.
        noise: spread of the hallucinators' first weights around the identity.
        apart: weight of what keeps hallucinators apart, see
            :class:`~graphcondense.domains.hallucinators.Apart`.
        lr_nets: learning rate of Adam on the hallucinators.
    """

    name = "haba"
    paper = "Liu et al., Dataset Distillation via Factorization, NeurIPS 2022, arXiv 2210.16774"
    learns = "bases, hallucinator networks, step size"

    hallucinators: Count = 5
    width: Count | None = None
    shrink: Count | None = None
    noise: NonNegative = 0.1
    apart: NonNegative = 0.1
    lr_nets: NonNegative = 0.005

    def parts(self, real: ImageSource, rng: Generator) -> Parts:
        self.bases(real)  # an impossible budget ends before experts are trained
        buffer = self.buffer(real).prepare(real)
        objective = Apart(TrajectoryMatching(**self.student()), self.apart)
        rates = {"x": self.lr_x, "hallucinators": self.lr_nets}
        return self.match(self.factors(real, rng), objective, buffer, rates)

    def factors(self, real: ImageSource, rng: Generator) -> HallucinatedImages:
        """The factorised set before the first update."""
        counts, side = self.bases(real)
        images = self.initial(real, counts, rng)
        return HallucinatedImages(
            F.interpolate(images, side, mode="area"),
            real.labelled(counts),
            real.num_classes,
            self.hallucinators,
            rng=rng,
            side=real.shape[1:],
            width=self.width,
            noise=self.noise,
            raw=real.raw,
        )

    def bases(self, real: ImageSource) -> tuple[Tensor, tuple[int, int]]:
        """Bases of each class ``[C]``, and their height and width.

        Raises:
            ValueError: the hallucinators leave no base for some class.
        """
        channels, height, width = real.shape
        budget = self.sizes(real) * real.example_bytes
        for shrink in (1, 2, 4) if self.shrink is None else (self.shrink,):
            low = -(-height // shrink), -(-width // shrink)
            nets = self.hallucinators * 4 * HallucinatedImages.floats(channels, *low, self.width)
            each = 4 * channels * low[0] * low[1] + LABEL_BYTES
            # A class pays for the hallucinators in proportion to its share of the budget.
            left = budget - (nets * budget + int(budget.sum()) - 1) // int(budget.sum())
            counts = torch.minimum(left // each, real.counts)
            if int(counts.min()) >= 1:
                return counts, low
        raise ValueError(
            f"{self.hallucinators} hallucinators take {nets} bytes of {int(budget.sum())} and "
            f"leave no base of {low[0]} x {low[1]} for some class; raise the budget or shrink, or "
            "lower hallucinators or width"
        )

    def memory_bytes(self, real: ImageSource) -> int:
        self.bases(real)
        return super().memory_bytes(real)

    def graph_bytes(self, real: ImageSource) -> int:
        """The graphs of all of the student's steps."""
        shown = int(self.bases(real)[0].sum()) * self.hallucinators
        stored = int(self.sizes(real).sum())
        one = super().graph_bytes(real)
        return self.student_steps * (one if self.student_batch else one * shown // stored)
