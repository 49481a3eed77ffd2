"""Codes times decoders: numbers by hand, what a step sees, and what is stored."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from graphcondense.data.images import as_images
from graphcondense.domains.decoders import DecodedImages, new_decoders, small_codes
from graphcondense.domains.image import ImageSource
from graphcondense.methods.kfs import KFS
from graphcondense.nn.generators import TinyDecoders, base_sides, decoder_numbers
from tests.cases import toy_images


def rng(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def decoded(shown: int | None = None) -> DecodedImages:
    """Four codes of class 0, one of class 2, three decoders."""
    codes = torch.randn(5, 2, 2, 2, generator=rng())
    y = torch.tensor([0, 0, 0, 0, 2])
    return DecodedImages(codes, y, 3, new_decoders((1, 8, 8), 3, 2, 4, rng(1)), shown=shown)


@pytest.mark.parametrize("shape", [(1, 8, 8), (3, 9, 14), (1, 28, 28), (3, 32, 32)])
def test_grouped_decoders_equal_one_after_the_other(shape: tuple[int, int, int]) -> None:
    nets = new_decoders(shape, 3, 2, 4, rng()).double()
    z = torch.randn(5, 2, *base_sides(shape), generator=rng(1), dtype=torch.float64)
    out = nets(z)
    assert out.shape == (5, 3, *shape)
    for j in range(3):

        def one(x: Tensor, layer: torch.nn.Conv2d, j: int = j) -> Tensor:
            each = layer.out_channels // 3
            own = slice(j * each, (j + 1) * each)
            return F.conv2d(x, layer.weight[own], layer.bias[own], padding=1)  # type: ignore[index]

        h = F.interpolate(one(z, nets.first).relu(), scale_factor=2, mode="bilinear")
        h = F.interpolate(one(h, nets.second).relu(), scale_factor=2, mode="bilinear")
        h = one(h, nets.last)[..., : shape[1], : shape[2]]
        torch.testing.assert_close(out[:, j], h)
    assert sum(p.numel() for p in nets.parameters()) == 3 * decoder_numbers(shape, 2, 4)


def test_every_code_passes_every_decoder() -> None:
    syn = decoded()
    x, y = syn.images()
    assert x.shape == (15, 1, 8, 8)
    assert y.tolist() == [0] * 12 + [2] * 3
    torch.testing.assert_close(x[3:6], syn.decoders(syn.codes[1:2])[0])
    batches = syn.batches()
    assert [len(b.y) for b in batches] == [12, 0, 3]
    torch.testing.assert_close(torch.cat([b.inputs[0] for b in batches]), x)
    torch.testing.assert_close(syn.batch().inputs[0], x)
    assert torch.equal(syn.batch().y, y)
    assert syn.stored_bytes == 4 * (5 * 8 + 3 * decoder_numbers((1, 8, 8), 2, 4)) + 8 * 5


def test_a_step_sees_some_codes_and_the_export_all() -> None:
    syn = decoded(shown=2)
    seen = set()
    for seed in range(20):
        syn.draw(rng(seed))
        assert [len(b.y) for b in syn.batches()] == [6, 0, 3]
        assert int(syn.rows[-1]) == 4
        seen |= set(syn.rows.tolist())
    assert seen == set(range(5))
    assert syn.export().x.shape == (15, 1, 8, 8)
    assert syn.export().stored_bytes == decoded().stored_bytes
    other = decoded(shown=2)
    other.load_state_dict(syn.state_dict())
    torch.testing.assert_close(other.batch().inputs[0], syn.batch().inputs[0])
    with pytest.raises(ValueError, match="shown=0"):
        decoded(shown=0)


def test_fitting_brings_images_to_their_targets() -> None:
    targets = F.interpolate(torch.randn(6, 2, 1, 3, 3, generator=rng()).flatten(0, 1), (8, 8))
    targets = targets.view(6, 2, 1, 8, 8)
    codes = small_codes(targets, 2, 0.1, rng())
    assert codes.shape == (6, 2, 2, 2)
    y = torch.zeros(6, dtype=torch.long)
    syn = DecodedImages(codes, y, 1, new_decoders((1, 8, 8), 2, 2, 8, rng(1)))

    def error() -> float:
        return float((syn.images()[0].view_as(targets) - targets).detach().square().mean())

    before = error()
    syn.fit_(targets, 200, rng=rng())
    assert error() < 0.5 * before
    assert all(p.grad is None for p in syn.parameters())


def test_global_generator_is_left_alone() -> None:
    before = torch.get_rng_state()
    decoded()
    assert torch.equal(before, torch.get_rng_state())


@pytest.mark.parametrize("per_class", [1, 2, 5, 20])
def test_the_plan_keeps_the_budget_in_bytes(per_class: int) -> None:
    real = ImageSource(as_images(toy_images()))
    for channels in (1, 2, 4):
        method = KFS(per_class=per_class, code_channels=channels, warm_steps=0)
        try:
            plan = method.plan(real)
        except ValueError:
            assert per_class == 1
            continue
        syn, _ = method.factors(real, rng())
        most = 3 * per_class * real.example_bytes
        assert most - 3 * 8 * (4 * channels * 4 + 8) < syn.stored_bytes <= most
        assert syn.codes_each == plan.codes.tolist()
        assert isinstance(syn.decoders, TinyDecoders)
