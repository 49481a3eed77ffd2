"""Distribution matching: both worlds should look alike to a network's features.

``L = Σ_c ‖mean φ_θ(T_c) - mean φ_θ(S_c)‖²`` (DM, Zhao & Bilen, WACV 2023).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Generator, Tensor

from graphcondense.core.types import Learner, Source, Synthetic


@dataclass(frozen=True)
class MeanMatching:
    """Squared distance of class means of features, summed over classes.

    Attributes:
        size: real examples a class and step, drawn anew; ``None`` uses all.
    """

    size: int | None = None

    def __call__(self, syn: Synthetic, real: Source, learner: Learner, rng: Generator) -> Tensor:
        terms = []
        for c, small in enumerate(syn.batches()):
            if not len(small.y):
                continue
            with torch.no_grad():
                target = learner.features(real.batch(c, self.size, rng)).mean(0)
            terms.append((learner.features(small).mean(0) - target).square().sum())
        return torch.stack(terms).sum()
