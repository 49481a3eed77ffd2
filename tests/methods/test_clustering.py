"""GECC and CGC: the shared cases, closed forms by hand, and graphs that grow."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Generator

import graphcondense
from graphcondense.data.node_reading import as_task
from graphcondense.domains.node_source import NodeSource
from graphcondense.methods.cgc import alike, assess, unpropagated
from graphcondense.ops.adjacency import gcn_norm_dense
from tests.cases import NodeCase, toy_graph


class TestGECC(NodeCase):
    name = "gecc"
    options = {"restarts": 5}
    iterates = False


class TestCGC(NodeCase):
    name = "cgc"
    iterates = False


def test_one_cluster_a_class_is_the_class_mean() -> None:
    data = toy_graph()
    small = graphcondense.condense(data, "gecc", per_class=1, weights=(0.0, 1.0))
    task = as_task(data)
    own = task.train[task.y[task.train] == 1]
    mean = torch.from_numpy((task.gcn_adj @ task.x_array)[own.numpy()]).mean(0)
    assert torch.allclose(small.x[1], mean.float(), atol=1e-5)


def test_hard_and_fuzzy_clusters_differ() -> None:
    fuzzy, hard = (graphcondense.condense(toy_graph(), n, nodes=9) for n in ("gecc", "gecc-hard"))
    assert fuzzy.condensed["hash"] != hard.condensed["hash"]


def test_update_of_the_same_graph_stays() -> None:
    data = toy_graph()
    small = graphcondense.condense(data, "gecc", nodes=9, steps=1000)
    again = graphcondense.update(small, data, steps=1000)
    assert torch.allclose(small.x, again.x, atol=1e-3)
    assert again.condensed["updated_from"] == small.condensed["hash"]


def test_update_of_a_graph_that_grew(tmp_path: Path) -> None:
    """A loaded condensed graph goes on; the budget may grow with the data."""
    data = toy_graph()
    early = data.clone()
    early.train_mask = data.train_mask & (torch.arange(120) < 80)
    graphcondense.condense(early, "gecc", nodes=9, out=tmp_path / "early")
    small = graphcondense.load(tmp_path / "early")
    grown = graphcondense.update(small, data, nodes=12, out=tmp_path / "late")
    assert grown.num_nodes == 12
    assert graphcondense.load(tmp_path / "late").num_nodes == 12
    anew = graphcondense.condense(data, "gecc", nodes=9)
    same = graphcondense.update(small, data)
    assert same.num_nodes == 9
    assert float(torch.cdist(same.x, anew.x).amin(1).max()) < 2.0


def test_only_what_can_go_on_is_updated() -> None:
    small = graphcondense.condense(toy_graph(), "random", nodes=9)
    with pytest.raises(ValueError, match=r"random cannot update.*gecc"):
        graphcondense.update(small, toy_graph())
    with pytest.raises(ValueError, match="record"):
        graphcondense.update(toy_graph(), toy_graph())
    other = toy_graph(d=7)
    small = graphcondense.condense(toy_graph(), "gecc", nodes=9)
    with pytest.raises(ValueError, match="12 features, the new data 7"):
        graphcondense.update(small, other)


def test_weights_that_are_all_zero() -> None:
    with pytest.raises(ValueError, match="all zero"):
        graphcondense.condense(toy_graph(), "gecc", nodes=9, weights=(0.0, 0.0))


def test_features_propagate_to_the_means() -> None:
    """Without smoothness exactly; with it the gradient is zero, and the signal smoother."""
    rng = Generator().manual_seed(0)
    means = torch.randn(6, 4, generator=rng, dtype=torch.float64)
    adj = alike(means, 0.0)
    step = gcn_norm_dense(adj)
    assert torch.allclose(step @ step @ unpropagated(means, adj, 2, 0.0), means)
    x = unpropagated(means, adj, 2, 0.5).requires_grad_()

    def smoothness(rows: torch.Tensor) -> torch.Tensor:
        return torch.trace(rows.T @ (rows - step @ rows))

    loss = (step @ step @ x - means).square().sum() + 0.5 * smoothness(x)
    assert float(torch.autograd.grad(loss, x)[0].abs().max()) < 1e-9
    assert smoothness(x) < smoothness(unpropagated(means, adj, 2, 0.0))


def test_cgc_joins_what_is_alike() -> None:
    small = graphcondense.condense(toy_graph(), "cgc", nodes=9, threshold=0.5)
    none = graphcondense.condense(toy_graph(), "cgc-x", nodes=9)
    assert small.num_edges > 0
    assert none.num_edges == 0


@pytest.mark.parametrize(
    ("bad", "said"),
    [
        ({"weights": ()}, "are all zero"),
        ({"augment": 1.5}, "augment=1.5 must be at least 0 and at most 1"),
        ({"tau": -1.0}, "tau=-1.0 must be at least 0"),
        ({"clustering": "fuzzy"}, "clustering='fuzzy' is not one of"),
    ],
)
def test_bad_options_of_cgc(bad: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        graphcondense.condense(toy_graph(), "cgc", nodes=9, **bad)


def test_plain_parts_of_cgc_are_means() -> None:
    """Without added rows and calibration a part is the mean of its training nodes."""
    real = NodeSource(as_task(toy_graph()))
    options = {"augment": 0.0, "tau": 0.0, "weights": (0.0, 1.0)}
    small = graphcondense.condense(toy_graph(), "cgc-x", per_class=1, **options)
    rows = real.propagated(1)
    for c in range(3):
        assert torch.allclose(small.x[c], rows[real.labels == c].mean(0), atol=1e-6)


def test_confidence_by_hand() -> None:
    """Least squares of least norm, by NumPy; a wrong row has the least confidence of all."""
    rng = Generator().manual_seed(0)
    learnt = torch.randn(6, 4, generator=rng, dtype=torch.float64)
    rows = learnt[:5] + 0.1 * torch.randn(5, 4, generator=rng, dtype=torch.float64)
    learnt_y, y = torch.tensor([0, 1, 2, 0, 1, 2]), torch.tensor([0, 1, 2, 0, 2])
    sure, right = assess(learnt, rows, learnt_y, y, 3)
    weights = np.linalg.pinv(learnt.numpy()) @ np.eye(3)[learnt_y]
    said = rows.numpy() @ weights
    odds = np.exp(said) / np.exp(said).sum(1, keepdims=True)
    own = odds[np.arange(5), y]
    correct = said.argmax(1) == y.numpy()
    assert right.tolist() == correct.astype(float).tolist()
    assert 0 < correct.sum() < 5
    assert np.allclose(sure, np.where(correct, own, own.min()))


@pytest.mark.parametrize("name", ["gecc", "gecc-hard", "cgc"])
def test_more_clusters_than_a_class_has_nodes(name: str) -> None:
    with pytest.raises(ValueError, match="would get 60 examples but has only"):
        graphcondense.condense(toy_graph(), name, per_class=60)


@pytest.mark.parametrize("method", ["gecc", "averaging"])
def test_one_node_moves_the_mean_of_its_class_and_not_the_other_centres(method: str) -> None:
    data = toy_graph()
    first = int(data.train_mask.nonzero()[0])
    data.edge_index = torch.empty(2, 0, dtype=torch.long)
    far = data.clone()
    far.x[first] = 1e4
    moved = {}
    for centres in ("mean", "median", "trimmed"):
        pair = [
            graphcondense.condense(one, method, per_class=1, centres=centres, progress=False).x
            for one in (data, far)
        ]
        moved[centres] = float((pair[0] - pair[1]).norm())
    assert moved["mean"] > 100
    assert max(moved["median"], moved["trimmed"]) < 1
