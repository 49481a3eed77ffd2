"""The stacked models compute what PyG's layers compute, seed by seed."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse as sp
import torch
from torch import Tensor, nn
from torch_geometric import nn as pyg

from graphcondense.nn import batched
from graphcondense.nn.batched import GAT, MODELS, Sparse, Stacked, resolve

N, D, HIDDEN, C = 12, 6, 16, 3
SEEDS = (3, 8)
LIKE = torch.empty(0, dtype=torch.float64)


def graph(weighted: bool = True, edges: int = 40) -> tuple[np.ndarray, sp.csr_matrix]:
    rng = np.random.default_rng(0)
    adj = sp.random_array((N, N), density=edges / N**2, rng=rng, format="csr")
    adj = (adj - sp.diags_array(adj.diagonal())).tocsr()
    adj.eliminate_zeros()
    adj.data = adj.data + 0.5 if weighted else np.ones_like(adj.data)
    return rng.standard_normal((N, D)), sp.csr_matrix(adj)


def build(name: str, seeds=SEEDS, dropout: float = 0.5, layers: int = 2) -> Stacked:
    return MODELS[name](
        D, HIDDEN, C, num_layers=layers, dropout=dropout, seeds=seeds, dtype=torch.float64
    )


def put(target: nn.Parameter, value: Tensor) -> None:
    assert target.numel() == value.numel()
    target.data = value.detach().clone().reshape(target.shape)


class Pair:
    """A stacked parameter and the PyG parameters holding the same numbers, one per seed."""

    def __init__(self, stacked: nn.Parameter, transpose: bool = False) -> None:
        self.stacked, self.transpose, self.parts = stacked, transpose, []

    def into(self, part: nn.Parameter, seed: int) -> None:
        value = self.stacked[seed]
        put(part, value.T if self.transpose else value)
        self.parts.append(part)

    def check(self) -> None:
        for mine, part in zip(self.stacked.grad, self.parts, strict=True):
            theirs = part.grad.T if self.transpose else part.grad
            torch.testing.assert_close(mine, theirs.reshape(mine.shape))


class Gat(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.a = pyg.GATConv(D, HIDDEN // 8, heads=8)
        self.b = pyg.GATConv(HIDDEN, C, heads=1)

    def forward(self, x, edges, weight):
        assert weight is None
        return self.b(torch.nn.functional.elu(self.a(x, edges)), edges)


class Sage(nn.Module):
    """PyG's SAGEConv takes no weights: its mean over parallel edges stands for integer ones."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b = pyg.SAGEConv(D, HIDDEN), pyg.SAGEConv(HIDDEN, C)

    def forward(self, x, edges, weight):
        if weight is not None:
            edges = edges.repeat_interleave(weight.long(), dim=1)
        return self.b(self.a(x, edges).relu(), edges)


class Gcn(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.a, self.b = pyg.GCNConv(D, HIDDEN), pyg.GCNConv(HIDDEN, C)

    def forward(self, x, edges, weight):
        return self.b(self.a(x, edges, weight).relu(), edges, weight)


class Sgc(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.a = pyg.SGConv(D, C, K=2)

    def forward(self, x, edges, weight):
        return self.a(x, edges, weight)


class Mlp(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.mlp = pyg.MLP([D, HIDDEN, C], norm=None)

    def forward(self, x, edges, weight):
        return self.mlp(x)


class Appnp(Mlp):
    def forward(self, x, edges, weight):
        return pyg.APPNP(K=10, alpha=0.1)(self.mlp(x), edges, weight)


REFERENCE = {"GCN": Gcn, "SGC": Sgc, "APPNP": Appnp, "SAGE": Sage, "GAT": Gat, "MLP": Mlp}


def pairs(name: str, model: Stacked, references: list[nn.Module]) -> list[Pair]:
    """Copy the stacked parameters into one PyG model a seed."""
    linear = {
        "GCN": lambda r: [(r.a.lin.weight, r.a.bias), (r.b.lin.weight, r.b.bias)],
        "SGC": lambda r: [(r.a.lin.weight, r.a.lin.bias)],
        "MLP": lambda r: [(layer.weight, layer.bias) for layer in r.mlp.lins],
        "APPNP": lambda r: [(layer.weight, layer.bias) for layer in r.mlp.lins],
        "SAGE": lambda r: [(c.lin_l.weight, c.lin_l.bias) for c in (r.a, r.b)],
        "GAT": lambda r: [(c.lin.weight, c.bias) for c in (r.a, r.b)],
    }[name]
    weights = [model.weight] if name == "SGC" else list(model.weights)
    biases = [model.bias] if name == "SGC" else list(model.biases)
    out = []
    for i, (weight, bias) in enumerate(zip(weights, biases, strict=True)):
        w, b = Pair(weight, transpose=True), Pair(bias)
        for s, reference in enumerate(references):
            w.into(linear(reference)[i][0], s)
            b.into(linear(reference)[i][1], s)
        out += [w, b]
    extra = {
        "SAGE": [("roots", "lin_r.weight", True)],
        "GAT": [("from_source", "att_src", False), ("from_target", "att_dst", False)],
    }.get(name, [])
    for mine, theirs, transpose in extra:
        for i, layer in enumerate("ab"):
            pair = Pair(getattr(model, mine)[i], transpose)
            for s, reference in enumerate(references):
                pair.into(reference.get_parameter(f"{layer}.{theirs}"), s)
            out.append(pair)
    return out


def layout(monkeypatch, kind: str) -> None:
    """Force every operator to one layout; the choice is about speed alone."""
    if kind == "csr":
        monkeypatch.setattr(batched, "operator", force_sparse)
        monkeypatch.setattr(
            batched,
            "_first_step",
            lambda a, x, like: (force_sparse(x, like), force_sparse(a, like)),
        )
        monkeypatch.setattr(batched, "SMALL", 0)
        monkeypatch.setattr(batched, "DENSE_GAIN", 0)


def force_sparse(matrix, like):
    return Sparse(sp.csr_matrix(matrix), like)


@pytest.mark.parametrize("kind", ["dense", "csr"])
@pytest.mark.parametrize("rows", ["all", "some"])
@pytest.mark.parametrize("weighted", [True, False])
@pytest.mark.parametrize("name", MODELS)
def test_outputs_and_gradients_equal_pyg(name, weighted, rows, kind, monkeypatch):
    layout(monkeypatch, kind)
    x, adj = graph(weighted)
    if name == "SAGE" and weighted:
        adj.data = np.ceil(adj.data * 2)
    if name == "GAT":
        adj.data[:] = 1  # weights have a test of their own: PyG's layer takes none
    model = build(name, dropout=0.0)
    references = [REFERENCE[name]().double() for _ in SEEDS]
    checks = pairs(name, model, references)
    for bias in (p for n, p in model.named_parameters() if "bias" in n):
        assert bias.shape[1] == 1
    wanted = np.arange(N) if rows == "all" else np.array([7, 2, 5])
    out = model(*model.prepare(x, adj, wanted, 2, LIKE))
    coo = adj.tocoo()
    edges = torch.from_numpy(np.stack([coo.col, coo.row]).astype(np.int64))
    weight = torch.from_numpy(coo.data) if weighted and name != "GAT" else None
    features = torch.from_numpy(x)
    expected = torch.stack([r(features, edges, weight)[wanted] for r in references])
    torch.testing.assert_close(out, expected)
    probe = torch.randn_like(out)
    (out * probe).sum().backward()
    (expected * probe).sum().backward()
    for check in checks:
        check.check()


@pytest.mark.parametrize("name", MODELS)
def test_sparse_features_give_the_same(name):
    x, adj = graph()
    x[np.abs(x) < 1] = 0
    model = build(name).eval()
    rows = np.array([1, 4])
    dense = model(*model.prepare(x, adj, rows, 2, LIKE))
    sparse = model(*model.prepare(sp.csr_matrix(x), adj, rows, 2, LIKE))
    torch.testing.assert_close(dense, sparse)


@pytest.mark.parametrize("kind", ["dense", "csr"])
def test_gat_weight_multiplies_attention(kind, monkeypatch):
    """An edge of weight 3 is three parallel edges to PyG's unweighted layer."""
    layout(monkeypatch, kind)
    x, adj = graph(weighted=False)
    adj.data[::3] = 3
    model = build("GAT", dropout=0.0)
    references = [Gat().double() for _ in SEEDS]
    pairs("GAT", model, references)
    out = model(*model.prepare(x, adj, np.arange(N), 2, LIKE))
    coo = adj.tocoo()
    edges = torch.from_numpy(np.stack([coo.col, coo.row]).astype(np.int64))
    edges = edges.repeat_interleave(torch.from_numpy(coo.data).long(), dim=1)
    expected = torch.stack([r(torch.from_numpy(x), edges, None) for r in references])
    torch.testing.assert_close(out, expected)


@pytest.mark.parametrize("name", MODELS)
def test_a_graph_without_edges_is_the_identity(name):
    x, _ = graph()
    none = sp.csr_matrix((N, N))
    model = build(name).eval()
    out = model(*model.prepare(x, none, np.arange(N), 2, LIKE))
    alone = model(*model.prepare(x[3:4], none[3:4, 3:4], np.arange(1), 2, LIKE))
    torch.testing.assert_close(out[:, 3:4], alone)
    if name in ("GCN", "MLP"):
        h = torch.relu(torch.from_numpy(x) @ model.weights[0] + model.biases[0])
        torch.testing.assert_close(out, h @ model.weights[1] + model.biases[1])


@pytest.mark.parametrize("name", MODELS)
def test_initial_weights_follow_pyg(name):
    """Same bounds: the largest of many draws, compared with PyG's own, tensor by tensor."""
    model = MODELS[name](60, 64, 40, seeds=range(4))
    sizes = {"Gcn": pyg.GCNConv, "Sage": pyg.SAGEConv}
    if name == "SGC":
        theirs = [pyg.SGConv(60, 40, K=2).lin.weight]
        mine = [model.weight]
    elif name in ("MLP", "APPNP"):
        theirs = [layer.weight for layer in pyg.MLP([60, 64, 40], norm=None).lins]
        mine = list(model.weights)
    elif name == "GAT":
        layers = [pyg.GATConv(60, 8, heads=8), pyg.GATConv(64, 40)]
        theirs = [p for layer in layers for p in (layer.lin.weight, layer.att_src)]
        mine = [p for i in (0, 1) for p in (model.weights[i], model.from_source[i])]
    else:
        layer = sizes[name.title()]
        layers = [layer(60, 64), layer(64, 40)]
        theirs = [getattr(part, "lin", getattr(part, "lin_l", None)).weight for part in layers]
        mine = list(model.weights)
    for a, b in zip(mine, theirs, strict=True):
        torch.testing.assert_close(a.abs().max(), b.abs().max(), rtol=0.15, atol=0)
        torch.testing.assert_close(a.std(), b.std(), rtol=0.25, atol=0)
    zero = name in ("GCN", "GAT")
    biases = [model.bias] if name == "SGC" else model.biases
    assert all(bool((bias == 0).all()) == zero for bias in biases)


@pytest.mark.parametrize("name", MODELS)
def test_a_seed_alone_equals_the_seed_in_a_batch(name):
    x, adj = graph()
    together, alone = build(name, seeds=(1, 5, 9)), build(name, seeds=(5,))
    inputs = together.prepare(x, adj, np.arange(N), 2, LIKE)
    for _ in range(2):  # the second step draws other masks
        for model in (together, alone):
            model.zero_grad()
            model(*inputs).square().sum().backward()
        for mine, theirs in zip(together.parameters(), alone.parameters(), strict=True):
            torch.testing.assert_close(mine[1:2], theirs)
            torch.testing.assert_close(mine.grad[1:2], theirs.grad)
    assert not torch.equal(together(*inputs)[0], together(*inputs)[1])


def test_dropout_keeps_the_mean_and_the_share():
    model = build("GCN", dropout=0.3)
    h = model._drop(torch.ones(2, 1000, 33, dtype=torch.float64))
    assert abs(float((h == 0).double().mean()) - 0.3) < 0.01
    assert abs(float(h.mean()) - 1) < 0.01
    assert not torch.equal(h[0], h[1])
    assert not torch.equal(h, model._drop(torch.ones_like(h)))
    assert torch.equal(model.eval()._drop(h), h)


def test_three_layers_and_restricted_rows_agree():
    x, adj = graph(edges=15)
    for name in ("GCN", "SAGE", "GAT"):
        model = build(name, layers=3).eval()
        full = model(*model.prepare(x, adj, np.arange(N), 3, LIKE))
        part = model(*model.prepare(x, adj, np.array([9, 0]), 3, LIKE))
        torch.testing.assert_close(full[:, [9, 0]], part)


def test_wrong_arguments_say_what_is_wrong():
    with pytest.raises(ValueError, match="GCN"):
        resolve("GCNN")
    with pytest.raises(ValueError, match="8 heads"):
        GAT(4, 12, 3)
    with pytest.raises(ValueError, match="dropout"):
        build("GCN", dropout=1.0)
    assert resolve("gat") is GAT
    assert all(model.edge_weights for model in MODELS.values())
