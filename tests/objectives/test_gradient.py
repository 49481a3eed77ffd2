"""Gradient matching against hand loops, and its two paths against each other."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Generator, Tensor
from torch.nn import functional as F
from torch.utils._python_dispatch import TorchDispatchMode

from graphcondense.core.pools import initialise
from graphcondense.core.types import Batch, Criterion, Learner
from graphcondense.data.node_reading import as_task
from graphcondense.domains.node import NodeSynthetic
from graphcondense.domains.node_source import NodeSource
from graphcondense.domains.structure import Identity, PairwiseMLP, Structure
from graphcondense.nn.propagate import GCN, SGC
from graphcondense.objectives.gradient import (
    ClassRows,
    GradientMatching,
    cosine,
    cosine_of_grams,
)
from graphcondense.ops.criteria import SLOPES
from tests.cases import toy_graph

RNG = torch.Generator


def world(
    structure: str, layers: int, bias: bool = True
) -> tuple[NodeSynthetic, NodeSource, Learner]:
    """A float64 synthetic graph, source and SGC learner."""
    rng = RNG().manual_seed(1)
    real = NodeSource(as_task(toy_graph()), dtype=torch.float64)
    y = torch.tensor([0, 0, 0, 1, 2, 2])
    x = torch.randn(6, 12, generator=rng, dtype=torch.float64)
    edges: Structure = Identity()
    if structure == "mlp":
        edges = PairwiseMLP(12, 5).double()
        edges.reset_(rng)
    syn = NodeSynthetic(x, y, edges, threshold=0.0, num_classes=3)
    model = SGC(12, 7, 3, layers, bias=bias).double()
    params = {k: v.requires_grad_() for k, v in initialise(model, rng).items()}
    for k in params:
        if k.endswith("bias"):
            params[k] = torch.randn(params[k].shape, generator=rng, dtype=torch.float64)
            params[k].requires_grad_()
    return syn, real, Learner(model, params)


def by_hand(a: Tensor, b: Tensor, eps: float) -> float:
    total = 0.0
    for row_a, row_b in zip(a.tolist(), b.tolist(), strict=True):
        inner = sum(p * q for p, q in zip(row_a, row_b, strict=True))
        norms = sum(p * p for p in row_a) ** 0.5 * sum(q * q for q in row_b) ** 0.5
        total += 1 - inner / (norms + eps)
    return total


@pytest.mark.parametrize("eps", [0.0, 1e-2])
@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("layers", [1, 2, 3])
@pytest.mark.parametrize("structure", ["identity", "mlp"])
def test_closed_form_is_autograd(structure: str, layers: int, bias: bool, eps: float) -> None:
    syn, real, learner = world(structure, layers, bias)
    params = list(syn.parameters())
    results = []
    for path in ("closed", "autograd"):
        loss = GradientMatching(path=path, eps=eps)(syn, real, learner, RNG())
        grads = torch.autograd.grad(loss, params, allow_unused=True)
        results.append((loss, [torch.zeros(()) if g is None else g for g in grads]))
    (closed, closed_grads), (auto, auto_grads) = results
    torch.testing.assert_close(closed, auto)
    for a, b in zip(closed_grads, auto_grads, strict=True):
        torch.testing.assert_close(a, b)


def doubled(outputs: Tensor, y: Tensor) -> Tensor:
    return 2 * torch.nn.functional.cross_entropy(outputs, y)


@pytest.mark.parametrize(
    "options", [{"distance": "mse"}, {"distance": "l1"}, {"biases": True}, {"summed": True},
                {"size": 100}, {}],
)  # fmt: skip
def test_what_has_no_closed_form_takes_autograd(options: dict[str, Any]) -> None:
    """Each of them alone; of the last one the loss. The closed form has other numbers for it."""
    syn, real, learner = world("identity", 2)
    if not options:
        learner = Learner(learner.model, learner.params, criterion=doubled)
    how = GradientMatching(**options)
    assert not how.closed_applies(real, learner)
    found, wanted = (
        one(syn, real, learner, RNG().manual_seed(4))
        for one in (how, GradientMatching(path="autograd", **options))
    )
    assert torch.equal(found, wanted)


def test_what_has_a_closed_form_takes_it() -> None:
    syn, real, learner = world("identity", 2)
    assert GradientMatching().closed_applies(real, learner)
    own = torch.nn.Linear(12, 3).double()  # a model that is no chain of linear maps on a design
    assert not GradientMatching().closed_applies(real, Learner(own, {}))
    found, wanted = (
        GradientMatching(path=path)(syn, real, learner, RNG()) for path in ("auto", "closed")
    )
    assert torch.equal(found, wanted)


class Largest(TorchDispatchMode):
    """The most entries of any tensor that an operation gives."""

    most = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        out = func(*args, **(kwargs or {}))
        if isinstance(out, Tensor):
            self.most = max(self.most, out.numel())
        return out


@pytest.mark.parametrize("criterion", SLOPES, ids=lambda c: c.__name__)
def test_classes_of_one_size_are_taken_at_once(criterion: Criterion) -> None:
    """Two runs of classes of one size, an empty one and single ones, against one at a time."""
    rng = RNG().manual_seed(0)
    group = torch.arange(7).repeat_interleave(torch.tensor([3, 3, 0, 5, 5, 5, 2]))
    x = torch.randn(23, 6, generator=rng, dtype=torch.float64)
    y = (torch.rand(23, 7, generator=rng) > 0.5).double()
    y[torch.rand(23, 7, generator=rng) > 0.7] = torch.nan
    classes = criterion is torch.nn.functional.cross_entropy
    rows = ClassRows(x, group, 7, None if classes else y)
    assert [len(part) for part, _ in rows.classes] == [2, 1, 3, 1]
    weight = torch.randn(7, 6, generator=rng, dtype=torch.float64).requires_grad_()
    [found] = rows.layer_gradients([weight], [None], SLOPES[criterion])
    for c in group.unique().tolist():
        said = (group if classes else y)[group == c]
        [wanted] = torch.autograd.grad(criterion(x[group == c] @ weight.T, said), weight)
        torch.testing.assert_close(found[c], wanted, rtol=1e-12, atol=1e-13)
    assert not found[2].any()


@pytest.mark.parametrize("layers", [1, 3])
def test_the_real_side_neither_pads_nor_forms_hidden_layers(layers: int) -> None:
    """With one large class, in any order, with a class without rows."""
    rng = RNG().manual_seed(0)
    y = torch.cat([torch.zeros(380), torch.full((6,), 1), torch.full((14,), 3)]).long()
    y = y[torch.randperm(400, generator=rng)]
    x = torch.randn(400, 8, generator=rng, dtype=torch.float64)
    model = SGC(8, 50, 4, layers).double()
    weights = [lin.weight.detach() for lin in model.lins]
    bias = [torch.randn(len(w), generator=rng, dtype=torch.float64) for w in weights]
    rows = ClassRows(x, y, 4)
    with Largest() as held:
        found = rows.layer_gradients(weights, bias)
    assert held.most <= 380 * 8  # padded it were 4 * 380 * 8, and a hidden layer 400 * 50
    for c in (0, 1, 3):
        h = [x[y == c]]
        for w, b in zip(weights, bias, strict=True):
            h.append(h[-1] @ w.T + b)
        wrong = h[-1].softmax(1) - torch.nn.functional.one_hot(y[y == c], 4)
        for grads, layer in zip(found, h, strict=False):
            torch.testing.assert_close(grads[c], wrong.T @ layer / len(layer))
    assert all(bool((grads[2] == 0).all()) for grads in found)


@pytest.mark.parametrize("loss", SLOPES, ids=lambda loss: loss.__name__)
def test_slopes_in_closed_form_are_those_of_autograd(loss: Any) -> None:
    """Of every loss that has one; labels that are not known count for nothing."""
    rng = Generator().manual_seed(0)
    outputs = torch.randn(6, 3, generator=rng, dtype=torch.float64).requires_grad_()
    y: Tensor = torch.randint(3, (6,), generator=rng)
    if loss is not F.cross_entropy:
        y = torch.randint(2, (6, 3), generator=rng).double()
        y[torch.rand(6, 3, generator=rng) < 0.3] = torch.nan
        assert 0 < int(y.isnan().sum()) < 18
    (wanted,) = torch.autograd.grad(loss(outputs, y), outputs)
    torch.testing.assert_close(SLOPES[loss](outputs.detach(), y), wanted)


@pytest.mark.parametrize("shares", [True, False])
def test_both_paths_weigh_classes_alike(shares: bool) -> None:
    syn, real, learner = world("identity", 2)
    closed, auto = (
        GradientMatching(path=path, shares=shares)(syn, real, learner, RNG())
        for path in ("closed", "autograd")
    )
    torch.testing.assert_close(closed, auto)


@pytest.mark.parametrize("shares", [True, False])
def test_a_class_without_a_synthetic_example_counts_nothing(shares: bool) -> None:
    """Of its gradients, which are zero, the distance to any others is one."""
    syn, real, learner = world("identity", 2)
    few = NodeSynthetic(
        syn.x.detach(), torch.tensor([0, 0, 0, 2, 2, 2]), Identity(), threshold=0.0, num_classes=3
    )
    expected = 0.0
    for c in (0, 2):
        (own,) = [learner.grads(b) for b in few.batches() if len(b.y) and int(b.y[0]) == c]
        target = learner.grads(real.batch(c))
        for name in ("lins.0.weight", "lins.1.weight"):
            expected += (0.5 if shares else 1.0) * by_hand(own[name], target[name], 0.0)
    for path in ("closed", "autograd"):
        loss = GradientMatching(path=path, shares=shares)(few, real, learner, RNG())
        assert float(loss.detach()) == pytest.approx(expected, rel=1e-10)
    # One distance between the sums over both classes.
    small, large = ({k: torch.zeros_like(v) for k, v in learner.params.items()} for _ in range(2))
    for c in (0, 2):
        (own,) = [learner.grads(b) for b in few.batches() if len(b.y) and int(b.y[0]) == c]
        for total, grads in ((small, own), (large, learner.grads(real.batch(c)))):
            for k, slope in grads.items():
                total[k] += (0.5 if shares else 1.0) * slope
    expected = sum(by_hand(small[k], large[k], 0.0) for k in small if small[k].dim() > 1)
    loss = GradientMatching(summed=True, shares=shares)(few, real, learner, RNG())
    assert float(loss.detach()) == pytest.approx(expected, rel=1e-10)


def test_the_sum_over_classes_by_hand() -> None:
    syn, real, learner = world("mlp", 2)
    expected = 0.0
    whole = syn.batch()
    for c in range(3):
        rows = [i for i, label in enumerate(syn.y.tolist()) if label == c]
        small = Batch(whole.inputs, syn.y[rows], torch.tensor(rows))
        own = learner.grads(small)
        target = learner.grads(real.batch(c))
        for name in ("lins.0.weight", "lins.1.weight"):
            expected += len(rows) / 6 * by_hand(own[name], target[name], 0.0)
    for path in ("closed", "autograd"):
        loss = GradientMatching(path=path)(syn, real, learner, RNG())
        assert float(loss.detach()) == pytest.approx(expected, rel=1e-10)


def test_real_gradients_are_those_of_the_whole_graph() -> None:
    _, real, learner = world("identity", 2)
    task = real.task
    adj = torch.from_numpy(task.gcn_adj.toarray()).double()
    x = torch.from_numpy(task.x_array).double()
    rows = task.train[task.y[task.train] == 1]
    whole = learner.grads(Batch((x, adj), task.y[rows], rows))
    block = learner.grads(real.batch(1))
    for name in whole:
        torch.testing.assert_close(block[name], whole[name])
    torch.testing.assert_close(
        real.propagated(2), (adj @ adj @ x)[task.train], atol=1e-6, rtol=1e-5
    )


def test_a_tiny_unit_does_not_cancel_in_float32() -> None:
    """A hidden unit nearly orthogonal to what dominates the gradient keeps its cosine."""
    syn, real, learner = world("identity", 2)
    last = learner.params["lins.1.weight"].detach().clone()
    last[:, 0] = 1.0 + 1e-4 * torch.tensor([1.0, -1.0, 0.5])  # residuals sum to zero over classes
    exact = Learner(learner.model, {**learner.params, "lins.1.weight": last.requires_grad_()})
    expected = GradientMatching(path="autograd")(syn, real, exact, RNG())
    single = Learner(
        SGC(12, 7, 3, 2), {k: v.detach().float().requires_grad_() for k, v in exact.params.items()}
    )
    real32 = NodeSource(as_task(toy_graph()))
    loss = GradientMatching(path="closed")(syn.float(), real32, single, RNG())
    assert float(loss) == pytest.approx(float(expected), rel=1e-3)


@pytest.mark.parametrize("how", [{}, {"eps": 0.0}, {"eps": 0.3}])
@pytest.mark.parametrize("hidden", [False, True])
def test_cosines_of_grams_are_those_of_whole_rows(how: dict[str, float], hidden: bool) -> None:
    """Nothing is added to the product of lengths unless it is asked for."""
    small, target = torch.randn(2, 3, 4, 7, generator=RNG(), dtype=torch.float64)
    later = torch.randn(4, 5, generator=RNG(), dtype=torch.float64) if hidden else None
    found = cosine_of_grams(small, target, later, **how)
    for value, a, b in zip(found, small, target, strict=True):
        a, b = (g if later is None else later.T @ g for g in (a, b))
        lengths = a.norm(dim=1) * b.norm(dim=1) + how.get("eps", 0.0)
        assert float(value) == pytest.approx(float((1 - (a * b).sum(1) / lengths).sum()), rel=1e-9)


def test_biases_count_when_asked() -> None:
    syn, real, learner = world("identity", 2)
    without = GradientMatching(path="autograd")(syn, real, learner, RNG())
    with_them = GradientMatching(biases=True)(syn, real, learner, RNG())
    assert float(with_them) > float(without)
    assert not GradientMatching(biases=True).closed_applies(real, learner)


def test_insisting_on_the_closed_form_fails_where_there_is_none() -> None:
    syn, real, learner = world("identity", 2)
    model = GCN(12, 7, 3).double()
    other = Learner(model, learner.params)
    with pytest.raises(ValueError, match="no closed form for GCN"):
        GradientMatching(path="closed")(syn, real, other, RNG())


@pytest.mark.parametrize("option", [{"distance": "mse"}, {"biases": True}, {"size": 3}])
def test_the_closed_form_refuses_what_it_would_ignore(option: dict[str, Any]) -> None:
    syn, real, learner = world("identity", 2)
    with pytest.raises(ValueError, match="no closed form for SGC"):
        GradientMatching(path="closed", **option)(syn, real, learner, RNG())


@given(st.integers(1, 4), st.integers(1, 5), st.integers(0, 999), st.sampled_from([0.0, 0.1]))
@settings(max_examples=40, deadline=None)
def test_cosine_properties(units: int, width: int, seed: int, eps: float) -> None:
    rng = RNG().manual_seed(seed)
    a, b = torch.randn(2, units, width, generator=rng, dtype=torch.float64)
    assert float(cosine(a, b, eps)) == pytest.approx(by_hand(a, b, eps), abs=1e-9)
    assert float(cosine(a, b, eps)) == pytest.approx(float(cosine(b, a, eps)))
    assert -1e-9 <= float(cosine(a, b, eps)) <= 2 * units + 1e-9
    assert float(cosine(a, 3 * a)) == pytest.approx(0, abs=1e-9)


def test_a_zero_gradient_has_a_finite_slope() -> None:
    a = torch.zeros(2, 3, requires_grad=True)
    loss = cosine(a, torch.ones(2, 3))
    assert float(loss) == 2.0
    (slope,) = torch.autograd.grad(loss, a)
    assert bool(torch.isfinite(slope).all())
