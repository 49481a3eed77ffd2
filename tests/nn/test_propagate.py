"""Learners over an adjacency operator: the whole graph and its blocks give the same."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import scipy.sparse as sp
import torch
from torch import Generator, Tensor
from torch.nn import functional as F

from graphcondense.core.pools import built
from graphcondense.core.types import Batch, Criterion, Learner
from graphcondense.nn.propagate import MODELS, SGC, propagate
from graphcondense.ops.adjacency import csr_tensor
from graphcondense.ops.criteria import masked_bce, masked_mse
from graphcondense.ops.sampling import blocks


@pytest.mark.parametrize("name", sorted(MODELS))
def test_blocks_equal_the_whole_graph(name, real):
    model = built(MODELS[name], 10, 8, 3, hops=3).double()
    x = real.x.double()
    rows = np.array([4, 0, 17])
    whole = torch.from_numpy(real.gcn_adj.toarray()).double()
    operators, nodes = blocks(real.gcn_adj.astype(np.float64), rows, model.hops)
    parts = tuple(csr_tensor(operator, dtype=torch.float64) for operator in operators)
    got = model(x[nodes], parts if parts else None)
    torch.testing.assert_close(got[: len(rows)], model(x, whole)[rows])


@pytest.mark.parametrize("name", sorted(MODELS))
def test_sparse_features_give_the_same_layers_and_gradients(name, real):
    """Outputs, every layer, and the gradient of each weight."""
    model = built(MODELS[name], 10, 8, 3, hops=2).double()
    x = (real.x * (real.x > 0.5)).double()
    operators, nodes = blocks(real.gcn_adj.astype(np.float64), np.array([4, 0, 17]), model.hops)
    parts = tuple(csr_tensor(operator, dtype=torch.float64) for operator in operators) or None
    rows = x[nodes]
    found = []
    for features in (rows, csr_tensor(sp.csr_matrix(rows.numpy()), dtype=torch.float64)):
        layers = model(features, parts, layers=True)
        grads = torch.autograd.grad(model(features, parts).square().sum(), model.parameters())
        found.append([model(features, parts), *layers, *grads])
    for dense, sparse in zip(*found, strict=True):
        assert sparse.layout == torch.strided
        torch.testing.assert_close(sparse, dense)


@pytest.mark.parametrize("hops", range(5))
@pytest.mark.parametrize("width", [2, 9])
@pytest.mark.parametrize("form", ["dense", "csr"])
def test_as_many_steps_as_hops(form, width, hops):
    """Dense graphs smaller than the features take the adjacency's power, others step by step."""
    rng = np.random.default_rng(hops)
    adj, x = rng.random((5, 5)), rng.standard_normal((5, width))
    expected = x
    for _ in range(hops):
        expected = adj @ expected
    given = torch.from_numpy(adj)
    if form == "csr":
        given = csr_tensor(sp.csr_matrix(adj), dtype=torch.float64)
    found = propagate(torch.from_numpy(x), given, hops)
    np.testing.assert_allclose(found.numpy(), expected, rtol=1e-12)


LABELS: dict[str, tuple[Criterion, Callable[[int, int, Generator], Tensor]]] = {
    "classes": (F.cross_entropy, lambda m, k, rng: torch.randint(k, (m,), generator=rng)),
    "shares": (F.cross_entropy, lambda m, k, rng: torch.rand(m, k, generator=rng).double()),
    "binary": (masked_bce, lambda m, k, rng: with_holes(torch.rand(m, k, generator=rng) > 0.5)),
    "numbers": (masked_mse, lambda m, k, rng: with_holes(torch.randn(m, k, generator=rng))),
}


def with_holes(y: Tensor) -> Tensor:
    y = y.double()
    y[0, 0] = torch.nan
    return y


@pytest.mark.parametrize("labels", LABELS)
@pytest.mark.parametrize(("layers", "nodes"), [(1, 9), (2, 9), (3, 9), (2, 1), (3, 1)])
@pytest.mark.parametrize("bias", [True, False])
def test_gradients_by_hand_are_those_of_autograd(
    labels: str, layers: int, nodes: int, bias: bool
) -> None:
    """Both ways: the maps as one, of nine nodes, and one after the other, of one."""
    rng = torch.Generator().manual_seed(layers + nodes)
    model = SGC(4, 5, 2, layers, bias=bias, hops=2).double()
    if layers > 1:
        assert model.shorter_as_one(nodes) == (nodes == 9)
    criterion, draw = LABELS[labels]
    x = torch.randn(nodes, 4, generator=rng, dtype=torch.float64)
    adj = torch.rand(nodes, nodes, generator=rng, dtype=torch.float64)
    rows = None if nodes == 1 else torch.tensor([7, 2, 4])
    y = draw(nodes if rows is None else 3, 2, rng)
    params = {
        name: torch.randn(p.shape, generator=rng, dtype=torch.float64).requires_grad_()
        for name, p in model.named_parameters()
    }
    learner, batch = Learner(model, params, criterion=criterion), Batch((x, adj), y, rows)
    wanted = torch.autograd.grad(learner.loss(batch), list(params.values()))
    found = learner.grads(batch)
    assert list(found) == list(params)
    for one, other in zip(found.values(), wanted, strict=True):
        assert not one.requires_grad
        torch.testing.assert_close(one, other, rtol=1e-12, atol=1e-13)


class Bounded(SGC):
    def outputs(self, *inputs: Any, **options: Any) -> Tensor:
        return super().outputs(*inputs, **options).tanh()


class NoMethod(torch.nn.Linear):
    """What calls its hooks' results by the name that some users do."""

    gradients = torch.zeros(3)

    def forward(self, x: Tensor, _: object = None) -> Tensor:
        return super().forward(x)


@pytest.mark.parametrize("model", [Bounded(3, 4, 2), NoMethod(3, 2)])
def test_other_models_have_the_gradients_of_autograd(model: torch.nn.Module) -> None:
    params = {name: p.detach().requires_grad_() for name, p in model.named_parameters()}
    learner = Learner(model, params)
    batch = Batch((torch.eye(3), None), torch.tensor([0, 1, 1]))
    wanted = torch.autograd.grad(learner.loss(batch), list(params.values()))
    for found, other in zip(learner.grads(batch).values(), wanted, strict=True):
        torch.testing.assert_close(found, other)


def test_soft_labels_of_another_precision() -> None:
    model, y = SGC(3, 4, 2), torch.rand(3, 2, dtype=torch.float64)
    params = {name: p.detach().requires_grad_() for name, p in model.named_parameters()}
    learner, inputs = Learner(model, params), (torch.eye(3), None)
    wide, narrow = (learner.grads(Batch(inputs, one)) for one in (y, y.float()))
    for name, grad in wide.items():
        assert grad.dtype == torch.float32
        torch.testing.assert_close(grad, narrow[name])


def test_gradients_that_autograd_has_to_find() -> None:
    model = SGC(3, 4, 2)
    params = {name: p.detach().requires_grad_() for name, p in model.named_parameters()}
    x, y = torch.eye(3), torch.tensor([0, 1, 1])
    assert model.gradients_by_hand(params, Batch((x, None), y), F.cross_entropy) is not None
    sparse = Batch((x.to_sparse_csr(), None), y)
    assert model.gradients_by_hand(params, sparse, F.cross_entropy) is None
    assert model.gradients_by_hand(params, Batch((x, None), y), F.multi_margin_loss) is None
    learner = Learner(model, params)
    by_autograd = learner.grads(sparse)
    for name, grad in learner.grads(Batch((x, None), y)).items():
        torch.testing.assert_close(grad, by_autograd[name])
    assert all(
        g.requires_grad for g in learner.grads(Batch((x, None), y), create_graph=True).values()
    )
