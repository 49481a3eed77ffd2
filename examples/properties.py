"""Which properties of the whole graph does a condensed graph keep? It need not keep any."""

import argparse

import graphcondense
from graphcondense.uses.properties import compare_properties

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--root", help="folder that has Cora; without it, scikit-learn's digits")
parser.add_argument("--epochs", type=int, default=5, help="matching networks")
args = parser.parse_args()

data = graphcondense.data.load("cora" if args.root else "digits", args.root)
options = {"nodes": 70, "progress": False}
# The published start of the structure, half of all edges; from the default only few emerge.
gcond = {"structure_bias": 0.0, "epochs": args.epochs}
condensed = {
    "gcond": graphcondense.condense(data, "gcond", **options, **gcond),
    "kcenter": graphcondense.condense(data, "kcenter", **options),
}
result = compare_properties(condensed, data)
print(result.table())
result.plot("properties.png")
print("picture: properties.png")
