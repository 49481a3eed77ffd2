"""Sums, maxima and softmaxes over segments of rows, through torch-scatter where it is installed.

Otherwise torch's own ``index_add`` and ``scatter_reduce`` compute the same. :func:`backend` says
which one runs; the environment variable ``GRAPHCONDENSE_SEGMENT`` (``auto``, ``torch`` or
``torch-scatter``) or an argument forces one.
"""

from __future__ import annotations

import os
from importlib.util import find_spec
from typing import Any, Literal, TypedDict, cast

import torch
from torch import Tensor
from typing_extensions import Unpack

Backend = Literal["torch-scatter", "torch"]
VARIABLE = "GRAPHCONDENSE_SEGMENT"


def backend(force: str | None = None) -> Backend:
    """Which path runs: ``force``, else the environment variable, else torch-scatter if installed.

    Raises:
        ValueError: for a name that is neither ``auto``, ``torch`` nor ``torch-scatter``.
        ImportError: if ``torch-scatter`` is asked for and not installed; there is no silent
            fallback from an explicit choice.
    """
    choice = force or os.environ.get(VARIABLE) or "auto"
    if choice not in ("auto", "torch", "torch-scatter"):
        raise ValueError(f"segment backend {choice!r}: use 'auto', 'torch' or 'torch-scatter'")
    installed = find_spec("torch_scatter") is not None
    if choice == "torch-scatter" and not installed:
        raise ImportError(
            "torch-scatter is not installed; it is built against the installed torch: "
            "pip install --no-build-isolation torch-scatter"
        )
    if choice == "auto":
        choice = "torch-scatter" if installed else "torch"
    return cast(Backend, choice)


class Segments(TypedDict, total=False):
    """How rows fall into segments, besides the segment of each row.

    Attributes:
        ptr: where the segments of *sorted* rows begin, ``[segments + 1]``, as in CSR. It may stand
            in for ``index``; given both, each path takes what it is faster with.
        num_segments: number of segments; default ``len(ptr) - 1``, else ``index.max() + 1``.
        backend: see :func:`backend`.
    """

    ptr: Tensor | None
    num_segments: int | None
    backend: str | None


def segment_sum(values: Tensor, index: Tensor | None = None, **how: Unpack[Segments]) -> Tensor:
    """The sum of each segment's rows ``[segments, ...]``; an empty segment gives 0.

    Args:
        values: ``[m, ...]``.
        index: the segment of each row ``[m]``, in any order.
        **how: see :class:`Segments`.

    Raises:
        ValueError: without ``index`` and ``ptr``, or if their length does not match ``values``.
    """
    return _reduce(values, index, "sum", **how)


def segment_max(values: Tensor, index: Tensor | None = None, **how: Unpack[Segments]) -> Tensor:
    """The largest of each segment's rows; an empty segment gives 0. Arguments: `segment_sum`.

    Among equal maxima torch shares the gradient evenly, as ``torch.amax`` does, and torch-scatter
    gives it to one of them.
    """
    return _reduce(values, index, "max", **how)


def segment_softmax(values: Tensor, index: Tensor | None = None, **how: Unpack[Segments]) -> Tensor:
    """A softmax over the rows of each segment, ``[m, ...]``. Arguments: `segment_sum`."""
    index = _index(values, index, how.get("ptr"))
    top = segment_max(values.detach(), index, **how)
    weight = (values - top.index_select(0, index)).exp()
    return weight / segment_sum(weight, index, **how).index_select(0, index)


def _index(values: Tensor, index: Tensor | None, ptr: Tensor | None) -> Tensor:
    if index is None:
        if ptr is None:
            raise ValueError("give the segments, as index [m] or as ptr [segments + 1]")
        index = torch.repeat_interleave(ptr.diff())
    if len(index) != len(values):
        raise ValueError(f"values has {len(values)} rows, but the segments cover {len(index)}")
    return index


def _reduce(
    values: Tensor,
    index: Tensor | None,
    reduce: Literal["sum", "max"],
    **how: Unpack[Segments],
) -> Tensor:
    ptr, num_segments = how.get("ptr"), how.get("num_segments")
    if backend(how.get("backend")) == "torch-scatter":
        import torch_scatter

        scatter: Any = torch_scatter
        if ptr is not None:
            out: Tensor = scatter.segment_csr(values, ptr, reduce=reduce)
            return out
        index = _index(values, index, ptr)
        out = scatter.scatter(values, index, dim=0, dim_size=num_segments, reduce=reduce)
        return out
    index = _index(values, index, ptr)
    if ptr is not None:
        num_segments = len(ptr) - 1
    elif num_segments is None:
        num_segments = int(index.max()) + 1 if len(index) else 0
    zeros = values.new_zeros(num_segments, *values.shape[1:])
    if reduce == "sum":
        return zeros.index_add(0, index, values)
    wide = index.reshape(-1, *[1] * (values.dim() - 1)).expand_as(values)
    # The excluded start counts as one more maximum in torch's backward wherever it equals the
    # result. NaN equals nothing.
    start = torch.full_like(zeros, torch.nan) if values.is_floating_point() else zeros
    most = start.scatter_reduce(0, wide, values, "amax", include_self=False)
    filled = torch.zeros(num_segments, dtype=torch.bool, device=index.device)
    filled = filled.index_fill(0, index, True).reshape(-1, *[1] * (values.dim() - 1))
    return torch.where(filled, most, zeros)
