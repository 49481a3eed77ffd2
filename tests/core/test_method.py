"""What is no part, no callback or no method is refused before any work, with the way out."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Generator, Tensor

import graphcondense
from graphcondense.core import Callback, Method, Parts, Schedule, Synthetic
from graphcondense.core.engine import distill
from graphcondense.core.method import REGISTRY, checked_callbacks
from graphcondense.data.node_reading import as_task
from graphcondense.domains.node_source import NodeSource
from graphcondense.methods import all_methods
from graphcondense.methods.gcond import GCond
from graphcondense.methods.gecc import GECC
from tests.cases import toy_graph

QUICK: dict[str, Any] = {"epochs": 1, "outer": 2, "inner": 0, "structure": "identity"}


def real() -> NodeSource:
    return NodeSource(as_task(toy_graph()))


def parts() -> Parts:
    return GCond(nodes=6, **QUICK).parts(real(), Generator().manual_seed(0))


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ([print], "callbacks has <built-in function print>, which is not a Callback; derive"),
        ([Callback], r"callbacks has the class Callback; give an object of it, Callback\(...\)"),
        (print, r"callbacks=<built-in function print> must be a list, such as \[MyCallback\(\)\]"),
        (Callback(), "callbacks=<.* must be a list"),
        ("print", "callbacks='print' must be a list"),
        ([Callback(), None], "callbacks has None, which is not a Callback"),
    ],
)
def test_what_is_no_callback(given: Any, said: str) -> None:
    with pytest.raises(TypeError, match=said):
        graphcondense.condense("no data are read", "gcond", callbacks=given)
    with pytest.raises(TypeError, match=said):
        graphcondense.update("nor here", None, callbacks=given)
    with pytest.raises(TypeError, match=said):
        GCond(nodes=6).condense(real(), rng=Generator(), callbacks=given)
    with pytest.raises(TypeError, match=said):
        replace(parts(), callbacks=given)


def test_callbacks_may_be_any_sequence() -> None:
    one = Callback()
    assert checked_callbacks((one,)) == [one]
    assert checked_callbacks([]) == []


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("syn", toy_graph(), r"Parts\.syn must be a Synthetic set, got Data\("),
        (
            "objective",
            None,
            r"Parts\.objective must be a function \(syn, real, learner, rng\), got",
        ),
        ("pool", 3, r"Parts\.pool must be a pool of learners, such as Fresh\(\.\.\.\), got 3"),
        ("schedule", {"x": 0.1}, r"Parts\.schedule must be a Schedule, got \{'x': 0\.1\}"),
        ("fit", 5, r"Parts\.fit must be a function without arguments, got 5"),
    ],
)
def test_parts_of_a_wrong_type(name: str, value: Any, said: str) -> None:
    with pytest.raises(TypeError, match=said):
        replace(parts(), **{name: value})


class Loud(Method):
    """No method by itself: it has no name, so that it is not registered."""

    kind = "node"
    gives: Any = None

    def parts(self, real: Any, rng: Generator) -> Any:
        return self.gives


def test_parts_that_are_none() -> None:
    with pytest.raises(TypeError, match=r"Loud\.parts\(\) must return Parts\(\.\.\.\), got None"):
        Loud(nodes=6).condense(real(), rng=Generator())


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (torch.ones(3), r"got shape \[3\]; end it with \.sum\(\) or \.mean\(\)"),
        (1.5, r"got <class 'float'>"),
        (None, r"got <class 'NoneType'>"),
    ],
)
def test_an_objective_returns_one_number(value: Any, said: str) -> None:
    def objective(syn: Synthetic, real: Any, learner: Any, rng: Generator) -> Tensor:
        out: Tensor = value
        return out

    own = parts()
    with pytest.raises(TypeError, match=f"objective must return one number as a tensor, {said}"):
        distill(own.syn, objective, own.pool, Schedule(1, {"x": 0.1}), real(), rng=Generator())


def test_a_method_has_parts_or_solves() -> None:
    def parts(self: Any, real: Any, rng: Generator) -> None: ...
    def solve(self: Any, real: Any, rng: Generator) -> None: ...

    named = {"name": "two-minded", "kind": "node"}
    with pytest.raises(TypeError, match=r"'two-minded' has both parts.*and solve.*define one"):
        type("Both", (Method,), {**named, "parts": parts, "solve": solve})
    with pytest.raises(TypeError, match=r"'two-minded' has neither parts.*nor solve"):
        type("None", (Method,), named)
    assert ("two-minded", "node") not in REGISTRY


def test_a_name_belongs_to_one_method() -> None:
    """Of each kind of data; who runs a cell of a notebook again has the same method."""

    def solve(self: Any, real: Any, rng: Generator) -> None: ...

    def made(called: str, kind: Any) -> type[Method]:
        return type(called, (Method,), {"name": "taken", "kind": kind, "solve": solve})

    try:
        made("First", "node")
        again = made("First", "node")
        made("Other", "graph")
        assert REGISTRY["taken", "node"] is again
        with pytest.raises(TypeError, match="two methods are called 'taken' for node data"):
            made("Second", "node")
        assert REGISTRY["taken", "node"] is again
    finally:
        for key in [key for key in REGISTRY if key[0] == "taken"]:
            del REGISTRY[key]
    with pytest.raises(TypeError, match=r"First\.domain is now called kind: kind = 'node'"):
        type("First", (Method,), {"domain": "node"})


def test_what_solves_has_no_loop() -> None:
    method = GECC(nodes=6)
    assert not method.iterates
    for more in ({"callbacks": [Callback()]}, {"resume": {}}):
        with pytest.raises(ValueError, match=r"gecc has no loop: leave out .* and learners="):
            method.condense(real(), rng=Generator(), **more)  # type: ignore[arg-type]
    one, two = (
        syn.export()
        for syn in (
            method.solve(real(), Generator().manual_seed(1)),
            method.condense(real(), rng=Generator().manual_seed(1)),
        )
    )
    assert torch.equal(one.x, two.x)


def test_abilities_are_declared() -> None:
    able = sorted(name for (name, _), cls in all_methods().items() if cls.updates())
    updated = {
        *("gecc", "quotient", "affinity-gs", "algebraic-jc", "convmatch", "heavy-edge"),
        *("variation-edges", "variation-neighborhoods"),
    }
    assert set(able) == updated
    plain = GCond(nodes=6)
    assert plain.scorer(real()) is None
    assert (plain.predictor, plain.preprocess, plain.edge_features) == ("", "", False)
    assert Method.row_weights.__get__(plain) == (1.0,)  # a condensed node is like a real one
    with pytest.raises(NotImplementedError):
        plain.update(real(), None, rng=Generator())


def test_fields_are_those_that_a_method_reads() -> None:
    for name in ("gcdm", "simgc", "gc-sntk"):
        with pytest.raises(ValueError, match=f"{name} has no option 'fanout'"):
            graphcondense.condense(toy_graph(), name, nodes=6, fanout=3)
    with pytest.raises(ValueError, match="gc-sntk has no option 'hidden_channels'"):
        graphcondense.condense(toy_graph(), "gc-sntk", nodes=6, hidden_channels=3)


def test_by_default_a_method_takes_six_times_what_it_gives() -> None:
    """Values, gradient, two moments, the best so far, the export: of 6 nodes with 12 features, a
    label of 8 bytes and a mark of one."""
    source, method = real(), GCond(nodes=6, **QUICK)
    assert Method.memory_bytes(method, source) == 6 * 6 * source.example_bytes
    assert source.example_bytes == 4 * 12 + 8 + 1
