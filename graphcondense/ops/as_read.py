"""What is said of data, such as their hash, as long as they are what they were when it was said.

A task has the memory of the tensors that it was read from. Who changes these in place changes the
task, but not what was made of it before: a hash, and what folders keep under it, would be of other
data. PyTorch counts changes in place, of a tensor and of all on the same memory; NumPy and SciPy do
not, so that a change of features that a task keeps as theirs, sparse ones and those of several
types, is not seen.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Generic, TypeVar, overload

from torch import Tensor

T = TypeVar("T")

CHANGED = "changed in place after they had been read: read the data anew, or change a copy"


def version_of(value: object) -> int:
    """How often a tensor was changed in place; 0 of what does not count that.

    >>> import torch
    >>> x = torch.zeros(2)
    >>> before = version_of(x)
    >>> version_of(x[:1].add_(1)) == version_of(x) == before + 1
    True
    """
    return value._version if isinstance(value, Tensor) and not value.is_inference() else 0


def versions_of(data: object) -> tuple[list[int], list[int]]:
    """Of a data class which tensors it has, those of its parts among them, and their versions."""
    values = _fields(data)
    parts = [one for one in values if dataclasses.is_dataclass(one) and not isinstance(one, type)]
    every = [*values, *(value for part in parts for value in _fields(part))]
    tensors = [value for value in every if isinstance(value, Tensor)]
    return [*map(id, tensors)], [*map(version_of, tensors)]


def _fields(data: Any) -> list[object]:
    """Without what is made of them and kept beside them."""
    return [getattr(data, one.name) for one in dataclasses.fields(data)]


class AsRead(Generic[T]):
    """A property of a data class that is made once, of the tensors that it then has; of others, as
    copies in another process have, it is made anew.

    Where one of them was changed in place, it is made anew, too, and has to be what it was: not all
    that tensors hold is read, such as test labels for a hash.

    Raises:
        ValueError: what it is made of was changed in place after it had been made.
    """

    def __init__(self, make: Callable[[Any], T]) -> None:
        self.make, self.__doc__ = make, make.__doc__

    def __set_name__(self, owner: type, name: str) -> None:
        self.place = f"_{name}_as_read"

    @overload
    def __get__(self, data: None, owner: type | None = None) -> AsRead[T]: ...
    @overload
    def __get__(self, data: object, owner: type | None = None) -> T: ...
    def __get__(self, data: object | None, owner: type | None = None) -> AsRead[T] | T:
        if data is None:
            return self
        which, now = versions_of(data)
        kept = vars(data).get(self.place)
        if kept is None or kept[0] != which:
            kept = vars(data)[self.place] = (which, now, self.make(data))
        if kept[1] != now:
            if self.make(data) != kept[2]:
                raise ValueError(f"the tensors of these data were {CHANGED}")
            kept = vars(data)[self.place] = (which, now, kept[2])
        value: T = kept[2]
        return value


if TYPE_CHECKING:  # to which only a property is one
    as_read = property
else:
    as_read = AsRead
