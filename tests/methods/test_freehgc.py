"""FreeHGC: coverage and likeness by hand, influence by inverses, leaves that keep means; and
budgets by type, for all methods of heterogeneous graphs."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import scipy.sparse as sp
import torch
from torch_geometric.data import HeteroData

import graphcondense
from graphcondense import cli
from graphcondense.data.hetero_reading import as_hetero
from graphcondense.domains.hetero_fields import (
    both_ways,
    covering,
    fields_along,
    influence,
    jaccard,
    likeness,
    meta_paths,
    refuse_many,
    roles,
    thinned,
)
from graphcondense.methods import all_methods
from graphcondense.ops.hetero import HeteroGraph
from tests.cases import HeteroCase, toy_graph, toy_hetero


class TestFreeHGC(HeteroCase):
    name = "freehgc"
    iterates = False


def chain(seed: int = 0) -> HeteroData:
    """Authors with classes, their papers, and the venues of these, two steps away."""
    rng = torch.Generator().manual_seed(seed)
    out = HeteroData()
    out["author"].x = torch.randn(30, 4, generator=rng)
    out["author"].y = torch.arange(30) % 2
    out["author"].train_mask = torch.arange(30) < 20
    out["author"].val_mask = torch.arange(30) >= 20
    out["paper"].x = torch.randn(40, 3, generator=rng)
    out["venue"].x = torch.randn(9, 2, generator=rng)
    wrote = torch.stack([torch.randint(30, (90,), generator=rng), torch.arange(90) % 40])
    held = torch.stack([torch.arange(40), torch.randint(9, (40,), generator=rng)])
    for (source, name, end), pair in {
        ("author", "wrote", "paper"): wrote,
        ("paper", "in", "venue"): held,
    }.items():
        out[source, name, end].edge_index = pair
        out[end, f"rev_{name}", source].edge_index = pair.flip(0)
    return out


def graph() -> HeteroGraph:
    return as_hetero(chain()).graph


def test_meta_paths() -> None:
    """From the target on: authors hear of papers, papers of authors and venues."""
    found = [tuple(r[0] for r in path) for path in meta_paths(graph(), "author", 2)]
    assert found == [("paper",), ("paper", "author"), ("paper", "venue")]


def test_too_many_meta_paths_are_counted_and_not_made() -> None:
    """The number is that of all paths, and what fits does."""
    real = both_ways(as_hetero(toy_hetero()).graph)
    refuse_many(real, "paper", 8)
    assert len(meta_paths(real, "paper", 8)) == 680
    with pytest.raises(ValueError, match=r"hops=9 gives 1,363 meta-paths .*hops=8 is the largest"):
        refuse_many(real, "paper", 9)
    assert len(meta_paths(real, "paper", 9)) == 1363
    with pytest.raises(ValueError, match=r"hops=5000 gives more than 1,000,000,000,000 meta-paths"):
        graphcondense.condense(toy_hetero(), "freehgc", nodes=9, hops=5000, progress=False)


def test_a_relation_gets_its_way_back() -> None:
    one = HeteroGraph(
        {"a": np.zeros((2, 1), np.float32), "b": np.zeros((3, 1), np.float32)},
        {("a", "r", "b"): sp.csr_matrix(np.ones((3, 2), np.float32))},
    )
    assert list(both_ways(one).relations) == [("a", "r", "b"), ("b", "r back", "a")]
    assert both_ways(one).relations["b", "r back", "a"].shape == (2, 3)
    assert list(both_ways(graph()).relations) == list(graph().relations)


def test_fields_by_hand() -> None:
    """Everything that a node reaches, where no hub is thinned."""
    real, nodes = graph(), np.array([3, 0, 7])
    paths = meta_paths(real, "author", 2)
    found = fields_along(real, nodes, paths, 99, np.random.default_rng(0))
    for path, got in zip(paths, found, strict=True):
        reached = (real.relations[path[0]].toarray() != 0)[nodes]
        for relation in path[1:]:
            reached = (reached @ (real.relations[relation].toarray() != 0)) != 0
        assert (got.toarray() == reached).all()


def test_hubs_are_thinned() -> None:
    hub = sp.csr_matrix(np.array([[1, 1, 1, 1, 1], [0, 3, 0, 0, 1]], np.float32))
    out = thinned(hub, 2, np.random.default_rng(0))
    assert out.getnnz(1).tolist() == [2, 2]
    assert set(out[1].indices) == {1, 4}
    assert (out.data == 1).all()
    seen = {tuple(sorted(thinned(hub, 2, np.random.default_rng(s))[0].indices)) for s in range(40)}
    assert len(seen) == 10  # every pair is drawn


def test_likeness_by_hand() -> None:
    a, b, c = (
        sp.csr_matrix(np.array(rows, np.float32))
        for rows in ([[1, 1, 0], [0, 0, 0]], [[1, 0, 0], [0, 0, 0]], [[0, 0, 1], [1, 0, 0]])
    )
    assert jaccard(a, b).tolist() == [0.5, 1.0]
    one, two, three = likeness([a, b, c])
    assert one.tolist() == [0.25, 0.5]
    assert two.tolist() == [0.25, 0.5]
    assert three.tolist() == [0.0, 0.0]
    assert likeness([a])[0].tolist() == [0.0, 0.0]


def test_covering_by_hand() -> None:
    """A row that sees nothing new is worth its bonus alone."""
    field = sp.csr_matrix(np.array([[1, 1, 1, 0, 0], [1, 1, 0, 0, 0], [0, 0, 0, 1, 0]], np.float32))
    rows, scores = covering(field, np.array([0.0, 0.1, 0.0]), 3)
    assert rows.tolist() == [0, 2, 1]
    np.testing.assert_allclose(scores, [1.0, 1 / 3, 0.1])


@pytest.mark.parametrize("kind", ["paper", "venue"])
def test_influence_by_inverses(kind: str) -> None:
    """Personalised PageRank on the graph of a meta-path, in float64."""
    real, chosen = graph(), np.array([1, 4, 9])
    path = next(p for p in meta_paths(real, "author", 2) if p[-1][0] == kind)
    paths = np.eye(real.counts["author"])
    for relation in path:
        paths = paths @ (real.relations[relation].toarray() != 0)
    n, m = paths.shape
    a = np.zeros((n + m, n + m))
    a[:n, n:], a[n:, :n] = paths, paths.T
    a += np.eye(n + m)
    root = np.diag(a.sum(1) ** -0.5)
    ranks = 0.2 * np.linalg.inv(np.eye(n + m) - 0.8 * root @ a @ root)
    wanted = ranks[chosen][:, n:].sum(0)
    np.testing.assert_allclose(influence(real, path, chosen, 0.2), wanted, rtol=1e-6)


def test_fathers_and_leaves() -> None:
    assert roles(graph(), "author") == ({"paper": "author", "venue": "paper"}, {"paper"})
    parents, fathers = roles(as_hetero(toy_hetero()).graph, "paper")
    assert parents == {"author": "paper", "venue": "paper"}
    assert not fathers


def test_fathers_are_real_and_leaves_keep_means() -> None:
    """A chosen paper hears of its venues what it heard in the real graph."""
    data = chain()
    nodes = {"author": 6, "paper": 12, "venue": 9}
    small = graphcondense.condense(data, "freehgc", nodes=nodes, progress=False)
    real = {tuple(row): i for i, row in enumerate(data["paper"].x.tolist())}
    papers = [real[tuple(row)] for row in small["paper"].x.tolist()]
    assert len(set(papers)) == 12
    pair = data["paper", "in", "venue"].edge_index
    source, end = small["venue", "rev_in", "paper"].edge_index
    assert end.tolist() == sorted(end.tolist()) == list(range(12))  # one leaf each
    for leaf, paper in zip(source.tolist(), end.tolist(), strict=True):
        mean = data["venue"].x[pair[1, pair[0] == papers[paper]]].mean(0)
        torch.testing.assert_close(small["venue"].x[leaf], mean)
    back = small["paper", "in", "venue"].edge_index
    assert sorted(zip(*back.tolist(), strict=True)) == sorted(
        zip(end.tolist(), source.tolist(), strict=True)
    )


def test_leaves_are_joined_and_missed() -> None:
    data = chain()
    small = graphcondense.condense(data, "freehgc", nodes={"author": 6, "venue": 2}, progress=False)
    assert len(small["venue"].x) == 2
    assert len(small["paper"].x) == 8  # the share of the authors
    for relation in data.edge_types[2:]:  # no paper is in a venue: the mean of all stands there
        data[relation].edge_index = data[relation].edge_index[:, :0]
    small = graphcondense.condense(data, "freehgc", nodes=6, progress=False)
    torch.testing.assert_close(small["venue"].x, data["venue"].x.mean(0, keepdim=True))
    assert not small["paper", "in", "venue"].edge_index.numel()


@pytest.mark.parametrize("others", ["select", "synthesise"])
def test_what_others_are_made_of(others: str) -> None:
    data = chain()
    small = graphcondense.condense(data, "freehgc", nodes=6, others=others, progress=False)
    real = {tuple(row) for row in data["venue"].x.tolist()}
    own = [tuple(row) in real for row in small["venue"].x.tolist()]
    assert all(own) == (others == "select")


METHODS = sorted(name for name, kind in all_methods() if kind == "hetero")


@pytest.mark.parametrize("name", METHODS)
def test_a_budget_by_type(name: str) -> None:
    nodes = {"paper": np.int64(12), "author": 11}
    small = graphcondense.condense(toy_hetero(), name, nodes=nodes, progress=False)
    assert small.condensed["types"] == {"paper": 12, "author": 11, "venue": 1}
    assert small.condensed["budget"]["asked"]["nodes"] == {"paper": 12, "author": 11}
    plain = graphcondense.condense(toy_hetero(), name, nodes=12, progress=False)
    named = graphcondense.condense(
        toy_hetero(), name, nodes={"paper": 12, "author": 6, "venue": 1}, progress=False
    )
    assert plain.condensed["hash"] == named.condensed["hash"]


@pytest.mark.parametrize(
    ("nodes", "message"),
    [
        ({"paper": 12, "authors": 9}, r"names the type 'authors'; .*did you mean author\?"),
        ({"author": 9}, "has no number for 'paper', the type with labels"),
        ({"paper": 12, "author": 0}, "must give whole numbers, one or more, by name"),
        ({"paper": 12, "author": 61}, "asks for 61 author nodes, and there are 60"),
        ({"paper": 121}, "121"),
        ({}, "must give whole numbers, one or more, by name"),
        ({"paper": 12.5}, "must give whole numbers"),
        ({1: 12}, "must give whole numbers"),
    ],
)
@pytest.mark.parametrize("name", ["quotient", "freehgc", "random"])
def test_budgets_that_cannot_be(name: str, nodes: dict[Any, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        graphcondense.condense(toy_hetero(), name, nodes=nodes, progress=False)


def test_other_data_have_one_number() -> None:
    with pytest.raises(ValueError, match=r"nodes=.* is not a whole number"):
        graphcondense.condense(toy_graph(), "random", nodes={"digit": 20}, progress=False)


@pytest.mark.slow
def test_a_budget_by_type_on_the_command_line(tmp_path: Any, capsys: Any) -> None:
    path = tmp_path / "toy.pt"
    torch.save(toy_hetero(), path)
    words = ["condense", "freehgc", "--data", str(path), "--quiet"]
    cli.main([*words, "--nodes", "paper=12", "author=9", "--out", str(tmp_path / "a")])
    one = graphcondense.load(tmp_path / "a")
    assert one.condensed["types"] == {"paper": 12, "author": 9, "venue": 1}
    cli.main([*words, "--nodes", "paper=12,author=9", "--out", str(tmp_path / "b")])
    config = ["--config", str(tmp_path / "a" / "config.yaml"), "--out", str(tmp_path / "c")]
    cli.main([*words, *config])
    for other in ("b", "c"):
        found = graphcondense.load(tmp_path / other)
        assert found.condensed["hash"] == one.condensed["hash"]
    for wrong in ("paper", "paper=x", "paper=1,paper=2", "paper=1.5"):
        assert cli.main([*words, "--nodes", wrong, "--out", str(tmp_path / "d")])
        assert "--nodes paper=30 author=10" in capsys.readouterr().err
