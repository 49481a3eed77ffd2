"""CAFE (Wang et al., CVPR 2022, arXiv 2203.01531), for images."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from torch import Generator

from graphcondense.core.method import Parts
from graphcondense.domains.image import ImageSource
from graphcondense.domains.matching import MatchedImages
from graphcondense.objectives.distribution import LayerMatching
from graphcondense.ops.fields import Count, Natural, NonNegative


@dataclass(frozen=True, kw_only=True)
class CAFE(MatchedImages):
    """Features of every layer aligned, with a discrimination loss (CAFE, eq. 2, 5 and 6).

    ``min_S E_θ Σ_c Σ_l ‖mean f_l(T_c) - mean f_l(S_c)‖² + β L_D``. The paper's dynamic schedule
    decides from the loss on a query set when a network is compared again, trained or renewed; here
    ``outer`` and ``inner`` are fixed numbers.

    Attributes:
        discrimination: ``β``.
    """

    name = "cafe"
    paper = (
        "Wang et al., CAFE: Learning to Condense Dataset by Aligning Features, CVPR 2022, "
        "arXiv 2203.01531"
    )
    family = "distribution matching"
    variants: ClassVar = {"cafe-dsa": {"augment": "color_crop_cutout_flip_scale_rotate"}}

    discrimination: NonNegative = 10.0
    outer: Count = 10
    inner: Natural = 5
    epochs: Natural = 200

    def parts(self, real: ImageSource, rng: Generator) -> Parts:
        objective = LayerMatching(self.real_batch, self.discrimination)
        return self.match(self.start(real, rng), objective, real)
