"""Parts of the stacked models that PyG has no layer for, or only a part of."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse as sp
import torch
import torch.nn.functional as F
from torch.func import functional_call

from graphcondense.nn.batched import GCNII, H2GCN, MODELS, SGFormer, Sparse
from graphcondense.nn.batched.operators import masked_product, product
from tests.evaluate.test_batched import HIDDEN, LIKE, SEEDS, C, D, N, build, edges_of, graph, layout
from tests.nn.references import REFERENCES, copy


@pytest.mark.parametrize("kind", ["dense", "csr"])
@pytest.mark.parametrize("name", ["GAT", "GATv2"])
def test_a_weight_multiplies_attention(name, kind, monkeypatch):
    """One layer by hand: each in-neighbour counts its weight times the exponential of its logit."""
    layout(monkeypatch, kind)
    x, adj = graph()
    model = build(name, layers=1).eval()
    out = model(*model.prepare(x, adj, np.arange(N), 1, LIKE))
    weight = adj.toarray()
    np.fill_diagonal(weight, 1)
    for s in range(len(SEEDS)):
        h = torch.from_numpy(x) @ model.weights[0][s]
        if name == "GATv2":
            other = torch.from_numpy(x) @ model.weights_target[0][s] + model.shifts_target[0][s]
            h = h + model.shifts[0][s]
        for i in range(N):
            sources = weight[i].nonzero()[0]
            if name == "GAT":
                to = (h[i] * model.from_target[0][s, 0]).sum()
                logits = F.leaky_relu(h[sources] @ model.from_source[0][s, 0] + to, 0.2)
            else:
                logits = F.leaky_relu(h[sources] + other[i], 0.2) @ model.attention[0][s, 0]
            share = logits.exp() * torch.from_numpy(weight[i, sources])
            expected = share @ h[sources] / share.sum() + model.biases[0][s, 0]
            torch.testing.assert_close(out[s, i], expected)


@pytest.mark.parametrize("kind", ["dense", "csr"])
@pytest.mark.parametrize("name", ["GAT", "GATv2"])
def test_attention_dropout_keeps_the_mean(name, kind, monkeypatch):
    layout(monkeypatch, kind)
    monkeypatch.setattr(MODELS[name], "drops_input", False)
    x, adj = graph()
    model = build(name, layers=1, seeds=range(2000))
    for part in model.parameters():
        part.data[:] = part.data[:1].clone()
    inputs = model.prepare(x, adj, np.arange(N), 1, LIKE)
    with torch.no_grad():
        out, expected = model(*inputs), model.eval()(*inputs)
    assert float(out.std(0).mean()) > 0.1
    torch.testing.assert_close(out.mean(0), expected[0], atol=0.15, rtol=0)


def test_input_dropout_is_the_same_for_csr_and_dense_features():
    """No stored zero: both layouts draw the same masks, and the weights get the same gradient."""
    x = np.random.default_rng(0).standard_normal((N, D))
    results = []
    for op in (torch.from_numpy(x), Sparse(sp.csr_matrix(x), LIKE)):
        model = build("GAT", dropout=0.4)
        weight = torch.linspace(-1, 1, 2 * D * C, dtype=torch.float64).view(2, D, C)
        weight.requires_grad_()
        out = masked_product(op, model._drop, weight)
        (out * torch.arange(C)).square().sum().backward()
        results += [(out.detach(), weight.grad)]
    torch.testing.assert_close(results[0], results[1])
    assert not torch.equal(results[0][0], product(torch.from_numpy(x), weight))
    model, x = build("GAT", dropout=0.4), sp.random_array((N, D), density=0.4, format="csr")
    w = torch.randn(2, D, C, dtype=torch.float64, requires_grad=True)
    op = Sparse(sp.csr_matrix(x), LIKE)
    entries = model._drop(op.csr.values().expand(2, -1))
    dense = torch.zeros(2, N, D, dtype=torch.float64)
    rows, columns = (torch.from_numpy(part) for part in x.tocoo().coords)
    dense[:, rows.long(), columns.long()] = entries
    out = masked_product(op, lambda _: entries, w)
    torch.testing.assert_close(out, dense @ w)
    probe = torch.randn_like(out)
    (mine,) = torch.autograd.grad(out, w, probe)
    torch.testing.assert_close(mine, dense.transpose(1, 2) @ probe)


def test_input_dropout_of_the_identity_drops_rows():
    model, w = build("GAT", dropout=0.5), torch.ones(2, 500, C, dtype=torch.float64)
    out = masked_product(None, model._drop, w)
    assert set(out.unique().tolist()) == {0.0, 2.0}
    assert bool((out == out[..., :1]).all())
    assert abs(float((out == 0).double().mean()) - 0.5) < 0.1


def test_which_models_drop_their_input():
    assert {name for name, model in MODELS.items() if model.drops_input} == {
        "GAT",
        "GATv2",
        "GCNII",
    }


def test_running_statistics_follow_pyg_and_are_taken_from_the_given_state():
    x, adj = graph()
    model = build("SGFormer", dropout=0.0)
    references = [REFERENCES["SGFormer"](D, HIDDEN, C).double() for _ in SEEDS]
    copy("SGFormer", model, references)
    features, (edges, weight) = torch.from_numpy(x), edges_of(adj)
    inputs = model.prepare(x, adj, np.arange(N), 2, LIKE)
    fresh = {**dict(model.named_parameters()), **dict(model.named_buffers())}
    fresh = {name: part.detach().clone() for name, part in fresh.items()}
    before = functional_call(model.eval(), fresh, inputs)
    model.train()
    for _ in range(3):
        model(*inputs)
        for reference in references:
            reference(features, edges, weight)
    model.eval()
    out = model(*inputs)
    expected = torch.stack([r.eval()(features, edges, weight) for r in references])
    torch.testing.assert_close(out.log_softmax(-1), expected)
    assert not torch.allclose(out, before)
    torch.testing.assert_close(functional_call(model, fresh, inputs), before)
    second = {name: part[1:] for name, part in fresh.items()}
    torch.testing.assert_close(functional_call(model, second, inputs), before[1:])


def test_sgformer_sees_the_whole_graph():
    x, adj = graph()
    model = build("SGFormer").eval()
    changed = x.copy()
    changed[4] += 1  # an isolated node
    outs = [model(*model.prepare(part, adj, np.array([0]), 2, LIKE)) for part in (x, changed)]
    assert not torch.allclose(*outs)
    assert SGFormer.graph_weight < 1


def test_second_neighbourhood_of_an_unweighted_graph_counts_a_pair_once():
    """A square: its diagonals are at distance two, by two paths each."""
    square = sp.csr_matrix(np.array([[0, 1, 0, 1], [1, 0, 1, 0], [0, 1, 0, 1], [1, 0, 1, 0.0]]))
    near, far = H2GCN.neighbourhoods(square)
    np.testing.assert_allclose(near.toarray(), square.toarray() / 2)
    np.testing.assert_allclose(far.toarray(), np.eye(4)[[2, 3, 0, 1]])


def test_h2gcn_refuses_a_graph_whose_second_neighbourhood_is_too_large(monkeypatch):
    monkeypatch.setattr(H2GCN, "most_pairs", 10)
    x, adj = graph()
    with pytest.raises(ValueError, match="two hops"):
        H2GCN.prepare(x, adj, np.arange(N), 2, LIKE)


def test_gcnii_keeps_its_first_state():
    """The first state comes back in every layer: deep outputs still tell nodes apart."""
    x, adj = graph()
    model = GCNII(D, HIDDEN, C, num_layers=32, dropout=0.0, dtype=torch.float64)
    out = model(*model.prepare(x, adj, np.arange(N), 32, LIKE))[0].detach()
    assert float(out.std(0).mean()) > 0.01
