"""Coarsening: the shared cases, coarse graphs by hand, labels, components, and assignments."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Generator
from torch_geometric.data import Data

import graphcondense
from graphcondense.data.node_reading import as_task
from graphcondense.domains.coarse import seeded
from graphcondense.domains.node_source import NodeSource
from graphcondense.evaluate import NodeEvaluator
from graphcondense.methods.kron import most_joined
from graphcondense.methods.vng import carrying, unnormalised
from graphcondense.ops.adjacency import csr_from_edges, gcn_norm_csr
from graphcondense.ops.coarsen import few_dimensions, undirected
from graphcondense.run import build
from graphcondense.saved.condensed import load
from graphcondense.saved.content import assignment_matrix
from tests.cases import NodeCase, Whole, toy_graph

CONTRACTIONS = (
    "variation-neighborhoods",
    "variation-edges",
    "heavy-edge",
    "algebraic-jc",
    "affinity-gs",
)
HASHED = ("ugc", "ah-ugc")
MAJORITIES = (*CONTRACTIONS, *HASHED, "convmatch")
WHOLE = (*MAJORITIES, "kron")
PARTS = ("vng", "clustering", "averaging")


class CoarseCase(NodeCase):
    iterates = False


class ContractionCase(CoarseCase):
    """The graph decides how many nodes each class gets; the number of all is exact."""

    def test_budget_is_kept(self, whole: Whole) -> None:
        small = whole.small
        assert len(small.y) == 6
        assert set(small.y.tolist()) - {-1} == {0, 1, 2}
        for n in (3, 7, 50, 61, 120):
            assert len(self.condense(per_class=None, nodes=n).y) == n
        assert len(self.condense(per_class=None, ratio=0.5).y) == 30
        assert len(self.condense(per_class=None, ratio=0.5, of="all").y) == 60
        most = self.ample(small)
        assert self.condense(per_class=None, bytes=most).condensed["bytes"] <= most


class TestVariationNeighborhoods(ContractionCase):
    name = "variation-neighborhoods"


class TestVariationEdges(ContractionCase):
    name = "variation-edges"


class TestHeavyEdge(ContractionCase):
    name = "heavy-edge"


class TestAlgebraicJC(ContractionCase):
    name = "algebraic-jc"


class TestAffinityGS(ContractionCase):
    name = "affinity-gs"


class TestUGC(ContractionCase):
    name = "ugc"


class TestAHUGC(ContractionCase):
    name = "ah-ugc"


class TestConvMatch(ContractionCase):
    """Nodes without a label that are like no others stay groups of their own at any size."""

    name = "convmatch"

    def check(self, small: Any) -> None:
        assert small.validate(raise_on_error=True)
        assert bool(torch.isfinite(small.x).all())
        assert small.x.dtype == torch.float32
        assert small.y.dtype == torch.long
        assert torch.equal(small.train_mask, small.y >= 0)
        assert small.condensed["nodes"] == len(small.y) == len(small.x)


class TestKron(CoarseCase):
    name = "kron"


class TestVNG(CoarseCase):
    name = "vng"


class TestClustering(CoarseCase):
    name = "clustering"


class TestAveraging(CoarseCase):
    name = "averaging"


def coarse(name: str, data: Data | None = None, **options: Any) -> Data:
    data = toy_graph() if data is None else data
    return graphcondense.condense(data, name, validations=0, progress=False, **options)


def dense(small: Data) -> np.ndarray:
    return csr_from_edges(small.edge_index, small.edge_weight, small.num_nodes).toarray()


def graph_of(pairs: list[tuple[int, int, float]], y: list[int], n: int) -> Data:
    """Weighted edges, and training nodes of class ``y`` (-1: no training node)."""
    source, target, weight = (torch.tensor(column) for column in zip(*pairs, strict=True))
    label = torch.tensor(y)
    return Data(
        x=torch.eye(n),
        edge_index=torch.stack([torch.cat([source, target]), torch.cat([target, source])]),
        edge_weight=torch.cat([weight, weight]).float(),
        y=label,
        train_mask=label >= 0,
    )


# --- the coarse graph --------------------------------------------------------------------------


@pytest.mark.parametrize("name", [*MAJORITIES, "clustering"])
def test_means_sums_and_majorities(name: str) -> None:
    """Features, edges and classes, group by group; nothing of the graph is lost."""
    data = toy_graph()
    small = coarse(name, data, nodes=12)
    assert small.assignment.shape == (120,)
    assert small.assignment.dtype == torch.long
    groups = [small.assignment == r for r in range(12)]
    whole = undirected(as_task(data).adj).toarray()
    adj = dense(small)
    for r, own in enumerate(groups):
        assert int(own.sum()) > 0
        assert torch.allclose(small.x[r], data.x[own].mean(0), atol=1e-5)
        told = torch.bincount(data.y[own & data.train_mask], minlength=3)
        assert int(small.y[r]) == (int(told.argmax()) if told.sum() else -1)
        for s, others in enumerate(groups):
            between = whole[own.numpy()][:, others.numpy()].sum()
            assert adj[r, s] == pytest.approx(between + (r == s) * int(own.sum()), rel=1e-5)
    assert torch.equal(small.train_mask, small.y >= 0)


@pytest.mark.parametrize("name", WHOLE)
def test_without_self_loops_only_edges_between_groups(name: str) -> None:
    small, looped = (coarse(name, nodes=12, self_loops=loops) for loops in (False, True))
    assert not bool((small.edge_index[0] == small.edge_index[1]).any())
    with_loops = dense(looped)
    np.fill_diagonal(with_loops, 0)
    assert np.allclose(dense(small), with_loops)
    assert torch.equal(small.assignment, looped.assignment)


def test_a_gcn_sees_the_normalised_sums() -> None:
    """With self-loops ``Â'`` is ``D^-1/2 (P⁺)ᵀ (A + I) P⁺ D^-1/2``."""
    data = toy_graph()
    small = coarse("variation-edges", data, nodes=12)
    lift = assignment_matrix(small)
    whole = lift.T @ (undirected(as_task(data).adj) + np.eye(120)) @ lift
    scale = np.asarray(whole.sum(1)).ravel() ** -0.5
    seen = gcn_norm_csr(csr_from_edges(small.edge_index, small.edge_weight, 12)).toarray()
    assert np.allclose(seen, scale[:, None] * np.asarray(whole) * scale, atol=1e-6)


def test_kron_is_the_schur_complement_of_the_data() -> None:
    data = toy_graph()
    small = coarse("kron", data, nodes=12, self_loops=False)
    whole = undirected(as_task(data).adj).toarray()
    lap = np.diag(whole.sum(1)) - whole
    train = data.train_mask.numpy()
    kept = []
    for c in range(3):
        own = np.flatnonzero(train & (data.y.numpy() == c))
        size = int((small.y == c).sum())
        kept += own[np.argsort(-whole.sum(1)[own], kind="stable")[:size]].tolist()
    kept = sorted(kept)
    assert small.y.tolist() == data.y[kept].tolist()
    assert small.assignment[kept].tolist() == list(range(12))
    rest = np.setdiff1d(np.arange(120), kept)
    walks = -np.linalg.solve(lap[np.ix_(rest, rest)], lap[np.ix_(rest, kept)])
    schur = lap[np.ix_(kept, kept)] + lap[np.ix_(kept, rest)] @ walks
    assert np.allclose(dense(small), np.diag(np.diag(schur)) - schur, atol=1e-5)
    assert small.assignment[rest].tolist() == walks.argmax(1).tolist()


def test_kron_keeps_hubs_beyond_the_training_nodes() -> None:
    small = coarse("kron", nodes=70)
    assert (small.y == -1).sum() == 10
    assert not bool(small.train_mask[small.y == -1].any())
    assert most_joined(np.array([2, 5, 5, 9]), np.eye(4)[:, :1], [1], 3).tolist() == [0, 1, 3]


def test_kron_leaves_parts_out_that_have_no_kept_node() -> None:
    pairs = [(0, 1, 1.0), (1, 2, 1.0), (3, 4, 1.0), (5, 6, 1.0)]
    small = coarse("kron", graph_of(pairs, [0, 0, 1, 1, -1, -1, -1], 7), nodes=2)
    assert small.assignment.tolist() == [0, 0, 1, -1, -1, -1, -1]


# --- labels and components ---------------------------------------------------------------------


def test_ties_go_to_the_smaller_class() -> None:
    pairs = [(0, 1, 9.0), (2, 3, 9.0), (4, 5, 9.0), (1, 2, 1.0), (3, 4, 1.0)]
    data = graph_of(pairs, [1, 0, 0, 0, 1, 1], 6)
    small = coarse("heavy-edge", data, nodes=3, respect_labels=False, join=False)
    assert small.assignment.tolist() == [0, 0, 1, 1, 2, 2]
    assert small.y.tolist() == [0, 0, 1]


@pytest.mark.parametrize("name", MAJORITIES)
def test_respected_labels_never_mix(name: str) -> None:
    data = toy_graph()
    for n in (60, 20, 3):
        small = coarse(name, data, nodes=n)
        own = small.assignment[data.train_mask]
        assert torch.equal(small.y[own], data.y[data.train_mask])


def test_a_class_that_is_outnumbered_everywhere() -> None:
    pairs = [(0, 1, 9.0), (1, 2, 9.0), (0, 2, 9.0), (3, 4, 9.0), (2, 3, 1.0)]
    data = graph_of(pairs, [0, 0, 1, 0, 0], 5)
    with pytest.raises(ValueError, match=r"class 1 has none of 2 groups.*respect_labels=True"):
        coarse("heavy-edge", data, nodes=2, respect_labels=False)
    assert coarse("heavy-edge", data, nodes=2).y.tolist() == [0, 1]


def test_a_group_without_a_training_node_is_listened_to() -> None:
    """It has class -1, is outside ``train_mask``, and the evaluator takes it so."""
    data = toy_graph()
    data.train_mask[20:] = False
    small = coarse("heavy-edge", data, nodes=30)
    assert bool((small.y == -1).any())
    assert torch.equal(small.y == -1, ~small.train_mask)
    evaluator = NodeEvaluator(data, epochs=3)
    moved = small.clone()
    moved.x[~small.train_mask] += 5.0
    one, two = (evaluator.predict("GCN", g, torch.arange(5), seeds=1) for g in (small, moved))
    assert not torch.allclose(one, two)


@pytest.mark.parametrize("name", WHOLE)
def test_components_without_a_training_node_are_left_out(name: str) -> None:
    pairs = [(0, 1, 1.0), (1, 2, 1.0), (3, 4, 1.0), (5, 6, 1.0), (6, 7, 1.0)]
    data = graph_of(pairs, [0, -1, 1, -1, -1, 0, -1, 1, -1], 9)
    small = coarse(name, data, nodes=4)
    assert small.assignment[[3, 4, 8]].tolist() == [-1, -1, -1]
    assert sorted(set(small.assignment.tolist())) == [-1, 0, 1, 2, 3]
    with pytest.raises(ValueError, match="gives 7 nodes, above the 6 of the graph"):
        coarse(name, data, nodes=7)


@pytest.mark.parametrize("name", CONTRACTIONS)
def test_more_components_than_nodes(name: str) -> None:
    """They are joined by class, or it is said how many there are."""
    pairs = [(0, 1, 1.0), (2, 3, 1.0), (4, 5, 1.0), (6, 7, 1.0)]
    data = graph_of(pairs, [0, -1, 1, -1, 0, -1, 1, -1], 8)
    small = coarse(name, data, nodes=2)
    assert small.assignment.tolist() == [0, 0, 1, 1, 0, 0, 1, 1]
    with pytest.raises(ValueError, match=r"gives 3 nodes, below the 4 components.*join=True"):
        coarse(name, data, nodes=3, join=False)
    assert coarse(name, data, nodes=4, join=False).num_nodes == 4


@pytest.mark.parametrize("name", WHOLE)
def test_as_many_nodes_as_there_are(name: str) -> None:
    """Nothing is contracted."""
    data = toy_graph()
    small = coarse(name, data, nodes=120, self_loops=False)
    assert torch.equal(small.x, data.x)
    assert small.assignment.tolist() == list(range(120))
    assert np.allclose(dense(small), as_task(data).adj.toarray())


@pytest.mark.parametrize("name", WHOLE)
@pytest.mark.parametrize(
    ("bad", "message"),
    [
        ({"nodes": 2}, "below one for each of 3 classes"),
        ({"nodes": 121}, "121 nodes, above the 120"),
        ({"nodes": 500}, "500 nodes, above the 120"),
        ({"nodes": 6, "ratio": 0.1}, "exactly one"),
        ({}, "exactly one"),
        ({"ratio": 1.5}, "must be above 0"),
        ({"bytes": 10}, "below one for each"),
    ],
)
def test_impossible_budgets(name: str, bad: dict[str, Any], message: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=message):
        coarse(name, out=tmp_path / "run", **bad)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("name", "bad"),
    [
        ("variation-edges", {"eigenvectors": 0}),
        ("algebraic-jc", {"vectors": 0}),
        ("affinity-gs", {"sweeps": -1}),
        ("ugc", {"projections": 0}),
        ("ah-ugc", {"heterophily": 1.5}),
        ("convmatch", {"neighbours": 0}),
        ("convmatch", {"share": 0.0}),
        ("vng", {"hops": 0}),
        ("vng", {"ridge": 0.0}),
        ("clustering", {"hops": -1}),
        ("clustering", {"dims": 0}),
        ("averaging", {"hops": -1}),
    ],
)
def test_bad_fields(name: str, bad: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="=".join(map(str, next(iter(bad.items()))))):
        coarse(name, nodes=9, **bad)


@pytest.mark.parametrize("name", [*WHOLE, *PARTS])
@pytest.mark.parametrize("most", [1500, 3000, 6000])
def test_bytes_are_an_upper_bound(name: str, most: int) -> None:
    """Self-loops are counted; averages have none and no edges."""
    small = coarse(name, bytes=most)
    assert small.condensed["bytes"] <= most
    assert name != "averaging" or small.num_nodes == min(most // (12 * 4 + 9), 60)


def test_edges_of_weight_zero_are_none() -> None:
    """A node that hangs on the rest by such an edge is in no component of a training node."""
    pairs = [(0, 1, 1.0), (2, 3, 1.0), (3, 4, 0.0)]
    small = coarse("heavy-edge", graph_of(pairs, [0, -1, 1, -1, -1], 5), nodes=2)
    assert small.assignment.tolist() == [0, 0, 1, 1, -1]


@pytest.mark.parametrize("name", PARTS)
def test_more_clusters_than_a_class_has_nodes(name: str) -> None:
    with pytest.raises(ValueError, match=r"class \d would get 25 examples"):
        coarse(name, per_class=25)
    every = coarse(name, nodes=60)
    assert every.num_nodes == 60


# --- groups of training nodes --------------------------------------------------------------------


def test_the_forward_pass_of_virtual_nodes_by_hand() -> None:
    """Non-negative least squares: the slope is zero where ``M > 0`` and not negative elsewhere."""
    rng = np.random.default_rng(0)
    rows = [rng.random((5, 9)) for _ in range(3)]
    step = carrying(rows, 0.1)
    scale = np.mean([np.square(rows[k]).sum(1).mean() for k in range(2)]) * 2
    slope = 0.1 * scale * (step - np.eye(5))
    for k in range(2):
        slope += (step @ rows[k] - rows[k + 1]) @ rows[k].T
    assert (step >= 0).all()
    assert np.abs(slope[step > 0]).max() < 1e-8
    assert (slope[step == 0] >= -1e-8).all()
    assert (step == 0).any()


def test_a_gcn_normalises_virtual_edges_to_what_was_solved_for() -> None:
    data = toy_graph()
    small = coarse("vng", data, nodes=9)
    source = NodeSource(as_task(data))
    train = data.train_mask.nonzero().flatten()
    weight = torch.from_numpy(np.asarray(source.task.gcn_adj.sum(0)).ravel())[train].double()
    part = small.assignment[train]
    virtual = []
    for k in range(3):
        rows = source.propagated(k).double()
        sums = [
            (weight[part == r, None] * rows[part == r]).sum(0) / weight[part == r].sum()
            for r in range(9)
        ]
        virtual.append(torch.stack(sums).numpy())
    assert np.allclose(small.x, virtual[0], atol=1e-5)
    step = carrying(virtual, build("vng", "node", nodes=9).ridge)  # type: ignore[attr-defined]
    seen = gcn_norm_csr(csr_from_edges(small.edge_index, small.edge_weight, 9)).toarray()
    factor = np.abs(np.linalg.eigvals(step)).max()
    assert np.allclose(seen * factor, step, atol=1e-4)
    assert small.assignment[~data.train_mask].eq(-1).all()


def test_virtual_edges_of_a_graph_in_parts() -> None:
    """Finite and not negative; a part of its own keeps its operator."""
    step = np.zeros((4, 4))
    step[:2, :2], step[2, 2] = [[0.5, 0.3], [0.2, 0.4]], 0.1
    adj = unnormalised(step)
    assert np.isfinite(adj).all()
    assert (adj >= 0).all()
    scale = adj[:2, :2].sum(1) ** -0.5
    seen = scale[:, None] * adj[:2, :2] * scale
    assert np.allclose(seen / seen[0, 0] * 0.5, step[:2, :2])


def test_others_join_the_nearest_cluster() -> None:
    data = toy_graph()
    small = coarse("clustering", data, nodes=9, seed=4)
    rows = few_dimensions(data.x.numpy(), 128, np.random.default_rng(0))
    adj = as_task(data).gcn_adj
    rows = adj @ (adj @ rows)
    train, group = data.train_mask.numpy(), small.assignment.numpy()
    centres = [rows[train & (group == r)].mean(0) for r in range(9)]
    for i in np.flatnonzero(~train):
        distance = [np.square(rows[i] - centre).sum() for centre in centres]
        assert group[i] == np.argmin(distance)
    assert torch.equal(small.y[small.assignment[data.train_mask]], data.y[data.train_mask])
    assert small.y.tolist() == sorted(small.y.tolist())


def test_averages_by_hand() -> None:
    """One a class is the class mean; of several each has as many nodes, but one."""
    data = toy_graph()
    raw = coarse("averaging", data, per_class=1, hops=0)
    for c in range(3):
        own = data.train_mask & (data.y == c)
        assert torch.allclose(raw.x[c], data.x[own].mean(0), atol=1e-5)
    small = coarse("averaging", data, per_class=4)
    assert small.num_edges == 0
    source = NodeSource(as_task(data))
    part = small.assignment[data.train_mask]
    for r in range(12):
        mean = source.propagated(2)[part == r].mean(0)
        assert torch.allclose(small.x[r], mean, atol=1e-5)
    for c in range(3):
        sizes = torch.bincount(part, minlength=12)[4 * c : 4 * c + 4]
        assert int(sizes.max() - sizes.min()) <= 1
    other = coarse("averaging", data, per_class=4, seed=1)
    assert not torch.equal(small.assignment, other.assignment)


# --- hashed nodes --------------------------------------------------------------------------------


def test_one_line_serves_every_size() -> None:
    """Each size is what a run of its own gives; a smaller one joins nodes of a larger one."""
    found = coarse("ah-ugc", sizes=(5, 9, 40), seed=2)
    for n, small in found.items():
        assert small.condensed["hash"] == coarse("ah-ugc", nodes=n, seed=2).condensed["hash"]
    pairs = zip(found[40].assignment.tolist(), found[9].assignment.tolist(), strict=True)
    assert len(set(pairs)) == 40
    assert torch.allclose(found[5].edge_weight.sum(), found[40].edge_weight.sum())


@pytest.mark.parametrize("name", HASHED)
def test_links_or_features_alone(name: str) -> None:
    """What has no weight tells nothing: other features where links alone are hashed."""
    data, other = toy_graph(), toy_graph()
    other.x = other.x.flip(0)
    for h, same in ((1.0, True), (0.0, False)):
        one, two = (coarse(name, d, nodes=20, heterophily=h).assignment for d in (data, other))
        assert torch.equal(one, two) is same


def test_equal_nodes_are_parted_at_random() -> None:
    """No bin width tells them apart, and the budget is exact all the same."""
    data = toy_graph()
    data.x, data.edge_index = torch.ones_like(data.x), data.edge_index[:, :0]
    data.train_mask[:], data.val_mask[:], data.test_mask[:] = True, False, False
    assert coarse("ugc", data, nodes=31).num_nodes == 31


# --- assignments -------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [*WHOLE, *PARTS])
def test_assignments_are_saved_and_not_counted(name: str, tmp_path: Path) -> None:
    small = coarse(name, nodes=9, out=tmp_path)
    again = load(tmp_path)
    assert torch.equal(again.assignment, small.assignment)
    n, m = 9, small.num_edges
    assert small.condensed["bytes"] == n * (12 * 4 + 8) + 20 * m
    lift = assignment_matrix(again)
    assert lift.shape == (120, 9)
    assert lift.sum() == int((small.assignment >= 0).sum())
    assert "`assignment[i]` is the node" in (tmp_path / "condensed.md").read_text()
    train = toy_graph().train_mask
    assert bool((small.assignment[train] >= 0).all())


@pytest.mark.parametrize("name", [*WHOLE, *PARTS])
def test_only_the_budget_decides_the_number_in_the_inductive_setting(name: str) -> None:
    """Training nodes alone are assigned, by their numbers in the whole graph."""
    small = coarse(name, nodes=12, setting="inductive")
    assert small.num_nodes == 12
    assert small.assignment.shape == (120,)
    assert set(small.assignment[toy_graph().train_mask].tolist()) - {-1} == set(range(12))
    assert set(small.assignment[~toy_graph().train_mask].tolist()) == {-1}


def test_seeds_of_numpy_follow_torch() -> None:
    one, two, other = (seeded(Generator().manual_seed(s)).random() for s in (1, 1, 2))
    assert one == two != other
