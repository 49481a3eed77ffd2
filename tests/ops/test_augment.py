"""Augmentations: identity, one function for any batch, slopes, seeds, and values by hand."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import Any

import pytest
import torch
from torch import Tensor

from graphcondense.ops.augment import OPERATIONS, Augment, _Draw, blank, resample, shift

RNG = torch.Generator
STILL = {
    "brightness": 0,
    "saturation": 0,
    "contrast": 0,
    "crop": 0,
    "cutout": 0,
    "flip": 0,
    "scale": 0,
    "rotate": 0,
}


def images(n: int = 3, c: int = 3, h: int = 6, w: int = 8, seed: int = 0) -> Tensor:
    return torch.randn(n, c, h, w, generator=RNG().manual_seed(seed), dtype=torch.float64)


def test_what_is_shown_of_it_makes_it_again() -> None:
    """The names that it reads from its strategy are no argument."""
    made = Augment("flip_crop", crop=0.25, pick="all")
    assert eval(repr(made)) == made
    assert made.operations == ("flip", "crop")


@pytest.mark.parametrize("each", [False, True])
@pytest.mark.parametrize("pick", ["one", "all"])
def test_strengths_of_zero_change_nothing(pick: Any, each: bool) -> None:
    x, still = images(), Augment(pick=pick, **STILL)  # type: ignore[arg-type]
    for seed in range(8):
        rng = RNG().manual_seed(seed)
        out = still(x, rng) if each else still.draw(rng, x.shape[1:])(x)
        assert torch.equal(out, x)
    assert torch.equal(Augment("none")(x, RNG()), x)


@pytest.mark.parametrize("name", OPERATIONS)
def test_one_draw_is_one_function_of_an_image(name: str) -> None:
    """The same image comes out the same, whatever batch it is in and wherever it stands there."""
    shared, a, b = images(1), images(4, seed=1), images(2, seed=2)
    changed = 0
    for seed in range(8):
        shown = Augment(name).draw(RNG().manual_seed(seed), (3, 6, 8))
        one, two = shown(torch.cat([a, shared])), shown(torch.cat([shared, b]))
        torch.testing.assert_close(one[-1], two[0], rtol=0, atol=1e-12)
        assert torch.equal(shown(a), shown(a)), "nothing is drawn when it is applied"
        changed += not torch.equal(one[-1], shared[0])
    assert changed > 0


@pytest.mark.parametrize("name", OPERATIONS)
def test_every_image_for_itself(name: str) -> None:
    """With ``each``, equal images come out differently, and each as its own draw would show it."""
    x = images(1).expand(16, -1, -1, -1)
    out = Augment(name)(x, RNG().manual_seed(0))
    assert out.shape == x.shape
    assert any(not torch.equal(a, b) for a, b in pairwise(out))


@pytest.mark.parametrize("name", OPERATIONS)
def test_slopes_are_right(name: str) -> None:
    x = images(2, 2, 4, 5).requires_grad_()
    shown = Augment(name).draw(RNG().manual_seed(3), x.shape[1:])
    assert torch.autograd.gradcheck(shown, (x,))
    (slope,) = torch.autograd.grad(shown(x).square().sum(), x)
    assert float(slope.abs().sum()) > 0


def test_seeds_and_the_global_generator() -> None:
    x = images()
    before = torch.get_rng_state()
    one, two = (Augment(pick="all")(x, RNG().manual_seed(7)) for _ in range(2))
    assert torch.equal(one, two)
    assert not torch.equal(one, Augment(pick="all")(x, RNG().manual_seed(8)))
    assert torch.equal(before, torch.get_rng_state())


def test_one_operation_of_a_strategy_is_drawn() -> None:
    """Every draw is a flip or a shift, never both; both come up."""
    x = images(1, 1, 4, 4)
    augment = Augment("flip_crop", flip=1.0, crop=0.25)
    flipped = 0
    for seed in range(30):
        out = augment.draw(RNG().manual_seed(seed), x.shape[1:])(x)
        if torch.equal(out, x.flip(-1)):
            flipped += 1
            continue
        ways = [(i, j) for i in (-1, 0, 1) for j in (-1, 0, 1)]
        shifts = [shift(x, torch.tensor([i]), torch.tensor([j])) for i, j in ways]
        assert any(torch.equal(out, s) for s in shifts)
    assert 5 < flipped < 25


def test_all_operations_are_applied_in_turn() -> None:
    x = images(1, 1, 4, 4)
    both = Augment("flip_crop", pick="all", flip=1.0, crop=0.25)
    for seed in range(5):
        rng = RNG().manual_seed(seed)
        torch.rand(1, generator=rng)  # what the flip draws
        down, right = (torch.randint(-1, 2, (1,), generator=rng) for _ in range(2))
        out = both.draw(RNG().manual_seed(seed), x.shape[1:])(x)
        assert torch.equal(out, shift(x.flip(-1), down, right))


def test_color_by_hand() -> None:
    x = images(2)
    shown = Augment("color").draw(RNG().manual_seed(4), x.shape[1:])
    rng = RNG().manual_seed(4)
    u = [float(2 * torch.rand(1, generator=rng) - 1) for _ in range(3)]
    expected = torch.zeros_like(x)
    for n, one in enumerate(x):
        lit = one + 0.5 * u[0]
        grey = sum(lit[c] for c in range(3)) / 3
        strong = torch.stack([grey + (lit[c] - grey) * (1 + u[1]) for c in range(3)])
        mean = float(strong.sum()) / strong.numel()
        expected[n] = mean + (strong - mean) * (1 + 0.5 * u[2])
    torch.testing.assert_close(shown(x), expected, rtol=1e-6, atol=1e-6)


def test_shifts_by_hand() -> None:
    x = images(3, 2)
    down, right = torch.tensor([1, -2, 0]), torch.tensor([-3, 0, 9])
    expected = torch.zeros_like(x)
    for n in range(3):
        for i in range(6):
            for j in range(8):
                a, b = i - int(down[n]), j - int(right[n])
                if 0 <= a < 6 and 0 <= b < 8:
                    expected[n, :, i, j] = x[n, :, a, b]
    assert torch.equal(shift(x, down, right), expected)


def test_the_hole_has_its_size() -> None:
    x = torch.ones(1, 1, 9, 9)
    assert float(blank(x, torch.tensor([4]), torch.tensor([4]), (4, 3)).sum()) == 81 - 12
    assert float(blank(x, torch.tensor([0]), torch.tensor([8]), (4, 4)).sum()) == 81 - 2 * 3


def test_a_quarter_turn_is_a_rotation_of_pixels() -> None:
    x = images(2, 1, 5, 5)
    sin, cos = math.sin(math.pi / 2), math.cos(math.pi / 2)
    map_ = torch.tensor([[[cos, -sin, 0.0], [sin, cos, 0.0]]], dtype=torch.float64)
    torch.testing.assert_close(resample(x, map_), torch.rot90(x, 1, (2, 3)), rtol=0, atol=1e-6)


def test_rotation_keeps_distances_in_oblong_images() -> None:
    """A disc in the middle of an oblong image stays where it is."""
    rows, columns = torch.meshgrid(torch.arange(16.0), torch.arange(32.0), indexing="ij")
    disc = torch.exp(-((rows - 7.5) ** 2 + (columns - 15.5) ** 2) / 18)[None, None].double()
    out = Augment("rotate", rotate=90.0).draw(RNG().manual_seed(1), (1, 16, 32))(disc)
    torch.testing.assert_close(out[..., 10:22], disc[..., 10:22], rtol=0, atol=0.05)


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        ({"strategy": "color_crp"}, "augmentation 'crp' in 'color_crp' is unknown; join some of"),
        ({"strategy": ""}, "unknown"),
        ({"pick": "two"}, "pick='two' is neither"),
        ({"rotate": -1.0}, r"rotate must be 0 or more, got -1\.0"),
        ({"scale": math.nan}, "scale must be 0 or more, got nan"),
        ({"cutout": 1.5}, r"cutout must lie in \[0, 1\], got 1\.5"),
    ],
)
def test_bad_strategies(bad: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Augment(**bad)


def test_a_zoom_of_each_axis_is_drawn_from_its_range() -> None:
    """A ramp from -1 to 1 says where a pixel was read: at its place times the zoom."""
    place = torch.linspace(-1, 1, 41, dtype=torch.float64)
    across = place.expand(1, 1, 41, 41)
    zooms = []
    for seed in range(200):
        shown = Augment("scale", scale=0.5).draw(RNG().manual_seed(seed), (1, 41, 41))
        right, down = shown(across)[0, 0, 20, 25], shown(across.mT)[0, 0, 25, 20]
        zooms.append([float(right / place[25]), float(down / place[25])])
    for axis in zip(*zooms, strict=True):
        assert 1 / 1.5 - 1e-6 <= min(axis) < 0.7
        assert 1.45 < max(axis) <= 1.5 + 1e-6
    assert any(abs(right - down) > 0.3 for right, down in zooms)


@pytest.mark.parametrize(("share", "sides"), [(0.5, (3, 4)), (0.25, (2, 2)), (1.0, (6, 8))])
def test_what_is_cut_out_has_its_share_of_each_side(share: float, sides: tuple[int, int]) -> None:
    """Rounded, and less where it reaches over the edge."""
    found = []
    for seed in range(60):
        shown = Augment("cutout", cutout=share).draw(RNG().manual_seed(seed), (1, 6, 8))
        blank_ = shown(torch.ones(1, 1, 6, 8))[0, 0] == 0
        found.append((int(blank_.any(1).sum()), int(blank_.any(0).sum())))
    assert tuple(map(max, zip(*found, strict=True))) == sides


def drawn(name: str, height: int = 6, width: int = 8, **options: Any) -> dict[str, Any]:
    """The parameters of 4,000 draws of an operation."""
    made = Augment(name, **options)
    (part,) = getattr(made, f"_{name}")(_Draw(RNG().manual_seed(0), 4000, None), height, width)
    return dict(part.keywords)


def test_parameters_are_drawn_from_all_of_their_range() -> None:
    """Both ends of it, and nothing beyond."""
    hole = drawn("cutout")
    assert sorted(set(hole["row"].tolist())) == [*range(6)]
    assert sorted(set(hole["column"].tolist())) == [*range(8)]
    moved = drawn("crop", 16, 24)
    assert sorted(set(moved["down"].tolist())) == [*range(-2, 3)]
    assert sorted(set(moved["right"].tolist())) == [*range(-3, 4)]
    assert float(drawn("flip")["which"].double().mean()) == pytest.approx(0.5, abs=0.03)
    assert float(drawn("flip", flip=0.1)["which"].double().mean()) == pytest.approx(0.1, abs=0.02)
    zoom = drawn("scale")["map_"]
    for axis in (0, 1):
        assert float(zoom[:, axis, axis].min()) == pytest.approx(1 / 1.2, abs=1e-3)
        assert float(zoom[:, axis, axis].max()) == pytest.approx(1.2, abs=1e-3)
    assert not torch.equal(zoom[:, 0, 0], zoom[:, 1, 1])
    turn = drawn("rotate", 8, 8)["map_"]
    angle = torch.rad2deg(torch.atan2(turn[:, 1, 0], turn[:, 0, 0]))
    assert float(angle.min()) == pytest.approx(-15, abs=0.05)
    assert float(angle.max()) == pytest.approx(15, abs=0.05)
    oblong = drawn("rotate", 6, 8)["map_"]
    torch.testing.assert_close(oblong[:, 1, 0], turn[:, 1, 0] / (6 / 8))
    torch.testing.assert_close(oblong[:, 0, 1], turn[:, 0, 1] * (6 / 8))
    bright, grey, mean = (part.keywords["by"] for part in Augment("color")._color(
        _Draw(RNG().manual_seed(0), 4000, None), 6, 8
    ))  # fmt: skip
    for by, low, high in ((bright, -0.5, 0.5), (grey, 0.0, 2.0), (mean, 0.5, 1.5)):
        assert float(by.min()) == pytest.approx(low, abs=2e-3)
        assert float(by.max()) == pytest.approx(high, abs=2e-3)
