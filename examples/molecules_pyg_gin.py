"""Condense molecules, train a plain PyG GIN on the result, test it on real molecules."""

import argparse

import torch
from ogb.graphproppred import Evaluator
from torch_geometric.loader import DataLoader
from torch_geometric.nn import GIN, global_add_pool

import graphcondense
from graphcondense.transforms import EncodeCategories

NAME = "ogbg-molbace"
parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--root", help="folder that has, or will have, ogbg_molbace/")
parser.add_argument("--download", action="store_true", help="fetch the data when not there")
parser.add_argument("--method", default="doscond")
parser.add_argument("--per-class", type=int, default=50)
parser.add_argument("--epochs", type=int, default=100)
args = parser.parse_args()

rows = {row["name"]: row for row in graphcondense.data.datasets(root=args.root)}
if not (rows[NAME]["local"] or args.download):
    print(f"{NAME} is not on this machine: --download fetches it (1 MB), or give --root FOLDER")
    raise SystemExit

task = graphcondense.data.load(NAME, args.root)
small = graphcondense.condense(task, args.method, per_class=args.per_class)
print(f"{len(task):,} molecules, condensed to {len(small)} graphs")

torch.manual_seed(0)
gin = GIN(small.num_features, 128, num_layers=3)
head = torch.nn.Linear(128, 1)
optimizer = torch.optim.Adam([*gin.parameters(), *head.parameters()], lr=0.001)


def predict(batch):
    """One logit a graph."""
    return head(global_add_pool(gin(batch.x, batch.edge_index), batch.batch))


for _ in range(args.epochs):
    for batch in DataLoader(small, batch_size=32, shuffle=True):
        optimizer.zero_grad()
        loss = torch.nn.functional.binary_cross_entropy_with_logits(predict(batch), batch.y)
        loss.backward()
        optimizer.step()

# Categories become the columns of the condensed set; a molecule needs no other preparation.
encode = EncodeCategories.of(small)
real = [encode(task.graphs.graph(i)) for i in task.test.tolist()]
with torch.no_grad():
    batches = [(predict(batch), batch.y) for batch in DataLoader(real, batch_size=64)]
logits, labels = (torch.cat(part).numpy() for part in zip(*batches, strict=True))
score = Evaluator(NAME).eval({"y_true": labels, "y_pred": logits})["rocauc"]
print(f"ROC-AUC on {len(real)} real test molecules (GIN, one training): {score:.3f}")
