"""What was checked when it was made stays what it is."""

from __future__ import annotations

import dataclasses
import importlib
import inspect
import pkgutil
from types import ModuleType

import pytest

import graphcondense.core
import graphcondense.evaluate
import graphcondense.objectives
import graphcondense.ops

CHANGES = {"Fleet", "_Online", "Line", "State", "Factors", "LightGCN", "MatrixFactorisation"}
"""Of a run or a pool at work, and models that are fitted; all others are settings, parts and
results."""


@pytest.mark.parametrize(
    "package",
    [graphcondense.core, graphcondense.evaluate, graphcondense.objectives, graphcondense.ops],
    ids=lambda package: package.__name__,
)
def test_settings_and_results_cannot_be_changed(package: ModuleType) -> None:
    found = {}
    for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
        for name, cls in vars(importlib.import_module(module.name)).items():
            own = inspect.isclass(cls) and cls.__module__ == module.name
            if own and dataclasses.is_dataclass(cls):
                found[name] = cls.__dataclass_params__.frozen  # type: ignore[attr-defined]
    assert found
    assert {name for name, frozen in found.items() if not frozen} == CHANGES & found.keys()
