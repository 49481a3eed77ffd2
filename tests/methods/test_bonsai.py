"""Bonsai: the shared cases, exemplars and pruned trees by hand."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Generator, Tensor

import graphcondense
from graphcondense.data.node_reading import as_task
from graphcondense.domains.node_source import NodeSource
from graphcondense.evaluate import NodeEvaluator
from graphcondense.methods.bonsai import Bonsai
from graphcondense.ops.personalised import personalised_pagerank
from tests.cases import NodeCase, toy_graph


class TestBonsai(NodeCase):
    name = "bonsai"
    options = {"sample": 50}
    iterates = False


def source() -> NodeSource:
    return NodeSource(as_task(toy_graph()))


def export(real: NodeSource | None = None, **options: Any) -> Any:
    method = Bonsai(**options)
    return method.condense(real or source(), rng=Generator().manual_seed(0)).export()


def places(small: Any, real: NodeSource) -> list[int]:
    """Which real nodes these are, by their features."""
    x = torch.as_tensor(real.task.x_array)
    found = [(x == row).all(1).nonzero().flatten().tolist() for row in small.x]
    assert all(len(f) == 1 for f in found)
    return [f[0] for f in found]


def by_hand(real: NodeSource, size: int, k: int, hops: int) -> list[int]:
    """Exemplars of each class in turn, every count taken anew in every round."""
    task = real.task
    rows = np.linalg.matrix_power(task.gcn_adj.toarray().astype(np.float64), hops) @ task.x_array
    train = task.train.tolist()
    stands_for: dict[int, set[int]] = {v: set() for v in train}
    for tree in range(task.num_nodes):
        near = sorted(train, key=lambda v: float(((rows[v] - rows[tree]) ** 2).sum()))
        for v in near[:k]:
            stands_for[v].add(tree)
    chosen: list[int] = []
    for c in range(3):
        own = [v for v in train if int(task.y[v]) == c]
        left = set(range(task.num_nodes))
        for _ in range(size):
            best = max((v for v in own if v not in chosen), key=lambda v: len(stands_for[v] & left))
            chosen.append(best)
            left -= stands_for[best]
    return chosen


@pytest.mark.parametrize(("k", "hops"), [(2, 2), (3, 1)])
def test_exemplars_by_hand(k: int, hops: int) -> None:
    real = source()
    small = export(real, per_class=3, neighbours=k, hops=hops, sample=None)
    assert places(small, real) == by_hand(real, 3, k, hops)
    assert small.y.tolist() == [0, 0, 0, 1, 1, 1, 2, 2, 2]
    assert bool(small.train_mask.all())


def test_fewer_exemplars_are_the_first_ones() -> None:
    real = source()
    few, many = (places(export(real, per_class=n), real) for n in (2, 5))
    assert [few[0:2], few[2:4], few[4:6]] == [many[0:2], many[5:7], many[10:12]]


def test_edges_are_the_real_ones_between_the_nodes() -> None:
    real = source()
    small = export(real, nodes=40)
    nodes = places(small, real)
    wanted = real.task.adj[nodes][:, nodes].toarray()
    found = np.zeros((40, 40))
    found[small.edge_index[1], small.edge_index[0]] = small.edge_weight
    assert small.num_edges > 0
    assert np.array_equal(found, wanted)


def test_trees_are_pruned_by_pagerank() -> None:
    """Half of the nodes are exemplars; of all others within two hops the highest rank is kept."""
    real = source()
    small = export(real, per_class=4, exemplars=0.5)
    nodes, mask = places(small, real), small.train_mask
    assert torch.bincount(small.y[mask]).tolist() == [2, 2, 2]
    assert mask.tolist() == [True] * 6 + [False] * 6
    assert small.y[6:].tolist() == [-1] * 6
    roots = nodes[:6]
    adj = real.task.adj
    near = {int(j) for r in roots for i in adj[r].indices for j in (i, *adj[i].indices)} - {*roots}
    rank = personalised_pagerank(adj, np.array(roots))
    assert nodes[6:] == sorted(near, key=lambda v: -rank[v])[:6]


def test_more_nodes_than_are_labelled() -> None:
    """All labelled nodes are exemplars, and their trees fill up; not beyond the graph."""
    real = source()
    for budget in ({"nodes": 90}, {"ratio": 0.75, "of": "all"}):
        small = export(real, **budget)
        assert small.num_nodes == 90
        assert int(small.train_mask.sum()) == 60
        assert sorted(places(small, real)[:60]) == sorted(real.task.train.tolist())
    with pytest.raises(ValueError, match="nodes=121 is above the 120 nodes"):
        export(real, nodes=121)
    with pytest.raises(ValueError, match="above the 60 labelled"):
        export(real, nodes=90, structure="identity")
    with pytest.raises(ValueError, match="exactly one"):
        export(real, nodes=90, per_class=2)


def test_trees_may_end_before_the_budget_does() -> None:
    """Without edges there is nothing to listen to."""
    data = toy_graph()
    data.edge_index = data.edge_index[:, :0]
    small = export(NodeSource(as_task(data)), nodes=90)
    assert small.num_nodes == 60
    assert small.num_edges == 0


@pytest.mark.parametrize("share", [1.0, 0.5])
def test_bytes_are_used_up(share: float) -> None:
    """Edges count as they are, so the next node would be too much."""
    real = source()
    budget = 2000
    small = export(real, bytes=budget, exemplars=share)

    def stored(graph: Any) -> int:
        return graph.num_nodes * real.example_bytes + 20 * graph.num_edges

    assert stored(small) <= budget
    assert stored(export(real, nodes=small.num_nodes + 1, exemplars=share)) > budget
    with pytest.raises(ValueError, match="bytes=200 hold no node of each"):
        export(NodeSource(as_task(_complete())), bytes=200)


def _complete() -> Any:
    data = toy_graph()
    data.edge_index = torch.ones(120, 120).nonzero().T
    return data


def test_the_floor_rule_is_kept() -> None:
    real = source()
    for n in (7, 8, 10):
        method = Bonsai(nodes=n, rule="floor")
        assert torch.equal(method.sizes(real), method.allocate(real.counts, 120))


def test_without_edges_exemplars_carry_their_trees() -> None:
    real = source()
    small = export(real, nodes=9, structure="identity")
    rows = real.propagated(2)
    assert small.num_edges == 0
    assert all(any(torch.equal(row, own) for own in rows) for row in small.x)
    named = graphcondense.condense(toy_graph(), "bonsai-x", nodes=9, progress=False)
    assert torch.equal(named.x, small.x)


def test_a_sample_of_trees_is_drawn() -> None:
    real = source()
    first, second = (
        Bonsai(per_class=4, sample=10).condense(real, rng=Generator().manual_seed(s)).export()
        for s in (0, 1)
    )
    assert not torch.equal(first.x, second.x)
    everything = export(real, per_class=4, sample=None)
    assert torch.equal(everything.x, export(real, per_class=4, sample=10**6).x)


def test_context_is_listened_to_and_not_learnt_from() -> None:
    small = Bonsai(per_class=4, exemplars=0.5).condense(source(), rng=Generator())
    whole = small.batch()
    rows: Tensor | None = whole.rows
    assert rows is not None
    assert rows.tolist() == list(range(6))
    assert whole.y.tolist() == [0, 0, 1, 1, 2, 2]
    assert whole.inputs[0].shape == (12, 12)
    assert small.batch(1).y.tolist() == [1, 1]


def test_context_is_saved_and_trained_with(tmp_path: Path) -> None:
    """Budgets, files and the evaluator know nodes without a label."""
    data = toy_graph()
    small = graphcondense.condense(data, "bonsai", nodes=90, progress=False, out=tmp_path)
    assert sum(small.condensed["budget"]["per_class"]) == 60
    assert small.condensed["nodes"] == 90
    assert torch.equal(graphcondense.load(tmp_path).y, small.y)
    assert NodeEvaluator(data, epochs=5).score(small, seeds=1) > 0.5


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"exemplars": 0.0}, "exemplars=0.0 must be above 0"),
        ({"exemplars": 1.5}, "exemplars=1.5 must be above 0 and at most 1"),
        ({"exemplars": 0.5, "structure": "identity"}, "no other node is heard"),
        ({"neighbours": 0}, "neighbours=0 must be at least 1"),
        ({"sample": 0}, "sample=0 must be at least 1"),
        ({"hops": -1}, "hops=-1 must be at least 0"),
        ({"damping": 1.0}, "damping=1.0 must be"),
    ],
)
def test_bad_options(options: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        Bonsai(**{"nodes": 9, **options}).memory_bytes(source())
