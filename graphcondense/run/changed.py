"""Which node of before is which now, for graphs that have changed in other ways than by growing."""

from __future__ import annotations

import copy
from typing import TypeVar

import torch
from torch import Tensor

from graphcondense.ops.arrays import groups_at, plain
from graphcondense.ops.fields import brief

S = TypeVar("S")

FORM = (
    "which node of the data before each node now is, and -1 for a new one, as "
    "pandas.Index(ids_before).get_indexer(ids_now) says it"
)


def old_numbers(given: object, now: int, before: object) -> Tensor:
    """``old_nodes=`` as int64 ``[now]``.

    Args:
        given: what the user said.
        now, before: how many nodes there are and were.

    Raises:
        ValueError: it is not known how many there were; not a whole number for each node now; one
            that no node before had, or one twice.

    >>> old_numbers([2, -1, 0], now=3, before=4).tolist()
    [2, -1, 0]
    """
    if not isinstance(before, int):
        raise ValueError(
            "the record of the condensed graph does not say how many nodes the data before had: "
            "condense anew"
        )
    old = plain(given, "old_nodes")
    if tuple(old.shape) != (now,):
        raise ValueError(
            f"old_nodes has shape {tuple(old.shape)}, and there are {now:,} nodes now: say {FORM}"
        )
    if old.dtype == torch.bool or bool((old != old.long()).any()):
        raise ValueError(f"old_nodes must be whole numbers, got {brief(given)}: say {FORM}")
    old = old.long()
    if len(wrong := old[(old < -1) | (old >= before)]):
        raise ValueError(
            f"old_nodes names node {int(wrong[0])}, and the data before had nodes 0 to "
            f"{before - 1:,}: say {FORM}"
        )
    known = old[old >= 0]
    if len(twice := torch.bincount(known, minlength=1).gt(1).nonzero()):
        here = (old == twice[0]).nonzero().flatten()[:2].tolist()
        raise ValueError(
            f"old_nodes says that nodes {here[0]} and {here[1]} both are node {int(twice[0])} of "
            "before: one of them is new, -1"
        )
    if not len(known):
        raise ValueError("old_nodes is -1 throughout: no node is left of before; condense anew")
    return old


def as_now(small: S, old: Tensor, before: object) -> S:
    """A condensed graph of before whose ``assignment`` is of the nodes there are now; ``small``
    itself where it has none.

    Args:
        small: it stays as it is.
        old: of :func:`old_numbers`.
        before: how many nodes there were.

    Raises:
        ValueError: ``assignment`` is of some nodes alone.
    """
    group = getattr(small, "assignment", None)
    if not isinstance(group, Tensor):
        return small
    if len(group) != before:
        raise ValueError(
            f"old_nodes cannot act: the condensed graph groups {len(group):,} of the {before:,} "
            "nodes before; condense anew"
        )
    out = copy.copy(small)
    out.assignment = groups_at(group, old)  # type: ignore[attr-defined]
    return out
