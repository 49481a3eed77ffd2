"""FRePo (Zhou et al., NeurIPS 2022, arXiv 2206.00719), for images."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import torch
from torch import Generator

from graphcondense.core.method import Parts
from graphcondense.core.replay import Replay
from graphcondense.domains.image import ImageSource, PixelMethod
from graphcondense.domains.regressed import RegressedImages, squared
from graphcondense.ops.fields import Count, Natural, NonNegative


@dataclass(frozen=True, kw_only=True)
class FRePo(RegressedImages, PixelMethod):
    """Ridge regression on the features of a pool of networks (FRePo, Algorithm 1).

    Only the last layer is trained to the end, in closed form. The layers before it are those of one
    network of a pool, each trained a step on the synthetic set whenever it was used, and replaced
    when it gets old.

    Attributes:
        online: networks in the pool.
        inner: training steps of a network after its use.
        oldest: training steps after which it is replaced.
        lr_model: learning rate of Adam on a network.
    """

    name = "frepo"
    paper = (
        "Zhou et al., Dataset Distillation using Neural Feature Regression, NeurIPS 2022, "
        "arXiv 2206.00719"
    )
    family = "meta-model matching (features + ridge)"
    cost = "two loops"

    real_batch: Count = 100
    lr_x: NonNegative = 0.003
    lr_y: NonNegative = 0.003
    online: Count = 10
    inner: Natural = 1
    oldest: Count = 100
    lr_model: NonNegative = 3e-4

    def memory_bytes(self, real: ImageSource) -> int:
        """Besides, the pool's weights, gradients and moments, and a copy for a checkpoint."""
        weights = sum(p.numel() for p in self.network(real).parameters())
        maps = 4 * 4 * self.hidden_channels * real.shape[1] * real.shape[2]
        batch = self.real_batch * real.num_classes
        return super().memory_bytes(real) + 4 * 7 * self.online * weights + maps * batch

    def parts(self, real: ImageSource, rng: Generator) -> Parts:
        pool = Replay(
            self.network(real),
            self.online,
            self.inner,
            self.oldest,
            partial(torch.optim.Adam, lr=self.lr_model),
            squared(real.num_classes),
        )
        return self.regress(real, rng, pool)
