#!/usr/bin/env bash
# networkx 3.6.1, numpy 2.4.6, scipy 1.17.1: of a graph with weights that is kept as a MultiGraph, the current-flow
# betweenness and the mean degree of neighbours are wrong.
#
# Expected: nx.MultiGraph(graph), the same nodes, edges and weights and no parallel edge among them, has what the graph
# has, as it has for PageRank, current-flow closeness, constraint or efficiency; or it is refused, as
# betweenness_centrality() refused it while it read weights wrongly.
# Seen: G[u][v] of a MultiGraph holds keys, not attributes, and .get("weight", 1) there is 1 for each pair. Half of each
# formula is computed so. The currents come from the Laplacian with its weights and are then multiplied with 1: the
# node with most current of the karate club has 0.15 for 0.47. Of average_neighbor_degree() only the divisor has
# weights, so that for 30 of 34 nodes the mean degree of their neighbours is below the smallest of these degrees.
# average_degree_connectivity() and the current flow of edges are wrong as well; all without a warning. Networks of
# streets, graphs with several kinds of links and files whose edges have keys come as MultiGraphs. The lines are the
# same in networkx 3.7. Give these functions a Graph with weights summed.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install -q networkx==3.6.1 numpy==2.4.6 scipy==1.17.1
"$work/venv/bin/python" -W error - <<'PY'
import networkx as nx
import numpy as np

print("networkx", nx.__version__, "numpy", np.__version__)
graph = nx.karate_club_graph()
several = nx.MultiGraph(graph)
assert several.number_of_edges() == graph.number_of_edges()
assert (nx.to_numpy_array(graph) == nx.to_numpy_array(several)).all()


def current_by_hand(weights):
    """A unit of current for each pair of nodes; what passes through a node, without the ends, over the pairs."""
    n = len(weights)
    potential = np.linalg.pinv(np.diag(weights.sum(1)) - weights)
    total = np.zeros(n)
    for s in range(n):
        for t in range(s + 1, n):
            drop = potential[:, s] - potential[:, t]
            through = 0.5 * (weights * np.abs(drop[:, None] - drop)).sum(1)
            through[[s, t]] = 0
            total += through
    return total / ((n - 1) * (n - 2) / 2)


def degrees_by_hand(weights):
    """The mean of the degrees of a node's neighbours, by weight."""
    return weights @ (weights > 0).sum(1) / weights.sum(1)


weights = nx.to_numpy_array(graph)
right = {
    "current_flow_betweenness_centrality": current_by_hand(weights),
    "average_neighbor_degree": degrees_by_hand(weights),
}
changed = "the behaviour has changed"
for name, by_hand in right.items():
    function = getattr(nx, name)
    once, multi = (np.array(list(function(g, weight="weight").values())) for g in (graph, several))
    first = [int(values.argmax()) for values in (by_hand, once, multi)]
    print(f"{name:36s} largest by hand {by_hand.max():6.3f} (node {first[0]}),", end=" ")
    print(f"Graph {once.max():6.3f} (node {first[1]}), MultiGraph {multi.max():6.3f} (node {first[2]})")
    assert np.allclose(once, by_hand)
    assert (multi < 0.75 * by_hand).mean() > 0.5, changed
    bare, plain = (np.array(list(function(g).values())) for g in (several, graph))
    assert np.allclose(bare, plain)  # without weights and without parallel edges nothing is wrong

means = nx.average_neighbor_degree(several, weight="weight")
below = [node for node in several if means[node] < min(several.degree(other) for other in several[node])]
print(f"{len(below)} of {len(several)} nodes have a mean below the smallest degree of a neighbour")
assert len(below) > 10, changed
for same in (nx.pagerank, nx.current_flow_closeness_centrality, nx.constraint):
    once, multi = (np.array(list(same(g, weight="weight").values())) for g in (graph, several))
    assert np.allclose(once, multi)
PY
