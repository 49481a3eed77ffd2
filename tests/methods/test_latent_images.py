"""KFS and IT-GAN: what holds for every method on images, and what is their own."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

import graphcondense
from graphcondense.core.engine import Callback
from tests.cases import ImageCase, Whole, toy_images

SMALL = {"hidden_channels": 8, "validations": 1, "real_batch": 5, "steps": 6}


class TestKFS(ImageCase):
    """The budget counts bytes; what it buys is decoded to more images."""

    name = "kfs"
    options = {**SMALL, "decoders": 2, "width": 2, "warm_steps": 3, "shown": 2}
    decoded = 4  # two codes of 24 bytes beside decoders of 205 in 264, two images each

    def test_budget_is_kept(self, whole: Whole) -> None:
        small = whole.small
        counts = torch.bincount(self.labels(small))
        one = 4 * 64 + 8
        # Two decoders of 20 + 38 + 19 weights; a code has 4 numbers and a label, and two images.
        codes = (2 * one - 2 * 77 * 4 // 3 - 1) // (4 * 4 + 8)
        assert counts.tolist() == [2 * codes] * 3
        assert 5 * one < small.condensed["bytes"] <= 6 * one
        most = self.ample(small)
        assert self.condense(per_class=None, bytes=most).condensed["bytes"] <= most
        assert self.condense(per_class=None, nodes=7).condensed["bytes"] <= 7 * one


class TestITGAN(ImageCase):
    name = "itgan"
    options = {**SMALL, "gan_steps": 3, "gan_batch": 4, "width": 4, "latent": 5, "invert_steps": 3}

    def test_bytes_count_the_generator(self) -> None:
        small = self.condense()
        with pytest.raises(ValueError, match="of the generator and the 84 of one latent"):
            self.condense(per_class=None, bytes=small.condensed["bytes"] - 100)
        bytes_of = small.condensed["bytes"] - 6 * (4 * 5 + 8)
        seven = self.condense(per_class=None, bytes=bytes_of + 7 * 28 + 27)
        assert len(seven.y) == 7


class Losses(Callback):
    def __init__(self) -> None:
        self.seen: list[float] = []

    def step(self, state: Any) -> None:
        self.seen.append(float(state.loss))


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("kfs", {"warm_steps": 0, "lr_codes": 0.05, "lr_decoders": 0.01, "width": 4}),
        ("itgan", {"gan_steps": 60, "width": 8, "invert_steps": 0, "lr_z": 0.05}),
    ],
)
def test_learning_lowers_the_loss(name: str, options: dict[str, Any]) -> None:
    losses = Losses()
    run(name, **{"steps": 80, "per_class": 4, "callbacks": [losses], **options})
    assert sum(losses.seen[-20:]) < 0.8 * sum(losses.seen[:20])


def run(name: str, **options: Any) -> Any:
    own = {"hidden_channels": 8, "real_batch": 20, "validations": 0, "augment": "none"}
    return graphcondense.condense(toy_images(), name, progress=False, **{**own, **options})


def test_a_budget_without_room_for_a_code_is_refused_before_work() -> None:
    with pytest.raises(ValueError, match=r"4 decoders of width 8 take .* leave no code"):
        run("kfs", per_class=1, decoders=4, width=8, steps=10**9)
    with pytest.raises(ValueError, match="lower decoders, width or code_channels"):
        run("kfs", per_class=1, code_channels=64)


@pytest.mark.parametrize(
    ("name", "bad", "message"),
    [
        ("kfs", {"decoders": 0}, "decoders=0 must be at least 1"),
        ("kfs", {"warm_steps": -1}, "warm_steps=-1 must be at least 0"),
        ("kfs", {"shown": 0}, "shown=0 must be at least 1"),
        ("itgan", {"width": 3}, "width=3 must be even"),
        ("itgan", {"gan_steps": -1}, "gan_steps=-1 must be at least 0"),
        ("itgan", {"latent": 0}, "latent=0 must be at least 1"),
    ],
)
def test_bad_fields(name: str, bad: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        run(name, per_class=2, **bad)


def test_classes_of_few_images_decode_to_more_than_they_have() -> None:
    images, labels = toy_images(n=18)
    data: tuple[Tensor, Tensor] = images, labels
    options = {**SMALL, "validations": 0, "decoders": 2, "width": 2, "warm_steps": 2}
    small = graphcondense.condense(data, "kfs", per_class=3, progress=False, **options)
    assert len(small.y) > 18


def test_images_too_small_for_a_critic_are_refused() -> None:
    with pytest.raises(ValueError, match="sides of at least 4 pixels, these are 3 x 8"):
        graphcondense.condense(
            (torch.rand(20, 1, 3, 8), torch.arange(20) % 2), "itgan", per_class=1, progress=False
        )
