#!/usr/bin/env bash
# ladybug 0.22.0, torch-geometric 2.8.1, torch 2.13.0: of all relationships between two nodes, of whatever types,
# get_as_torch_geometric() keeps the last.
#
# Expected, from the documentation ("Duplicated nodes and rels will be converted only once"): one relationship that is
# in several rows of the result is one edge. Two of them, each with an id, a type and properties of its own, are two,
# as get_as_networkx() of the same result has them in its MultiDiGraph.
# Seen: relationships are kept by their two ends. Who follows and blocks a user only blocks, or only follows, by which
# row comes last; three payments of one account to another are one, with the last amount. Types are no part of the graph
# either: all relationships between two tables are one edge_index, ("User", "to", "Item") in HeteroData, and their names
# a list beside it, so that to follow and to block are one kind of edge to a model. Of the seven relationships between
# users below four are left. DOUBLE goes to float32 besides, in which Unix times of one minute are equal. No warning.
# kuzu 0.11.3, from which ladybug was made, does the same. Take the edges from get_as_networkx(directed=True), or read
# their ends, types and properties from the rows.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install -q ladybug==0.22.0 torch==2.13.0 torch-geometric==2.8.1 numpy==2.4.6 networkx==3.6.1 \
  pandas==3.1.1
"$work/venv/bin/python" -W ignore - <<'PY'
from importlib.metadata import version

import ladybug
import torch

print("ladybug", version("ladybug"), "torch-geometric", version("torch-geometric"), "torch", torch.__version__)
changed = "the behaviour has changed"
base = ladybug.Connection(ladybug.Database(":memory:"))
for line in (
    "CREATE NODE TABLE User(id INT64, joined DOUBLE, PRIMARY KEY(id))",
    "CREATE NODE TABLE Item(id INT64, PRIMARY KEY(id))",
    "CREATE REL TABLE Follows(FROM User TO User)",
    "CREATE REL TABLE Blocks(FROM User TO User)",
    "CREATE REL TABLE Pays(FROM User TO User, amount INT64)",
    "CREATE REL TABLE Buys(FROM User TO Item)",
    "CREATE REL TABLE Returns(FROM User TO Item)",
):
    base.execute(line)
for user in range(4):
    base.execute("CREATE (:User {id: $id, joined: $t})", {"id": user, "t": 1.7e9 + 60 * user})
for item in range(2):
    base.execute("CREATE (:Item {id: $id})", {"id": item})
of_users = [
    ("Follows", 0, 1), ("Blocks", 0, 1), ("Follows", 1, 2), ("Blocks", 3, 2),
    ("Pays", 2, 0, 10), ("Pays", 2, 0, 20), ("Pays", 2, 0, 30),
]
of_items = [("Buys", 0, 1), ("Returns", 0, 1), ("Buys", 1, 0)]
for table, links in (("User", of_users), ("Item", of_items)):
    for kind, start, end, *amount in links:
        amount = f" {{amount: {amount[0]}}}" if amount else ""
        base.execute(
            f"MATCH (a:User {{id: {start}}}), (b:{table} {{id: {end}}}) CREATE (a)-[:{kind}{amount}]->(b)"
        )


def asked(query):
    return base.execute(f"MATCH {query} RETURN a, e, b")


def ends(result):
    """Pairs of ids in networkx."""
    graph = result.get_as_networkx(directed=True)
    return sorted((graph.nodes[u]["id"], graph.nodes[v]["id"]) for u, v in graph.edges())


users = "(a:User)-[e:Follows|Blocks|Pays]->(b:User)"
data, ids, _, properties = asked(users).get_as_torch_geometric()
in_pyg = sorted((ids[u], ids[v]) for u, v in data.edge_index.t().tolist())
in_networkx = ends(asked(users))
print("between users, stored:", sorted(link[1:3] for link in of_users))
print("networkx:             ", in_networkx)
print("PyG:                  ", in_pyg, properties)
assert in_networkx == sorted(link[1:3] for link in of_users)
assert in_pyg == sorted(set(in_networkx)) and len(in_pyg) == 4 < len(of_users), changed

# The last row is the one that is kept.
followed = "(a:User {id: 0})-[e:Follows|Blocks]->(b:User {id: 1})"
for order in ("ASC", "DESC"):
    rows = base.execute(f"MATCH {followed} RETURN a, e, b ORDER BY label(e) {order}")
    kept = rows.get_as_torch_geometric()[3]["_LABEL"]
    print("follows and blocks, by", order, "kept:", kept)
    assert kept == ["Follows" if order == "ASC" else "Blocks"], changed

# One type alone, and two tables.
paid = asked("(a:User)-[e:Pays]->(b:User)").get_as_torch_geometric()
print("payments:", paid[0].num_edges, paid[3])
assert paid[0].num_edges == 1 and paid[3]["amount"] == [30], changed
both, _, _, beside = asked("(a:User)-[e:Buys|Returns]->(b:Item)").get_as_torch_geometric()
print("to items, of", len(of_items), "stored:", both.edge_types, both["User", "to", "Item"].num_edges, beside)
assert both.edge_types == [("User", "to", "Item")] and both["User", "to", "Item"].num_edges == 2, changed
print("times of four minutes:", data.joined.dtype, data.joined.unique().tolist())
assert data.joined.dtype == torch.float32 and len(data.joined.unique()) < 4, changed
PY
