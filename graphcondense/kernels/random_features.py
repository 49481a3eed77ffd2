"""Kernels of random networks: inner products of the features of many of them.

With ``N`` networks of random weights, ``K(x, x') = Σ_n φ_n(x) · φ_n(x') / (N d)`` estimates the
kernel of the infinitely wide one, its Gaussian process with the last layer alone trained (RFAD, Loo
et al., NeurIPS 2022, arXiv 2210.12067).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Generator, Tensor, nn
from torch.nn import functional as F

from graphcondense.kernels.ridge import Kernel, ridge_weights


class _Conv(nn.Conv2d):
    """3 x 3 convolution of normal weights: variance 2 / fan-in, so that ReLUs keep norms."""

    def __init__(self, into: int, out: int, bias_std: float) -> None:
        super().__init__(into, out, 3, padding=1)
        self.bias_std = bias_std

    def reset(self, rng: Generator) -> list[Tensor]:
        weight = torch.randn(self.weight.shape, generator=rng)
        bias = torch.randn(self.out_channels, generator=rng)
        return [weight * (2 / self.weight[0].numel()) ** 0.5, bias * self.bias_std]


class RandomConvNets(nn.Module):
    """``nets`` convolutional networks without norms side by side, whose outputs are features.

    Each is blocks of 3x3 convolution, ReLU and 2x2 average pooling. Outputs are scaled so that
    their inner product is the kernel, ``K(x, x') = φ(x) · φ(x')``.

    Args:
        shape: ``(channels, height, width)`` of an image.
        nets: how many networks.
        channels: filters of every block.
        depth: blocks; each halves the image.
        bias_std: standard deviation of biases.

    Raises:
        ValueError: a size below 1, or images that are too small for so many blocks.
    """

    def __init__(
        self,
        shape: tuple[int, int, int],
        nets: int = 8,
        channels: int = 128,
        depth: int = 3,
        bias_std: float = 0.1,
    ) -> None:
        super().__init__()
        for name, value in (("nets", nets), ("channels", channels), ("depth", depth)):
            if value < 1:
                raise ValueError(f"{name} must be at least 1, got {value}")
        if min(shape[1:]) < 2**depth:
            raise ValueError(
                f"{depth} blocks need sides of at least {2**depth}, images are "
                f"{shape[1]} x {shape[2]}; lower depth"
            )
        sizes = [shape[0], *[channels] * depth]
        self.nets = nn.ModuleList(
            nn.ModuleList(_Conv(a, b, bias_std) for a, b in pairwise(sizes)) for _ in range(nets)
        )

    def forward(self, x: Tensor, *, features: bool = True) -> Tensor:
        """``[n, nets · d]`` of images ``[n, c, h, w]``."""
        outs = []
        for net in self.nets:
            h = x
            for conv in net:  # type: ignore[attr-defined]
                h = F.avg_pool2d(F.relu(conv(h)), 2)
            outs.append(h.flatten(1))
        out: Tensor = torch.cat(outs, 1)
        return out * float(out.shape[1] ** -0.5)

    @torch.no_grad()
    def redraw(self, rng: Generator) -> RandomConvNets:
        """New weights for all networks, in place."""
        for module in self.modules():
            if isinstance(module, _Conv):
                weight, bias = module.reset(rng)
                module.weight.copy_(weight)
                module.bias.copy_(bias)  # type: ignore[union-attr]
        return self


@dataclass(frozen=True)
class FeatureKernel:
    """The inner product of ``features``, a function from inputs to ``[n, d]``, as a kernel."""

    features: Callable[..., Tensor]

    def embed(self, *inputs: Tensor) -> Tensor:
        return self.features(*inputs)

    def __call__(self, a: Tensor, b: Tensor) -> Tensor:
        return a @ b.T


class KernelRidge:
    """Kernel ridge regression on a condensed set: the predictor of KIP, RFAD and FRePo.

    Args:
        kernel: such as :class:`FeatureKernel` or
            :class:`~graphcondense.kernels.ntk.FullyConnected`.
        x: condensed inputs, the first argument of ``embed``.
        targets: what to regress on ``[n, k]``.
        ridge: ``λ``, relative to the mean of the kernel's diagonal.
        chunk: inputs at once.
    """

    def __init__(
        self, kernel: Kernel, x: Tensor, targets: Tensor, ridge: float = 1e-6, chunk: int = 1000
    ) -> None:
        self.kernel, self.chunk, self.dtype = kernel, chunk, x.dtype
        with torch.no_grad():
            self.support = kernel.embed(x)
            self.weights = ridge_weights(kernel(self.support, self.support), targets, ridge)

    @torch.no_grad()
    def predict(self, x: Tensor) -> Tensor:
        """Regressed values ``[m, k]``; the largest is the class."""
        outs = []
        for part in torch.split(x.to(self.dtype), self.chunk):
            gram = self.kernel(self.kernel.embed(part), self.support)
            outs.append(gram.to(self.weights) @ self.weights)
        return torch.cat(outs)


def random_ridge(
    x: Tensor,
    targets: Tensor,
    rng: Generator,
    *,
    ridge: float = 5e-3,
    **sizes: int,
) -> KernelRidge:
    """RFAD's own predictor: ridge regression on the features of fresh random networks, drawn by
    ``rng``; ``sizes`` are those of :class:`RandomConvNets`."""
    shape = (int(x.shape[1]), int(x.shape[2]), int(x.shape[3]))
    with torch.random.fork_rng(devices=[]):  # layers draw weights when they are built
        model = RandomConvNets(shape, **sizes).requires_grad_(False)
    return KernelRidge(FeatureKernel(model.redraw(rng).to(x)), x, targets, ridge, chunk=500)
