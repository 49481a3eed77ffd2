"""The graph NTK against hand loops, the full GNTK, and a wide network; both forms of graphs."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

import graphcondense.kernels.graph as module
from graphcondense.kernels.graph import GraphNTK, NodeStates
from graphcondense.nn.graph_layouts import DenseGraphs, SparseGraphs
from graphcondense.ops.adjacency import gcn_norm_dense

SIZES = (3, 1, 5, 2)


def graphs(seed: int = 0) -> tuple[list[Tensor], list[Tensor]]:
    """Features and adjacencies; the second has a single node, some nodes are isolated."""
    rng = torch.Generator().manual_seed(seed)
    xs = [torch.randn(n, 4, generator=rng, dtype=torch.float64) for n in SIZES]
    upper = [(torch.rand(n, n, generator=rng) < 0.5).triu(1).double() for n in SIZES]
    return xs, [a + a.T for a in upper]


def packed(xs: list[Tensor], adjs: list[Tensor]) -> tuple[Tensor, SparseGraphs]:
    x, ptr = torch.cat(xs), torch.tensor([0, *SIZES]).cumsum(0)
    edges = [a.nonzero().T + start for a, start in zip(adjs, ptr.tolist(), strict=False)]
    return x, SparseGraphs(torch.cat(edges, 1), ptr, like=x)


def padded(xs: list[Tensor], adjs: list[Tensor]) -> tuple[Tensor, DenseGraphs]:
    n = max(SIZES)
    x = torch.zeros(len(SIZES), n, 4, dtype=torch.float64)
    adj = torch.zeros(len(SIZES), n, n, dtype=torch.float64)
    for k, size in enumerate(SIZES):
        x[k, :size], adj[k, :size, :size] = xs[k], adjs[k]
    return x, DenseGraphs(adj, torch.arange(n) < torch.tensor(SIZES)[:, None])


def dual(product: float, a: float, b: float, layers: int) -> float:
    """The NTK of a bias-free MLP for one pair, in Python floats."""
    s = t = 2 * product
    norm = 2 * math.sqrt(a * b)
    for _ in range(layers):
        angle = math.acos(max(-1.0, min(1.0, s / norm)))
        s = norm * (math.sin(angle) + (math.pi - angle) * math.cos(angle)) / math.pi
        t = s + t * (math.pi - angle) / math.pi
    return t


def by_hand(
    xs: list[Tensor], adjs: list[Tensor], how: str, hops: int, layers: int, readout: str
) -> Tensor:
    states = []
    for x, adj in zip(xs, adjs, strict=True):
        step = adj + torch.eye(len(adj))
        if how == "gcn":
            step = gcn_norm_dense(adj[None])[0]
        if how == "mean":
            step = adj / adj.sum(1, keepdim=True).clamp_min(1) + torch.eye(len(adj))
        states.append(torch.linalg.matrix_power(step, hops) @ x)
    out = torch.zeros(len(xs), len(xs), dtype=torch.float64)
    for i, own in enumerate(states):
        for j, other in enumerate(states):
            values = [
                dual(float(u @ v) / 4, float(u @ u) / 4, float(v @ v) / 4, layers)
                for u in own
                for v in other
            ]
            out[i, j] = sum(values) / (len(values) if readout == "mean" else 1)
    return out


@pytest.mark.parametrize("how", ["gcn", "mean", "sum"])
@pytest.mark.parametrize(
    ("layers", "hops", "readout"), [(0, 1, "sum"), (1, 2, "mean"), (3, 3, "sum")]
)
def test_equals_hand_loops_in_both_forms(how: str, layers: int, hops: int, readout: str) -> None:
    xs, adjs = graphs()
    kernel = GraphNTK(hops, layers, how, readout)  # type: ignore[arg-type]
    wanted = by_hand(xs, adjs, how, hops, layers, readout)
    a, b = kernel.embed(*packed(xs, adjs)), kernel.embed(*padded(xs, adjs))
    for one, other in ((a, a), (a, b), (b, a), (b, b)):
        # cos = 1 is met on the diagonal, where a rounding is one of the arccosine's square root.
        assert torch.allclose(kernel(one, other), wanted, rtol=1e-6)


def test_one_aggregation_is_the_full_gntk() -> None:
    """Du et al., NeurIPS 2019, one block of two layers with scaling one, as matrices of nodes."""
    xs, adjs = graphs()
    found = GraphNTK(1, 2, "sum", "sum")
    states = found.embed(*packed(xs, adjs))
    kernel = found(states, states)

    def gathered(sigma: Tensor, i: int, j: int) -> Tensor:
        left, right = (adjs[k] + torch.eye(len(adjs[k])) for k in (i, j))
        return left @ sigma @ right.T

    for i in range(len(xs)):
        for j in range(len(xs)):
            # The width is ours, d features and variance 2; the recursion is homogeneous.
            sigma = 2 * gathered(xs[i] @ xs[j].T / 4, i, j)
            theta = sigma.clone()
            norm = [(2 * gathered(xs[k] @ xs[k].T / 4, k, k)).diagonal().sqrt() for k in (i, j)]
            for _ in range(2):
                scale = norm[0][:, None] * norm[1]
                c = (sigma / scale).clamp(-1, 1)
                angle = c.acos()
                sigma = scale * (c * (math.pi - angle) + (1 - c * c).clamp_min(0).sqrt()) / math.pi
                theta = sigma + theta * (math.pi - angle) / math.pi
            assert math.isclose(float(kernel[i, j]), float(theta.sum()), rel_tol=1e-6)


def test_equals_a_very_wide_network() -> None:
    """The empirical NTK of ``f(G) = mean_u w·relu(W s_u)``."""
    xs, adjs = graphs()
    kernel = GraphNTK(2, 1, "gcn", "mean")
    states = kernel.embed(*packed(xs, adjs))
    width, rng = 60_000, torch.Generator().manual_seed(0)
    first = torch.randn(4, width, generator=rng).requires_grad_()
    last = torch.randn(width, generator=rng).requires_grad_()
    hidden = (2 / 4) ** 0.5 * states.h.float() @ first
    nodes = (2 / width) ** 0.5 * torch.relu(hidden) @ last
    own = torch.repeat_interleave(torch.tensor(SIZES))
    outs = [nodes[own == k].mean() for k in range(4)]
    rows = [torch.autograd.grad(o, (first, last), retain_graph=True) for o in outs]
    flat = torch.stack([torch.cat([g.flatten() for g in row]) for row in rows]).double()
    assert torch.allclose(flat @ flat.T, kernel(states, states), rtol=0.03, atol=0.01)


@pytest.mark.parametrize("kind", ["ntk", "nngp"])
@pytest.mark.parametrize("tile", [1, 4, 100])
def test_gradients_and_tiles(monkeypatch: pytest.MonkeyPatch, kind: str, tile: int) -> None:
    """Finite differences in features and adjacency, on the mirrored and the full form."""
    monkeypatch.setattr(module, "TILE", tile)
    xs, adjs = graphs()
    kernel = GraphNTK(1, 2, "gcn", "mean", kind)  # type: ignore[arg-type]
    x, dense = padded(xs, adjs)
    other = kernel.embed(*packed(*graphs(1)))
    weight = torch.randn(4, 4, generator=torch.Generator().manual_seed(2), dtype=torch.float64)

    def full(x: Tensor, adj: Tensor) -> Tensor:
        return kernel(kernel.embed(x, DenseGraphs(adj, dense.mask)), other)

    def mirrored(x: Tensor, adj: Tensor) -> Tensor:
        own = kernel.embed(x, DenseGraphs(adj, dense.mask))
        # The diagonal has pairs of a node with itself, where finite differences meet the pole.
        return (kernel(own, own) * weight).triu(1)

    inputs = x.requires_grad_(), (dense.adj + 0.01).requires_grad_()
    assert torch.autograd.gradcheck(full, inputs, atol=1e-5, fast_mode=True)
    assert torch.autograd.gradcheck(mirrored, inputs, atol=1e-5, fast_mode=True)


def test_mirrored_gradient_is_that_of_two_equal_sides() -> None:
    """Weights that are not symmetric, the diagonal included."""
    xs, adjs = graphs()
    kernel = GraphNTK()
    x, dense = padded(xs, adjs)
    weight = torch.randn(4, 4, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    grads = []
    for twice in (False, True):
        own = x.clone().requires_grad_()
        a = kernel.embed(own, dense)
        b = NodeStates(a.h, a.weight, a.sizes) if twice else a
        grads.append(torch.autograd.grad((kernel(a, b) * weight).sum(), own)[0])
    assert torch.allclose(grads[0], grads[1], atol=1e-6)
    assert bool(torch.isfinite(grads[0]).all())


def test_node_weights_count_in_the_readout() -> None:
    xs, adjs = graphs()
    x, plain = packed(xs, adjs)
    double = torch.ones(len(x), dtype=torch.float64)
    double[0] = 2
    heavy = SparseGraphs(
        plain.edge_index, torch.tensor([0, *SIZES]).cumsum(0), None, double, like=x
    )
    own = torch.repeat_interleave(torch.tensor(SIZES))
    for readout in ("mean", "sum"):
        kernel = GraphNTK(0, 0, "gcn", readout)
        a = kernel.embed(x, heavy)
        rows = torch.zeros(4, 4, dtype=torch.float64).index_add_(0, own, x * double[:, None])
        if readout == "mean":
            rows = rows / torch.tensor([4, 1, 5, 2])[:, None]
        assert torch.allclose(kernel(a, a), 2 * rows @ rows.T / 4)


def test_bad_fields() -> None:
    with pytest.raises(ValueError, match="num_layers must be at least 0, got -1"):
        GraphNTK(num_layers=-1)
    with pytest.raises(ValueError, match="readout='attention': choose mean or sum"):
        GraphNTK(readout="attention")  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="neither packed nor padded"):
        GraphNTK(hops=0).embed(torch.ones(2, 2), object())  # type: ignore[arg-type]
