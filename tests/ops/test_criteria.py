"""Losses of all kinds of labels and their slopes, against autograd and by hand."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from graphcondense.ops.criteria import CRITERIA, SLOPES, of_classes

NAN = math.nan


def rows(*shape: int) -> Tensor:
    drawn = torch.Generator().manual_seed(0)
    return torch.randn(*shape, generator=drawn, dtype=torch.float64)


@pytest.mark.parametrize("kind", sorted(CRITERIA))
def test_slopes_are_those_of_autograd(kind: str) -> None:
    """Of two models at once, each by itself; half of one row and all of another are not known."""
    out = rows(2, 4, 3)
    y = torch.tensor([0, 2, 2, 1])
    if kind == "soft":
        y = rows(4, 3).softmax(1)
    elif kind != "classes":
        y = torch.tensor([[0.0, 1, 1], [NAN, 1, NAN], [NAN] * 3, [1, 0, 0]], dtype=torch.float64)
    found = SLOPES[CRITERIA[kind]](out, y.expand(2, *y.shape))
    for one, slope in zip(out, found, strict=True):
        leaf = one.clone().requires_grad_()
        (wanted,) = torch.autograd.grad(CRITERIA[kind](leaf, y), leaf)
        torch.testing.assert_close(slope, wanted)


def test_the_slope_of_soft_labels() -> None:
    """Labels that do not sum to one count by their sum, as in cross-entropy."""
    out, y = rows(4, 3).requires_grad_(), rows(4, 3).abs()
    loss = -(y * out.log_softmax(-1)).sum(-1).mean()
    (wanted,) = torch.autograd.grad(loss, out)
    torch.testing.assert_close(of_classes(out.detach(), y), wanted)


def test_losses_by_hand() -> None:
    """Means over what is known: of two numbers, of one task, of nothing."""
    y = torch.tensor([[1.0, NAN], [3.0, NAN]])
    out = torch.tensor([[0.0, 9.0], [1.0, 9.0]])
    assert float(CRITERIA["regression"](out, y)) == pytest.approx((1 + 4) / 2)
    sure = torch.tensor([[0.0, 9.0]])
    assert float(CRITERIA["binary"](sure, y[:1])) == pytest.approx(math.log(2))
    for kind in ("regression", "binary"):
        none = torch.full((2, 2), NAN)
        assert float(CRITERIA[kind](out, none)) == 0.0
        assert not SLOPES[CRITERIA[kind]](out, none).any()


def test_no_examples_have_no_slope() -> None:
    assert of_classes(torch.zeros(0, 3), torch.zeros(0, dtype=torch.long)).shape == (0, 3)
