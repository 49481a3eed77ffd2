"""The ranking loss of LightGCN and its gradients, held to autograd through PyG's model."""

from __future__ import annotations

import pytest
import torch
from torch_geometric.nn import LightGCN as Published

from graphcondense.evaluate import pairwise
from graphcondense.evaluate.pairwise import layers_mean, length_loss, ranking_loss


@pytest.mark.parametrize("layers", [0, 1, 3])
def test_vectors_loss_and_gradient_are_those_of_pyg(
    layers: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In float64, with several blocks of pairs, of which the last is shorter."""
    monkeypatch.setattr(pairwise, "_BLOCK", 4)
    rng = torch.Generator().manual_seed(0)
    n, k = 9, 5
    dense = torch.rand(n, n, generator=rng, dtype=torch.double)
    dense = dense + dense.T  # symmetric, as the normalised operator of an undirected graph is
    torch.manual_seed(1)
    model = Published(n, k, layers, normalize=False).double()
    start = model.embedding.weight
    rows = torch.randint(n, (3, 10), generator=rng)

    powers, vectors = start, start / (layers + 1)
    for _ in range(layers):
        powers = dense @ powers
        vectors = vectors + powers / (layers + 1)
    index = dense.nonzero().T
    torch.testing.assert_close(
        model.get_embedding(index, dense[index[0], index[1]]), vectors, rtol=1e-10, atol=1e-12
    )
    u, i, j = rows
    margin = (vectors[u] * vectors[i]).sum(1) - (vectors[u] * vectors[j]).sum(1)
    ranked = -torch.nn.functional.logsigmoid(margin).mean()
    length = sum(start[row].square().sum() for row in rows) * 0.3 / 20
    (wanted,) = torch.autograd.grad(ranked + length, start)

    adj, start = dense.to_sparse_csr(), start.detach()
    found = layers_mean(adj, start, layers)
    loss, slope = ranking_loss(found, *rows)
    shorter, shrink = length_loss(start, rows, 0.3)
    torch.testing.assert_close(found, vectors.detach(), rtol=1e-10, atol=1e-12)
    torch.testing.assert_close(loss, ranked.detach(), rtol=1e-10, atol=1e-12)
    torch.testing.assert_close(shorter, length.detach(), rtol=1e-10, atol=1e-12)
    torch.testing.assert_close(
        layers_mean(adj, slope, layers) + shrink, wanted, rtol=1e-9, atol=1e-12
    )
