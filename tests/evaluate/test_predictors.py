"""Predictors that are no GNN, against loops by hand; the floors of equal bytes."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import scipy.sparse as sp
import torch
from torch_geometric.data import Data

from graphcondense.data.task import NodeTask
from graphcondense.evaluate import NodeEvaluator, equal_bytes_graphs, evaluate, predictors
from graphcondense.evaluate.cost import size_of
from graphcondense.evaluate.predictors import (
    fit_predictor,
    kernel_ridge,
    label_propagation,
    structure_ridge,
)
from graphcondense.kernels.sntk import SNTK


def gcn_dense(adj):
    looped = adj + np.eye(len(adj))
    scale = looped.sum(1) ** -0.5
    return scale[:, None] * looped * scale


def unit(rows):
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def test_kernel_ridge_by_hand(real, small):
    adj = np.zeros((6, 6))
    for (i, j), w in zip(small.edge_index.T.tolist(), small.edge_weight.tolist(), strict=True):
        adj[j, i] = w
    step = gcn_dense(adj)
    s = unit(step @ step @ small.x.numpy())
    whole = gcn_dense(real.adj.toarray())
    t = unit(whole @ whole @ real.x.numpy())
    found = dict(kernel_ridge(small, real))

    def kernel(a, b):
        return np.exp(-0.5 * ((a[:, None] - b[None]) ** 2).sum(-1))

    inverse = np.linalg.inv(kernel(s, s) + 0.1 * np.eye(6))
    wanted = kernel(t, s) @ inverse @ np.eye(3)[small.y.numpy()]
    np.testing.assert_allclose(found["ridge 0.1, width 0.5"], wanted, atol=1e-5)


def test_label_propagation_by_hand(real, small):
    """On the whole graph labels start at the training nodes, elsewhere at the most similar ones."""
    step = gcn_dense(real.adj.toarray().astype(np.float64))
    start = np.zeros((90, 3))
    for node in real.train.tolist():
        start[node, int(real.y[node])] = 1
    wanted = start
    for _ in range(predictors.STEPS):
        wanted = 0.9 * step @ wanted + 0.1 * start
    found = dict(label_propagation(real, real))["training labels, restart 0.1"]
    np.testing.assert_allclose(found, wanted, atol=1e-6)

    small.edge_index, small.edge_weight = small.edge_index[:, :0], None
    t = unit(step @ step @ real.x.numpy())
    start = np.zeros((90, 3))
    for node, c in enumerate(small.y.tolist()):
        similar = t @ small.x.numpy()[node]
        start[similar.argmax(), c] += similar.max()
    wanted = start
    for _ in range(predictors.STEPS):
        wanted = 0.5 * step @ wanted + 0.5 * start
    found = dict(label_propagation(small, real))[
        "1 nearest, restart 0.5 (edge of the grid 0.01..0.5)"
    ]
    np.testing.assert_allclose(found, wanted, atol=1e-5)


@pytest.mark.parametrize("kind", ["small", "soft", "whole", "sparse"])
def test_structure_ridge_by_hand(kind, real, small, monkeypatch):
    """From the kernel between all nodes of both graphs, at once and in parts."""
    if kind == "soft":
        small.y = torch.rand(6, 3)
    given = real if kind == "whole" else small
    whole = torch.from_numpy(gcn_dense(real.adj.toarray().astype(np.float64)))
    if kind == "whole":
        x, step, rows, y = real.x.double(), whole, real.train, real.y[real.train]
    else:
        adj = np.zeros((6, 6))
        adj[small.edge_index[1], small.edge_index[0]] = small.edge_weight
        x, step, y = small.x.double(), torch.from_numpy(gcn_dense(adj)), small.y
        rows = torch.arange(6)
    hot = y.numpy() if y.dim() == 2 else np.eye(3)[y]
    kernel = SNTK(hops=3, num_layers=2)
    gram = kernel(kernel.embed(real.x.double(), whole), kernel.embed(x, step))[:, rows].numpy()
    own = kernel(*[kernel.embed(x, step)] * 2)[rows][:, rows].numpy()
    n = len(rows)
    wanted = gram @ np.linalg.solve(own + 0.1 * np.trace(own) / n * np.eye(n), hot - 1 / 3)
    if kind == "sparse":
        real = replace(real, x=sp.csr_matrix(real.x.numpy()))
    for columns in (512, 4):
        monkeypatch.setattr(predictors, "COLUMNS", columns)
        found = dict(structure_ridge(given, real))
        assert len(found) == 50
        said = "3 hops, 2 layers (edge of the grid 1..2), ridge 0.1"
        np.testing.assert_allclose(found[said], wanted, atol=1e-5)


def test_a_structure_kernel_too_large_is_refused(real, small, monkeypatch):
    monkeypatch.setattr(predictors, "NTK_MOST", 10)
    with pytest.raises(ValueError, match=r"30 labelled nodes.*stops at 10.*leave SNTK out"):
        evaluate(small, real, models=["sntk"], baselines=["whole"], progress=False)


@pytest.mark.parametrize("name", predictors.PREDICTORS)
def test_test_labels_choose_nothing(name, real, small):
    y = real.y.clone()
    y[real.test] = (y[real.test] + 1) % 3
    honest, garbage = (fit_predictor(name, small, r) for r in (real, replace(real, y=y)))
    assert honest.chosen == garbage.chosen != ""
    assert torch.equal(honest.val_selected, garbage.val_selected)
    assert honest.test_selected > 0.6 > garbage.test_selected


def test_names():
    named = NodeEvaluator.predictor_named
    assert named("label_propagation").name == named("LabelProp").name == "LabelProp"
    assert named("krr").name == "KernelRidge"
    assert named("sntk").name == "SNTK"
    assert named("GCN") is None


def test_a_kernel_too_large_is_refused(real, small, monkeypatch):
    monkeypatch.setattr(predictors, "MOST", 5)
    with pytest.raises(ValueError, match=r"6 labelled.*5.*leave KernelRidge"):
        evaluate(small, real, models=["KernelRidge"], baselines=[], progress=False)


def test_they_are_marked_in_a_report(real, small):
    models = ["SGC", "LabelProp", "KernelRidge", "SNTK"]
    report = evaluate(small, real, models=models, seeds=2, epochs=3, plain_epochs=0, progress=False)
    kinds = {row.model: row.predictor for row in report.rows}
    assert kinds.pop("SGC") == "GNN"
    assert kinds == dict.fromkeys(models[1:], "non-GNN")
    assert "LabelProp *" in report.table()
    assert "* no GNN" in report.table()


def test_equal_bytes(real: NodeTask) -> None:
    """As many real nodes as fit, training nodes first, and one more would not fit."""
    no_edges = torch.empty(2, 0, dtype=torch.long)
    little = Data(x=torch.ones(15, 10), y=torch.arange(15) % 3, edge_index=no_edges)
    much = Data(x=torch.ones(70, 10), y=torch.arange(70) % 3, edge_index=no_edges)
    for given, all_in in ((little, False), (much, True)):
        found = equal_bytes_graphs(real, given, draws=2)
        assert [len(graphs) for graphs in found.values()] == [2, 1]
        for graphs in found.values():
            for graph in graphs:
                assert size_of(graph).bytes <= size_of(given).bytes
                assert size_of(graph).bytes > 0.9 * size_of(given).bytes
                assert (len(graph.train) == 30) == all_in
                assert all_in or graph.num_nodes == len(graph.train)
                rows = [int((real.x == row).all(1).nonzero()[0]) for row in graph.x]
                assert (graph.adj != real.adj[rows][:, rows]).nnz == 0
    by_class = torch.bincount(equal_bytes_graphs(real, little)["herding, same bytes"][0].y)
    assert by_class.max() - by_class.min() <= 1
    with pytest.raises(ValueError, match="not even one node"):
        equal_bytes_graphs(real, Data(x=torch.ones(1, 1), y=torch.zeros(1).long()))


@pytest.mark.parametrize("name", predictors.PREDICTORS)
def test_of_equally_good_choices_the_first_is_taken(name, real, small, monkeypatch):
    """Three choices guess one share of the validation nodes right, and other nodes each; a better
    one and a worse one stand before the three, a worse one behind."""
    guesses = [np.eye(3)[(real.y + 1) % 3] for _ in range(5)]
    for i, right in enumerate((0, 10, 10, 10, 3)):
        order = real.val.roll(7 * i)[:right]
        guesses[i][order] = np.eye(3)[real.y[order]]
        guesses[i][real.test[:i]] = np.eye(3)[real.y[real.test[:i]]]
    named = zip(["none", "first", "second", "third", "few"], guesses, strict=True)
    monkeypatch.setitem(predictors.PREDICTORS, name, lambda small, real: iter(list(named)))
    found = fit_predictor(name, small, real)
    assert found.chosen == "first"
    assert float(found.val_selected) == pytest.approx(1 / 3)
    assert float(found.test_selected) == pytest.approx(1 / 30)


@pytest.mark.parametrize("name", ["KernelRidge", "SNTK"])
def test_the_smallest_of_equal_ridges_is_taken(name, real, small):
    """On classes that nothing can mistake every ridge is right."""
    y = real.y
    clear = replace(real, x=torch.eye(10)[y], adj=sp.csr_matrix((90, 90), dtype=np.float32))
    small.x, small.edge_index, small.edge_weight = torch.eye(10)[small.y], None, None
    found = fit_predictor(name, small, clear)
    assert float(found.val_selected) == 1
    assert "ridge 0.001 (edge of the grid 0.001.." in found.chosen


@pytest.mark.parametrize("name", predictors.PREDICTORS)
def test_every_choice_says_whether_it_stands_at_the_edge(name, real, small):
    """Marked are the ends of each grid, but not one neighbour, hop or layer: there is no less."""
    ends = {
        "ridge": (predictors.NTK_RIDGES if name == "SNTK" else predictors.RIDGES),
        "width": predictors.WIDTHS,
        "restart": predictors.RESTARTS,
        "nearest": predictors.NEIGHBOURS,
        "hops": predictors.NTK_HOPS,
        "layers": predictors.NTK_LAYERS,
    }
    for said, _ in predictors.PREDICTORS[name](small, real):
        for part in said.split(", "):
            words = part.split(" (")[0].split()
            (value,), (what,) = ([w for w in words if w[0].isdigit() is d] for d in (True, False))
            grid, least = ends[what], what in ("ridge", "width", "restart")
            at_end = float(value) == grid[-1] or (least and float(value) == grid[0])
            mark = f" (edge of the grid {grid[0]:g}..{grid[-1]:g})"
            assert part == " ".join(words) + mark * at_end
