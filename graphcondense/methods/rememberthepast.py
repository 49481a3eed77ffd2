"""RememberThePast (Deng & Russakovsky, NeurIPS 2022, arXiv 2206.02916), for images."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Generator

from graphcondense.core.method import Parts
from graphcondense.core.pools import Fresh
from graphcondense.core.scalars import WithScalars
from graphcondense.core.types import Schedule
from graphcondense.domains.bases import Bases, affordable, factored
from graphcondense.domains.image import ImageSource, PixelMethod
from graphcondense.objectives.unrolled import Unrolled
from graphcondense.ops.fields import Count, Momentum, Natural, NonNegative, Positive


@dataclass(frozen=True, kw_only=True)
class RememberThePast(PixelMethod):
    """Images from shared bases, learnt through many steps of training with momentum (LinBa + BPTT).

    The budget counts what is stored: as many bases as fit into the bytes of ``per_class`` images
    beside the addresses. They give ``each`` images a class.

    Attributes:
        each: images of each class that the bases are added up to.
        shrink: bases have sides this many times smaller; images are enlarged bilinearly.
        inner: training steps on the synthetic images (the paper: 100 and more).
        part: images in a training step, drawn anew; all by default.
        window: the gradient goes through so many of the last steps; through all by default.
        every: steps between stored weights; memory falls and time grows with it.
        lr_inner: initial step size, learnt.
        momentum_inner: of training.
        steps: outer updates.
        lr_x: learning rate of Adam on the bases.
        lr_address: learning rate of Adam on the addresses.
        lr_rates: learning rate of Adam on the logarithm of the step size; 0 keeps it.
        anneal: lower learning rates linearly to zero.
    """

    name: ClassVar[str] = "rememberthepast"
    kind: ClassVar[str] = "image"
    paper: ClassVar[str] = (
        "Deng & Russakovsky, Remember the Past: Distilling Datasets into Addressable Memories, "
        "NeurIPS 2022, arXiv 2206.02916"
    )
    family: ClassVar[str] = "meta-model matching (unrolled)"
    learns: ClassVar[str] = "bases + addresses"
    cost: ClassVar[str] = "two loops"
    variants: ClassVar[Mapping[str, Mapping[str, Any]]] = {"linba": {}}

    real_batch: Count = 32
    each: Count = 8
    shrink: Count = 2
    inner: Count = 100
    part: Count | None = None
    window: Count | None = None
    every: Count = 1
    lr_inner: Positive = 0.02
    momentum_inner: Momentum = 0.9
    steps: Natural = 1000
    lr_x: NonNegative = 0.01
    lr_address: NonNegative = 0.01
    lr_rates: NonNegative = 0.01
    anneal: bool = True

    def sides(self, real: ImageSource) -> tuple[int, int]:
        """Height and width of a base."""
        _, height, width = real.shape
        if self.shrink > min(height, width):
            raise ValueError(
                f"shrink={self.shrink} must be 1..{min(height, width)} for images of "
                f"{height} x {width}"
            )
        return -(-height // self.shrink), -(-width // self.shrink)

    def num_bases(self, real: ImageSource) -> int:
        """As many as the budget holds.

        Raises:
            ValueError: not even one.
        """
        height, width = self.sides(real)
        budget = int(self.sizes(real).sum()) * real.example_bytes
        return affordable(budget, self.each * real.num_classes, real.shape[0] * height * width)

    def memory_bytes(self, real: ImageSource) -> int:
        """Besides, the stored weights, and what a step's derivatives keep."""
        self.num_bases(real)
        weights = sum(p.numel() for p in self.network(real).parameters())
        stored = (self.window or self.inner) // self.every + self.every + 4
        images = max(self.part or self.each * real.num_classes, self.real_batch * real.num_classes)
        maps = 4 * 12 * self.hidden_channels * real.shape[1] * real.shape[2]
        return super().memory_bytes(real) + 4 * 2 * stored * weights + maps * images

    def start_bases(self, real: ImageSource, rng: Generator) -> Bases:
        """Bases and addresses of ``each`` images a class that :attr:`init` chooses."""
        bases = self.num_bases(real)
        sizes = torch.full((real.num_classes,), self.each)
        # A class that has fewer images shows some of them more than once.
        have = torch.minimum(sizes, real.counts) if self.init != "noise" else sizes
        parts = torch.split(self.initial(real, have, rng), have.tolist())
        x = torch.cat([own[torch.arange(self.each) % len(own)] for own in parts])
        y = torch.arange(real.num_classes).repeat_interleave(self.each).to(real.device)
        learnt = factored(x, bases, self.sides(real))
        return Bases(*learnt, y, real.num_classes, real.shape, real.raw)

    def parts(self, real: ImageSource, rng: Generator) -> Parts:
        rates = {"bases": self.lr_x, "address": self.lr_address}
        if self.lr_rates:
            rates["lr"] = self.lr_rates
        return Parts(
            syn=WithScalars(self.start_bases(real, rng), {"lr": [self.lr_inner]}),
            objective=Unrolled(
                self.inner,
                self.lr_inner,
                self.momentum_inner,
                self.real_batch * real.num_classes,
                self.part,
                self.window,
                self.every,
            ),
            pool=Fresh(self.network(real)),
            schedule=Schedule(self.steps, rates, anneal=self.anneal),
        )
