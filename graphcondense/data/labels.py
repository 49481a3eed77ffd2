"""Class ids and numbers that may be class ids: one rule for graphs and images.

Nothing here is of the size of a label's value: an id may be a hash.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import combinations, islice

import numpy as np
import torch
from torch import Tensor

from graphcondense.ops.adjacency import shared
from graphcondense.ops.arrays import refuse_masked

UNMARKED = (255, 65535)
"""Ids that mark what has no label in files of small integers."""

ANEW = "relabel y as 0..C-1: torch.unique(y, return_inverse=True)[1]"


def few(items: Iterable[object], most: int = 5) -> str:
    """The first of many, for a message; each of at most 40 characters.

    >>> few(range(3)), few(range(10**9))
    ('0, 1, 2', '0, 1, 2, 3, 4, ...')
    """
    shown = [str(item)[:40] for item in islice(items, most + 1)]
    return ", ".join(shown[:most] + ["..."] * (len(shown) > most))


def count_classes(
    known: Tensor,
    trained: Tensor,
    what: str,
    other: str = "",
    *,
    anew: str = ANEW,
    leave: str = "leave those out",
) -> int:
    """How many classes there are, if they are called 0..C-1 and each has training examples.

    Args:
        known: the class of every labelled example ``[m]`` int64, none negative.
        trained: those of the training examples.
        what, other: the examples in words, and what else ids with gaps may be, for the message.
        anew, leave: how to number classes anew, and what to do with an ``{id}`` without a label.

    >>> count_classes(torch.tensor([0, 1, 1]), torch.tensor([1, 0]), "graphs")
    2
    """
    values, present = torch.unique(known), torch.unique(trained)
    top = int(values[-1])
    if len(present) == top + 1:
        return top + 1
    if len(values) == top + 1:
        absent = values[~torch.isin(values, present)].tolist()
        raise ValueError(
            f"class {few(absent)} has no training {what} (y has {top + 1} classes); add some to "
            f"the split or relabel y as 0..C-1; if {absent[0]} marks {what} without a label, "
            f"{leave.format(id=absent[0])}"
        )
    gaps = torch.arange(6 + len(values))
    absent = gaps[~torch.isin(gaps, present) & (gaps < top)][:6].tolist()
    unmarked = f"; if {top} marks {what} without a label, {leave.format(id=top)}"
    raise ValueError(
        f"class {few(absent)} has no training {what} (y has {len(values):,} different values, up "
        f"to {top}); {anew}{unmarked if top in UNMARKED else ''}{other}"
    )


def overlap(parts: Mapping[str, Tensor]) -> tuple[str, str, int, int] | None:
    """Two parts that share ids: their names, how many ids they share, and the first. No part has an
    id twice."""
    for a, b in combinations(parts, 2):
        both = np.intersect1d(parts[a].numpy(), parts[b].numpy(), assume_unique=True)
        if len(both):
            return a, b, len(both), int(both[0])
    return None


def counts_up(known: Tensor) -> bool:
    """Whether numbers look like class ids: -1 and 1, or -1, 0 or 1 and on without a gap, and every
    value twice on average.

    >>> [counts_up(torch.tensor(y)) for y in ([0.0, 1, 2] * 2, [-1.0, 1] * 2, [0.0, 1, 5] * 2)]
    [True, True, False]
    """
    if not len(known) or not bool((known == known.round()).all()):
        return False
    values = torch.unique(known)
    if 2 * len(values) > len(known):
        return False
    first, last = float(values[0]), float(values[-1])
    dense = first in (-1, 0, 1) and last - first == len(values) - 1
    return dense or (first, last, len(values)) == (-1, 1, 2)


def is_one_hot(y: Tensor) -> bool:
    """Whether every row ``[n, T]`` is one 1 among zeros, of several columns and rows."""
    if y.dim() != 2 or min(y.shape) < 2:
        return False
    return bool((((y == 0) | (y == 1)).all(1) & ((y == 1).sum(1) == 1)).all())


def as_tensor(y: object, who: str) -> Tensor:
    """A label, or labels, as a tensor on the CPU.

    Raises:
        ValueError: they are no numbers, such as text.
    """
    if isinstance(y, np.ndarray) and y.dtype.kind in "biufc":
        refuse_masked(y, f"{who}: y")
        if y.dtype.kind == "f" and y.dtype.itemsize > 8:  # torch has none so long
            y = y.astype(np.float64)
        y = y.astype(y.dtype.newbyteorder("="), order="C", copy=False)
    try:
        y = shared(y) if isinstance(y, np.ndarray) and y.dtype.kind in "biufc" else y
        out: Tensor = torch.as_tensor(y).detach().cpu()
    except (TypeError, ValueError, RuntimeError, OverflowError) as error:
        raise ValueError(
            f"{who}: the label {str(y)[:40]!r} is no number; make labels classes 0..C-1: "
            "numpy.unique(labels, return_inverse=True)[1]"
        ) from error
    if out.layout != torch.strided:
        raise ValueError(f"{who}: labels must be dense, got {out.layout}; use y.to_dense()")
    if out.is_complex():
        raise ValueError(f"{who}: labels are complex; they are classes or real numbers")
    return out.long() if out.dtype == torch.uint64 else out


# --- of small sets --------------------------------------------------------------------------------


def class_weights(y: Tensor, num_classes: int, what: str, name: str) -> Tensor:
    """Soft labels ``[n, C]``, or targets that were learnt for the squared error, in float32; a
    ValueError for other classes and for what is no number."""
    if y.shape[1] != num_classes:
        raise ValueError(
            f"{what} has soft labels over {y.shape[1]} classes, {name} has {num_classes}"
        )
    weights = y.float()
    for i in (~weights.isfinite().all(1)).nonzero().flatten()[:1].tolist():
        raise ValueError(
            f"{what} has the soft label ({first_of(weights[i])}) in row {i}; give finite numbers"
        )
    return weights


def first_of(row: Tensor) -> str:
    """The first five numbers of a row ``[C]``, in words."""
    return ", ".join(f"{value:g}" for value in row[:5].tolist())


def check_classes(
    y: Tensor, num_classes: int, what: str, name: str, leave: str = "leave it out"
) -> None:
    """Raise a ValueError for a class ``[n]`` that the real data do not have, and for none (-1).

    Args:
        y: the classes of a small set.
        num_classes, name: of the real data.
        what: an example of the set, in words.
        leave: what to do with an example without a label.
    """
    bad = y[(y < 0) | (y >= num_classes)]
    if not len(bad):
        return
    worst = int(bad.min()) if int(bad.min()) < 0 else int(bad.max())
    if worst == -1:
        raise ValueError(f"the small set has {what} without a label (y is -1 or NaN); {leave}")
    raise ValueError(
        f"the small set has {what} of class {worst}; {name} has classes 0..{num_classes - 1}"
    )
