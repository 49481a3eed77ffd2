"""GCSR: the shared cases, its closed form by numerical optimisation, experts on propagated rows."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Generator, Tensor

import graphcondense
from graphcondense.core.expert_training import Training
from graphcondense.core.experts import Buffer
from graphcondense.core.types import Learner
from graphcondense.data.node_reading import as_task
from graphcondense.domains.node_source import NodeSource
from graphcondense.domains.node_trajectories import Propagated
from graphcondense.domains.structure import Identity
from graphcondense.methods.gcsr import GCSR, SelfExpressive, StudentGraph, class_mixing, spread
from graphcondense.nn.propagate import SGC
from graphcondense.objectives.trajectory import TrajectoryMatching
from tests.cases import NodeCase, toy_graph

TINY: dict[str, Any] = {
    "num_experts": 2,
    "expert_epochs": 4,
    "expert_interval": 2,
    "expert_lr": 0.05,
    "student_steps": 3,
    "student_lr": 0.1,
    "steps": 6,
    "progress": False,
}


class TestGCSR(NodeCase):
    name = "gcsr"
    options = {**{k: v for k, v in TINY.items() if k != "progress"}, "validations": 2, "gamma": 0.5}


def condense(**options: Any) -> Any:
    options = {"nodes": 9, "validations": 0, **TINY, **options}
    return graphcondense.condense(toy_graph(), "gcsr", **options)


def source() -> NodeSource:
    return NodeSource(as_task(toy_graph()), dtype=torch.float64)


def small(seed: int = 0) -> tuple[Tensor, Tensor, Tensor]:
    """Features, classes, and a structure to be near to, in float64."""
    rng = Generator().manual_seed(seed)
    y = torch.tensor([0, 0, 1, 1, 1, 2])
    mixing = torch.rand(3, 3, generator=rng, dtype=torch.float64)
    x = torch.randn(6, 12, generator=rng, dtype=torch.float64)
    return x, y, spread(mixing / mixing.sum(1, keepdim=True), y)


# --- the closed form -------------------------------------------------------------------------


@pytest.mark.parametrize("weights", [(1.0, 0.5, 0.0), (0.3, 0.0, 0.7), (0.0, 2.0, 1.0)])
def test_coefficients_minimise_the_objective(weights: tuple[float, float, float]) -> None:
    """By L-BFGS from the identity; the history is that of other features."""
    x, _, prior = small()
    structure = SelfExpressive(x, prior, *weights)
    before = structure.before.clone()
    x = x + 0.3 * torch.randn(x.shape, generator=Generator().manual_seed(1), dtype=x.dtype)
    alpha, beta, gamma = weights

    def loss(z: Tensor) -> Tensor:
        apart = (x - z @ x).square().sum() / structure.unit
        near = alpha * (z - prior).square().sum() + beta * z.square().sum()
        return apart + near + gamma * (z - before).square().sum()

    z = torch.eye(6, dtype=x.dtype).requires_grad_()
    lbfgs = torch.optim.LBFGS(
        [z],
        max_iter=500,
        tolerance_grad=1e-12,
        tolerance_change=1e-14,
        line_search_fn="strong_wolfe",
    )

    def closure() -> Tensor:
        lbfgs.zero_grad()
        value = loss(z)
        value.backward()
        return value

    lbfgs.step(closure)
    found = structure.coefficients(x)
    assert torch.allclose(found, z.detach(), atol=1e-6)
    assert float(loss(found)) <= float(loss(z.detach())) + 1e-12


def test_the_history_starts_as_what_is_without_one() -> None:
    x, _, prior = small()
    with_history, without = (SelfExpressive(x, prior, 1.0, 0.5, gamma) for gamma in (3.0, 0.0))
    assert torch.allclose(with_history.coefficients(x), without.coefficients(x))
    moved = x + 1
    pulled = with_history.coefficients(moved) - without.coefficients(moved)
    assert float(pulled.abs().max()) > 1e-3
    with_history.remember_(moved)
    again = with_history.coefficients(moved) - without.coefficients(moved)
    assert float(again.norm()) < float(pulled.norm())


def test_an_update_remembers() -> None:
    x, y, prior = small()
    structure = SelfExpressive(x, prior, 1.0, 0.5, 3.0)
    graph = StudentGraph(x, y, structure, 2, 0.0, 3)
    with torch.no_grad():
        graph.x += 1
    wanted = structure.coefficients(graph.x).detach()
    assert not torch.allclose(structure.before, wanted)
    graph.draw(Generator())
    assert torch.equal(structure.before, wanted)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10**6), st.floats(0.01, 100), st.floats(0.01, 10), st.floats(0, 10))
def test_edges_are_valid_and_free_of_scale(
    seed: int, scale: float, alpha: float, beta: float
) -> None:
    x, _, prior = small(seed)
    adj = SelfExpressive(x, prior, alpha, beta)(x)
    assert torch.equal(adj, adj.T)
    assert 0 <= float(adj.min()) <= float(adj.max()) <= 1
    assert not bool(adj.diagonal().any())
    assert torch.allclose(SelfExpressive(scale * x, prior, alpha, beta)(scale * x), adj, atol=1e-9)


def test_a_heavy_prior_is_the_structure() -> None:
    x, _, prior = small()
    adj = SelfExpressive(x, prior, 1e6, 0.0)(x)
    wanted = (prior + prior.T) / 2
    assert torch.allclose(adj, wanted - torch.diag(wanted.diagonal()), atol=1e-4)


def test_gradients_pass_through_the_edges() -> None:
    """Where none of them is cut; and none passes where features and edges are apart."""
    x, _, prior = small()
    structure = SelfExpressive(x, prior + 1, 1.0, 0.5)
    assert float((structure(x) + torch.eye(6)).min()) > 0.01
    assert torch.autograd.gradcheck(structure, x.clone().requires_grad_())
    apart = SelfExpressive(x, prior, 1.0, 0.5, coupled=False)
    assert not apart(x.clone().requires_grad_()).requires_grad


# --- classes of the real graph ---------------------------------------------------------------


@pytest.mark.parametrize("hops", [1, 2])
def test_class_mixing_by_hand(hops: int) -> None:
    real = source()
    operator = np.linalg.matrix_power(real.task.gcn_adj.toarray().astype(np.float64), hops)
    heard = np.zeros((3, 3))
    for i, node in enumerate(real.task.train.tolist()):
        for j, other in enumerate(real.task.train.tolist()):
            heard[int(real.labels[i]), int(real.labels[j])] += operator[node, other]
    expected = torch.from_numpy(heard / heard.sum(1, keepdims=True))
    found = class_mixing(real, hops)
    assert torch.allclose(found, expected, atol=1e-6)
    assert bool((found.diagonal() > 1 / 3).all()), "classes are joined within"
    y = torch.tensor([0, 0, 1, 1, 1, 2])
    assert torch.allclose(spread(found, y).sum(1), torch.ones(6, dtype=found.dtype))


# --- trajectories ----------------------------------------------------------------------------


def test_a_student_sees_propagated_features() -> None:
    """The loss and its gradient are those of the model that propagates by itself, every step."""
    x, y, prior = small()
    model = SGC(12, 5, 3, 2).double()
    rng = Generator().manual_seed(2)
    params = dict(model.named_parameters())
    target = {
        k: v.detach() + 0.1 * torch.randn(v.shape, generator=rng, dtype=v.dtype)
        for k, v in params.items()
    }
    learner = Learner(model, params, {}, target)
    found = []
    for hops in (0, 2):
        graph = StudentGraph(x, y, SelfExpressive(x, prior, 1.0, 0.5), hops, 0.0, 3)
        loss = TrajectoryMatching(steps=3, lr=0.3)(graph, source(), learner, rng)
        found.append((loss, torch.autograd.grad(loss, graph.x)[0]))
    (one, slope), (two, same) = found
    assert torch.allclose(one, two)
    assert torch.allclose(slope, same)
    assert float(slope.abs().max()) > 0


def test_without_edges_a_student_sees_the_features() -> None:
    x, y, _ = small()
    batch = StudentGraph(x, y, Identity(), 2, 0.0, 3).batch()
    assert torch.equal(batch.inputs[0], x)
    assert batch.inputs[1] is None


def test_experts_on_propagated_rows_are_experts_on_the_graph() -> None:
    real = source()
    model = SGC(12, 5, 3, 2).double()
    how = Training(experts=1, epochs=3, size=None, lr=0.1, momentum=0.9, interval=4)
    on_rows = Buffer(model, how, {}).prepare(Propagated(real, 2))
    on_graph = Buffer(model, how, {}).prepare(real.looking(2))
    for name, value in on_rows.weights(0, 3).items():
        assert torch.allclose(value, on_graph.weights(0, 3)[name])
        assert not torch.allclose(value, on_rows.weights(0, 0)[name])


def test_propagated_rows_of_a_class_and_a_draw() -> None:
    real = source()
    seen = Propagated(real, 2)
    own = seen.batch(1)
    assert torch.equal(own.inputs[0], real.propagated(2)[real.labels == 1])
    assert bool((own.y == 1).all())
    drawn = seen.batch(1, 4, Generator().manual_seed(0))
    assert drawn.inputs[0].shape == (4, 12)
    assert all(any(torch.equal(a, b) for b in own.inputs[0]) for a in drawn.inputs[0])


def test_learning_brings_students_nearer(tmp_path: Path) -> None:
    condense(steps=40, lr_x=0.05, out=tmp_path)
    losses = [float(line.split('"loss": ')[1].split(",")[0]) for line in _lines(tmp_path)]
    assert np.mean(losses[-5:]) < 0.5 * np.mean(losses[:5])


def _lines(folder: Path) -> list[str]:
    return (folder / "metrics.jsonl").read_text().splitlines()


def test_experts_on_disk_are_shared(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    here = condense()
    there = condense(experts=str(tmp_path))
    assert here.condensed["hash"] == there.condensed["hash"]
    assert len(list(tmp_path.rglob("*.safetensors"))) == 2
    capsys.readouterr()
    condense(experts=str(tmp_path), seed=4, alpha=2.0)
    assert "training" not in capsys.readouterr().err


@pytest.mark.parametrize(
    "change",
    [{"model": "gcn"}, {"hops": 1}, {"num_layers": 2}, {"expert_decay": 0.1}, {"expert_seed": 1}],
)
def test_other_settings_have_experts_of_their_own(change: dict[str, Any]) -> None:
    real = source()
    assert GCSR(nodes=6).buffer(real).key != GCSR(nodes=6, **change).buffer(real).key
    other = NodeSource(as_task(toy_graph(seed=1)), dtype=torch.float64)
    assert GCSR(nodes=6).buffer(real).key != GCSR(nodes=6).buffer(other).key


@pytest.mark.parametrize(
    "options",
    [
        {"model": "gcn", "num_layers": 2, "hidden_channels": 8},
        {"num_layers": 2, "hidden_channels": 8},
        {"coupled": False},
    ],
)
def test_other_networks(options: dict[str, Any]) -> None:
    found = condense(**options)
    assert found.num_edges > 0
    assert found.condensed["hash"] != condense().condensed["hash"]


def test_without_edges() -> None:
    found = graphcondense.condense(toy_graph(), "gcsr-x", nodes=9, validations=0, **TINY)
    assert found.num_edges == 0


def test_memory_grows_with_experts_and_steps() -> None:
    real = source()
    least = GCSR(nodes=6).memory_bytes(real)
    assert GCSR(nodes=6, num_experts=10).memory_bytes(real) > least
    assert GCSR(nodes=6, student_steps=40).memory_bytes(real) > least


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"ahead": 5}, "hold no stretch of 5 epochs"),
        ({"alpha": -1.0}, r"alpha=-1.0 must be at least 0"),
        ({"alpha": 0.0, "beta": 0.0, "gamma": 1.0}, "alpha or beta must be above"),
        ({"class_hops": 0}, "class_hops=0 must be at least 1"),
        ({"student_steps": 0}, "student_steps=0 must be at least 1"),
        ({"num_experts": 0}, "num_experts=0 must be at least 1"),
    ],
)
def test_bad_options_end_before_experts_are_trained(
    options: dict[str, Any], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(ValueError, match=said):
        condense(**options)
    assert "training" not in capsys.readouterr().err
