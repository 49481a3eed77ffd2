"""Kernel ridge regression on graphs."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch_geometric.data import Data

import graphcondense.evaluate.graph_predictors as module
from graphcondense.data.graph_reading import as_graph_task
from graphcondense.data.graph_task import GraphTask
from graphcondense.evaluate.graph_predictors import RIDGES, fit_graph_kernel_ridge
from tests.cases import toy_graphs


def task(kind: str = "classes") -> GraphTask:
    graphs: list[Data] = toy_graphs()
    for i, graph in enumerate(graphs):
        if kind == "binary":
            hole = torch.nan if i % 5 == 0 else float(i % 3 == 1)
            graph.y = torch.tensor([[float(i % 3 == 0), hole]])
        if kind == "regression":
            graph.y = torch.tensor([[100.0 + 10 * float(graph.x[:, 0].mean())]])
    return as_graph_task(graphs)


@pytest.mark.parametrize("kind", ["classes", "binary", "regression"])
def test_it_learns_each_kind_of_label(kind: str) -> None:
    real = task(kind)
    fit = fit_graph_kernel_ridge(real, real)
    score = float(fit.test_selected)
    assert fit.seeds == (0,)
    assert fit.chosen.split(" (")[0] in {f"ridge {ridge:g}" for ridge in RIDGES}
    if kind == "regression":
        spread = float(real.graphs.y[real.test].std())
        assert score < 0.7 * spread
    else:
        assert score > {"classes": 0.5, "binary": 0.6}[kind]


def test_only_the_test_score_reads_test_labels() -> None:
    real = task()
    y = real.graphs.y.clone()
    y[real.test] = (y[real.test] + 1) % 3
    other = replace(real, graphs=replace(real.graphs, y=y))
    one, two = (fit_graph_kernel_ridge(data, data) for data in (real, other))
    assert one.chosen == two.chosen
    assert torch.equal(one.val_selected, two.val_selected)
    assert not torch.equal(one.test_selected, two.test_selected)


def test_too_many_graphs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST", 3)
    with pytest.raises(ValueError, match=r"kernel ridge on .* graphs .* stops at 3"):
        fit_graph_kernel_ridge(task(), task())


@pytest.mark.parametrize("kind", ["classes", "regression"])
def test_the_smallest_of_equally_good_ridges_is_taken(
    kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The outputs of the second and third ridge have one validation score and differ on test."""
    real = task(kind)
    right = {split: real.graphs.y[getattr(real, split)] for split in ("val", "test")}
    if kind == "classes":
        exact = {k: torch.eye(real.num_outputs)[y.long().reshape(-1)] for k, y in right.items()}
    else:
        exact = {k: y.reshape(len(y), -1).float() for k, y in right.items()}
    wrong = {k: out.roll(1, 1) + 100 * (kind == "regression") for k, out in exact.items()}
    tried = [wrong, exact, {"val": exact["val"], "test": wrong["test"]}, wrong]

    def dictated(small: object, task: GraphTask, kernel: object) -> list:
        return [(f"ridge {i}", out) for i, out in enumerate(tried)]

    monkeypatch.setattr(module, "graph_kernel_ridge", dictated)
    found = fit_graph_kernel_ridge(real, real)
    assert found.chosen == "ridge 1"
    assert float(found.test_selected) == (1 if kind == "classes" else 0)


def test_a_ridge_at_the_edge_says_so() -> None:
    real = task()
    said = [words for words, _ in module.graph_kernel_ridge(real, real)]
    assert said[0] == "ridge 0.0001 (edge of the grid 0.0001..10)"
    assert said[-1] == "ridge 10 (edge of the grid 0.0001..10)"
    assert said[1:-1] == [f"ridge {ridge:g}" for ridge in RIDGES[1:-1]]
