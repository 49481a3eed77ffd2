"""Which method a run has: by its name, with a preset, fields and a budget, each checked."""

from __future__ import annotations

import copy
import sys
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path

from graphcondense.core import parallel
from graphcondense.core.method import Method
from graphcondense.kinds import AnyProblem, Kind, kind_named
from graphcondense.methods import find_method
from graphcondense.ops.budget import BUDGETS
from graphcondense.ops.fields import brief
from graphcondense.ops.types import Record
from graphcondense.ops.yaml import read_yaml
from graphcondense.run.options import checked


def default_method(kind: Kind) -> str:
    """The name of the method that data of a kind are condensed by where none is named.

    Raises:
        ValueError: the kind has none.
    """
    if not kind.default:
        raise ValueError(
            f"{kind.name} data have no default method: name one of graphcondense.methods()"
        )
    return kind.default


def largest(kind: Kind, sizes: Sequence[int] | None, given: Mapping[str, object]) -> Record:
    """The largest of several sizes as a budget; nothing where there are none.

    Raises:
        ValueError: a budget is given, too.
    """
    if sizes is None:
        return {}
    budget = [f"{name}={brief(given[name])}" for name in BUDGETS if given.get(name) is not None]
    if budget:
        raise ValueError(f"sizes={brief(sizes)} and {budget[0]} are two budgets: give one of them")
    return {kind.counted: max(sizes)}


def with_budget(kind: Kind, problem: AnyProblem, method: Method, name: str) -> tuple[Method, str]:
    """The default method of a kind of data with a budget, where it has none: ten examples a class,
    at most half of the labelled ones; and this rule in words, empty where a budget was given.

    A budget a class, of data without classes, is said to count all examples.

    Raises:
        ValueError: half of the labelled examples are below one a class.
    """
    if method.per_class is not None and not kind.default_each and parallel.is_main():
        n = method.per_class
        text = f"{name}: there are no classes in {kind.data.words}, so per_class={n} counts all"
        print(f"{text}; {kind.counted}= says so", file=sys.stderr)
    if name != kind.default or not kind.default_each or any(map(vars(method).get, BUDGETS)):
        return method, ""
    classes, labelled = problem.labelled(method)
    most = labelled // 2
    if most < classes:
        raise ValueError(
            f"give a budget, such as {kind.counted}={classes}: the default one takes at most half "
            f"of the labelled examples, and there are {labelled} of {classes} classes"
        )
    n, why = kind.default_each * classes, f"{kind.default_each} examples a class"
    if n > most:
        n, why = most, "half of the labelled examples"
    if parallel.is_main():
        text = f"{name}: no budget was given, so {kind.counted}={n}, {why}"
        print(f"{text}; {kind.counted}= sets another", file=sys.stderr)
    return replace(method, **Record({kind.counted: n})), why


def build(
    name: str, kind: str | None = None, /, *, preset: str | None = None, **chosen: object
) -> Method:
    """A method from its name, a section of its preset file and fields, checked.

    A budget among the fields stands for any that the section names.

    >>> build("gcond-x", "node", nodes=70).structure
    'identity'
    """
    cls, variant = find_method(name, kind)
    section = section_of(cls, preset)
    defaults = {**variant, **(presets(cls)[section] if section else {})}
    if any(chosen.get(name) is not None for name in BUDGETS):
        defaults = {k: v for k, v in defaults.items() if k not in BUDGETS}
    return checked(cls, {**defaults, **chosen})


def section_of(cls: type[Method], preset: str | None, data: str = "") -> str | None:
    """The section of a method's preset file that ``preset`` means: ``"auto"`` the one called like
    the data if there is one, ``"none"`` none, else the one of this name.
    """
    known = presets(cls)
    if preset in (None, "none"):
        return None
    if preset == "auto":
        return preset_of(known, data)
    if preset not in known:
        there = ", ".join([*known, "auto", "none"])
        raise ValueError(f"{cls.name} has no preset {brief(preset)}; there are {there}")
    return preset


def preset_of(sections: Collection[str], data: str) -> str | None:
    """The section that is called like the data set, by any of its names.

    >>> preset_of(["cora", "arxiv"], "ogbn_arxiv")
    'arxiv'
    """
    from graphcondense.data.catalogue import spellings
    from graphcondense.data.known import name_key

    names = spellings(data)
    return next((section for section in sections if name_key(section) in names), None)


def presets(cls: type[Method]) -> dict[str, Record]:
    """The sections of a method's preset file, by name.

    The file is ``presets/NAME.yaml``; of the form for labelled graphs ``presets/NAME-graph.yaml``.
    """
    stem = f"{cls.name}{kind_named(cls.kind).presets}"
    return copy.deepcopy(_presets(Path(__file__).parents[1] / "presets" / f"{stem}.yaml"))


@cache
def _presets(path: Path) -> dict[str, Record]:
    """A file of the package, which stays what it is; read for every run, it took 20 ms."""
    if not path.exists():
        return {}
    out: dict[str, Record] = read_yaml(path.read_text())
    return out
