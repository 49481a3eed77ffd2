"""Chains of linear maps as one map each."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor


def chained(
    weights: Sequence[Tensor], biases: Sequence[Tensor | None]
) -> list[tuple[Tensor, Tensor | None]]:
    """What the first maps of a chain ``h -> W h + b`` are together, after each of them:
    ``A_l [out_l, in]`` and the constant ``c_l [out_l]``, ``None`` where there is none.

    Args:
        weights: ``[out_l, in_l]``, one or more.
        biases: of each ``[out_l]``, or ``None``.

    >>> import torch
    >>> two, one = torch.full((1, 1), 2.0), torch.ones(1)
    >>> [(float(a), c if c is None else float(c)) for a, c in chained([two] * 3, [None, one, None])]
    [(2.0, None), (4.0, 1.0), (8.0, 2.0)]
    """
    chain = [(weights[0], biases[0])]
    for weight, bias in zip(weights[1:], biases[1:], strict=True):
        before, shift = chain[-1]
        if shift is not None:
            moved = weight @ shift
            bias = moved if bias is None else moved + bias
        chain.append((weight @ before, bias))
    return chain
