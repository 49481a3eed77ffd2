"""RememberThePast (Deng & Russakovsky, NeurIPS 2022, arXiv 2206.02916), for images."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Generator

from graphcondense.core.method import Parts
from graphcondense.core.pools import Fresh
from graphcondense.domains.bases import Bases, affordable, factored
from graphcondense.domains.image import ImageSource
from graphcondense.domains.unrolled import UnrolledImages
from graphcondense.objectives.unrolled import Truncated, Unrolled
from graphcondense.ops.fields import Count, Momentum, NonNegative


@dataclass(frozen=True, kw_only=True)
class RememberThePast(Truncated, UnrolledImages):
    """Images from shared bases, learnt through many steps of training with momentum (LinBa + BPTT).

    The budget counts what is stored: as many bases as fit into the bytes of ``per_class`` images
    beside the addresses. They give ``each`` images a class.

    Attributes:
        each: images of each class that the bases are added up to.
        shrink: bases have sides this many times smaller; images are enlarged bilinearly.
        momentum_inner: of training.
        lr_address: learning rate of Adam on the addresses.
    """

    name = "rememberthepast"
    paper = (
        "Deng & Russakovsky, Remember the Past: Distilling Datasets into Addressable Memories, "
        "NeurIPS 2022, arXiv 2206.02916"
    )
    learns = "bases + addresses"
    variants: ClassVar = {"linba": {}}

    each: Count = 8
    shrink: Count = 2
    inner: Count = 100
    momentum_inner: Momentum = 0.9
    lr_address: NonNegative = 0.01

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
        stored = (self.window or self.inner) // self.every + self.every + 4
        images = self.part or self.each * real.num_classes
        return super().memory_bytes(real) + self.unrolled_bytes(real, stored, images)

    def start_bases(self, real: ImageSource, rng: Generator) -> Bases:
        """Bases and addresses of ``each`` images a class that :attr:`init` chooses."""
        bases = self.num_bases(real)
        sizes = torch.full((real.num_classes,), self.each)
        learnt = factored(self.filled(real, sizes, rng), bases, self.sides(real))
        return Bases(*learnt, real.labelled(sizes), real.num_classes, real.shape, real.raw)

    def parts(self, real: ImageSource, rng: Generator) -> Parts:
        rates = {"bases": self.lr_x, "address": self.lr_address}
        objective = Unrolled(
            self.inner,
            self.lr_inner,
            self.momentum_inner,
            self.real_batch * real.num_classes,
            part=self.part,
            window=self.window,
            every=self.every,
        )
        pool = Fresh(self.network(real))
        return self.unroll(self.start_bases(real, rng), objective, pool, rates, [self.lr_inner])
