#!/usr/bin/env bash
# rustworkx 0.18.1, networkx 3.6.1: a graph that rustworkx read from GraphML and wrote again has the nodes' attributes
# under the names of the edges', and its numbers in single precision.
#
# Expected: write_graphml() and read_graphml() pass on what a file has, names, int and double; the format numbers its
# attributes by <key id="...">, and an id of XML is there once.
# Seen: the writer numbers keys of nodes and keys of edges from d1 on, each for itself. networkx looks a key up by its
# id, the last one counts, and the population of a town is its "distance": a node with a distance and no population,
# without an error, where the types allow it. Of more attributes on the nodes than on the edges some are right.
# rustworkx and igraph look among the nodes' keys first, and see nothing. Floats are cut to 24 bits on the way, so that
# these read other numbers too: a time of 1700000061.25 is 1700000000 after, 7.1 is 7.0999999, a number above 3.4e38 is
# inf. Keys of one's own, write_graphml(..., keys=[GraphMLKey(...)]), mend the names; the numbers are cut even where
# such a key says Double. Write numbers as strings, or let networkx or igraph write the file.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install -q rustworkx==0.18.1 networkx==3.6.1 igraph==1.0.0 numpy==2.4.6
cd "$work"
"$work/venv/bin/python" - <<'PY'
import re
from importlib.metadata import version
from pathlib import Path

import igraph
import networkx as nx
import rustworkx as rx

print("rustworkx", rx.__version__, "networkx", nx.__version__, "igraph", version("igraph"))
changed = "the behaviour has changed"


def passed(graph):
    """What networkx wrote, read and written again by rustworkx."""
    nx.write_graphml(graph, "first.graphml")
    assert nx.read_graphml("first.graphml").nodes == graph.nodes
    rx.write_graphml(rx.read_graphml("first.graphml")[0], "second.graphml")
    return nx.read_graphml("second.graphml")


towns = nx.DiGraph()
towns.add_node("a", population=52_000)
towns.add_node("b", population=8_000)
towns.add_edge("a", "b", distance=12.5)
back = passed(towns)
ids = re.findall('<key id="(.*?)" for="(.*?)"', Path("second.graphml").read_text())
print("keys:", ids)
print("before:", dict(towns.nodes(data=True)), list(towns.edges(data=True)))
print("after: ", dict(back.nodes(data=True)), list(back.edges(data=True)))
assert ids == [("d1", "node"), ("d1", "edge")], changed
assert back.nodes["a"] == {"distance": 52_000} and back.edges["a", "b"] == {"distance": 12.5}, changed
again = rx.read_graphml("second.graphml")[0].nodes()
in_igraph = igraph.Graph.Read_GraphML("second.graphml")
print("for rustworkx:", again, "for igraph:", in_igraph.vs.attributes())
assert again[0]["population"] == 52_000 and "population" in in_igraph.vs.attributes()

# Of three attributes of nodes and two of edges.
more = nx.Graph()
more.add_node("a", height=34, population=52_000, founded=1237)
more.add_edge("a", "a", lanes=2, speed=50)
names = set(passed(more).nodes["a"])
print("names of three attributes of a node:", sorted(names))
assert names > {"lanes", "speed"} and len(names) == 3, changed

# Numbers.
numbers = nx.DiGraph()
wanted = [1700000061.25, 7.1, 1e300]
for position, number in enumerate(wanted):
    numbers.add_node(str(position), value=number)
numbers.add_edge("0", "1")
back = passed(numbers)
read = [back.nodes[str(position)]["value"] for position in range(3)]
own = [node["value"] for node in rx.read_graphml("second.graphml")[0].nodes()]
print("numbers:", wanted, "for networkx:", read, "for rustworkx:", own)
assert read[0] == own[0] == 1.7e9 and read[2] == own[2] == float("inf"), changed
assert own[1] != 7.1 and abs(own[1] - 7.1) < 1e-6, changed

# With keys of one's own.
ours = rx.PyDiGraph()
ours.add_nodes_from([{"since": wanted[0]}, {"since": 0.0}])
ours.add_edge(0, 1, {"distance": 12.5})
double, domain = rx.GraphMLType.Double, rx.GraphMLDomain
keys = [
    rx.GraphMLKey("n1", domain.Node, "since", double, None),
    rx.GraphMLKey("e1", domain.Edge, "distance", double, None),
]
rx.write_graphml(ours, "ours.graphml", keys=keys)
node = nx.read_graphml("ours.graphml").nodes["n0"]
print("with keys that say Double:", node)
assert node == {"since": 1.7e9}, changed
PY
