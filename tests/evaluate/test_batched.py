"""The stacked models compute what PyG's layers compute, seed by seed."""

from __future__ import annotations

import importlib

import numpy as np
import pytest
import scipy.sparse as sp
import torch

from graphcondense.nn.batched import GAT, MODELS, Cheb, GraphConv, Sparse, Stacked, resolve
from graphcondense.nn.batched.operators import tensor_times
from tests.nn.references import INTEGER, REFERENCES, copy, pairs, same_gradients

N, D, HIDDEN, C = 12, 6, 16, 3
SEEDS = (3, 8)
LIKE = torch.empty(0, dtype=torch.float64)


def graph(weighted: bool = True, edges: int = 40) -> tuple[np.ndarray, sp.csr_matrix]:
    """Directed, with self-loops at two nodes and nothing at node 4."""
    rng = np.random.default_rng(0)
    adj = sp.random_array((N, N), density=edges / N**2, rng=rng).toarray()
    adj[adj != 0] += 0.5
    np.fill_diagonal(adj, 0)
    adj[1, 1] = adj[7, 7] = 0.7
    adj[4] = adj[:, 4] = 0
    return rng.standard_normal((N, D)), sp.csr_matrix(adj if weighted else 1.0 * (adj != 0))


def edges_of(adj: sp.csr_matrix) -> tuple[torch.Tensor, torch.Tensor]:
    coo = adj.tocoo()
    edges = torch.from_numpy(np.stack([coo.col, coo.row]).astype(np.int64))
    return edges, torch.from_numpy(coo.data)


def build(name: str, seeds=SEEDS, dropout: float = 0.5, layers: int = 2) -> Stacked:
    kind = MODELS[name]
    activation = kind.recipe.get("activation", "relu")
    sizes = (D, HIDDEN, C, layers, dropout, activation)
    return kind(*sizes, seeds=seeds, dtype=torch.float64)


def layout(monkeypatch, kind: str) -> None:
    """Force every operator to one layout; the choice is about speed alone."""
    if kind != "csr":
        return
    package = "graphcondense.nn.batched"
    for part in ("base", "propagation", "neighbours", "attention", "deep", "transformer"):
        module = importlib.import_module(f"{package}.{part}")
        monkeypatch.setattr(module, "operator", force_sparse)
        if hasattr(module, "first_step"):
            monkeypatch.setattr(module, "first_step", both_sparse)
    operators = importlib.import_module(f"{package}.operators")
    monkeypatch.setattr(operators, "SMALL", 0)
    monkeypatch.setattr(operators, "DENSE_GAIN", 0)


def force_sparse(matrix, like):
    return Sparse(sp.csr_matrix(matrix), like)


def both_sparse(step, x, like):
    return force_sparse(x, like), force_sparse(step, like)


@pytest.mark.parametrize("kind", ["dense", "csr"])
@pytest.mark.parametrize("rows", ["all", "some"])
@pytest.mark.parametrize("weighted", [True, False])
@pytest.mark.parametrize("name", MODELS)
def test_outputs_and_gradients_equal_pyg(name, weighted, rows, kind, monkeypatch):
    layout(monkeypatch, kind)
    x, adj = graph(weighted)
    if weighted and name in INTEGER:
        adj.data = np.ceil(adj.data * 2)
    model = build(name, dropout=0.0)
    references = [REFERENCES[name](D, HIDDEN, C).double() for _ in SEEDS]
    copy(name, model, references)
    wanted = np.arange(N) if rows == "all" else np.array([7, 2, 5, 4])
    out = model(*model.prepare(x, adj, wanted, 2, LIKE))
    edges, weight = edges_of(adj)
    features = torch.from_numpy(x)
    expected = [r(features, edges, weight if weighted else None)[wanted] for r in references]
    expected = torch.stack(expected)
    if name == "SGFormer":
        out = out.log_softmax(-1)
    torch.testing.assert_close(out, expected)
    probe = torch.randn_like(out)
    (out * probe).sum().backward()
    (expected * probe).sum().backward()
    same_gradients(name, model, references)


@pytest.mark.parametrize("name", MODELS)
def test_every_parameter_is_compared_and_stacked(name):
    model = build(name)
    compared = [mine for mine, _, _ in pairs(name, model)]
    assert sorted(compared) == sorted(dict(model.named_parameters()))
    state = {**dict(model.named_parameters()), **dict(model.named_buffers())}
    assert all(len(part) == len(SEEDS) and part.dim() == 3 for part in state.values())


@pytest.mark.parametrize("name", MODELS)
def test_sparse_features_give_the_same(name):
    x, adj = graph()
    x[np.abs(x) < 1] = 0
    model = build(name).eval()
    rows = np.array([1, 4])
    dense = model(*model.prepare(x, adj, rows, 2, LIKE))
    sparse = model(*model.prepare(sp.csr_matrix(x), adj, rows, 2, LIKE))
    torch.testing.assert_close(dense, sparse)


@pytest.mark.parametrize("name", [name for name in MODELS if name != "SGFormer"])
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
    """Same bounds and spread: many draws compared with PyG's own, tensor by tensor."""
    torch.manual_seed(0)
    model = MODELS[name](60, 64, 40, seeds=range(4))
    reference = REFERENCES[name](60, 64, 40)
    for ours, theirs, _ in pairs(name, model):
        a, b = model.get_parameter(ours), reference.get_parameter(theirs)
        torch.testing.assert_close(a.abs().max(), b.abs().max(), rtol=0.15, atol=0, msg=ours)
        torch.testing.assert_close(a.std(), b.std(), rtol=0.25, atol=0, msg=ours)


@pytest.mark.parametrize("kind", ["dense", "csr"])
@pytest.mark.parametrize("name", MODELS)
def test_a_seed_alone_equals_the_seed_in_a_batch(name, kind, monkeypatch):
    layout(monkeypatch, kind)
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
        for mine, theirs in zip(together.buffers(), alone.buffers(), strict=True):
            torch.testing.assert_close(mine[1:2], theirs)
    ones = torch.ones(3, 7, 5, dtype=torch.float64)
    assert torch.equal(together._drop(ones)[1:2], alone._drop(ones[:1]))
    out = together(*inputs)
    assert not torch.equal(out[0], out[1])


@pytest.mark.parametrize("form", ["dense", "csr"])
@pytest.mark.parametrize("name", MODELS)
def test_blocks_of_rows_predict_what_the_whole_graph_does(name, form, monkeypatch):
    """Single precision, in blocks and of few rows, against double precision of all rows with
    gradients on, which makes no blocks."""
    layout(monkeypatch, form)
    x, adj = graph()
    model, wide = build(name).float(), build(name)
    model.eval(), wide.eval()
    everything = type(model).prepare(x, adj, np.arange(N), 2, torch.empty(0, dtype=torch.float64))
    wanted = wide(*everything).detach()
    monkeypatch.setattr("graphcondense.nn.batched.operators.LARGE", 0)
    monkeypatch.setattr("graphcondense.nn.batched.operators.BLOCK", 50)
    monkeypatch.setattr("graphcondense.nn.batched.operators.BAGS", 1)
    rows = np.array([5, 0, 3, 7])
    inputs = type(model).prepare(x, adj, rows, 2, torch.empty(0))
    with torch.inference_mode():
        found = model(*inputs)
    assert (found - wanted[:, rows]).abs().max() < 1e-5


def test_predicting_leaves_the_weights_as_they_are():
    """Activations overwrite states; of features that are the identity a state is the weight."""
    model = build("MLP").float()
    before = {name: value.clone() for name, value in model.named_parameters()}
    model.eval()
    with torch.inference_mode():
        model(None)
    assert all(torch.equal(before[name], value) for name, value in model.named_parameters())


@pytest.mark.parametrize("columns", [1, 7, 32, 70, 256])
def test_sums_of_embeddings_are_the_sparse_product(columns):
    matrix = sp.random(40, 30, density=0.1, format="csr", dtype=np.float32, random_state=0)
    matrix.data[0] = 0.0
    dense = torch.randn(30, columns, generator=torch.Generator().manual_seed(0))
    op = Sparse(matrix, torch.empty(0))
    wanted = torch.from_numpy(matrix.toarray()).double() @ dense.double()
    assert (tensor_times(op.csr, dense) - wanted).abs().max() < 1e-6
    empty = Sparse(sp.csr_matrix((4, 30), dtype=np.float32), torch.empty(0))
    assert not tensor_times(empty.csr, dense).any()


@pytest.mark.parametrize("name", [name for name in MODELS if name != "SGC"])
def test_dropout_acts_in_training_alone(name):
    x, adj = graph()
    model = build(name)
    inputs = model.prepare(x, adj, np.arange(N), 2, LIKE)
    assert not torch.equal(model(*inputs), model(*inputs))
    model.eval()
    assert torch.equal(model(*inputs), model(*inputs))


def test_dropout_keeps_the_mean_and_the_share():
    model = build("GCN", dropout=0.3)
    h = model._drop(torch.ones(2, 1000, 33, dtype=torch.float64))
    assert abs(float((h == 0).double().mean()) - 0.3) < 0.01
    assert abs(float(h.mean()) - 1) < 0.01
    assert not torch.equal(h[0], h[1])
    assert not torch.equal(h, model._drop(torch.ones_like(h)))
    assert torch.equal(model.eval()._drop(h), h)


@pytest.mark.parametrize("name", MODELS)
def test_three_layers_and_restricted_rows_agree(name):
    x, adj = graph(edges=15)
    model = build(name, layers=3).eval()
    for buffer in model.buffers():
        buffer.add_(torch.rand_like(buffer))
    full = model(*model.prepare(x, adj, np.arange(N), 3, LIKE))
    part = model(*model.prepare(x, adj, np.array([9, 0]), 3, LIKE))
    torch.testing.assert_close(full[:, [9, 0]], part)


@pytest.mark.parametrize("rows", [N, 2])
def test_sgc_of_many_rows_propagates_after_its_weights(rows, monkeypatch):
    x, adj = graph()
    model = build("SGC", layers=3)
    once = model.prepare(x, adj, np.arange(rows), 3, LIKE)
    monkeypatch.setattr(MODELS["SGC"], "composed", rows * D - 1)
    each = model.prepare(x, adj, np.arange(rows), 3, LIKE)
    assert (len(once[1]), len(each[1])) == (0, 3)
    torch.testing.assert_close(model(*each), model(*once))


@pytest.mark.parametrize("name", MODELS)
def test_a_recipe_names_settings_that_build_the_model(name):
    recipe = dict(MODELS[name].recipe)
    known = ("hidden", "num_layers", "lr", "weight_decay", "dropout", "activation")
    assert set(recipe) <= set(known)
    layers, hidden = recipe.get("num_layers", 2), recipe.get("hidden", 256)
    options = {key: recipe[key] for key in ("dropout", "activation") if key in recipe}
    assert MODELS[name](D, hidden, C, num_layers=layers, **options).edge_weights


def test_the_activation_is_what_its_name_says():
    x, adj = graph()
    model = MODELS["MLP"](D, HIDDEN, C, activation="tanh", seeds=SEEDS, dtype=torch.float64).eval()
    h = torch.tanh(torch.from_numpy(x) @ model.weights[0] + model.biases[0])
    out = model(*model.prepare(x, adj, np.arange(N), 2, LIKE))
    torch.testing.assert_close(out, h @ model.weights[1] + model.biases[1])
    with pytest.raises(ValueError, match="leaky_relu"):
        MODELS["MLP"](D, HIDDEN, C, activation="rellu")


def test_wrong_arguments_say_what_is_wrong():
    with pytest.raises(ValueError, match="did you mean GCN"):
        resolve("GCNN")
    with pytest.raises(ValueError, match="8 heads"):
        GAT(4, 12, 3)
    with pytest.raises(ValueError, match="dropout"):
        build("GCN", dropout=1.0)
    assert resolve("gat") is GAT
    assert resolve("chebnet") is resolve("CHEBY") is Cheb
    assert resolve("graphsage") is MODELS["SAGE"]
    assert resolve("k-gnn") is resolve("kgnn") is GraphConv
