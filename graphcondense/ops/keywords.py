"""Functions that pass most of their keywords on, and still show what these are."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import TypeVar

F = TypeVar("F", bound=Callable[..., object])


def shows(keywords: Callable[..., object]) -> Callable[[F], F]:
    """Let a function that ends in ``**options`` show the keywords of another in their place.

    ``help`` and editors read them; what is passed on remains what was given, and nothing else.

    Args:
        keywords: a function with keyword-only parameters that has ``**fields`` of its own.

    >>> def options(*, nodes: int = 1, **fields: object) -> None: ...
    >>> @shows(options)
    ... def f(data: int, **options: object) -> object:
    ...     return options
    >>> inspect.signature(f), f(3)
    (<Signature (data: 'int', *, nodes: 'int' = 1, **fields: 'object') -> 'object'>, {})
    """

    def wrap(function: F) -> F:
        signature = inspect.signature(function)
        more = inspect.signature(keywords).parameters
        *first, _ = [p for p in signature.parameters.values() if p.name not in more]
        parameters = [*first, *more.values()]
        vars(function)["__signature__"] = signature.replace(parameters=parameters)
        return function

    return wrap
