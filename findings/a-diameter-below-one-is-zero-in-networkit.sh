#!/usr/bin/env bash
# networkit 11.3, networkx 3.6.1: the exact diameter of a weighted graph is cut to an integer, so that distances below
# 1 have a diameter of 0, and the eccentricities of the same graph count links.
#
# Expected, from the documentation (getDiameter() returns "float: Diameter of the graph"; the eccentricity is "the
# distance to the farthest node"): the longest shortest path, as a float, which is the largest eccentricity. The
# weights of the graph are doubles, and APSP, Dijkstra and betweenness keep them.
# Seen: Diameter with AUTOMATIC or EXACT runs Dijkstra from each node and stores what comes out as an unsigned
# integer. Correlations, probabilities, costs in parts of the whole are below 1: of a small-world graph with weights
# up to 0.2 the diameter is 0 for 0.596, of the same graph in kilometres 596 for 596.4, and of 2.98 it is 2. Rounded
# numbers of a series look like jumps, and two graphs are equal that are not. Eccentricity and EffectiveDiameter see
# no weights, 7 links for a distance of 0.49, so that the farthest node of the whole graph is nearer than the farthest
# of one. Without weights both are right, and so is weighted=True with whole numbers, with which one tests. No
# warning. Take the largest of APSP(graph).run().getDistances().
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install -q networkit==11.3 networkx==3.6.1 numpy==2.4.6 scipy==1.17.1
"$work/venv/bin/python" -W ignore - <<'PY'
import random

import networkit as nk
import networkx as nx

print("networkit", nk.__version__, "networkx", nx.__version__)
changed = "the behaviour has changed"
rng = random.Random(1)
graph = nx.connected_watts_strogatz_graph(200, 6, 0.1, seed=0)
for u, v in graph.edges:
    graph[u][v]["share"] = 0.2 * rng.random()


def diameter(graph, kind):
    return nk.distance.Diameter(graph, kind).run().getDiameter()


kinds = nk.distance.DiameterAlgo.AUTOMATIC, nk.distance.DiameterAlgo.EXACT
for factor in (1, 5, 1_000):
    for u, v in graph.edges:
        graph[u][v]["weight"] = factor * graph[u][v]["share"]
    weighted = nk.nxadapter.nx2nk(graph, weightAttr="weight")
    assert weighted.isWeighted()
    right = nx.diameter(graph, weight="weight")
    exact = max(map(max, nk.distance.APSP(weighted).run().getDistances()))
    found = [diameter(weighted, kind) for kind in kinds]
    print(f"weights up to {0.2 * factor:5}: diameter {found}, networkx {right:.3f}, by APSP {exact:.3f}")
    assert abs(exact - right) < 1e-9
    assert found == [(int(right), 0)] * 2 and int(right) != right, changed
    links = nx.eccentricity(graph)
    far = nx.eccentricity(graph, weight="weight")
    seen = {node: nk.distance.Eccentricity.getValue(weighted, node)[1] for node in graph}
    print(f"    eccentricity of node 0: {seen[0]}; of weights {far[0]:.3f}, of links {links[0]}")
    assert seen == links, changed

plain = nk.nxadapter.nx2nk(graph)
print("without weights:", [diameter(plain, kind) for kind in kinds], "networkx", nx.diameter(graph))
assert [diameter(plain, kind) for kind in kinds] == [(nx.diameter(graph), 0)] * 2
PY
