"""Types of parameters, and how their values are written on a command line."""

from __future__ import annotations

import functools
import inspect
import math
import re
import types
import typing
from collections.abc import Callable, Mapping, Sequence
from dataclasses import is_dataclass
from typing import Literal

from jsonargparse.typing import register_type


class _Shown(type):
    """The type of types that are printed by their name alone."""

    def __repr__(cls) -> str:
        return cls.__name__


@functools.cache
def _plain_numbers() -> dict[object, type]:
    """Types that jsonargparse reads as numbers are written everywhere: in decimal digits.

    It reads whole numbers as YAML 1.1 does, where ``1:30`` is 90 (base 60), ``010`` is 8 or 10,
    and ``0x10``, ``0b11`` and ``1_000`` are numbers. Here all of these are refused, and so are
    ``nan`` and ``inf``. Where a number may be left out, ``none`` does so.
    """
    out: dict[object, type] = {}
    for kind, form in (
        (int, r"[-+]?(0|[1-9][0-9]*)"),
        (float, r"[-+]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][-+]?[0-9]+)?"),
    ):
        # A class of its own, since the library has its mind made up about int and float.
        marker = _Shown(kind.__name__, (), {})
        read = functools.partial(_read_number, kind, re.compile(form))
        register_type(marker, str, read, type_check=lambda value, _: False)
        out[kind] = marker
        marker = _Shown(kind.__name__, (), {})
        register_type(
            marker, str, functools.partial(_or_none, read), type_check=lambda value, _: False
        )
        out[kind | None] = marker
    marker = _Shown("NAME=NUMBER", (), {})
    register_type(marker, str, _read_by_name, type_check=lambda value, _: False)
    out[dict[str, int]] = marker
    return out


def _read_by_name(value: object) -> dict[str, int]:
    """Whole numbers by name, written ``paper=600,author=200``, or as a config has them."""
    if isinstance(value, Mapping):
        return dict(value)
    pairs = [part.partition("=") for part in str(value).split(",")]
    names = [name.strip() for name, _, _ in pairs]
    form = re.compile(r"0|[1-9][0-9]*")
    if not all(names) or not all(form.fullmatch(number.strip()) for _, _, number in pairs):
        raise ValueError(f"Got value: {value}")
    if len(set(names)) < len(names):
        raise ValueError(f"Got value: {value}")
    return {name: int(number) for name, (_, _, number) in zip(names, pairs, strict=True)}


def _read_number(kind: type[int] | type[float], form: re.Pattern[str], value: object) -> float:
    """A number from a word, or as it is."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise ValueError(f"Got value: {value}")
    right = form.fullmatch(value) if isinstance(value, str) else kind(value) == value
    if not right or not math.isfinite(found := kind(value)):
        raise ValueError(f"Got value: {value}")
    return found


def _or_none(read: Callable[[object], float], value: object) -> float | None:
    """What ``read`` makes of a word, or nothing where it says so."""
    return None if value == "none" else read(value)


def sequences(hint: object) -> list[object]:
    """The sequence types in a type."""
    parts = [hint, *typing.get_args(hint)]
    return [part for part in parts if typing.get_origin(part) in (Sequence, tuple)]


def by_commas(hint: object) -> bool:
    """Whether a parameter is written with commas: a sequence where one value is no shorthand."""
    shorthand = typing.get_origin(hint) in UNIONS and {int, float} & set(typing.get_args(hint))
    return bool(sequences(hint)) and not shorthand


def typed(hint: object, commas: bool) -> object:
    """What the parser reads for a parameter.

    Text where text is allowed or commas are; a count where seeds may be listed, too.
    """
    if isinstance(hint, str):  # an alias that names classes of models beside their names
        return str
    origin, args = typing.get_origin(hint), typing.get_args(hint)
    if hint == dict[str, int]:
        return _plain_numbers()[hint]
    if commas:
        return str if origin not in UNIONS or type(None) not in args else str | None
    if not args or origin is Literal:
        return _plain_numbers().get(hint, hint)
    if origin in UNIONS:
        kept = [arg for arg in args if not sequences(arg)] or list(args)
        if str in args:
            kept = [arg for arg in args if arg in (str, type(None))]
        if type(None) in args:  # a number that may be none is a type of its own
            kept = [arg | None if arg in (int, float) else arg for arg in kept]
        numbers = _plain_numbers()
        return typing.Union[tuple(numbers.get(arg) or typed(arg, False) for arg in kept)]  # noqa: UP007
    parts = [part if part is Ellipsis else typed(part, False) for part in args]
    return types.GenericAlias(typing.cast(type, origin), tuple(parts))


UNIONS = (typing.Union, types.UnionType)


def hints_of(thing: Callable[..., object]) -> dict[str, object]:
    """The types of a function's parameters, or of a dataclass's fields."""
    if is_dataclass(thing):
        return dict(typing.get_type_hints(thing))
    parameters = inspect.signature(thing, eval_str=True).parameters
    return {name: _bare(parameter.annotation) for name, parameter in parameters.items()}


def _bare(hint: object) -> object:
    """A type without what is said of it beside."""
    return typing.get_args(hint)[0] if typing.get_origin(hint) is typing.Annotated else hint
