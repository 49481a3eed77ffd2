"""A small network over all ordered pairs of nodes, in tiles that stay in the cache.

For ``n`` nodes and ``h`` hidden units, autograd keeps a dozen arrays of ``n² h`` values and passes
over each from main memory. Here one such array is kept, and the first hidden layer, a sum of two
parts of size ``n h``, is made again in the backward pass.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from graphcondense.ops.types import Context

TILE_VALUES = 1 << 17
"""Hidden values of a tile on the CPU, 512 KiB of float32: two of them fit into a core's cache."""
TILE_VALUES_GPU = 1 << 26
"""On a GPU a tile has to fill it."""


def pair_logits(
    left: Tensor,
    right: Tensor,
    weight: Tensor,
    scale: Tensor,
    shift: Tensor,
    last: Tensor,
    eps: float = 1e-5,
) -> Tensor:
    """``out_ij = last · ReLU(norm(W ReLU(left_i + right_j)))``, the batch norm over all pairs.

    Differentiable once.

    Args:
        left, right: parts ``[n, h]`` of the first hidden layer.
        weight: ``W [k, h]`` of the second; a bias before a batch norm would cancel.
        scale, shift: ``[k]``, of the norm.
        last: ``[k]``, the last layer.
        eps: added to the variance.

    Returns:
        ``[n, n]``.
    """
    out: Tensor = _Pairs.apply(eps, left, right, weight, scale, shift, last)  # type: ignore[no-untyped-call]
    return out


class _Pairs(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Context, eps: float, *parts: Tensor) -> Tensor:
        left, right, weight, scale, shift, last = parts
        n = len(left)
        z = left.new_empty(n * n, len(weight))
        means, spreads, counts = [], [], []
        for rows, part in _tiles(z, n):
            torch.mm(_hidden(left, right, rows), weight.T, out=part)
            means.append(part.mean(0))
            spreads.append((part - means[-1]).square_().mean(0))
            counts.append(len(part) / len(z))
        # Statistics of the tiles, put together: within them and between them.
        portion = z.new_tensor(counts)
        stacked = torch.stack(means)
        mean = portion @ stacked
        variance = portion @ torch.stack(spreads) + portion @ (stacked - mean).square()
        root = (variance + eps).rsqrt()
        slope = scale * root
        offset = shift - mean * slope
        out = left.new_empty(n * n)
        for rows, part in _tiles(z, n):
            torch.mv(torch.addcmul(offset, part, slope).relu_(), last, out=out[_flat(rows, n)])
        ctx.save_for_backward(left, right, weight, last, z, mean, root, slope, offset)
        return out.view(n, n)

    @staticmethod
    @once_differentiable
    def backward(ctx: Context, grad: Tensor) -> tuple[Tensor | None, ...]:
        left, right, weight, last, z, mean, root, slope, offset = ctx.saved_tensors
        n, total = len(left), len(z)
        grad = grad.reshape(-1)
        # What reaches a normalised unit is last * grad where it is above zero: sums of it, and with
        # z.
        plain, with_z = torch.zeros_like(last), torch.zeros_like(last)
        for rows, part in _tiles(z, n):
            passed = _open(grad[_flat(rows, n), None], torch.addcmul(offset, part, slope))
            plain += passed.sum(0)
            with_z += passed.mul_(part).sum(0)
        d_last = slope * with_z + offset * plain
        d_shift = last * plain
        d_scale = root * (last * with_z - mean * d_shift)
        # Batch norm backward: dz = slope (g - mean(g) - ẑ mean(g ẑ)), with ẑ = (z - mean) root.
        along = slope * root * d_scale / total
        constant = slope * d_shift / total - mean * along
        outer = last * slope
        # Where only the features move, the product for the weights is a third of the work.
        d_weight = torch.zeros_like(weight) if ctx.needs_input_grad[3] else None
        d_left, d_right = torch.empty_like(left), torch.zeros_like(right)
        for rows, part in _tiles(z, n):
            dz = _open(grad[_flat(rows, n), None], torch.addcmul(offset, part, slope))
            dz.mul_(outer).addcmul_(part, along, value=-1).sub_(constant)
            hidden = _hidden(left, right, rows)
            if d_weight is not None:
                d_weight.addmm_(dz.T, hidden)
            back = _open(dz @ weight, hidden).view(-1, n, left.shape[1])
            d_left[rows] = back.sum(1)
            d_right += back.sum(0)
        return None, d_left, d_right, d_weight, d_scale, d_shift, d_last


def wave_logits(left: Tensor, right: Tensor, weight: Tensor, shift: Tensor, last: Tensor) -> Tensor:
    """``out_ij = last · sin(W sin(left_i + right_j) + shift)``, an implicit network over pairs.

    Differentiable once.

    Args:
        left, right: parts ``[n, h]`` of the first hidden layer.
        weight, shift: ``W [k, h]`` and ``[k]`` of the second.
        last: ``[k]``, the last layer.

    Returns:
        ``[n, n]``.
    """
    out: Tensor = _Waves.apply(left, right, weight, shift, last)  # type: ignore[no-untyped-call]
    return out


class _Waves(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Context, *parts: Tensor) -> Tensor:
        left, right, weight, shift, last = parts
        n = len(left)
        z = left.new_empty(n * n, len(weight))
        out = left.new_empty(n * n)
        for rows, part in _tiles(z, n):
            torch.addmm(shift, _sums(left, right, rows).sin_(), weight.T, out=part)
            torch.mv(part.sin(), last, out=out[_flat(rows, n)])
        ctx.save_for_backward(left, right, weight, last, z)
        return out.view(n, n)

    @staticmethod
    @once_differentiable
    def backward(ctx: Context, grad: Tensor) -> tuple[Tensor | None, ...]:
        left, right, weight, last, z = ctx.saved_tensors
        n, grad = len(left), grad.reshape(-1)
        # Where only the features move, half of the work is not for them.
        learnt = any(ctx.needs_input_grad[2:])
        d_weight, d_shift = torch.zeros_like(weight), torch.zeros_like(last)
        d_last = torch.zeros_like(last)
        d_left, d_right = torch.empty_like(left), torch.zeros_like(right)
        for rows, part in _tiles(z, n):
            own, sums = grad[_flat(rows, n)], _sums(left, right, rows)
            dz = part.cos().mul_(last).mul_(own[:, None])
            if learnt:
                d_last.addmv_(part.sin().T, own)
                d_shift += dz.sum(0)
                d_weight.addmm_(dz.T, sums.sin())
            back = (dz @ weight).mul_(sums.cos_()).view(-1, n, left.shape[1])
            d_left[rows] = back.sum(1)
            d_right += back.sum(0)
        return d_left, d_right, *((d_weight, d_shift, d_last) if learnt else (None,) * 3)


def _sums(left: Tensor, right: Tensor, rows: slice) -> Tensor:
    """``left_i + right_j`` of these rows, ``[pairs, h]``."""
    return (left[rows, None] + right).view(-1, left.shape[1])


def _tiles(z: Tensor, n: int) -> Iterator[tuple[slice, Tensor]]:
    """Whole rows of the grid of pairs, and their values in ``z [n², k]``."""
    values = TILE_VALUES_GPU if z.is_cuda else TILE_VALUES
    step = max(values // (n * z.shape[1]), 1)
    for first in range(0, n, step):
        rows = slice(first, min(first + step, n))
        yield rows, z[_flat(rows, n)]


def _flat(rows: slice, n: int) -> slice:
    return slice(rows.start * n, rows.stop * n)


def _hidden(left: Tensor, right: Tensor, rows: slice) -> Tensor:
    """``ReLU(left_i + right_j)`` of these rows, ``[pairs, h]``."""
    return _sums(left, right, rows).relu_()


def _open(grad: Tensor, at: Tensor) -> Tensor:
    """``grad`` where ``at > 0`` and zero elsewhere, the backward pass of ReLU."""
    # By far the quickest way on a CPU: comparisons give bytes, and bytes are converted slowly.
    out: Tensor = torch.ops.aten.threshold_backward(grad.expand_as(at), at, 0)
    return out
