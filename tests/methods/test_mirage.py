"""Mirage on graphs whose frequent trees are counted by hand."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch_geometric.data import Data

from graphcondense.data.graph_reading import as_graph_task
from graphcondense.data.graph_task import GraphTask
from graphcondense.domains.graph import GraphSource
from graphcondense.methods.mirage import Mirage, _covering, _most_frequent
from graphcondense.nn.graph_layouts import SparseGraphs
from graphcondense.nn.graphs import GRAPH_MODELS
from graphcondense.ops.extras import MissingExtraError
from graphcondense.run import build
from graphcondense.saved.graph_set import GraphSet

KINDS = torch.eye(3)


def chain(*kinds: int, y: Any = 0, bonds: list[int] | None = None) -> Data:
    """A path of nodes of these kinds."""
    n = len(kinds)
    one_way = torch.tensor([[i, i + 1] for i in range(n - 1)]).reshape(-1, 2).T
    edges = torch.cat([one_way, one_way.flip(0)], 1)
    out = Data(x=KINDS[list(kinds)], edge_index=edges, y=torch.as_tensor(y))
    if bonds is not None:
        out.edge_attr = torch.tensor(bonds * 2)[:, None]
    return out


def task_of(graphs: list[Data], **options: Any) -> GraphTask:
    splits = {"train": torch.arange(len(graphs)), "val": torch.tensor([]), "test": torch.tensor([])}
    return as_graph_task(graphs, splits, **options)


def mined(task: GraphTask, **options: Any) -> GraphSet:
    rng = torch.Generator().manual_seed(0)
    options = {"per_class": 1, "hops": 1, **options}
    source = GraphSource(task, edge_features=options.get("edge_features", False))
    return Mirage(**options).condense(source, rng=rng).export()


# Class 0: the pair 0-1 three times, once with a tail of 0-0 chains; class 1: stars of 2s.
CHAINS = [
    chain(0, 1),
    chain(0, 1),
    chain(0, 1),
    chain(0, 0, 0),
    chain(2, 2, 2, y=1),
    chain(2, 2, 2, y=1),
    chain(1, 1, y=1),
]


def test_the_most_frequent_set_by_hand() -> None:
    small = mined(task_of(CHAINS), support=0.5)
    # Class 0: {0 hears 1, 1 hears 0}, in 3 of 4: the pair itself, folded to two nodes.
    # Class 1: {an end, the middle}, in 2 of 3; two ends a graph.
    assert small.y.tolist() == [0, 1]
    assert small.sizes.tolist() == [2, 2]
    assert small.x[:2].argmax(1).sort().values.tolist() == [0, 1]
    assert small.node_weight is not None
    assert small.node_weight[:2].tolist() == [1.0, 1.0]
    assert small.node_weight[2:].sort().values.tolist() == [1.0, 2.0]
    middle = 2 + int(small.node_weight[2:].argmin())
    end = 5 - middle
    assert sorted(small.edge_index.T.tolist())[2:] == sorted([[end, middle]] * 2 + [[middle, end]])


def test_leaves_that_are_no_roots_do_not_count() -> None:
    """Only the middle of 0-2-1 is shared; its neighbours are leaves of weight 0."""
    task = task_of(
        [chain(1, 0, 2, 1, 0), chain(0, 1, 0, 2, 1, 2), chain(2, 2, y=1), chain(2, 2, y=1)]
    )
    small = mined(task, max_trees=1, support=1.0)
    first = small.select(torch.tensor([0]))
    assert first.node_weight is not None
    assert first.node_weight.tolist() == [1.0] + [0.0] * (len(first.x) - 1)
    assert (first.x[0] == KINDS[0]).all() or (first.x[0] == KINDS[2]).all()


def test_frequency_and_cover_rank_differently() -> None:
    has = np.zeros((6, 5), bool)
    has[:4, :2] = True  # 4 x 2
    has[:3, 2] = True  # 3 x 3 with the former
    has[3:, 3:] = True  # 3 x 2
    sets = [np.array([0, 1]), np.array([0, 1, 2]), np.array([3, 4])]
    rows = [np.flatnonzero(has[:, s].all(1)) for s in sets]
    assert [len(r) for r in rows] == [4, 3, 3]
    assert _most_frequent(has, sets, rows, 3) == [0, 1, 2]
    # 9 cells, then 6, then the two that remain of 8.
    assert _covering(has, sets, rows, 3) == [1, 2, 0]


@pytest.mark.parametrize("readout", ["mean", "sum", "attention"])
@pytest.mark.parametrize("model", sorted(GRAPH_MODELS))
def test_a_set_of_all_trees_is_the_graph(model: str, readout: Any) -> None:
    """Where two graphs are equal, their set has all trees: outputs are those of the graph."""
    graph = chain(0, 1, 2, 2, 0, 1, 1)
    task = task_of([graph, graph, chain(2, 2, y=1), chain(2, 2, y=1)])
    small = mined(task, hops=3, support=1.0)
    torch.manual_seed(1)
    net = GRAPH_MODELS[model](3, 8, 2, 3, readout=readout).double()
    for p in net.parameters():
        torch.nn.init.normal_(p, std=0.5)

    def outputs(g: GraphSet) -> torch.Tensor:
        x = g.x.double()
        packed = SparseGraphs(g.edge_index, g.node_ptr, None, g.node_weight, like=x)
        return net(x, packed).detach()

    torch.testing.assert_close(
        outputs(small), outputs(task.batch(torch.tensor([0, 2]))), rtol=1e-5, atol=1e-6
    )


def test_edge_features_tell_trees_apart_and_come_along() -> None:
    graphs = [
        chain(0, 1, bonds=[0]),
        chain(0, 1, bonds=[1]),
        chain(0, 1, bonds=[1]),
        chain(2, 2, y=1, bonds=[0]),
        chain(2, 2, y=1, bonds=[0]),
    ]
    task = task_of(graphs)
    small = mined(task, edge_features=True)
    assert small.edge_attr is not None
    assert small.edge_attr[:2].tolist() == [[0.0, 1.0]] * 2  # bond 1, encoded
    assert mined(task).edge_attr is None
    long = [
        chain(0, 1, 2, 0, bonds=[1, 1, 0]),
        chain(0, 1, 2, 1, bonds=[1, 1, 0]),
        *graphs[3:],
    ]
    padded = mined(task_of(long), edge_features=True, max_trees=1).select(torch.tensor([0]))
    assert padded.edge_attr is not None
    assert padded.edge_attr.sum(1).tolist().count(0.0) == padded.edge_index.shape[1] - 1


def test_labels_are_means_of_the_supporting_graphs() -> None:
    nan = float("nan")
    several = [
        chain(0, 1, y=[[1.0, nan, 0.0]]),
        chain(0, 1, y=[[0.0, nan, 1.0]]),
        chain(0, 1, y=[[1.0, nan, nan]]),
        chain(2, 2, y=[[0.0, 1.0, 0.0]]),
        chain(2, 0, y=[[0.0, 0.0, 1.0]]),
    ]
    small = mined(task_of(several), nodes=1, per_class=None)
    torch.testing.assert_close(small.y, torch.tensor([[2 / 3, nan, 0.5]]), equal_nan=True)
    targets = [chain(0, 1, y=[[v]]) for v in (1.5, 2.5, 3.0, 3.5, 7.5)]
    task = task_of(targets)
    assert task.label_kind == "regression"
    one = replace(task, graphs=task.graphs)
    one.__dict__["groups"] = torch.zeros(5, dtype=torch.long)
    assert mined(one).y.tolist() == [[pytest.approx(3.6)]]


def toy(n: int = 40, seed: int = 0) -> GraphTask:
    """Class 1 has a triangle of kind 2 at the end of a random chain."""
    rng = np.random.default_rng(seed)
    graphs = []
    for i in range(n):
        g = chain(*rng.integers(0, 2, int(rng.integers(3, 7))).tolist(), *[2] * 3, y=i % 2)
        if i % 2:
            m = g.num_nodes
            g.edge_index = torch.cat(
                [g.edge_index, torch.tensor([[m - 3, m - 1], [m - 1, m - 3]])], 1
            )
        graphs.append(g)
    return task_of(graphs)


@pytest.mark.parametrize("rank", ["frequency", "cover"])
def test_budget_determinism_and_layout(rank: Any) -> None:
    task = toy()
    before = task.graphs.x.clone(), task.graphs.edge_index.clone()
    state = torch.get_rng_state()
    small = mined(task, per_class=4, hops=2, rank=rank)
    again = mined(task, per_class=4, hops=2, rank=rank)
    assert torch.equal(torch.get_rng_state(), state)
    assert torch.equal(task.graphs.x, before[0])
    assert torch.equal(task.graphs.edge_index, before[1])
    assert small.y.tolist() == [0] * 4 + [1] * 4
    for name in ("x", "edge_index", "node_ptr", "edge_ptr", "y", "node_weight"):
        assert torch.equal(getattr(small, name), getattr(again, name)), name
    of = small.batch[small.edge_index]
    assert torch.equal(of[0], of[1])
    assert small.edge_ptr[-1] == small.edge_index.shape[1]
    assert torch.equal(
        small.batch[small.edge_index[0]], torch.repeat_interleave(small.edge_ptr.diff())
    )


def test_renumbered_graphs_give_the_same_sets() -> None:
    """Up to the order of nodes: sizes, weights and features agree."""
    task = toy()
    rng = torch.Generator().manual_seed(3)
    moved = []
    for g in task.graphs.graphs():
        order = torch.randperm(g.num_nodes, generator=rng)
        moved.append(Data(x=g.x[order], edge_index=order.argsort()[g.edge_index], y=g.y))
    small, other = (mined(t, per_class=3, hops=2, rank="frequency") for t in (task, task_of(moved)))

    def summary(g: GraphSet) -> list[Any]:
        assert g.node_weight is not None
        rows = torch.cat([g.x, g.node_weight[:, None]], 1)[g.node_weight > 0]
        return sorted(rows.tolist())

    assert summary(small) == summary(other)


def test_bytes_are_kept() -> None:
    task = toy()
    for asked in (3000, 6000):
        small = mined(task, bytes=asked, per_class=None, hops=2)
        assert small.bytes <= asked


def test_tree_sets_that_take_more_bytes_than_graphs_are_refused() -> None:
    """A loop would be one of the copy, so a node that hears itself is there twice: of its two
    edges, each of the copies has all."""
    graph = Data(
        x=torch.ones(1, 2), y=torch.tensor([0]), edge_index=torch.zeros(2, 6, dtype=torch.long)
    )
    graphs = [graph.clone() for _ in range(4)] + [graph.clone() for _ in range(4)]
    for other in graphs[4:]:
        other.y = torch.tensor([1])
        other.x = 2 * other.x
    task = task_of(graphs)
    each = Mirage(per_class=1).example_bytes(GraphSource(task))
    with pytest.raises(
        ValueError, match=f"bytes={2 * each} has room for 2 of the training graphs, but the 2 tree "
    ) as told:
        mined(task, bytes=2 * each, per_class=None)
    needed = mined(task, per_class=1).bytes
    assert f" take {needed}: " in str(told.value)
    assert needed > 2 * each


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"hops": 0}, "hops=0 must be at least 1"),
        ({"support": 0.0}, "support=0.0 must be above 0"),
        ({"support": 1.5}, "support=1.5 must be above 0 and at most 1"),
        ({"max_trees": 0}, "max_trees=0 must be at least 1"),
        ({"support": 1.0}, "class 0: no tree set is frequent"),
        ({"support": 0.5, "per_class": 2}, "class 0: 2 tree sets are wanted, but only 1"),
        ({"edge_features": True}, "has no edge features"),
        ({"per_class": 9}, "class 0 would get 9 examples"),
    ],
)
def test_errors(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        mined(task_of(CHAINS), **options)


def test_continuous_features_say_so() -> None:
    task = task_of(
        [
            Data(x=torch.randn(3, 2, generator=torch.Generator().manual_seed(i)), y=i % 2)
            for i in range(6)
        ]
    )
    with pytest.raises(ValueError, match="discretise features"):
        mined(task)


def test_it_is_found_by_name() -> None:
    method = build("mirage", "graph", per_class=1, hops=2)
    assert isinstance(method, Mirage)
    with pytest.raises(ValueError, match="rank='best'"):
        build("mirage", "graph", per_class=1, rank="best")


@pytest.mark.slow
@pytest.mark.parametrize("name", ["NCI1", "MUTAG"])
def test_real_molecules(name: str, data_root: Path) -> None:
    from torch_geometric.datasets import TUDataset

    task = as_graph_task(TUDataset(str(data_root / "pyg"), name), name=name)
    small = mined(task, per_class=10, hops=2)
    assert len(small) == 20
    drawn = task.batch(torch.cat([m[:10] for m in GraphSource(task).members]))
    assert small.bytes < drawn.bytes


def test_a_missing_package_is_told_before_any_work(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "mlxtend.frequent_patterns", None)  # as if not installed
    monkeypatch.setattr("graphcondense.methods.mirage.grow", lambda *_: pytest.fail("work"))
    source = GraphSource(task_of(CHAINS))
    with pytest.raises(MissingExtraError, match=r"graphcondense\[mirage\]"):
        Mirage(per_class=1).memory_bytes(source)
    with pytest.raises(MissingExtraError, match=r"graphcondense\[mirage\]"):
        mined(task_of(CHAINS))
