"""Computation trees by hand, under permutation, and as graphs that networks cannot tell apart."""

from __future__ import annotations

from itertools import combinations
from typing import Any

import numpy as np
import pytest
import scipy.sparse as sp
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from graphcondense.nn.graph_layouts import SparseGraphs
from graphcondense.nn.graphs import GRAPH_MODELS
from graphcondense.ops.trees import Forest, frequent_sets, grow, plant

PATH = np.array([[0, 1, 1, 2, 2, 3], [1, 0, 2, 1, 3, 2]])


@st.composite
def graphs(draw: Any, loops: bool = False) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Up to nine nodes of two kinds, undirected edges, and two kinds of edge."""
    n = draw(st.integers(1, 9))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    upper = np.triu(rng.random((n, n)) < rng.random(), 0 if loops else 1)
    kinds = rng.integers(0, 2, (n, n))
    edges = np.stack(np.nonzero(upper | upper.T))
    x = np.eye(2, dtype=np.float32)[rng.integers(0, 2, n)]
    return x, edges, kinds[edges.min(0), edges.max(0)][:, None]


def unrolled(v: int, k: int, x: np.ndarray, edges: np.ndarray, attr: np.ndarray | None) -> Any:
    """The tree of height k as nested tuples, by the definition."""
    into = np.flatnonzero(edges[1] == v)
    root = (*x[v].tolist(), len(into))
    if not k:
        return root
    kinds = np.zeros(edges.shape[1]) if attr is None else attr[:, 0]
    below = [(unrolled(int(edges[0, e]), k - 1, x, edges, attr), float(kinds[e])) for e in into]
    return (root, tuple(sorted(below, key=repr)))


def same(numbers: np.ndarray, things: list[Any]) -> None:
    """Equal numbers exactly where the things are equal."""
    for i, j in combinations(range(len(things)), 2):
        assert (numbers[i] == numbers[j]) == (things[i] == things[j]), (i, j)


def test_a_path_by_hand() -> None:
    ends = grow(np.zeros((4, 1)), PATH, 2)
    assert [c.tolist() for c in ends.colours] == [[0, 1, 1, 0]] * 3
    marked = grow(np.array([[1.0], [0], [0], [0]]), PATH, 2)
    assert [len(set(c.tolist())) for c in marked.colours] == [3, 4, 4]
    assert marked.hops == 2


def test_height_decides_what_is_seen() -> None:
    """A path of six marked at one end: the others see the mark after as many hops."""
    path = np.array([[i, i + 1] for i in range(5)] + [[i + 1, i] for i in range(5)]).T
    x = np.zeros((6, 1))
    x[0] = 1
    forest = grow(x, path, 3)
    middle = [int(c[2] == c[3]) for c in forest.colours]
    assert middle == [1, 1, 0, 0]


@settings(max_examples=60, deadline=None)
@given(graphs(loops=True), st.integers(0, 3), st.booleans())
def test_numbers_are_trees(graph: Any, hops: int, edge_features: bool) -> None:
    x, edges, attr = graph
    own = attr if edge_features else None
    forest = grow(x, edges, hops, own)
    for k, numbers in enumerate(forest.colours):
        same(numbers, [unrolled(v, k, x, edges, own) for v in range(len(x))])


@settings(max_examples=60, deadline=None)
@given(graphs(), st.randoms(use_true_random=False))
def test_renumbered_nodes_have_the_same_trees(graph: Any, random: Any) -> None:
    x, edges, attr = graph
    n, m = len(x), edges.shape[1]
    order, edge_order = list(range(n)), list(range(m))
    random.shuffle(order)
    random.shuffle(edge_order)
    place = np.argsort(order)
    moved = place[edges][:, edge_order] + n
    forest = grow(
        np.concatenate([x, x[order]]),
        np.concatenate([edges, moved], 1),
        3,
        np.concatenate([attr, attr[edge_order]]),
    )
    for numbers in forest.colours:
        assert numbers[n:].tolist() == numbers[:n][order].tolist()


def states(
    model: str, x: np.ndarray, edges: np.ndarray, attr: torch.Tensor | None, layers: int
) -> torch.Tensor:
    """Node states after every layer, float64, with weights from a fixed seed."""
    torch.manual_seed(0)
    cls = GRAPH_MODELS[model]
    net = cls(x.shape[1], 8, 1, layers, edge_channels=0 if attr is None else attr.shape[1])
    for p in net.parameters():
        torch.nn.init.normal_(p, std=0.7)
    net = net.double()
    h = torch.from_numpy(x).double()
    packed = SparseGraphs(torch.from_numpy(edges), torch.tensor([0, len(x)]), attr, like=h)
    for layer in net.layers:
        h = torch.tanh(layer(h, packed))
    return h.detach()


@pytest.mark.parametrize("edge_features", [False, True])
@pytest.mark.parametrize("model", sorted(GRAPH_MODELS))
@settings(max_examples=25, deadline=None)
@given(graphs(), st.data())
def test_roots_have_the_states_of_their_originals(
    model: str, edge_features: bool, graph: Any, data: Any
) -> None:
    x, edges, attr = graph
    hops = data.draw(st.integers(1, 3))
    layers = data.draw(st.integers(1, hops))
    roots = data.draw(st.lists(st.integers(0, len(x) - 1), min_size=1, unique=True))
    forest = grow(x, edges, hops, attr if edge_features else None)
    nodes, ends, origin = plant(forest, roots)
    assert nodes[: len(roots)].tolist() == roots
    assert not (ends[0] == ends[1]).any()
    features = torch.nn.functional.one_hot(torch.from_numpy(attr[:, 0]), 2).double()
    given_attr = planted_attr = None
    if edge_features:
        given_attr = features
        planted_attr = features[origin] if len(features) else features.new_zeros(len(origin), 2)
        planted_attr[origin < 0] = 0
    real = states(model, x, edges, given_attr, layers)[roots]
    small = states(model, x[nodes], ends, planted_attr, layers)[: len(roots)]
    torch.testing.assert_close(small, real, rtol=1e-5, atol=1e-6)


def test_beyond_its_height_a_root_differs() -> None:
    """The guarantee ends where it says."""
    forest = grow(np.eye(4), PATH, 1)
    nodes, ends, _ = plant(forest, [0])
    real = states("GIN", np.eye(4), PATH, None, 2)[0]
    small = states("GIN", np.eye(4)[nodes], ends, None, 2)[0]
    assert (real - small).abs().max() > 0.01


@settings(max_examples=100, deadline=None)
@given(graphs(), st.integers(1, 3), st.data())
def test_folded_trees_are_no_larger_than_the_graph(graph: Any, hops: int, data: Any) -> None:
    x, edges, _ = graph
    roots = data.draw(st.lists(st.integers(0, len(x) - 1), min_size=1, unique=True))
    forest = grow(x, edges, hops)
    _, first = np.unique(forest.colours[-1][roots], return_index=True)
    nodes, ends, _ = plant(forest, [roots[i] for i in first])
    assert len(nodes) <= len(x)
    assert ends.shape[1] <= edges.shape[1]


def test_a_ring_folds_to_a_pair() -> None:
    """All nodes look alike: the root, and one more so that neither hears itself."""
    ring = np.array([[0, 1, 2, 3, 4, 1, 2, 3, 4, 0], [1, 2, 3, 4, 0, 0, 1, 2, 3, 4]])
    nodes, ends, origin = plant(grow(np.ones((5, 1)), ring, 3), [2])
    assert len(nodes) == 2
    assert sorted(map(tuple, ends.T.tolist())) == [(0, 1), (0, 1), (1, 0), (1, 0)]
    assert (origin >= 0).all()


def test_leaves_keep_their_degree() -> None:
    star = np.array([[0, 1, 0, 2, 0, 3], [1, 0, 2, 0, 3, 0]])
    nodes, ends, origin = plant(grow(np.arange(4.0)[:, None], star, 1), [1])
    assert nodes.tolist() == [1, 0]
    assert ends.T.tolist() == [[1, 0], [0, 1], [0, 1], [0, 1]]
    assert origin.tolist()[1:] == [-1, -1, -1]


def all_maximal(has: np.ndarray, count: int) -> list[list[int]]:
    items = range(has.shape[1])
    frequent = [
        set(s)
        for size in range(1, has.shape[1] + 1)
        for s in combinations(items, size)
        if has[:, list(s)].all(1).sum() >= count
    ]
    return sorted(sorted(s) for s in frequent if not any(s < t for t in frequent))


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 7), st.integers(1, 6), st.integers(0, 2**31), st.integers(1, 7))
def test_frequent_sets_against_all_subsets(n: int, m: int, seed: int, count: int) -> None:
    has = np.random.default_rng(seed).random((n, m)) < 0.6
    found = [s.tolist() for s in frequent_sets(sp.csr_matrix(has), count)]
    assert found == all_maximal(has, count)


def test_errors() -> None:
    with pytest.raises(ValueError, match="hops must be at least 0, got -1"):
        grow(np.zeros((4, 1)), PATH, -1)
    with pytest.raises(ValueError, match="count must be at least 1, got 0"):
        frequent_sets(sp.csr_matrix((2, 2)), 0)


def test_no_edges_and_no_features() -> None:
    forest: Forest = grow(np.zeros((3, 0)), np.zeros((2, 0), np.int64), 2)
    assert [c.tolist() for c in forest.colours] == [[0, 0, 0]] * 3
    nodes, ends, origin = plant(forest, [1])
    assert (nodes.tolist(), ends.shape, len(origin)) == ([1], (2, 0), 0)
