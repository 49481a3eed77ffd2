"""Properties of graphs, held to loops and to spectra known by hand."""

from __future__ import annotations

import itertools
import json
from dataclasses import replace

import numpy as np
import pytest
import scipy.sparse as sp
import torch
from scipy.stats import wasserstein_distance
from torch_geometric.data import Data

from graphcondense import cli
from graphcondense.data import as_task
from graphcondense.uses.properties import (
    GRID,
    Properties,
    compare_properties,
    laplacian_energy,
    named_graphs,
)


def undirected(pairs: list[tuple[int, int]]) -> torch.Tensor:
    return torch.tensor([*pairs, *[(b, a) for a, b in pairs]]).T


def real(seed: int = 0) -> Data:
    generator = torch.Generator().manual_seed(seed)
    pairs = torch.randint(30, (60, 2), generator=generator).tolist()
    part = torch.arange(30) // 10
    return Data(
        x=torch.rand(30, 5, generator=generator),
        y=torch.arange(30) % 3,
        edge_index=undirected(sorted({(min(p), max(p)) for p in pairs if p[0] != p[1]})),
        train_mask=part == 0,
        val_mask=part == 1,
        test_mask=part == 2,
    )


def small() -> Data:
    """A weighted triangle with a tail and a lonely node."""
    pairs = [(0, 1), (1, 2), (0, 2), (2, 3)]
    weight = torch.tensor([1.0, 2.0, 3.0, 4.0])
    return Data(
        x=torch.rand(5, 5, generator=torch.Generator().manual_seed(1)),
        y=torch.tensor([0, 0, 1, 1, 2]),
        edge_index=undirected(pairs),
        edge_weight=weight.repeat(2),
    )


def row(result: Properties, label: str):
    return next(row for row in result.rows if row.label == label)


# --- the numbers -----------------------------------------------------------------------------


def test_counts_of_a_graph_drawn_by_hand():
    found = row(compare_properties(small(), real()), "condensed")
    assert (found.nodes, found.edges, found.components, found.graphs) == (5, 8, 2, 1)
    assert found.density == pytest.approx(8 / 20)
    assert found.degree == pytest.approx((2 + 2 + 3 + 1 + 0) / 5)
    assert found.weighted_degree == pytest.approx((4 + 3 + 9 + 4 + 0) / 5)
    assert found.homophily == pytest.approx((1 + 4) / 10)
    assert found.clustering == pytest.approx((1 + 1 + 1 / 3) / 5)  # two, one of three triples
    # classes of ten training nodes 4:3:3 against 2:2:1
    assert found.class_distance == pytest.approx((0 + 0.1 + 0.1) / 2)


def test_homophily_by_loops():
    data = real()
    task = as_task(data)
    adj = task.adj.toarray()
    same = total = 0.0
    for i, j in itertools.product(range(30), repeat=2):
        total += adj[i, j]
        same += adj[i, j] * (data.y[i] == data.y[j]).item()
    found = compare_properties(small(), data)
    assert row(found, "whole").homophily == pytest.approx(same / total)
    # A node of unknown label counts on neither side.
    data.y[25] = -1
    keep = [i for i in range(30) if i != 25]
    part = adj[np.ix_(keep, keep)]
    alike = data.y[keep][:, None] == data.y[keep][None]
    assert row(compare_properties(small(), data), "whole").homophily == pytest.approx(
        (part * alike.numpy()).sum() / part.sum()
    )


def test_degree_distance_by_sorting():
    """Of equally many points, Wasserstein is the mean gap of the sorted ones."""
    data = real()
    whole = as_task(data).adj.toarray().sum(1)
    degrees = np.array([4, 3, 9, 4, 0.0])
    a = np.sort(np.repeat(degrees / degrees.mean(), 6))  # 5 x 6 = 30
    b = np.sort(whole / whole.mean())
    found = row(compare_properties(small(), data), "condensed")
    assert found.degree_distance == pytest.approx(np.abs(a - b).mean())


def test_the_whole_graph_is_at_no_distance_of_itself():
    whole = row(compare_properties(small(), real()), "whole")
    assert whole.degree_distance == whole.energy_distance == whole.class_distance == 0


@pytest.mark.parametrize("dense_nodes", [0, 100])
def test_energy_of_a_path(dense_nodes):
    """P3: eigenvalues 0, 1, 2 with vectors (1, √2, 1)/2, (1, 0, -1)/√2, (1, -√2, 1)/2."""
    adj = sp.csr_matrix([[0, 1, 0], [1, 0, 1], [0, 1, 0]])
    x = np.array([[1.0, 3.0], [0.0, 0.0], [0.0, 1.0]])
    # columns (1, 0, 0): 1/4, 1/2, 1/4 of energy 1; (3, 0, 1): 4, 2, 4 of energy 10
    values, shares = laplacian_energy(adj, x, dense_nodes=dense_nodes)
    np.testing.assert_allclose(values, [0, 1, 2], atol=1e-9)
    np.testing.assert_allclose(shares, np.array([4.25, 2.5, 4.25]) / 11, atol=1e-9)


def test_a_lonely_node_has_eigenvalue_zero():
    adj = sp.csr_matrix(([1.0, 1.0], ([0, 1], [1, 0])), shape=(3, 3))
    values, shares = laplacian_energy(adj, np.array([[1.0], [-1.0], [3.0]]))
    assert shares[np.isclose(values, 2)].sum() == pytest.approx(2 / 11)
    assert shares[np.isclose(values, 0)].sum() == pytest.approx(9 / 11)


@pytest.mark.parametrize("sparse", [False, True])
def test_quadrature_has_the_moments_of_the_spectrum(sparse):
    rng = np.random.default_rng(0)
    adj = sp.random(80, 80, 0.1, random_state=1, format="csr")
    adj = adj + adj.T
    x = rng.random((80, 7)) * (rng.random((80, 7)) < 0.5)
    x = sp.csr_matrix(x) if sparse else x
    values, shares = laplacian_energy(adj, x)
    nodes, weights = laplacian_energy(adj, x, dense_nodes=10, steps=6)
    assert len(values) == 80
    assert len(nodes) == 6
    for power in range(12):
        assert (weights * nodes**power).sum() == pytest.approx((shares * values**power).sum())
    assert abs((weights * nodes**12).sum() / (shares * values**12).sum() - 1) > 1e-9


def test_scaling_features_or_weights_changes_no_energy():
    graph = small()
    adj = sp.csr_matrix(as_task(real()).adj)
    x = graph.x.numpy().repeat(6, 0)
    one, other = laplacian_energy(adj, x), laplacian_energy(3 * adj, -2 * x)
    # Vectors of one eigenvalue may turn: compare distributions, not shares.
    assert wasserstein_distance(one[0], other[0], one[1], other[1]) < 1e-6


def test_cumulative_energy_ends_at_one():
    found = row(compare_properties(small(), real()), "condensed")
    assert len(found.energy) == len(GRID)
    assert found.energy[-1] == pytest.approx(1)
    assert all(a <= b + 1e-12 for a, b in itertools.pairwise(found.energy))


# --- edge cases ------------------------------------------------------------------------------


def test_a_graph_without_edges_has_none_of_what_needs_them():
    bare = small()
    bare.edge_index, bare.edge_weight = torch.empty(2, 0, dtype=torch.long), None
    result = compare_properties({"bare": bare}, real(), random_draws=0)
    found = row(result, "bare")
    assert found.homophily is found.clustering is found.energy is None
    assert found.degree_distance is found.energy_distance is None
    assert (found.density, found.degree, found.components) == (0, 0, 5)
    assert "NaN" not in result.to_json()
    assert "nan" not in result.table()


def test_self_loops_count_nowhere():
    looped = small()
    looped.edge_index = torch.cat([looped.edge_index, torch.tensor([[0, 4], [0, 4]])], 1)
    looped.edge_weight = torch.cat([looped.edge_weight, torch.tensor([9.0, 9.0])])
    plain, other = (row(compare_properties(g, real()), "condensed") for g in (small(), looped))
    assert plain == other


def test_soft_labels_and_means_over_graphs():
    soft = small()
    soft.y = 0.8 * torch.eye(3)[soft.y] + 0.2 / 3
    bare = small()
    bare.edge_index, bare.edge_weight = torch.empty(2, 0, dtype=torch.long), None
    found = row(compare_properties([soft, bare], real()), "condensed")
    assert (found.graphs, found.edges, found.components) == (2, 4, 3.5)
    assert found.homophily == pytest.approx(0.5)  # of the graph that has edges


def test_seeds_and_inputs():
    data, graph = real(), small()
    before = data.clone(), graph.clone()
    one = compare_properties(graph, data, clustering_nodes=7)
    torch.manual_seed(1)
    assert compare_properties(graph, data, clustering_nodes=7) == one
    assert one.clustered_nodes == 7
    for now, then in zip((data, graph), before, strict=True):
        assert all(torch.equal(now[key], then[key]) for key in now.keys())  # noqa: SIM118


def test_test_labels_change_the_homophily_of_the_whole_graph_alone():
    data, other = real(), real()
    other.y[20:] = other.y[20:].roll(1)
    for a, b in zip(*(compare_properties(small(), d).rows for d in (data, other)), strict=True):
        changed = {key for key in vars(a) if vars(a)[key] != vars(b)[key]}
        assert changed == ({"homophily"} if a.label == "whole" else set())


# --- what is shown ---------------------------------------------------------------------------


def test_table_json_latex_frame_and_picture(tmp_path):
    result = compare_properties({"ours": [small(), small()]}, real(), dense_nodes=10, steps=4)
    assert [r.label for r in result.rows] == ["ours", "random", "whole"]
    assert "4 Lanczos steps" in result.table()
    assert "test labels too" in result.table()
    content = json.loads(result.to_json(tmp_path / "p.json"))
    assert content["rows"][0]["edges"] == 8
    assert r"\toprule" in result.to_latex()
    result.plot(tmp_path / "p.png")
    assert (tmp_path / "p.png").read_bytes()[:4] == b"\x89PNG"


def test_small_weights_and_densities_are_no_zeros_in_the_table():
    """Weights have a unit of their own, and a large graph has few of all edges."""
    light = small()
    light.edge_weight *= 1e-4
    result = compare_properties({"ours": light}, real(), dense_nodes=10, steps=4)
    thin = replace(row(result, "ours"), density=2.2e-5)
    table = replace(result, rows=(thin,)).table()
    assert "0.0004" in table  # (4 + 3 + 9 + 4) / 5 of 1e-4
    assert "0.0022" in table


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"small": []}, "no condensed graph"),
        ({"small": {"whole": small()}}, "whole"),
        ({"small": Data(x=torch.ones(3, 4), y=torch.arange(3))}, r"4 features.*5"),
        ({"random_draws": -1}, "random_draws=-1 must be at least 0"),
        ({"steps": 1}, "steps=1 must be at least 2"),
    ],
)
def test_errors(arguments, message):
    with pytest.raises(ValueError, match=message):
        compare_properties(arguments.pop("small", small()), real(), **arguments)
    zero = sp.csr_matrix((2, 2)), np.zeros((2, 1))
    with pytest.raises(ValueError, match="all zero"):
        laplacian_energy(*zero)


def test_names():
    assert list(named_graphs(small())) == ["condensed"]
    assert {k: len(v) for k, v in named_graphs({"a": [1, 2], "b": 3}).items()} == {"a": 2, "b": 1}


def test_command(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    words = ["--data", "digits", "--nodes", "20", "--validations", "0", "--no-progress"]
    assert cli.main(["condense", "kcenter", *words, "--out", "run"]) == 0
    assert cli.main(["properties", "run", "--random-draws", "1"]) == 0
    assert "energy dist." in capsys.readouterr().out
    content = json.loads((tmp_path / "run/properties.json").read_text())
    assert [r["label"] for r in content["rows"]] == ["kcenter", "random", "whole"]
    assert (tmp_path / "run/properties.png").exists()
    assert cli.main(["properties", "run", "--steps", "1"]) == 2
    assert "error: steps=1 must be at least 2" in capsys.readouterr().err
