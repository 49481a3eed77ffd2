"""SGDD and MSGC: the shared cases, their distances and averages by hand."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.linalg
import torch
from torch import Generator, Tensor

from graphcondense.core.types import Learner
from graphcondense.data.node_reading import as_task
from graphcondense.domains.mixing import class_mixing
from graphcondense.domains.node import NodeSynthetic
from graphcondense.domains.node_source import NodeSource
from graphcondense.domains.structure import Bernoulli, Fixed
from graphcondense.methods.msgc import MSGC, Averaged, SparseGraphs, masked
from graphcondense.methods.sgdd import SGDD, Broadcast, Implicit, drawn, joined, smooth, transport
from graphcondense.nn.propagate import SGC
from graphcondense.objectives.gradient import GradientMatching
from tests.cases import NodeCase, toy_graph

SMALL = {
    "epochs": 2,
    "outer": 3,
    "inner": 2,
    "adj_turns": 1,
    "x_turns": 1,
    "hidden_channels": 8,
    "validations": 2,
    "structure_hidden": 8,
}


class TestSGDD(NodeCase):
    name = "sgdd"
    options = {"latent": 3, **SMALL}


class TestMSGC(NodeCase):
    name = "msgc"
    options = {"graphs": 3, **SMALL}


def source(n: int = 40) -> NodeSource:
    return NodeSource(as_task(toy_graph(n=n)), dtype=torch.float64)


def adjacency(n: int, seed: int) -> Tensor:
    rng = Generator().manual_seed(seed)
    upper = torch.rand(n, n, generator=rng, dtype=torch.float64).triu(1)
    return upper + upper.T


def network() -> tuple[SGC, Learner]:
    model = SGC(12, 5, 3).double()
    return model, Learner(model, dict(model.named_parameters()))


# --- SGDD ------------------------------------------------------------------------------------


@pytest.mark.parametrize("ridge", [0.3, 1.0])
def test_transport_by_matrix_roots(ridge: float) -> None:
    covariances = []
    for seed in (1, 2):
        adj = adjacency(6, seed).numpy()
        covariances.append(np.linalg.inv(np.diag(adj.sum(1)) - adj + ridge * np.eye(6)))
        found = smooth(torch.from_numpy(adj), ridge).numpy()
        np.testing.assert_allclose(found, covariances[-1], rtol=1e-10)
    a, b = covariances
    root = scipy.linalg.sqrtm(a)
    cross = scipy.linalg.sqrtm(root @ b @ root)
    wanted = np.trace(a) + np.trace(b) - 2 * np.trace(cross).real
    found = transport(torch.from_numpy(a), torch.from_numpy(b))
    assert found.item() == pytest.approx(wanted, rel=1e-9)
    assert transport(torch.from_numpy(b), torch.from_numpy(a)).item() == pytest.approx(wanted)
    assert abs(transport(torch.from_numpy(a), torch.from_numpy(a)).item()) < 1e-9


def test_a_small_ridge_is_the_pseudo_inverse_of_a_connected_graph() -> None:
    """Apart from the constant signal, which all connected graphs share."""
    plain = []
    for seed in (1, 2):
        adj = adjacency(6, seed).numpy()
        plain.append(np.linalg.pinv(np.diag(adj.sum(1)) - adj))
    root = scipy.linalg.sqrtm(plain[0]).real
    cross = scipy.linalg.sqrtm(root @ plain[1] @ root)
    wanted = np.trace(plain[0]) + np.trace(plain[1]) - 2 * np.trace(cross).real
    mine, theirs = (smooth(adjacency(6, seed), 1e-4) for seed in (1, 2))
    assert transport(mine, theirs).item() == pytest.approx(wanted, rel=1e-3)


def test_transport_of_graphs_without_edges() -> None:
    """Every node's signal is free: variance 1 / ridge, and a finite slope."""
    empty = torch.zeros(4, 4, requires_grad=True)
    assert torch.allclose(smooth(empty, 0.5), 2 * torch.eye(4).double())
    loss = transport(smooth(torch.zeros(4, 4), 0.5), smooth(empty, 0.5))
    (slope,) = torch.autograd.grad(loss, [empty])
    assert abs(loss.item()) < 1e-12
    assert float(slope.abs().max()) < 1e-6


@pytest.mark.parametrize("reach", [1, 2, 3])
def test_who_is_joined_by_walks(reach: int) -> None:
    real = source()
    nodes = real.task.train[:12]
    edges = (real.task.adj.toarray() > 0).astype(float) + np.eye(40)
    walks = np.linalg.matrix_power(edges, reach) > 0
    wanted = walks[nodes][:, nodes].astype(float) * (1 - np.eye(12))
    np.testing.assert_array_equal(joined(real, nodes, reach).numpy(), wanted)


def test_nodes_are_drawn_by_class_and_again_where_there_are_few() -> None:
    real = source()
    nodes = drawn(real, [3, 2, 20], Generator().manual_seed(0))
    assert real.task.y[nodes].tolist() == [0] * 3 + [1] * 2 + [2] * 20
    assert len(nodes[:5].unique()) == 5
    found = joined(real, nodes, 2)
    same = nodes[:, None] == nodes
    assert float(found[same].max()) == 0


def test_the_generator_gives_a_graph() -> None:
    x = torch.randn(5, 12, generator=Generator().manual_seed(0))
    made = Implicit(5, 12, 3, 8, bias=-4.0)
    made.reset_(x, Generator().manual_seed(1))
    adj = made(x)
    assert torch.allclose(adj, adj.T)
    assert float(adj.diagonal().abs().max()) == 0
    off = adj[~torch.eye(5, dtype=torch.bool)]
    assert 0.002 < float(off.min()) < float(off.max()) < 0.15
    assert torch.allclose(made(1e-3 * x), made(1e-3 * x), rtol=0)
    scaled = Implicit(5, 12, 3, 8, bias=-4.0)
    scaled.reset_(100 * x, Generator().manual_seed(1))
    assert torch.allclose(scaled(100 * x), adj, atol=1e-6), "features count in their mean length"
    made.coupled = False
    assert not torch.equal(made(2 * x), adj)
    moving = x.clone().requires_grad_()
    (slope,) = torch.autograd.grad(made(moving).sum(), [moving], allow_unused=True)
    assert slope is None


def test_the_gradient_of_sgdd_agrees_with_finite_differences() -> None:
    real = source()
    x = torch.randn(6, 12, generator=Generator().manual_seed(2), dtype=torch.float64)
    made = Implicit(6, 12, 3, 8).double()
    made.reset_(x, Generator().manual_seed(1))
    syn = NodeSynthetic(x, torch.tensor([0, 0, 1, 1, 2, 2]), made, num_classes=3)
    _, learner = network()
    objective = Broadcast(
        GradientMatching(),
        lambda rng: joined(real, drawn(real, [2, 2, 2], rng), 2),
        alpha=0.7,
        beta=0.3,
        ridge=0.5,
    )

    def loss() -> Tensor:
        return objective(syn, real, learner, Generator().manual_seed(3))

    terms = joined(real, drawn(real, [2, 2, 2], Generator().manual_seed(3)), 2)
    plain = GradientMatching()(syn, real, learner, Generator())
    adj = made(syn.x)
    apart = transport(smooth(terms, 0.5), smooth(adj, 0.5))
    wanted = plain + 0.7 * apart / 6 + 0.3 * adj.mean()
    assert loss().item() == pytest.approx(wanted.item(), rel=1e-12)
    params = [syn.x, made.positions, made.second.weight]
    slopes = torch.autograd.grad(loss(), params)
    step = 1e-6
    for param, slope in zip(params, slopes, strict=True):
        values = []
        for sign in (1, -1):
            with torch.no_grad():
                param[1, 2] += sign * step
                values.append(loss().item())
                param[1, 2] -= sign * step
        wanted_slope = (values[0] - values[1]) / (2 * step)
        assert slope[1, 2].item() == pytest.approx(wanted_slope, rel=1e-5, abs=1e-8)


def test_transport_moves_the_edges_towards_the_real_ones() -> None:
    """Without a matching loss: the distance falls, most of all where real nodes are joined."""
    wanted = torch.zeros(6, 6)
    wanted[:3, :3] = 1 - torch.eye(3)
    made = Bernoulli(6, start=-1.0)
    syn = NodeSynthetic(torch.zeros(6, 2), torch.arange(6) // 2, made, num_classes=3)
    objective = Broadcast(lambda *args: torch.zeros(()), lambda rng: wanted, 6.0, 0.0, 0.5)
    _, learner = network()
    optimizer = torch.optim.Adam(made.parameters(), lr=0.1)
    losses = []
    for _ in range(60):
        loss = objective(syn, source(), learner, Generator())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.3 * losses[0]
    adj = made(syn.x).detach()
    assert float(adj[:3, :3].sum() / 6) > 2 * float(adj[3:, 3:].sum() / 6)


def test_memory_of_sgdd_grows_with_the_generator() -> None:
    real = source()
    few, many = (SGDD(nodes=9, structure_hidden=h).memory_bytes(real) for h in (8, 80))
    assert many - few >= 4 * 81 * 2 * 72


# --- MSGC ------------------------------------------------------------------------------------


def sparse_graphs() -> tuple[SparseGraphs, Tensor]:
    rng = Generator().manual_seed(0)
    x = torch.randn(6, 12, generator=rng, dtype=torch.float64)
    y = torch.tensor([0, 0, 1, 1, 2, 2])
    plain = NodeSynthetic(x, y, Fixed(adjacency(6, 5)), num_classes=3)
    masks = torch.stack([masked(y, torch.full((3, 3), 1 / 3), 2, rng) for _ in range(3)])
    return SparseGraphs(plain, masks, hops=2, threshold=0.1), masks.double()


def test_gradients_are_averaged_over_the_graphs() -> None:
    syn, masks = sparse_graphs()
    _, learner = network()
    for c, batch in enumerate(syn.batches()):
        found = learner.grads(batch)
        each = []
        for mask in masks:
            own = NodeSynthetic(syn.x, syn.y, Fixed(mask * adjacency(6, 5)), num_classes=3)
            each.append(learner.grads(own.batches()[c]))
        for name, slope in found.items():
            mean = torch.stack([grads[name] for grads in each]).mean(0)
            assert torch.allclose(slope, mean, rtol=1e-10, atol=1e-13)


def test_msgc_in_closed_form_is_its_double_backward() -> None:
    real = source()
    syn, _ = sparse_graphs()
    _, learner = network()
    closed = GradientMatching(path="closed")(syn, real, learner, Generator())
    slow = GradientMatching(path="autograd")(syn, real, learner, Generator())
    assert closed.item() == pytest.approx(slow.item(), rel=1e-9)
    one, two = (torch.autograd.grad(loss, [syn.x])[0] for loss in (closed, slow))
    assert torch.allclose(one, two, rtol=1e-7, atol=1e-10)


def test_one_graph_of_the_mean_is_exported() -> None:
    syn, masks = sparse_graphs()
    small = syn.export()
    mean = masks.mean(0) * adjacency(6, 5)
    wanted = torch.where(mean > 0.1, mean, 0.0).float()
    found = torch.zeros(6, 6)
    found[small.edge_index[1], small.edge_index[0]] = small.edge_weight
    assert torch.allclose(found, wanted)
    assert len(small.x) == 6


def test_masks_follow_the_neighbourhoods() -> None:
    y = torch.tensor([0] * 30 + [1] * 30 + [2] * 30)
    mixing = torch.tensor([[0.9, 0.1, 0.0], [0.1, 0.9, 0.0], [0.0, 0.0, 1.0]])
    mask = masked(y, mixing, 3, Generator().manual_seed(0))
    assert torch.equal(mask, mask.T)
    assert set(mask.unique().tolist()) == {0.0, 1.0}
    assert float(mask.diagonal().max()) == 0
    assert float(mask.sum(1).min()) >= 1
    assert float(mask[:60, 60:].max()) == 0
    within, between = float(mask[:30, :30].mean()), float(mask[:30, 30:60].mean())
    assert 0 < between < within / 3
    alone = masked(torch.tensor([0, 1]), torch.eye(2), 3, Generator())
    assert torch.equal(alone, torch.zeros(2, 2)), "a class of one node has nobody to be joined to"


def test_masks_are_of_training_nodes() -> None:
    real = NodeSource(as_task(toy_graph()))
    start = MSGC(nodes=12, graphs=5).start(real, Generator().manual_seed(0))
    assert isinstance(start.structure, Averaged)
    assert start.structure.masks.shape == (5, 12, 12)
    assert float(class_mixing(real).sum()) == pytest.approx(3.0)
    assert len(start.batch().y) == 60
    assert torch.equal(start.structure(start.x), start.structure.each(start.x).mean(0))
