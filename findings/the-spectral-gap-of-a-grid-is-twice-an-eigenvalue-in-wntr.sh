#!/usr/bin/env bash
# wntr 1.5.0, networkx 3.6.1: the spectral gap of a water network is the difference of two eigenvalues that happen to
# come first, 5.58 for 1.26, and a pipe that has another beside it is a bridge.
#
# Expected, from the documentation (spectral gap: "Difference in the first and second eigenvalue of the adjacency
# matrix"; bridges: "a link is considered a bridge if the removal of that link increases the number of connected
# components in the network"): one number for a network, in whatever order its nodes are; no pipe with a parallel one.
# Seen: eigenvalues come from a solver for any matrix, which does not sort them. In grids and trees, where -x is one if
# x is, these two often come first, and the gap is twice the largest: Net1, which the package brings along, has 5.58
# for 1.26. A grid of 5 by 5 streets has 6.93 or, with its nodes in another order, 0.73, which is right. A small gap
# says that few pipes hold a network together, so that a tree, with 5.4 for 0.25, looks like the most robust of all. Net2
# and Net3 are right, with which one tests. Parallel links become one before bridges are looked for: 62 of 1,160 in Net6
# can be closed and cut nobody off, as another is beside them. No warning; no report. Sort the eigenvalues of
# networkx.adjacency_matrix(), and leave out links with another beside them.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
# Of what the package asks for, only what it imports here.
"$work/venv/bin/pip" install -q --no-deps wntr==1.5.0 six==1.17.0
"$work/venv/bin/pip" install -q networkx==3.6.1 numpy==2.4.6 scipy==1.17.1 pandas==3.1.1 matplotlib==3.11.2 2> /dev/null
"$work/venv/bin/python" -W ignore - <<'PY'
import random
from importlib.metadata import version

import networkx as nx
import numpy as np
from wntr.metrics.topographic import bridges, spectral_gap
from wntr.network import WaterNetworkModel

print("wntr", version("wntr"), "networkx", nx.__version__, "numpy", np.__version__)
changed = "the behaviour has changed"


def right(graph):
    values = np.linalg.eigvalsh(nx.to_numpy_array(graph.to_undirected()))
    return values[-1] - values[-2]


for name in ("Net1", "Net2", "Net3"):
    graph = WaterNetworkModel(name).to_graph()
    found = spectral_gap(graph)
    print(f"{name}, {len(graph)} nodes: spectral gap {found:.3f}, right {right(graph):.3f}")
    assert np.isclose(found, right(graph)) == (name != "Net1"), changed

for name, streets in (("a grid of 5 by 5", nx.grid_2d_graph(5, 5)), ("a tree of 40", nx.random_labeled_tree(40, seed=1))):
    found = []
    for seed in range(8):
        nodes, graph = list(streets), nx.MultiDiGraph()
        random.Random(seed).shuffle(nodes)
        graph.add_nodes_from(nodes)
        graph.add_edges_from(streets.edges)
        found.append(spectral_gap(graph))
    print(f"{name}, nodes in eight orders: {', '.join(f'{gap:.3f}' for gap in found)}, right {right(graph):.3f}")
    assert max(found) > 5 * right(graph), changed

graph = WaterNetworkModel("Net6").to_graph()
links = graph.to_undirected()
found = bridges(graph)
named, parts, kept = set(found), nx.number_connected_components(links), 0
beside = [edge for edge in links.edges(keys=True) if edge[2] in named and links.number_of_edges(*edge[:2]) > 1]
for edge in beside:
    links.remove_edge(*edge)
    kept += nx.number_connected_components(links) == parts
    links.add_edge(*edge)
print(f"Net6, {len(graph)} nodes: {len(found)} bridges; without one of {kept} of them as many parts as before")
assert kept == len(beside) == 62, changed
PY
