"""Sparsification: properties of what is kept, the transform, and the choice on validation."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import networkx as nx
import numpy as np
import pytest
import scipy.sparse as sp
import torch
import torch_geometric.nn as pyg
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor
from torch_geometric.data import Data
from torch_geometric.utils import to_networkx

import graphcondense
from graphcondense import cli
from graphcondense.evaluate import NodeEvaluator, evaluate
from graphcondense.ops.sparsify import above, candidates, spanning_forest, top_k
from graphcondense.transforms import Sparsify


@st.composite
def symmetric(draw: Any) -> tuple[Tensor, Tensor, int]:
    """Edges in any order, both directions of each pair, some self-loops and equal weights."""
    n = draw(st.integers(1, 9))
    pairs = [(i, j) for i in range(n) for j in range(i, n)]
    kept = draw(st.lists(st.sampled_from(pairs), unique=True))
    weights = draw(st.lists(st.integers(1, 5), min_size=len(kept), max_size=len(kept)))
    both = [(i, j, w) for (i, j), w in zip(kept, weights, strict=True)]
    both += [(j, i, w) for i, j, w in both if i != j]
    both = draw(st.permutations(both))
    edges = torch.tensor([e[:2] for e in both], dtype=torch.long).reshape(-1, 2).T
    return edges, torch.tensor([e[2] / 5 for e in both]), n


def dense(edges: Tensor, weight: Tensor, n: int) -> Tensor:
    out = torch.zeros(n, n)
    out[edges[1], edges[0]] = weight
    return out


@given(symmetric(), st.integers(1, 4))
def test_symmetric_stays_symmetric(graph: tuple[Tensor, Tensor, int], k: int) -> None:
    edges, weight, n = graph
    for kept in (
        above(edges, weight, 0.5),
        top_k(edges, weight, k),
        spanning_forest(edges, weight),
    ):
        adj = dense(edges[:, kept], weight[kept], n)
        assert torch.equal(adj, adj.T)


@given(symmetric(), st.integers(1, 4))
def test_top_k_keeps_k_of_each_node_and_they_are_the_heaviest(
    graph: tuple[Tensor, Tensor, int], k: int
) -> None:
    edges, weight, n = graph
    kept = top_k(edges, weight, k)
    loop = edges[0] == edges[1]
    assert bool(kept[loop].all())
    chosen = torch.zeros(len(weight), dtype=torch.bool)
    for node in range(n):
        own = ((edges[1] == node) & ~loop).nonzero().flatten()
        assert int(kept[own].sum()) >= min(k, len(own))
        best = sorted(own.tolist(), key=lambda e: (-float(weight[e]), int(edges[0, e])))
        chosen[best[:k]] = True
    for edge in (~loop).nonzero().flatten().tolist():
        back = ((edges[0] == edges[1, edge]) & (edges[1] == edges[0, edge])).nonzero().flatten()
        assert bool(kept[edge]) == bool(chosen[edge] | chosen[back].any())


@given(symmetric())
def test_a_forest_spans_and_is_the_heaviest(graph: tuple[Tensor, Tensor, int]) -> None:
    edges, weight, n = graph
    kept = spanning_forest(edges, weight)
    loop = edges[0] == edges[1]
    assert bool(kept[loop].all())
    data = Data(edge_index=edges, weight=weight, num_nodes=n)
    whole = to_networkx(data, edge_attrs=["weight"], to_undirected=True, remove_self_loops=True)
    parts = nx.number_connected_components(whole)
    assert int((kept & ~loop).sum()) == 2 * (n - parts)
    own = data.edge_subgraph(kept)
    assert nx.number_connected_components(to_networkx(own, to_undirected=True)) == parts
    wanted = nx.maximum_spanning_tree(whole).size(weight="weight")
    assert float(weight[kept & ~loop].sum()) == pytest.approx(2 * wanted, abs=1e-5)


def test_one_direction_alone() -> None:
    """A directed edge that is kept needs no reverse, and a pair counts as its heavier direction."""
    edges = torch.tensor([[0, 1, 2, 2, 1], [1, 2, 0, 1, 0]])
    weight = torch.tensor([0.9, 0.2, 0.5, 0.6, 0.0])
    assert spanning_forest(edges, weight).tolist() == [True, True, False, True, True]
    assert top_k(edges, weight, 1).tolist() == [True, True, True, True, True]
    assert top_k(edges[:, :4], weight[:4], 1).tolist() == [True, True, True, True]
    none = torch.empty(2, 0, dtype=torch.long)
    for kept in (top_k(none, weight[:0], 1), spanning_forest(none, weight[:0])):
        assert kept.shape == (0,)


def test_weight_zero_is_no_edge_of_a_forest() -> None:
    edges = torch.tensor([[0, 1], [1, 0]])
    assert not bool(spanning_forest(edges, torch.zeros(2)).any())


def test_bad_input() -> None:
    edges = torch.tensor([[0, 1], [1, 0]])
    with pytest.raises(ValueError, match="k must be at least 1, got 0"):
        top_k(edges, torch.ones(2), 0)
    with pytest.raises(ValueError, match=r"edges are \[2, m\] with weights \[m\], got .*\(3,\)"):
        above(edges, torch.ones(3), 0.5)


# --- candidates and the transform ------------------------------------------------------------


def weighted(seed: int = 0, n: int = 30) -> sp.csr_matrix:
    rng = np.random.default_rng(seed)
    upper = np.triu(rng.random((n, n)) * (rng.random((n, n)) < 0.5), 1).astype(np.float32)
    return sp.csr_matrix(upper + upper.T)


def test_candidates() -> None:
    adj = weighted()
    by = {how: list(candidates(adj, how)) for how in ("none", "threshold", "top-k", "forest")}  # type: ignore[arg-type]
    assert [said for said, _ in by["none"]] == [""]
    assert [said for said, _ in by["forest"]] == ["a maximum spanning forest"]
    assert [int(said.split()[1]) for said, _ in by["top-k"]] == [1, 2, 4, 8, 16]
    assert by["forest"][0][1].nnz == 2 * 29
    for how in ("threshold", "top-k"):
        sizes = [kept.nnz for _, kept in by[how]]
        assert sorted(set(sizes)) == sorted(sizes), "all different"
        assert max(sizes) <= adj.nnz
        for _, kept in by[how]:
            assert (kept != adj.multiply(kept != 0)).nnz == 0, "weights stay"
    cut = np.quantile(adj.data, 0.5, method="higher")
    assert by["threshold"][2][0] == f"edges of weight {cut:.3g} or more"
    assert by["threshold"][2][1].data.min() >= cut
    equal = sp.csr_matrix(adj != 0, dtype=np.float32)
    for how in by:
        assert [said for said, _ in candidates(equal, how)] == [""]  # type: ignore[arg-type]


def test_candidates_end_where_all_edges_are_kept() -> None:
    path = sp.csr_matrix(np.diag([1.0, 2.0, 3.0], 1) + np.diag([1.0, 2.0, 3.0], -1))
    assert [kept.nnz for _, kept in candidates(path, "top-k")] == [6]


def test_transform() -> None:
    adj = weighted().tocoo()
    edges = torch.from_numpy(np.stack([adj.col, adj.row]).astype(np.int64))
    weight = torch.from_numpy(adj.data)
    data = Data(x=torch.ones(30, 1), edge_index=edges, edge_weight=weight, edge_attr=weight * 2)
    for transform, kept in (
        (Sparsify(threshold=0.5), above(edges, weight, 0.5)),
        (Sparsify("top-k", k=3), top_k(edges, weight, 3)),
        (Sparsify("forest"), spanning_forest(edges, weight)),
    ):
        out = transform(data)
        assert torch.equal(out.edge_index, edges[:, kept])
        assert torch.equal(out.edge_weight, weight[kept])
        assert torch.equal(out.edge_attr, 2 * weight[kept])
        assert out.num_nodes == 30
    assert data.num_edges == len(weight), "the input is as it was"
    assert repr(Sparsify("top-k", k=3)) == "Sparsify('top-k', 3)"
    assert repr(Sparsify("forest")) == "Sparsify('forest')"
    del data.edge_weight
    assert Sparsify("forest")(data).num_edges == 58


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (("cut",), "how='cut'; choose threshold, top-k, forest"),
        (("threshold",), "'threshold' needs threshold, got nothing"),
        (("top-k",), "'top-k' needs k, got nothing"),
    ],
)
def test_transform_refuses(given: tuple[str], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        Sparsify(*given)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="'forest' needs nothing, got k"):
        Sparsify("forest", k=2)


# --- evaluation ------------------------------------------------------------------------------


@pytest.fixture
def dense_small(real: Any) -> Data:
    """Nine nodes whose edges all have weights of their own; heavy ones join a class."""
    rng = torch.Generator().manual_seed(0)
    y = torch.arange(9) % 3
    near = torch.where(y[:, None] == y, 0.6, 0.0) + 0.4 * torch.rand(9, 9, generator=rng)
    near = (near + near.T).triu(1)
    edges = (near + near.T).nonzero().T
    x = torch.eye(9, 10) + torch.eye(3, 10)[y]
    return Data(x=x, edge_index=edges, edge_weight=(near + near.T)[edges[0], edges[1]], y=y)


@pytest.mark.parametrize("how", ["none", "threshold", "top-k", "forest"])
@pytest.mark.parametrize("model", ["GCN", pyg.GraphSAGE])
def test_the_best_on_validation_is_chosen(
    how: str, model: Any, real: Any, dense_small: Any
) -> None:
    """Candidate by candidate, trained without sparsification."""
    evaluator = NodeEvaluator(real, epochs=6, hidden=8, sparsify=how)
    found = evaluator.fit(model, dense_small, seeds=2)
    adj = sp.csr_matrix(
        (dense_small.edge_weight, dense_small.edge_index.flip(0).numpy()), shape=(9, 9)
    )
    plain = evaluator.replace(sparsify="none")
    scores = {}
    for said, kept in candidates(adj, how):  # type: ignore[arg-type]
        coo = kept.tocoo()
        one = dense_small.clone()
        one.edge_index = torch.from_numpy(np.stack([coo.col, coo.row]).astype(np.int64))
        one.edge_weight = torch.from_numpy(coo.data)
        scores[said] = plain.fit(model, one, seeds=2)
    best = max(scores, key=lambda said: float(scores[said].val_selected.mean()))
    assert found.chosen == best
    assert torch.equal(found.test_selected, scores[best].test_selected)


def test_a_choice_at_the_edge_says_so() -> None:
    """Keeping all edges is no edge of a grid, and nor is a cut that keeps the heaviest alone."""
    rng = np.random.default_rng(0)
    dense = np.triu(rng.random((30, 30)) + 0.1, 1).astype(np.float32)
    adj = sp.csr_matrix(dense + dense.T)
    said = [words for words, _ in candidates(adj, "threshold")]
    assert [" (edge of the grid" in words for words in said] == [False] * 4 + [True]
    said = [words for words, _ in candidates(adj, "top-k")]
    assert said[0] == "the 1 heaviest edges of each node"
    assert [" (edge of the grid 1..16)" in words for words in said] == [False] * 4 + [True]
    few = sp.csr_matrix(np.array([[0, 1.0, 2.0], [1.0, 0, 0], [2.0, 0, 0]], np.float32))
    for how in ("threshold", "top-k"):
        assert not any("edge of the grid" in words for words, _ in candidates(few, how))


@pytest.mark.parametrize(("how", "kept"), [("top-k", True), ("forest", True), ("threshold", False)])
def test_a_loop_of_weight_0_is_kept_and_an_edge_of_weight_0_is_not(how: Any, kept: bool) -> None:
    """A stored loop of 0 says that a GCN adds none; a threshold drops it like any loop below."""
    weights = np.array([0.0, 2.0, 0.0, 1.0, 1.0], np.float32)
    pairs = (np.array([0, 0, 0, 1, 2]), np.array([0, 1, 2, 2, 1]))
    for _, adj in candidates(sp.csr_matrix((weights, pairs), shape=(3, 3)), how):
        stored = adj.tocoo()
        found = list(zip(stored.row.tolist(), stored.col.tolist(), strict=True))
        assert ((0, 0) in found) is kept
        assert (0, 2) not in found
        assert (0, 1) in found


@pytest.mark.parametrize("how", ["threshold", "top-k"])
def test_test_nodes_choose_nothing(
    how: str, real: Any, dense_small: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Labels of the test nodes do not matter, and none is read before the choice is made."""
    y = real.y.clone()
    y[real.test] = (y[real.test] + 1) % 3
    garbage = replace(real, y=y)
    found = [
        NodeEvaluator(r, epochs=4, hidden=8, sparsify=how).fit("GCN", dense_small, seeds=2)
        for r in (real, garbage)
    ]
    assert found[0].chosen == found[1].chosen != ""
    assert torch.equal(found[0].val_selected, found[1].val_selected)
    assert not torch.equal(found[0].test_selected, found[1].test_selected)

    seen: list[str] = []
    predict = NodeEvaluator._accuracy

    def spy(self: Any, model: Any, weights: Any, split: str) -> Tensor:
        seen.append(split)
        return predict(self, model, weights, split)

    monkeypatch.setattr(NodeEvaluator, "_accuracy", spy)
    NodeEvaluator(real, epochs=2, hidden=8, sparsify=how).fit("GCN", dense_small, seeds=2)
    assert seen[-2:] == ["test", "test"]
    assert set(seen[:-2]) == {"val"}
    assert len(seen) > 6, "several candidates"


def test_the_choice_is_in_the_report(real: Any, dense_small: Any) -> None:
    report = evaluate(
        dense_small, real, models=["GCN"], seeds=1, epochs=3, hidden=8, sparsify="top-k",
        baselines=["whole"], plain_epochs=0, progress=False,
    )  # fmt: skip
    chosen = {row.label: row.chosen for row in report.rows}
    assert "heaviest edges of each node" in chosen["condensed"]
    assert chosen["whole"] == "", "its weights are all equal"
    assert f"condensed, GCN: {chosen['condensed']}" in report.table()
    with pytest.raises(ValueError, match="sparsify='most' is not one of 'none', 'threshold'"):
        evaluate(dense_small, real, sparsify="most")


def test_the_flag(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    small = graphcondense.condense(graphcondense.data.load("digits"), "random", nodes=20)
    small.edge_index = torch.cat([torch.combinations(torch.arange(20)).T] * 2, 1)
    small.edge_index[:, 190:] = small.edge_index[:, 190:].flip(0)
    small.edge_weight = torch.rand(190).repeat(2) + 0.1
    graphcondense.save(small, "dense")
    words = ["dense", "--data", "digits", "--models", "SGC", "--baselines", "none"]
    quick = ["--seeds", "1", "--epochs", "2"]
    assert cli.main(["evaluate", *words, *quick, "--sparsify", "forest"]) == 0
    assert "SGC: a maximum spanning forest" in capsys.readouterr().out
