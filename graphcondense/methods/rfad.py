"""RFAD (Loo et al., NeurIPS 2022, arXiv 2210.12067), for images."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from torch import Generator, Tensor

from graphcondense.core.method import Parts
from graphcondense.core.pools import Fresh, built
from graphcondense.domains.image import ImageSource
from graphcondense.domains.regressed import RegressedImages, as_targets
from graphcondense.kernels.random_features import RandomConvNets, random_ridge
from graphcondense.nn.images import usual_depth
from graphcondense.ops.fields import Count, NonNegative, Positive

SCORED = 2**31
"""Seed of the networks that score on validation."""


@dataclass(frozen=True, kw_only=True)
class RFAD(RegressedImages):
    """Ridge regression with the kernel of many random convolutional networks (RFAD, Algorithm 1).

    The NNGP kernel is estimated by the features of ``nets`` networks of new random weights a step.
    Predictions times a learnt scale go into a cross-entropy (the paper's Platt loss). Its own
    predictor is the same regression on the features of other random networks
    (:func:`~graphcondense.kernels.random_features.random_ridge`).

    Attributes:
        nets: random networks a step.
        hidden_channels: their filters.
        depth: their blocks; by default those of the ConvNet.
        platt: initial scale of predictions in the cross-entropy.
        lr_platt: learning rate of Adam on its logarithm.
    """

    name = "rfad"
    paper = (
        "Loo et al., Efficient Dataset Distillation Using Random Feature Approximation, "
        "NeurIPS 2022, arXiv 2210.12067"
    )

    predictor = "kernel ridge (random features)"

    nets: Count = 8
    hidden_channels: Count = 128
    depth: Count | None = None
    real_batch: Count = 128
    ridge: Positive = 5e-3
    platt: Positive = 8.0
    lr_platt: NonNegative = 0.01

    def memory_bytes(self, real: ImageSource) -> int:
        """The widest maps of one network over all real images of a step, and the weights."""
        _, height, width = real.shape
        maps = 4 * 2 * self.hidden_channels * height * width
        weights = 4 * self.nets * 2 * 9 * self.hidden_channels**2 * 3
        batch = self.real_batch * real.num_classes
        small = int(self.sizes(real).sum())
        return super().memory_bytes(real) + maps * (batch + 3 * small * self.nets) + weights

    def parts(self, real: ImageSource, rng: Generator) -> Parts:
        depth = usual_depth(real.shape) if self.depth is None else self.depth
        model = built(RandomConvNets, real.shape, self.nets, self.hidden_channels, depth)
        scale = (self.platt, self.lr_platt) if self.platt else None
        return self.regress(real, rng, Fresh(model.to(real.device), 1, 0), scale=scale)

    def fit(self, x: Tensor, y: Tensor) -> Callable[[Tensor], Tensor]:
        """Its own predictor, of networks that are always the same and not those it learnt with."""
        shape = (int(x.shape[1]), int(x.shape[2]), int(x.shape[3]))
        depth = usual_depth(shape) if self.depth is None else self.depth
        return random_ridge(
            x,
            as_targets(y),
            Generator().manual_seed(SCORED),
            nets=self.nets,
            channels=self.hidden_channels,
            depth=depth,
            ridge=self.ridge,
        ).predict
