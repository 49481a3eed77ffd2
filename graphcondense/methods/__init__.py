"""One paper, one file.

The package is also what users call: ``graphcondense.methods()`` is the table of methods. A module
may have any subclass of ``ModuleType`` as its class, so this one can be called.

>>> import graphcondense
>>> [m["name"] for m in graphcondense.methods("rows")]
['distill-cf', 'head', 'random', 'svp']
"""

from __future__ import annotations

import sys
from types import ModuleType

from graphcondense.core.method import methods


class _Table(ModuleType):
    def __call__(self, domain: str | None = None) -> list[dict[str, str]]:
        return methods(domain)


sys.modules[__name__].__class__ = _Table
