"""Docstrings as the site shows them: the roles of Sphinx become links, examples become code."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import griffe

sys.path.insert(0, str(Path(__file__).parent))
from generate import doctests, roles


class Roles(griffe.Extension):
    """Rewrites every docstring before it is parsed."""

    def on_package(self, *, pkg: griffe.Module, **_: Any) -> None:
        rewrite(pkg)


def rewrite(obj: griffe.Object) -> None:
    """An object's docstring, and those of all that it defines."""

    def full(name: str) -> str:
        try:
            return obj.resolve(name)
        except griffe.NameResolutionError:
            return name

    if obj.docstring:
        obj.docstring.value = doctests(roles(obj.docstring.value, full))
    for member in obj.members.values():
        if not isinstance(member, griffe.Alias):
            rewrite(member)
