#!/usr/bin/env bash
# torch-geometric 2.8.1, torch 2.13.0: coalesce() and to_undirected() delete edges of an int32 edge_index, from
# 46,341 nodes on.
#
# Expected: an edge_index in int32, half the memory, which EdgeIndex supports, Data.validate() passes and GCNConv takes,
# gives the edges that int64 gives, or is refused: coalesce() does check that num_nodes squared fits.
# Seen: it checks against the largest int64, whatever the type, and then numbers pairs as row * num_nodes + column in
# int32. Pairs whose numbers are equal modulo 2^32 become one edge, and a smallest number below -1 is taken for a
# repetition. Of a star with 131,072 nodes three edges in four are gone; of a random graph with 300,000 nodes
# and three million directed edges about one in 3,000, which nobody notices. The order is no longer by rows
# either. No warning, and layers train on the rest. Data.coalesce(), ToUndirected and others call it. Convert
# before: edge_index.long().
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install -q torch==2.13.0 torch-geometric==2.8.1 numpy==2.4.6
"$work/venv/bin/python" -W ignore - <<'PY'
import torch
import torch_geometric
from torch_geometric import EdgeIndex
from torch_geometric.data import Data
from torch_geometric.transforms import ToUndirected
from torch_geometric.utils import coalesce, to_undirected

print("torch", torch.__version__, "torch-geometric", torch_geometric.__version__)
torch.manual_seed(0)
nodes, many = 2**17, 300_000
star = torch.stack([torch.arange(1, nodes), torch.zeros(nodes - 1, dtype=torch.long)])
graph = torch.randint(many, (2, 5 * many))
found = {}
for dtype in (torch.int64, torch.int32):
    data = Data(edge_index=star.to(dtype), num_nodes=nodes)
    assert data.validate(raise_on_error=True) and EdgeIndex(data.edge_index).dtype == dtype
    found[dtype] = {
        "star, coalesced": coalesce(star.to(dtype), num_nodes=nodes).size(1),
        "star, Data.coalesce": data.clone().coalesce().num_edges,
        "star, ToUndirected": ToUndirected()(data.clone()).num_edges,
        "random, undirected": to_undirected(graph.to(dtype), num_nodes=many).size(1),
        "46,340 nodes": to_undirected((graph % 46_340).to(dtype), num_nodes=46_340).size(1),
    }
    print(dtype, found[dtype])
right, wrong = found.values()
changed = "the behaviour has changed"
assert right["star, coalesced"] == right["star, Data.coalesce"] == nodes - 1
assert right["star, ToUndirected"] == 2 * (nodes - 1)
assert wrong["star, coalesced"] == wrong["star, Data.coalesce"] == nodes // 4 - 1, changed
assert wrong["star, ToUndirected"] < right["star, ToUndirected"], changed
assert 100 < right["random, undirected"] - wrong["random, undirected"] < 10_000, changed
assert wrong["46,340 nodes"] == right["46,340 nodes"]
PY
