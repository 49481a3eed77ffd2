#!/usr/bin/env bash
# scikit-learn 1.9.1, scipy 1.17.1: a graph of nearest neighbours with distances joins everything but the nearest,
# points that are equal, once it is made symmetric.
#
# Expected: kneighbors_graph(X, k, mode="distance") joins each point to its nearest. Made symmetric by
# maximum(A, A.T) or (A + A.T) / 2, it has each edge in both directions, and equal points are joined, being nearest.
# Seen: an edge between equal points is stored, with a length of 0, and counts in connected_components(A). maximum()
# and + do not store what comes out as 0, and minimum_spanning_tree() drops it too. Rows that occur more than k times
# have no edges but such and are isolated. exp(-d) afterwards is there for all edges but those that should weigh
# most. kneighbors_graph(mode="connectivity") has them. Of small integers, categories or counts many rows are equal:
# of handwritten digits in eight black or white pixels, below, 326 of 17,364 entries stay, and 4 components become
# 1,697. Make it symmetric while it is a connectivity, or add a small number to A.data first.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install -q numpy==2.4.6 scipy==1.17.1 scikit-learn==1.9.1
"$work/venv/bin/python" - <<'PY'
import numpy as np
import scipy
import sklearn
from scipy.sparse.csgraph import connected_components, minimum_spanning_tree
from sklearn.datasets import load_digits
from sklearn.neighbors import kneighbors_graph

print("scipy", scipy.__version__, "scikit-learn", sklearn.__version__)


def parts(graph):
    return int(connected_components(graph, directed=False)[0])


def measured(x, k):
    one_way = kneighbors_graph(x, k, mode="distance")
    reached = kneighbors_graph(x, k, mode="connectivity")
    forms = {
        "connectivity, symmetric": reached.maximum(reached.T),
        "one way": one_way,
        "maximum": one_way.maximum(one_way.T),
        "mean": (one_way + one_way.T) / 2,
    }
    found = {name: (graph.nnz, parts(graph)) for name, graph in forms.items()}
    tree = minimum_spanning_tree(one_way)
    found["forest"] = (tree.nnz, parts(tree))
    return found


pair = measured(np.array([[0.0], [0.0], [5.0], [5.5], [9.0]]), 1)
digits = load_digits().images
coarse = (digits.reshape(-1, 4, 2, 2, 4).mean((2, 4)) > 8).reshape(len(digits), 8).astype(float)
many = measured(coarse, 5)
for title, found in (("five points, two equal", pair), ("digits of eight black or white pixels", many)):
    print(title)
    for name, (edges, components) in found.items():
        print(f"  {name:24s} {edges:6d} entries, {components:5d} components")
changed = "the behaviour has changed"
assert pair["connectivity, symmetric"][1] == pair["one way"][1] == 2
assert pair["maximum"][1] == pair["mean"][1] == pair["forest"][1] == 3, changed
assert many["maximum"][0] < many["connectivity, symmetric"][0] / 2, changed
assert many["maximum"][1] > 10 * many["connectivity, symmetric"][1], changed
PY
