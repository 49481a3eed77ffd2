"""What methods share that compare real and learnt images through networks, augmented alike."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Literal

import torch

from graphcondense.core.method import Parts
from graphcondense.core.pools import Fresh, Lessons, OnSynthetic
from graphcondense.core.types import Objective, Schedule, adam
from graphcondense.domains.image import ImageSource, LearntImages, PixelMethod
from graphcondense.objectives.augmented import Augmented
from graphcondense.ops.augment import Augment, Strategy
from graphcondense.ops.fields import Count, Momentum, Natural, NonNegative


@dataclass(frozen=True, kw_only=True)
class MatchedImages(PixelMethod):
    """Images that are compared with the real ones through networks; no method by itself.

    Attributes:
        epochs: networks in all.
        outer: comparisons through each network.
        inner: training steps between two comparisons.
        optimizer: of the pixels: ``"sgd"`` or ``"adam"``.
        lr_x: learning rate of the pixels.
        momentum: of SGD on the pixels.
        anneal: lower the learning rate of the pixels linearly to zero.
        lr_model: learning rate of SGD on the network.
        augment: operations joined by ``_``, see :class:`~graphcondense.ops.augment.Augment`;
            ``"none"`` leaves images as they are.
        augment_pick: ``"one"`` operation a draw or ``"all"``.
    """

    family = "gradient matching"

    epochs: Natural = 1000
    outer: Count = 1
    inner: Natural = 0
    optimizer: Literal["sgd", "adam"] = "sgd"
    lr_x: NonNegative = 0.1
    momentum: Momentum = 0.5
    anneal: bool = False
    lr_model: NonNegative = 0.01
    augment: Strategy = "none"
    augment_pick: Literal["one", "all"] = "one"

    def memory_bytes(self, real: ImageSource) -> int:
        self.augmentation()  # an unknown operation ends here, before anything is written
        return super().memory_bytes(real)

    def augmentation(self) -> Augment:
        """How images are shown."""
        return Augment(self.augment, self.augment_pick)

    def lessons(self) -> Lessons:
        """What a network is trained on between two comparisons: the synthetic set, augmented."""
        return OnSynthetic(self.augmentation())

    def trainer(self) -> Callable[[list[torch.Tensor]], torch.optim.Optimizer]:
        """How a network is trained."""
        return partial(torch.optim.SGD, lr=self.lr_model)

    def match(self, syn: LearntImages, objective: Objective, real: ImageSource) -> Parts:
        """Parts that minimise ``objective`` over the pixels of ``syn``, seen through new
        networks."""
        steps = (
            partial(torch.optim.SGD, momentum=self.momentum) if self.optimizer == "sgd" else adam
        )
        return Parts(
            syn=syn,
            objective=Augmented(objective, self.augmentation()),
            pool=Fresh(
                self.network(real), self.outer, self.inner, self.trainer(), lessons=self.lessons()
            ),
            schedule=Schedule(
                self.epochs * self.outer, {"x": self.lr_x}, optimizer=steps, anneal=self.anneal
            ),
        )
