#!/usr/bin/env bash
# torch-geometric 2.8.1, scipy 1.17.1, networkx 3.6.1: the normalised Laplacian of one graph has other
# eigenvalues from PyG than from SciPy and networkx, where nodes are isolated.
#
# Expected: all three give one matrix, in which the eigenvalue 0 is as frequent as the graph has components,
# as it is in the Laplacian that is not normalised.
# Seen: PyG's get_laplacian(normalization="sym") and "rw" have a 1 on the diagonal of an isolated node, SciPy and
# networkx a 0. Two joined and two isolated nodes: three components, three zeros from SciPy and networkx, one from
# PyG, and two eigenvalues of 1 in the middle of the spectrum. PyG's own get_laplacian() without a normalisation
# has three zeros. A spectral count of components, or a basis of low frequencies, changes with the library.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install -q torch==2.13.0 torch-geometric==2.8.1 numpy==2.4.6 scipy==1.17.1 networkx==3.6.1
"$work/venv/bin/python" - <<'PY'
import networkx as nx
import numpy as np
import scipy.sparse as sp
import torch
from scipy.sparse.csgraph import laplacian
from torch_geometric.utils import get_laplacian

edges, n = np.array([[0, 1], [1, 0]]), 4


def of_pyg(normalization):
    index, value = get_laplacian(torch.from_numpy(edges), None, normalization, num_nodes=n)
    return sp.coo_matrix((value.numpy(), index.numpy()), (n, n)).toarray()


adjacency = sp.csr_matrix((np.ones(2), edges), (n, n))
graph = nx.Graph()
graph.add_nodes_from(range(n))
graph.add_edge(0, 1)
found = {
    "scipy": laplacian(adjacency, normed=True).toarray(),
    "networkx": nx.normalized_laplacian_matrix(graph).toarray(),
    "PyG, sym": of_pyg("sym"),
    "PyG, rw": of_pyg("rw"),
    "PyG, none": of_pyg(None),
}
values = {name: sorted(np.linalg.eigvals(m).real.round(6).tolist()) for name, m in found.items()}
for name, value in values.items():
    print(f"{name:10s} {value}")
changed = "the behaviour has changed"
assert values["scipy"] == values["networkx"] == values["PyG, none"] == [0, 0, 0, 2], changed
assert values["PyG, sym"] == values["PyG, rw"] == [0, 1, 1, 2], changed
PY
