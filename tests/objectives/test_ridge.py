"""Kernel ridge matching against a hand loop; targets and holes."""

from __future__ import annotations

import math
from functools import partial
from itertools import islice

import pytest
import torch
from torch import Generator, Tensor

from graphcondense.core.engine import distill
from graphcondense.core.pools import Idle, built, initialise
from graphcondense.core.scalars import WithScalars
from graphcondense.core.types import Batch, Learner, Schedule, Synthetic
from graphcondense.kernels.ridge import Targets, centred_classes, signs
from graphcondense.objectives.ridge import LearnerFeatures, RidgeMatching

RNG = torch.Generator


class Linear:
    """The linear kernel on rows."""

    def embed(self, x: Tensor) -> Tensor:
        return x

    def __call__(self, a: Tensor, b: Tensor) -> Tensor:
        return a @ b.T


class Rows:
    """Labelled rows; two classes of six and three."""

    num_classes, num_examples, example_bytes = 2, 9, 8
    counts = torch.tensor([6, 3])

    def __init__(self, y: Tensor | None = None) -> None:
        rng = RNG().manual_seed(0)
        self.x = torch.randn(9, 4, generator=rng, dtype=torch.float64)
        self.group = torch.tensor([0] * 6 + [1] * 3)
        self.y = self.group if y is None else y
        self.asked: list[tuple[int | None, int | None]] = []

    def batch(
        self, c: int | None = None, size: int | None = None, rng: Generator | None = None
    ) -> Batch:
        self.asked.append((c, size))
        own = torch.arange(9) if c is None else (self.group == c).nonzero().flatten()
        own = own if size is None else own[torch.randperm(len(own), generator=rng)[:size]]
        return Batch((self.x[own],), self.y[own])


class Free(Synthetic):
    """Learnable rows."""

    def __init__(self, x: Tensor, y: Tensor) -> None:
        super().__init__()
        self.x, self.y = torch.nn.Parameter(x), y

    def batch(self, c: int | None = None) -> Batch:
        return Batch((self.x,), self.y)

    def groups(self) -> dict[str, list[torch.nn.Parameter]]:
        return {"x": [self.x]}


def small(y: Tensor) -> Free:
    return Free(torch.randn(3, 4, generator=RNG().manual_seed(1), dtype=torch.float64), y)


def learner() -> Learner:
    return Learner(torch.nn.Module(), {})


def test_equals_a_hand_loop() -> None:
    real, syn = Rows(), small(torch.tensor([0, 0, 1]))
    classes = partial(centred_classes, num_classes=2)
    loss = RidgeMatching(Linear(), classes, ridge=0.1)(syn, real, learner(), RNG())
    rows = syn.x.detach()
    gram = rows @ rows.T
    inverse = torch.linalg.inv(gram + 0.1 * gram.trace() / 3 * torch.eye(3, dtype=torch.float64))
    wanted = 0.0
    for i in range(9):
        for c in range(2):
            predicted = 0.0
            for s in range(3):
                for t in range(3):
                    target = float(syn.y[t] == c) - 0.5
                    predicted += float(real.x[i] @ rows[s] * inverse[s, t]) * target
            wanted += 0.5 * (predicted - (float(real.y[i] == c) - 0.5)) ** 2 / 9
    assert float(loss) == pytest.approx(wanted, rel=1e-9)


@pytest.mark.parametrize("size", [None, 2])
def test_gradient_and_batches(size: int | None) -> None:
    real, syn = Rows(), small(torch.tensor([0, 0, 1]))
    classes = partial(centred_classes, num_classes=2)
    objective = RidgeMatching(Linear(), classes, ridge=0.1, size=size)

    def value(x: Tensor) -> Tensor:
        own = Free(torch.zeros(3, 4), syn.y)
        del own.x
        own.x = x  # type: ignore[assignment]
        return objective(own, real, learner(), RNG().manual_seed(5))

    assert torch.autograd.gradcheck(value, syn.x.detach().requires_grad_())
    assert set(real.asked) == ({(None, None)} if size is None else {(0, 2), (1, 2)})


@pytest.mark.parametrize("targets", [signs, lambda y: y])
def test_holes_count_for_nothing(targets: Targets) -> None:
    hole = torch.nan
    y = torch.tensor([[1.0, 0], [0, hole], [hole, 1]] * 3)
    real, syn = Rows(y), small(torch.tensor([[1.0, 0], [0, 1], [1, hole]]))
    loss = RidgeMatching(Linear(), targets, ridge=0.1)(syn, real, learner(), RNG())
    gram = syn.x @ syn.x.T
    own = targets(syn.y).double().nan_to_num(0.0)
    weights = torch.linalg.solve(
        gram + 0.1 * gram.trace() / 3 * torch.eye(3, dtype=torch.float64), own
    )
    off = real.x @ syn.x.T @ weights - targets(y)
    assert float(loss) == pytest.approx(float(0.5 * off.square().nansum() / 9), rel=1e-9)


def test_it_is_learnt_through_the_one_loop() -> None:
    real, syn = Rows(), small(torch.tensor([0, 0, 1]))
    objective = RidgeMatching(Linear(), partial(centred_classes, num_classes=2), ridge=0.01)
    before = float(objective(syn, real, learner(), RNG()))
    distill(syn, objective, Idle(), Schedule(60, {"x": 0.05}), real, rng=RNG())
    assert float(objective(syn, real, learner(), RNG())) < 0.7 * before


def test_idle_yields_for_ever_and_has_nothing_to_remember() -> None:
    syn = small(torch.tensor([0, 0, 1]))
    memories: list[dict[str, int] | None] = [None, {}]
    for memory in memories:
        learners = list(islice(Idle()(syn, Rows(), RNG(), memory), 3))
        assert [(dict(one.params), dict(one.memory)) for one in learners] == [({}, {})] * 3


def test_bad_fields() -> None:
    with pytest.raises(ValueError, match="ridge must be above 0, got 0"):
        RidgeMatching(Linear(), signs, ridge=0)
    with pytest.raises(ValueError, match="size must be at least 1, got 0"):
        RidgeMatching(Linear(), signs, size=0)


def test_a_learnt_scale_before_a_cross_entropy_by_hand() -> None:
    real, syn = Rows(), small(torch.tensor([0, 0, 1]))
    scaled = WithScalars(syn, {"scale": [2.5]})
    classes = partial(centred_classes, num_classes=2)
    objective = RidgeMatching(Linear(), classes, ridge=0.1, scale="scale")
    loss = objective(scaled, real, learner(), RNG())
    rows = syn.x.detach()
    gram = rows @ rows.T
    inverse = torch.linalg.inv(gram + 0.1 * gram.trace() / 3 * torch.eye(3, dtype=torch.float64))
    targets = torch.tensor([[0.5, -0.5], [0.5, -0.5], [-0.5, 0.5]], dtype=torch.float64)
    said = 2.5 * real.x @ rows.T @ inverse @ targets
    wanted = sum(
        math.log(sum(math.exp(s) for s in row)) - row[y]
        for row, y in zip(said.tolist(), real.y.tolist(), strict=True)
    )
    assert float(loss.detach()) == pytest.approx(wanted / 9, rel=1e-7)


def test_the_kernel_of_a_network_is_the_product_of_what_it_sees_last() -> None:
    """Its weights stand still: the slope goes through examples alone."""
    model = built(lambda: TwoLayers()).double()
    params = {k: v.requires_grad_() for k, v in initialise(model, RNG().manual_seed(2)).items()}
    kernel = LearnerFeatures(Learner(model, params))
    x = Rows().x.requires_grad_()
    seen = kernel.embed(x)
    torch.testing.assert_close(seen, torch.tanh(x @ params["first.weight"].T))
    product = kernel(seen[:2], seen)
    assert product.shape == (2, 9)
    assert float(product[1, 3].detach()) == pytest.approx(float((seen[1] * seen[3]).sum().detach()))
    product.sum().backward()
    assert x.grad is not None
    assert all(v.grad is None for v in params.values())


class TwoLayers(torch.nn.Module):
    """A hidden layer without a bias, and what follows."""

    def __init__(self) -> None:
        super().__init__()
        self.first = torch.nn.Linear(4, 5, bias=False)
        self.last = torch.nn.Linear(5, 2)

    def forward(self, x: Tensor, features: bool = False) -> Tensor:
        seen = torch.tanh(self.first(x))
        return seen if features else self.last(seen)
