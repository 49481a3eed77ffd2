"""Labels of groups that are solved for."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import scipy.sparse as sp
import torch

import graphcondense
from graphcondense.data.hetero_reading import as_hetero
from graphcondense.data.task import NodeTask
from graphcondense.domains.coarse import CoarseGraph
from graphcondense.domains.hetero_quotient import BLOCK, answered, quotient_of
from graphcondense.domains.node_source import NodeSource
from graphcondense.domains.propagations import propagations
from graphcondense.domains.quotient_features import TRUST, Features
from graphcondense.domains.solved import MOST, Said, solved_labels
from graphcondense.ops.adjacency import gcn_norm_csr, mean_norm_csr
from graphcondense.ops.hetero import HeteroGraph
from tests.cases import toy_hetero


def test_they_solve_the_least_squares_in_double_precision() -> None:
    """Against the same problem as rows, for ``numpy.linalg.lstsq``."""
    rng = np.random.default_rng(0)
    real, few = rng.standard_normal((50, 7)), rng.standard_normal((6, 7))
    soft, labels = rng.standard_normal((50, 2)), rng.standard_normal((6, 2))
    middle, penalty, trust = soft.mean(0), 0.3, 0.2
    inside, near = few @ few.T, real @ few.T
    said = near @ np.linalg.inv(inside + penalty * np.trace(inside) / 6 * np.eye(6))
    held = trust * np.trace(said.T @ said / 50) / 6
    rows = np.vstack([said / 50**0.5, held**0.5 * np.eye(6)])
    wanted = np.vstack([(soft - middle - said @ (labels - middle)) / 50**0.5, np.zeros((6, 2))])
    moved = np.linalg.lstsq(rows, wanted, rcond=None)[0]
    blocks = [(slice(0, 20), near[:20]), (slice(20, 50), near[20:])]
    one = Said.of(blocks, inside, soft, middle)
    out = middle + solved_labels([one], labels - middle, penalty, trust)
    np.testing.assert_allclose(out, labels + moved, rtol=1e-8)
    # Two kinds of rows that are the same ask for the same, twice.
    both = middle + solved_labels([one, one], labels - middle, penalty, trust)
    np.testing.assert_allclose(both, out, rtol=1e-8)


def test_with_much_trust_labels_stay() -> None:
    rng = np.random.default_rng(1)
    real, few = rng.standard_normal((30, 5)), rng.standard_normal((4, 5))
    soft, labels = rng.standard_normal((30, 1)), rng.standard_normal((4, 1))
    one = Said.of([(slice(0, 30), real @ few.T)], few @ few.T, soft, soft.mean(0))
    out = solved_labels([one], labels, 0.1, 1e9)
    np.testing.assert_allclose(out, labels, atol=1e-6)


def test_features_that_are_zero_do_not_end_it() -> None:
    zeros, labels = np.zeros((3, 3)), np.arange(3.0)[:, None]
    out = solved_labels([Said(zeros, zeros, 0 * labels)], labels, 0.1)
    np.testing.assert_allclose(out, labels)


def by_hand(task_graph: HeteroGraph, small: HeteroGraph) -> tuple[np.ndarray, np.ndarray]:
    """Rows that a model of one layer sees of papers, real ones and groups, dense."""
    out = []
    for graph in (task_graph, small):
        rows = [graph.x["paper"]]
        for relation, mean in graph.means.items():
            if relation[2] == "paper":
                rows.append(mean @ graph.x[relation[0]])
        parts = [np.asarray(r.toarray() if sp.issparse(r) else r, np.float64) for r in rows]
        out.append(np.hstack(parts))
    return out[0], out[1]


def test_the_rows_are_those_that_a_layer_sees(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("graphcondense.domains.hetero_quotient.BLOCK", 50)
    assert BLOCK > 50
    task = as_hetero(toy_hetero())
    rng = np.random.default_rng(2)
    parts = {kind: rng.permutation(np.arange(n) % 5) for kind, n in task.graph.counts.items()}
    small = quotient_of(task.graph, parts, 0.0)
    soft, labels = rng.standard_normal((120, 1)), rng.standard_normal((5, 1))
    middle = soft.mean(0)
    real, few = by_hand(task.graph, small)
    one = Said.of([(slice(0, 120), real @ few.T)], few @ few.T, soft, middle)
    wanted = middle + solved_labels([one], labels - middle, 0.1)
    out = answered(task.graph, small, "paper", soft, labels, middle, 0.1)
    np.testing.assert_allclose(out, wanted, rtol=1e-3, atol=1e-4)


def numbers() -> object:
    data = toy_hetero()
    rng = torch.Generator().manual_seed(0)
    data["paper"].y = data["paper"].x @ torch.randn(data["paper"].x.shape[1], generator=rng)
    return data


def test_numbers_are_solved_for_by_default() -> None:
    means = graphcondense.condense(numbers(), nodes=12, dims=8, penalty=0, progress=False)
    usual = graphcondense.condense(numbers(), nodes=12, dims=8, progress=False)
    said = graphcondense.condense(numbers(), nodes=12, dims=8, penalty=0.01, progress=False)
    assert usual.condensed["remarks"]["labels"] == "solved for, penalty 0.01"
    assert "labels" not in means.condensed["remarks"]
    assert not torch.allclose(means["paper"].y, usual["paper"].y)
    torch.testing.assert_close(usual["paper"].y, said["paper"].y)
    torch.testing.assert_close(usual["paper"].x, means["paper"].x)
    data = toy_hetero()
    plain = graphcondense.condense(data, nodes=12, dims=8, progress=False)
    assert "labels" not in plain.condensed["remarks"]
    made = graphcondense.condense(data, nodes=12, dims=8, penalty=0.1, progress=False)
    rows = made["paper"].y
    assert bool((rows > 0).all())
    torch.testing.assert_close(rows.sum(1), torch.ones(12))


def test_of_one_graph_all_propagations_are_asked(real: NodeTask) -> None:
    """By hand, in full rows: the toy's features are not reduced."""
    y = (real.x @ torch.arange(10.0))[:, None]
    task = replace(real, y=y, label_kind="regression", metric="r2", num_classes=1)
    source, rng = NodeSource(task), np.random.default_rng(0)
    soft = task.scaled(task.y).numpy()
    features = Features.of(source, task.x_array, soft, task.place)
    links = rng.random((8, 8)) * (rng.random((8, 8)) < 0.4)
    x, labels = rng.standard_normal((8, 10)), rng.standard_normal((8, 1))
    small = CoarseGraph(x, sp.csr_matrix(links + links.T), labels, np.zeros(90, np.int64))
    out = features.answered(small, 0.2)
    middle = source.targets.numpy().mean(0)
    said = [
        Said.of([(slice(0, 90), whole @ few.T)], few @ few.T, soft, middle)
        for whole, few in zip(seen(task.adj, task.x_array), seen(small.adj, x), strict=True)
    ]
    wanted = middle + solved_labels(said, labels - middle, 0.2, TRUST)
    np.testing.assert_allclose(out, wanted, rtol=1e-3, atol=1e-4)
    assert np.abs(out - labels).max() > 0.05


def test_of_one_graph_numbers_are_solved_for_by_default(real: NodeTask) -> None:
    y = (real.x @ torch.arange(10.0))[:, None]
    task = replace(real, y=y, label_kind="regression", metric="r2", num_classes=1)
    options: dict[str, Any] = {"nodes": 8, "progress": False, "plain": False, "steps": 0}
    means = graphcondense.condense(task, "quotient", penalty=0, **options)
    usual = graphcondense.condense(task, "quotient", **options)
    assert usual.condensed["remarks"]["labels"] == "solved for, penalty 0.1"
    assert "labels" not in means.condensed["remarks"]
    torch.testing.assert_close(usual.x, means.x)
    assert not torch.allclose(usual.y, means.y)


def seen(adj: sp.csr_matrix, x: np.ndarray) -> list[np.ndarray]:
    """What four families of models see of features, in double precision."""
    gcn, mean = (norm(adj).toarray().astype(np.float64) for norm in (gcn_norm_csr, mean_norm_csr))
    rows = x.astype(np.float64)
    families = propagations(rows, lambda z: gcn @ z, lambda z: mean @ z)
    return [np.hstack(family) for family in families]


def test_above_the_most_groups_means_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    assert MOST == 5000
    monkeypatch.setattr("graphcondense.domains.quotients.MOST", 11)
    usual = graphcondense.condense(numbers(), nodes=12, dims=8, progress=False)
    assert "kept" in usual.condensed["remarks"]["labels"]
    with pytest.raises(ValueError, match=r"penalty=0\.1 .* 11 groups"):
        graphcondense.condense(numbers(), nodes=12, dims=8, penalty=0.1, progress=False)
