"""Gradients by hand of networks that are trained for thousands of steps on few rows, where autograd
and its calls cost more than the arithmetic."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

from graphcondense.nn.constant import Constant, times
from graphcondense.ops.criteria import Slope
from graphcondense.ops.linear import chained


def as_one(
    rows: Tensor,
    y: Tensor,
    slope: Slope,
    weights: Sequence[Tensor],
    biases: Sequence[Tensor | None],
) -> dict[str, Tensor]:
    """Gradients of a chain of linear maps by their product: no row goes through a hidden layer."""
    *before, (product, shift) = chained(weights, biases)
    outputs = rows @ product.T
    residual = slope(outputs if shift is None else outputs.add_(shift), y)
    outer, total = residual.T @ rows, residual.sum(0)
    found = {}
    for i in reversed(range(1, len(weights))):
        product, shift = before[i - 1]
        grad = outer @ product.T
        found[f"lins.{i}.weight"] = grad if shift is None else grad.addr_(total, shift)
        found[f"lins.{i}.bias"] = total
        outer, total = weights[i].T @ outer, weights[i].T @ total
    found["lins.0.weight"], found["lins.0.bias"] = outer, total
    return found


def in_turn(
    rows: Tensor,
    y: Tensor,
    slope: Slope,
    weights: Sequence[Tensor],
    biases: Sequence[Tensor | None],
) -> dict[str, Tensor]:
    """Gradients of a chain of linear maps one map after the other: for few rows."""
    seen = [rows]
    for weight, bias in zip(weights, biases, strict=True):
        seen.append(F.linear(seen[-1], weight, bias))
    back = slope(seen.pop(), y)
    found = {}
    for i in reversed(range(len(weights))):
        found[f"lins.{i}.weight"], found[f"lins.{i}.bias"] = back.T @ seen[i], back.sum(0)
        if i:
            back = back @ weights[i]
    return found


def convolved(
    x: Constant | Tensor,
    hops: Sequence[Constant | Tensor | None],
    y: Tensor,
    rows: Tensor | None,
    slope: Slope,
    weights: Sequence[Tensor],
    biases: Sequence[Tensor | None],
) -> dict[str, Tensor]:
    """Gradients of ``A_L H_{L-1} W_Lᵀ + b_L`` with ``H_l = ReLU(A_l H_{l-1} W_lᵀ + b_l)`` and
    ``H_0 = X``.

    With ``G_L`` the slope at the outputs and ``P_l = A_lᵀ G_l``, they are ``P_lᵀ H_{l-1}`` and the
    sums of ``G_l``, and ``G_{l-1} = (P_l W_l) ∘ [H_{l-1} > 0]``.

    Args:
        x: features ``[m, d]``.
        hops: the operator of every layer; ``None`` is the identity.
        y: what the outputs, or their ``rows``, should be.
        rows: which outputs the loss sees; all by default.
        slope: of the loss in the outputs it sees.
        weights, biases: of every layer, ``[out, in]`` and ``[out]``.
    """
    if hops[0] is None and isinstance(x, Tensor) and len(x) > ROWS and len(weights) > 1:
        return _by_blocks(x, hops, y, rows, slope, weights, biases)
    product = times(x, weights[0].mT)
    found, back = _behind(product, hops, y, rows, slope, weights, biases)
    own = times(x, back, transposed=True).mT if isinstance(x, Constant) else back.mT @ x
    return {**found, "lins.0.weight": own}


ROWS = 2048
"""Of a hidden layer that are made at a time, where all of them would not fit a cache."""


def _by_blocks(
    x: Tensor,
    hops: Sequence[Constant | Tensor | None],
    y: Tensor,
    rows: Tensor | None,
    slope: Slope,
    weights: Sequence[Tensor],
    biases: Sequence[Tensor | None],
) -> dict[str, Tensor]:
    """:func:`convolved` of many rows that are not propagated first: all that is of the size of the
    first hidden layer is made, and used, a block of rows at a time. What comes behind sees its
    product with the next weights."""
    parts = torch.split(x, ROWS)
    hidden = []
    for part in parts:
        h = part @ weights[0].mT
        hidden.append((h if biases[0] is None else h.add_(biases[0])).relu_())
    product = torch.cat([h @ weights[1].mT for h in hidden])
    found, back = _behind(product, hops[1:], y, rows, slope, weights[1:], biases[1:], first=1)
    first, second = torch.zeros_like(weights[0]), torch.zeros_like(weights[1])
    total = first.new_zeros(len(first))
    for part, h, behind in zip(parts, hidden, torch.split(back, ROWS), strict=True):
        second.addmm_(behind.mT, h)
        inner = torch.ops.aten.threshold_backward(behind @ weights[1], h, 0)
        first.addmm_(inner.mT, part)
        total += inner.sum(0)
    return {"lins.0.weight": first, "lins.0.bias": total, "lins.1.weight": second, **found}


def _behind(
    product: Tensor,
    hops: Sequence[Constant | Tensor | None],
    y: Tensor,
    rows: Tensor | None,
    slope: Slope,
    weights: Sequence[Tensor],
    biases: Sequence[Tensor | None],
    first: int = 0,
) -> tuple[dict[str, Tensor], Tensor]:
    """Of the product of the inputs of some last layers with the weights of the ``first`` of them:
    gradients of all biases and of the weights of those behind it, and the slope at the product."""
    seen: list[Tensor] = []
    for weight, bias, hop in zip(weights, biases, hops, strict=True):
        out = times(hop, times(seen[-1], weight.mT) if seen else product)
        if bias is not None:
            out = out.add_(bias)
        seen.append(out.relu_() if len(seen) + 1 < len(weights) else out)
    back, found = _slopes(out, y, rows, slope), {}
    for i in reversed(range(len(weights))):
        found[f"lins.{first + i}.bias"] = back.sum(0)
        back = times(hops[i], back, transposed=True)
        if i:
            found[f"lins.{first + i}.weight"] = back.mT @ seen[i - 1]
            back = torch.ops.aten.threshold_backward(back @ weights[i], seen[i - 1], 0)
    return found, back


def _slopes(out: Tensor, y: Tensor, rows: Tensor | None, slope: Slope) -> Tensor:
    """The slope of a loss in all outputs, of which it sees ``rows``."""
    if rows is None:
        return slope(out, y)
    return torch.zeros_like(out).index_put_((rows,), slope(out[rows], y), accumulate=True)
