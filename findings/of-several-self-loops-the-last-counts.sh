#!/usr/bin/env bash
# torch-geometric 2.8.1: of several self-loops of a node GCNConv uses one, though it adds up parallel edges.
#
# Expected: edges that are given twice add up, self-loops as others, so that a graph and its coalesced form give the
# same output.
# Seen: gcn_norm() puts the loops of a node into one slot, and the last one given wins. Loops of weight 3 and 5 act
# as one of 5; in the other order as one of 3; coalesced first they act as one of 8. Parallel edges between
# two nodes do add up. So the output of a layer depends on the order of edges.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install -q torch==2.13.0 torch-geometric==2.8.1 numpy==2.4.6
"$work/venv/bin/python" - <<'PY'
import torch
from torch_geometric.nn import GCNConv
from torch_geometric.utils import coalesce

layer = GCNConv(2, 2, bias=False)
with torch.no_grad():
    layer.lin.weight.copy_(torch.eye(2))
x = torch.eye(2)
others = torch.tensor([[0, 1], [1, 0]])


def output(edges, weights):
    index = torch.cat([torch.tensor(edges).t(), others], 1)
    weight = torch.cat([torch.tensor(weights), torch.ones(2)])
    with torch.no_grad():
        given = layer(x, index, weight)
        merged = layer(x, *coalesce(index, weight))
    return given[0, 0].item(), merged[0, 0].item()


found = {
    "loops of 3 and 5": output([[0, 0], [0, 0]], [3.0, 5.0]),
    "loops of 5 and 3": output([[0, 0], [0, 0]], [5.0, 3.0]),
    "edges of 3 and 5": output([[0, 1], [0, 1]], [3.0, 5.0]),
}
for name, (given, merged) in found.items():
    print(f"{name}: weight of node 0 in itself {given:.4f}, coalesced first {merged:.4f}")
changed = "the behaviour has changed"
wanted = {
    "loops of 3 and 5": (5 / 6, 8 / 9),
    "loops of 5 and 3": (3 / 4, 8 / 9),
    "edges of 3 and 5": (1 / 2, 1 / 2),
}
for name, values in wanted.items():
    assert all(abs(a - b) < 1e-6 for a, b in zip(found[name], values)), changed
PY
