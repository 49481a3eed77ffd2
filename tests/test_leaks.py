"""Test labels, test graphs, and what else a method must not see change no bit of what it makes."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import graphcondense
from graphcondense.data.kind import kind_of_data
from graphcondense.data.link_task import LinkTask
from tests.cases import MethodCase
from tests.drawn import all_cases, everything
from tests.leaks import FORMS, leaks, settings_of, task_of

CASES = [pytest.param(case, id="-".join(key)) for key, case in all_cases().items()]


@pytest.mark.slow
@pytest.mark.parametrize("case", CASES)
def test_what_must_not_matter_does_not(case: type[MethodCase]) -> None:
    """All at once; ``benchmarks/reliability.py --only leaks`` poisons one after the other."""
    tried, found = leaks(case, apart=False, forms=["marks"])
    assert tried
    assert not found


@pytest.mark.parametrize("kind", ["node", "graph", "image", "rows", "hetero", "link"])
def test_every_poison_is_in_the_data(kind: str) -> None:
    """A poison that changed nothing would show nothing."""
    task = task_of(kind)
    said = set()
    for setting in settings_of(kind, iterates=True):
        for name, poison in setting.poisons.items():
            for form in FORMS:
                assert task_parts(poison(task, form)) != task_parts(task), (name, form)
            said.add(name)
    assert any("test" in name for name in said)
    assert any("val" in name for name in said)


def test_a_leak_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a method that reads all labels, every poison of labels is told."""

    def leaky(task: Any, *args: Any, **options: Any) -> Any:
        return SimpleNamespace(condensed={"hash": task.y.tolist(), "validation": None})

    monkeypatch.setattr(graphcondense, "condense", leaky)
    tried, found = leaks(all_cases()["random", "node"], apart=True, forms=["other values"])
    assert len(found) == 5, found  # two splits in each setting, one with pseudo-labels
    assert tried == 7
    assert all("labels (other values)" in said for said in found)


def task_parts(task: Any) -> list[bytes]:
    """All that a poison may change."""
    if isinstance(task, LinkTask):
        values = [task.x, task.adj, *vars(task.val).values(), *vars(task.test).values()]
    elif kind_of_data(task) == "hetero":
        values = [task.y]
    elif hasattr(task, "adj"):
        values = [task.x, task.adj, task.y]
    elif hasattr(task, "graphs"):
        graphs = task.graphs
        values = [graphs.x, graphs.edge_index, graphs.edge_attr, graphs.y]
    elif hasattr(task, "images"):
        values = [task.images, task.labels]
    else:
        values = [task.train, task.val, task.test]
    return [np.asarray(part).tobytes() for part in everything(values)]
