"""Test labels, test graphs, and what else a method must not see change no bit of what it makes."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

import graphcondense
from graphcondense.core.method import LABEL_KINDS
from graphcondense.data.graph_reading import as_graph_task
from graphcondense.data.images import as_images
from graphcondense.data.kind import kind_of_data
from graphcondense.data.link_task import LinkTask
from tests.cases import MethodCase, toy_graph, toy_graphs, toy_images
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
        return SimpleNamespace(condensed={"hash": str(task.y.tolist()), "validation": None})

    monkeypatch.setattr(graphcondense, "condense", leaky)
    tried, found = leaks(all_cases()["random", "node"], apart=True, forms=["other values"])
    # Two splits in each setting, one with pseudo-labels; the same but these of other labels.
    others = len(LABEL_KINDS) - 1
    assert len(found) == 5 + 4 * others, found
    assert tried == 7 + 6 * others
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


def outside(data: Any, rows: Any, by: float = 1000.0) -> Any:
    """Other features of some rows of a graph."""
    out = data.clone()
    out.x[rows] = by * out.x[rows] + 7
    return out


def test_what_is_read_raw_knows_nothing_of_what_is_held_back() -> None:
    """Scales, categories and limits are those of training rows, before any task is made: two data
    sets that differ in the rest alone give the same set."""
    graph = toy_graph(n=60)
    numbers, tasks = graph.clone(), graph.clone()
    drawn = torch.Generator().manual_seed(0)
    numbers.y = torch.randn(60, 1, generator=drawn)
    tasks.y = (torch.rand(60, 3, generator=drawn) < 0.5).float()
    held = ~graph.train_mask
    other_numbers, other_tasks = numbers.clone(), tasks.clone()
    other_numbers.y[held] = 100 * other_numbers.y[held] + 5
    other_tasks.y[graph.test_mask] = 1 - other_tasks.y[graph.test_mask]
    graphs = toy_graphs()
    task = as_graph_task(graphs)
    others = [one.clone() for one in graphs]
    for i in [*task.val.tolist(), *task.test.tolist()]:
        others[i].x = others[i].x + 2
    images, labels = toy_images(n=60)
    seen = as_images((images, labels), (images[:9].clone(), labels[:9]))
    pixels, classes = images.clone(), labels.clone()
    pixels[seen.val] = 1 - pixels[seen.val] / 2
    classes[seen.val] = (classes[seen.val] + 1) % 3
    other_images = as_images((pixels, classes), (images[:9] / 3 + 0.5, labels[:9]))
    assert torch.equal(other_images.val, seen.val)
    inductive = {"setting": "inductive"}
    for method, one, two, options in (
        ("cgc", graph, outside(graph, held), inductive),
        ("gecc", graph, outside(graph, held), inductive),
        ("averaging", numbers, other_numbers, {}),
        ("herding", tasks, other_tasks, {}),
        ("herding", graphs, others, {}),
        ("herding", seen, other_images, {}),
    ):
        budget = {"nodes": 8} if one is numbers or one is tasks else {"per_class": 2}
        made = [
            graphcondense.condense(data, method, seed=0, progress=False, **budget, **options)
            for data in (one, two)
        ]
        assert made[0].condensed["hash"] == made[1].condensed["hash"], (method, one)
