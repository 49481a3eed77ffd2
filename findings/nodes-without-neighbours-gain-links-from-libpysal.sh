#!/usr/bin/env bash
# libpysal 4.14.1, networkx 3.6.1: a place without neighbours in a graph of libpysal has a link to itself in networkx.
#
# Expected: Graph.to_networkx() gives a graph with the same links, and nodes without any have a degree of 0, as
# cardinalities and isolates of the same Graph say, and its sparse matrix.
# Seen: libpysal keeps a place without neighbours as a pair with itself of weight 0, so that it is not forgotten, and
# to_networkx() makes an edge of each pair. networkx counts a loop as two: of 200 places, 41 have nobody near and a
# degree of 2 in networkx, more than the 69 that have one neighbour. number_of_isolates() is 0, there are 193 edges for
# 152, and the density and the distribution of degrees are off; a model with degrees as features is told that the
# loneliest places are ordinary. No warning, and the docstring does not speak of it. Remove what graph.isolates names,
# remove_edges_from((i, i) for i in graph.isolates).
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install -q libpysal==4.14.1 networkx==3.6.1 numpy==2.4.6 scipy==1.17.1
"$work/venv/bin/python" -W ignore - <<'PY'
from importlib.metadata import version

import networkx as nx
import numpy as np
from libpysal.graph import Graph

print("libpysal", version("libpysal"), "networkx", nx.__version__)
PLACES, REACH = 200, 0.05
where = np.random.default_rng(0).random((PLACES, 2))
far = np.linalg.norm(where[:, None] - where, axis=-1)
near = (far < REACH) & ~np.eye(PLACES, dtype=bool)
by_hand = near.sum(1)

graph = Graph.build_distance_band(where, threshold=REACH)
assert (graph.cardinalities.to_numpy() == by_hand).all()
assert ((graph.sparse.toarray() != 0).sum(1) == by_hand).all()
lonely = set(graph.isolates)
assert lonely == set(np.flatnonzero(by_hand == 0).tolist())

made = graph.to_networkx()
degree = np.array([made.degree(place) for place in range(PLACES)])
loops = {one for one, _ in nx.selfloop_edges(made)}
print(f"{len(lonely)} of {PLACES} places have no neighbour; networkx finds {nx.number_of_isolates(made)} such nodes,")
print(f"{made.number_of_edges()} edges for {near.sum() // 2} by hand, {len(loops)} of them loops;", end=" ")
print(f"degrees of the lonely {sorted(set(degree[by_hand == 0].tolist()))},", end=" ")
print(f"{(by_hand == 1).sum()} places with one neighbour are below them")
assert (degree[by_hand > 0] == by_hand[by_hand > 0]).all()
assert len(lonely) > 10 and nx.number_of_isolates(made) == 0 and loops == lonely, "the behaviour has changed"
assert (degree[by_hand == 0] == 2).all(), "the behaviour has changed"

made.remove_edges_from((place, place) for place in lonely)
assert [made.degree(place) for place in range(PLACES)] == by_hand.tolist()
PY
