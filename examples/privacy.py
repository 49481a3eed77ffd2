"""Can one tell which real nodes a graph was condensed from? A membership inference attack."""

import argparse

import graphcondense
from graphcondense.uses.privacy import membership_inference

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--root", help="folder that has Cora; without it, scikit-learn's digits")
parser.add_argument("--epochs", type=int, default=5, help="matching networks")
parser.add_argument("--trainings", type=int, default=3, help="of the attacked model")
args = parser.parse_args()

data = graphcondense.data.load("cora" if args.root else "digits", args.root)
small = graphcondense.condense(data, "gcond-x", nodes=70, epochs=args.epochs, progress=False)
result = membership_inference(
    {"gcond-x": small}, data, seeds=args.trainings, random_draws=1, epochs=100
)
print(result.table())
whole = next(row for row in result.rows if row.label == "whole")
print(f"an attack on {result.rows[0].label}: AUC {100 * result.rows[0].auc:.1f} %")
print(f"on a model of the whole graph: AUC {100 * whole.auc:.1f} %")
