"""Packages that only few need: they come with extras of the package."""

from __future__ import annotations

import importlib
from types import ModuleType


class MissingExtraError(ImportError, ValueError):
    """An optional package is not installed; the message says how to install it."""


def need(module: str, extra: str, purpose: str) -> ModuleType:
    """Import an optional package.

    Args:
        module: what is imported.
        extra: the extra of graphcondense that installs it.
        purpose: what needs it, for the error.

    Raises:
        MissingExtraError: it is not installed.

    >>> need("no_such_module", "recommend", "this file")  # doctest: +ELLIPSIS
    Traceback (most recent call last):
        ...
    graphcondense.ops.extras.MissingExtraError: this file needs no_such_module, ...
    """
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise MissingExtraError(
            f"{purpose} needs {module.partition('.')[0]}, which is not installed: "
            f'pip install "graphcondense[{extra}]"'
        ) from error
