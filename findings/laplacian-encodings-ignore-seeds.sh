#!/usr/bin/env bash
# torch 2.13.0, torch-geometric 2.8.1, scipy 1.17.1: AddLaplacianEigenvectorPE gives other encodings in
# every call, though the seeds of torch, NumPy and random are set before each.
#
# Expected: the transform draws its signs with torch, so with the same seeds two calls in one process
# give the same encodings, up to rounding.
# Seen: from 100 nodes on it calls scipy's eigsh without a start vector. scipy 1.17 draws that from a
# new generator of the system, which no seed reaches. On a connected graph whole columns change their
# sign from call to call. On a graph of equal components, whose eigenvalues are multiple, even the
# spanned space differs where the cut after k vectors falls into such a group. Below 100 nodes the
# dense solver is used and the calls agree. A start vector of one's own (v0=, passed on) mends the first.

set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install -q torch==2.13.0 torch-geometric==2.8.1 numpy==2.4.6 scipy==1.17.1
"$work/venv/bin/python" - <<'PY'
import random

import numpy as np
import torch
from torch_geometric.data import Data
from torch_geometric.transforms import AddLaplacianEigenvectorPE
from torch_geometric.utils import barabasi_albert_graph


def encodings(edges, nodes):
    torch.manual_seed(0)
    np.random.seed(0)
    random.seed(0)
    transform = AddLaplacianEigenvectorPE(k=4, attr_name="pe", is_undirected=True)
    return transform(Data(edge_index=edges, num_nodes=nodes)).pe.double()


def differences(edges, nodes, calls=8):
    """The largest difference of numbers, and of projections onto the spanned space."""
    first, *others = (encodings(edges, nodes) for _ in range(calls))
    numbers = max(float((one - first).abs().max()) for one in others)
    spaces = max(float((one @ one.T - first @ first.T).abs().max()) for one in others)
    return numbers, spaces


torch.manual_seed(1)
small, large = barabasi_albert_graph(90, 3), barabasi_albert_graph(300, 3)
seen = {
    "90 nodes": differences(small, 90),
    "300 nodes": differences(large, 300),
    "twice 300 nodes": differences(torch.cat([large, large + 300], 1), 600),
}
for name, (numbers, spaces) in seen.items():
    print(f"{name:16s} numbers differ by {numbers:.1e}, spanned spaces by {spaces:.1e}")
changed = "the behaviour has changed"
assert seen["90 nodes"] == (0.0, 0.0), changed
assert seen["300 nodes"][0] > 0.1 and seen["300 nodes"][1] < 1e-4, changed
assert seen["twice 300 nodes"][1] > 1e-3, changed
PY
