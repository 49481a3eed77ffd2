"""How well an infinitely wide autoencoder of synthetic users recommends to real ones."""

from __future__ import annotations

from dataclasses import dataclass, field

from torch import Generator, Tensor

from graphcondense.core.types import Learner, Source, Synthetic
from graphcondense.kernels.infinite_ae import RowKernel
from graphcondense.kernels.ridge import ridge_weights
from graphcondense.ops.limits import at_least


@dataclass(frozen=True)
class Recommend:
    """``-mean_u Σ_i x_ui log softmax(x̂_u)_i + γ mean row sum / mean interactions a user``.

    Distill-CF, eq. 5: ``x̂ = K(X, X_s) (K(X_s, X_s) + λ tr(K)/n I)^-1 X_s`` is the ∞-AE that is
    trained on the synthetic users, in closed form, so no learner is needed
    (:class:`~graphcondense.core.pools.Idle`). ``λ`` is the synthetic set's buffer ``ridge``. The
    system is solved in float64.

    Attributes:
        interactions: mean interactions of a real user.
        kernel: of the autoencoder.
        cardinality: ``γ``.
        size: real users a step; all by default.
    """

    interactions: float
    kernel: RowKernel = field(default_factory=RowKernel)
    cardinality: float = 1e-3
    size: int | None = None

    def __post_init__(self) -> None:
        at_least(1, self, "size")

    def __call__(self, syn: Synthetic, real: Source, learner: Learner, rng: Generator) -> Tensor:
        (small,) = syn.batch().inputs
        (rows,) = real.batch(None, self.size, rng).inputs
        wide = small.double()
        weights = ridge_weights(self.kernel(wide, wide), wide, float(syn.get_buffer("ridge")))
        scores = self.kernel(rows, small) @ weights.to(small.dtype)
        # Σ_i x_i log softmax(x̂)_i = Σ_i x_i x̂_i - Σ_i x_i · logsumexp(x̂): one large tensor fewer.
        loss: Tensor = rows.sum(1) @ scores.logsumexp(1) - (rows * scores).sum()
        sums: Tensor = small.sum(1).mean() / self.interactions
        return loss / len(rows) + self.cardinality * sums
