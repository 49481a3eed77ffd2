#!/usr/bin/env bash
# netrd 0.3.0, networkx 3.6.1: the distance of a graph from itself is as large as from a random graph, if its edges are
# read in another order.
#
# Expected: Hamming, Jaccard, Frobenius, DeltaCon and resistance distances compare graphs over the same nodes, by their
# names: 0 for two files of one graph, and a small number for a graph and its copy without a few edges.
# Seen: matrices are taken in the order in which each graph met its nodes, and compared row by row; Jaccard compares
# pairs, and an undirected pair read as (b, a) is not (a, b). A graph of 60 nodes has a Hamming distance of 0.175 from
# itself, read from a file whose lines were shuffled, and 0.174 from a random graph that has a tenth of its edges; eight
# of twelve measures tried are so, six of them at 0.7 or more of what the random graph has, while networkx says that
# both are equal. Copies made by graph.copy() are compared rightly, so that tests pass; snapshots of a network read from
# files, one a day, are not, and the series is noise. All nodes have the same names, and no warning is given. Add nodes
# in one order first, and for Jaccard write each pair in that order.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install -q networkx==3.6.1 numpy==2.4.6 scipy==1.17.1 scikit-learn==1.9.1 ortools==9.15.6755
"$work/venv/bin/pip" install -q --no-deps netrd==0.3.0
"$work/venv/bin/python" -W ignore - <<'PY'
import random
from importlib.metadata import version

import networkx as nx
import numpy as np
from netrd import distance

print("netrd", version("netrd"), "networkx", nx.__version__)
NODES = 60
names = [f"user{number:02d}" for number in range(NODES)]
graph = nx.relabel_nodes(nx.barabasi_albert_graph(NODES, 3, seed=1), dict(enumerate(names)))
lines = [" ".join(edge) for edge in graph.edges]
random.Random(0).shuffle(lines)
lines = [" ".join(reversed(line.split())) if turn % 2 else line for turn, line in enumerate(lines)]
again = nx.parse_edgelist(lines)
assert nx.utils.graphs_equal(graph, again)

stranger = nx.gnm_random_graph(NODES, graph.number_of_edges(), seed=2)
stranger = nx.relabel_nodes(stranger, dict(enumerate(names)))
ordered = nx.Graph()
ordered.add_nodes_from(graph)
ordered.add_edges_from(again.edges)

by_hand = sum(graph.has_edge(*edge) for edge in stranger.edges)
union = 2 * graph.number_of_edges() - by_hand
print(f"{by_hand} of {graph.number_of_edges()} edges are in both graphs: Jaccard by hand {1 - by_hand / union:.3f}")

by_name = ("Hamming", "Frobenius", "JaccardDistance", "DeltaCon", "ResistancePerturbation", "QuantumJSD")
by_name += ("HammingIpsenMikhailov", "PolynomialDissimilarity")
free = ("DegreeDivergence", "IpsenMikhailov", "NetLSD", "PortraitDivergence")
changed = "the behaviour has changed"
for name in by_name + free:
    measure = lambda one, other: float(np.real(getattr(distance, name)().dist(one, other)))
    copied, read, far = measure(graph, graph.copy()), measure(graph, again), measure(graph, stranger)
    print(f"{name:24s} from a copy {copied:6.3f}, read again {read:7.3f}, from a random graph {far:7.3f};", end=" ")
    print(f"with the nodes in order {measure(graph, ordered):6.3f}")
    assert copied < 1e-6
    if name in free:
        assert read < 1e-6
    else:
        assert read > 0.25 * far, changed
    if name != "JaccardDistance":
        assert measure(graph, ordered) < 1e-6
PY
