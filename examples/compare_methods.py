"""Compare methods at one budget, with random nodes and the whole graph beside them."""

import argparse

import graphcondense

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--root", help="folder that has Cora; without it, scikit-learn's digits")
parser.add_argument("--nodes", type=int, default=70)
parser.add_argument("--seeds", type=int, default=3, help="of condensation, and of training")
parser.add_argument("--epochs", type=int, default=200, help="of the evaluator")
args = parser.parse_args()

METHODS = {
    "herding": {},
    "kcenter": {},
    "gcond-x": {"epochs": 5},
    "doscond-x": {"epochs": 100},
}

data = graphcondense.data.load("cora" if args.root else "digits", args.root)
condensed = {
    name: [
        graphcondense.condense(data, name, nodes=args.nodes, seed=seed, progress=False, **fields)
        for seed in range(args.seeds)
    ]
    for name, fields in METHODS.items()
}
report = graphcondense.evaluate.evaluate(
    condensed, data, models=("GCN", "SGC"), seeds=args.seeds, epochs=args.epochs, progress=False
)
print(report.table())
