"""A factorisation is data: any objective that compares two worlds learns any of them."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
import torch
from torch import Generator

from graphcondense.core import Fresh, Schedule, distill
from graphcondense.core.pools import built, initialise
from graphcondense.core.types import Learner
from graphcondense.data.images import as_images
from graphcondense.domains.bases import Bases, factored
from graphcondense.domains.generators import GeneratedImages
from graphcondense.domains.image import ImageSource, LearntImages
from graphcondense.methods.haba import HaBa
from graphcondense.methods.idc import IDC
from graphcondense.methods.kfs import KFS
from graphcondense.nn.generators import ConditionalGenerator
from graphcondense.nn.images import ConvNet
from graphcondense.objectives.distribution import MeanMatching
from graphcondense.objectives.gradient import GradientMatching
from graphcondense.objectives.unrolled import Unrolled
from tests.cases import toy_images


def rng(seed: int = 0) -> Generator:
    return Generator().manual_seed(seed)


def tiles(real: ImageSource) -> LearntImages:
    return IDC(per_class=2, init="noise").formation(real, rng())


def bases(real: ImageSource) -> LearntImages:
    y = torch.arange(3).repeat_interleave(2)
    x = torch.randn(6, *real.shape, generator=rng())
    return Bases(*factored(x, 4, (8, 8)), y, 3, real.shape)


def hallucinated(real: ImageSource) -> LearntImages:
    return HaBa(per_class=2, hallucinators=2, init="noise").factors(real, rng())


def decoded(real: ImageSource) -> LearntImages:
    return KFS(per_class=5, init="noise", warm_steps=0).factors(real, rng())[0]


def generated(real: ImageSource) -> LearntImages:
    net = built(ConditionalGenerator, real.shape, 3, 4, 8)
    net.load_state_dict(initialise(net, rng(1)))
    y = torch.arange(3).repeat_interleave(2)
    return GeneratedImages(torch.randn(6, 4, generator=rng()), y, 3, net)


FACTORISATIONS = (tiles, bases, hallucinated, decoded, generated)
OBJECTIVES = {
    "mean matching": MeanMatching(),
    "gradient matching": GradientMatching(shares=False),
    "unrolled": Unrolled(3, lr=0.1, size=30),
}


@pytest.mark.parametrize("objective", OBJECTIVES.values(), ids=list(OBJECTIVES))
@pytest.mark.parametrize("make", FACTORISATIONS)
def test_any_objective_trains_any_factorisation(
    make: Callable[[ImageSource], LearntImages], objective: Any
) -> None:
    """The loss on eight networks falls, and every group of what is stored has moved.

    Latents have unit variance and are all that moves before a generator: their rate is higher.
    """
    real = ImageSource(as_images(toy_images()).with_preprocess("normalise"))
    model = built(ConvNet, real.shape, 3, 8)

    def loss(own: LearntImages) -> float:
        total = 0.0
        for seed in range(10, 18):
            params = {k: v.requires_grad_() for k, v in initialise(model, rng(seed)).items()}
            total += float(objective(own, real, Learner(model, params), rng(seed)).detach())
        return total

    syn = make(real)
    before = {k: [p.detach().clone() for p in group] for k, group in syn.groups().items()}
    first = loss(syn)
    distill(
        syn,
        objective,
        Fresh(model, optimizer=partial(torch.optim.SGD, lr=0.01)),
        Schedule(40, {k: 0.1 if k == "z" else 0.02 for k in before}),
        real,
        rng=rng(2),
    )
    assert loss(syn) < 0.98 * first
    for name, group in syn.groups().items():
        moved = [not torch.equal(p, then) for p, then in zip(group, before[name], strict=True)]
        assert any(moved), name
