#!/usr/bin/env bash
# xgi 0.10.2, networkx 3.6.1: the Katz centrality of a hypergraph is the number of its neighbours, to the last digit,
# from fifty nodes on.
#
# Expected, from the documentation ("measures the relative importance of a node by counting how many distinct walks
# start from it. The longer the walk is the smaller its contribution will be (attenuation factor alpha)"): of two nodes
# with as many neighbours the one next to hubs has more, as in networkx, for an alpha below 1 / the largest eigenvalue.
# Seen: alpha cannot be given and is not named; it is 1 / 2**n for n nodes. So walks of two steps count 0.001 of one
# step with 10 nodes, and 1e-18 with 60, below what a float can add to 1. Nothing but the degree of the clique graph is
# left: of 200 nodes the centralities are those of the degree to 1e-16, with 17 values, where networkx has 197, and up
# to 4.6 times between nodes of two links. The series is summed with cutoff=100 all the same, and a larger cutoff
# changes nothing. In the small hypergraphs with which one tests, and of the docstring's tests, walks are seen: with
# four nodes, 0.06. It looks like a centrality of its own, correlates with others, and agrees with the degree "as one
# would expect". No warning. Take networkx.katz_centrality_numpy() of xgi.to_graph(), or of the clique matrix with
# weights.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install -q xgi==0.10.2 networkx==3.6.1 numpy==2.4.6 scipy==1.17.1 pandas==3.1.1
"$work/venv/bin/python" -W ignore - <<'PY'
from importlib.metadata import version

import networkx as nx
import numpy as np
import xgi

print("xgi", version("xgi"), "networkx", nx.__version__)
changed = "the behaviour has changed"


def centralities(graph):
    """Katz of xgi, of networkx, and the degree, each with a sum of 1."""
    alpha = 0.9 / np.linalg.eigvalsh(nx.to_numpy_array(graph)).max()
    found = (xgi.katz_centrality(xgi.Hypergraph([list(edge) for edge in graph.edges])),
             nx.katz_centrality_numpy(graph, alpha=alpha), dict(graph.degree))
    rows = [np.array([scores[node] for node in sorted(graph)], dtype=float) for scores in found]
    return [row / row.sum() for row in rows]


for nodes in (4, 10, 60, 200):
    graph = nx.barabasi_albert_graph(nodes, 2, seed=0)
    katz, right, degree = centralities(graph)
    distance = np.abs(katz - degree).max()
    print(f"{nodes:3d} nodes: off the degree by {distance:.0e}, networkx {np.abs(right - degree).max():.0e};",
          f"{len(np.unique(katz.round(12)))} values, networkx {len(np.unique(right.round(12)))}")
    assert distance < 1e-15 if nodes >= 60 else distance > 1e-4, changed
    assert np.abs(right - degree).max() > 5e-3
two = [node for node in graph if graph.degree[node] == 2]
print(f"nodes of two links, largest / smallest: {katz[two].max() / katz[two].min():.3f},",
      f"networkx {right[two].max() / right[two].min():.3f}")
assert katz[two].max() / katz[two].min() < 1 + 1e-9 and right[two].max() / right[two].min() > 4, changed

# Groups of 2 to 5 of 100 nodes.
rng = np.random.default_rng(0)
groups = xgi.Hypergraph([rng.choice(100, size, replace=False).tolist() for size in rng.integers(2, 6, 200)])
weights = xgi.clique_motif_matrix(groups, sparse=False)
katz = np.array(list(xgi.katz_centrality(groups).values()))
again = np.array(list(xgi.katz_centrality(groups, cutoff=1_000).values()))
degree = weights.sum(1) / weights.sum()
alpha = 0.9 / np.linalg.eigvalsh(weights).max()
right = np.linalg.solve(np.eye(len(weights)) - alpha * weights, weights.sum(1))
right /= right.sum()
print(f"groups of 2 to 5 of {len(weights)}: off the degree by {np.abs(katz - degree).max():.0e},",
      f"by hand {np.abs(right - degree).max():.0e}")
assert np.abs(katz - degree).max() < 1e-15 and (katz == again).all(), changed
assert np.abs(right - degree).max() > 1e-3
PY
