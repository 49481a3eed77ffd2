"""No method carries a field that it does not read when it condenses."""

from __future__ import annotations

import dataclasses
import importlib
import pkgutil
from typing import Any

import pytest

import tests.methods
from graphcondense.core.method import Method, Parts
from graphcondense.methods import all_methods
from graphcondense.ops.budget import Budget
from graphcondense.run import build
from tests.cases import CASES

SHARED = {field.name for field in dataclasses.fields(Budget)} | {"preprocess"}
"""Read by the budget of every method, and by the source of the images."""

NEEDED: dict[tuple[str, str], list[dict[str, Any]]] = {
    ("doscond", "node"): [{"structure": "bernoulli"}],
    ("gcdm", "node"): [{"structure": "bernoulli"}],
    ("gcond", "node"): [{"structure": "bernoulli"}],
    ("mcond", "node"): [{"structure": "bernoulli"}],
    ("msgc", "node"): [{"structure": "bernoulli"}],
    ("sfgc", "node"): [{"choose_by": "ntk", "kernel_ridge": 0.5, "validations": 1}],
    ("sgdd", "node"): [{"structure": "bernoulli"}],
    ("simgc", "node"): [{"structure": "bernoulli"}],
    ("gc-sntk", "node"): [{"structure": "mlp"}, {"learn_labels": True}],
    ("idc", "image"): [{"optimizer": "sgd"}],
    ("freehgc", "hetero"): [{"others": "select"}],
    ("kidd", "graph"): [{"sparsity": 0.1, "density": 0.3}],
}
"""Options of further runs, with which a method reads what others leave unread."""


def unread(cls: type[Method], monkeypatch: pytest.MonkeyPatch, **options: Any) -> set[str]:
    """Fields that no work of a run with its case's options reads."""
    names = {field.name for field in dataclasses.fields(cls)} - SHARED
    read: set[str] = set()
    working = 0

    def recorded(self: Method, name: str) -> Any:
        if working:
            read.add(name)
        return object.__getattribute__(self, name)

    def watched(work: Any) -> Any:
        def during(*args: Any, **options: Any) -> Any:
            nonlocal working
            working += 1
            try:
                out = work(*args, **options)
                if isinstance(out, Parts) and out.fit is not None:
                    out.fit()
                return out
            finally:
                working -= 1

        return during

    monkeypatch.setattr(cls, "__getattribute__", recorded, raising=False)
    own = [n for n in ("condense", "scorer") if getattr(cls, n) is not getattr(Method, n)]
    for name in ("parts" if cls.solve is Method.solve else "solve", *own):
        monkeypatch.setattr(cls, name, watched(getattr(cls, name)))
    case = CASES[cls.name, cls.kind]()
    less = {"validations": 0} if cls.solve is Method.solve else {}
    case.condense(**{**less, **options})
    return names - read


@pytest.fixture(scope="module", autouse=True)
def cases() -> None:
    for module in pkgutil.iter_modules(tests.methods.__path__):
        importlib.import_module(f"tests.methods.{module.name}")


@pytest.mark.parametrize("key", all_methods(), ids="-".join)
def test_every_field_is_read(key: tuple[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    left = unread(all_methods()[key], monkeypatch)
    for options in NEEDED.get(key, []):
        assert left, f"{key} reads all without {options}"
        left &= unread(all_methods()[key], monkeypatch, **options)
    assert not left


@pytest.mark.parametrize(
    ("method", "options", "why"),
    [
        (("doscond", "graph"), {"sparsity": 0.0, "density": 0.3}, "density=0.3 cannot act without"),
        (("tesla", "image"), {"soft": False, "lr_y": 0.1}, "lr_y=0.1 cannot act on classes"),
        (("random", "node"), {"hops": 3}, "hops"),
        (("degree", "node"), {"hops": 3}, "hops"),
        (("random", "graph"), {"hops": 3}, "hops"),
        (("kip", "image"), {"hidden_channels": 8}, "hidden_channels"),
        (("kip", "image"), {"model": "mlp"}, "model"),
        (("rfad", "image"), {"model": "mlp"}, "model"),
    ],
)
def test_what_cannot_act_is_refused(
    method: tuple[str, str], options: dict[str, Any], why: str
) -> None:
    with pytest.raises((TypeError, ValueError), match=why):
        build(*method, per_class=1, **options)
