"""KIP (Nguyen et al., ICLR 2021, arXiv 2011.00050), for images."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from torch import Generator, Tensor

from graphcondense.core.method import Parts
from graphcondense.core.pools import Idle
from graphcondense.domains.image import ImageSource
from graphcondense.domains.regressed import RegressedImages, as_targets
from graphcondense.kernels.ntk import FullyConnected
from graphcondense.kernels.random_features import KernelRidge
from graphcondense.ops.fields import Count, NonNegative


@dataclass(frozen=True, kw_only=True)
class KIP(RegressedImages):
    """Kernel inducing points: ridge regression with the NTK of a fully connected ReLU network.

    ``min_S ½ ‖y_t - K_ts (K_ss + λ tr(K_ss)/n I)^-1 y_s‖²`` over batches of real images (KIP).
    Training on ``S`` is in closed form, so there is no network. Its own predictor is the same
    regression (:class:`~graphcondense.kernels.random_features.KernelRidge`); networks of finite
    width learn less from the set.

    Attributes:
        depth: hidden layers of the infinitely wide network.
        kernel: ``"ntk"``, or ``"nngp"`` (the last layer alone trains).
    """

    name = "kip"
    paper = (
        "Nguyen et al., Dataset Meta-Learning from Kernel Ridge-Regression, ICLR 2021, "
        "arXiv 2011.00050"
    )

    predictor = "kernel ridge (NTK)"

    depth: Count = 1
    kernel: Literal["ntk", "nngp"] = "ntk"
    real_batch: Count = 100
    lr_x: NonNegative = 0.04

    def memory_bytes(self, real: ImageSource) -> int:
        """Besides, the real images of a step, and what each layer keeps of the kernel matrices."""
        n, batch = int(self.sizes(real).sum()), self.real_batch * real.num_classes
        pairs = 4 * 8 * (self.depth + 1) * n * (n + batch)
        return super().memory_bytes(real) + 2 * batch * real.example_bytes + pairs

    def parts(self, real: ImageSource, rng: Generator) -> Parts:
        return self.regress(real, rng, Idle(), self.infinite())

    def infinite(self) -> FullyConnected:
        """The kernel."""
        return FullyConnected(self.depth, self.kernel)

    def fit(self, x: Tensor, y: Tensor) -> Callable[[Tensor], Tensor]:
        """Its own predictor of condensed images, as networks see them, and labels."""
        return KernelRidge(self.infinite(), x, as_targets(y), self.ridge).predict
