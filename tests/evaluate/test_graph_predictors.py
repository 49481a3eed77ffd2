"""Kernel ridge regression on graphs."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch_geometric.data import Data

import graphcondense.evaluate.graph_predictors as module
from graphcondense.data.graph_task import GraphTask, as_graph_task
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
    assert fit.chosen in {f"ridge {ridge:g}" for ridge in RIDGES}
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
