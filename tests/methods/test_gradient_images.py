"""DSA, DCC and IDC: what holds for every method on images, and what is their own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

import graphcondense
from graphcondense.core.pools import Fresh, OnReal, OnSynthetic, built
from graphcondense.data.images import as_images
from graphcondense.domains.image import ImageSource, ImageSynthetic
from graphcondense.methods.idc import IDC
from graphcondense.nn.images import ConvNet
from graphcondense.ops.augment import Augment
from tests.cases import ImageCase, toy_images

SMALL: dict[str, Any] = {"hidden_channels": 8, "validations": 0, "real_batch": 5}


class TestDSA(ImageCase):
    name = "dsa"
    options = {"epochs": 3, "outer": 2, "inner": 2, **SMALL, "validations": 1}


class TestDCC(ImageCase):
    name = "dcc"
    options = {"epochs": 3, "outer": 2, "inner": 1, **SMALL}


class TestIDC(ImageCase):
    """Two stored images a class, each of which holds four."""

    name = "idc"
    options = {"epochs": 2, "outer": 3, "inner": 2, "train_batch": 8, **SMALL}

    def labels(self, small: Any) -> Tensor:
        y: Tensor = small.y[::4]
        return y

    def test_stored_bytes_are_those_of_whole_images(self) -> None:
        small, plain = self.condense(), self.condense(factor=1)
        assert len(small.y) == 24
        assert len(plain.y) == 6
        assert small.condensed["bytes"] == plain.condensed["bytes"] == 6 * (4 * 64 + 8)


def source() -> ImageSource:
    return ImageSource(as_images(toy_images()))


def test_a_class_smaller_than_its_tiles_repeats_images() -> None:
    x, y = toy_images(n=15)
    real = ImageSource(as_images((x, y), validation=0))
    syn = IDC(per_class=2).formation(real, torch.Generator().manual_seed(0))
    assert syn.x.shape == (6, 1, 8, 8)
    shown, labels = syn.images()
    assert len(shown) == 24
    for c in range(3):
        assert len(torch.unique(shown[labels == c].detach(), dim=0)) == 5


def test_a_factor_that_does_not_divide_is_refused_before_work() -> None:
    with pytest.raises(ValueError, match="factor=3 does not cut images of 8 x 8 pixels"):
        graphcondense.condense(toy_images(), "idc", per_class=1, factor=3)


def test_an_unknown_operation_is_refused_before_work(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="augment='blur' has 'blur', which is unknown"):
        graphcondense.condense(
            toy_images(), "dsa", per_class=1, augment="blur", out=tmp_path / "run"
        )
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("kind", ["synthetic", "real"])
def test_networks_are_trained_on_what_the_lessons_say(kind: str) -> None:
    """Weights after two steps equal those of a loop by hand with the same draws."""
    real = source()
    x = torch.randn(3, 1, 8, 8, generator=torch.Generator().manual_seed(0))
    syn = ImageSynthetic(x, torch.arange(3), 3)
    model = built(ConvNet, real.shape, 3, 4)
    view = Augment()
    lessons = OnSynthetic(view) if kind == "synthetic" else OnReal(7, view)

    def sgd(params: list[Tensor]) -> torch.optim.Optimizer:
        return torch.optim.SGD(params, lr=0.1)

    pool = Fresh(model, outer=2, inner=2, optimizer=sgd, lessons=lessons)
    rng = torch.Generator().manual_seed(4)
    learners = pool(syn, real, rng)
    params = {k: v.detach().clone().requires_grad_() for k, v in next(learners).params.items()}
    again = torch.Generator()
    again.set_state(rng.get_state())
    after = next(learners).params
    for _ in range(2):
        batch = syn.batch() if kind == "synthetic" else real.batch(None, 7, again)
        out = torch.func.functional_call(model, params, (view(batch.inputs[0].detach(), again),))
        loss = torch.nn.functional.cross_entropy(out, batch.y)
        slopes = torch.autograd.grad(loss, list(params.values()))
        params = {k: v - 0.1 * g for (k, v), g in zip(params.items(), slopes, strict=True)}
    for k, v in after.items():
        torch.testing.assert_close(v, params[k])


@pytest.mark.parametrize("name", ["dsa", "dcc", "dcc-dsa", "idc", "idc-i"])
def test_learning_lowers_the_loss(name: str) -> None:
    losses: list[float] = []

    class Losses(graphcondense.core.Callback):
        def step(self, state: Any) -> None:
            losses.append(float(state.loss))

    own: dict[str, Any] = {"train_batch": 8} if name.startswith("idc") else {"inner": 0}
    options: dict[str, Any] = {
        **SMALL,
        "real_batch": 20,
        "validations": 0,
        "optimizer": "adam",
        "lr_x": 0.05,
    }
    graphcondense.condense(
        toy_images(),
        name,
        per_class=1,
        init="noise",
        epochs=60,
        outer=1,
        progress=False,
        callbacks=[Losses()],
        **options,
        **own,
    )
    assert sum(losses[-10:]) < 0.9 * sum(losses[:10])
