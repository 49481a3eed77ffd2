"""``condense`` shows every keyword of a budget and of a run, and says what comes out."""

from __future__ import annotations

import inspect
from dataclasses import fields
from typing import get_type_hints

import pytest
import torch

import graphcondense
from graphcondense.ops.budget import BUDGETS, Budget
from graphcondense.run.options import Run
from graphcondense.saved.condensed_graph import CondensedGraph, CondensedImages
from graphcondense.saved.condensed_graphs import CondensedGraphs
from graphcondense.saved.condensed_rows import CondensedInteractions
from tests.cases import toy_graph, toy_graphs, toy_images, toy_rows

SHOWN = inspect.signature(graphcondense.condense).parameters


@pytest.mark.parametrize("cls", [Budget, Run])
def test_keywords_are_the_fields(cls: type) -> None:
    """By name, default and type: a field that is added or changed has to be here, too."""
    types = get_type_hints(cls)
    for field in fields(cls):
        shown = SHOWN[field.name]
        assert shown.kind is inspect.Parameter.KEYWORD_ONLY
        assert shown.default == field.default, field.name
        optional = type(None) in getattr(types[field.name], "__args__", ())
        assert ("None" in shown.annotation) == optional, field.name


def test_no_keyword_is_made_up() -> None:
    known = {f.name for cls in (Budget, Run) for f in fields(cls)}
    others = {"data", "method", "preset", "callbacks", "origin", "fields"}
    assert SHOWN.keys() == known | others


def test_what_comes_out() -> None:
    for data, form in (
        (toy_graph(), CondensedGraph),
        (toy_graphs(), CondensedGraphs),
        (toy_images(), CondensedImages),
        (toy_rows(), CondensedInteractions),
    ):
        small = graphcondense.condense(data, "random", size=6, progress=False)
        assert type(small) is form
        assert f"{small!r}".startswith(f"{form.__name__}(random, 6 "), small
        assert small.condensed["budget"]["asked"]["size"] == 6


def test_size_is_nodes() -> None:
    sizes = {
        name: graphcondense.condense(toy_graph(), "random", **{name: 9})
        for name in ("size", "nodes")
    }
    assert torch.equal(sizes["size"].x, sizes["nodes"].x)


def test_both_are_refused() -> None:
    with pytest.raises(ValueError, match=r"nodes=, size=.*got nodes=9, size=9"):
        graphcondense.condense(toy_graph(), "random", nodes=9, size=9)
    with pytest.raises(ValueError, match="size"):
        graphcondense.condense(toy_graph(), "random", size=0)


def test_swapped_arguments_are_named() -> None:
    with pytest.raises(ValueError, match="the data come first"):
        graphcondense.condense("random", toy_graph(), nodes=9)  # type: ignore[call-overload]


def test_every_budget_is_documented() -> None:
    text = graphcondense.condense.__doc__ or ""
    assert all(f"``{name}=``" in text for name in BUDGETS)
