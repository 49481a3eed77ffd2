#!/usr/bin/env bash
# hypergraphx 1.8.0, numpy 2.4.6, scipy 1.17.1: two nodes that are in 256 hyperedges together have none in the adjacency
# matrix, and in 300 they have 44.
#
# Expected, from the documentation ("For any two nodes i, j in the hypergraph, the entry (i, j) of the adjacency matrix
# counts the number of hyperedges where both i and j are contained"): the count, as adjacency_matrix_by_order() of the
# same package has it for hyperedges of one size.
# Seen: the incidence matrix has the type uint8, which one membership fits in, and so has its product with itself, in
# which counts start again at 256. Whoever works together most is hit: of 6,000 papers by 200 authors, popular as
# 1/rank, the two most frequent authors have 1,073 papers in common and 49 in the matrix, and of the ten closest pairs
# two are among the ten largest entries. The sub-hypergraph centrality, which is made of the matrix, takes the third
# author for the second. Small hypergraphs are right, so tests pass, and no number looks odd. Matrices by order are
# right as they are multiplied with weights, which are int64. No warning, as arrays wrap in silence; no report. Take B =
# binary_incidence_matrix().astype(int) and multiply it yourself.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install -q hypergraphx==1.8.0 numpy==2.4.6 scipy==1.17.1 \
  networkx==3.6.1 pandas==3.1.1
"$work/venv/bin/python" -W ignore - <<'PY'
from importlib.metadata import version

import numpy as np
from hypergraphx import Hypergraph
from hypergraphx.linalg import adjacency_matrix_by_order
from hypergraphx.measures.sub_hypergraph_centrality import subhypergraph_centrality
from scipy.special import logsumexp

print("hypergraphx", version("hypergraphx"), "numpy", np.__version__)
changed = "the behaviour has changed"
for common in (100, 255, 256, 300, 1_000):
    graph = Hypergraph([(0, 1, 2 + i) for i in range(common)])
    matrix, names = graph.adjacency_matrix(return_mapping=True)
    at = {name: i for i, name in names.items()}
    found, by_order = int(matrix[at[0], at[1]]), int(adjacency_matrix_by_order(graph, 2)[at[0], at[1]])
    print(f"{common:5d} hyperedges in common: {found:3d}, by order {by_order}, type {matrix.dtype}")
    assert by_order == common and found == common % 256, changed

rng = np.random.default_rng(0)
popular = 1 / np.arange(1, 201)
papers = set()
while len(papers) < 6_000:
    papers.add(tuple(sorted(rng.choice(200, rng.integers(3, 7), replace=False, p=popular / popular.sum()).tolist())))
graph = Hypergraph(sorted(papers))
matrix, names = graph.adjacency_matrix(return_mapping=True)
order = np.argsort([names[i] for i in range(len(names))])
found = matrix.toarray()[order][:, order].astype(int)
right = np.zeros((200, 200), int)
for paper in papers:
    right[np.ix_(paper, paper)] += 1
np.fill_diagonal(right, 0)
pairs = np.triu_indices(200, 1)
closest = set(np.argsort(-right[pairs], kind="stable")[:10])
largest = set(np.argsort(-found[pairs], kind="stable")[:10])
print(f"6,000 papers: the two most frequent authors have {right[0, 1]} in common, {found[0, 1]} in the matrix;",
      f"{len(closest & largest)} of the ten closest pairs are among the ten largest entries")
assert (found == right % 256).all() and right.max() > 1_000 and len(closest & largest) <= 2, changed
values, vectors = np.linalg.eigh(right.astype(float))
true = logsumexp(values.reshape(1, -1), b=vectors**2, axis=1)
central = np.asarray(subhypergraph_centrality(graph)).ravel()[order]
print("authors of the highest sub-hypergraph centrality:", np.argsort(-central)[:3], central.max().round(1), "right:",
      np.argsort(-true)[:3], true.max().round(1))
assert np.argsort(-central)[:3].tolist() != np.argsort(-true)[:3].tolist() and central.max() < 0.8 * true.max(), changed
PY
