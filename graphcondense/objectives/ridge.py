"""Kernel ridge regression from the synthetic set, asked to predict the real one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

from torch import Generator, Tensor

from graphcondense.core.types import Batch, Learner, Source, Synthetic
from graphcondense.kernels.ridge import Targets, ridge_weights


class Kernel(Protocol):
    """A kernel in two steps: what one side gives alone, then all pairs."""

    def embed(self, *inputs: Any) -> Any: ...

    def __call__(self, a: Any, b: Any) -> Tensor: ...


@dataclass(frozen=True)
class RidgeMatching:
    """``½ ‖Y - K_TS (K_SS + λ tr(K_SS)/n I)^-1 Y'‖²``, the mean over real rows (KIP; KiDD).

    Inner training is in closed form, so no learner is needed
    (:class:`~graphcondense.core.pools.Idle`).

    Attributes:
        kernel: of the infinitely wide learner.
        targets: labels to regression targets.
        ridge: ``λ``, relative to the mean of the diagonal of ``K_SS``.
        size: real examples of each class a step; a class gives all it has where it has fewer. All
            examples by default.
    """

    kernel: Kernel
    targets: Targets
    ridge: float = 1e-3
    size: int | None = None

    def __post_init__(self) -> None:
        if not self.ridge > 0:
            raise ValueError(f"ridge must be above 0, got {self.ridge}")
        if self.size is not None and self.size < 1:
            raise ValueError(f"size must be at least 1, got {self.size}")

    def __call__(self, syn: Synthetic, real: Source, learner: Learner, rng: Generator) -> Tensor:
        small = syn.batch()
        support = self.kernel.embed(*small.inputs)
        weights = ridge_weights(self.kernel(support, support), self.targets(small.y), self.ridge)
        # Summed over classes, so that their rows need not be joined.
        error, count = weights.new_zeros(()), weights.new_zeros(())
        for batch in self._batches(real, rng):
            gram = self.kernel(self.kernel.embed(*batch.inputs), support)
            wanted = self.targets(batch.y).to(weights)
            known = ~wanted.isnan()
            off = (gram.to(weights) @ weights - wanted.nan_to_num(0.0)) * known
            error, count = error + off.square().sum(), count + known.any(1).sum()
        return error / (2 * count)

    def _batches(self, real: Source, rng: Generator) -> list[Batch]:
        if self.size is None:
            return [real.batch()]
        return [real.batch(c, self.size, rng) for c in range(real.num_classes)]
