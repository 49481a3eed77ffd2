"""Losses of labels with holes, and the slopes of losses in what a model says."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeAlias

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
    "soft": F.cross_entropy,
}
"""The loss of each kind of :class:`~graphcondense.data.graph_task.GraphTask`."""


def of_classes(outputs: Tensor, y: Tensor) -> Tensor:
    """Slope of the mean cross-entropy in the outputs ``[..., m, C]``, of classes ``[..., m]``,
    which count from 0, or of probabilities ``[..., m, C]``.

    >>> of_classes(torch.zeros(1, 2), torch.tensor([1])).tolist()
    [[0.5, -0.5]]
    """
    likely = torch.softmax(outputs, -1)
    if y.dim() == outputs.dim():
        y = y.to(likely.dtype)
        slope = likely * y.sum(-1, keepdim=True) - y
    else:
        slope = likely.scatter_add(-1, y[..., None], likely.new_full((*y.shape, 1), -1))
    return slope / max(outputs.shape[-2], 1)


def _of_binary(outputs: Tensor, y: Tensor) -> Tensor:
    """Slope of :func:`masked_bce` in the outputs ``[..., m, T]``."""
    return _of_known(torch.sigmoid(outputs), y)


def _of_numbers(outputs: Tensor, y: Tensor) -> Tensor:
    """Slope of :func:`masked_mse` in the outputs ``[..., m, T]``."""
    return 2 * _of_known(outputs, y)


def _of_known(said: Tensor, y: Tensor) -> Tensor:
    known = ~y.isnan()
    slope = torch.where(known, said - y.nan_to_num(0.0).to(said.dtype), 0.0)
    return slope / known.sum((-2, -1), keepdim=True).clamp_min(1)


Slope: TypeAlias = Callable[[Tensor, Tensor], Tensor]
"""Of a loss, a mean over ``m`` examples, in what a model says of them ``[..., m, k]``, at ``y``."""

SLOPES: Mapping[Callable[[Tensor, Tensor], Tensor], Slope] = {
    F.cross_entropy: of_classes,
    masked_bce: _of_binary,
    masked_mse: _of_numbers,
}
"""The slopes of those losses whose gradients in a linear model's weights need no autograd."""
