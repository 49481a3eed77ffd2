#!/usr/bin/env bash
# networkit 11.3, networkx 3.6.1: a weighted graph that passes through NetworKit's GML, graph-tool or Matlab file has a
# weight of 1 on every edge after; through GraphML its nodes are others.
#
# Expected: writeGraph() and readGraph() keep what the format can hold, or refuse, as the METIS writer refuses a
# directed graph. GML has weights on edges (networkx and igraph write and read them), graph-tool's format has maps of
# edges, Matlab's has a matrix.
# Seen: the GML writer leaves weights out, and the GML reader skips those that others wrote: on a map each road is as
# long as any other, and the way of fewest roads is the shortest, 900 km for 20. Distances, PageRank and communities
# follow. isWeighted() is False after; nothing is said. GraphML keeps weights, but where a node was removed before,
# NetworKit writes the ids that are left and reads them as 0, 1, 2, ...: node 3 comes back as 2, and labels or features
# kept beside by id belong to a neighbour. GML does that as well. Edge lists keep both, but write weights with six
# digits: Unix times are rounded to 10,000 seconds, and a road of 1,234,567 m is as long as one of 1,234,568 m.
# NetworkitBinary has all.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install -q networkit==11.3 networkx==3.6.1 numpy==2.4.6 scipy==1.17.1
cd "$work"
"$work/venv/bin/python" - <<'PY'
import logging

import networkit as nk
import networkx as nx

logging.disable()
print("networkit", nk.__version__, "networkx", nx.__version__)
roads = [(0, 1, 10.0), (1, 2, 10.0), (0, 2, 900.0), (3, 4, 7.5), (4, 0, 2.5)]
graph = nk.Graph(5, weighted=True)
for road in roads:
    graph.addEdge(*road)


def passed(graph, kind):
    """The graph, written and read again."""
    nk.writeGraph(graph, f"graph.{kind.name}", kind)
    return nk.readGraph(f"graph.{kind.name}", kind)


def edges(graph):
    return sorted((min(u, v), max(u, v), weight) for u, v, weight in graph.iterEdgesWeights())


def distance(graph):
    """From node 0 to node 2."""
    return nk.distance.Dijkstra(graph, 0).run().distance(2)


changed = "the behaviour has changed"
whole = edges(graph)
assert distance(graph) == 20
losing = (nk.Format.GML, nk.Format.GraphToolBinary, nk.Format.MAT)
exact = (nk.Format.EdgeListTabZero, nk.Format.NetworkitBinary)
for kind in (*exact, nk.Format.METIS, nk.Format.GraphML, *losing):
    back = passed(graph, kind)
    print(f"{kind.name:16s} weighted {back.isWeighted()!s:5s} from 0 to 2: {distance(back):3.0f}", edges(back))
    assert [edge[:2] for edge in edges(back)] == [edge[:2] for edge in whole]
    assert (distance(back) == 1 and not back.isWeighted()) if kind in losing else edges(back) == whole, changed

# One file of GML, by two libraries, each way.
others = nx.Graph()
others.add_weighted_edges_from(roads)
nx.write_gml(others, "others.gml")
read = nk.readGraph("others.gml", nk.Format.GML)
by_networkx = nx.read_gml("others.gml", destringizer=int)
way = nx.dijkstra_path_length(by_networkx, 0, 2)
print("GML of networkx: from 0 to 2", way, "for networkx,", distance(read), "for NetworKit")
assert way == 20 and distance(read) == 1, changed
nk.writeGraph(graph, "ours.gml", nk.Format.GML)
ours = nx.read_gml("ours.gml", label="id")
print("GML of NetworKit: from 0 to 2", nx.dijkstra_path_length(ours, 0, 2), "for networkx")
assert nx.dijkstra_path_length(ours, 0, 2) == 1, changed

# Six digits, in edge lists alone.
fine = nk.Graph(3, weighted=True)
fine.addEdge(0, 1, 1_700_000_061.25)
fine.addEdge(1, 2, 1_234_567.0)
for kind in (nk.Format.EdgeListTabZero, nk.Format.EdgeListCommaOne, nk.Format.GraphML, nk.Format.NetworkitBinary):
    weights = [weight for *_, weight in edges(passed(fine, kind))]
    print(f"{kind.name:16s}", weights)
    rounded = kind in (nk.Format.EdgeListTabZero, nk.Format.EdgeListCommaOne)
    wanted = [1_700_000_000.0, 1_234_570.0] if rounded else [1_700_000_061.25, 1_234_567.0]
    assert weights == wanted, changed

# Ids, where a node was removed.
graph.removeEdge(1, 2)
graph.removeEdge(0, 2)
graph.removeNode(2)
print("without node 2:  ", edges(graph))
for kind in (*exact, nk.Format.GraphML, nk.Format.GML):
    back = passed(graph, kind)
    print(f"{kind.name:16s}", edges(back))
    kept = [edge[:2] for edge in edges(back)] == [edge[:2] for edge in edges(graph)]
    assert kept == (kind in exact), changed
PY
