"""Latents of a generator, and the small conditional GAN that makes one."""

from __future__ import annotations

import pytest
import torch

from graphcondense.core.pools import built, initialise
from graphcondense.domains.generators import GeneratedImages
from graphcondense.nn.generators import (
    ConditionalCritic,
    ConditionalGenerator,
    inverted,
    train_gan,
)
from tests.cases import toy_images


def rng(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def generator(shape: tuple[int, int, int] = (1, 8, 8), seed: int = 0) -> ConditionalGenerator:
    net = built(ConditionalGenerator, shape, 3, 4, 8)
    net.load_state_dict(initialise(net, rng(seed)))
    return net


@pytest.mark.parametrize("shape", [(1, 8, 8), (3, 9, 14), (1, 28, 28), (3, 32, 32)])
def test_shapes(shape: tuple[int, int, int]) -> None:
    y = torch.tensor([0, 2])
    x = generator(shape)(torch.randn(2, 4, generator=rng()), y)
    assert x.shape == (2, *shape)
    assert built(ConditionalCritic, shape, 3, 4)(x, y).shape == (2,)


def test_an_image_depends_on_its_own_latent_and_class() -> None:
    net, z, y = generator(), torch.randn(3, 4, generator=rng()), torch.tensor([0, 1, 1])
    x = net(z, y)
    torch.testing.assert_close(net(z[1:2], y[1:2]), x[1:2])
    assert not torch.allclose(net(z[1:2], y[:1]), x[1:2])


def test_the_critic_s_class_is_a_row_of_its_last_layer() -> None:
    net = built(ConditionalCritic, (1, 8, 8), 3, 4).double()
    x = torch.randn(5, 1, 8, 8, generator=rng(), dtype=torch.float64)
    y = torch.tensor([0, 1, 2, 2, 0])
    h = torch.nn.functional.leaky_relu(net.first(x), 0.2)
    h = torch.nn.functional.leaky_relu(net.second(h), 0.2).flatten(1)
    w, b = net.last.weight, net.last.bias
    for i, c in enumerate(y.tolist()):
        wanted = h[i] @ (w[0] + w[c + 1]) + b[0] + b[c + 1]
        torch.testing.assert_close(net(x, y)[i], wanted)


def test_only_latents_are_learnt_and_all_is_counted() -> None:
    y = torch.tensor([0, 0, 2])
    syn = GeneratedImages(torch.randn(3, 4, generator=rng()), y, 3, generator())
    assert list(syn.groups()) == ["z"]
    assert [len(b.y) for b in syn.batches()] == [2, 0, 1]
    (slope,) = torch.autograd.grad(syn.images()[0].square().sum(), [syn.z])
    assert bool((slope != 0).any(1).all())
    assert not any(p.requires_grad for p in syn.generator.parameters())
    nets = 4 * sum(p.numel() for p in syn.generator.parameters())
    assert syn.stored_bytes == nets + 4 * 3 * 4 + 8 * 3
    other = GeneratedImages(torch.zeros(3, 4), y, 3, generator(seed=5))
    other.load_state_dict(syn.state_dict())
    assert torch.equal(other.images()[0], syn.images()[0])


def test_a_short_training_shows_the_classes() -> None:
    """The bright row of an 8 x 8 image is its class; images are those of the running average."""
    images, labels = toy_images()
    images = (images - images.mean()) / images.std()
    net, again = generator(), generator()
    before = torch.get_rng_state()
    for one in (net, again):
        train_gan(one, images, labels, steps=150, batch=32, width=8, lr=0.003, rng=rng(1))
    assert torch.equal(before, torch.get_rng_state())
    assert all(torch.equal(a, b) for a, b in zip(net.parameters(), again.parameters(), strict=True))
    y = torch.arange(3).repeat_interleave(10)
    with torch.no_grad():
        made = net(torch.randn(30, 4, generator=rng(2)), y)
    rows = made.mean((1, 3))[:, 1:7:2].argmax(1)
    assert float((rows == y).float().mean()) > 0.9


def test_inversion_lowers_the_error() -> None:
    net, y = generator(), torch.tensor([0, 1, 2])
    with torch.no_grad():
        wanted = net(0.5 * torch.randn(3, 4, generator=rng(3)), y)
    errors = [
        (net(inverted(net, wanted, y, steps=k, rng=rng()), y) - wanted).square().mean().item()
        for k in (0, 200)
    ]
    assert errors[1] < 0.2 * errors[0]
