#!/usr/bin/env bash
# torch-geometric 2.8.1: Data.edge_subgraph() leaves an attribute of edges as long as it was, where a graph has
# as many edges as nodes.
#
# Expected: it cuts `time`, one number an edge, as it does in every other graph; or it refuses.
# Seen: of two graphs that differ in one lonely node, the one with 3 nodes and 4 edges gets two times for its two
# edges, the one with 4 nodes and 4 edges keeps all four, which no longer belong to its edges; no warning. Where
# both counts agree, only names with "edge" in them are taken for attributes of edges, so `edge_time` is cut.
# Data.subgraph() takes such an attribute for one of nodes and cuts it by the wrong mask.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install -q torch==2.13.0 torch-geometric==2.8.1 numpy==2.4.6
"$work/venv/bin/python" - <<'PY'
import torch
from torch_geometric.data import Data


def cut(nodes):
    data = Data(
        edge_index=torch.tensor([[0, 1, 1, 2], [1, 0, 2, 1]]),
        time=torch.tensor([10, 11, 12, 13]),
        edge_time=torch.tensor([10, 11, 12, 13]),
        num_nodes=nodes,
    )
    return data.edge_subgraph(torch.tensor([2, 3]))


for nodes, wanted in ((3, [12, 13]), (4, [10, 11, 12, 13])):
    small = cut(nodes)
    print(f"{nodes} nodes, 4 edges: {small.num_edges} edges are left, with time={small.time.tolist()}")
    assert small.edge_time.tolist() == [12, 13]
    assert small.time.tolist() == wanted, "the behaviour has changed"
PY
