"""Bases times hallucinators: what is decoded, what is stored, and who may train it."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest
import torch
from torch import Generator, Tensor
from torch.nn import functional as F

from graphcondense.core import Fresh, Schedule, distill
from graphcondense.core.pools import built, initialise
from graphcondense.core.scalars import WithScalars
from graphcondense.core.types import Learner
from graphcondense.data.images import as_images
from graphcondense.domains.hallucinators import Apart, HallucinatedImages, likeness
from graphcondense.domains.image import ImageSource, ImageSynthetic
from graphcondense.methods.haba import HaBa
from graphcondense.nn.images import ConvNet
from graphcondense.objectives.distribution import MeanMatching
from graphcondense.objectives.gradient import GradientMatching
from tests.cases import toy_images

Y = torch.tensor([0, 0, 1, 2])


def factors(**options: Any) -> HallucinatedImages:
    rng = Generator().manual_seed(0)
    bases = torch.randn(4, 2, 4, 4, generator=rng)
    options = {"count": 3, "side": (8, 8), "width": 5, **options}
    return HallucinatedImages(bases, Y, 3, rng=rng, **options)


def scrambled(**options: Any) -> HallucinatedImages:
    syn = factors(**options)
    rng = Generator().manual_seed(1)
    for p in syn.parameters():
        p.data = torch.randn(p.shape, generator=rng)
    return syn


@pytest.mark.parametrize("side", [(4, 4), (8, 8), (7, 8)])
def test_images_are_those_of_one_network_after_another(side: tuple[int, int]) -> None:
    """Convolutions written out as sums over shifted maps, in float64."""
    syn = scrambled(side=side).double()

    def conv(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        height, width = x.shape[-2:]
        padded, out = F.pad(x, (1, 1, 1, 1)), bias[:, None, None].clone()
        for i in range(3):
            for j in range(3):
                shifted = padded[:, i : i + height, j : j + width]
                out = out + torch.einsum("oc,chw->ohw", weight[:, :, i, j], shifted)
        return out

    found, classes = syn.images()
    nets, row = syn.nets, 0
    for b in range(4):
        for j in range(3):
            h = conv(syn.x[b], nets["encoder"][j], nets["encoder_bias"][j])
            h = h * nets["scale"][j] + nets["shift"][j]
            if side != (4, 4):
                h = F.interpolate(h[None], side, mode="bilinear", align_corners=False)[0]
            torch.testing.assert_close(
                found[row], conv(h, nets["decoder"][j], nets["decoder_bias"][j])
            )
            assert int(classes[row]) == int(Y[b])
            row += 1
    assert row == len(found)


@pytest.mark.parametrize("width", [None, 1, 2, 4, 6])
def test_the_first_images_are_the_bases(width: int | None) -> None:
    """Without noise, as far as so few maps can hold them."""
    syn = factors(width=width, side=None, noise=0.0)
    wanted = syn.x.mean(1, keepdim=True).expand_as(syn.x) if width == 1 else syn.x
    for j in range(3):
        made = syn.images()[0].view(4, 3, 2, 4, 4)[:, j]
        torch.testing.assert_close(made, wanted, atol=1e-5, rtol=1e-4)


def test_batches_and_bytes() -> None:
    syn = factors()
    assert [len(b.y) for b in syn.batches()] == [6, 3, 3]
    assert torch.equal(torch.cat([b.inputs[0] for b in syn.batches()]), syn.batch().inputs[0])
    assert torch.equal(syn.batch(1).y, torch.ones(3, dtype=torch.long))
    one = HallucinatedImages.floats(2, 4, 4, 5)
    assert sum(p.numel() for p in syn.nets.values()) == 3 * one
    assert syn.stored_bytes == 4 * (3 * one + 4 * 2 * 4 * 4) + 4 * 8
    out = syn.export()
    assert (len(out.x), out.stored_bytes) == (12, syn.stored_bytes)
    with pytest.raises(ValueError, match="at least 1 hallucinator, got 0"):
        factors(count=0)
    with pytest.raises(ValueError, match="make them smaller"):
        factors(side=(3, 8))


@pytest.mark.parametrize(
    ("objective", "share"), [(MeanMatching(), 0.9), (GradientMatching(shares=False), 0.98)]
)
def test_other_objectives_train_the_same_set(objective: Any, share: float) -> None:
    """Distribution and gradient matching lower their loss on what HaBa stores, and move it all."""
    real = ImageSource(as_images(toy_images()).with_preprocess("normalise"))
    model = built(ConvNet, real.shape, 3, 8)
    before = HaBa(per_class=2, hallucinators=2).factors(real, Generator().manual_seed(0))
    syn = HaBa(per_class=2, hallucinators=2).factors(real, Generator().manual_seed(0))

    def loss(own: HallucinatedImages) -> float:
        rng = Generator().manual_seed(9)
        params = {k: v.requires_grad_() for k, v in initialise(model, rng).items()}
        return float(objective(own, real, Learner(model, params), rng))

    distill(
        syn,
        objective,
        Fresh(model, optimizer=partial(torch.optim.SGD, lr=0.01)),
        Schedule(25, {"x": 0.05, "hallucinators": 0.02}),
        real,
        rng=Generator().manual_seed(2),
    )
    assert loss(syn) < share * loss(before)
    # A bias before an instance norm of a constant shift may stand still; nothing else does.
    for (name, now), then in zip(syn.named_parameters(), before.parameters(), strict=True):
        assert "bias" in name or not torch.equal(now, then), name


def test_likeness_by_hand() -> None:
    features = torch.randn(3, 4, 5, generator=Generator().manual_seed(0), dtype=torch.float64)
    total = 0.0
    for b in range(3):
        for j in range(4):
            for k in range(4):
                if j != k:
                    total += float(torch.cosine_similarity(features[b, j], features[b, k], dim=0))
    assert float(likeness(features)) == pytest.approx(total / (3 * 12))
    assert float(likeness(features[:, :1])) == 0


def test_kept_apart_they_are_less_alike() -> None:
    real = ImageSource(as_images(toy_images()).with_preprocess("normalise"))
    model = built(ConvNet, real.shape, 3, 8)
    params = {k: v.requires_grad_() for k, v in initialise(model, Generator()).items()}
    learner = Learner(model, params)
    alike = []
    for weight in (0.0, 20.0):
        syn = HaBa(per_class=2, hallucinators=2).factors(real, Generator().manual_seed(0))
        distill(
            syn,
            Apart(MeanMatching(), weight),
            Fresh(model),
            Schedule(15, {"x": 0.05, "hallucinators": 0.02}),
            real,
            rng=Generator().manual_seed(2),
        )
        alike.append(float(likeness(learner.features(syn.batch()).view(-1, 2, 32))))
    assert alike[1] < alike[0] - 0.05
    inside = Apart(MeanMatching(), 1.0)
    syn = HaBa(per_class=2, hallucinators=2).factors(real, Generator().manual_seed(0))
    wrapped = WithScalars(syn, {"lr": [0.1]})
    same = [float(inside(s, real, learner, Generator())) for s in (syn, wrapped)]
    assert same[0] == same[1]
    pixels = ImageSynthetic(real.images[:3], torch.arange(3), 3)
    with pytest.raises(TypeError, match="ImageSynthetic has no hallucinators"):
        inside(pixels, real, learner, Generator())


@pytest.mark.parametrize("per_class", [1, 2, 5])
@pytest.mark.parametrize("width", [None, 2])
def test_the_budget_is_of_what_is_stored(per_class: int, width: int | None) -> None:
    real = ImageSource(as_images(toy_images()).with_preprocess("normalise"))
    method = HaBa(per_class=per_class, hallucinators=2, width=width)
    limit = 3 * per_class * real.example_bytes
    try:
        counts, (low, narrow) = method.bases(real)
    except ValueError:
        assert (per_class, width) == (1, 2)
        return
    stored = method.factors(real, Generator()).stored_bytes
    one_more = 3 * (4 * low * narrow + 8)
    assert limit - one_more < stored <= limit or int(counts.max()) == 27


def test_a_budget_below_the_hallucinators_is_named() -> None:
    real = ImageSource(as_images(toy_images()).with_preprocess("normalise"))
    with pytest.raises(ValueError, match="leave no base of 8 x 8 for some class; raise the budget"):
        HaBa(per_class=1, hallucinators=5, shrink=1).bases(real)
