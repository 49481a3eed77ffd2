#!/usr/bin/env bash
# torch-geometric 2.8.1: Data.coalesce() joins parallel edges and their edge_attr, and leaves edge_weight
# as long as it was.
#
# Expected: every edge-level tensor follows the edges, or the call refuses.
# Seen: three edges become two, edge_weight keeps three values in the old order. GCNConv then raises; a
# model that only reads the first num_edges weights pairs them with other edges. With as many weights
# as edges before and after (nothing to join, edges merely sorted) nothing raises, and the weights silently
# belong to other edges.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install -q torch==2.13.0 torch-geometric==2.8.1 numpy==2.4.6
"$work/venv/bin/python" - <<'PY'
import torch
from torch_geometric.data import Data
from torch_geometric.utils import to_dense_adj

joined = Data(
    edge_index=torch.tensor([[0, 0, 1], [1, 1, 0]]),
    edge_weight=torch.tensor([1.0, 2.0, 3.0]),
    num_nodes=2,
).coalesce()
print("parallel edges: ", joined, joined.edge_weight.tolist())
assert joined.num_edges == 2 and joined.edge_weight.tolist() == [1.0, 2.0, 3.0]

# No parallel edges at all: only the order changes.
before = Data(
    edge_index=torch.tensor([[2, 0, 1], [0, 1, 2]]),
    edge_weight=torch.tensor([7.0, 8.0, 9.0]),
    num_nodes=3,
)
after = before.clone().coalesce()


def matrix(data):
    return to_dense_adj(data.edge_index, edge_attr=data.edge_weight)[0].tolist()


print("weights before: ", matrix(before))
print("weights after:  ", matrix(after))
assert matrix(before) == [[0, 8, 0], [0, 0, 9], [7, 0, 0]]
assert matrix(after) == [[0, 7, 0], [0, 0, 8], [9, 0, 0]], "the behaviour has changed"
PY
