"""∞-AE: an infinitely wide autoencoder of users by items, trained in closed form.

Sachdeva et al., *Infinite Recommendation Networks: A Data-Centric Approach*, NeurIPS 2022,
arXiv 2206.02626, eq. 2. The kernel is that of ``Dense -> ReLU -> Dense`` (NTK parametrisation)
between whole rows of interactions.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Self, TypeAlias

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp
import torch
from torch import Tensor

from graphcondense.kernels.ntk import fully_connected
from graphcondense.kernels.ridge import ridge_weights

RIDGES = (1e-5, 1e-4, 1e-3, 1e-2, 0.1, 1.0, 5.0, 50.0)
"""The paper's grid of ``λ``, and 1e-4 and 1e-2 between: a few users want about 1e-2."""

PARAMS = ("ridge", "num_layers", "weight_variance", "bias_std", "block", "device")
"""Arguments of :class:`InfiniteAE`, as scikit-learn's ``get_params`` names them."""


@dataclass(frozen=True)
class RowKernel:
    """NTK of an infinitely wide ReLU network between rows of interactions, as they are; products
    are divided by the number of items, the fan-in.

    Attributes:
        num_layers: hidden layers.
        weight_variance: ``σ_w²``.
        bias_std: ``σ_b``.
    """

    num_layers: int = 1
    weight_variance: float = 2.0
    bias_std: float = 0.1

    def __call__(self, a: Tensor, b: Tensor) -> Tensor:
        """Kernel ``[m, n]`` of dense rows ``[m, items]`` and ``[n, items]``; differentiable."""
        items = a.shape[1]
        return self.of_products(
            a @ b.T / items, a.square().sum(1) / items, b.square().sum(1) / items
        )

    def of_products(self, product: Tensor, square_a: Tensor, square_b: Tensor) -> Tensor:
        """Kernel from ``x · x' / items`` and ``x · x / items`` of either side."""
        return fully_connected(
            product,
            square_a,
            square_b,
            self.num_layers,
            weight_variance=self.weight_variance,
            bias_variance=self.bias_std**2,
        )


Floats: TypeAlias = npt.NDArray[np.floating]
Rows: TypeAlias = "sp.spmatrix | sp.sparray | npt.ArrayLike | Tensor"
"""Users by items, weights or 0/1, as people have them."""


class InfiniteAE:
    """``X̂ = K(X_ctx, X_s) (K(X_s, X_s) + λ tr(K)/n I)^-1 X_s``, with scikit-learn's habits.

    Rows are users, columns items. Fitting solves one linear system of ``n`` users in float64
    (``n³/3 + 2 n² items`` operations, ``16 n²`` bytes), so ``n`` is at most some ten thousand.

    Args:
        ridge: ``λ``, relative to the mean of the kernel's diagonal; above 0.
        num_layers: hidden layers of the network.
        weight_variance: of its weights.
        bias_std: standard deviation of its biases.
        block: users whose kernel rows and scores are computed at once.
        device: where the linear algebra runs.

    Attributes:
        rows_: the fitted rows ``[n, items]``, scipy CSR.
        gram_: their kernel ``[n, n]`` float64.
        coef_: ``(K + λ tr(K)/n I)^-1 X_s``, ``[n, items]`` float64.

    >>> rows = sp.csr_matrix([[1, 1, 0, 0], [1, 1, 1, 0], [0, 0, 1, 1]])
    >>> scores = InfiniteAE(ridge=0.1).fit(rows).predict([[1, 0, 0, 0]])
    >>> int(scores[0, 1:].argmax()) + 1
    1
    """

    rows_: sp.csr_matrix
    gram_: Tensor
    coef_: Tensor

    def __init__(
        self,
        ridge: float = 1.0,
        *,
        num_layers: int = 1,
        weight_variance: float = 2.0,
        bias_std: float = 0.1,
        block: int = 1024,
        device: str | torch.device = "cpu",
    ) -> None:
        self.ridge = ridge
        self.num_layers = num_layers
        self.weight_variance = weight_variance
        self.bias_std = bias_std
        self.block = block
        self.device = device

    def get_params(self, deep: bool = True) -> dict[str, object]:
        """The arguments it was made with, for scikit-learn's ``clone`` and searches."""
        return {name: getattr(self, name) for name in PARAMS}

    def set_params(self, **params: object) -> Self:
        """Set arguments by name; fit again for them to count.

        Raises:
            ValueError: an argument that there is not.
        """
        for name, value in params.items():
            if name not in PARAMS:
                raise ValueError(f"InfiniteAE has no argument {name!r}; it has {', '.join(PARAMS)}")
            setattr(self, name, value)
        return self

    def __sklearn_tags__(self) -> object:
        """What scikit-learn asks of an estimator."""
        # Imported here: scikit-learn takes seconds, and condensing does not need it.
        from sklearn.base import BaseEstimator

        return BaseEstimator().__sklearn_tags__()

    def __repr__(self) -> str:
        params = ", ".join(f"{name}={value!r}" for name, value in self.get_params().items())
        return f"InfiniteAE({params})"

    @property
    def kernel(self) -> RowKernel:
        """The network's kernel."""
        return RowKernel(self.num_layers, self.weight_variance, self.bias_std)

    def fit(self, X: Rows, y: object = None) -> Self:
        """Solve for the users ``X [n, items]``: scipy sparse, array or tensor, weights or 0/1;
        ``y`` is ignored, as scikit-learn has it.

        Raises:
            ValueError: no users, values that are not finite, or a ridge that is not above 0.
        """
        if not self.ridge > 0:
            raise ValueError(f"ridge must be above 0, got {self.ridge}")
        rows = as_rows(X)
        if not rows.shape[0]:
            raise ValueError("∞-AE needs at least one user to fit")
        self.rows_ = rows
        self.n_features_in_ = rows.shape[1]
        self.gram_ = torch.cat(list(self._kernel_rows(rows)))
        return self.refit(self.ridge)

    def refit(self, ridge: float) -> Self:
        """Solve again for the same users with another ridge; the kernel is not computed again."""
        if not ridge > 0:
            raise ValueError(f"ridge must be above 0, got {ridge}")
        targets = torch.from_numpy(self.rows_.toarray()).to(self.device)
        self.ridge, self.coef_ = ridge, ridge_weights(self.gram_, targets, ridge)
        return self

    def predict(self, X: Rows) -> Floats:
        """Scores ``[m, items]`` float32 of users with the interactions ``X [m, items]``.

        Raises:
            ValueError: another number of items than the fitted users have.
        """
        rows = as_rows(X)
        if rows.shape[1] != self.rows_.shape[1]:
            raise ValueError(
                f"the users to predict have {rows.shape[1]} items and the fitted ones "
                f"{self.rows_.shape[1]}"
            )
        out = np.empty(rows.shape, dtype=np.float32)
        at = 0
        for kernel in self._kernel_rows(rows):
            out[at : at + len(kernel)] = (kernel @ self.coef_).float().cpu().numpy()
            at += len(kernel)
        return out

    def score(self, X: Rows, y: Rows, k: int = 100) -> float:
        """Mean :func:`hit_rates` of users with held-out interactions ``y``, given ``X``; 0 without
        any."""
        seen, wanted = as_rows(X), as_rows(y)
        users = np.flatnonzero(np.diff(wanted.indptr))
        total = 0.0
        for first in range(0, len(users), self.block):
            block = users[first : first + self.block]
            total += float(
                hit_rates(self.predict(seen[block]), seen[block], wanted[block], k).sum()
            )
        return total / max(len(users), 1)

    def _kernel_rows(self, rows: sp.csr_matrix) -> Iterator[Tensor]:
        """Kernel of ``rows`` with the fitted users, a block of rows at a time, float64."""
        items = rows.shape[1]
        fitted = self.rows_.astype(np.float64)
        turned = fitted.T.tocsr()
        square = torch.from_numpy(_squares(fitted) / items).to(self.device)
        for first in range(0, rows.shape[0], self.block):
            part = rows[first : first + self.block].astype(np.float64)
            product = torch.from_numpy((part @ turned).toarray() / items).to(self.device)
            square_part = torch.from_numpy(_squares(part) / items).to(self.device)
            yield self.kernel.of_products(product, square_part, square)


def hit_rates(scores: Floats, seen: sp.csr_matrix, wanted: sp.csr_matrix, k: int) -> Floats:
    """HR@k of each user: ``hits / min(held out, k)``; items of ``seen`` are not ranked.

    Args:
        scores: ``[m, items]``.
        seen, wanted: CSR ``[m, items]``; every user has something held out.
        k: length of the list; at most the number of items.
    """
    k = min(k, scores.shape[1])
    ranked = np.array(scores)
    ranked[seen.nonzero()] = -np.inf
    top = np.argpartition(-ranked, k - 1, axis=1)[:, :k]
    hits = np.take_along_axis(wanted.toarray() > 0, top, 1).sum(1)
    rates: Floats = hits / np.minimum(np.diff(wanted.indptr), k)
    return rates


def as_rows(x: Rows) -> sp.csr_matrix:
    """Users by items as CSR: from scipy sparse, an array, nested lists or a tensor.

    Raises:
        ValueError: not two-dimensional, or values that are not finite.
    """
    if isinstance(x, Tensor):
        x = x.detach().cpu().numpy()
    rows = sp.csr_matrix(x if sp.issparse(x) else np.atleast_2d(np.asarray(x)))
    if rows.dtype.kind not in "f":
        rows = rows.astype(np.float32)
    if not np.isfinite(rows.data).all():
        raise ValueError("users by items have NaN or infinite values")
    return sp.csr_matrix(rows)


def _squares(rows: sp.csr_matrix) -> Floats:
    """``x · x`` of each row."""
    out: Floats = np.asarray(rows.multiply(rows).sum(1)).ravel()
    return out
