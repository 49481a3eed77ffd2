"""Sources and learnable sets of graphs."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.linear_model import Ridge
from sklearn.preprocessing import StandardScaler
from torch import Tensor
from torch_geometric.data import Data

from graphcondense.core.types import Learner
from graphcondense.data.graph_packing import pack
from graphcondense.data.graph_reading import as_graph_task
from graphcondense.data.graph_task import GraphTask
from graphcondense.domains.graph import GraphSource, GraphSynthetic, cut, most_telling, readouts
from graphcondense.methods.doscond import DosCondGraphs
from graphcondense.nn.graphs import GCN
from graphcondense.objectives.distribution import MeanMatching
from graphcondense.objectives.terms import Plus, Sparse, density
from graphcondense.ops.criteria import masked_bce, masked_mse
from graphcondense.ops.select import choose_central, choose_random
from graphcondense.saved.graph_set import GraphSet


def ring(n: int, label: int, seed: int, hub: bool = False) -> Data:
    """A cycle of ``n`` nodes, or a star."""
    rng = torch.Generator().manual_seed(seed)
    i = torch.arange(n)
    pairs = torch.stack([torch.zeros(n - 1, dtype=torch.long), i[1:]])
    if not hub:
        pairs = torch.stack([i, (i + 1) % n])
    edges = torch.cat([pairs, pairs.flip(0)], 1)
    attr = torch.rand(edges.shape[1] // 2, 2, generator=rng).repeat(2, 1)
    x = torch.rand(n, 3, generator=rng)
    return Data(x=x, edge_index=edges, edge_attr=attr, y=torch.tensor([label]))


def task(count: int = 20) -> GraphTask:
    graphs = [ring(4 + i % 3, i % 2, i, hub=bool(i % 2)) for i in range(count)]
    return as_graph_task(graphs)


def synthetic(**options: object) -> GraphSynthetic:
    real = GraphSource(task(), edge_features=bool(options.get("edge_features")))
    method = DosCondGraphs(per_class=2, **options)  # type: ignore[arg-type]
    return method.start(real, torch.Generator().manual_seed(0))


def test_untouched_graphs_are_exported_as_they_came() -> None:
    start = pack([ring(5, 0, 1), ring(4, 1, 2, hub=True), ring(3, 1, 3)])[0]
    syn = GraphSynthetic(start, torch.tensor([0, 1, 1]), 2, edge_features=True)
    for mine, given in zip(syn.export().graphs(), start.graphs(), strict=True):
        assert torch.equal(mine.x, given.x)
        assert torch.equal(mine.y, given.y)
        one = {
            tuple(e): a.tolist()
            for e, a in zip(mine.edge_index.T.tolist(), mine.edge_attr, strict=True)
        }
        two = {
            tuple(e): a.tolist()
            for e, a in zip(given.edge_index.T.tolist(), given.edge_attr, strict=True)
        }
        assert one == two


def test_relaxed_adjacency_is_binary_concrete() -> None:
    syn = synthetic(temperature=0.5)
    syn.draw(torch.Generator().manual_seed(3))
    noise = torch.rand(syn.logits.shape, generator=torch.Generator().manual_seed(3))
    adj = syn.graphs().adj
    assert torch.equal(adj, adj.transpose(1, 2))
    assert not adj.diagonal(dim1=1, dim2=2).any()
    for g in range(len(adj)):
        for p, (i, j) in enumerate(syn.pairs.T.tolist()):
            inside = max(i, j) < int(syn.sizes[g])
            own = torch.sigmoid((torch.logit(noise[g, p]) + syn.logits[g, p]) / 0.5)
            expected = float(own.detach()) if inside else 0.0
            assert float(adj[g, i, j]) == pytest.approx(expected, abs=1e-6)


def test_straight_through_is_rounded_and_has_the_slope_of_the_relaxed() -> None:
    soft, hard = synthetic(), synthetic(straight=True)
    slopes = []
    for syn in (soft, hard):
        syn.draw(torch.Generator().manual_seed(1))
        weight = torch.rand(syn.graphs().adj.shape, generator=torch.Generator().manual_seed(2))
        (slope,) = torch.autograd.grad((syn.graphs().adj * weight).sum(), [syn.logits])
        slopes.append(slope)
    assert set(hard.graphs().adj.flatten().tolist()) <= {0.0, 1.0}
    assert not set(soft.graphs().adj.flatten().tolist()) <= {0.0, 1.0}
    assert torch.allclose(*slopes)


def test_at_most_so_many_pairs_the_likeliest() -> None:
    start = pack([ring(5, 0, 1)])[0]
    syn = GraphSynthetic(start, torch.tensor([0]), 1, most_pairs=2)
    with torch.no_grad():
        syn.logits.copy_(torch.arange(10.0)[None])
    likeliest = {tuple(p) for p in syn.pairs.T[-2:].tolist()}
    out = {tuple(e) for e in syn.export().edge_index.T.tolist()}
    assert out == likeliest | {(b, a) for a, b in likeliest}


@pytest.mark.parametrize("size", [3, 4, 9])
def test_size_of_synthetic_graphs(size: int) -> None:
    real = GraphSource(task())
    syn = DosCondGraphs(per_class=3, nodes_per_graph=size).start(
        real, torch.Generator().manual_seed(0)
    )
    assert int(syn.sizes.max()) <= size
    if size < 5:
        assert set(syn.sizes.tolist()) == {size}


def test_cut_keeps_the_nodes_nearest_to_the_hub() -> None:
    # A star of 0 with leaves 1..3, and a tail 3 - 4 - 5.
    pairs = torch.tensor([[0, 0, 0, 3, 4], [1, 2, 3, 4, 5]])
    edges = torch.cat([pairs, pairs.flip(0)], 1)
    attr = torch.cat([torch.arange(5.0)] * 2)[:, None]
    graph = Data(x=torch.arange(6.0)[:, None], edge_index=edges, edge_attr=attr, y=0)
    small = cut(pack([graph, graph])[0], 4).graph(1)
    assert small.x.flatten().tolist() == [0, 1, 2, 3]
    assert {tuple(e) for e in small.edge_index.T.tolist()} == {
        (0, 1), (1, 0), (0, 2), (2, 0), (0, 3), (3, 0),
    }  # fmt: skip
    assert sorted(small.edge_attr.flatten().tolist()) == [0, 0, 1, 1, 2, 2]


def test_readouts_in_blocks_are_those_of_single_graphs(monkeypatch: pytest.MonkeyPatch) -> None:
    real = GraphSource(task())
    index = torch.arange(8)
    whole = readouts(real, index)
    monkeypatch.setattr("graphcondense.domains.graph.BLOCK", 7)
    assert torch.allclose(readouts(real, index), whole)
    alone = torch.cat([readouts(real, index[i : i + 1]) for i in range(8)])
    assert torch.allclose(alone, whole, atol=1e-6)
    assert torch.allclose(whole[0, :3], real.task.graphs.graph(0).x.mean(0))


def test_density_counts_pairs_that_are_there() -> None:
    syn = synthetic(confidence=2.0)
    edges = sum(len(g.edge_index.T) // 2 for g in syn.export().graphs())
    pairs = int((syn.sizes * (syn.sizes - 1) // 2).sum())
    likely = torch.sigmoid(torch.tensor(2.0))
    expected = (edges * likely + (pairs - edges) * (1 - likely)) / pairs
    assert float(density(syn)) == pytest.approx(float(expected), rel=1e-5)
    assert float(Sparse(3.0, 0.1)(syn)) == pytest.approx(3 * (float(expected) - 0.1), rel=1e-4)
    assert float(Sparse(3.0, 0.9)(syn)) == 0
    alone = pack([Data(x=torch.ones(1, 2), y=0)])[0]
    assert float(density(GraphSynthetic(alone, torch.tensor([0]), 1))) == 0


def test_mean_matching_by_hand() -> None:
    real, syn = GraphSource(task()), synthetic()
    model = GCN(3, 8, 2, 2)
    learner = Learner(model, dict(model.named_parameters()))
    rng = torch.Generator().manual_seed(0)
    loss = Plus(MeanMatching(), Sparse(1.0, 0.0))(syn, real, learner, rng)
    expected = density(syn)
    for c in range(2):
        x, graphs = real.batch(c).inputs
        mean = model(x, graphs, features=True).mean(0)
        x, graphs = syn.batch(c).inputs
        expected = expected + ((model(x, graphs, features=True).mean(0) - mean) ** 2).sum()
    assert float(loss) == pytest.approx(float(expected), rel=1e-5)


def test_losses_leave_holes_out() -> None:
    nan = float("nan")
    out = torch.tensor([[0.3, -1.0], [2.0, 0.5]], requires_grad=True)
    y = torch.tensor([[1.0, nan], [nan, 0.0]])
    one = -torch.log(torch.sigmoid(torch.tensor(0.3)))
    two = -torch.log(1 - torch.sigmoid(torch.tensor(0.5)))
    assert float(masked_bce(out, y)) == pytest.approx(float(one + two) / 2, rel=1e-5)
    assert float(masked_mse(out, y)) == pytest.approx((0.7**2 + 0.5**2) / 2, rel=1e-5)
    for loss in (masked_bce, masked_mse):
        (slope,) = torch.autograd.grad(loss(out, y), [out])
        assert bool(torch.isfinite(slope).all())
        assert slope[0, 1] == slope[1, 0] == 0
        assert float(loss(out, torch.full((2, 2), nan))) == 0


def test_the_central_row_comes_first() -> None:
    x = torch.tensor([[0.0], [10.0], [4.0], [6.1]])
    for seed in range(5):
        rng = torch.Generator().manual_seed(seed)
        chosen = choose_central(x, 3, rng).tolist()
        assert chosen[0] == 2 + (abs(6.1 - 5.025) < abs(4 - 5.025))
        assert len(set(chosen)) == 3


def test_regression_targets_are_standardised_for_models_alone() -> None:
    graphs = [ring(4, 0, i) for i in range(20)]
    for i, graph in enumerate(graphs):
        graph.y = torch.tensor([[100.0 + 3.7 * i]])
    real = GraphSource(as_graph_task(graphs))
    y = real.batch().y
    assert float(y.mean()) == pytest.approx(0, abs=1e-4)
    assert float(y.std(correction=0)) == pytest.approx(1, rel=1e-4)
    syn = DosCondGraphs(per_class=1).start(real, torch.Generator().manual_seed(0))
    assert float(syn.batch().y.abs().max()) < 3
    held: GraphSet = syn.export()
    assert float(held.y.min()) > 99


@pytest.mark.parametrize("kind", ["tasks", "one task"])
def test_groups_of_binary_tasks(kind: str) -> None:
    graphs = [ring(4, 0, i) for i in range(20)]
    for i, graph in enumerate(graphs):
        own = [float(i % 2), float("nan") if i % 3 else 1.0 - i % 2]
        graph.y = torch.tensor([own if kind == "tasks" else own[:1]])
    source = GraphSource(as_graph_task(graphs))
    assert source.num_classes == (1 if kind == "tasks" else 2)
    y: Tensor = source.batch(0).y
    assert y.shape[1] == (2 if kind == "tasks" else 1)


@pytest.mark.parametrize("kind", ["classes", "regression"])
def test_start_that_tells_most(kind: str) -> None:
    """Held to scikit-learn's ridge regression over the very same draws."""
    graphs = [ring(4 + i % 3, i % 2, i, hub=bool(i % 2)) for i in range(40)]
    if kind == "regression":
        for graph in graphs:
            graph.y = torch.tensor([[float(graph.x.sum())]])
    real = GraphSource(as_graph_task(graphs))
    sizes = [2] * real.num_classes
    chosen = most_telling(real, real.members, sizes, 20, torch.Generator().manual_seed(5))

    train = real.task.train
    rows = StandardScaler().fit_transform(readouts(real, train).double().numpy())
    rows = rows[:, rows.std(0) > 1e-6]
    y = real.task.scaled(real.task.graphs.y[train]).double().numpy()  # [m], or [m, 1] targets
    if kind == "classes":
        y = np.eye(2)[y.astype(int)] - 0.5
    group = real.task.groups[train].numpy()
    weight = 1 / np.bincount(group)[group]
    rng, errors, draws = torch.Generator().manual_seed(5), [], []
    for _ in range(20):
        own = torch.cat([m[choose_random(m, 2, rng)] for m in real.members])
        at = [train.tolist().index(i) for i in own.tolist()]
        alpha = 0.1 * np.square(rows[at]).sum() / len(at)
        model = Ridge(alpha=alpha, fit_intercept=False).fit(rows[at], y[at])
        off = model.predict(rows).reshape(y.shape) - y
        errors.append((weight * np.square(off).sum(1)).sum())
        draws.append(own)
    assert torch.equal(chosen, draws[int(np.argmin(errors))])


def test_more_draws_tell_more() -> None:
    real = GraphSource(task(60))
    starts = [DosCondGraphs(per_class=3, init="ridge", draws=n) for n in (1, 100)]
    few, many = (m.start(real, torch.Generator().manual_seed(1)) for m in starts)
    assert not torch.equal(few.x, many.x)
    assert many.group.tolist() == [0, 0, 0, 1, 1, 1]
    with pytest.raises(ValueError, match="draws=0"):
        DosCondGraphs(per_class=3, init="ridge", draws=0).start(real, torch.Generator())


@pytest.mark.parametrize(("many", "init"), [(1, "central"), (3, "ridge")])
def test_the_start_follows_from_the_budget(many: int, init: str) -> None:
    real = GraphSource(task(60))
    own, told = (
        DosCondGraphs(per_class=many, init=how).start(real, torch.Generator().manual_seed(1))
        for how in ("auto", init)
    )
    assert torch.equal(own.x, told.x)
    assert own.group.tolist() == told.group.tolist()


def test_graphs_that_look_alike_can_be_chosen_from() -> None:
    """Rings without features: every readout is the same, and their kernel nothing but zeros."""
    rings = [
        Data(edge_index=torch.stack([torch.arange(n), torch.arange(n).roll(1)]), num_nodes=n, y=c)
        for n in range(3, 9)
        for c in (0, 1)
    ]
    real = GraphSource(as_graph_task(rings, name="rings"))
    sizes = [2] * len(real.members)
    chosen = most_telling(real, real.members, sizes, 3, torch.Generator().manual_seed(0))
    assert len(set(chosen.tolist())) == 4
