"""Trajectory matching against hand loops and finite differences, in float64."""

from __future__ import annotations

import gc
from typing import Any

import pytest
import torch
from torch import Generator, Tensor, nn

from graphcondense.core.pools import built, initialise
from graphcondense.core.scalars import WithScalars
from graphcondense.core.types import Batch, Learner, Synthetic
from graphcondense.objectives.trajectory import (
    ConstantMemoryMatching,
    KnowledgeMatching,
    TrajectoryMatching,
)

BOTH = (TrajectoryMatching, ConstantMemoryMatching)


class Points(Synthetic):
    """Points with learnt soft labels; the points go through a map, as in a factorised set."""

    def __init__(self, soft: bool = True) -> None:
        super().__init__()
        rng = Generator().manual_seed(0)
        self.code = nn.Parameter(torch.randn(6, 3, generator=rng, dtype=torch.float64))
        self.map = nn.Parameter(torch.randn(3, 4, generator=rng, dtype=torch.float64))
        y = torch.rand(6, 2, generator=rng, dtype=torch.float64)
        self.y = nn.Parameter(y / y.sum(1, keepdim=True), requires_grad=soft)

    def groups(self) -> dict[str, list[nn.Parameter]]:
        return {"x": [self.code, self.map], **({"y": [self.y]} if self.y.requires_grad else {})}

    def batch(self, c: int | None = None) -> Batch:
        return Batch((self.code @ self.map,), self.y)


def world(soft: bool = True, rate: float | None = 0.3) -> tuple[Synthetic, Learner]:
    rng = Generator().manual_seed(1)
    model = built(lambda: nn.Sequential(nn.Linear(4, 5), nn.Tanh(), nn.Linear(5, 2))).double()
    params = {k: v.requires_grad_() for k, v in initialise(model, rng).items()}
    target = {
        k: v.detach() + 0.3 * torch.randn(v.shape, generator=rng, dtype=v.dtype)
        for k, v in params.items()
    }
    syn: Synthetic = Points(soft)
    if rate is not None:
        syn = WithScalars(syn, {"lr": [rate]}).double()
    return syn, Learner(model, params, {}, target)


def noise(x: Tensor, rng: Generator) -> Tensor:
    return x + torch.randn(x.shape, generator=rng, dtype=x.dtype)


def by_hand(syn: Any, learner: Learner, steps: int, parts: list[Tensor], *, held: bool) -> Tensor:
    """The loss with the weights inside gradients followed, or held constant; lr 0.3 or learnt."""
    whole, rate = syn.batch(), syn.scalar("lr") if isinstance(syn, WithScalars) else 0.3
    theta = dict(learner.params)
    seen = theta
    for part in parts:
        at = {k: v.detach().requires_grad_() for k, v in seen.items()} if held else seen
        x, y = whole.inputs[0][part], whole.y[part]
        loss = learner._replace(params=at).loss(Batch((x,), y))
        grads = torch.autograd.grad(loss, list(at.values()), create_graph=True)
        theta = {k: theta[k] - rate * g for k, g in zip(theta, grads, strict=True)}
        seen = theta
    assert learner.target is not None
    away = sum((theta[k] - t).square().sum() for k, t in learner.target.items())
    first = sum((learner.params[k] - t).square().sum() for k, t in learner.target.items())
    return away / first.detach()  # type: ignore[union-attr, no-any-return]


def slopes(loss: Tensor, syn: Synthetic) -> list[Tensor]:
    learnt = [p for p in syn.parameters() if p.requires_grad]
    return list(torch.autograd.grad(loss, learnt))


@pytest.mark.parametrize("rate", [None, 0.3])
@pytest.mark.parametrize("soft", [True, False])
@pytest.mark.parametrize("kind", BOTH)
def test_value_and_gradient_by_hand(kind: Any, soft: bool, rate: float | None) -> None:
    syn, learner = world(soft, rate)
    parts = [torch.arange(6)] * 4
    wanted = by_hand(syn, learner, 4, parts, held=kind is ConstantMemoryMatching)
    loss = kind(steps=4, lr=0.3)(syn, None, learner, Generator())
    torch.testing.assert_close(loss, wanted)
    assert len(slopes(loss, syn)) == 2 + soft + (rate is not None)
    loss = kind(steps=4, lr=0.3)(syn, None, learner, Generator())
    torch.testing.assert_close(slopes(loss, syn), slopes(wanted, syn))


def test_exact_gradient_is_that_of_finite_differences() -> None:
    """Of all of the set's numbers and of the step size."""
    syn, learner = world()
    match = TrajectoryMatching(steps=5, size=4, view=noise)

    def loss() -> Tensor:
        return match(syn, None, learner, Generator().manual_seed(3))  # type: ignore[arg-type]

    found = slopes(loss(), syn)
    for param, slope in zip(syn.parameters(), found, strict=True):
        flat = param.data.view(-1)
        for i in range(len(flat)):
            old, step = float(flat[i]), 1e-6
            values = []
            for value in (old + step, old - step):
                flat[i] = value
                values.append(float(loss()))
            flat[i] = old
            assert (values[0] - values[1]) / (2 * step) == pytest.approx(
                float(slope.view(-1)[i]), rel=1e-5, abs=1e-9
            )


def test_one_step_is_the_same_by_both() -> None:
    syn, learner = world()
    found = [slopes(kind(steps=1)(syn, None, learner, Generator()), syn) for kind in BOTH]
    torch.testing.assert_close(*found)


def test_over_several_steps_the_gradients_differ() -> None:
    """What constant memory leaves out is not nothing: the approximation is stated, and seen."""
    syn, learner = world()
    exact, cheap = (
        torch.cat(
            [s.flatten() for s in slopes(kind(steps=5)(syn, None, learner, Generator()), syn)]
        )
        for kind in BOTH
    )
    assert not torch.allclose(exact, cheap, rtol=1e-3)
    assert float(torch.cosine_similarity(exact, cheap, dim=0)) > 0.9


@pytest.mark.parametrize("view", [None, noise])
def test_batches_and_views_are_drawn_alike(view: Any) -> None:
    """Both objectives see the same examples, and leave the generator in the same place."""
    syn, learner = world()
    said = []
    for kind in BOTH:
        rng = Generator().manual_seed(7)
        loss = kind(steps=5, size=4, view=view)(syn, None, learner, rng)
        said.append((float(loss), rng.get_state()))
    assert said[0][0] == pytest.approx(said[1][0])
    assert torch.equal(said[0][1], said[1][1])
    rng = Generator().manual_seed(7)
    order, parts = torch.empty(0, dtype=torch.long), []
    for _ in range(5):  # four of six, then a new order: two that are left over make no batch
        order = torch.randperm(6, generator=rng)
        parts.append(order[:4])
    if view is None:
        for kind, held in zip(BOTH, (False, True), strict=True):
            loss = kind(steps=5, size=4)(syn, None, learner, Generator().manual_seed(7))
            wanted = by_hand(syn, learner, 5, parts, held=held)
            torch.testing.assert_close(slopes(loss, syn), slopes(wanted, syn))


def test_the_second_pass_sees_the_views_of_the_first() -> None:
    """With views, the gradient is still that of the loss with the weights held constant."""
    syn, learner = world()

    def shown(rng: Generator) -> list[Tensor]:
        return [torch.randn(6, 4, generator=rng, dtype=torch.float64) for _ in range(3)]

    draws = iter(shown(Generator().manual_seed(2)))

    def replayed(x: Tensor, rng: Generator) -> Tensor:
        return x + next(draws)

    own = ConstantMemoryMatching(steps=3, view=noise)
    loss = own(syn, None, learner, Generator().manual_seed(2))  # type: ignore[arg-type]
    found = slopes(loss, syn)
    twice = [*shown(Generator().manual_seed(2)), *shown(Generator().manual_seed(2))]
    draws = iter(twice)
    again = ConstantMemoryMatching(steps=3, view=replayed)
    torch.testing.assert_close(
        slopes(again(syn, None, learner, Generator()), syn),  # type: ignore[arg-type]
        found,
    )


class NamesItsFirst(nn.Sequential):
    first_weight = "0.weight"


@pytest.mark.parametrize(
    "how", [{}, {"size": 6}, {"size": 99}, {"size": 3}, {"view": noise}, {"size": 6, "view": noise}]
)
def test_in_the_span_of_few_examples_it_is_the_same(how: dict[str, Any]) -> None:
    """Six examples of nine features; where steps see a part of them or views, the span is not
    taken."""
    found = []
    for kind in (NamesItsFirst, nn.Sequential):
        syn, rng = Points(), Generator().manual_seed(1)
        syn.map = nn.Parameter(torch.randn(3, 9, generator=rng, dtype=torch.float64))
        model = built(lambda kind=kind: kind(nn.Linear(9, 5), nn.Tanh(), nn.Linear(5, 2))).double()
        params = {k: v.requires_grad_() for k, v in initialise(model, rng).items()}
        learner = Learner(model, params, {}, {k: v.detach() * 1.5 for k, v in params.items()})
        loss = TrajectoryMatching(steps=4, lr=0.3, **how)(
            syn,
            None,
            learner,
            Generator().manual_seed(2),  # type: ignore[arg-type]
        )
        found.append([loss, *slopes(loss, syn)])
        if not how:
            wanted = by_hand(syn, learner, 4, [torch.arange(6)] * 4, held=False)
            torch.testing.assert_close(loss, wanted)
    for one, two in zip(*found, strict=True):
        torch.testing.assert_close(one, two)


def test_memory_does_not_grow_with_steps() -> None:
    """Tensors that autograd holds at once, counted when they are packed and freed."""

    class Count:
        now = most = 0

    def most_held(kind: Any, steps: int) -> int:
        count = Count()

        class Held:
            def __init__(self, tensor: Tensor) -> None:
                self.tensor = tensor
                count.now += 1
                count.most = max(count.most, count.now)

            def __del__(self) -> None:
                count.now -= 1

        syn, learner = world()
        gc.collect()
        with torch.autograd.graph.saved_tensors_hooks(Held, lambda held: held.tensor):
            loss = kind(steps=steps)(syn, None, learner, Generator())
        slopes(loss, syn)
        del loss
        return count.most

    assert most_held(ConstantMemoryMatching, 8) == most_held(ConstantMemoryMatching, 2)
    assert most_held(TrajectoryMatching, 8) > 3 * most_held(TrajectoryMatching, 2)


def test_bad_settings_are_named() -> None:
    syn, learner = world()
    with pytest.raises(ValueError, match="steps of the student must be at least 1, got 0"):
        TrajectoryMatching(steps=0)
    with pytest.raises(ValueError, match="lr of the student must be above 0"):
        ConstantMemoryMatching(lr=0.0)
    for kind in BOTH:
        with pytest.raises(TypeError, match="positional"):
            kind(5)  # settings have names
        with pytest.raises(ValueError, match="learners with a target: take the pool Experts"):
            kind()(syn, None, learner._replace(target=None), Generator())
        two = WithScalars(Points(), {"lr": [0.1, 0.2]}).double()
        with pytest.raises(ValueError, match="one step size for the student, not 2"):
            kind()(two, None, learner, Generator())

    class Rows(Points):
        def batch(self, c: int | None = None) -> Batch:
            return Batch(super().batch().inputs, self.y[:3], torch.arange(3))

    with pytest.raises(ValueError, match="examples that stand alone; leave it out for a graph"):
        TrajectoryMatching(size=2)(Rows(), None, learner, Generator())  # type: ignore[arg-type]
    assert float(TrajectoryMatching()(Rows(), None, learner, Generator())) > 0  # type: ignore[arg-type]


def test_what_the_expert_says_is_what_labels_should_be() -> None:
    """``L + weight`` times the mean over examples of ``Σ_c f_c log(f_c / y_c)``, by hand."""
    syn, learner = world()
    base = TrajectoryMatching(steps=2)
    rng = Generator()
    loss = KnowledgeMatching(base, 0.7)(syn, None, learner, rng)  # type: ignore[arg-type]
    alone = base(syn, None, learner, rng)  # type: ignore[arg-type]
    whole, target = syn.batch(), learner.target
    assert target is not None
    said = learner._replace(params=target).logits(whole).softmax(1)
    divergence = 0.0
    for i in range(6):
        for c in range(2):
            divergence += float(said[i, c] * torch.log(said[i, c] / whole.y[i, c]))
    assert float(loss.detach()) == pytest.approx(float(alone.detach()) + 0.7 * divergence / 6)


def test_knowledge_needs_soft_labels_and_an_expert() -> None:
    syn, learner = world()
    nothing: Any = lambda *args: torch.zeros(())  # noqa: E731
    matching = KnowledgeMatching(nothing, 1.0)
    hard = Points()
    hard.batch = lambda c=None: Batch((torch.zeros(2, 4),), torch.tensor([0, 1]))  # type: ignore[method-assign]
    with pytest.raises(ValueError, match="in soft labels; these are classes"):
        matching(hard, None, learner, Generator())  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="learners with a target: take the pool Experts"):
        matching(syn, None, learner._replace(target=None), Generator())  # type: ignore[arg-type]
