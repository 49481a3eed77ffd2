"""DM and CAFE on images: what holds for every method on images, and what is their own."""

from __future__ import annotations

from typing import Any

import pytest

import graphcondense
from tests.cases import ImageCase, toy_images

SMALL: dict[str, Any] = {"hidden_channels": 8, "validations": 0, "real_batch": 5}


class TestDM(ImageCase):
    name = "dm"
    options = {"epochs": 6, **SMALL}


class TestCAFE(ImageCase):
    name = "cafe"
    options = {"epochs": 3, "outer": 2, "inner": 2, **SMALL}


@pytest.mark.parametrize("name", ["dm", "cafe", "cafe-dsa"])
def test_learning_lowers_the_loss(name: str) -> None:
    losses: list[float] = []

    class Losses(graphcondense.core.Callback):
        def step(self, state: Any) -> None:
            losses.append(float(state.loss))

    graphcondense.condense(
        toy_images(),
        name,
        per_class=1,
        init="noise",
        epochs=60,
        outer=1,
        inner=0,
        optimizer="adam",
        lr_x=0.05,
        progress=False,
        callbacks=[Losses()],
        **{**SMALL, "real_batch": 20, "validations": 0},
    )
    assert sum(losses[-10:]) < 0.7 * sum(losses[:10])


def test_the_real_side_costs_no_gradient() -> None:
    """Distribution matching works through a network whose own weights need none."""
    small = graphcondense.condense(
        toy_images(), "dm", per_class=1, model="mlp", progress=False, epochs=2, **SMALL
    )
    assert small.x.shape == (3, 1, 8, 8)
