#!/usr/bin/env bash
# linkpred 0.6, networkx 3.6.1: a rooted PageRank that jumps anywhere with a probability of 0.05 is the PageRank without
# any root, and predicts the same links for everybody.
#
# Expected, from the documentation ("we can also advance to a random other node in the network with probability beta.
# Thus, we get back to the root node with probability 1 - alpha - beta"): with alpha 0.8 and beta 0.05 a walk returns to
# its root with 0.15 in each step, in a graph of any size.
# Seen: beta is the weight of each other node, and 1 - beta that of the root, and networkx divides all by their sum, 51
# for 1,000 nodes. The root is left with 0.004, and less in a larger graph: its own rank is 0.005, as that of any node,
# for 0.17. Of 1,000 people in 20 groups a tenth of the links is hidden, and ten are predicted for each of 59 people.
# Without jumps 0.26 of the hidden ones are among them, and with jumps as documented; with these it is 0.06, as the same
# 15 popular people are named to all, in whatever group they are. It looks as if jumps did harm; the default, 0, is
# right. No warning; no report. For n nodes and a chance of b give beta = b / (b + (n - 1) * (1 - alpha - b)) and
# alpha as it is.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
# Of what the package asks for, only what it imports here.
"$work/venv/bin/pip" install -q --no-deps linkpred==0.6 smokesignal==0.7.0
"$work/venv/bin/pip" install -q networkx==3.6.1 numpy==2.4.6 scipy==1.17.1 2> /dev/null
"$work/venv/bin/python" -W ignore - <<'PY'
import contextlib
import io
from importlib.metadata import version

import networkx as nx
import numpy as np
from linkpred.network import rooted_pagerank
from linkpred.predictors import RootedPageRank

print("linkpred", version("linkpred"), "networkx", nx.__version__)
changed = "the behaviour has changed"
ALPHA, BETA = 0.8, 0.05


def right(graph, roots, alpha, beta):
    """Where walks are that return with 1 - alpha - beta and jump to another node with beta: a row for each root."""
    links = nx.to_numpy_array(graph)
    n = len(graph)
    start = np.full((n, len(roots)), beta / (n - 1))
    start[roots, range(len(roots))] = 1 - alpha - beta
    return np.linalg.solve(np.eye(n) - alpha * (links / links.sum(1, keepdims=True)).T, start).T


for nodes in (100, 1_000):
    graph = nx.barabasi_albert_graph(nodes, 3, seed=1)
    root = nodes // 2
    rows = {beta: np.array(list(rooted_pagerank(graph, root, ALPHA, beta).values())) for beta in (0, BETA)}
    ranks = np.array(list(nx.pagerank(graph, ALPHA).values()))
    for beta, found in rows.items():
        true = right(graph, [root], ALPHA, beta)[0]
        print(f"{nodes} nodes, beta {beta}: rank of the root {found[root]:.4f}, right {true[root]:.4f};",
              f"correlation with PageRank {np.corrcoef(found, ranks)[0, 1]:.3f}, right {np.corrcoef(true, ranks)[0, 1]:.3f}")
        if beta:
            assert found[root] < 0.3 * true[root] and np.corrcoef(found, ranks)[0, 1] > 0.85, changed
            assert np.corrcoef(true, ranks)[0, 1] < 0.5
            mended = BETA / (BETA + (nodes - 1) * (1 - ALPHA - BETA))
            assert np.allclose(list(rooted_pagerank(graph, root, ALPHA, mended).values()), true, atol=1e-4)
        else:
            assert np.isclose(found[root], true[root], atol=1e-4)

rng = np.random.default_rng(0)
group = np.repeat(np.arange(20), 50)
popular = rng.pareto(2, 1_000) + 1
graph, hidden = nx.Graph(), nx.Graph()
graph.add_nodes_from(range(1_000))
hidden.add_nodes_from(range(1_000))
for node in range(1_000):
    chance = popular * np.where(group == group[node], 1, 0.003)
    chance[node] = 0
    for other in rng.choice(1_000, 5, replace=False, p=chance / chance.sum()).tolist():
        (hidden if rng.random() < 0.1 else graph).add_edge(node, other)
hidden.remove_edges_from([edge for edge in graph.edges if hidden.has_edge(*edge)])
people = [node for node in range(0, 1_000, 10) if hidden.degree(node) and graph.degree(node)]


def hits(rows):
    """The share of hidden links among the ten best of each person, and how many different people are named."""
    named, found = set(), []
    for node, row in zip(people, rows):
        row = row.copy()
        row[[node, *graph[node]]] = -1
        best = np.argsort(-row, kind="stable")[:10].tolist()
        named.update(best)
        found.append(sum(hidden.has_edge(node, other) for other in best) / min(10, hidden.degree(node)))
    return np.mean(found), len(named)


graph.remove_nodes_from([node for node in range(1_000) if not graph.degree(node)])
assert len(graph) == 1_000
for beta in (0, BETA):
    rows = []
    for node in people:
        with contextlib.redirect_stdout(io.StringIO()):  # a progress bar
            sheet = RootedPageRank(graph).predict(nbunch=[node], alpha=ALPHA, beta=beta)
        rows.append([0 if node == other else sheet[node, other] for other in range(1_000)])
    found, true = hits(np.array(rows)), hits(right(graph, people, ALPHA, beta))
    print(f"beta {beta}: {found[0]:.2f} of the hidden links, {found[1]} people named; right {true[0]:.2f}, {true[1]}")
    assert true[0] > 0.2 and true[1] > 300
    assert (found[0] < 0.1 and found[1] < 30) if beta else np.isclose(found[0], true[0], atol=0.02), changed
PY
