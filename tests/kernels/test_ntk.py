"""Kernels of infinitely wide networks against hand loops, wide networks and finite differences."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from graphcondense.kernels.ntk import Kind, fully_connected, kappas, on_sphere
from graphcondense.kernels.ridge import ridge_weights


def drawn(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def by_hand(x: Tensor, z: Tensor, layers: int, kind: Kind, wv: float, bv: float) -> float:
    """The recursion for one pair, in Python floats."""
    d = len(x)
    a, b, s = (wv * float(p @ q) / d + bv for p, q in ((x, x), (z, z), (x, z)))
    t = s
    for _ in range(layers):
        c = max(-1.0, min(1.0, s / math.sqrt(a * b)))
        angle = math.acos(c)
        mean = math.sqrt(a * b) * (math.sin(angle) + (math.pi - angle) * c) / (2 * math.pi)
        slope = (math.pi - angle) / (2 * math.pi)
        s, t = wv * mean + bv, wv * mean + bv + wv * slope * t
        a, b = wv * a / 2 + bv, wv * b / 2 + bv
    return t if kind == "ntk" else s


@pytest.mark.parametrize("layers", [0, 1, 3])
@pytest.mark.parametrize("kind", ["ntk", "nngp"])
@pytest.mark.parametrize(("wv", "bv"), [(2.0, 0.0), (1.7, 0.3)])
def test_equals_the_recursion_by_hand(layers: int, kind: Kind, wv: float, bv: float) -> None:
    x, z = drawn(3, 5), drawn(4, 5, seed=1)
    out = fully_connected(
        x @ z.T / 5,
        x.square().mean(1),
        z.square().mean(1),
        layers,
        kind=kind,
        weight_variance=wv,
        bias_variance=bv,
    )
    for i in range(3):
        for j in range(4):
            assert math.isclose(out[i, j], by_hand(x[i], z[j], layers, kind, wv, bv), rel_tol=1e-9)


def test_equals_a_very_wide_network() -> None:
    """The empirical NTK (all gradients) and covariance of a network of two hidden layers."""
    x, width, draws = drawn(3, 4), 1024, 8
    tangent, covariance = torch.zeros(3, 3), torch.zeros(3, 3)
    for seed in range(draws):
        w = [drawn(4, width, seed=9 * seed), drawn(width, width, seed=9 * seed + 1)]
        last = drawn(width, seed=9 * seed + 2)
        params = [p.float().requires_grad_() for p in (*w, last)]
        biases = [drawn(width, seed=9 * seed + 3 + i).float().requires_grad_() for i in (0, 1)]
        biases.append(drawn(1, seed=9 * seed + 5).float().requires_grad_())
        h = x.float()
        for p, b in zip(params, biases, strict=True):
            h = (2 / h.shape[1]) ** 0.5 * h @ p + 0.2**0.5 * b
            if p.dim() == 2:
                before = torch.relu(h)
                h = before
        grads = [
            torch.cat(
                [g.flatten() for g in torch.autograd.grad(o, params + biases, retain_graph=True)]
            )
            for o in h
        ]
        rows = torch.stack(grads)
        tangent += rows @ rows.T / draws
        # Given the last hidden layer, the covariance over the last weights is exact.
        covariance += (2 * before @ before.T / width + 0.2).detach() / draws
    square = x.square().mean(1)
    for kind, found in (("ntk", tangent), ("nngp", covariance)):
        exact = fully_connected(x @ x.T / 4, square, square, 2, kind=kind, bias_variance=0.2)  # type: ignore[arg-type]
        assert torch.allclose(found.double(), exact, rtol=0.1), (kind, found, exact)


@pytest.mark.parametrize("kind", ["ntk", "nngp"])
@pytest.mark.parametrize("layers", [0, 1, 4])
def test_on_the_sphere_it_is_a_function_of_the_cosine(layers: int, kind: Kind) -> None:
    cos = torch.linspace(-0.99, 0.99, 41, dtype=torch.float64).requires_grad_()
    one = torch.ones(1, dtype=torch.float64)
    whole = fully_connected(cos[:, None], one.expand(41), one, layers, kind=kind)[:, 0]
    (slope,) = torch.autograd.grad(whole.sum(), cos)
    value, own = on_sphere(cos, layers, kind)
    assert torch.allclose(value, whole, atol=1e-12)
    assert torch.allclose(own, slope, atol=1e-10)


def test_derivatives_are_right_and_finite_at_the_poles() -> None:
    cos = torch.linspace(-0.95, 0.95, 9, dtype=torch.float64).requires_grad_()
    assert torch.autograd.gradcheck(kappas, cos)
    for dtype in (torch.float32, torch.float64):
        ends = torch.tensor([-1.0, 1.0, 1.0 + 1e-6], dtype=dtype, requires_grad=True)
        zeroth, first = kappas(ends)
        assert zeroth.tolist() == [0, 1, 1]
        assert torch.allclose(first, torch.tensor([0.0, 1, 1], dtype=dtype))
        for out in (zeroth, first):
            (grad,) = torch.autograd.grad(out.sum(), ends, retain_graph=True)
            assert bool(torch.isfinite(grad).all())


def test_gradient_of_an_input_with_itself_is_that_of_its_norm() -> None:
    """The pole must not leak into the diagonal: Θ(x, x) = 2 (L + 1) |x|² / d."""
    x = drawn(3, 4).requires_grad_()
    square = x.square().mean(1)
    kernel = fully_connected(x @ x.T / 4, square, square, 2)
    (grad,) = torch.autograd.grad(kernel.diagonal().sum(), x)
    assert torch.allclose(kernel.diagonal(), 6 * square, rtol=1e-6)
    assert torch.allclose(grad, 6 * 2 * x / 4, atol=1e-5)


def test_zeros_are_orthogonal_to_all() -> None:
    x = torch.cat([torch.zeros(1, 4), drawn(2, 4).float()]).requires_grad_()
    square = x.square().mean(1)
    kernel = fully_connected(x @ x.T / 4, square, square, 2)
    assert float(kernel[0].detach().abs().max()) < 1e-5
    (grad,) = torch.autograd.grad(kernel.sum(), x)
    assert bool(torch.isfinite(grad).all())


def test_ridge_weights_solve_the_system() -> None:
    root = drawn(5, 5)
    gram, y = root @ root.T, drawn(5, 2, seed=1)
    y[3, 1] = torch.nan
    out = ridge_weights(gram, y, 0.1)
    matrix = gram + 0.1 * gram.diagonal().mean() * torch.eye(5, dtype=torch.float64)
    assert torch.allclose(matrix @ out, y.nan_to_num(0.0), atol=1e-10)
    with pytest.raises(ValueError, match="ridge=1e-09 is not positive definite: raise ridge"):
        ridge_weights(-gram, y, 1e-9)
