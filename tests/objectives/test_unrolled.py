"""Back-propagation through training by hand, against autograd and finite differences."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Generator, Tensor, nn
from torch.func import functional_call
from torch.nn import functional as F

from graphcondense.core.engine import distill
from graphcondense.core.pools import Fresh, initialise
from graphcondense.core.scalars import WithScalars
from graphcondense.core.types import Batch, Learner, Schedule, Synthetic
from graphcondense.objectives.unrolled import Unrolled, cut


class Rows:
    """Labelled rows."""

    num_classes, num_examples, example_bytes = 2, 12, 8
    counts = torch.tensor([6, 6])

    def __init__(self) -> None:
        rng = torch.Generator().manual_seed(0)
        self.y = torch.arange(12) % 2
        self.x = torch.randn(12, 3, generator=rng, dtype=torch.float64) + self.y[:, None]

    def batch(
        self, c: int | None = None, size: int | None = None, rng: Generator | None = None
    ) -> Batch:
        rows = torch.arange(12) if size is None else torch.randperm(12, generator=rng)[:size]
        return Batch((self.x[rows],), self.y[rows])


class Free(Synthetic):
    """Learnable rows with learnable soft labels."""

    def __init__(self, x: Tensor, y: Tensor) -> None:
        super().__init__()
        self.x, self.y = nn.Parameter(x), nn.Parameter(y)

    def batch(self, c: int | None = None) -> Batch:
        return Batch((self.x * 2,), self.y.softmax(1))

    def groups(self) -> dict[str, list[nn.Parameter]]:
        return {"x": [self.x], "y": [self.y]}


def net() -> tuple[nn.Module, Learner]:
    model = nn.Sequential(nn.Linear(3, 5), nn.Tanh(), nn.Linear(5, 2)).double()
    params = initialise(model, torch.Generator().manual_seed(2))
    return model, Learner(model, {k: v.requires_grad_() for k, v in params.items()})


def free() -> WithScalars:
    rng = torch.Generator().manual_seed(1)
    x = torch.randn(4, 3, generator=rng, dtype=torch.float64)
    data = Free(x, torch.randn(4, 2, generator=rng, dtype=torch.float64))
    return WithScalars(data, {"lr": [0.3, 0.1, 0.2, 0.4, 0.25]}).double()


def by_autograd(syn: WithScalars, momentum: float, detached: int) -> Tensor:
    """The same loss with the graph of all steps but the first ones."""
    model, learner = net()
    batch, rates, real = syn.batch(), syn.scalar("lr"), Rows().batch()
    theta = dict(learner.params)
    speed = {k: torch.zeros_like(v) for k, v in theta.items()}
    for t in range(5):
        loss = F.cross_entropy(functional_call(model, theta, batch.inputs), batch.y)
        grads = torch.autograd.grad(loss, list(theta.values()), create_graph=True)
        speed = {k: momentum * speed[k] + g for k, g in zip(theta, grads, strict=True)}
        theta = {k: theta[k] - rates[t] * speed[k] for k in theta}
        if t < detached:
            theta = {k: v.detach().requires_grad_() for k, v in theta.items()}
            speed = {k: v.detach() for k, v in speed.items()}
    return F.cross_entropy(functional_call(model, theta, real.inputs), real.y)


def slopes(loss: Tensor, syn: WithScalars) -> list[Tensor]:
    params = [syn.data.x, syn.data.y, syn.logs["lr"]]
    return list(torch.autograd.grad(loss, params))


@pytest.mark.parametrize("momentum", [0.0, 0.9])
@pytest.mark.parametrize("every", [1, 2, 7])
@pytest.mark.parametrize("window", [None, 2])
def test_equals_autograd_through_all_steps(momentum: float, every: int, window: int | None) -> None:
    syn, (_, learner) = free(), net()
    objective = Unrolled(5, momentum=momentum, window=window, every=every)
    own = objective(syn, Rows(), learner, torch.Generator())
    wanted = by_autograd(syn, momentum, 0 if window is None else 5 - window)
    assert torch.allclose(own, wanted, rtol=1e-12)
    for a, b in zip(slopes(own, syn), slopes(wanted, syn), strict=True):
        assert torch.allclose(a, b, rtol=1e-9, atol=1e-12)


def test_equals_finite_differences() -> None:
    syn, (_, learner) = free(), net()
    objective = Unrolled(5, momentum=0.5)

    def value() -> float:
        return float(objective(syn, Rows(), learner, torch.Generator()).detach())

    found = slopes(objective(syn, Rows(), learner, torch.Generator()), syn)
    for param, slope in zip([syn.data.x, syn.data.y, syn.logs["lr"]], found, strict=True):
        flat: Any = param.data.view(-1)
        for i in range(len(flat)):
            flat[i] += 1e-6
            up = value()
            flat[i] -= 2e-6
            down = value()
            flat[i] += 1e-6
            assert (up - down) / 2e-6 == pytest.approx(float(slope.view(-1)[i]), abs=1e-8)


def test_one_step_by_hand() -> None:
    """A linear network from zero: one step on one row, and its loss by hand."""
    model = nn.Linear(3, 2, bias=False).double()
    learner = Learner(model, {"weight": torch.zeros(2, 3, dtype=torch.float64).requires_grad_()})
    data = Free(torch.ones(1, 3).double() / 2, torch.tensor([[50.0, -50.0]]).double())
    loss = Unrolled(1, lr=0.4)(data, Rows(), learner, torch.Generator())
    step = torch.tensor([[0.2] * 3, [-0.2] * 3]).double()  # 0.4 (y - 1/2) x
    real = Rows().batch()
    assert float(loss) == pytest.approx(
        float(F.cross_entropy(real.inputs[0] @ step.T, real.y)), rel=1e-12
    )


def test_parts_are_drawn_by_the_generator_and_the_weights_stay() -> None:
    syn, (_, learner) = free(), net()
    before = {k: v.detach().clone() for k, v in learner.params.items()}
    objective = Unrolled(5, part=2, size=4)
    one, two, other = (
        objective(syn, Rows(), learner, torch.Generator().manual_seed(s)) for s in (3, 3, 4)
    )
    assert torch.equal(one, two)
    assert not torch.equal(one, other)
    assert all(torch.equal(before[k], v) for k, v in learner.params.items())


@pytest.mark.parametrize("part", [4, 9])
def test_a_part_of_all_examples_draws_nothing(part: int) -> None:
    syn, (_, learner) = free(), net()
    losses = []
    for objective in (Unrolled(5, part=part), Unrolled(5)):
        rng = torch.Generator().manual_seed(3)
        before = rng.get_state()
        losses.append(objective(syn, Rows(), learner, rng))
        assert torch.equal(rng.get_state(), before)
    assert torch.equal(*losses)


def test_a_part_is_of_examples_that_stand_alone() -> None:
    """Not of the nodes of a graph, which come with their links, or of some outputs of a model."""
    x, y = torch.zeros(4, 3), torch.zeros(4, 2)
    graph, some = Batch((x, torch.eye(4)), y), Batch((x,), y[:3], torch.arange(3))
    for whole in (graph, some):
        with pytest.raises(ValueError, match="leave it out for a graph"):
            Unrolled(5, part=2)._parts(whole, torch.Generator())
        assert Unrolled(5)._parts(whole, torch.Generator()) == [None] * 5


def test_a_batch_that_is_cut_has_all_of_its_inputs() -> None:
    x, links, y = torch.ones(4, 3, requires_grad=True), torch.eye(4), torch.zeros(4, 2)
    whole = Batch((x, links), y, torch.arange(4))
    alone, wanted = cut(whole, learn=True)
    assert len(wanted) == 1
    assert wanted[0] is x
    leaf, same = alone.inputs
    assert leaf.is_leaf
    assert leaf.requires_grad
    assert leaf is not x
    assert torch.equal(leaf, x)
    assert same is links
    assert alone.y is y
    assert alone.rows is whole.rows


def test_it_is_learnt_through_the_one_loop() -> None:
    syn, (model, learner) = free(), net()
    objective = Unrolled(5)
    before = float(objective(syn, Rows(), learner, torch.Generator()).detach())
    rates = {"x": 0.05, "y": 0.05, "lr": 0.05}
    rng = torch.Generator().manual_seed(0)
    distill(syn, objective, Fresh(model), Schedule(40, rates), Rows(), rng=rng)
    after = float(objective(syn, Rows(), learner, torch.Generator()).detach())
    assert after < 0.8 * before
    assert float((syn.scalar("lr") - free().scalar("lr")).abs().max()) > 0.01


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        ({"steps": 0}, "steps must be at least 1, got 0"),
        ({"every": 0}, "every must be at least 1, got 0"),
        ({"window": 0}, "window must be at least 1, got 0"),
        ({"lr": 0.0}, "lr must be above 0, got 0.0"),
        ({"momentum": 1.0}, r"momentum must be in \[0, 1\), got 1.0"),
    ],
)
def test_bad_fields(bad: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Unrolled(**bad)


def test_bad_step_sizes() -> None:
    _, learner = net()
    with pytest.raises(ValueError, match="5 step sizes for 4 steps: give one or all"):
        Unrolled(4)(free(), Rows(), learner, torch.Generator())
    with pytest.raises(ValueError, match="lr must be above 0"):
        WithScalars(free().data, {"lr": [0.1, 0.0]})
    with pytest.raises(ValueError, match="have a group 'x' of their own"):
        WithScalars(free().data, {"x": [1.0]})
