"""Condense a graph of one's own: directed, weighted edges, from a PyG Data or an .npz file."""

import tempfile
from pathlib import Path

import numpy as np
import torch
from torch_geometric.data import Data

import graphcondense

# Three communities; edges point from i to j with a weight, most of them within a community.
rng = np.random.default_rng(0)
y = np.repeat(np.arange(3), 100)
x = (rng.normal(size=(300, 16)) + np.eye(3, 16)[y]).astype(np.float32)
likely = np.where(y[:, None] == y, 0.05, 0.005)
edge_index = np.stack(np.nonzero(rng.random((300, 300)) < likely))
edge_weight = rng.uniform(0.5, 2, edge_index.shape[1]).astype(np.float32)

# As a Data with masks of one's own. Nodes without a label have y = -1.
part = torch.from_numpy(rng.permutation(300) // 100)
data = Data(
    x=torch.from_numpy(x),
    edge_index=torch.from_numpy(edge_index),
    edge_weight=torch.from_numpy(edge_weight),
    y=torch.from_numpy(y),
    train_mask=part == 0,
    val_mask=part == 1,
    test_mask=part == 2,
)
small = graphcondense.condense(data, ratio=0.2, progress=False)
print(f"from a Data: {small.num_nodes} nodes, {small.num_edges} edges")

# As a file, which the command line takes too: graphcondense condense --data mine.npz
with tempfile.TemporaryDirectory() as folder:
    file = Path(folder) / "mine.npz"
    np.savez(file, x=x, edge_index=edge_index, edge_weight=edge_weight, y=y)
    loaded = graphcondense.data.load(file, split="seeded")
small = graphcondense.condense(loaded, "gcond-x", per_class=5, epochs=5, progress=False)
report = graphcondense.evaluate.evaluate(
    small, loaded, models=["GCN"], seeds=3, epochs=50, progress=False
)
print(report.table())
