"""What the tensors of every kind of condensed set must be."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

import torch
from torch import Tensor

Expected = Mapping[str, tuple[tuple[int, ...], torch.dtype]]
"""Shape and type of each tensor, by name."""


def path_of(value: object, where: str, what: str) -> Path:
    """``value`` as a path, ``~`` as the home folder; a TypeError says where to give what instead."""
    if not isinstance(value, str | Path):
        raise TypeError(f"{where}: give {what}, got {value!r}"[:200])
    return Path(value).expanduser()


def needing(where: str) -> Callable[[bool, str], None]:
    """What raises a ValueError, a message that starts with ``where``, unless a condition holds."""

    def need(condition: bool, message: str) -> None:
        if not condition:
            raise ValueError(f"{where}: {message}")

    return need


def check_rising(ptr: Tensor, end: int, name: str, where: str) -> None:
    """Raise a ValueError unless ``ptr`` says where parts of ``end`` rows begin."""
    if int(ptr[0]) or int(ptr[-1]) != end or bool((ptr.diff() < 0).any()):
        raise ValueError(f"{where}: {name} must rise from 0 to {end}, got {ptr.tolist()[:5]}...")


def check_tensors(
    tensors: Mapping[str, Tensor],
    expected: Expected,
    where: str,
    *,
    size: str = "",
    names: Iterable[str] | None = None,
    holes: str = "",
) -> None:
    """Raise a ValueError unless tensors have the shape and type that is expected, all finite.

    Args:
        tensors, expected: by name.
        where: what the message begins with.
        size: how large the set is, for the message, such as ``" for 70 nodes"``.
        names: which tensors, in which order; by default all.
        holes: the tensor that may hold NaN: labels that are not known.
    """
    for name in tensors if names is None else names:
        tensor, (shape, dtype) = tensors[name], expected[name]
        if tuple(tensor.shape) != shape or tensor.dtype != dtype:
            raise ValueError(
                f"{where}: {name} must be {dtype} of shape {list(shape)}{size}, got "
                f"{tensor.dtype} of shape {list(tensor.shape)}"
            )
        if dtype == torch.float32:
            bad = ~torch.isfinite(tensor)
            if name == holes:
                bad &= ~tensor.isnan()
            if bad.any():
                raise ValueError(
                    f"{where}: {name} has {int(bad.sum())} values that are NaN or infinite"
                )
