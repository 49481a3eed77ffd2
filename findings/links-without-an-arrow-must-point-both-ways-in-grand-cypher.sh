#!/usr/bin/env bash
# grand-cypher 1.2.0, networkx 3.6.1: a question in Cypher to a graph of networkx finds, without an arrow, only links
# that go both ways, and AND does not bind before OR.
#
# Expected: (x)-[r]-(y) matches each link whichever way it points, once from each end, and WHERE a OR b AND c is a OR (b
# AND c), as in the language; the table of features has undirected edges and AND/OR as supported.
# Seen: without an arrow an edge in each direction is asked for: of 1,000 links among 200 pages 28 matches are found,
# where by hand there are 2,000, and of the pages that a page is linked with, whichever way, nearly all are missing. In
# a graph in which each link is stored both ways, with which one tries, it is right. WHERE goes from left to right:
# "young, or old and active" is "young or old, and active", 39 pages instead of 59. A COUNT of nothing is an empty list,
# not 0. Answers look like answers, and there is no warning. Loops are lost too, which is reported; this is not. Ask
# with -> and <- and add both, and write brackets.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install -q grand-cypher==1.2.0 networkx==3.6.1
"$work/venv/bin/python" -W ignore - <<'PY'
import random
from importlib.metadata import version

import networkx as nx
from grandcypher import GrandCypher

print("grand-cypher", version("grand-cypher"), "networkx", nx.__version__)
changed = "the behaviour has changed"
PAGES, LINKS = 200, 1_000
draw = random.Random(0)
graph = nx.DiGraph()
graph.add_nodes_from((page, {"age": draw.randrange(100), "active": draw.randrange(2)}) for page in range(PAGES))
while graph.number_of_edges() < LINKS:
    graph.add_edge(*draw.sample(range(PAGES), 2))
nx.set_node_attributes(graph, {page: page for page in graph}, "page")


def ask(question, of=graph):
    (values,) = GrandCypher(of).run(question).values()
    return values


mutual = sum(graph.has_edge(other, one) for one, other in graph.edges)
linked = len(set(graph.predecessors(0)) | set(graph.successors(0)))
both_ways = len(set(graph.predecessors(0)) & set(graph.successors(0)))
facts = graph.nodes.values()
by_hand = sum(one["age"] < 20 or (one["age"] > 80 and one["active"] == 1) for one in facts)
left_first = sum((one["age"] < 20 or one["age"] > 80) and one["active"] == 1 for one in facts)
where = "MATCH (x) WHERE {} RETURN COUNT(x)"
asked = {
    "MATCH (x)-[r]->(y) RETURN COUNT(r)": (LINKS, LINKS),
    "MATCH (x)<-[r]-(y) RETURN COUNT(r)": (LINKS, LINKS),
    "MATCH (x)-[r]-(y) RETURN COUNT(r)": (2 * LINKS, mutual),
    where.format("x.age < 20 OR x.age > 80 AND x.active = 1"): (by_hand, left_first),
    where.format("x.age < 20 OR (x.age > 80 AND x.active = 1)"): (by_hand, by_hand),
}
for question, (right, wrong) in asked.items():
    (found,) = ask(question)
    print(f"{question:75s} {found:6,d}, by hand {right:,d}")
    assert found == wrong, changed
assert mutual < LINKS / 10 and by_hand != left_first
found = ask("MATCH (x)-[r]-(y) WHERE x.page = 0 RETURN y.page")
print(f"page 0 is linked with {linked} others, found {len(found)}")
assert len(found) == both_ways < linked, changed

doubled = nx.DiGraph(graph.to_undirected())
pairs = doubled.number_of_edges()
assert ask("MATCH (x)-[r]-(y) RETURN COUNT(r)", doubled) == [pairs] and mutual < pairs
nothing = ask(where.format("x.age < 0"))
print("COUNT of nobody:", nothing)
assert nothing == [], changed
PY
