#!/usr/bin/env bash
# torch-geometric 2.8.1: NormalizeFeatures makes every row of one graph depend on the smallest single feature
# of all nodes.
#
# Expected, from the documentation ("row-normalizes the attributes ... to sum-up to one"): each row is divided
# by its sum, so a row of zeros stays zero, and another node's features change nothing.
# Seen: the smallest entry of the whole matrix is subtracted first. With one feature of -100 in a test node, the
# rows of the training nodes, which were one-hot, are nearly uniform; a row of zeros is uniform. So an
# outlier hides what all other nodes have, and what training sees depends on a test node's features.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install -q torch==2.13.0 torch-geometric==2.8.1 numpy==2.4.6
"$work/venv/bin/python" - <<'PY'
import torch
from torch_geometric.data import Data
from torch_geometric.transforms import NormalizeFeatures


def training_rows(of_the_test_node):
    x = torch.tensor([[1.0, 0.0, 0.0], [0.0, 4.0, 0.0], [0.0, 0.0, 0.0], [1.0, 1.0, 0.0]])
    x[3, 2] = of_the_test_node
    return NormalizeFeatures()(Data(x=x)).x[:3]


clean, shifted = training_rows(0.0), training_rows(-100.0)
print("third feature of the test node is 0:   ", clean.tolist())
print("third feature of the test node is -100:", shifted.tolist())
assert clean.tolist() == [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 0.0]]
changed = "the behaviour has changed"
assert float((shifted - 1 / 3).abs().max()) < 0.01, changed
assert torch.allclose(shifted[0], torch.tensor([101.0, 100.0, 100.0]) / 301), changed
PY
