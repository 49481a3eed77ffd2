"""What methods share that compare real and learnt images through networks, augmented alike."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import ClassVar, Literal

import torch
from torch import Generator, nn

from graphcondense.core.method import Parts
from graphcondense.core.pools import Fresh, InnerOptimizer, Lessons, OnSynthetic, Turns
from graphcondense.core.types import Objective, Schedule, adam
from graphcondense.domains.image import ImageSource, LearntImages, PixelMethod
from graphcondense.objectives.augmented import Augmented
from graphcondense.objectives.distribution import MeanMatching
from graphcondense.objectives.gradient import GradientMatching
from graphcondense.ops.augment import DSA_STRATEGY, Augment, Strategy
from graphcondense.ops.fields import Momentum, Natural, NonNegative


@dataclass(frozen=True, kw_only=True)
class ComparedImages(Turns, PixelMethod):
    """Images that are compared with the real ones through networks; no method by itself.

    Attributes:
        epochs: networks in all, trained by SGD.
        lr_x: learning rate of the pixels.
        momentum: of SGD on the pixels.
    """

    family = "gradient matching"

    epochs: Natural = 1000
    lr_x: NonNegative = 0.1
    momentum: Momentum = 0.5

    def lessons(self) -> Lessons:
        """What a network is trained on between two comparisons: the synthetic set."""
        return OnSynthetic()

    def trainer(self) -> InnerOptimizer:
        """How a network is trained."""
        return partial(torch.optim.SGD, lr=self.lr_model)

    def stepper(self) -> Callable[[list[nn.Parameter], float], torch.optim.Optimizer]:
        """How pixels are updated: by SGD."""
        return partial(torch.optim.SGD, momentum=self.momentum)

    def schedule(self) -> Schedule:
        """When pixels are updated: at every comparison."""
        return Schedule(self.epochs * self.outer, {"x": self.lr_x}, optimizer=self.stepper())

    def match(self, syn: LearntImages, objective: Objective, real: ImageSource) -> Parts:
        """Parts that minimise ``objective`` over the pixels of ``syn``, seen through new
        networks."""
        return Parts(
            syn=syn,
            objective=objective,
            pool=Fresh(
                self.network(real), self.outer, self.inner, self.trainer(), lessons=self.lessons()
            ),
            schedule=self.schedule(),
        )


@dataclass(frozen=True, kw_only=True)
class GradientComparedImages(ComparedImages):
    """The same, compared by the gradients of the networks' losses.

    Attributes:
        eps: added to the product of norms in the cosine, so that dead filters do not count.
    """

    summed: ClassVar[bool] = False
    """Whether gradients are summed over classes before they are compared."""

    eps: NonNegative = 1e-6
    inner: Natural = 1

    def parts(self, real: ImageSource, rng: Generator) -> Parts:
        objective = GradientMatching(
            size=self.real_batch, shares=False, eps=self.eps, summed=self.summed
        )
        return self.match(self.start(real, rng), objective, real)


@dataclass(frozen=True, kw_only=True)
class MatchedImages(ComparedImages):
    """The same, seen augmented.

    Attributes:
        optimizer: of the pixels: ``"sgd"`` or ``"adam"``.
        anneal: lower the learning rate of the pixels linearly to zero.
        augment: operations joined by ``_``, see :class:`~graphcondense.ops.augment.Augment`;
            ``"none"`` leaves images as they are.
        augment_pick: ``"one"`` operation a draw or ``"all"``.
    """

    optimizer: Literal["sgd", "adam"] = "sgd"
    anneal: bool = False
    augment: Strategy = "none"
    augment_pick: Literal["one", "all"] = "one"

    def memory_bytes(self, real: ImageSource) -> int:
        self.augmentation()  # an unknown operation ends here, before anything is written
        return super().memory_bytes(real)

    def augmentation(self) -> Augment:
        """How images are shown."""
        return Augment(self.augment, self.augment_pick)

    def lessons(self) -> Lessons:
        """The synthetic set, augmented."""
        return OnSynthetic(self.augmentation())

    def stepper(self) -> Callable[[list[nn.Parameter], float], torch.optim.Optimizer]:
        return super().stepper() if self.optimizer == "sgd" else adam

    def schedule(self) -> Schedule:
        return replace(super().schedule(), anneal=self.anneal)

    def match(self, syn: LearntImages, objective: Objective, real: ImageSource) -> Parts:
        return super().match(syn, Augmented(objective, self.augmentation()), real)


@dataclass(frozen=True, kw_only=True)
class MeanMatchedImages(PixelMethod):
    """What is made of images other than pixels, matched by means; no method by itself.

    Attributes:
        steps: networks, one a step.
        augment: operations joined by ``_``, see :class:`~graphcondense.ops.augment.Augment`.
    """

    family = "distribution matching"
    cost = "one loop"

    steps: Natural = 2000
    augment: Strategy = DSA_STRATEGY

    def match_means(
        self,
        syn: LearntImages,
        real: ImageSource,
        rates: Mapping[str, float],
        fit: Callable[[], object],
    ) -> Parts:
        """Parts that match means of augmented images at these rates, after ``fit``."""
        return Parts(
            syn=syn,
            objective=Augmented(MeanMatching(self.real_batch), Augment(self.augment)),
            pool=Fresh(self.network(real), 1, 0),
            schedule=Schedule(self.steps, rates),
            fit=fit,
        )
