"""DCC (Lee et al., ICML 2022, arXiv 2202.02916), for images."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from graphcondense.domains.matching import GradientComparedImages, MatchedImages


@dataclass(frozen=True, kw_only=True)
class DCC(GradientComparedImages, MatchedImages):
    """Gradient matching with contrastive signals: one distance between sums over classes (DCC).

    ``min_S E_θ D(Σ_c ∇loss(S_c; θ), Σ_c ∇loss(T_c; θ))``: what all classes have in common cancels,
    and what tells them apart is matched. The paper's warm-up of the networks is not here: networks
    are trained ``inner`` steps between two comparisons from the first on. ``dcc-dsa`` augments both
    sides (the paper's DSAC).
    """

    name = "dcc"
    paper = "Lee et al., Dataset Condensation with Contrastive Signals, ICML 2022, arXiv 2202.02916"
    variants: ClassVar = {"dcc-dsa": {"augment": "color_crop_cutout_flip_scale_rotate"}}
    summed = True
