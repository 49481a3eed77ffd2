"""DC (Zhao et al., ICLR 2021, arXiv 2006.05929), for images."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import torch
from torch import Generator

from graphcondense.core.method import Parts
from graphcondense.core.pools import Fresh
from graphcondense.core.types import Schedule
from graphcondense.domains.image import ImageSource, PixelMethod
from graphcondense.objectives.gradient import GradientMatching
from graphcondense.ops.fields import Count, Momentum, Natural, NonNegative


@dataclass(frozen=True, kw_only=True)
class DC(PixelMethod):
    """Dataset condensation with gradient matching (DC, Algorithm 1): GCond's loop on pixels.

    Attributes:
        eps: added to the product of norms in the cosine, so that dead filters do not count.
        epochs: matching networks in all.
        outer: matches of each network (the paper: 1, 10, 50 at 1, 10, 50 images a class).
        inner: training steps between two matches (the paper: 1, 50, 10).
        lr_x: learning rate of SGD on the pixels.
        momentum: of SGD on the pixels.
        lr_model: learning rate of SGD on the network.
    """

    name = "dc"
    paper = "Zhao et al., Dataset Condensation with Gradient Matching, ICLR 2021, arXiv 2006.05929"
    family = "gradient matching"

    eps: NonNegative = 1e-6
    epochs: Natural = 1000
    outer: Count = 1
    inner: Natural = 1
    lr_x: NonNegative = 0.1
    momentum: Momentum = 0.5
    lr_model: NonNegative = 0.01

    def parts(self, real: ImageSource, rng: Generator) -> Parts:
        training = partial(torch.optim.SGD, lr=self.lr_model)
        sgd = partial(torch.optim.SGD, momentum=self.momentum)
        return Parts(
            syn=self.start(real, rng),
            objective=GradientMatching(size=self.real_batch, shares=False, eps=self.eps),
            pool=Fresh(self.network(real), self.outer, self.inner, training),
            schedule=Schedule(self.epochs * self.outer, {"x": self.lr_x}, optimizer=sgd),
        )
