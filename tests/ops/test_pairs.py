"""Networks over pairs, against PyTorch's own layers."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from graphcondense.ops import pairs
from graphcondense.ops.pairs import pair_logits, wave_logits


def parts(n: int, h: int, k: int, dtype: torch.dtype = torch.float64) -> list[Tensor]:
    rng = torch.Generator().manual_seed(n)
    shapes = [(n, h), (n, h), (k, h), (k,), (k,), (k,)]
    return [torch.randn(s, generator=rng, dtype=dtype).requires_grad_() for s in shapes]


def plainly(left: Tensor, right: Tensor, weight: Tensor, *rest: Tensor) -> Tensor:
    n = len(left)
    scale, shift, last = rest
    hidden = F.relu(left[:, None] + right[None]).view(n * n, -1)
    normed = F.batch_norm(hidden @ weight.T, None, None, scale, shift, training=True, eps=1e-5)
    return (F.relu(normed) @ last).view(n, n)


@pytest.mark.parametrize("tile", [1, 60, 1 << 18])
@pytest.mark.parametrize("n", [1, 7, 13])
def test_values_and_gradients_are_those_of_the_layers(
    n: int, tile: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pairs, "TILE_VALUES", tile)
    inputs = parts(n, 5, 4)
    if n == 1:  # PyTorch's layer refuses a single example; the norm of one is its shift.
        expected = F.relu(inputs[4]) @ inputs[5]
        torch.testing.assert_close(pair_logits(*inputs)[0, 0], expected)
        return
    up = torch.randn(n, n, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    ours, theirs = pair_logits(*inputs), plainly(*inputs)
    torch.testing.assert_close(ours, theirs)
    for a, b in zip(
        torch.autograd.grad(ours, inputs, up), torch.autograd.grad(theirs, inputs, up), strict=True
    ):
        torch.testing.assert_close(a, b)


def test_single_precision_is_at_least_as_exact_as_the_layers() -> None:
    exact = parts(40, 32, 32)
    coarse = [p.detach().float().requires_grad_() for p in exact]
    reference = torch.autograd.grad(plainly(*exact).square().sum(), exact)

    def off(call: object) -> float:
        grads = torch.autograd.grad(call(*coarse).square().sum(), coarse)  # type: ignore[operator]
        return max(
            float((a - b).abs().max() / b.abs().max())
            for a, b in zip(grads, reference, strict=True)
        )

    assert off(pair_logits) <= 2 * off(plainly)
    assert off(pair_logits) < 1e-4


def test_it_keeps_one_array_of_pairs() -> None:
    inputs = parts(30, 64, 64, torch.float32)
    kept: list[int] = []

    def pack(t: Tensor) -> Tensor:
        kept.append(t.untyped_storage().nbytes())
        return t

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda t: t):
        pair_logits(*inputs)
    assert sum(kept) < 1.2 * 4 * 30 * 30 * 64


def test_a_second_derivative_is_refused() -> None:
    inputs = parts(4, 3, 3)
    loss = pair_logits(*inputs).square().sum()
    (slope,) = torch.autograd.grad(loss, inputs[0], create_graph=True)
    with pytest.raises(RuntimeError, match="once_differentiable"):
        slope.sum().backward()


@pytest.mark.parametrize("tile", [1, 60, 1 << 18])
@pytest.mark.parametrize("resting", [False, True])
def test_waves_are_those_of_the_layers(
    tile: int, resting: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Values and gradients of an implicit network, also where its weights do not move."""
    monkeypatch.setattr(pairs, "TILE_VALUES", tile)
    left, right, weight, shift, last, _ = parts(13, 5, 4)
    inputs = [left, right, weight, shift, last]
    for part in inputs[2:] if resting else ():
        part.requires_grad_(False)
    moving = [part for part in inputs if part.requires_grad]
    theirs = torch.sin(torch.sin(left[:, None] + right) @ weight.T + shift) @ last
    ours = wave_logits(*inputs)
    torch.testing.assert_close(ours, theirs)
    up = torch.randn(13, 13, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    for a, b in zip(
        torch.autograd.grad(ours, moving, up), torch.autograd.grad(theirs, moving, up), strict=True
    ):
        torch.testing.assert_close(a, b)
