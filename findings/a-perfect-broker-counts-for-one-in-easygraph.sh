#!/usr/bin/env bash
# Python-EasyGraph 1.6.3, networkx 3.6.1: who stands between people that do not know each other has the smallest
# effective size, 1, though it is the largest there is.
#
# Expected, from the documentation ("Burt's metric - Effective Size"): the number of contacts minus what is redundant
# among them, n - 2t/n with t links between the contacts. The hub of a star with 4 contacts has 4, and an efficiency
# of 4/4.
# Seen: where no two contacts are linked, 1 is given instead of n. Holes in the structure are what the measure is for,
# so it fails where they are perfect: the hub of four has 1 and an efficiency of 0.25, and with one link between its
# contacts, which makes it a worse broker, 3.5. In trees and bipartite graphs (authors and papers, users and shops)
# all nodes have 1. Of a growing tree of 300 nodes the largest hub, with dozens of contacts, is one of the least.
# Constraint is right, and so is effective_size(weight="weight") with weights of 1. On the C++ graph of the same
# package the numbers are moved by one node, and the last has NaN. No warning. An open proposal would change the
# function; no report says what it gives. Take networkx.effective_size(), or set all weights to 1 and name them.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
# Of what the package asks for, only what it imports here; the rest takes minutes.
"$work/venv/bin/pip" install -q --no-deps Python-EasyGraph==1.6.3
"$work/venv/bin/pip" install -q networkx==3.6.1 fastjsonschema==2.22.3 matplotlib==3.11.2 numpy==1.26.4 \
  requests==2.34.2 scipy==1.17.1 tqdm==4.70.1 2> /dev/null
"$work/venv/bin/python" -W ignore - <<'PY'
from importlib.metadata import version

import easygraph as eg
import networkx as nx

print("Python-EasyGraph", version("Python-EasyGraph"), "networkx", nx.__version__)
changed = "the behaviour has changed"


def of_easygraph(graph):
    made = eg.Graph()
    made.add_nodes(list(graph))
    for u, v in graph.edges:
        made.add_edge(u, v, weight=1.0)
    return made


star, linked = nx.star_graph(4), nx.star_graph(4)
linked.add_edge(1, 2)
for name, graph in (("star of 4", star), ("and a link", linked)):
    made = of_easygraph(graph)
    found, weighted = eg.effective_size(made)[0], eg.effective_size(made, weight="weight")[0]
    right = nx.effective_size(graph)[0]
    print(f"{name:10s}: the hub has {found}, efficiency {eg.efficiency(made)[0]:.3f}, with weights of 1 {weighted}; "
          f"networkx {right}, efficiency {right / 4:.3f}")
    assert weighted == right
    assert (found, right) == ((1.0, 4.0) if graph is star else (3.5, 3.5)), changed
    assert abs(eg.constraint(made)[0] - nx.constraint(graph)[0]) < 1e-9

tree = nx.barabasi_albert_graph(300, 1, seed=0)
found, right = eg.effective_size(of_easygraph(tree)), nx.effective_size(tree)
hub = max(tree.degree, key=lambda pair: pair[1])
print("a growing tree: values", set(found.values()), f"; node {hub[0]} with {hub[1]} contacts has {found[hub[0]]}, "
      f"networkx {right[hub[0]]}")
assert set(found.values()) == {1.0} and right[hub[0]] == hub[1] > 10, changed

made = of_easygraph(linked).cpp()
values = [float(value) for value in eg.effective_size(made)]
print("C++ graph, nodes", list(made.nodes), "have", values)
print("           networkx", [nx.effective_size(linked)[node] for node in made.nodes])
assert values[-1] != values[-1] and max(values[:-1]) == 3.5, changed
assert list(made.nodes)[values.index(3.5)] != 0, changed
PY
