"""GC-SNTK: the shared cases, its loss by matrices, learnt labels, validation by its own kernel."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Generator

import graphcondense
from graphcondense.core.types import Learner
from graphcondense.data.node_reading import as_task
from graphcondense.domains.node import NodeSynthetic
from graphcondense.domains.node_source import NodeSource
from graphcondense.domains.scored import Seen
from graphcondense.domains.structure import Fixed, Identity
from graphcondense.evaluate import NodeEvaluator
from graphcondense.evaluate.predictors import structure_ridge
from graphcondense.kernels.sntk import SNTK
from graphcondense.methods import gcsntk
from graphcondense.methods.gcsntk import GCSNTK, SoftLabelled, on_simplex
from graphcondense.objectives.ridge import RidgeMatching
from graphcondense.ops.adjacency import gcn_norm_dense
from tests.cases import NodeCase, toy_graph

SMALL: dict[str, Any] = {"nodes": 9, "epochs": 6, "progress": False}


class TestGCSNTK(NodeCase):
    name = "gc-sntk"
    options = {"epochs": 6, "validations": 2}


def both() -> tuple[NodeSource, NodeSynthetic]:
    """A real and a small graph in float64."""
    rng = Generator().manual_seed(0)
    real = NodeSource(as_task(toy_graph()), dtype=torch.float64)
    adj = torch.rand(6, 6, generator=rng, dtype=torch.float64).triu(1)
    x = torch.randn(6, 12, generator=rng, dtype=torch.float64)
    y = torch.tensor([0, 0, 1, 1, 1, 2])
    return real, NodeSynthetic(x, y, Fixed(adj + adj.T), threshold=0.0, num_classes=3)


@pytest.mark.parametrize("blocks", [1, 2])
@pytest.mark.parametrize("soft", [False, True])
def test_the_loss_by_matrices(blocks: int, soft: bool) -> None:
    """From the kernel between all nodes of both whole graphs."""
    real, syn = both()
    method = GCSNTK(nodes=6, hops=2, num_layers=2, blocks=blocks, ridge=0.3)
    syn = SoftLabelled(syn) if soft else syn
    if soft:
        with torch.no_grad():
            syn.labels.copy_(torch.rand(6, 3, generator=Generator().manual_seed(1)))
        syn.project_()
    objective = RidgeMatching(method.kernel(), method.targets(real), method.ridge)
    learner = Learner(torch.nn.Module(), {})
    found = objective(syn, Seen(real, method.kernel()), learner, Generator())

    kernel = SNTK(2, 2, blocks)
    step = torch.from_numpy(real.task.gcn_adj.toarray()).double()
    whole = kernel.embed(torch.from_numpy(real.task.x_array).double(), step)
    small = kernel.embed(syn.x, gcn_norm_dense(syn.structure(syn.x)))
    k_ts = kernel(whole, small)[real.task.train].detach().numpy()
    k_ss = kernel(small, small).detach().numpy()
    hot = syn.labels.detach().numpy() if soft else np.eye(3)[syn.y]
    weights = np.linalg.solve(k_ss + 0.3 * np.trace(k_ss) / 6 * np.eye(6), hot - 1 / 3)
    off = k_ts @ weights - (np.eye(3)[real.labels] - 1 / 3)
    assert float(found.detach()) == pytest.approx((off**2).sum() / (2 * 60), rel=1e-6)


def test_updates_lower_the_loss() -> None:
    data, method = toy_graph(), GCSNTK(nodes=9, ridge=0.01)
    real = NodeSource(as_task(data))
    objective = RidgeMatching(method.kernel(), method.targets(real), method.ridge)
    losses = []
    for steps, rate in ((1, 0.0), (40, 0.05)):
        options = {**SMALL, "epochs": steps, "lr_x": rate, "ridge": 0.01, "validations": 0}
        small = graphcondense.condense(data, "gc-sntk-x", **options)
        assert small.num_edges == 0, "the variant has no edges"
        syn = NodeSynthetic(small.x, small.y, Identity(), threshold=0, num_classes=3)
        seen, learner = Seen(real, method.kernel()), Learner(torch.nn.Module(), {})
        losses.append(float(objective(syn, seen, learner, Generator()).detach()))
    assert losses[1] < 0.8 * losses[0]


def test_an_mlp_may_join_the_nodes() -> None:
    options = {**SMALL, "structure": "mlp", "structure_hidden": 8, "lr_adj": 1e-3}
    near = graphcondense.condense(toy_graph(), "gc-sntk", **options)
    full = graphcondense.condense(toy_graph(), "gc-sntk", structure_bias=1.0, **options)
    assert near.num_edges == 0
    assert full.num_edges > 36


@pytest.mark.parametrize("blocks", [1, 2])
@pytest.mark.parametrize("structure", ["identity", "mlp"])
def test_samples_of_the_training_nodes(blocks: int, structure: str) -> None:
    options = {"hops": 1, "blocks": blocks, "structure": structure, "structure_hidden": 8, **SMALL}
    whole, some = (
        graphcondense.condense(toy_graph(), "gc-sntk", real_batch=size, validations=0, **options)
        for size in (None, 5)
    )
    assert bool(torch.isfinite(some.x).all())
    assert not torch.equal(whole.x, some.x)
    # A sample that holds all is all, in another order.
    every = graphcondense.condense(toy_graph(), "gc-sntk", real_batch=99, validations=0, **options)
    torch.testing.assert_close(every.x, whole.x, atol=2e-3, rtol=0)


def test_learnt_labels_are_distributions_that_everything_takes() -> None:
    data = toy_graph()
    # Under a small ridge labels leave their classes; with turns, theirs comes, too.
    labels = {"learn_labels": True, "lr_y": 0.1, "adj_turns": 1, "x_turns": 2, "ridge": 0.001}
    options = {**SMALL, **labels, "epochs": 20, "validations": 0}
    small = graphcondense.condense(data, "gc-sntk", **options)
    assert small.y.shape == (9, 3)
    assert small.y.dtype == torch.float32
    torch.testing.assert_close(small.y.sum(1), torch.ones(9))
    assert float(small.y.min()) >= 0
    assert 0.3 < float(small.y.max(1).values.min()) < 0.99
    assert sum(small.condensed["budget"]["per_class"]) == 9
    assert NodeEvaluator(data, epochs=30).fit("GCN", small, seeds=2).test_selected.mean() > 0.6
    # A budget in bytes counts soft labels as what they take.
    given = {**options, "nodes": None, "bytes": 3000, "structure": "identity"}
    soft = graphcondense.condense(data, "gc-sntk", **given)
    assert soft.condensed["bytes"] <= 3000 < soft.condensed["bytes"] * 10 / 9 + 100


def test_every_class_has_its_learnt_labels() -> None:
    _, plain = both()
    syn = SoftLabelled(plain)
    batches = syn.batches()
    assert [len(b.y) for b in batches] == [2, 3, 1]
    assert torch.equal(torch.cat([b.y for b in batches]), syn.batch().y)
    assert torch.equal(syn.batch(1).y, syn.batch().y[2:5])


@given(st.lists(st.lists(st.floats(-3, 3), min_size=3, max_size=3), min_size=1, max_size=4))
def test_on_simplex_is_the_nearest(rows: list[list[float]]) -> None:
    """A distribution, and no other is nearer (checked towards its corners)."""
    given_rows = torch.tensor(rows, dtype=torch.float64)
    found = on_simplex(given_rows)
    assert float(found.min()) >= 0
    torch.testing.assert_close(found.sum(1), torch.ones(len(rows), dtype=torch.float64))
    for corner in torch.eye(3, dtype=torch.float64):
        uphill = ((given_rows - found) * (corner - found)).sum(1)
        assert float(uphill.max()) < 1e-9


def test_validation_during_a_run_is_by_its_own_kernel() -> None:
    """The score is what the predictor of everybody's graphs gives for the same hops and ridge."""
    data = toy_graph()
    options = {**SMALL, "hops": 2, "num_layers": 1, "ridge": 1.0, "validations": 3}
    small = graphcondense.condense(data, "gc-sntk", **options)
    record = small.condensed["validation"]
    assert record["predictor"] == "kernel ridge (structure-based NTK)"
    task = as_task(data)
    said = dict(structure_ridge(small, task))["2 hops, 1 layers, ridge 1"].argmax(1)
    right = float((said[task.val] == task.y[task.val].numpy()).mean())
    assert record["score"] == pytest.approx(right)


def test_several_blocks_of_too_many_nodes_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gcsntk, "MOST_SEEN", 50)
    with pytest.raises(ValueError, match=r"see 1\d\d nodes in 2 blocks of 2 hops.*blocks=1"):
        graphcondense.condense(toy_graph(), "gc-sntk", hops=2, blocks=2, **SMALL)
    graphcondense.condense(toy_graph(), "gc-sntk", hops=2, **SMALL)


def test_of_many_training_nodes_some_are_drawn_each_step() -> None:
    task = as_task(toy_graph())
    seen = Seen(NodeSource(task), gcsntk.SNTK(2, 1), 20)
    rng = torch.Generator().manual_seed(0)
    first, second = seen.batch(rng=rng), seen.batch(rng=rng)
    assert len(first.y) == len(first.inputs[0]) == 20
    assert not torch.equal(first.inputs[0], second.inputs[0])
    rows = NodeSource(task).propagated(2)
    found = torch.cdist(first.inputs[0], rows).argmin(1)
    assert len(found.unique()) == 20  # each once, whatever its class
    assert torch.equal(first.y, NodeSource(task).labels[found])
    assert len(seen.batch().y) == len(task.train)  # a score looks at all
    assert len(seen.batch(0, 5, rng).y) == 5


def test_memory_grows_with_blocks_and_labels() -> None:
    real = NodeSource(as_task(toy_graph()))
    one, two = (GCSNTK(nodes=9, hops=1, blocks=b).memory_bytes(real) for b in (1, 2))
    assert 0 < one < two


@pytest.mark.parametrize(
    ("bad", "said"),
    [({"ridge": 0.0}, "ridge=.* must be above 0"), ({"blocks": 0}, "blocks=0 must be at least 1")],
)
def test_bad_fields(bad: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        graphcondense.condense(toy_graph(), "gc-sntk", **SMALL, **bad)
