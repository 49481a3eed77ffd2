"""Kernel ridge regression, differentiable in the kernel."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, Protocol

import torch
from torch import Tensor
from torch.nn import functional as F


class Kernel(Protocol):
    """A kernel in two steps: what one side gives alone, then all pairs."""

    def embed(self, *inputs: Any) -> Any: ...

    def __call__(self, a: Any, b: Any) -> Tensor: ...


Targets = Callable[[Tensor], Tensor]
"""Labels of a batch ``[m]`` or ``[m, k]`` to what is regressed on ``[m, k]``; NaN where none is."""


def ridge_weights(gram: Tensor, targets: Tensor, ridge: float) -> Tensor:
    """``(K + λ tr(K)/n I)^-1 Y`` by Cholesky in float64 (KIP, Nguyen et al., ICLR 2021).

    A kernel of zeros, of examples that are all alike, has ``λ I`` added: it predicts zeros.

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
    scale = gram.trace() / n if bool(gram.any()) else 1.0
    factor, failed = torch.linalg.cholesky_ex(gram + ridge * scale * eye)
    if int(failed):
        raise ValueError(
            f"the {n} x {n} kernel with ridge={ridge:g} is not positive definite: raise ridge"
        )
    return torch.cholesky_solve(targets.double().nan_to_num(0.0), factor)


def centred_classes(y: Tensor, num_classes: int) -> Tensor:
    """One-hot classes, or soft labels ``[m, C]``, less ``1 / C``, ``[m] -> [m, C]``.

    >>> import torch
    >>> centred_classes(torch.tensor([1]), 2).tolist()
    [[-0.5, 0.5]]
    >>> centred_classes(torch.tensor([[0.25, 0.75]]), 2).tolist()
    [[-0.25, 0.25]]
    """
    soft = y if y.is_floating_point() else F.one_hot(y, num_classes).float()
    return soft - 1 / num_classes


def learnt_classes(y: Tensor, num_classes: int) -> Tensor:
    """Classes ``[m]`` as :func:`centred_classes`; learnt targets ``[m, C]`` as they are.

    >>> import torch
    >>> learnt_classes(torch.tensor([0]), 2).tolist()
    [[0.5, -0.5]]
    >>> learnt_classes(torch.tensor([[0.25, -2.0]]), 2).tolist()
    [[0.25, -2.0]]
    """
    return y if y.is_floating_point() else centred_classes(y, num_classes)


def signs(y: Tensor) -> Tensor:
    """Binary labels 0 and 1 as -1 and 1; NaN stays.

    >>> import torch
    >>> signs(torch.tensor([0.0, 1.0])).tolist()
    [-1.0, 1.0]
    """
    return 2 * y - 1


def ridge_targets(kind: str, num_classes: int) -> Targets:
    """What labels are regressed on: centred classes, signs, or targets as they are.

    Args:
        kind: ``"classes"``, ``"soft"``, ``"binary"`` or ``"regression"``, whose targets come
            standardised.
        num_classes: of ``"classes"`` and ``"soft"``.
    """
    known: dict[str, Targets] = {
        "classes": partial(centred_classes, num_classes=num_classes),
        "soft": partial(centred_classes, num_classes=num_classes),
        "binary": signs,
        "regression": lambda y: y,
    }
    return known[kind]
