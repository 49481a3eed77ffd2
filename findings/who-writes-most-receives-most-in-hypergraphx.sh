#!/usr/bin/env bash
# hypergraphx 1.8.0, networkx 3.6.1: a directed hypergraph has two in-degrees; that of measures.directed counts the
# hyperedges that leave a node.
#
# Expected, from the documentation of the method in_degree() ("counting incident edges where the node is a target";
# "each hyperedge connects a set of source nodes to a set of target nodes"): the function of the same name in
# hypergraphx.measures.directed, with the same arguments, gives the same number.
# Seen: the function counts the hyperedges whose source the node is, and out_degree() those whose target it is, so that
# both, and both sequences, are swapped. Of 2,000 messages from one person to up to eight, person 49 receives most,
# 1,309; the function says person 0, who writes most, and its correlation with the truth is -0.27. If each hyperedge has
# one source and one target it is a directed graph, and networkx agrees with the methods. That the in-degrees of these
# messages sum to 2,000 instead of 9,169 is all that looks odd; with as many sources as targets nothing does. No
# warning; no report. Take the methods of the hypergraph.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install -q hypergraphx==1.8.0 numpy==2.4.6 scipy==1.17.1 networkx==3.6.1 pandas==3.1.1
"$work/venv/bin/python" -W ignore - <<'PY'
from importlib.metadata import version

import networkx as nx
import numpy as np
from hypergraphx import DirectedHypergraph
from hypergraphx.measures import directed

print("hypergraphx", version("hypergraphx"), "networkx", nx.__version__)
changed = "the behaviour has changed"
graph = DirectedHypergraph([((0,), (1,)), ((0,), (2,)), ((0,), (3,))])
plain = nx.DiGraph([(0, 1), (0, 2), (0, 3)])
print("0 -> 1, 0 -> 2, 0 -> 3. In-degrees: method", graph.in_degree_sequence(), "networkx", dict(plain.in_degree),
      "function", directed.in_degree_sequence(graph))
assert graph.in_degree_sequence() == dict(plain.in_degree)
assert directed.in_degree_sequence(graph) == dict(plain.out_degree), changed
assert directed.out_degree_sequence(graph) == dict(plain.in_degree), changed

rng = np.random.default_rng(0)
PEOPLE, MESSAGES = 50, 2_000
writes, read = 1 / np.arange(1, PEOPLE + 1), 1 / np.arange(PEOPLE, 0, -1)
messages = set()
while len(messages) < MESSAGES:
    sender = int(rng.choice(PEOPLE, p=writes / writes.sum()))
    readers = set(rng.choice(PEOPLE, rng.integers(1, 9), replace=False, p=read / read.sum()).tolist()) - {sender}
    if readers:
        messages.add(((sender,), tuple(sorted(readers))))
graph = DirectedHypergraph(sorted(messages))
received = np.zeros(PEOPLE, int)
for _, readers in messages:
    received[list(readers)] += 1
method = np.array([graph.in_degree(person) for person in range(PEOPLE)])
function = np.array([directed.in_degree(graph, person) for person in range(PEOPLE)])
left = np.array([graph.out_degree(person) for person in range(PEOPLE)])
print(f"{MESSAGES:,} messages: received most, by the method {method.argmax()} ({method.max()}), by the function",
      f"{function.argmax()} ({function.max()}); sums {method.sum()} and {function.sum()};",
      f"correlation {np.corrcoef(method, function)[0, 1]:.2f}")
assert (method == received).all()
assert (function == left).all() and function.sum() == MESSAGES and function.argmax() == 0, changed
assert np.corrcoef(method, function)[0, 1] < -0.2, changed
PY
