"""DCC (Lee et al., ICML 2022, arXiv 2202.02916), for images."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from torch import Generator

from graphcondense.core.method import Parts
from graphcondense.domains.image import ImageSource
from graphcondense.domains.matching import MatchedImages
from graphcondense.objectives.gradient import GradientMatching
from graphcondense.ops.fields import Natural, NonNegative


@dataclass(frozen=True, kw_only=True)
class DCC(MatchedImages):
    """Gradient matching with contrastive signals: one distance between sums over classes (DCC).

    ``min_S E_θ D(Σ_c ∇loss(S_c; θ), Σ_c ∇loss(T_c; θ))``: what all classes have in common cancels,
    and what tells them apart is matched. The paper's warm-up of the networks is not here: networks
    are trained ``inner`` steps between two comparisons from the first on. ``dcc-dsa`` augments both
    sides (the paper's DSAC).

    Attributes:
        eps: added to the product of norms in the cosine, so that dead filters do not count.
    """

    name = "dcc"
    paper = "Lee et al., Dataset Condensation with Contrastive Signals, ICML 2022, arXiv 2202.02916"
    variants: ClassVar = {"dcc-dsa": {"augment": "color_crop_cutout_flip_scale_rotate"}}

    eps: NonNegative = 1e-6
    inner: Natural = 1

    def parts(self, real: ImageSource, rng: Generator) -> Parts:
        objective = GradientMatching(size=self.real_batch, shares=False, eps=self.eps, summed=True)
        return self.match(self.start(real, rng), objective, real)
