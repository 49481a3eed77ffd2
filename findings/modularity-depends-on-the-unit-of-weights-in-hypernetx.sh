#!/usr/bin/env bash
# hypernetx 2.4.3, numpy 2.4.6: the modularity of a hypergraph with weights from 0.2 to 1.9 is 0.54, with the same
# weights times a hundred 0.19, and halved NaN.
#
# Expected: modularity() compares shares of the weight, so that a unit of weights plays no part: hours or minutes, euros
# or cents give one number, as they do in networkx and igraph.
# Seen: volumes of communities and weights by size are added up in arrays that np.repeat(0, ...) made, of integers,
# which cut each sum back to an integer. A weight below 1 adds nothing, one of 1.9 adds 1. The weight inside communities
# is not cut, and is compared with an expectation that is far too low: of a hypergraph without any communities random
# halves have a modularity of 0.27 in the mean, for -0.03, and of 0.48 if one weight in ten is above 1. If none reaches
# 1, as shares, probabilities and similarities, it is NaN. last_step(), which moves nodes, adds up in the same way.
# Whole numbers are right, and so are equal weights, which take another path. No warning but NumPy's of a division by
# zero; no report. Multiply all weights by 10,000.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
# Of what the package asks for, only what it imports here.
"$work/venv/bin/pip" install -q --no-deps hypernetx==2.4.3
"$work/venv/bin/pip" install -q numpy==2.4.6 scipy==1.17.1 pandas==2.3.3 networkx==3.6.1 scikit-learn==1.9.1 \
  matplotlib==3.11.2 decorator==5.3.1 fastjsonschema==2.22.3 requests==2.34.2 HeapDict==1.0.1 bitsets==0.9.1
"$work/venv/bin/python" -W ignore - <<'PY'
from collections import Counter
from importlib.metadata import version

import numpy as np
from hypernetx import Hypergraph
from hypernetx.algorithms.clustering.hypergraph_modularity import linear, modularity
from scipy.stats import binom

print("hypernetx", version("hypernetx"), "numpy", np.__version__)
changed = "the behaviour has changed"
rng = np.random.default_rng(0)


def right(edges, weights, parts):
    """The formula of the package's source [2], in floats."""
    part = {node: i for i, nodes in enumerate(parts) for node in nodes}
    volumes, by_size, inside = np.zeros(len(parts)), Counter(), 0.0
    for edge, weight in zip(edges, weights):
        most = max(Counter(part[node] for node in edge).values())
        inside += weight * linear(len(edge), most)
        by_size[len(edge)] += weight
        for node in edge:
            volumes[part[node]] += weight
    shares = volumes / volumes.sum()
    expected = sum(weight * linear(size, most) * binom.pmf(most, size, share) for size, weight in by_size.items()
                   for most in range(size // 2 + 1, size + 1) for share in shares)
    return (inside - expected) / sum(weights)


def found(edges, weights, parts):
    names = [f"e{i:04d}" for i in range(len(edges))]
    graph = Hypergraph(dict(zip(names, edges)), edge_properties={n: {"weight": w} for n, w in zip(names, weights)})
    assert list(graph.edges.dataframe["weight"]) == weights
    return modularity(graph, parts)


parts = [set(range(10)), set(range(10, 20))]
edges = []
for i in range(60):
    nodes = 20 if rng.random() < 0.2 else 10
    edges.append((rng.choice(nodes, 3, replace=False) + (10 * (i % 2) if nodes == 10 else 0)).tolist())
weights = rng.uniform(0.2, 1.9, 60).round(2).tolist()
values = {}
for unit in (0.5, 1, 2, 10, 100, 10_000):
    scaled = [unit * weight for weight in weights]
    values[unit] = found(edges, scaled, parts)
    print(f"weights times {unit}: {values[unit]:.4f}, right {right(edges, scaled, parts):.4f}")
true = right(edges, weights, parts)
assert np.isclose(values[10_000], true, atol=1e-3)
assert np.isclose(found(edges, [3.0] * 60, parts), right(edges, [1] * 60, parts))
assert np.isnan(values[0.5]) and values[1] > 2 * true, changed

print("no communities, twenty random partitions:")
for name, draw in (("weights from 0.2 to 1.9", lambda: rng.uniform(0.2, 1.9, 300)),
                   ("one weight in ten above 1", lambda: np.where(rng.random(300) < 0.1, 1.2, rng.uniform(0, 1, 300)))):
    edges = [rng.choice(20, rng.integers(2, 5), replace=False).tolist() for _ in range(300)]
    weights = draw().round(2).tolist()
    pairs = []
    for _ in range(20):
        order = rng.permutation(20)
        halves = [set(order[:10].tolist()), set(order[10:].tolist())]
        pairs.append((found(edges, weights, halves), right(edges, weights, halves)))
    mean, truth = np.mean(pairs, axis=0)
    print(f"{name}: mean modularity {mean:.3f}, right {truth:.3f}")
    assert abs(truth) < 0.03 and mean > 0.1, changed
PY
