"""GDEM: the shared cases, and its loss by explicit matrices."""

from __future__ import annotations

import pytest
import torch
from torch import Generator
from torch_geometric.data import Data

import graphcondense
from graphcondense.core.types import Learner
from graphcondense.data.node_reading import as_task
from graphcondense.methods.gdem import EigenGraph, block_model
from graphcondense.objectives.eigenbasis import EigenbasisMatching
from graphcondense.ops.spectral import laplacian_ends
from tests.cases import NodeCase, toy_graph


class TestGDEM(NodeCase):
    name = "gdem"
    options = {"steps": 6, "validations": 2}


def test_the_loss_by_explicit_matrices() -> None:
    """In float64, with the real graph's eigenvectors and d x d arrays."""
    rng = Generator().manual_seed(0)
    task = as_task(toy_graph())
    x = torch.from_numpy(task.x_array).double()
    operator = torch.from_numpy(task.gcn_adj.toarray()).double()
    values, vectors = laplacian_ends(task.gcn_adj, 3, 2)
    basis, eigenvalues = torch.from_numpy(vectors), torch.from_numpy(values)
    small_y = torch.tensor([0, 0, 1, 1, 2, 2])
    own = torch.randn(6, 12, generator=rng, dtype=torch.float64)
    turned = torch.randn(6, 5, generator=rng, dtype=torch.float64)
    syn = EigenGraph(own, turned, eigenvalues, small_y, 0.0, 3)
    members = torch.nn.functional.one_hot(task.y, 3).double()
    classes = members.T @ operator @ x
    objective = EigenbasisMatching(basis.T @ x, classes, 0.5, 2.0, 3.0, unit=False)
    found = objective(syn, None, Learner(torch.nn.Module(), {}), rng)  # type: ignore[arg-type]

    along = 0.0
    for k in range(5):
        a, b = x.T @ basis[:, k], own.T @ turned[:, k]
        along += float((torch.outer(a, a) - torch.outer(b, b)).square().sum())
    adj = sum((1 - eigenvalues[k]) * torch.outer(turned[:, k], turned[:, k]) for k in range(5))
    apart = 0.0
    for c in range(3):
        for other in range(3):
            h, mine = classes[other], (adj @ own)[small_y == c].sum(0)
            alike = float(h @ mine / (h.norm() * mine.norm()))
            apart += (alike - (c == other)) ** 2
    off = float((turned.T @ turned - torch.eye(5, dtype=torch.float64)).square().sum())
    assert float(found) == pytest.approx(0.5 * along + 2 * apart + 3 * off, rel=1e-9)


def test_exported_edges_are_positive_and_off_the_diagonal() -> None:
    small = graphcondense.condense(toy_graph(), "gdem", nodes=9, steps=5, threshold=0.02)
    assert float(small.edge_weight.min()) > 0.02
    assert not bool((small.edge_index[0] == small.edge_index[1]).any())


def test_the_start_joins_classes() -> None:
    y = torch.tensor([0, 0, 0, 1, 1, 1])
    u = block_model(y, 2, 0)
    adj = u @ u.T
    assert torch.allclose(u.T @ u, torch.eye(2, dtype=u.dtype))
    assert bool((adj[:3, :3] > adj[:3, 3:].max()).all())


@pytest.mark.parametrize("bad", [{"eigenvectors": 0.0}, {"low": 1.5}])
def test_bad_shares(bad: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=r"must be (above|at least) 0 and at most 1"):
        graphcondense.condense(toy_graph(), "gdem", nodes=9, **bad)


def test_no_convergence_ends_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("graphcondense.ops.spectral.DENSE", 0)
    data = toy_graph(n=300)
    with pytest.raises(ValueError, match="did not converge"):
        graphcondense.condense(data, "gdem", nodes=30, eigen_steps=1)


def in_parts() -> Data:
    """A toy graph beside fifty nodes without edges."""
    data = toy_graph()
    n = data.num_nodes
    for key in ("train_mask", "val_mask", "test_mask"):
        data[key] = torch.cat([data[key], torch.zeros(50, dtype=torch.bool)])
    data.x = torch.cat([data.x, torch.randn(50, 12, generator=Generator().manual_seed(1))])
    data.y = torch.cat([data.y, torch.arange(50) % 3])
    data.num_nodes = n + 50
    return data


def test_what_is_no_part_of_the_largest_changes_nothing() -> None:
    """After steps of both eigenvectors and features."""
    options = {"nodes": 9, "steps": 15, "validations": 0}
    alone, largest = (
        graphcondense.condense(data, "gdem", **options) for data in (toy_graph(), in_parts())
    )
    start = graphcondense.condense(toy_graph(), "gdem", **{**options, "steps": 0})
    assert not torch.allclose(alone.x, start.x, atol=1e-3)
    assert torch.allclose(alone.x, largest.x, atol=1e-4)
    assert torch.equal(alone.edge_index, largest.edge_index)
    assert torch.allclose(alone.edge_weight, largest.edge_weight, atol=1e-4)


def test_all_parts_of_a_graph_without_edges() -> None:
    data = toy_graph()
    data.edge_index = data.edge_index[:, :0]
    assert graphcondense.condense(data, "gdem", nodes=9, component="all", steps=2).num_nodes == 9
