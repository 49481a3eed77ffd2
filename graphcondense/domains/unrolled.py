"""What methods share that learn images through steps of training on them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from graphcondense.core.method import Parts
from graphcondense.core.scalars import WithScalars
from graphcondense.core.types import Pool, Schedule
from graphcondense.domains.image import AnnealedImages, ImageSource, LearntImages, PixelMethod
from graphcondense.objectives.unrolled import Unrolled
from graphcondense.ops.fields import Count, NonNegative, Positive


@dataclass(frozen=True, kw_only=True)
class UnrolledImages(AnnealedImages, PixelMethod):
    """Images by the real loss after steps of training on them; no method by itself.

    Attributes:
        inner: training steps on the synthetic images.
        lr_inner: their initial step size, learnt.
        lr_rates: learning rate of Adam on the logarithms of the step sizes; 0 keeps them.
    """

    family = "meta-model matching (unrolled)"

    real_batch: Count = 32
    inner: Count = 10
    lr_inner: Positive = 0.02
    lr_rates: NonNegative = 0.01

    def unrolled_bytes(self, real: ImageSource, stages: int, images: int) -> int:
        """Weights of so many stages, twice, and what a step's derivatives keep."""
        weights = sum(p.numel() for p in self.network(real).parameters())
        maps = 4 * 12 * self.hidden_channels * real.shape[1] * real.shape[2]
        return 4 * 2 * stages * weights + maps * max(images, self.real_batch * real.num_classes)

    def unroll(
        self,
        syn: LearntImages,
        objective: Unrolled,
        pool: Pool,
        rates: Mapping[str, float],
        step_sizes: Sequence[float],
    ) -> Parts:
        """Parts that learn ``syn`` at these rates, and the step sizes."""
        learnt = {"lr": self.lr_rates} if self.lr_rates else {}
        return Parts(
            syn=WithScalars(syn, {"lr": step_sizes}),
            objective=objective,
            pool=pool,
            schedule=Schedule(self.steps, {**rates, **learnt}, anneal=self.anneal),
        )
