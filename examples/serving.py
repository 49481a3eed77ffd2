"""Serve unseen nodes on a condensed graph of 70 nodes, instead of on the whole graph."""

import argparse

import graphcondense
from graphcondense.uses.attached import known_graph
from graphcondense.uses.serve import measure_serving

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--root", help="folder that has Cora; without it, scikit-learn's digits")
parser.add_argument("--epochs", type=int, default=5, help="matching networks")
parser.add_argument("--trainings", type=int, default=2, help="of the served model")
args = parser.parse_args()

data = graphcondense.data.load("cora" if args.root else "digits", args.root)
# The test nodes are yet to come: they must not be in sight when the graph is condensed.
known = known_graph(data)
small = graphcondense.condense(known, "gcond-x", nodes=70, epochs=args.epochs, progress=False)
result = measure_serving({"gcond-x": small}, data, seeds=args.trainings, batch=500, epochs=100)
print(result.table())
attached = next(row for row in result.rows if row.way == "attached")
print(f"attached: {100 * attached.test:.1f} %, {100 * attached.share:.0f} % of the bytes")
