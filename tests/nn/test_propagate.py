"""Learners over an adjacency operator: the whole graph and its blocks give the same."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse as sp
import torch

from graphcondense.core.pools import built
from graphcondense.nn.propagate import MODELS, propagate
from graphcondense.ops.adjacency import csr_tensor
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
