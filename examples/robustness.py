"""Poison a graph, condense it, score on the clean graph. Any function may condense."""

import argparse

import graphcondense
from graphcondense.uses.robustness import measure_robustness

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--root", help="folder that has Cora; without it, scikit-learn's digits")
parser.add_argument("--method", default="gcond-x")
parser.add_argument("--epochs", type=int, default=3, help="matching networks")
parser.add_argument("--trainings", type=int, default=2, help="of the evaluating model")
args = parser.parse_args()


def condense(task, seed):
    options = {
        "nodes": 70,
        "epochs": args.epochs,
        "seed": seed,
        "progress": False,
        "validations": 1,
    }
    return graphcondense.condense(task, args.method, **options)


data = graphcondense.data.load("cora" if args.root else "digits", args.root)
result = measure_robustness(
    data, condense, rates=(0, 0.4), seeds=args.trainings, label=args.method, epochs=60
)
print(result.table())
result.plot("robustness.png")
print("picture: robustness.png")
