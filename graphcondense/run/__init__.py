"""From a user's data and a method's name to a finished condensed set.

>>> from graphcondense.run import build
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from graphcondense.run.call import condense, update
    from graphcondense.run.method import build, default_method, preset_of, presets, section_of

__all__ = [
    "build",
    "condense",
    "default_method",
    "preset_of",
    "presets",
    "section_of",
    "update",
]

# Imported when it is asked for: the command line looks at the folder of a run without torch.
_HOME = {
    "build": "method",
    "condense": "call",
    "default_method": "method",
    "preset_of": "method",
    "presets": "method",
    "section_of": "method",
    "update": "call",
}


def __getattr__(name: str) -> object:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)


def __dir__() -> list[str]:
    return __all__
