"""Options that say themselves what they may be: the type of a field carries its range.

A dataclass writes ``epochs: Count = 20`` and has :func:`check_fields` in its ``__post_init__``;
then every way of making it is checked, by name, by its class, by ``dataclasses.replace``, from YAML
and from the command line.
"""

from __future__ import annotations

import dataclasses
import functools
import math
import os
import reprlib
import types
import typing
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeVar

import numpy as np
import torch

from graphcondense.ops.sizes import is_size

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

T = TypeVar("T")


@dataclass(frozen=True)
class Range:
    """From ``low`` to ``high``, both allowed unless ``above`` or ``below`` says otherwise."""

    low: float = -math.inf
    high: float = math.inf
    above: bool = False
    below: bool = False

    def wrong(self, value: float) -> str | None:
        """What ``value`` has to be, if it is not."""
        low = value > self.low if self.above else value >= self.low
        high = value < self.high if self.below else value <= self.high
        if low and high:
            return None
        least = f"{'above' if self.above else 'at least'} {self.low:g}"
        most = f"{'below' if self.below else 'at most'} {self.high:g}"
        ends = [least] * (self.low > -math.inf) + [most] * (self.high < math.inf)
        return f"must be {' and '.join(ends)}"


@dataclass(frozen=True)
class Rule:
    """Any other rule: a test, and what to say of a value that fails it."""

    holds: Callable[[Any], bool]
    words: str

    def wrong(self, value: object) -> str | None:
        """What ``value`` has to be, if it is not."""
        return None if self.holds(value) else self.words


Count = Annotated[int, Range(1)]
"""A whole number, one or more."""

Natural = Annotated[int, Range(0)]
"""A whole number, zero or more."""

Seed = Annotated[int, Range(0, 2**63 - 1)]
"""What a random generator starts from."""

Several = Annotated[int, Range(2)]
"""A whole number, two or more."""

Positive = Annotated[float, Range(0, above=True)]
"""A number above zero, such as a learning rate that has to move something."""

NonNegative = Annotated[float, Range(0)]
"""A number, zero or more, such as a weight in a sum."""

Share = Annotated[float, Range(0, 1)]
"""A share, nothing and all included."""

SomeShare = Annotated[float, Range(0, 1, above=True)]
"""A share above nothing."""

Chance = Annotated[float, Range(0, 1, above=True, below=True)]
"""A probability that is neither nothing nor certain."""

Momentum = Annotated[float, Range(0, 1, below=True)]
"""A share below all: momentum, dropout, damping."""


Even = Annotated[int, Rule(lambda n: n >= 2 and n % 2 == 0, "must be even and at least 2")]
"""An even number, two or more."""


Weights = Annotated[tuple[float, ...], Rule(any, "are all zero; give one other than zero")]
"""Weights in a sum that is not empty."""


ONCE = "each once"
"""Beside the type of a sequence: which numbers there are is what counts, so that repeats are left
out, and a set is taken in ascending order."""

Distinct = Annotated[tuple[Count, ...], ONCE, Rule(bool, "must have at least one number")]
"""Whole numbers, one or more, each counted once."""


def _counts_by_name(value: dict[object, object]) -> bool:
    return bool(value) and all(
        isinstance(name, str) and name and type(n) is int and n >= 1 for name, n in value.items()
    )


CountByName = Annotated[
    dict[str, int],
    Rule(_counts_by_name, "must give whole numbers, one or more, by name, as {'paper': 600} does"),
]
"""Whole numbers, one or more, by name."""


Size = Annotated[
    int | str, Rule(is_size, "is no size; write '4GB', '500MiB', or a number of bytes")
]
"""An amount of memory: bytes, or text such as ``"4GB"`` (see
:func:`~graphcondense.ops.sizes.size_of`)."""


PRESENT = Rule(lambda path: path != "", "is no path; the current folder is '.'")

Location = Annotated[str | Path, PRESENT]
"""A file or folder; an empty text is none."""

Folder = Annotated[str, PRESENT]
"""A folder as text."""


Names = Annotated[tuple[str, ...], Rule(bool, "must have at least one name")]
"""One or more names."""


def check_fields(instance: DataclassInstance) -> None:
    """Check every field of a dataclass against its type, its choices and its range.

    Values of NumPy, tensors of one number and ``torch.device`` become plain values first, and
    sequences become tuples where the field is one, so that what is recorded is what JSON holds and
    equal options are equal. Whole numbers become floats where the field is one, and 0 and 1 become
    False and True.

    Raises:
        ValueError: a value that a field cannot have; names both.
    """
    hints = _hints(type(instance))
    for field in dataclasses.fields(instance):
        given = getattr(instance, field.name)
        value = checked(field.name, given, hints[field.name])
        if value is not given:
            object.__setattr__(instance, field.name, value)


@functools.cache
def _hints(cls: type[object]) -> dict[str, object]:
    return typing.get_type_hints(cls, include_extras=True)


def checked(name: str, value: object, hint: object) -> object:
    """``value`` as a plain one of the type ``hint``.

    Raises:
        ValueError: it is none.

    >>> checked("epochs", np.int64(5), Count), checked("lr", 1, Positive)
    (5, 1.0)
    >>> checked("epochs", -1, Count)
    Traceback (most recent call last):
    ValueError: epochs=-1 must be at least 1
    """
    found, wrong = _as(plain(value), hint)
    if wrong:
        raise ValueError(f"{name}={brief(value)} {wrong}")
    return found


def check_each(**given: tuple[object, object]) -> tuple[Any, ...]:
    """Each value as a plain one of its type, in the order given; ``name=(value, hint)``.

    Raises:
        ValueError: a value that is not of its type.

    >>> check_each(rates=(np.array([0.0, 0.5]), tuple[Share, ...]), progress=(1, bool))
    ((0.0, 0.5), True)
    >>> check_each(folds=(2.5, Count))
    Traceback (most recent call last):
    ValueError: folds=2.5 is not a whole number
    """
    return tuple(checked(name, value, hint) for name, (value, hint) in given.items())


def check_switches(where: str, **switches: object) -> None:
    """Raise a ValueError unless each is true or false, as 1 and 0 are: the text ``"no"`` would be
    true.

    >>> check_switches("push", overwrite=1, compact=np.False_)
    >>> check_switches("push", overwrite="no")
    Traceback (most recent call last):
    ValueError: push: overwrite='no' must be True or False
    """
    for name, value in switches.items():
        if _as(plain(value), bool)[1]:
            raise ValueError(f"{where}: {name}={brief(value)} must be True or False")


def plain(value: object) -> object:
    """A Python value for one of NumPy or torch; anything else as it is.

    >>> plain(np.float64(0.5)), plain(torch.tensor(3)), plain(torch.device("cpu"))
    (0.5, 3, 'cpu')
    """
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, np.ndarray | torch.Tensor) and value.ndim == 0:
        return value.item()
    return str(value) if isinstance(value, torch.device) else value


def brief(value: object) -> str:
    """What ``value`` looks like, in few characters whatever it is.

    >>> brief("a" * 1000)
    "'aaaaaaaaaaaaaaaaaaaaaaaaaaa...aaaaaaaaaaaaaaaaaaaaaaaaaaaa'"
    """
    short = reprlib.Repr()
    short.maxstring = short.maxother = short.maxlong = 60
    text = " ".join(short.repr(value).split())
    return text if len(text) <= 120 else text[:117] + "..."


def spelled(hint: object) -> str:
    """A type in words.

    >>> spelled(int | None), spelled(Literal["a", "b"])
    ('a whole number or None', "one of 'a', 'b'")
    """
    origin, args = typing.get_origin(hint), typing.get_args(hint)
    if origin is Annotated:
        return spelled(args[0])
    if origin is Literal:
        return "one of " + ", ".join(map(repr, args))
    if origin in (typing.Union, types.UnionType):
        return " or ".join(spelled(arg) for arg in args)
    if origin is tuple:
        return f"a sequence, each {spelled(args[0])}" if args else "a sequence"
    return WORDS.get(hint, getattr(hint, "__name__", str(hint)))


WORDS: dict[object, str] = {
    int: "a whole number",
    float: "a finite number",
    bool: "True or False",
    str: "text",
    Path: "a path",
    dict: "a mapping",
    type(None): "None",
}
"""Types in words."""


def listed(names: str | Iterable[str | T], what: str) -> list[str | T]:
    """Names as users list them: with commas between, or a sequence; blanks around do not count.

    Args:
        names: such as ``"GCN, SGC"``; members of a sequence may be other than text.
        what: what they are, for the error.

    Raises:
        ValueError: an empty name, or one that is named twice.

    >>> listed("GCN, SGC", "models")
    ['GCN', 'SGC']
    """
    given: Iterable[str | T] = names.split(",") if isinstance(names, str) else names
    out = [name.strip() if isinstance(name, str) else name for name in given]
    if "" in [name for name in out if isinstance(name, str)]:
        raise ValueError(f"{what}={brief(names)} has an empty name; give names, commas between")
    for i, name in enumerate(out):
        if any(name is other or (isinstance(name, str) and name == other) for other in out[:i]):
            raise ValueError(f"{what}={brief(names)} names {brief(name)} twice; give each once")
    return out


def _as(value: object, hint: object) -> tuple[object, str | None]:
    """``value`` as the type ``hint`` has it, or what is wrong with it."""
    origin, args = typing.get_origin(hint), typing.get_args(hint)
    if origin is Annotated:
        value, wrong = (_as_distinct if ONCE in args else _as)(value, args[0])
        rules = [rule for rule in args[1:] if hasattr(rule, "wrong")]
        for rule in rules if wrong is None and value is not None else ():
            wrong = wrong or rule.wrong(value)
        return value, wrong
    if origin in (typing.Union, types.UnionType):
        return _as_one_of(value, args, hint)
    if hint is Any or hint is object:
        return value, None
    if origin is tuple and isinstance(value, np.ndarray | torch.Tensor) and value.ndim == 1:
        value = value.tolist()
    if origin is Literal:
        fits = any(isinstance(value, type(arg)) and value == arg for arg in args)
    elif origin is tuple and isinstance(value, list | tuple | range):
        return _as_tuple(value, args, hint)
    elif hint is float:
        if isinstance(value, int) and not isinstance(value, bool) and abs(value) <= 2**1023:
            value = float(value)
        fits = isinstance(value, float) and math.isfinite(value)
    elif hint is int:
        fits = isinstance(value, int) and not isinstance(value, bool)
    elif hint is bool:
        fits = isinstance(value, int) and value in (0, 1)
        value = bool(value) if fits else value
    elif hint is str and isinstance(value, os.PathLike):
        value, fits = os.fspath(value), True
    else:
        kind = origin or hint
        fits = not isinstance(kind, type) or isinstance(value, kind)
    return value, None if fits else f"is not {spelled(hint)}"


def _as_distinct(value: object, hint: object) -> tuple[object, str | None]:
    """``value`` as the type of a sequence, see :data:`ONCE`."""
    unordered = isinstance(value, set | frozenset)
    found, wrong = _as(tuple(value) if isinstance(value, set | frozenset) else value, hint)
    if wrong is None and isinstance(found, tuple):
        members = dict.fromkeys(found)
        found = tuple(sorted(members) if unordered else members)
    return found, wrong


def _as_one_of(value: object, hints: Sequence[object], hint: object) -> tuple[object, str | None]:
    """The first of several types that ``value`` has; else the range that it misses, if it does."""
    wrong = None
    # A path is text, too, where both are allowed; it stays what it is.
    for one in sorted(hints, key=lambda h: h is str):
        found, why = _as(value, one)
        if why is None:
            return found, None
        if not why.startswith("is not"):
            wrong = why
    return value, wrong or f"is not {spelled(hint)}"


def _as_tuple(
    value: Sequence[object], hints: Sequence[object], hint: object
) -> tuple[object, str | None]:
    """A sequence whose members have their types."""
    every = len(hints) == 2 and hints[1] is Ellipsis
    if not every and hints and len(hints) != len(value):
        return value, f"has {len(value)} values and not {len(hints)}"
    members = [hints[0]] * len(value) if every else hints or [object] * len(value)
    found = [_as(plain(v), h) for v, h in zip(value, members, strict=True)]
    wrong = next((why for _, why in found if why), None)
    if wrong and wrong.startswith("is not"):
        wrong = f"is not {spelled(hint)}"
    return tuple(v for v, _ in found), wrong and (wrong if wrong[:2] == "is" else f"each {wrong}")
