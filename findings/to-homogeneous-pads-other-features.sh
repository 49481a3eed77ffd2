#!/usr/bin/env bash
# torch-geometric 2.8.1: HeteroData.to_homogeneous() lays features of different widths and meanings into
# one matrix.
#
# Expected, from the documentation ("features with same feature dimensionality across different types will
# be merged"): x of papers [3, 4] and x of authors [2, 5] do not go together, so x is left out or the
# call raises.
# Seen: one x [5, 5]. Rows of papers are filled up with zeros, so that column 0 is a paper's first feature in
# three rows and an author's first feature in two, without a warning. A GNN trains on it and its first layer
# shares weights between features that have nothing to do with each other.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install -q torch==2.13.0 torch-geometric==2.8.1 numpy==2.4.6
"$work/venv/bin/python" - <<'PY'
import torch
from torch_geometric.data import HeteroData

data = HeteroData()
data["paper"].x = torch.full((3, 4), 1.0)
data["author"].x = torch.full((2, 5), 2.0)
data["author", "writes", "paper"].edge_index = torch.tensor([[0, 1], [0, 2]])
one = data.to_homogeneous()
print(one)
print(one.x)
wanted = [[1.0, 1.0, 1.0, 1.0, 0.0]] * 3 + [[2.0] * 5] * 2
assert "x" in one and one.x.tolist() == wanted, "the behaviour has changed"
PY
