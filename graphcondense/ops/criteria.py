"""Losses of labels with holes."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional as F


def masked_bce(out: Tensor, y: Tensor) -> Tensor:
    """Mean binary cross-entropy of logits ``[m, T]`` where ``y [m, T]`` is not NaN.

    >>> y = torch.tensor([[1.0, float("nan")]])
    >>> round(float(masked_bce(torch.zeros(1, 2), y)), 4)
    0.6931
    """
    known = ~y.isnan()
    target = torch.where(known, y, 0.0)
    each = F.binary_cross_entropy_with_logits(out, target, reduction="none")
    return (each * known).sum() / known.sum().clamp_min(1)


def masked_mse(out: Tensor, y: Tensor) -> Tensor:
    """Mean squared error of outputs ``[m, T]`` where ``y [m, T]`` is not NaN."""
    known = ~y.isnan()
    each = (out - torch.where(known, y, 0.0)).square()
    return (each * known).sum() / known.sum().clamp_min(1)


CRITERIA: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "classes": F.cross_entropy,
    "binary": masked_bce,
    "regression": masked_mse,
}
"""The loss of each kind of :class:`~graphcondense.data.graph_task.GraphTask`."""
