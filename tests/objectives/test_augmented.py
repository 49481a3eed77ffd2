"""Objectives on augmented images against loops by hand in float64."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from graphcondense.core.pools import built, initialise
from graphcondense.core.types import Learner
from graphcondense.data.images import as_images
from graphcondense.domains.factors import MultiFormation, formed, tiled
from graphcondense.domains.image import ImageSource, ImageSynthetic
from graphcondense.nn.images import ConvNet
from graphcondense.objectives.augmented import Augmented
from graphcondense.objectives.distribution import LayerMatching, MeanMatching
from graphcondense.objectives.gradient import GradientMatching
from graphcondense.ops.augment import Augment
from tests.cases import toy_images

RNG = torch.Generator


def world() -> tuple[ImageSynthetic, ImageSource, Learner]:
    """Learnt and real images and a network, in float64."""
    real = ImageSource(as_images(toy_images()))
    real.images = real.images.double()
    x = torch.randn(6, *real.shape, generator=RNG().manual_seed(1), dtype=torch.float64)
    syn = ImageSynthetic(x, torch.arange(3).repeat_interleave(2), 3)
    model = built(ConvNet, real.shape, 3, 4).double()
    params = initialise(model, RNG().manual_seed(2))
    return syn, real, Learner(model, {k: v.requires_grad_() for k, v in params.items()})


def class_gradient(learner: Learner, x: Tensor, c: int) -> list[Tensor]:
    y = torch.full((len(x),), c)
    logits = torch.func.functional_call(learner.model, dict(learner.params), (x,))
    grads = torch.autograd.grad(F.cross_entropy(logits, y), list(learner.params.values()))
    return [g for g in grads if g.dim() > 1]


def apart(a: Tensor, b: Tensor, distance: str) -> float:
    total = 0.0
    for u, v in zip(a.flatten(1), b.flatten(1), strict=True):
        if distance == "cosine":
            total += 1 - float(u @ v) / (float(u.norm()) * float(v.norm()))
        elif distance == "mse":
            total += sum((float(i) - float(j)) ** 2 for i, j in zip(u, v, strict=True))
        else:
            total += sum(abs(float(i) - float(j)) for i, j in zip(u, v, strict=True))
    return total


@pytest.mark.parametrize("distance", ["cosine", "mse", "l1"])
@pytest.mark.parametrize("summed", [False, True])
def test_gradient_matching_by_hand(distance: Any, summed: bool) -> None:
    syn, real, learner = world()
    own = [class_gradient(learner, syn.x[2 * c : 2 * c + 2], c) for c in range(3)]
    target = [class_gradient(learner, real.images[real.members[c]], c) for c in range(3)]
    if summed:  # DCC: one distance between the sums over classes
        own = [[sum(g) for g in zip(*own, strict=True)]]
        target = [[sum(g) for g in zip(*target, strict=True)]]
    expected = sum(
        apart(a, b, distance)
        for one, two in zip(own, target, strict=True)
        for a, b in zip(one, two, strict=True)
    )
    objective = GradientMatching(distance=distance, shares=False, summed=summed)
    assert float(objective(syn, real, learner, RNG()).detach()) == pytest.approx(expected, rel=1e-9)


def test_summed_gradients_weigh_classes_by_their_shares() -> None:
    syn, real, learner = world()
    parts = [0, 1, 1, 2, 2, 2]
    syn = ImageSynthetic(syn.x.detach(), torch.tensor(parts), 3)
    sums = []
    for batches in (syn.batches(), [real.batch(c) for c in range(3)]):
        grads = [class_gradient(learner, b.inputs[0], c) for c, b in enumerate(batches)]
        shares = [1 / 6, 2 / 6, 3 / 6]
        sums.append(
            [sum(s * g for s, g in zip(shares, k, strict=True)) for k in zip(*grads, strict=True)]
        )
    expected = sum(apart(a, b, "mse") for a, b in zip(*sums, strict=True))
    objective = GradientMatching(distance="mse", summed=True)
    assert float(objective(syn, real, learner, RNG()).detach()) == pytest.approx(expected, rel=1e-9)


def test_layers_and_centres_by_hand() -> None:
    """CAFE's two terms, one image, layer and class at a time."""
    syn, real, learner = world()

    def layers(x: Tensor) -> list[Tensor]:
        out, h = [], x
        for block in learner.model.blocks:  # type: ignore[union-attr]
            h = block(h)
            out.append(h.flatten(1))
        return out

    learner.model.load_state_dict({k: v.detach() for k, v in learner.params.items()})
    aligned, centres, rows = 0.0, [], []
    for c in range(3):
        own, target = layers(syn.x[2 * c : 2 * c + 2]), layers(real.images[real.members[c]])
        for a, b in zip(own, target, strict=True):
            gap = torch.stack(list(a)).sum(0) / len(a) - torch.stack(list(b)).sum(0) / len(b)
            aligned += float((gap * gap).sum().detach())
        centres.append(sum(own[-1]) / 2)
        rows += [(row, c) for row in target[-1]]
    cost = 0.0
    for row, c in rows:
        logits = torch.stack([row @ centre for centre in centres])
        cost -= float((logits[c] - logits.logsumexp(0)).detach()) / len(rows)
    loss = LayerMatching(discrimination=0.7)(syn, real, learner, RNG())
    assert float(loss.detach()) == pytest.approx(aligned + 0.7 * cost, rel=1e-9)
    plain = LayerMatching(discrimination=0.0)(syn, real, learner, RNG())
    assert float(plain.detach()) == pytest.approx(aligned, rel=1e-9)
    (slope,) = torch.autograd.grad(loss - plain, syn.x)
    assert float(slope.abs().sum()) > 0, "centres learn from the discrimination loss"


@pytest.mark.parametrize("by_class", [True, False])
def test_both_worlds_are_shown_the_same(by_class: bool) -> None:
    """Equal images on both sides have distance zero under every transformation."""
    _, real, learner = world()
    real.images, real.labels = real.images[:9], real.labels[:9]
    real.members = [(real.labels == c).nonzero().flatten() for c in range(3)]
    order = torch.cat(real.members)
    syn = ImageSynthetic(real.images[order], real.labels[order], 3)
    for seed in range(6):
        for objective in (
            MeanMatching(),
            LayerMatching(discrimination=0.0),
            GradientMatching(distance="mse", shares=False),
        ):
            shown = Augmented(objective, Augment(), by_class)
            loss = shown(syn, real, learner, RNG().manual_seed(seed))
            assert float(loss.detach()) == pytest.approx(0, abs=1e-20)


def test_augmented_means_by_hand() -> None:
    syn, real, learner = world()
    augment, rng = Augment(pick="all"), RNG().manual_seed(5)
    shown = [augment.draw(rng, real.shape) for _ in range(3)]
    expected = 0.0
    for c in range(3):
        theirs, ours = (
            torch.func.functional_call(
                learner.model, dict(learner.params), (shown[c](x),), {"features": True}
            )
            for x in (real.images[real.members[c]], syn.x[2 * c : 2 * c + 2])
        )
        gap = sum(theirs) / len(theirs) - sum(ours) / len(ours)
        expected += float((gap.detach() ** 2).sum())
    loss = Augmented(MeanMatching(), augment)(syn, real, learner, RNG().manual_seed(5))
    assert float(loss.detach()) == pytest.approx(expected, rel=1e-6)
    (slope,) = torch.autograd.grad(loss, syn.x)
    assert bool((slope.flatten(1).abs().sum(1) > 0).all())


def test_whole_batches_show_each_class_its_own() -> None:
    syn, real, learner = world()
    seen: list[Tensor] = []

    def objective(a: Any, b: Any, *_: Any) -> Tensor:
        parts = torch.cat([batch.inputs[0] for batch in a.batches()])
        seen.extend([parts, a.batch().inputs[0]])
        assert a.classes is syn.classes
        assert b.num_classes == 3
        return parts.sum()

    Augmented(objective, Augment("rotate"))(syn, real, learner, RNG().manual_seed(1))
    torch.testing.assert_close(seen[0], seen[1], rtol=0, atol=1e-12)
    assert not torch.equal(seen[0], syn.x)


def test_soft_labels_have_no_class_of_their_own() -> None:
    syn, real, learner = world()
    soft = ImageSynthetic(syn.x.detach(), syn.classes, 3, learn_labels=True)

    def whole(a: Any, *_: Any) -> Tensor:
        total: Tensor = a.batch().inputs[0].sum()
        return total

    with pytest.raises(ValueError, match="by_class=False"):
        Augmented(whole, Augment())(soft, real, learner, RNG())
    Augmented(whole, Augment(), by_class=False)(soft, real, learner, RNG())


def test_stored_images_hold_their_tiles() -> None:
    x = torch.randn(8, 2, 6, 4, generator=RNG().manual_seed(0))
    stored = tiled(x, 2)
    assert stored.shape == (2, 2, 6, 4)
    small = F.avg_pool2d(x, 2)
    assert torch.equal(stored[0, :, :3, 2:], small[1])
    assert torch.equal(stored[1, :, 3:, :2], small[6])
    back = F.interpolate(small, size=(6, 4), mode="bilinear", align_corners=False)
    assert torch.equal(formed(stored, 2), back)
    syn = MultiFormation(stored, torch.tensor([0, 1]), 2)
    assert syn.classes.tolist() == [0] * 4 + [1] * 4
    assert [len(b.y) for b in syn.batches()] == [4, 4]
    assert syn.stored_bytes == 4 * stored.numel() + 2 * 8
    assert syn.export().x.shape == (8, 2, 6, 4)
    assert torch.equal(formed(stored, 1), stored)
    with pytest.raises(ValueError, match="factor=4 does not cut images of 6 x 4"):
        MultiFormation(stored, torch.tensor([0, 1]), 2, factor=4)
