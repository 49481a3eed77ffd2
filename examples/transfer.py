"""Which models learn from a condensed graph? Anybody's: here from plain tensors, as released."""

from __future__ import annotations

import argparse

import torch
from torch_geometric.nn import GraphSAGE

import graphcondense
from graphcondense.data import as_task, open_small
from graphcondense.evaluate import evaluate

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--epochs", type=int, default=5, help="of condensing")
parser.add_argument("--train-epochs", type=int, default=50)
parser.add_argument("--out", default="transfer.png")
args = parser.parse_args()

data = as_task(graphcondense.data.load("digits"))
small = graphcondense.condense(data, "gcond", nodes=30, epochs=args.epochs, progress=False)

# What another project would hand out: features, a dense adjacency, labels.
adj = torch.zeros(30, 30)
adj[small.edge_index[0], small.edge_index[1]] = small.edge_weight
for name, tensor in {"feat": small.x, "adj": adj, "label": small.y}.items():
    torch.save(tensor, f"{name}_digits.pt")
foreign = open_small("feat_digits.pt", real=data)  # opened as data, and checked

report = evaluate(
    {"ours": small, "theirs": foreign},
    data,
    models=["GCN", "SGC", "GAT", "GIN", GraphSAGE, "LabelProp"],  # a class of one's own, too
    seeds=2,
    random_draws=1,
    plain_epochs=0,
    progress=False,
    epochs=args.train_epochs,
    hidden=32,
)
print(report.table())
report.plot_transfer(args.out)
print("picture:", args.out)
