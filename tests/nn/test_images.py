"""Image networks: shapes, functional calls, norms, initial weights."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Generator, Tensor
from torch.func import functional_call, vmap

from graphcondense.core.pools import built, initialise
from graphcondense.nn.images import IMAGE_MODELS, ConvNet, norm_layer

SHAPES = ((1, 8, 8), (1, 28, 28), (3, 32, 32))
NORMS = ("instance", "batch", "group", "none")


def net(name: str, shape: tuple[int, int, int] = (1, 8, 8), **options: Any) -> Any:
    return built(IMAGE_MODELS[name], shape, 5, 8, **options)


def images(shape: tuple[int, int, int] = (1, 8, 8), n: int = 4) -> Tensor:
    return torch.randn(n, *shape, generator=Generator().manual_seed(0))


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("name", IMAGE_MODELS)
def test_logits_features_and_layers(name: str, shape: tuple[int, int, int]) -> None:
    model, x = net(name, shape), images(shape)
    logits, features, layers = model(x), model(x, features=True), model(x, layers=True)
    assert logits.shape == (4, 5)
    assert torch.equal(model.last(features), logits)
    assert torch.equal(model.pool(layers[-1]), features)
    assert len(layers) == len(model.blocks) > 1
    assert not dict(model.named_buffers())


@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize("name", ["convnet", "resnet", "vgg"])
def test_drawn_weights_are_all_weights_and_work_stacked(name: str, norm: str) -> None:
    model, x = net(name, norm=norm), images()
    drawn = [initialise(model, Generator().manual_seed(s)) for s in (0, 1)]
    assert drawn[0].keys() == dict(model.named_parameters()).keys()
    stacked = {k: torch.stack([d[k] for d in drawn]) for k in drawn[0]}
    together = vmap(lambda own: functional_call(model, own, (x,)))(stacked)
    for out, own in zip(together, drawn, strict=True):
        assert torch.allclose(out, functional_call(model, own, (x,)), atol=1e-4)
    assert not torch.allclose(together[0], together[1])


def test_convnet_by_hand() -> None:
    """One block: convolution, norm of each map, ReLU, mean over 2 x 2, linear."""
    model, x = net("convnet", depth=1).double(), images().double()
    conv, norm = model.blocks[0][0][0], model.blocks[0][0][1]
    h = torch.nn.functional.conv2d(x, conv.weight, conv.bias, padding=1)
    centred = h - h.mean((2, 3), keepdim=True)
    h = centred / (centred.square().mean((2, 3), keepdim=True) + norm.eps).sqrt()
    h = h.clamp_min(0).view(4, 8, 4, 2, 4, 2).mean((3, 5)).flatten(1)
    assert torch.allclose(model(x), h @ model.last.weight.T + model.last.bias, atol=1e-12)


def test_only_batch_norm_looks_at_other_images() -> None:
    x = images()
    for norm, alone in (("instance", True), ("group", True), ("none", True), ("batch", False)):
        model = net("convnet", norm=norm)
        assert torch.allclose(model(x)[:2], model(x[:2]), atol=1e-5) is alone


def test_a_residual_stage_keeps_what_goes_in() -> None:
    model = net("resnet", depth=1)
    stage = model.blocks[1]
    torch.nn.init.zeros_(stage.second[1].weight)
    h = model.blocks[0](images())
    assert torch.equal(stage(h), h.relu())


def test_wrong_sizes_say_what_to_do() -> None:
    with pytest.raises(ValueError, match=r"depth 4 needs sides of at least 16.*lower depth"):
        ConvNet((1, 8, 8), 5, depth=4)
    with pytest.raises(ValueError, match="depth of at least 1, got 0"):
        ConvNet((1, 8, 8), 5, depth=0)
    with pytest.raises(ValueError, match="4 groups, not of 6 channels"):
        norm_layer("group", 6)
    with pytest.raises(ValueError, match="norm='layer': choose instance, batch, group, none"):
        norm_layer("layer", 8)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="an MLP has none"):
        IMAGE_MODELS["mlp"]((1, 8, 8), 5, norm="batch")
