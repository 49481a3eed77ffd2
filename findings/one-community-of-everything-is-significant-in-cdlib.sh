#!/usr/bin/env bash
# cdlib 0.4.1, leidenalg 0.12.0: the significance of a partition is that of a graph of another density; a random graph
# that is not cut at all has 2,579 for 0.
#
# Expected, from the documentation ("Significance estimates how likely a partition of dense communities appear in a
# random graph"): for each community, how unlikely its share of linked pairs is, if pairs are linked with the share p of
# the whole graph, m of n(n - 1)/2; 0 where all nodes are one community, as the measure is for choosing their number.
# Seen: p is m of m(m - 1)/2, of the pairs of links instead of nodes, which is 2/(m - 1), so small that any part of a
# graph is denser. Of 200 nodes linked at random one community has 2,579, and ten drawn at random have 274 for 1.4. Of
# 240 nodes in six groups everything as one has more than two or three groups, joined rightly; leidenalg has 0, 112, 273
# and 651. The two clubs of the karate club have 98 for 11. A community in which all know each other, or no two, makes
# it NaN, where the term is finite by its limit. surprise() of the same file is right. No warning but for the NaN. Take
# leidenalg.SignificanceVertexPartition(graph, membership).quality().
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
# Of what the package asks for, only what it imports here.
"$work/venv/bin/pip" install -q --no-deps cdlib==0.4.1 eva-lcd==0.1.1
"$work/venv/bin/pip" install -q numpy==2.4.6 scipy==1.17.1 networkx==3.6.1 pandas==3.1.1 \
  igraph==1.0.0 leidenalg==0.12.0 2> /dev/null
"$work/venv/bin/python" -W ignore - <<'PY'
import contextlib
import io
from importlib.metadata import version
from math import comb, isnan, log

import igraph
import leidenalg
import networkx as nx
import numpy as np

with contextlib.redirect_stdout(io.StringIO()):  # notes on optional packages
    from cdlib import NodeClustering, evaluation

print("cdlib", version("cdlib"), "leidenalg", version("leidenalg"))
changed = "the behaviour has changed"


def by_hand(graph, parts):
    """The sum for all communities, with a minus for those that are sparser than the graph."""
    p, total = nx.density(graph), 0.0
    for part in parts:
        pairs = comb(len(part), 2)
        q = graph.subgraph(part).number_of_edges() / pairs
        divergence = sum(share * log(share / whole) for share, whole in ((q, p), (1 - q, 1 - p)) if share)
        total += pairs * (divergence if q >= p else -divergence)
    return total


def compare(name, graph, parts):
    made = igraph.Graph(len(graph), list(graph.edges))
    membership = [next(i for i, part in enumerate(parts) if node in part) for node in range(len(graph))]
    clustering = NodeClustering([list(part) for part in parts], graph)
    found, right = evaluation.significance(graph, clustering).score, by_hand(graph, parts)
    other = leidenalg.SignificanceVertexPartition(made, membership).quality()
    assert abs(other - right) < 1e-6
    print(f"{name:32s} cdlib {found:9,.1f}  leidenalg {other:6.1f}  by hand {right:6.1f}")
    surprise = evaluation.surprise(graph, clustering).score
    if len(parts) > 1 and not isnan(surprise):
        assert abs(abs(surprise) - abs(leidenalg.SurpriseVertexPartition(made, membership).quality())) < 1e-6
    return found, right


noise = nx.gnp_random_graph(200, 0.05, seed=0)
drawn = np.random.default_rng(0).permutation(200).reshape(10, 20).tolist()
whole, right = compare("random graph, one community", noise, [range(200)])
assert whole > 2_000 and abs(right) < 1e-9, changed
cut, right = compare("random graph, ten at random", noise, drawn)
assert cut > 200 and abs(right) < 20, changed

planted = nx.planted_partition_graph(6, 40, 0.2, 0.02, seed=0)
found = {}
for count in (1, 2, 3, 6):
    size = 240 // count
    found[count] = compare(f"six groups as {count}", planted, [range(i * size, (i + 1) * size) for i in range(count)])
rights = [right for _, right in found.values()]
assert rights == sorted(rights), "the right number rises with each right cut"
assert found[1][0] > found[3][0] > found[2][0] > 3_000, changed

club = nx.karate_club_graph()
clubs = [{node for node in club if (club.nodes[node]["club"] == "Officer") == officer} for officer in (True, False)]
score, right = compare("karate club, its two clubs", nx.Graph(club.edges), clubs)
assert score > 8 * right > 0, changed
ring = nx.connected_caveman_graph(5, 6)
nan, right = compare("a clique and others", nx.compose(ring, nx.complete_graph(6)),
                     [range(i * 6, (i + 1) * 6) for i in range(5)])
assert isnan(nan) and right > 50, changed
PY
