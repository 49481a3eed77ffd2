"""Kernel ridge regression, differentiable in the kernel."""

from __future__ import annotations

import torch
from torch import Tensor


def ridge_weights(gram: Tensor, targets: Tensor, ridge: float) -> Tensor:
    """``(K + λ tr(K)/n I)^-1 Y`` by Cholesky in float64 (KIP, Nguyen et al., ICLR 2021).

    Args:
        gram: ``K [n, n]``, symmetric.
        targets: ``Y [n, k]``; NaN counts as 0, which is no opinion where targets are centred.
        ridge: ``λ``, relative to the mean of the diagonal; above 0.

    Returns:
        ``[n, k]`` float64; predictions are ``K' @`` it.

    Raises:
        ValueError: if ``K + λ tr(K)/n I`` is not positive definite in floating point.
    """
    gram = gram.double()
    n = len(gram)
    eye = torch.eye(n, dtype=gram.dtype, device=gram.device)
    factor, failed = torch.linalg.cholesky_ex(gram + ridge * gram.trace() / n * eye)
    if int(failed):
        raise ValueError(
            f"the {n} x {n} kernel with ridge={ridge:g} is not positive definite: raise ridge"
        )
    return torch.cholesky_solve(targets.double().nan_to_num(0.0), factor)
