"""Infinitely wide fully connected ReLU networks: NNGP and NTK as pure functions of inner products.

Everything works on whatever pairs are given, broadcasts, is once differentiable, and keeps the
precision of its inputs. Cho & Saul, NeurIPS 2009 (arc-cosine kernels); Jacot et al., NeurIPS 2018;
Lee et al., NeurIPS 2019 (the recursion with variances of weights and biases).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from graphcondense.ops.types import Context

Kind = Literal["ntk", "nngp"]
"""All layers train, or the last alone."""

TINY = 1e-12
"""Squared norms below it count as it: an input of zeros is orthogonal to all, itself included."""


class _Kappas(torch.autograd.Function):
    """``κ0`` and ``κ1`` of cosines, sharing the arccosine; ``κ1' = κ0``."""

    @staticmethod
    def forward(cos: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        cos = cos.clamp(-1, 1)
        return _kappas(cos)

    @staticmethod
    def setup_context(ctx: Context, inputs: object, output: tuple[Tensor, Tensor, Tensor]) -> None:
        zeroth, _, slope = output
        ctx.mark_non_differentiable(slope)
        ctx.save_for_backward(zeroth, slope)

    @staticmethod
    def backward(ctx: Context, *grads: Tensor) -> Tensor:
        zeroth, slope = ctx.saved_tensors
        grad: Tensor = grads[0] * slope + grads[1] * zeroth
        return grad


def _kappas(cos: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """``κ0``, ``κ1`` and ``κ0'`` of cosines in ±1.

    ``κ0' = 1 / (π sqrt(1 - c²))`` has a pole at ``|c| = 1``, where the cosine is stationary: in the
    slope alone ``1 - c²`` is kept above four roundings of the precision in use.
    """
    zeroth = torch.acos(cos).mul_(-1 / math.pi).add_(1)
    square = (cos * cos).neg_().add_(1).clamp_min_(0)
    first = (cos * zeroth).add_(square.sqrt(), alpha=1 / math.pi)
    slope = square.clamp_min_(4 * torch.finfo(cos.dtype).eps).rsqrt_().mul_(1 / math.pi)
    return zeroth, first, slope


def kappas(cos: Tensor) -> tuple[Tensor, Tensor]:
    """Arc-cosine kernels of order 0 and 1 (Cho & Saul, 2009), both one at ``cos = 1``.

    ``κ0(c) = 1 - arccos(c) / π = 2 E[1(u > 0) 1(v > 0)]`` and
    ``κ1(c) = c κ0(c) + sqrt(1 - c²) / π = 2 E[relu(u) relu(v)]`` for standard normal ``u, v`` of
    correlation ``c``. Once differentiable; at ``|c| = 1`` the infinite slope of ``κ0`` is cut.

    Args:
        cos: any shape; values beyond ±1 (roundings) count as ±1.

    >>> [round(float(k), 4) for k in kappas(torch.tensor(0.0))]
    [0.5, 0.3183]
    """
    zeroth, first, _ = _Kappas.apply(cos)  # type: ignore[no-untyped-call]
    return zeroth, first


def relu_layer(
    sigma: Tensor,
    theta: Tensor,
    norm_a: Tensor,
    norm_b: Tensor,
    weight_variance: float = 2.0,
    bias_variance: float = 0.0,
) -> tuple[Tensor, Tensor]:
    """A ReLU and the dense layer behind it: the NNGP kernel and the NTK of one more layer.

    ``Σ' = σ_w² E[relu relu] + σ_b²``, ``Θ' = Σ' + σ_w² E[relu' relu'] Θ`` (Lee et al., 2019).

    Args:
        sigma, theta: NNGP kernel and NTK before it, ``[..., m, n]``.
        norm_a, norm_b: square roots of the NNGP kernel of each input with itself, ``[..., m, 1]``
            and ``[..., 1, n]``.
    """
    scale = norm_a * norm_b
    zeroth, first = kappas(sigma / scale)
    half = weight_variance / 2
    sigma = half * scale * first + bias_variance
    return sigma, sigma + half * zeroth * theta


def fully_connected(
    product: Tensor,
    square_a: Tensor,
    square_b: Tensor,
    num_layers: int,
    *,
    kind: Kind = "ntk",
    weight_variance: float = 2.0,
    bias_variance: float = 0.0,
) -> Tensor:
    """Kernel of a fully connected ReLU network between all pairs of inputs.

    NTK parametrisation: each dense layer is ``σ_w W h / sqrt(width) + σ_b b`` with standard normal
    ``W`` and ``b``. The NTK counts all weights and biases, those of the output included.

    Args:
        product: ``x · x' / d`` of inputs with ``d`` features, ``[..., m, n]``.
        square_a, square_b: ``x · x / d`` of each input, ``[..., m]`` and ``[..., n]``.
        num_layers: hidden layers; with 0 the network is linear.
        kind: ``"ntk"``, or ``"nngp"`` for the covariance of outputs.
        weight_variance: ``σ_w²``; at 2 norms neither grow nor shrink from layer to layer.
        bias_variance: ``σ_b²``.

    Returns:
        ``[..., m, n]``.
    """
    a = weight_variance * square_a.clamp_min(TINY)[..., :, None] + bias_variance
    b = weight_variance * square_b.clamp_min(TINY)[..., None, :] + bias_variance
    sigma = weight_variance * product + bias_variance
    theta = sigma
    for _ in range(num_layers):
        norms = a.sqrt(), b.sqrt()
        sigma, theta = relu_layer(sigma, theta, *norms, weight_variance, bias_variance)
        a = weight_variance / 2 * a + bias_variance
        b = weight_variance / 2 * b + bias_variance
    return theta if kind == "ntk" else sigma


def on_sphere(cos: Tensor, num_layers: int, kind: Kind = "ntk") -> tuple[Tensor, Tensor]:
    """:func:`fully_connected` without biases, for inputs with ``x · x / d = 1``, and its slope.

    There the kernel is a function of the cosine alone; weights have variance 2. Cosines beyond ±1
    (roundings) count as ±1. Neither result is differentiable.
    """
    with torch.no_grad():
        sigma = theta = cos.clamp(-1, 1)
        sigma_slope = theta_slope = torch.ones_like(cos)
        for _ in range(num_layers):
            zeroth, first, slope = _kappas(sigma)
            # Θ' = κ1(Σ) + κ0(Σ) Θ, each factor with its own slope.
            theta_slope = (sigma_slope + theta_slope).mul_(zeroth)
            theta_slope.addcmul_(theta * sigma_slope, slope)
            theta = torch.addcmul(first, zeroth, theta)
            sigma, sigma_slope = first, zeroth * sigma_slope
    return (2 * theta, 2 * theta_slope) if kind == "ntk" else (2 * sigma, 2 * sigma_slope)


@dataclass(frozen=True)
class FullyConnected:
    """:func:`fully_connected` between inputs of any shape, flattened: the kernel of KIP."""

    num_layers: int = 1
    kind: Kind = "ntk"
    weight_variance: float = 2.0
    bias_variance: float = 0.0

    def embed(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Rows ``[n, d]`` scaled by ``1 / sqrt(d)``, and their squared norms ``[n]``."""
        rows = x.flatten(1)
        rows = rows * rows.shape[1] ** -0.5
        return rows, rows.square().sum(1)

    def __call__(self, a: tuple[Tensor, Tensor], b: tuple[Tensor, Tensor]) -> Tensor:
        """The kernel between all rows, ``[len(a), len(b)]``."""
        return fully_connected(
            a[0] @ b[0].T,
            a[1],
            b[1],
            self.num_layers,
            kind=self.kind,
            weight_variance=self.weight_variance,
            bias_variance=self.bias_variance,
        )
