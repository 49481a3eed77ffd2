"""Poisons have exact counts; robustness trains on the poisoned and scores on the clean graph."""

from __future__ import annotations

import itertools
import json
from dataclasses import replace

import numpy as np
import pytest
import scipy.sparse as sp
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch_geometric.data import Data

import graphcondense
from graphcondense import cli
from graphcondense.cli.robustness import robustness_parser
from graphcondense.data import as_task
from graphcondense.data.task import NodeTask
from graphcondense.evaluate import NodeEvaluator
from graphcondense.methods import all_methods
from graphcondense.uses.robustness import (
    measure_robustness,
    poison_edges,
    poison_features,
    poison_labels,
    poisoned,
)

FAST = {"epochs": 3, "hidden": 8, "seeds": 2}


def real(seed: int = 0, nodes: int = 60, edges: int = 120, sparse: bool = False) -> NodeTask:
    generator = torch.Generator().manual_seed(seed)
    y, part = torch.arange(nodes) % 3, torch.arange(nodes) * 3 // nodes
    pairs = torch.randint(nodes, (2, edges), generator=generator)
    width = 30 if sparse else 8
    x = torch.eye(3, width)[y] + 0.5 * torch.randn(nodes, width, generator=generator)
    x = x * (torch.rand(nodes, width, generator=generator) < 0.2) if sparse else x
    task = as_task(
        Data(
            x=x.to_sparse_csr() if sparse else x,
            y=y,
            edge_index=torch.cat([pairs, pairs.flip(0)], 1),
            train_mask=part == 0,
            val_mask=part == 1,
            test_mask=part == 2,
        )
    )
    assert sp.issparse(task.x) == sparse
    return task


def dense(x) -> np.ndarray:
    return x.toarray() if sp.issparse(x) else x.numpy()


def condense(task: NodeTask, seed: int) -> Data:
    """The mean of each class, with the poison in it."""
    del seed
    x, y = torch.tensor(dense(task.x)[task.train]), task.y[task.train]
    means = torch.stack([x[y == c].mean(0) for c in range(3)])
    return Data(x=means, y=torch.arange(3), edge_index=torch.empty(2, 0, dtype=torch.long))


rates = st.floats(0, 1, allow_nan=False)
seeds = st.integers(0, 2**31)


# --- poisons ---------------------------------------------------------------------------------


@settings(max_examples=30, deadline=None)
@given(rate=rates, seed=seeds, graph=st.integers(0, 5))
def test_edges(rate, seed, graph):
    task = real(graph)
    before = task.adj.copy()
    out = poison_edges(task, rate, np.random.default_rng(seed))
    old, new = before.toarray(), out.adj.toarray()
    pairs = sum(old[i, j] > 0 for i, j in itertools.combinations(range(60), 2))
    fresh = [(i, j) for i, j in itertools.combinations(range(60), 2) if new[i, j] and not old[i, j]]
    assert len(fresh) == round(rate * pairs)
    assert (new == new.T).all()
    assert (new.diagonal() == old.diagonal()).all()
    assert (new[old > 0] == old[old > 0]).all()
    assert all(new[i, j] == pytest.approx(before.data.mean()) for i, j in fresh)
    assert (task.adj != before).nnz == 0
    assert out.x is task.x
    assert out.y is task.y


def test_edges_are_spread_evenly():
    """Every pair that is free has the same chance."""
    task = replace(real(), adj=sp.csr_matrix(([1.0] * 2, ([0, 1], [1, 0])), (60, 60), np.float32))
    times = np.zeros(60)
    for seed in range(400):
        out = poison_edges(task, 4.0, np.random.default_rng(seed))
        times += np.asarray((out.adj - task.adj).sum(1)).ravel()
    assert times.sum() == 400 * 4 * 2
    assert abs(times[:30].sum() / times.sum() - 0.5) < 0.03
    assert times.min() > 20  # 53 expected


def test_a_directed_edge_counts_as_a_pair():
    adj = sp.csr_matrix(([2.0], ([0], [1])), (60, 60), np.float32)
    out = poison_edges(replace(real(), adj=adj), 3, np.random.default_rng(0))
    assert out.adj.nnz == 1 + 2 * 3
    assert set(out.adj.data) == {2.0}


def test_edges_fill_a_graph_to_the_brim():
    adj = sp.csr_matrix(np.eye(4, k=1) + np.eye(4, k=-1), dtype=np.float32)
    task = replace(real(), adj=adj)
    assert poison_edges(task, 1, np.random.default_rng(0)).adj.nnz == 12
    with pytest.raises(ValueError, match="only 3 pairs of nodes are free"):
        poison_edges(task, 2, np.random.default_rng(0))


@settings(max_examples=30, deadline=None)
@given(rate=rates, seed=seeds, graph=st.integers(0, 5))
def test_moved_words(rate, seed, graph):
    task = real(graph, sparse=True)
    before = task.x.copy()
    out = poison_features(task, rate, np.random.default_rng(seed))
    old, new = before.toarray(), out.x.toarray()
    assert ((old != 0) & (new == 0)).sum() == round(rate * before.nnz)
    assert out.x.nnz == before.nnz == (new != 0).sum()
    for i in range(60):
        assert sorted(new[i][new[i] != 0]) == sorted(old[i][old[i] != 0])
    assert (task.x != before).nnz == 0
    assert out.x.has_canonical_format
    assert out.adj is task.adj


def test_a_node_that_has_every_word_keeps_them():
    x = sp.csr_matrix(np.ones((60, 3)), dtype=np.float32)
    with pytest.raises(ValueError, match=r"node 0 has 3 of 3 features: 3 of them cannot move"):
        poison_features(replace(real(), x=x), 1, np.random.default_rng(0))


def test_gaussian_noise_has_the_columns_scale():
    x = torch.randn(20000, 3, generator=torch.Generator().manual_seed(0)) * torch.tensor([1, 10, 0])
    task = replace(real(), x=x)
    out = poison_features(task, 0.5, np.random.default_rng(0))
    noise = (out.x - x).std(0)
    assert noise.tolist() == pytest.approx([0.5, 5, 0], rel=0.03)
    assert torch.equal(task.x, x)


@settings(max_examples=30, deadline=None)
@given(rate=rates, seed=seeds, labels_of=st.sampled_from(["train", "train+val"]))
def test_labels(rate, seed, labels_of):
    task = real()
    before = task.y.clone()
    out = poison_labels(task, rate, np.random.default_rng(seed), labels_of=labels_of)
    changed = (out.y != before).nonzero().flatten()
    nodes = task.train if labels_of == "train" else torch.cat([task.train, task.val])
    assert len(changed) == round(rate * len(nodes))
    assert set(changed.tolist()) <= set(nodes.tolist())
    assert torch.equal(out.y[task.test], before[task.test])
    assert out.y.min() >= 0
    assert out.y.max() < 3
    assert torch.equal(task.y, before)


def test_every_other_class_is_as_likely():
    task = real()
    count = torch.zeros(3, 3)
    for seed in range(300):
        out = poison_labels(task, 1, np.random.default_rng(seed))
        for old, new in zip(task.y[task.train], out.y[task.train], strict=True):
            count[old, new] += 1
    assert (count.diagonal() == 0).all()
    off = count[~torch.eye(3, dtype=torch.bool)] / count.sum(1).repeat_interleave(2)
    assert (off - 0.5).abs().max() < 0.04


@pytest.mark.parametrize("sparse", [False, True])
@pytest.mark.parametrize("poison", ["edges", "features", "labels"])
def test_rate_zero_is_the_identity_and_a_seed_repeats(poison, sparse):
    task = real(sparse=sparse)
    functions = {"edges": poison_edges, "features": poison_features, "labels": poison_labels}
    same = functions[poison](task, 0, np.random.default_rng(0))
    assert same.digest == task.digest
    assert poisoned(task, poison, 0, 0) is task
    one, other = poisoned(task, poison, 0.2, 0), poisoned(task, poison, 0.2, 0)
    assert one.digest == other.digest != task.digest
    assert poisoned(task, poison, 0.2, 1).digest not in (one.digest, task.digest)
    assert one.name == f"data-{poison}-0.2"


@pytest.mark.parametrize("function", [poison_edges, poison_features, poison_labels])
def test_rates_out_of_range(function):
    for rate in (-0.1, float("nan")):
        with pytest.raises(ValueError, match=f"rate {rate}"):
            function(real(), rate, np.random.default_rng(0))
    if function is not poison_edges:
        with pytest.raises(ValueError, match="at most 1"):
            function(real(sparse=True), 1.5, np.random.default_rng(0))


# --- the whole -------------------------------------------------------------------------------


def test_rows(tmp_path):
    seen = []

    def watched(task: NodeTask, seed: int) -> Data:
        seen.append((task.name, seed))
        return condense(task, seed)

    result = measure_robustness(
        real(), watched, rates=(0, 0.5), graph_seeds=2, label="means", **FAST
    )
    names = ["data", "data-edges-0.5", "data-features-0.5", "data-labels-0.5"]
    assert seen == list(itertools.product(names, (0, 1)))  # the clean graph once for all poisons
    assert [(r.poison, r.rate, r.label) for r in result.rows] == list(
        itertools.product(("edges", "features", "labels"), (0, 0.5), ("means", "random", "whole"))
    )
    assert all(r.graphs == 2 and r.trainings == 2 for r in result.rows)
    assert all((r.condense_seconds is None) == (r.label != "means") for r in result.rows)
    clean = [r for r in result.rows if not r.rate]
    assert len({(r.label, r.test) for r in clean}) == len({r.label for r in clean})
    fits = NodeEvaluator(real(), epochs=3, hidden=8).fit("GCN", condense(real(), 0), seeds=2)
    assert clean[0].test == pytest.approx(fits.test_selected.mean())
    # What is trained on is poisoned; what is predicted is clean.
    dirty = poisoned(real(), "edges", 0.5, 0), poisoned(real(), "edges", 0.5, 1)
    scored = [NodeEvaluator(real(), epochs=3, hidden=8).fit("GCN", d, seeds=2) for d in dirty]
    whole = next(r for r in result.rows if (r.label, r.rate) == ("whole", 0.5))
    assert whole.test == pytest.approx(torch.cat([f.test_selected for f in scored]).mean())
    assert "made on the clean graph" in result.table()
    assert json.loads(result.to_json())["graph_seeds"] == [0, 1]
    result.plot(tmp_path / "r.png")
    assert (tmp_path / "r.png").read_bytes()[:4] == b"\x89PNG"


def test_a_rate_given_twice_has_one_row_a_set():
    twice, once = (
        measure_robustness(real(), condense, poisons=poisons, rates=rates, **FAST)
        for poisons, rates in (
            (["edges", "edges"], (0.5, 0.5, np.float64(0.5))),
            (["edges"], (0.5,)),
        )
    )
    assert [(r.poison, r.rate, r.label, r.test) for r in twice.rows] == [
        (r.poison, r.rate, r.label, r.test) for r in once.rows
    ]


def test_poisoned_validation_labels_choose_the_epoch():
    results = [
        measure_robustness(real(), condense, poisons=["labels"], rates=[0.5], labels_of=of, **FAST)
        for of in ("train", "train+val")
    ]
    assert results[0].rows[0].val != results[1].rows[0].val
    assert "validation nodes are clean" in results[0].table()
    assert "training and validation nodes are poisoned" in results[1].table()


def test_test_labels_change_test_scores_alone():
    other = real()
    other = replace(other, y=other.y.clone())
    other.y[other.test] = other.y[other.test].roll(1)
    rows = [measure_robustness(d, condense, rates=[0.3], **FAST).rows for d in (real(), other)]
    for a, b in zip(*rows, strict=True):
        assert a.val == b.val
    assert any(a.test != b.test for a, b in zip(*rows, strict=True))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"poisons": ["nodes"]}, r"\('nodes',\) must be some of edges, features, labels"),
        ({"poisons": []}, "must be some of"),
        ({"rates": [-1]}, r"rates=\[-1\] each must be at least 0"),
        ({"rates": []}, "rates is empty"),
        ({"rates": [1.5]}, "rate 1.5 for labels"),
        ({"labels_of": "test"}, "labels_of='test'"),
        ({"label": "whole"}, "'whole' names a baseline"),
        ({"graph_seeds": 0}, "graph_seeds is empty: give at least one, got 0"),
        ({"model": "GCM"}, "GCN"),
    ],
)
def test_errors_come_before_any_work(arguments, message):
    def never(task: NodeTask, seed: int) -> Data:
        raise AssertionError((task, seed))

    with pytest.raises(ValueError, match=message):
        measure_robustness(real(), never, **{**FAST, **arguments})


# --- the command -----------------------------------------------------------------------------


def test_no_flag_of_a_method_is_taken_twice():
    for (_, kind), cls in all_methods().items():
        if kind == "node":
            assert "--labels-of" in robustness_parser(cls).format_help()


def test_command_takes_up_what_is_there(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    words = ["robustness", "--data", "digits", "--method", "kcenter", "--poisons", "labels"]
    words += ["--trainings", "1", "--train-epochs", "2", "--train-hidden", "8"]
    words += ["--validations", "0", "--rates"]
    assert cli.main([*words, "0,0.5", "--nodes", "20"]) == 0
    folder = tmp_path / "runs/robustness-digits-kcenter"
    said = capsys.readouterr().out
    assert "test %" in said
    assert "taken up" not in said
    rows = json.loads((folder / "robustness.json").read_text())["rows"]
    assert [r["label"] for r in rows[:3]] == ["kcenter", "random", "whole"]
    assert (folder / "robustness.png").exists()
    poisoned, clean = sorted((folder / "graphs").iterdir())
    assert poisoned.name.startswith("digits-labels-0.5-seed0-")
    assert clean.name.startswith("digits-seed0-")
    graph = graphcondense.load(clean)
    assert (graph.num_nodes, graph.condensed["method"]) == (20, "kcenter")

    assert cli.main([*words, "0,0.5,1", "--nodes", "20"]) == 0
    assert capsys.readouterr().out.count("taken up") == 2
    again = json.loads((folder / "robustness.json").read_text())["rows"]
    assert [r["test"] for r in again[:6]] == [r["test"] for r in rows]

    assert cli.main([*words, "0", "--nodes", "30"]) == 0  # another graph, beside the others
    assert "taken up" not in capsys.readouterr().out
    sizes = [graphcondense.load(p).num_nodes for p in (folder / "graphs").iterdir()]
    assert sorted(sizes) == [20, 20, 20, 30]
    assert cli.main([*words, "none", "--nodes", "20"]) == 2
    assert "error: --rates none: give numbers with commas" in capsys.readouterr().err
    assert cli.main([*words, "0", "--nodes", "20", "--preset", "nope"]) == 2
    assert "no preset 'nope'" in capsys.readouterr().err
    assert cli.main([*words, "0", "--out", "other"]) == 2
    assert "exactly one of nodes=" in capsys.readouterr().err
