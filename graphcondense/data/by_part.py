"""Data by part, ``{"train": ..., "val": ..., "test": ...}``: one rule for all kinds of data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import scipy.sparse as sp
import torch
from torch import Tensor

PARTS: Mapping[str, Sequence[str]] = {
    "train": ("train",),
    "val": ("val", "valid", "validation"),
    "test": ("test",),
}
"""What a part may be called, the usual name first: OGB and RecBole say valid, ``datasets`` of
Hugging Face validation."""

CALLED = frozenset(name for names in PARTS.values() for name in names)
"""All of these names."""


OTHER_SEEDS = "(runs and evaluations have their own: condense(seed=), evaluate(seeds=))"
"""Where seeds are given that draw no split."""


def has_parts(data: object) -> bool:
    """Whether this is a mapping that says what trains.

    >>> has_parts({"train": 1, "valid": 2}), has_parts({"train": None}), has_parts({"val": 1})
    (True, False, False)
    """
    if not isinstance(data, Mapping) or sp.issparse(data):  # as SciPy's DOK is a mapping
        return False
    return data.get("train") is not None


def by_part(data: Mapping[str, Any]) -> dict[str, Any]:
    """What a mapping has by ``"train"``, ``"val"`` and ``"test"``; a part that is ``None`` or
    missing is left out, and so is one beside ``"train"`` that has nothing in it.

    Raises:
        ValueError: an unknown name, or a part that has two.

    >>> by_part({"train": [1], "validation": [2], "test": None})
    {'train': [1], 'val': [2]}
    >>> by_part({"train": [1], "val": [], "valid": [2]})
    {'train': [1], 'val': [2]}
    """
    if unknown := [name for name in data if name not in CALLED]:
        raise ValueError(f"the part {unknown[0]!r} is none of {', '.join(sorted(CALLED))}")
    out = {}
    for ours, names in PARTS.items():
        called = [name for name in names if not _is_none(data.get(name), ours)]
        if len(called) > 1:
            raise ValueError(f"the parts {' and '.join(called)} are one: give one of them")
        if called:
            out[ours] = data[called[0]]
    return out


def _is_none(part: Any, name: str) -> bool:
    """Whether there is no such part: no training part is one that lacks."""
    if part is None or name == "train":
        return part is None
    return (is_list(part) or hasattr(part, "columns")) and len(part) == 0


def is_list(part: Any) -> bool:
    """Whether a part is a list or a data set."""
    sized = hasattr(part, "__len__") and hasattr(part, "__getitem__")
    return sized and isinstance(part, Sequence | torch.utils.data.Dataset)


def memory_of(values: object) -> int | None:
    """Where the values of a tensor or an array begin in memory, as those of no other part do;
    ``None`` where there are none, or which are neither.

    >>> x = torch.arange(6)
    >>> memory_of(x[:3]) == memory_of(x.numpy()), memory_of(x[3:]) == memory_of(x), memory_of(x[:0])
    (True, False, None)
    """
    if isinstance(values, Tensor) and values.layout == torch.strided and values.numel():
        return values.data_ptr()
    if isinstance(values, np.ndarray) and values.size:
        return values.ctypes.data
    return None


def refuse_idle_seed(seed: int, why: str) -> None:
    """Raise a ValueError for a seed of a split where none is drawn; 0, the usual one, asks for
    nothing.

    >>> refuse_idle_seed(3, "the graphs have a split")
    Traceback (most recent call last):
    ValueError: seed=3 cannot act, it draws splits: the graphs have a split; leave it out (runs \
and evaluations have their own: condense(seed=), evaluate(seeds=))
    """
    if seed:
        raise ValueError(
            f"seed={seed} cannot act, it draws splits: {why}; leave it out {OTHER_SEEDS}"
        )
