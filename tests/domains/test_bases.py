"""Images from shared bases."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from graphcondense.core.engine import distill
from graphcondense.core.pools import Fresh, built
from graphcondense.core.types import Schedule
from graphcondense.data.images import as_images
from graphcondense.domains.bases import Bases, affordable, factored
from graphcondense.domains.image import ImageSource
from graphcondense.nn.images import MLP
from graphcondense.objectives.distribution import MeanMatching
from graphcondense.objectives.unrolled import Unrolled
from tests.cases import toy_images


def drawn(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


CLASSES = torch.tensor([0, 0, 1, 1, 2, 2])


def bases(k: int = 4, side: int = 8) -> Bases:
    return Bases(drawn(k, 1, side, side), drawn(6, k, seed=1), CLASSES, 3, (1, 8, 8))


def test_images_are_sums_of_bases() -> None:
    syn = bases()
    x, y = syn.images()
    assert torch.equal(y, CLASSES)
    for i in range(6):
        wanted = torch.stack([syn.address[i, j] * syn.bases[j] for j in range(4)]).sum(0)
        assert torch.allclose(x[i], wanted, atol=1e-5)
    assert torch.equal(syn.batch(1).inputs[0], syn.batches()[1].inputs[0])
    assert syn.stored_bytes == 4 * (4 * 64 + 6 * 4) + 8 * 6


def test_smaller_bases_are_enlarged() -> None:
    x, _ = bases(side=4).images()
    assert x.shape == (6, 1, 8, 8)
    flat = Bases(torch.ones(1, 1, 4, 4), torch.full((6, 1), 3.0), CLASSES, 3, (1, 8, 8))
    assert torch.allclose(flat.images()[0], torch.full((6, 1, 8, 8), 3.0))


@pytest.mark.parametrize("rank", [3, 6, 9])
def test_factored_is_the_best_of_its_rank(rank: int) -> None:
    x = drawn(6, 1, 5, 5)
    b, a = factored(x, rank, (5, 5))
    assert b.shape == (rank, 1, 5, 5)
    off = float(((a @ b.flatten(1)) - x.flatten(1)).square().sum())
    left = torch.linalg.svdvals(x.flatten(1))[rank:].square().sum()
    assert off == pytest.approx(float(left), abs=1e-4)


def test_two_objectives_train_the_same_set() -> None:
    """A factorisation is data: whatever compares two worlds can learn it."""
    real = ImageSource(as_images(toy_images()))
    model = built(MLP, real.shape, 3, 16, 1)
    for objective in (MeanMatching(10), Unrolled(3, lr=0.1, size=30)):
        syn: Any = bases()
        before = [p.detach().clone() for p in (syn.bases, syn.address)]

        def loss(objective: Any = objective, syn: Any = syn) -> float:
            learner = next(Fresh(model)(syn, real, torch.Generator().manual_seed(9)))
            return float(objective(syn, real, learner, torch.Generator().manual_seed(9)).detach())

        first, rng = loss(), torch.Generator().manual_seed(1)
        schedule = Schedule(60, {"bases": 0.03, "address": 0.03})
        distill(syn, objective, Fresh(model), schedule, real, rng=rng)
        assert loss() < 0.8 * first, objective
        for old, new in zip(before, (syn.bases, syn.address), strict=True):
            assert isinstance(new, nn.Parameter)
            assert float((old - new.detach()).abs().max()) > 0.05


def test_budgets_and_shapes() -> None:
    assert affordable(4 * (36 + 10) + 80, 10, 36) == 1
    with pytest.raises(ValueError, match="263 bytes hold no base for 10 images"):
        affordable(4 * (36 + 10) + 79, 10, 36)
    with pytest.raises(ValueError, match=r"address must be \[6 images, 4 bases\]"):
        Bases(drawn(4, 1, 8, 8), drawn(5, 4), CLASSES, 3, (1, 8, 8))
    with pytest.raises(ValueError, match="bases have 1 channels, images have 3"):
        Bases(drawn(4, 1, 8, 8), drawn(6, 4), CLASSES, 3, (3, 8, 8))
