"""Kernel ridge regression from the synthetic set, asked to predict the real one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from torch import Generator, Tensor
from torch.nn import functional as F

from graphcondense.core.scalars import HasScalars
from graphcondense.core.types import Batch, Learner, Source, Synthetic
from graphcondense.kernels.ridge import Kernel, Targets, ridge_weights
from graphcondense.ops.limits import at_least


@dataclass(frozen=True)
class RidgeMatching:
    """``½ ‖Y - K_TS (K_SS + λ tr(K_SS)/n I)^-1 Y'‖²``, the mean over real rows (KIP; KiDD).

    Inner training is in closed form, so no learner is needed
    (:class:`~graphcondense.core.pools.Idle`), unless the kernel is that of a learner's features
    (FRePo; RFAD).

    Attributes:
        kernel: of the infinitely wide learner; ``None`` for the inner products of the last hidden
            layer of the learner at hand, whose last layer alone is then trained.
        targets: labels to regression targets.
        ridge: ``λ``, relative to the mean of the diagonal of ``K_SS``.
        size: real examples of each class a step; a class gives all it has where it has fewer. All
            examples by default.
        scale: name of the synthetic set's learnable number that predictions are multiplied by
            before a cross-entropy with the real classes, in place of the squared error: RFAD's
            Platt scaling. For targets whose largest is the class.
    """

    kernel: Kernel | None
    targets: Targets
    ridge: float = 1e-3
    size: int | None = None
    scale: str | None = None

    def __post_init__(self) -> None:
        if not self.ridge > 0:
            raise ValueError(f"ridge must be above 0, got {self.ridge}")
        at_least(1, self, "size")

    def __call__(self, syn: Synthetic, real: Source, learner: Learner, rng: Generator) -> Tensor:
        small = syn.batch()
        kernel = LearnerFeatures(learner) if self.kernel is None else self.kernel
        support = kernel.embed(*small.inputs)
        weights = ridge_weights(kernel(support, support), self.targets(small.y), self.ridge)
        # Summed over classes, so that their rows need not be joined.
        error, count = weights.new_zeros(()), weights.new_zeros(())
        for batch in self._batches(real, rng):
            gram = kernel(kernel.embed(*batch.inputs), support)
            wanted = self.targets(batch.y).to(weights)
            outputs = gram.to(weights) @ weights
            if self.scale is not None:
                assert isinstance(syn, HasScalars)
                outputs = outputs * syn.scalar(self.scale).to(weights)
                error = error + 2 * F.cross_entropy(outputs, wanted.argmax(1), reduction="sum")
                count = count + len(outputs)
                continue
            known = ~wanted.isnan()
            off = (outputs - wanted.nan_to_num(0.0)) * known
            error, count = error + off.square().sum(), count + known.any(1).sum()
        return error / (2 * count)

    def _batches(self, real: Source, rng: Generator) -> list[Batch]:
        if self.size is None:
            return [real.batch(rng=rng)]
        return [real.batch(c, self.size, rng) for c in range(real.num_classes)]


class LearnerFeatures:
    """The inner product of a learner's last hidden layer, as a kernel of constant weights."""

    def __init__(self, learner: Learner) -> None:
        params = {k: v.detach() for k, v in learner.params.items()}
        self.learner = learner._replace(params=params)

    def embed(self, *inputs: Any) -> Tensor:
        # Labels are no part of the features.
        return self.learner.features(Batch(inputs, inputs[0][:0]))

    def __call__(self, a: Tensor, b: Tensor) -> Tensor:
        return a @ b.T
