"""Sources and structures against loops over nodes and pairs."""

from __future__ import annotations

import contextlib

import numpy as np
import pytest
import scipy.sparse as sp
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch_geometric.data import Data
from torch_geometric.nn import GCNConv

from graphcondense.core.pools import frozen
from graphcondense.data.node_reading import as_task
from graphcondense.domains.node import NodeSynthetic
from graphcondense.domains.node_source import NodeSource
from graphcondense.domains.starts import start_labelled
from graphcondense.domains.structure import Bernoulli, Fixed, PairwiseMLP
from graphcondense.ops.adjacency import (
    csr_from_edges,
    csr_tensor,
    gcn_norm_csr,
    gcn_norm_dense,
    mean_norm_csr,
    propagate_rows,
    scipy_csr,
    spmm,
)
from graphcondense.ops.budget import Budget
from graphcondense.ops.sampling import blocks
from graphcondense.ops.select import choose_herding, choose_kcenter
from tests.cases import toy_graph

RNG = torch.Generator


def pairwise_by_hand(mlp: PairwiseMLP, x: Tensor) -> Tensor:
    """The paper's formula: every ordered pair concatenated, PyTorch's own layers."""
    n = len(x)
    pairs = torch.stack([torch.cat([x[i], x[j]]) for i in range(n) for j in range(n)])
    norm1 = torch.nn.BatchNorm1d(mlp.first.out_features, track_running_stats=False).to(x)
    norm1.weight.data, norm1.bias.data = mlp.scale1.data, mlp.shift1.data
    h = torch.relu(norm1(mlp.first(pairs)))
    h = torch.relu(mlp.norm2(mlp.second(h)))
    out = mlp.last(h).view(n, n)
    adj = torch.zeros(n, n, dtype=x.dtype)
    for i in range(n):
        for j in range(n):
            if i != j:
                adj[i, j] = torch.sigmoid((out[i, j] + out[j, i]) / 2)
    return adj


def test_edges_are_made_once_for_training_and_the_match_after_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    made, forward = [], PairwiseMLP.forward
    monkeypatch.setattr(PairwiseMLP, "forward", lambda *args: made.append(0) or forward(*args))
    x, mlp = torch.randn(6, 4), PairwiseMLP(4, 5)
    syn = NodeSynthetic(x, torch.arange(6) // 2, mlp, num_classes=3)
    own = NodeSynthetic(x, torch.arange(6) // 2, mlp, num_classes=3)

    def slopes(of: NodeSynthetic) -> tuple[Tensor, ...]:
        used = [of.x, mlp.first.weight, mlp.second.weight, mlp.last.weight]
        return torch.autograd.grad(of.batch().inputs[1].square().sum(), used)

    want = slopes(own)
    for again in range(2):
        made.clear()
        lessons = [frozen(syn).inputs[1] for _ in range(2)]
        assert all(torch.equal(a, b) for a, b in zip(slopes(syn), want, strict=True)), again
        assert len(made) == 1
        assert all(torch.equal(lesson, own.batch().inputs[1]) for lesson in lessons)
        assert not any(lesson.requires_grad for lesson in lessons)
    before = frozen(syn).inputs[1]
    with torch.no_grad():
        syn.x.mul_(2)
    assert not torch.equal(syn.batch().inputs[1], before)
    frozen(syn)
    mlp.requires_grad_(False)
    assert not any(p.requires_grad for p in mlp.parameters())
    syn.batch().inputs[1].sum().backward()
    assert mlp.second.weight.grad is None
    assert syn.x.grad is not None


def test_edges_beside_a_batch_are_made_once_where_both_are_wanted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """One gradient of both is that of edges made for each; afterwards nothing of it is left."""
    made, forward = [], PairwiseMLP.forward
    monkeypatch.setattr(PairwiseMLP, "forward", lambda *args: made.append(0) or forward(*args))
    torch.manual_seed(0)
    x, mlp = torch.randn(6, 4), PairwiseMLP(4, 5)
    syn = NodeSynthetic(x, torch.arange(6) // 2, mlp, num_classes=3)
    used = [syn.x, mlp.first.weight, mlp.last.weight]
    each = syn.batch().inputs[1].square().sum() + syn.edges().exp().sum()
    want = torch.autograd.grad(each, used)
    assert len(made) == 2
    for again in range(2):
        made.clear()
        frozen(syn)  # as a network is trained in between
        with syn.once():
            loss = syn.batch().inputs[1].square().sum()
            loss = loss + syn.edges().exp().sum()
        found = torch.autograd.grad(loss, used)
        assert len(made) == 1, again
        torch.testing.assert_close(found, want)
    plain = NodeSynthetic(x, torch.arange(6) // 2, num_classes=3)
    assert plain.edges() is None
    with torch.no_grad():
        made.clear()
        assert torch.equal(syn.edges(), mlp(syn.x))
        _ = syn.batch(), syn.edges()
    assert len(made) == 2


def test_pairwise_mlp_is_the_papers_formula() -> None:
    rng = RNG().manual_seed(0)
    mlp = PairwiseMLP(4, 6, bias=-1.0).double()
    mlp.reset_(rng)
    mlp.scale1.data = 1 + 0.1 * torch.randn(6, generator=rng, dtype=torch.float64)
    mlp.shift1.data = 0.1 * torch.randn(6, generator=rng, dtype=torch.float64)
    x = torch.randn(5, 4, generator=rng, dtype=torch.float64, requires_grad=True)
    ours, theirs = mlp(x), pairwise_by_hand(mlp, x)
    torch.testing.assert_close(ours, theirs)
    weight = torch.randn(5, 5, generator=rng, dtype=torch.float64)
    for a, b in zip(
        torch.autograd.grad((ours * weight).sum(), [x, *mlp.parameters()], allow_unused=True),
        torch.autograd.grad((theirs * weight).sum(), [x, *mlp.parameters()], allow_unused=True),
        strict=False,
    ):
        if b is not None:  # A bias before a batch norm cancels: ours says so by having none.
            torch.testing.assert_close(
                torch.zeros_like(b) if a is None else a, b, atol=1e-9, rtol=1e-6
            )


def test_uncoupled_structure_sends_no_gradient_to_the_features() -> None:
    mlp = PairwiseMLP(4, 6, coupled=False)
    mlp.reset_(RNG().manual_seed(0))
    x = torch.randn(5, 4, requires_grad=True)
    assert torch.autograd.grad(mlp(x).sum(), x, allow_unused=True) == (None,)


def test_bernoulli_is_symmetric_redrawn_and_hard_at_export() -> None:
    edges = Bernoulli(5, temperature=0.5)
    edges.logits.data = torch.linspace(-3, 3, 10)
    rng = RNG().manual_seed(0)
    edges.draw(rng)
    one = edges(torch.zeros(5, 1))
    edges.draw(rng)
    two = edges(torch.zeros(5, 1))
    assert torch.equal(one, one.T)
    assert not torch.equal(one, two)
    assert bool((one.diagonal() == 0).all())
    i, j = edges.pairs[:, 9]
    expected = torch.sigmoid((edges.noise[9] + 3) / 0.5)
    assert float(two[i, j].detach()) == pytest.approx(float(expected.detach()))
    assert set(edges.hard(torch.zeros(5, 1), 0.5).flatten().tolist()) == {0.0, 1.0}
    # The share of draws above one half is the probability itself.
    draws = []
    for _ in range(400):
        edges.draw(rng)
        draws.append(edges(torch.zeros(5, 1))[i, j] > 0.5)
    assert float(torch.stack(draws).float().mean()) == pytest.approx(0.953, abs=0.04)


def test_export_keeps_direction_and_weight() -> None:
    adj = torch.tensor([[0.0, 0.5, 0.0], [0.0, 0.0, 0.0], [0.2, 0.0, 0.0]])
    y = torch.tensor([0, 1, 2])
    syn = NodeSynthetic(torch.eye(3), y, Fixed(adj), threshold=0.3, num_classes=3)
    small = syn.export()
    # A[0, 1] is the edge 1 -> 0; the weight 0.2 is under the threshold.
    assert small.edge_index.tolist() == [[1], [0]]
    assert small.edge_weight.tolist() == [0.5]
    again = as_task(small).adj.toarray()
    np.testing.assert_allclose(again, np.where(adj.numpy() > 0.3, adj.numpy(), 0))


@pytest.mark.parametrize("weighted", [False, True])
def test_gcn_norm_is_pygs(weighted: bool) -> None:
    data = toy_graph(n=30)
    weight = torch.rand(data.num_edges) if weighted else None
    directed = data.edge_index[:, ::2]
    weight = None if weight is None else weight[::2]
    conv = GCNConv(12, 12, bias=False)
    conv.lin.weight.data = torch.eye(12)
    expected = conv(data.x, directed, weight)
    norm = gcn_norm_csr(csr_from_edges(directed, weight, 30))
    torch.testing.assert_close(csr_tensor(norm) @ data.x, expected, atol=1e-5, rtol=1e-5)


def test_dense_norm_is_the_sparse_one() -> None:
    rng = RNG().manual_seed(0)
    adj = torch.rand(6, 6, generator=rng).triu(1)
    adj = adj + adj.T
    expected = gcn_norm_csr(sp.csr_matrix(adj.numpy())).toarray()
    np.testing.assert_allclose(gcn_norm_dense(adj).numpy(), expected, atol=1e-6)


def test_mean_norm_rows_sum_to_one_or_zero() -> None:
    adj = sp.csr_matrix(np.array([[0, 2.0, 1.0], [0, 0, 0], [1.0, 0, 0]], dtype=np.float32))
    np.testing.assert_allclose(np.asarray(mean_norm_csr(adj).sum(1)).ravel(), [1, 0, 1])


@pytest.mark.parametrize("sparse", [False, True])
def test_propagated_rows(sparse: bool) -> None:
    task = as_task(toy_graph())
    x = sp.csr_matrix(task.x_array) if sparse else task.x_array
    rows = np.array([3, 50, 7])
    expected = np.linalg.matrix_power(task.gcn_adj.toarray(), 3) @ task.x_array
    got = propagate_rows(task.gcn_adj, x, 3, rows)
    np.testing.assert_allclose(got, expected[rows], atol=1e-5)


def test_spmm_folds_trailing_dimensions() -> None:
    adj = csr_tensor(as_task(toy_graph(n=20)).gcn_adj)
    x = torch.randn(20, 3, 4)
    torch.testing.assert_close(spmm(adj, x), torch.einsum("ij,jkl->ikl", adj.to_dense(), x))
    assert spmm(None, x) is x


def test_torch_and_scipy_round_trip_without_touching_the_input() -> None:
    matrix = sp.csr_matrix(([1.0, 2.0], [2, 0], [0, 2, 2]), shape=(2, 3))
    before = matrix.indices.copy()
    assert np.array_equal(scipy_csr(csr_tensor(matrix)).toarray(), matrix.toarray())
    assert np.array_equal(matrix.indices, before)


@given(st.integers(0, 500), st.integers(0, 3))
@settings(max_examples=20, deadline=None)
def test_exact_blocks(seed: int, hops: int) -> None:
    rng = np.random.default_rng(seed)
    adj = sp.random(15, 15, 0.2, format="csr", random_state=rng, dtype=np.float64)
    rows = rng.choice(15, 4, replace=False)
    operators, nodes = blocks(adj, rows, hops)
    x = rng.normal(size=(15, 2))
    out = x[nodes]
    for operator in operators:
        out = operator @ out
    np.testing.assert_allclose(out, (np.linalg.matrix_power(adj.toarray(), hops) @ x)[rows])


def test_sampled_blocks_are_right_on_average() -> None:
    adj = sp.csr_matrix(np.ones((1, 10)))
    square = sp.vstack([adj, sp.csr_matrix((9, 10))]).tocsr()
    x = np.arange(10.0)
    means = []
    for seed in range(400):
        (operator,), nodes = blocks(square, np.array([0]), 1, fanout=3, seed=seed)
        assert operator.nnz == 3
        means.append(float((operator @ x[nodes])[0]))
    assert np.mean(means) == pytest.approx(45, abs=2)


def test_source_holds_no_label_outside_training() -> None:
    task = as_task(toy_graph())
    source = NodeSource(task)
    known = (source.task.y >= 0).nonzero().flatten()
    assert torch.equal(known, task.train.sort().values)
    assert len(source.task.val) == len(source.task.test) == 0


def test_inductive_source_is_the_training_subgraph() -> None:
    task = as_task(toy_graph())
    source = NodeSource(task, "inductive")
    assert source.num_examples == len(task.train)
    train = task.train.numpy()
    expected = gcn_norm_csr(task.adj[train][:, train]).toarray()
    np.testing.assert_allclose(source.task.gcn_adj.toarray(), expected, atol=1e-6)
    with pytest.raises(ValueError, match="setting='half'"):
        NodeSource(task, "half")  # type: ignore[arg-type]


@given(
    st.lists(st.integers(1, 60), min_size=1, max_size=8),
    st.data(),
    st.sampled_from(["remainder", "floor", "equal", "root"]),
)
@settings(max_examples=150, deadline=None)
def test_allocation_properties(counts: list[int], data: st.DataObject, rule: str) -> None:
    c = torch.tensor(counts)
    n = data.draw(st.integers(len(counts), sum(counts)))
    budget = Budget(nodes=n, rule=rule)  # type: ignore[arg-type]
    if rule == "equal" and -(-n // len(counts)) > min(counts):
        with contextlib.suppress(ValueError):  # some small class may be asked for too much
            assert bool((budget.allocate(c, sum(counts)) <= c).all())
        return
    got = budget.allocate(c, sum(counts))
    assert int(got.min()) >= 1
    assert bool((got <= c).all())
    assert int(got.sum()) <= n
    if rule != "floor":
        assert int(got.sum()) == n


def test_rules_differ_as_published() -> None:
    counts = torch.tensor([351, 217, 418, 818, 426, 298, 180])  # Cora's classes
    shares = {
        rule: Budget(nodes=70, rule=rule).allocate(counts, 2708).tolist()  # type: ignore[arg-type]
        for rule in ("remainder", "floor", "equal", "root")
    }
    assert shares["remainder"] == [9, 5, 10, 24, 11, 7, 4]
    assert shares["floor"] == [9, 5, 10, 21, 11, 7, 4]
    assert shares["equal"] == [10] * 7
    assert shares["root"] == [10, 8, 10, 15, 11, 9, 7]


@pytest.mark.parametrize(
    ("nodes", "shares"),
    [(3, [1, 1, 1]), (4, [1, 2, 1]), (5, [1, 2, 2]), (7, [2, 3, 2]), (8, [2, 3, 3])],
)
def test_equal_shares_give_the_rest_to_the_largest_classes(nodes, shares):
    counts = torch.tensor([10, 40, 30])
    assert Budget(nodes=nodes, rule="equal").allocate(counts, 100).tolist() == shares


def test_ratio_of_labelled_and_of_all() -> None:
    counts = torch.full((7,), 20)
    assert int(Budget(ratio=0.5).allocate(counts, 2708).sum()) == 70
    assert int(Budget(ratio=0.026, of="all").allocate(counts, 2708).sum()) == 70


def test_herding_follows_the_mean() -> None:
    x = torch.tensor([[0.0], [1.0], [2.0], [10.0], [-3.0]])
    # By hand: mean 2; w = 2, 2 + 2 - 10 = -6, -6 + 2 + 3 = -1.
    assert choose_herding(x, 3, RNG()).tolist() == [3, 4, 0]


def test_kcenter_takes_the_farthest() -> None:
    x = torch.tensor([[0.0], [1.0], [2.0], [10.0], [-3.0]])
    # Nearest to the mean 2 is row 2; farthest from it row 3; then row 4.
    assert choose_kcenter(x, 3, RNG()).tolist() == [2, 3, 4]


def test_centres_far_from_the_origin_keep_their_labels() -> None:
    n, rng = 90, torch.Generator().manual_seed(0)
    part = torch.arange(n) % 3
    x = torch.randn(n, 4, generator=rng) * 0.2 + 3 * torch.eye(3, 4)[part]
    data = Data(
        edge_index=torch.tensor([[0, 1], [1, 0]]),
        y=torch.eye(3)[part][:, :2] + 0.01 * torch.randn(n, 2, generator=rng),
        train_mask=torch.arange(n) < 60,
        val_mask=(torch.arange(n) >= 60) & (torch.arange(n) < 75),
        test_mask=torch.arange(n) >= 75,
    )
    found = []
    for shift in (0, 100_000):
        source = NodeSource(as_task(data.clone().update({"x": x + shift}), metric="mae"))
        sizes, rng = torch.tensor([3]), RNG().manual_seed(0)
        labels = start_labelled(source, sizes, "kmeans", 0, rng)[1]
        found.append(labels[labels[:, 0].argsort()])
    torch.testing.assert_close(found[1], found[0], atol=0.05, rtol=0)
