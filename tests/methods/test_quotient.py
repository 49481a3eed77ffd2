"""Quotient graphs: the shared cases, the parts by hand, and awkward data."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import scipy.sparse as sp
import torch
from torch import Tensor
from torch_geometric.data import Data
from torch_geometric.nn.conv.gcn_conv import gcn_norm
from torch_geometric.utils import to_dense_adj

import graphcondense
from graphcondense.data.node_reading import as_task
from graphcondense.domains import quotient_features, referees
from graphcondense.domains.answers import answers_of
from graphcondense.domains.node_source import NodeSource
from graphcondense.domains.propagations import Teaching
from graphcondense.domains.quotient_edges import cut_off, to_siblings
from graphcondense.domains.quotients import largest_entries
from graphcondense.domains.teachers import RidgeTeacher, regressions, smoothed, surest
from graphcondense.evaluate.cost import size_of
from graphcondense.methods import quotient
from graphcondense.methods.quotient import Quotient
from graphcondense.ops.personalised import diffused
from tests.cases import NodeCase, toy_graph
from tests.targets import targets_graph


class TestQuotient(NodeCase):
    name = "quotient"
    iterates = False

    def labels(self, small: Any) -> Tensor:
        y: Tensor = small.y
        return y if y.dim() == 1 else y.argmax(1)

    def check(self, small: Any) -> None:
        assert small.validate(raise_on_error=True)
        assert bool(torch.isfinite(small.x).all())
        assert small.x.dtype == small.y.dtype == small.edge_weight.dtype == torch.float32
        assert torch.allclose(small.y.sum(1), torch.ones(len(small.y)))
        assert small.assignment.shape == (120,)
        assert small.condensed["nodes"] == len(small.y) == len(small.x)


def condense(data: object, **options: Any) -> Any:
    return graphcondense.condense(data, "quotient", progress=False, **options)


def test_quotient_by_hand() -> None:
    """Two clusters of a path of four nodes, in float64."""
    x = torch.tensor([[1.0, 0.0], [3.0, 0.0], [0.0, 2.0], [0.0, 2.0]])
    path = torch.tensor([[0, 1, 1, 2, 2, 3], [1, 0, 2, 1, 3, 2]])
    data = Data(x=x, edge_index=path, y=torch.tensor([0, 0, 1, 1]), train_mask=torch.ones(4) > 0)
    real = NodeSource(as_task(data))
    soft = np.array([[1.0, 0.0], [0.8, 0.2], [0.0, 1.0], [0.0, 1.0]])
    method = Quotient(nodes=2)
    sharp = answers_of(real).sharp(soft, 2.0)
    small = method.graph_of(real, np.array([0, 0, 1, 1]), 2, sharp)
    # The ends of the path count 2, its middle 3.
    np.testing.assert_allclose(small.x, [[2.2, 0.0], [0.0, 2.0]], atol=1e-12)
    second = np.array([0.64, 0.04]) / 0.68
    label = 0.4 * np.array([1, 0]) + 0.6 * second
    np.testing.assert_allclose(small.y, np.stack([label, [0, 1]]))
    # Each cluster has one link inside, two ends over two members, and one end of a link outside.
    np.testing.assert_allclose(small.adj.toarray(), [[1.0, 0.5], [0.5, 1.0]])


@pytest.mark.parametrize("moved", [1.0, 0.25])
def test_links_inside_go_to_the_nearest_of_the_class(moved: float) -> None:
    links, classes = (
        np.array([[2.0, 1, 0, 0], [1, 4, 0, 0], [0, 0, 8, 0], [0, 0, 0, 16]]),
        [0, 1, 0, 0],
    )
    x = np.array([[1.0, 0.0], [1.0, 0.1], [0.0, 1.0], [1.0, 0.5]])
    # 0 and 3 are nearest to each other, 2 is nearest to 3; 1, alone in its class, keeps its loop.
    wanted = np.array([[0.0, 1, 0, 9], [1, 4, 0, 0], [0, 0, 0, 4], [9, 0, 4, 0]])
    out = to_siblings(links, moved, x, np.array(classes))
    np.testing.assert_allclose(out, moved * wanted + (1 - moved) * links)


def test_ridge_is_that_of_scikit_learn() -> None:
    from sklearn.linear_model import Ridge

    rng = np.random.default_rng(0)
    for m, d in ((30, 5), (5, 30)):  # both Gram matrices
        z, y, weight = rng.normal(size=(m, d)), rng.normal(size=(m, 3)), rng.random(m) + 0.1
        wanted = Ridge(0.7, fit_intercept=False).fit(z, y, sample_weight=weight).coef_.T
        (found,) = regressions(z, np.arange(m), y, weight, [0.7])
        np.testing.assert_allclose(found, wanted, atol=1e-10)


def test_diffusion_is_personalised_pagerank() -> None:
    task = as_task(toy_graph())
    adj, x = task.gcn_adj.astype(np.float64), np.asarray(task.x_array, np.float64)
    limit = 0.2 * np.linalg.solve(np.eye(120) - 0.8 * adj.toarray(), x)
    np.testing.assert_allclose(diffused(x, adj, 0.2, 200), limit, atol=1e-10)


def test_surest_half() -> None:
    soft = np.array([[0.9, 0.1], [0.8, 0.2], [0.7, 0.3], [0.6, 0.4], [0.1, 0.9], [0.2, 0.8]])
    assert surest(soft, np.array([0])).tolist() == [1, 4]  # one of three, one of two


def test_isolated_nodes_keep_their_labels() -> None:
    soft = np.array([[0.3, 0.7], [1.0, 0.0]])
    np.testing.assert_allclose(smoothed(soft, sp.identity(2, format="csr")), soft)


def spread(x: Tensor, middle: Tensor) -> float:
    return float((x - middle).square().sum(1).mean().sqrt())


def test_features_stand_out_no_further_than_real_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where linear models do not mind."""
    monkeypatch.setattr(quotient_features, "surely_better", lambda *_, **__: False)
    data = toy_graph()
    middle, options = data.x.mean(0), {"nodes": 9, "steps": 0, "stretch": 0.0, "plain": False}
    plain, some, far = (condense(data, contrast=c, **options) for c in (1.0, 1.01, 20.0))
    most = spread(data.x, middle) / spread(plain.x, middle)
    assert most > 1.1
    for small, contrast in ((some, 1.01), (far, most)):
        wanted = middle + contrast * (plain.x - middle)
        torch.testing.assert_close(small.x, wanted, atol=1e-5, rtol=1e-5)
    assert f"contrast {most:.2f};" in far.condensed["remarks"]["features"]


def test_contrast_that_harms_is_lowered(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where linear models are surely better with means, these stay."""
    monkeypatch.setattr(quotient_features, "surely_better", lambda *_, errors=1.0: errors == 2)
    far, plain = (
        condense(toy_graph(), nodes=9, steps=0, contrast=c, plain=False) for c in (20.0, 1.0)
    )
    assert torch.allclose(far.x, plain.x, atol=1e-5)
    assert "contrast 1.00;" in far.condensed["remarks"]["features"]


def test_self_training_helps_where_classes_are_clear() -> None:
    data = toy_graph(n=400)
    data.train_mask = torch.arange(400) < 6
    data.val_mask = (torch.arange(400) >= 6) & (torch.arange(400) < 150)
    data.test_mask = torch.arange(400) >= 150
    task = as_task(data)
    y = task.y.numpy()
    rest = (np.asarray(task.x_array), task.gcn_adj, task.train.numpy(), y[task.train], 3)
    held = (task.val, task.y[task.val])
    alone = RidgeTeacher(rounds=0, bent=()).teach(*rest, held)
    taught = RidgeTeacher(bent=()).teach(*rest, held)
    test = task.test.numpy()
    assert (taught.soft[test].argmax(1) == y[test]).mean() >= 0.97
    assert taught.score >= alone.score
    assert (taught.soft[task.train].argmax(1) == y[task.train]).all()


def test_teacher_that_looks_at_no_neighbours_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    """Edges are random, features tell the class but for some noise."""
    data = toy_graph()
    rng = torch.Generator().manual_seed(0)
    noise = 0.35 * torch.randn(120, 3, generator=rng)
    data.x = torch.nn.functional.one_hot(data.y, 3) + noise
    data.edge_index = torch.randint(120, (2, 150), generator=rng)
    small = condense(data, nodes=9)
    assert "edges of this graph mislead" in small.condensed["remarks"]["warning"]
    assert "edges of this graph mislead" in capsys.readouterr().err


def test_without_validation_nodes_nothing_is_chosen() -> None:
    data = toy_graph()
    data.val_mask[:] = False
    small = condense(data, nodes=9)
    assert "without validation nodes" in small.condensed["remarks"]["teacher"]


@pytest.mark.parametrize("kind", ["classes", "tasks", "number", "soft"])
def test_fewer_than_five_validation_nodes_choose_nothing(kind: str) -> None:
    """Of so few no choice is ever sure: whatever their labels say, the set is the same."""
    others = {
        "classes": lambda y: (y + 1) % 3,
        "tasks": lambda y: 1 - y,
        "number": lambda y: -5 * y - 3,
        "soft": lambda y: y.roll(1, -1),
    }

    def made(count: int, lie: bool) -> str:
        data = toy_graph() if kind == "classes" else targets_graph(kind)
        data.val_mask[data.val_mask.nonzero().flatten()[count:]] = False
        if lie:
            data.y[data.val_mask] = others[kind](data.y[data.val_mask])
        told: str = condense(data, nodes=9, steps=5).condensed["hash"]
        return told

    assert made(4, lie=False) == made(4, lie=True) == made(1, lie=True) == made(0, lie=False)
    assert made(5, lie=False) != made(5, lie=True)


def test_validation_labels_choose_the_teacher_alone() -> None:
    """Whatever they are, soft labels are those of one of the two teachers there are."""
    task = as_task(toy_graph())
    only = RidgeTeacher(restarts=(0.2,), ridges=(0.3,), rounds=0)
    rest = (np.asarray(task.x_array), task.gcn_adj, task.train.numpy(), task.y[task.train].numpy())
    plain = only.teach(*rest, 3).soft
    averaged = smoothed(plain, task.gcn_adj)
    averaged[task.train] = plain[task.train]
    chosen = set()
    for rows in (plain, averaged):
        labels = torch.from_numpy(rows.argmax(1))[task.val]
        taught = only.teach(*rest, 3, (task.val, labels))
        assert taught.score == 1.0
        np.testing.assert_array_equal(taught.soft, averaged if taught.smoothed else plain)
        chosen.add(taught.smoothed)
    differ = (plain.argmax(1) != averaged.argmax(1))[task.val].any()
    assert chosen == ({False, True} if differ else {False})


def test_validation_labels_reach_nothing_but_choices(monkeypatch: pytest.MonkeyPatch) -> None:
    """The teacher chooses by the same labels both times and no judge sees a difference: then
    features, links and labels have the same bits, whatever the labels of validation nodes are."""
    monkeypatch.setattr(referees, "EPOCHS", 3)
    data = toy_graph(n=60)
    other = data.clone()
    other.y[other.val_mask] = (other.y[other.val_mask] + 1) % 3
    held, teach = NodeSource(as_task(data), validates=True).validation, RidgeTeacher.teach
    assert held is not None
    asked: list[Tensor] = []

    def same(self: RidgeTeacher, *args: Any) -> Any:
        rows, adj, train, y, classes, given, place = args
        asked.append(given[1])
        return teach(self, rows, adj, train, y, classes, held, place)

    def alike(self: Any, said: Tensor, wanted: Tensor) -> Tensor:
        return torch.ones(len(wanted))

    monkeypatch.setattr(RidgeTeacher, "teach", same)
    monkeypatch.setattr(type(answers_of(NodeSource(as_task(data)))), "right", alike)
    for labels in ("soft", "hard"):
        one, two = (condense(d, nodes=9, steps=3, labels=labels) for d in (data, other))
        assert not torch.equal(*asked[-2:])
        for name in ("x", "y", "edge_index", "edge_weight", "assignment"):
            assert torch.equal(one[name], two[name]), name


def test_every_node_a_cluster_is_the_graph_itself() -> None:
    data = toy_graph(n=30)
    small = condense(data, nodes=30)
    order = torch.from_numpy(small.assignment.numpy().argsort())
    torch.testing.assert_close(small.x, data.x[order], rtol=1e-5, atol=1e-6)
    adj = as_task(data).adj.toarray()
    both = (adj + adj.T) / 2
    np.fill_diagonal(both, 0)
    found = np.zeros((30, 30), np.float32)
    found[small.edge_index[1], small.edge_index[0]] = small.edge_weight
    np.testing.assert_allclose(found, both[np.ix_(order, order)], rtol=1e-5)
    said = "real ones: each node is a cluster of its own"
    assert small.condensed["remarks"]["features"] == said
    assert "plain" not in small.condensed["remarks"]


def test_where_nothing_is_learnt_no_spread_is_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []
    monkeypatch.setattr(quotient, "spread_of", lambda x: asked.append(len(x)) or 1.0)
    condense(toy_graph(n=30), nodes=30)
    condense(toy_graph(n=30), per_class=2, epsilon=4.0, delta=1e-4, seed=0)
    assert not asked
    condense(toy_graph(n=30), nodes=10)
    assert asked == [10]


@pytest.mark.parametrize("change", ["no edges", "parts", "one feature", "equal rows", "no class"])
def test_awkward_graphs(change: str) -> None:
    data = toy_graph()
    if change == "no edges":
        data.edge_index = data.edge_index[:, :0]
    if change == "parts":
        low = (data.edge_index < 60).sum(0)
        data.edge_index = data.edge_index[:, low != 1]
    if change == "one feature":
        data.x = data.x[:, :1]
    if change == "equal rows":
        data.x = torch.ones_like(data.x)
    if change == "no class":  # one training node, whose features are those of another class
        gone = data.train_mask & (data.y == 2)
        data.train_mask[gone.nonzero().flatten()[1:]] = False
        data.x[gone] = data.x[data.y == 0].mean(0)
        data.edge_index = data.edge_index[:, ~gone[data.edge_index].any(0)]
    small = condense(data, nodes=12)
    assert small.num_nodes == 12
    assert bool(torch.isfinite(small.x).all() and torch.isfinite(small.y).all())
    assert torch.bincount(small.y.argmax(1), minlength=3).min() >= 1
    graphcondense.evaluate(small, data, models=["GCN"], seeds=1, epochs=2)


def test_small_classes_get_more_than_their_share() -> None:
    """Groups of predicted nodes 90, 20 and 10: roots 9.5, 4.5 and 3.2."""
    data = toy_graph()
    y = torch.tensor([0] * 90 + [1] * 20 + [2] * 10)
    data.y, data.x = y, 3 * torch.eye(3)[y] + 0.1 * torch.rand(120, 3)
    data.edge_index = torch.zeros(2, 0, dtype=torch.long)
    data.train_mask = torch.ones(120, dtype=torch.bool)
    data.val_mask = data.test_mask = torch.zeros(120, dtype=torch.bool)
    for rule, shares in (("root", [7, 4, 2]), ("remainder", [10, 2, 1]), ("equal", [5, 4, 4])):
        small = condense(data, nodes=13, rule=rule)
        assert torch.bincount(small.y.argmax(1)).tolist() == shares, rule
    assert Quotient(nodes=13).rule == "root"


def test_hard_labels() -> None:
    small = condense(toy_graph(), nodes=9, labels="hard")
    assert small.y.dtype == torch.long
    assert small.condensed["nodes"] == 9


def test_more_clusters_than_nodes_is_refused() -> None:
    for budget, nodes in (({"nodes": 121}, 121), ({"nodes": 500}, 500), ({"per_class": 41}, 123)):
        with pytest.raises(ValueError, match=f"{nodes} nodes, above the 120 of the graph"):
            condense(toy_graph(), **budget)
    assert condense(toy_graph(), nodes=120).num_nodes == 120
    with pytest.raises(ValueError, match="below one for each of 3 classes"):
        condense(toy_graph(), nodes=2)


def test_rows_are_stretched_towards_the_length_of_real_ones() -> None:
    """Half of the way on a logarithmic scale is the geometric mean."""

    def length(x: torch.Tensor) -> float:
        return float(x.square().sum(1).mean().sqrt())

    data = toy_graph(n=400)
    data.x = data.x + torch.randn(data.x.shape, generator=torch.Generator().manual_seed(0))
    kept, half, whole = (condense(data, nodes=6, stretch=s).x for s in (0.0, 0.5, 1.0))
    assert length(whole) == pytest.approx(length(data.x), rel=1e-4)
    assert length(kept) < 0.9 * length(whole)
    assert length(half) == pytest.approx((length(kept) * length(whole)) ** 0.5, rel=1e-4)
    assert torch.allclose(kept / length(kept), whole / length(whole), atol=1e-5)


def test_long_rows_are_shortened_unless_one_column_makes_them_long() -> None:
    def length(x: torch.Tensor) -> float:
        return float(x.square().sum(1).mean().sqrt())

    data = toy_graph(n=400)
    data.x = torch.rand(400, 300, generator=torch.Generator().manual_seed(0)).round()
    assert length(data.x) > 10
    asked = {"nodes": 6, "steps": 0, "contrast": 1.0, "plain": False}
    assert length(condense(data, **asked).x) == pytest.approx(7, rel=1e-4)
    assert length(condense(data, **asked, longest=3).x) == pytest.approx(3, rel=1e-4)
    free = condense(data, **asked, longest=100).x
    assert 7 < length(free) < length(data.x)
    assert torch.equal(condense(data, **asked, longest=None).x, free)
    data.x[:, 0] = 100.0  # in a unit of its own: rows may be 700 long
    kept, free = condense(data, **asked), condense(data, **asked, longest=1e9)
    assert length(kept.x) > 99
    assert torch.equal(kept.x, free.x)


@pytest.mark.parametrize(
    ("noise", "nodes", "kept"), [(3.0, 6, "learnt"), (0.0, 9, "means of real ones")]
)
def test_features_are_learnt_where_that_is_surely_better(
    noise: float, nodes: int, kept: str
) -> None:
    """Of noisy rows they are, at few nodes; of clear rows they are not."""
    data = toy_graph(n=600)
    data.x = data.x + noise * torch.randn(data.x.shape, generator=torch.Generator().manual_seed(0))
    means, small = (
        condense(data, nodes=nodes, plain=False, bound=1e6, **o) for o in ({"steps": 0}, {})
    )
    said = [s.condensed["remarks"]["features"] for s in (means, small)]
    assert said[0].startswith("means of real ones; ")
    assert "linear models are right on" in said[0]
    assert said[1].startswith(f"{kept}; ")
    assert "validation nodes with means and" in said[1]
    assert torch.equal(means.x, small.x) == (kept != "learnt")
    assert torch.equal(means.assignment, small.assignment)
    assert torch.equal(means.edge_weight, small.edge_weight)


@pytest.mark.parametrize(
    ("linear", "networks", "kept"),
    [
        ("better", "better", True),
        ("better", "same", True),
        ("same", "better", True),
        ("same", "same", False),
        ("better", "worse", False),  # as on images
        ("worse", "better", False),
    ],
)
def test_features_are_learnt_where_one_judge_gains_and_none_loses(
    monkeypatch: pytest.MonkeyPatch, linear: str, networks: str, kept: bool
) -> None:
    right = {
        "better": (torch.zeros(80), torch.ones(80)),
        "same": (torch.ones(80), torch.ones(80)),
        "worse": (torch.ones(80), torch.zeros(80)),
    }
    of_means, of_learnt = right[linear]
    # The first three are of contrasts, whose plain means are the last.
    said, judged = iter([of_means] * 3 + [of_learnt]), iter(right[networks])
    monkeypatch.setattr(Teaching, "right", lambda *_: next(said))
    monkeypatch.setattr(quotient_features, "right_of_networks", lambda *_: next(judged))
    data = toy_graph(n=400)
    small = condense(data, nodes=6, plain=False)
    assert small.condensed["remarks"]["features"].startswith("learnt" if kept else "means")
    assert ("small networks" in small.condensed["remarks"]["features"]) == (linear != "worse")


@pytest.mark.parametrize(
    ("plain", "joined", "made", "taken"),
    [
        (0.9, 0.8, 0.5, "plain"),
        (0.9, 0.896, 0.5, "joined"),  # half a point is not worth what deep models pay
        (0.9, 0.95, 0.5, "joined"),
        (0.9, 0.896, 0.894, "joined"),
        (0.502, None, 0.498, "made"),
        (0.5, None, 0.9, "made"),
    ],
)
def test_the_plain_graph_is_taken_where_networks_are_surely_better(
    plain: float, joined: float | None, made: float, taken: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With its links to siblings, unless it is surely better without these, too. It is what the
    other steps leave alone when they are switched off."""
    data = toy_graph()
    means: dict[str, Any] = {"nodes": 9, "plain": False, "contrast": 1.0, "steps": 0}
    graphs = {
        "plain": condense(data, **means, moved=0.0),
        "joined": condense(data, **means),
        "made": condense(data, nodes=9, plain=False),
    }
    assert not torch.equal(graphs["plain"].edge_weight, graphs["joined"].edge_weight)
    assert not torch.equal(graphs["joined"].x, graphs["made"].x)
    asked = [plain, made] if joined is None else [plain, made, joined]
    said = iter([torch.full((60,), right) for right in asked])
    monkeypatch.setattr(quotient_features, "right_in_own_basis", lambda *_: next(said))
    small, wanted = condense(data, nodes=9), graphs[taken]
    assert next(said, None) is None
    for key in ("x", "edge_index", "edge_weight", "y", "assignment"):
        assert torch.equal(small[key], wanted[key]), key
    way = {"plain": "taken", "joined": "taken, with siblings", "made": "not taken"}[taken]
    beside = "" if joined is None else f", {joined:.1%} with its links to siblings"
    assert small.condensed["remarks"]["plain"] == (
        f"{way}: {plain:.1%} with the plain quotient graph{beside}, {made:.1%} without it "
        "(small networks, validation nodes)"
    )


@pytest.mark.parametrize("none", ["asked", "class", "edges"])
def test_where_no_link_is_moved_the_plain_graph_is_judged_once(
    none: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """None is asked for, no class has a second node, or there are no links."""
    data = toy_graph()
    options: dict[str, Any] = {
        "asked": {"nodes": 9, "moved": 0.0}, "class": {"nodes": 3}, "edges": {"nodes": 9}
    }[none]  # fmt: skip
    if none == "edges":
        data.edge_index = data.edge_index[:, :0]
    said = iter([torch.ones(60), torch.zeros(60)])
    monkeypatch.setattr(quotient_features, "right_in_own_basis", lambda *_: next(said))
    told = condense(data, **options).condensed["remarks"]["plain"]
    assert told.startswith("taken: 100.0% with the plain quotient graph, 0.0% without it")


def test_links_to_siblings_stay_only_where_they_are_better_than_all_extras(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Of 1,000 nodes that score, the graph with them and the plain one disagree on many."""
    right = torch.zeros(1000)
    plain, made, joined = right.clone(), right.clone(), right.clone()
    plain[:900], made[:890], joined[113:] = 1, 1, 1
    said = iter([plain, made, joined])
    monkeypatch.setattr(quotient_features, "right_in_own_basis", lambda *_: next(said))
    told = condense(toy_graph(), nodes=9).condensed["remarks"]["plain"]
    assert told.startswith("taken: 90.0% with the plain quotient graph, 88.7% with its links")


def test_without_validation_nodes_training_nodes_say_whether_features_are_better() -> None:
    data = toy_graph()
    data.val_mask[:] = False
    remarks = condense(data, nodes=9).condensed["remarks"]
    assert "training nodes" in remarks["plain"]
    assert "training nodes" in condense(data, nodes=9, plain=False).condensed["remarks"]["features"]


def test_update_goes_on_from_the_clusters_before(tmp_path: Any) -> None:
    data = toy_graph()
    early = data.subgraph(torch.arange(120) < 100)
    condense(early, nodes=9, out=tmp_path / "early")
    small = graphcondense.load(tmp_path / "early")
    grown: Any = graphcondense.update(small, data)
    assert grown.num_nodes == 9
    assert grown.assignment.shape == (120,)
    assert grown.condensed["updated_from"] == small.condensed["hash"]
    assert graphcondense.update(small, data, nodes=15).num_nodes == 15
    with pytest.raises(ValueError, match="stands for 120 nodes, and there are now 100"):
        graphcondense.update(grown, early)


def test_update_of_the_same_graph_stays() -> None:
    data = toy_graph()
    small = condense(data, nodes=9)
    again: Any = graphcondense.update(small, data)
    pairs = {*zip(small.assignment.tolist(), again.assignment.tolist(), strict=True)}
    assert len(pairs) == 9  # the same clusters, whatever their numbers are


def test_update_refuses_other_data() -> None:
    small, other = condense(toy_graph(), nodes=9), toy_graph()
    other.x = other.x[:, :7]
    with pytest.raises(ValueError, match="has 12 features, the new data 7; condense anew"):
        graphcondense.update(small, other)
    other = toy_graph()
    other.y[other.train_mask.nonzero()[0]] = 3
    with pytest.raises(ValueError, match="has 3 classes, the new data 4; condense anew"):
        graphcondense.update(small, other)


def test_very_sharp_labels_stay_finite() -> None:
    small = condense(toy_graph(), nodes=9, sharpness=1e5)
    assert torch.allclose(small.y.sum(1), torch.ones(9))


def test_more_features_than_nodes() -> None:
    """The few dimensions are at most as many as nodes."""
    data = toy_graph()
    data.x = torch.cat(
        [data.x, torch.rand(120, 2000, generator=torch.Generator().manual_seed(0))], 1
    )
    small = condense(data, nodes=9)
    assert small.x.shape == (9, 2012)
    assert bool(torch.isfinite(small.x).all())


def test_a_class_that_the_teacher_hardly_sees_is_told() -> None:
    """Each class has room for all nodes up to there: a budget counts nodes without a label, too."""
    data = Data(
        x=torch.tensor([[4.0, 0.0], *[[0.0, 4.0]] * 5]), y=torch.tensor([1, 0, 0, 0, 0, 0]),
        edge_index=torch.tensor([[1, 2, 3, 4], [2, 1, 4, 3]]), train_mask=torch.ones(6).bool(),
    )  # fmt: skip
    options = {"seed": 0, "progress": False}
    with pytest.raises(
        ValueError, match=r"per_class=2 is above the 1 nodes that the teacher takes for class 1"
    ):
        graphcondense.condense(data, "quotient", per_class=2, **options)  # type: ignore[arg-type]
    assert graphcondense.condense(data, "quotient", per_class=1, **options).num_nodes == 2  # type: ignore[arg-type]
    assert graphcondense.condense(data, "quotient", nodes=4, **options).num_nodes == 4  # type: ignore[arg-type]


def test_memory_of_many_columns_counts_the_way_back_and_the_networks() -> None:
    data = toy_graph()
    wide = torch.cat([data.x, torch.zeros(120, 20_000)], 1)
    data.x = wide
    real = NodeSource(as_task(data))
    of_means, judged = (Quotient(nodes=9, plain=p).memory_bytes(real) for p in (False, True))
    assert of_means > 16 * 256 * 20_000
    # Two networks of 64 hidden units: weights, gradients and two moments in single precision.
    assert judged - of_means == 4 * 4 * 64 * 2 * wide.shape[1]


def test_links_are_cut_off_in_a_copy() -> None:
    links = sp.csr_matrix(np.array([[1.0, 0.001], [0.5, 0.0]]))
    kept = cut_off(links, 0.02)
    assert links.data.tolist() == [1.0, 0.001, 0.5]
    assert kept.toarray().tolist() == [[1.0, 0.0], [0.5, 0.0]]


def test_density_keeps_the_largest_entries_and_saves_bytes() -> None:
    data, quick = toy_graph(), {"steps": 0, "stretch": 1.0, "plain": False}
    data.x = torch.cat([data.x] * 16, 1) + 0.1 * torch.rand(120, 192)
    dense, sparse = (condense(data, nodes=9, density=d, **quick) for d in (1.0, 0.25))
    assert (sparse.x != 0).sum(1).tolist() == [48] * 9
    assert float(sparse.x.norm()) == pytest.approx(float(dense.x.norm()), rel=1e-4)
    assert size_of(dense).bytes - size_of(sparse).bytes == 4 * 192 * 9 - (8 * 48 * 9 + 4 * 10)
    few, many = (condense(data, bytes=10_000, density=d, **quick) for d in (1.0, 0.25))
    assert many.num_nodes > 1.2 * few.num_nodes
    assert max(size_of(small).bytes for small in (few, many)) <= 10_000


def test_density_counts_where_each_node_is_a_cluster() -> None:
    data = toy_graph()
    small = condense(data, nodes=120, density=0.5)
    wanted = largest_entries(data.x.numpy(), 0.5)
    np.testing.assert_allclose(small.x[small.assignment].numpy(), wanted, rtol=1e-6)


def test_links_are_lighter_where_sums_are_long() -> None:
    """One factor for all; what a GCN sees, and features, stay as they are."""
    data = toy_graph(n=400)
    heavy, light = (condense(data, nodes=12, bound=b, least=0.0) for b in (1e6, 10.0))
    assert "links" not in heavy.condensed["remarks"]
    factor = float(light.condensed["remarks"]["links"].split()[2].rstrip(","))
    assert 0 < factor < 1
    links, before = (to_dense_adj(s.edge_index, edge_attr=s.edge_weight)[0] for s in (light, heavy))
    bare = (before.diagonal() == 0).float()
    assert bare.any()
    assert not bare.all()
    torch.testing.assert_close(links, factor * (before + bare.diag()), rtol=1e-2, atol=0)
    assert torch.equal(light.x, heavy.x)
    assert torch.equal(light.y, heavy.y)
    links = links - factor * bare.diag()
    length = [float(x.square().sum(1).mean().sqrt()) for x in (light.x, links @ light.x)]
    assert sum(length) == pytest.approx(10, rel=1e-2)
    torch.testing.assert_close(*(unit_sums(s.edge_index, s.edge_weight) for s in (light, heavy)))


def test_self_loops_where_the_quotient_graph_smooths_more() -> None:
    """A ring of nodes that tell nothing of their neighbours: a node has a third of itself, a
    cluster without a loop next to nothing."""
    n, rng = 240, np.random.default_rng(0)
    y = torch.from_numpy(rng.permutation(n) % 3)
    x = torch.nn.functional.one_hot(y, 3) + 0.1 * torch.from_numpy(rng.random((n, 3)))
    ring = torch.stack([torch.arange(n), (torch.arange(n) + 1) % n])
    data = Data(x=x.float(), y=y, edge_index=torch.cat([ring, ring.flip(0)], 1))
    data.train_mask = torch.arange(n) % 2 == 0
    data.val_mask = ~data.train_mask
    plain = {"nodes": 6, "moved": 0.0, "steps": 0, "contrast": 1.0, "stretch": 0.0, "bound": 1e9}
    without, small = (condense(data, least=least, **plain, cut=0.0) for least in (0.0, 0.8))
    assert "self-loops" not in without.condensed["remarks"]
    told = float(small.condensed["remarks"]["self-loops"].split()[6])

    adj = to_dense_adj(data.edge_index)[0].double()
    groups = torch.nn.functional.one_hot(small.assignment, 6).double()
    means = groups / groups.sum(0)
    looped = adj + torch.eye(n)
    real = means.T @ (looped / 3) @ (looped / 3) @ data.x.double()
    links, before = (
        to_dense_adj(s.edge_index, edge_attr=s.edge_weight, max_num_nodes=6)[0].double()
        for s in (small, without)
    )
    scale = (before + (before.diagonal() == 0).diag()).sum(1).rsqrt()
    gcn = scale[:, None] * (before + (before.diagonal() == 0).diag()) * scale
    spreads = [
        float((z - z.mean(0)).square().sum(1).mean().sqrt())
        for z in (gcn @ gcn @ without.x.double(), real)
    ]
    assert told == pytest.approx(spreads[0] / spreads[1], abs=0.006)
    assert told < 0.8
    assert before.diagonal().any()
    torch.testing.assert_close(links, before + torch.eye(6))
    assert torch.equal(small.x, without.x)


def unit_sums(edge_index: torch.Tensor, edge_weight: torch.Tensor) -> torch.Tensor:
    """``D^-1/2 W D^-1/2`` as PyG's GCN has it, each node with the self-loop that it has."""
    index, weight = gcn_norm(edge_index, edge_weight, num_nodes=12)
    return to_dense_adj(index, edge_attr=weight)[0]
