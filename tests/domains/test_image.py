"""Real images by class, learnable sets of images, and what methods on them share."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Generator, Tensor, nn
from torch.nn import functional as F

import graphcondense
from graphcondense.data.images import as_images
from graphcondense.domains.image import (
    ImageSource,
    ImageSynthetic,
    LearntImages,
    PixelMethod,
)
from tests.cases import toy_images


def rng(seed: int = 0) -> Generator:
    return torch.Generator().manual_seed(seed)


@pytest.fixture
def real() -> ImageSource:
    return ImageSource(as_images(toy_images()))


class Doubled(LearntImages):
    """Every stored image gives itself and its mirror image; counts how often it decodes."""

    def __init__(self, x: Tensor, y: Tensor, **kwargs: Any) -> None:
        super().__init__(y.repeat_interleave(2), 3, **kwargs)
        self.x, self.decoded = nn.Parameter(x.clone()), 0

    def groups(self) -> dict[str, list[nn.Parameter]]:
        return {"x": [self.x]}

    def images(self) -> tuple[Tensor, Tensor]:
        self.decoded += 1
        return torch.stack([self.x, self.x.flip(-1)], 1).flatten(0, 1), self.classes

    @property
    def stored_bytes(self) -> int:
        return self.x.nbytes + 8 * len(self.x)


# --- the source ------------------------------------------------------------------------------


def test_source_is_the_training_part_as_networks_see_it(real: ImageSource) -> None:
    task = as_images(toy_images())
    assert real.num_examples == 81
    assert real.counts.tolist() == [27, 27, 27]
    assert real.example_bytes == 4 * 64 + 8
    assert abs(float(real.images.mean())) < 1e-5
    assert float(real.images.std(correction=0)) == pytest.approx(1, abs=1e-4)
    assert torch.allclose(real.raw(real.images), task.images[task.train], atol=1e-6)
    assert not hasattr(real, "task"), "nothing but training images can be reached"


def test_batches_of_the_source(real: ImageSource) -> None:
    one, again, other = (real.batch(1, 5, rng(s)) for s in (0, 0, 1))
    assert one.y.tolist() == [1] * 5
    assert torch.equal(one.inputs[0], again.inputs[0])
    assert not torch.equal(one.inputs[0], other.inputs[0])
    assert len(real.batch(2).y) == 27
    assert len(real.batch(2, 1000, rng()).y) == 27
    assert len(real.batch().y) == len(real.batch(None, 10**6, rng()).y) == 81
    assert len(set(real.batch(None, 10, rng()).y.tolist())) > 1


# --- learnable images ------------------------------------------------------------------------


def test_batches_are_the_images_of_a_class() -> None:
    x, y = torch.rand(6, 1, 4, 4), torch.tensor([0, 0, 1, 2, 2, 2])
    syn = ImageSynthetic(x, y, 3)
    for c, batch in enumerate(syn.batches()):
        assert torch.equal(batch.inputs[0], x[y == c])
        assert torch.equal(syn.batch(c).inputs[0], x[y == c])
        assert batch.y.tolist() == [c] * int((y == c).sum())
    assert torch.equal(syn.batch().inputs[0], x)
    assert syn.stored_bytes == 6 * (4 * 16 + 8)


def test_a_class_may_have_no_images() -> None:
    syn = ImageSynthetic(torch.rand(2, 1, 4, 4), torch.tensor([0, 2]), 3)
    assert [len(b.y) for b in syn.batches()] == [1, 0, 1]


def test_images_are_in_the_order_of_their_classes() -> None:
    with pytest.raises(ValueError, match="order of their classes"):
        ImageSynthetic(torch.rand(2, 1, 4, 4), torch.tensor([1, 0]), 2)


def test_soft_labels_are_learnt() -> None:
    x, y = torch.rand(3, 1, 4, 4), torch.arange(3)
    syn = ImageSynthetic(x, y, 3, learn_labels=True)
    assert set(syn.groups()) == {"x", "y"}
    assert torch.equal(syn.batch().y, torch.eye(3))
    F.cross_entropy(syn.x.flatten(1)[:, :3], syn.batch(1).y.expand(3, 3)).backward()
    grad = syn.groups()["y"][0].grad
    assert grad is not None
    assert float(grad.abs().sum()) > 0
    out = syn.export()
    assert torch.equal(out.y, torch.eye(3))
    assert out.stored_bytes == 3 * (4 * 16 + 4 * 3)
    own = ImageSynthetic(x, y, 3, labels=torch.full((3, 3), 0.5))
    assert set(own.groups()) == {"x"}
    assert float(own.batch().y.sum()) == 4.5


def test_export_is_raw_and_shares_nothing(real: ImageSource) -> None:
    syn = PixelMethod(per_class=2).start(real, rng())
    out = syn.export()
    assert torch.allclose(out.x, real.raw(syn.x.detach()))
    assert not out.x.requires_grad
    for plain in (ImageSynthetic(syn.x, syn.y, 3), syn):
        out = plain.export()
        out.x.zero_()
        out.y.zero_()
        assert float(plain.x.detach().abs().max()) > 0
        assert int(plain.y.max()) == 2


def test_decoded_images_are_decoded_once_and_counted_as_stored() -> None:
    x, y = torch.rand(3, 1, 4, 4), torch.arange(3)
    syn = Doubled(x, y, raw=lambda seen: 10 * seen)
    batches = syn.batches()
    assert syn.decoded == 1
    assert [len(b.y) for b in batches] == [2, 2, 2]
    assert torch.equal(batches[1].inputs[0], torch.stack([x[1], x[1].flip(-1)]))
    batches[2].inputs[0].sum().backward()
    assert syn.x.grad is not None
    assert syn.x.grad[:2].abs().sum() == 0
    assert set(syn.x.grad[2].flatten().tolist()) == {2.0}
    out = syn.export()
    assert torch.equal(out.x[::2], 10 * x)
    assert out.stored_bytes == 3 * (4 * 16 + 8)
    assert out.classes.tolist() == [0, 0, 1, 1, 2, 2]


def test_the_record_says_stored_and_decoded_images() -> None:
    class Method(PixelMethod):
        def condense(self, real: ImageSource, **kwargs: Any) -> LearntImages:
            start = self.start(real, kwargs["rng"])
            return Doubled(start.x.detach(), start.y, raw=real.raw)

    method = Method(per_class=2)
    object.__setattr__(method, "kind", "image")
    small = graphcondense.condense(toy_images(), method, progress=False, validations=0)
    record = small.condensed
    assert (record["nodes"], record["stored_images"]) == (12, 6)
    assert record["bytes"] == 6 * (4 * 64 + 8)
    assert record["budget"]["per_class"] == [4, 4, 4]


def test_state_is_all_that_moves(real: ImageSource) -> None:
    one, two = (PixelMethod(per_class=2).start(real, rng(s)) for s in (0, 1))
    assert not torch.equal(one.x, two.x)
    two.load_state_dict(one.state_dict())
    assert torch.equal(one.x, two.x)


# --- what methods share ----------------------------------------------------------------------


@pytest.mark.parametrize("init", ["real", "noise", "kmeans", "herding", "kcenter", "central"])
def test_starts(real: ImageSource, init: Any) -> None:
    method = PixelMethod(per_class=3, init=init)
    one, same, other = (method.start(real, rng(s)).x.detach() for s in (0, 0, 1))
    assert tuple(one.shape) == (9, 1, 8, 8)
    assert torch.equal(one, same)
    assert torch.equal(one, other) == (init in ("herding", "kcenter"))
    distance = torch.cdist(one.flatten(1).double(), real.images.flatten(1).double())
    copies = distance.min(1).values < 1e-6
    if init in ("noise", "kmeans"):
        assert not bool(copies.any())
    else:
        assert bool(copies.all())
        assert real.labels[distance.argmin(1)].tolist() == [0] * 3 + [1] * 3 + [2] * 3


def test_kmeans_centres_lie_among_their_class(real: ImageSource) -> None:
    x = PixelMethod(per_class=1, init="kmeans").start(real, rng()).x.detach()
    means = torch.stack([real.images[real.labels == c].mean(0) for c in range(3)])
    assert torch.allclose(x, means, atol=1e-4)


@pytest.mark.parametrize("model", ["convnet", "mlp", "resnet", "vgg"])
def test_networks(real: ImageSource, model: Any) -> None:
    torch.manual_seed(0)
    before = torch.get_rng_state()
    net = PixelMethod(per_class=1, model=model, hidden_channels=4).network(real)
    assert torch.equal(before, torch.get_rng_state())
    assert net(real.images[:5]).shape == (5, 3)


def test_budget_counts_soft_labels() -> None:
    class Soft(PixelMethod):
        def label_bytes(self, real: ImageSource) -> int:
            return 4 * real.num_classes

    real = ImageSource(as_images(toy_images()))
    assert Soft(bytes=3 * (4 * 64 + 12)).sizes(real).tolist() == [1, 1, 1]
    with pytest.raises(ValueError, match="below one for each"):
        Soft(bytes=3 * (4 * 64 + 12) - 1).sizes(real)


def test_memory_grows_with_the_batch_and_the_width(real: ImageSource) -> None:
    def estimate(**options: Any) -> int:
        return PixelMethod(per_class=1, **options).memory_bytes(real)

    assert estimate(real_batch=200) > estimate(real_batch=100)
    assert estimate(hidden_channels=64) < estimate(hidden_channels=128)


@pytest.mark.parametrize("preprocess", ["normalise", "zca", "none"])
def test_starts_are_real_images_whatever_networks_see(preprocess: Any) -> None:
    images, labels = toy_images()
    small = graphcondense.condense(
        (images, labels),
        "dc",
        per_class=2,
        epochs=1,
        lr_x=0.0,
        hidden_channels=4,
        preprocess=preprocess,
        validations=0,
        progress=False,
    )
    distance = torch.cdist(small.x.flatten(1).double(), images.flatten(1).double())
    assert float(distance.min(1).values.max()) < 1e-4
