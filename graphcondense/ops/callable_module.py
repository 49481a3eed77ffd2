"""A package that is called as the function it is named after."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable
from types import ModuleType


def make_callable(name: str, function: Callable[..., object]) -> None:
    """Let the imported module ``name`` be called: ``module(...)`` is then ``function(...)``.

    A module may have any subclass of ``ModuleType`` as its class.

    >>> import types
    >>> sys.modules["doubled"] = types.ModuleType("doubled")
    >>> make_callable("doubled", lambda x: 2 * x)
    >>> import doubled
    >>> doubled(3)
    6
    """
    called = {"__call__": staticmethod(function), "__signature__": inspect.signature(function)}
    sys.modules[name].__class__ = type("CallableModule", (ModuleType,), called)
