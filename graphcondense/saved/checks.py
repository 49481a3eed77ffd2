"""What the tensors of every kind of condensed set must be."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from typing import TypeAlias

import torch
from torch import Tensor

Tensors: TypeAlias = Mapping[str, Tensor]
"""Tensors by name."""

Expected = Mapping[str, tuple[tuple[int, ...], torch.dtype]]
"""Shape and type of each tensor, by name."""


ROUNDED = 0.005
"""How far a probability may be off that is rounded to two decimals; in bfloat16 it is less."""

EXACT = 1e-6
"""How far float32 is off: the last probability may be one less the sum of the others."""


def add_up(y: Tensor) -> Tensor:
    """Which rows of ``y [n, C]`` are probabilities of classes ``[n]``: none below 0 but by
    :data:`EXACT`, and their sum is one, but for what rounding each to two decimals does, and never
    as far off as 0.5.

    >>> add_up(torch.tensor([[0.13, 0.88], [0.1, 0.88], [0.5, torch.nan]])).tolist()
    [True, False, False]
    >>> add_up(torch.tensor([[1 + 1e-7, -1e-7], [1.001, -0.001]])).tolist()
    [True, False]
    """
    off = min(ROUNDED * y.shape[1], 0.5) + EXACT  # sums of decimals are not exact
    return (y >= -EXACT).all(1) & ((y.double().sum(1) - 1).abs() < off)


def unrounded(y: Tensor) -> Tensor:
    """Soft labels ``[n, C]``, where rows are probabilities none of which is below 0 by rounding."""
    return torch.where(add_up(y).unsqueeze(1), y.clamp(min=0), y)


def check_soft(y: Tensor, trained: Tensor, where: str) -> None:
    """Raise a ValueError unless soft labels ``[n, C]`` are whole rows; those that are all NaN are
    no labels, which the nodes that are ``trained`` on ``[n]`` have."""
    none, some = y.isnan().all(1), y.isnan().any(1)
    for bad, what in (
        (some & ~none, "is NaN in part; give numbers, or NaN alone where there is no label"),
        (none & trained, "is all NaN, a training node without a label: leave it out of train_mask"),
    ):
        for i in bad.nonzero().flatten()[:1].tolist():
            raise ValueError(f"{where}: the soft label y of node {i} {what}")


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
    tensors: Tensors,
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


def check_further(
    further: Tensors, rows: int | None, where: str, taken: Collection[str] = ()
) -> None:
    """Raise a ValueError that starts with ``where`` unless a graph can have these tensors, too.

    Each has as many ``rows``, if these are given, and none a name that is ``taken``.
    """
    for name, tensor in further.items():
        if name in taken or not _is_free(name):
            raise ValueError(
                f"{where}: a tensor cannot be called '{name[:80]}', which is a method, a name with "
                "a meaning of its own or no name in Python: give it another"
            )
        if rows is not None and (tensor.dim() == 0 or len(tensor) != rows):
            raise ValueError(
                f"{where}: {name[:80]} must have {rows} rows, one for each example, got shape "
                f"{list(tensor.shape)}"
            )


def _is_free(name: str) -> bool:
    if not name.isidentifier() or name.startswith("_") or name in ("condensed", "num_nodes"):
        return False
    from torch_geometric.data import Data

    from graphcondense.saved.shown import Shown

    taken = getattr(Data, name, None) or getattr(Shown, name, None)
    return taken is None or getattr(taken, "fset", None) is not None


def classes_of(record: object) -> int | None:
    """How many classes a record's ``data`` tells, if it does."""
    return _told(record, "classes")


def outputs_of(record: object) -> int | None:
    """How many classes, binary tasks or numbers a record's ``data`` tells of, if it does."""
    classes = classes_of(record)
    return _told(record, "tasks") if classes is None else classes


def _told(record: object, what: str) -> int | None:
    about = record.get("data") if isinstance(record, Mapping) else None
    count = about.get(what) if isinstance(about, Mapping) else None
    return count if isinstance(count, int) else None


def label_kind_of(record: object) -> str:
    """What labels a record's ``data`` tells of: ``"classes"``, ``"binary"``, ``"regression"`` or
    ``"soft"``."""
    about = record.get("data") if isinstance(record, Mapping) else None
    kind = about.get("label_kind") if isinstance(about, Mapping) else None
    return kind if kind in ("binary", "regression", "soft") else "classes"
