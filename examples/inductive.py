"""Inductive: condense the training subgraph alone, then predict nodes it never held."""

import argparse

import graphcondense

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--root", help="folder that has Cora; without it, scikit-learn's digits")
parser.add_argument("--epochs", type=int, default=5, help="matching networks")
parser.add_argument("--trainings", type=int, default=3, help="of each evaluated model")
args = parser.parse_args()

data = graphcondense.data.load("cora" if args.root else "digits", args.root)
condensed = {
    setting: graphcondense.condense(
        data,
        "gcond-x",
        nodes=70,
        setting=setting,
        epochs=args.epochs,
        progress=False,
    )
    for setting in ("transductive", "inductive")
}
report = graphcondense.evaluate.evaluate(
    condensed, data, models=["GCN", "SGC"], seeds=args.trainings, epochs=100, progress=False
)
print(report.table())
