"""Condense a graph, train a plain PyG GCN on the result, test it on the real graph."""

import argparse

import torch
import torch.nn.functional as F
from torch_geometric.nn import GCN

import graphcondense

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--root", help="folder that has Cora; without it, scikit-learn's digits")
args = parser.parse_args()

data = graphcondense.data.load("cora" if args.root else "digits", args.root)
small = graphcondense.condense(data, nodes=70, seed=0)
print(f"{data.num_nodes:,} nodes, condensed to {small.num_nodes}")

torch.manual_seed(0)
model = GCN(data.num_features, 256, num_layers=2, out_channels=int(data.y.max()) + 1, dropout=0.5)
optimizer = torch.optim.Adam(model.parameters(), lr=0.01, weight_decay=5e-4)
for _ in range(100):
    optimizer.zero_grad()
    logits = model(small.x, small.edge_index, edge_weight=small.edge_weight)
    F.cross_entropy(logits, small.y).backward()  # soft labels
    optimizer.step()

model.eval()
with torch.no_grad():
    right = model(data.x, data.edge_index).argmax(1) == data.y
print(f"test accuracy on the real graph: {100 * right[data.test_mask].float().mean():.1f} %")
