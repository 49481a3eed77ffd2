"""The structure-based NTK against loops by hand, wide networks, and what it is equal to."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor
from torch.func import jacrev

from graphcondense.kernels.ntk import FullyConnected
from graphcondense.kernels.sntk import SNTK, Field
from graphcondense.ops.adjacency import csr_tensor, gcn_norm_dense, scipy_csr
from graphcondense.ops.sampling import blocks


def graph(n: int, seed: int, d: int = 4) -> tuple[Tensor, Tensor]:
    """Features and a normalised adjacency of weighted edges, in float64."""
    rng = torch.Generator().manual_seed(seed)
    weight = torch.rand(n, n, generator=rng, dtype=torch.float64)
    upper = (weight * (torch.rand(n, n, generator=rng) < 0.4)).triu(1)
    x = torch.randn(n, d, generator=rng, dtype=torch.float64)
    return x, gcn_norm_dense(upper + upper.T)


def by_hand(x: Tensor, adj: Tensor, kernel: SNTK) -> tuple[list[list[float]], list[list[float]]]:
    """Covariance and NTK of all pairs of one graph, in Python floats."""
    n, d = x.shape
    a = adj.tolist()
    sigma = [[2 * float(x[i] @ x[j]) / d for j in range(n)] for i in range(n)]
    theta = [row[:] for row in sigma]

    def aggregated(k: list[list[float]]) -> list[list[float]]:
        return [
            [sum(a[i][u] * a[j][v] * k[u][v] for u in range(n) for v in range(n)) for j in range(n)]
            for i in range(n)
        ]

    for _ in range(kernel.blocks):
        for _ in range(kernel.hops):
            sigma, theta = aggregated(sigma), aggregated(theta)
        if kernel.scaled:
            c = [math.sqrt(2 / sigma[i][i]) for i in range(n)]
            sigma, theta = (
                [[c[i] * c[j] * k[i][j] for j in range(n)] for i in range(n)]
                for k in (sigma, theta)
            )
        for _ in range(kernel.num_layers):
            new_sigma = [row[:] for row in sigma]
            for i in range(n):
                for j in range(n):
                    norm = math.sqrt(sigma[i][i] * sigma[j][j])
                    angle = math.acos(max(-1.0, min(1.0, sigma[i][j] / norm)))
                    new_sigma[i][j] = (
                        norm * (math.sin(angle) + (math.pi - angle) * math.cos(angle)) / math.pi
                    )
                    theta[i][j] = theta[i][j] * (math.pi - angle) / math.pi + new_sigma[i][j]
            sigma = new_sigma
    return sigma, theta


@pytest.mark.parametrize("scaled", [True, False])
@pytest.mark.parametrize(("hops", "layers", "count"), [(2, 1, 1), (1, 2, 2), (2, 1, 2), (1, 1, 3)])
def test_by_hand(hops: int, layers: int, count: int, scaled: bool) -> None:
    """Between two graphs: what loops give on both of them beside each other."""
    (x, adj), (y, other) = graph(5, 0), graph(4, 1)
    ntk = SNTK(hops, layers, count, scaled)
    nngp = SNTK(hops, layers, count, scaled, kind="nngp")
    whole = by_hand(torch.cat([x, y]), torch.block_diag(adj, other), ntk)
    for kernel, wanted in ((nngp, whole[0]), (ntk, whole[1])):
        a, b = kernel.embed(x, adj), kernel.embed(y, other)
        wanted_tensor = torch.tensor(wanted, dtype=torch.float64)
        torch.testing.assert_close(kernel(a, b), wanted_tensor[:5, 5:])
        # The cosine of a row with itself is one but for roundings, where arccos is steep.
        torch.testing.assert_close(kernel(a, a), wanted_tensor[:5, :5], rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("count", [1, 2])
def test_some_nodes_see_what_they_see_in_the_whole_graph(count: int) -> None:
    """Blocks of a sparse graph, where five nodes do not see all."""
    n = 60
    x = torch.randn(n, 3, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    path = torch.diag(torch.ones(n - 1, dtype=torch.float64), 1)
    adj = gcn_norm_dense(path + path.T)
    small, own = graph(4, 3, d=3)
    kernel = SNTK(hops=2, num_layers=2, blocks=count)
    rows = torch.tensor([3, 30, 17, 4, 59])
    operators, seen = blocks(scipy_csr(adj), rows.numpy(), 2 * count)
    assert len(seen) < n
    some = kernel.embed(x[seen], tuple(csr_tensor(o, dtype=torch.float64) for o in operators))
    whole = kernel.embed(x, csr_tensor(scipy_csr(adj), dtype=torch.float64))
    support = kernel.embed(small, own)
    torch.testing.assert_close(kernel(some, support), kernel(whole, support)[rows])
    assert kernel.embed(some) is some


def test_one_block_is_an_mlp_on_aggregated_features() -> None:
    x, adj = graph(6, 4)
    plain, kernel = FullyConnected(2), SNTK(hops=3, num_layers=2, scaled=False)
    rows = plain.embed(torch.linalg.matrix_power(adj, 3) @ x)
    own = kernel.embed(x, adj)
    torch.testing.assert_close(kernel(own, own), plain(rows, rows))
    alone = SNTK(hops=3, num_layers=2, scaled=False)
    torch.testing.assert_close(alone(*[alone.embed(x)] * 2), plain(*[plain.embed(x)] * 2))


def test_it_is_the_ntk_of_a_wide_network() -> None:
    """Two graph layers and a dense one, 600 wide: the mean over eight draws is within 3 %."""
    x, adj = (t.float() for t in graph(5, 5))
    rng, width, d = torch.Generator().manual_seed(0), 600, x.shape[1]

    def network(first: Tensor, second: Tensor, last: Tensor) -> Tensor:
        h = (adj @ x @ first * (2 / d) ** 0.5).relu()
        h = (adj @ h @ second * (2 / width) ** 0.5).relu()
        return h @ last * (2 / width) ** 0.5

    found = torch.zeros(5, 5)
    for _ in range(8):
        shapes = ((d, width), (width, width), (width,))
        weights = [torch.randn(*shape, generator=rng) for shape in shapes]
        for part in jacrev(network, argnums=(0, 1, 2))(*weights):
            found += part.flatten(1) @ part.flatten(1).T / 8
    kernel = SNTK(hops=1, num_layers=1, blocks=2, scaled=False)
    wanted = kernel(*[kernel.embed(x, adj)] * 2)
    assert float((found - wanted).norm() / wanted.norm()) < 0.03
    assert float((found - wanted).abs().max() / wanted.max()) < 0.06


@pytest.mark.parametrize("count", [1, 2])
@pytest.mark.parametrize("scaled", [True, False])
def test_gradient(count: int, scaled: bool) -> None:
    """In the features and the adjacency of one side, off the diagonal."""
    (x, adj), (y, other) = graph(4, 6), graph(3, 7)
    kernel = SNTK(hops=2, num_layers=1, blocks=count, scaled=scaled)
    seen = kernel.embed(y, other)

    def cross(features: Tensor, step: Tensor) -> Tensor:
        return kernel(kernel.embed(features, step), seen)

    assert torch.autograd.gradcheck(cross, (x.requires_grad_(), adj.requires_grad_()))


def test_a_row_of_zeros_is_orthogonal_to_all() -> None:
    x, _ = graph(3, 8)
    x[1] = 0
    kernel = SNTK(hops=0, num_layers=0)
    gram = kernel(*[kernel.embed(x.requires_grad_())] * 2)
    gram.sum().backward()
    assert gram[1].tolist() == [0.0, 0.0, 0.0]
    assert bool(torch.isfinite(x.grad).all())


def test_scaled_rows_have_length_one() -> None:
    x, adj = graph(5, 9)
    kernel = SNTK(hops=2, num_layers=3, kind="nngp")
    own = kernel.embed(7 * x, adj)
    assert isinstance(own, Field)
    torch.testing.assert_close(kernel(own, own).diagonal(), torch.full((5,), 2.0).double())
    torch.testing.assert_close(kernel(own, own), kernel(*[kernel.embed(x, adj)] * 2))


def test_errors() -> None:
    for field in ("hops", "num_layers", "blocks"):
        with pytest.raises(ValueError, match=f"{field} must be at least"):
            SNTK(**{field: -1})
    with pytest.raises(ValueError, match="kind='gp'"):
        SNTK(kind="gp")  # type: ignore[arg-type]
    x, adj = graph(3, 0)
    with pytest.raises(ValueError, match="2 blocks of 2 hops need 4 operators, got 3"):
        SNTK(2, 1, 2).embed(x, (adj, adj, adj))
