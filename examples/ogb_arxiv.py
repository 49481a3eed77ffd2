"""Condense ogbn-arxiv (169,343 nodes) to 454 nodes."""

import argparse

import graphcondense

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--root", help="folder that has, or will have, ogbn_arxiv/")
parser.add_argument("--download", action="store_true", help="fetch the data when not there")
parser.add_argument("--nodes", type=int, default=454)
parser.add_argument("--epochs", type=int, default=30, help="matching networks")
args = parser.parse_args()

rows = {row["name"]: row for row in graphcondense.data.datasets(root=args.root)}
if not (rows["ogbn-arxiv"]["local"] or args.download):
    print(
        "ogbn-arxiv is not on this machine. Run this again with --download (80 MB), or with\n"
        "--root FOLDER that has ogbn_arxiv/ as the package ogb puts it."
    )
    raise SystemExit

data = graphcondense.data.load("ogbn-arxiv", args.root)
# Features alone, the cheapest form. The folder keeps checkpoints: after an interrupt, run this
# again with resume=True added.
small = graphcondense.condense(
    data,
    "gcond-x",
    nodes=args.nodes,
    epochs=args.epochs,
    out="runs/arxiv",
)
print(small.condensed["validation"])
report = graphcondense.evaluate.evaluate(small, data, models=["GCN", "SGC"], seeds=3)
print(report.table())
